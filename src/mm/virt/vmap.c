/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "lib/bits.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/kmap.h"
#include "mm/virt/set_memory.h"
#include "mm/virt/vmalloc.h"
#include "mm/virt/vmap_area.h"

/* --- what may be shown ------------------------------------------------------------------------- */

static bool is_ram(uint32_t pfn)
{
	const struct page *head = page_block_head(pfn);

	return head != NULL && page_type(head) != PAGE_HOLE;
}

static bool is_page(const struct page *page)
{
	uintptr_t offset = (uintptr_t)page - VMEMMAP_BASE;

	return offset < sizeof(struct page) << (32 - PAGE_SHIFT) &&
	       offset % sizeof(struct page) == 0 && is_ram(page_to_pfn(page));
}

/* False: one of them is no page; told. */
static bool are_pages(const struct vmap_request *request, struct page *const *pages,
		      unsigned int count)
{
	struct vmalloc_misuse misuse = vmap_misuse_of(request, VMALLOC_NO_PAGE);

	for (unsigned int i = 0; i < count; i++) {
		if (is_page(pages[i]))
			continue;
		misuse.address = (uintptr_t)pages[i];
		vmap_tell(&misuse);
		return false;
	}
	return true;
}

/* Lowmem has its kind from the linear map. */
static bool linear_map_disagrees(const struct vmap_request *request, const struct page *page)
{
	uintptr_t linear = (uintptr_t)page_address(page);
	struct mapping mapping;
	struct vmalloc_misuse misuse;

	if (linear == 0 || !mmu_query(linear, &mapping) || mapping.kind == request->memory)
		return false;
	misuse = vmap_misuse_of(request, VMALLOC_CONFLICT);
	misuse.phys = page_to_phys(page);
	misuse.other_start = linear;
	misuse.other_bytes = PAGE_SIZE;
	misuse.other_kind = VMAP_LINEAR_MAP;
	misuse.other_memory = mapping.kind;
	vmap_tell(&misuse);
	return true;
}

static bool has_conflict(const struct vmap_request *request, struct page **pages,
			 unsigned int count)
{
	struct vmap_frames frames = {
		.request = request, .phys = UINT64_MAX, .pages = pages, .count = count
	};

	for (unsigned int i = 0; i < count; i++) {
		uint64_t phys = page_to_phys(pages[i]);

		if (linear_map_disagrees(request, pages[i]))
			return true;
		frames.phys = min_u64(frames.phys, phys);
		frames.end = max_u64(frames.end, phys + PAGE_SIZE);
	}
	/* What was mapped otherwise until now, TLBs shall not remember, nor shall windows show it. */
	if (request->memory != MEMORY_NORMAL) {
		kmap_flush_unused();
		vm_unmap_aliases();
	}
	return vmap_frames_conflict(&frames);
}

/* --- vmap -------------------------------------------------------------------------------------- */

/* How many of them are frames in a row. */
static unsigned int run_length(struct page *const *pages, unsigned int count)
{
	unsigned int length = 1;

	while (length < count && pages[length] == pages[0] + length)
		length++;
	return length;
}

static bool map_pages(struct vmap_area *area, struct page *const *pages, unsigned int count,
		      enum memory_rights rights)
{
	uintptr_t virt = vmap_area_address(area);

	while (count > 0) {
		unsigned int length = run_length(pages, count);
		size_t bytes = (size_t)length * PAGE_SIZE;

		if (!vmap_area_map(area, virt, page_to_phys(pages[0]), bytes, rights))
			return false;
		virt += bytes;
		pages += length;
		count -= length;
	}
	return true;
}

static bool is_refused(const struct vmap_request *request, struct page **pages, unsigned int count)
{
	struct vmalloc_misuse misuse;

	if (vmap_in_interrupt(request->call, 0, request->caller))
		return true;
	if (count == 0 || count > UINT32_MAX >> PAGE_SHIFT) {
		misuse = vmap_misuse_of(request, count == 0 ? VMALLOC_NOTHING : VMALLOC_TOO_LARGE);
		vmap_tell(&misuse);
		return true;
	}
	return !are_pages(request, pages, count) || has_conflict(request, pages, count);
}

/* By way of set_memory_x, which looks who may write and synchronises. False: told. */
static bool make_executable(const struct vmap_request *request, const struct vmap_area *area)
{
	struct vmalloc_misuse misuse = vmap_misuse_of(request, VMALLOC_WRITTEN);
	int wrong = set_memory_x(vmap_area_address(area), (uint32_t)(area->bytes >> PAGE_SHIFT));

	if (wrong == -EPERM)
		vmap_tell(&misuse);
	return wrong == 0;
}

void *vmap(struct page **pages, unsigned int count, enum memory_kind kind,
	   enum memory_rights rights)
{
	const struct vmap_request request = {
		.call = "vmap",
		.caller = (uintptr_t)__builtin_return_address(0),
		.bytes = (size_t)count * PAGE_SIZE,
		.kind = VMAP_VMAP,
		.memory = kind,
	};
	struct vmap_area *area;

	if (is_refused(&request, pages, count))
		return NULL;
	area = vmap_area_take(&request);
	if (area == NULL)
		return NULL;
	if (!map_pages(area, pages, count, rights == RIGHTS_EXECUTE ? RIGHTS_READ : rights) ||
	    (rights == RIGHTS_EXECUTE && !make_executable(&request, area))) {
		vmap_area_drop(area);
		return NULL;
	}
	vmap_area_publish(area);
	return (void *)vmap_area_address(area);
}

void vunmap(const void *address)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	struct vmap_area *area;

	if (address == NULL || vmap_in_interrupt("vunmap", (uintptr_t)address, caller))
		return;
	area = vmap_area_claim((uintptr_t)address, VMAP_VMAP, "vunmap", caller);
	if (area == NULL)
		return;
	vmap_area_unmap(area);
	vmap_area_release(area);
}
