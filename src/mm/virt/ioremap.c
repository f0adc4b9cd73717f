/* SPDX-License-Identifier: MIT */
#include "mm/virt/ioremap.h"

#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmap_area.h"

/* --- what may be mapped ------------------------------------------------------------------------ */

static bool tell(const struct vmap_request *request, enum vmalloc_misuse_kind kind,
		 phys_addr_t phys)
{
	struct vmalloc_misuse misuse = vmap_misuse_of(request, kind);

	misuse.phys = phys;
	vmap_tell(&misuse);
	return true;
}

/* What of [phys, end) the linear map shows: lowmem, no-map regions left out. */
static bool is_linear(const struct vmap_request *request, uint64_t phys, uint64_t end)
{
	uint64_t lowmem_end = PFN_PHYS(zones_lowmem_end_pfn());
	phys_addr_t start, stop;
	uint64_t i;

	for_each_mem_range(i, &start, &stop) {
		uint64_t first = max_u64(ALIGN_DOWN(start, PAGE_SIZE), phys);

		if (first < min_u64(min_u64(stop, end), lowmem_end))
			return tell(request, VMALLOC_LINEAR_RAM, (phys_addr_t)first);
	}
	return false;
}

static bool has_ram(uint64_t phys, uint64_t end)
{
	struct memblock_region *region;

	for_each_mem_region(region)
		if (region->base < end && (uint64_t)region->base + region->size > phys)
			return true;
	return false;
}

static bool is_refused(const struct vmap_request *request, uint64_t phys, uint64_t end)
{
	const struct vmap_frames frames = { .request = request, .phys = phys, .end = end };

	if (is_linear(request, phys, end))
		return true;
	/* What was ordinary memory until now, TLBs shall not remember, nor shall windows show it. */
	if (has_ram(phys, end)) {
		kmap_flush_unused();
		vm_unmap_aliases();
	}
	return vmap_frames_conflict(&frames);
}

/* --- ioremap ----------------------------------------------------------------------------------- */

/* Where the frames are aligned, the addresses are, too: large entries can map them. */
static enum area_alignment alignment_for(phys_addr_t phys, size_t bytes)
{
	if (IS_ALIGNED(phys, SECTION_SIZE) && bytes >= SECTION_SIZE)
		return AREA_1M;
	return IS_ALIGNED(phys, LARGE_PAGE_SIZE) && bytes >= LARGE_PAGE_SIZE ? AREA_64K : AREA_4K;
}

static struct vmap_area *map_frames(const struct vmap_request *request)
{
	struct vmap_area *area = vmap_area_take(request);

	if (area == NULL)
		return NULL;
	if (!vmap_area_map(area, vmap_area_address(area), request->phys, request->bytes,
			   RIGHTS_WRITE)) {
		vmap_area_drop(area);
		return NULL;
	}
	vmap_area_publish(area);
	return area;
}

static volatile void *remap(const char *call, phys_addr_t phys, size_t bytes,
			    enum memory_kind memory, uintptr_t caller)
{
	uint32_t offset = (uint32_t)phys & (PAGE_SIZE - 1);
	struct vmap_request request = {
		.call = call,
		.caller = caller,
		.bytes = bytes,
		.kind = VMAP_IOREMAP,
		.memory = memory,
		.phys = phys,
	};
	const struct vmap_area *area;

	if (vmap_in_interrupt(call, 0, caller))
		return NULL;
	if (bytes == 0 || (uint64_t)phys + bytes > SZ_4G) {
		tell(&request, VMALLOC_NOTHING, phys);
		return NULL;
	}
	request.phys = phys - offset;
	/* All 4 GiB are more than there are addresses for, but must not become 0. */
	request.bytes = (size_t)min_u64(ALIGN_UP((uint64_t)bytes + offset, PAGE_SIZE),
					ALIGN_DOWN(UINT32_MAX, PAGE_SIZE));
	request.alignment = alignment_for(request.phys, request.bytes);
	if (is_refused(&request, request.phys, (uint64_t)request.phys + request.bytes))
		return NULL;
	area = map_frames(&request);
	return area != NULL ? (volatile void *)(vmap_area_address(area) + offset) : NULL;
}

volatile void *ioremap(phys_addr_t phys, size_t bytes)
{
	return remap("ioremap", phys, bytes, MEMORY_DEVICE, (uintptr_t)__builtin_return_address(0));
}

volatile void *ioremap_wc(phys_addr_t phys, size_t bytes)
{
	return remap("ioremap_wc", phys, bytes, MEMORY_NONCACHED,
		     (uintptr_t)__builtin_return_address(0));
}

volatile void *ioremap_cache(phys_addr_t phys, size_t bytes)
{
	return remap("ioremap_cache", phys, bytes, MEMORY_NORMAL,
		     (uintptr_t)__builtin_return_address(0));
}

void iounmap(volatile const void *address)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	uintptr_t page = ALIGN_DOWN((uintptr_t)address, PAGE_SIZE);
	struct vmap_area *area;

	if (page == 0 || vmap_in_interrupt("iounmap", (uintptr_t)address, caller))
		return;
	area = vmap_area_claim(page, VMAP_IOREMAP, "iounmap", caller);
	if (area == NULL)
		return;
	vmap_area_unmap(area);
	vmap_area_release(area);
}
