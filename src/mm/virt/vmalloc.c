/* SPDX-License-Identifier: MIT */
/*
 * Pages come in blocks of what page tables map by one entry, or by sixteen alike: 1 MiB, 64 KiB, 4 KiB,
 * as large as the address, the rest of the request and the free lists allow. Who lacks a large one
 * goes on with smaller ones. An area's blocks are linked through their struct pages, so there is no
 * list to be allocated.
 */
#include "mm/virt/vmalloc.h"

#include <string.h>

#include "lib/bits.h"
#include "mm/obj/slab.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_list.h"
#include "mm/phys/zone.h"
#include "mm/virt/vmap_area.h"

#define SECTION_ORDER    (SECTION_SHIFT - PAGE_SHIFT)
#define LARGE_PAGE_ORDER (LARGE_PAGE_SHIFT - PAGE_SHIFT)

/* --- an area's blocks -------------------------------------------------------------------------- */

/* The largest block that may be mapped at an address by one entry, of order `most` or less. */
static inline unsigned int order_at(uintptr_t virt, uint32_t left_pages, unsigned int most)
{
	if (most >= SECTION_ORDER && IS_ALIGNED(virt, SECTION_SIZE) &&
	    left_pages >= 1U << SECTION_ORDER)
		return SECTION_ORDER;
	if (most >= LARGE_PAGE_ORDER && IS_ALIGNED(virt, LARGE_PAGE_SIZE) &&
	    left_pages >= 1U << LARGE_PAGE_ORDER)
		return LARGE_PAGE_ORDER;
	return 0;
}

/* Large blocks only if they are to be had without effort, and compound: a tail may be held, too. */
static inline struct page *take_block(gfp_t gfp, unsigned int order)
{
	if (order > 0)
		gfp |= __GFP_NORETRY | __GFP_NOWARN | __GFP_COMP;
	return alloc_pages(gfp, order);
}

static void link_block(struct vmap_area *area, struct page *last, struct page *page)
{
	if (last == NULL)
		area->blocks = page;
	else
		last->link[LINK_NEXT] = page_link(page);
	page->link[LINK_NEXT] = page_link(page); /* the last one, so far */
}

/* All that the area needs. False: memory is out; what was taken is linked. */
static bool take_blocks(struct vmap_area *area, gfp_t gfp)
{
	uintptr_t virt = vmap_area_address(area), end = virt + area->bytes;
	unsigned int most = PAGE_ORDER_MAX;
	struct page *last = NULL;

	while (virt < end) {
		unsigned int order = order_at(virt, (uint32_t)(end - virt) >> PAGE_SHIFT, most);
		struct page *page = take_block(gfp, order);

		if (page != NULL) {
			link_block(area, last, page);
			last = page;
			virt += (uintptr_t)PAGE_SIZE << order;
		} else if (order > 0) {
			most = order - 1; /* nor will there be one the next time */
		} else {
			return false;
		}
	}
	area->pages = (uint32_t)(area->bytes >> PAGE_SHIFT);
	return true;
}

/* NULL behind the last one. */
static struct page *next_block(const struct page *page)
{
	struct page *next = page_list_next(page);

	return next != page ? next : NULL;
}

static bool map_blocks(struct vmap_area *area)
{
	uintptr_t virt = vmap_area_address(area);

	for (const struct page *page = area->blocks; page != NULL; page = next_block(page)) {
		size_t bytes = (size_t)PAGE_SIZE << page_order(page);

		if (!vmap_area_map(area, virt, page_to_phys(page), bytes, RIGHTS_WRITE))
			return false;
		virt += bytes;
	}
	return true;
}

/* A block that nobody else holds has no tails to stand for any more, and is freed as any other. */
static void free_blocks(struct page *page)
{
	while (page != NULL) {
		struct page *next = next_block(page);

		if (likely(page->count == 1))
			page->flags &= ~PAGE_COMPOUND;
		__free_pages(page, page_order(page));
		page = next;
	}
}

/* --- vmalloc ----------------------------------------------------------------------------------- */

static uint32_t total_pages(void)
{
	uint32_t pages = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += zones[zone].managed_pages;
	return pages;
}

static enum area_alignment alignment_for(size_t bytes)
{
	if (bytes >= SECTION_SIZE)
		return AREA_1M;
	return bytes >= LARGE_PAGE_SIZE ? AREA_64K : AREA_4K;
}

/* Whatever zones the flags name: vmalloc's pages are for the kernel, in highmem if it may be. */
static gfp_t page_flags_of(gfp_t gfp, bool lowmem)
{
	gfp_t class = (gfp & __GFP_DMA) != 0 ? __GFP_DMA : lowmem ? 0 : __GFP_HIGHMEM;

	return (gfp & ~(GFP_CLASS_MASK | __GFP_ZERO | __GFP_COMP)) | class;
}

static bool tell_refusal(const struct vmap_request *request, enum vmalloc_misuse_kind kind)
{
	const struct vmalloc_misuse misuse = vmap_misuse_of(request, kind);

	if (!request->quiet)
		vmap_tell(&misuse);
	return true;
}

static bool is_refused(const struct vmap_request *request)
{
	if (vmap_in_interrupt(request->call, 0, request->caller))
		return true;
	if (request->bytes == 0)
		return tell_refusal(request, VMALLOC_NOTHING);
	/* No machine has less than a megabyte. */
	if (request->bytes > SECTION_SIZE && request->bytes >> PAGE_SHIFT > total_pages())
		return tell_refusal(request, VMALLOC_TOO_LARGE);
	return false;
}

static void *vmalloc_request(struct vmap_request *request, gfp_t gfp)
{
	struct vmap_area *area;
	struct page *blocks;

	if (unlikely(is_refused(request)))
		return NULL;
	request->bytes = ALIGN_UP(request->bytes, PAGE_SIZE);
	request->alignment = request->guard_before ? AREA_4K : alignment_for(request->bytes);
	area = vmap_area_take(request);
	if (unlikely(area == NULL))
		return NULL;
	if (unlikely(!take_blocks(area, page_flags_of(gfp, request->lowmem)) ||
		     !map_blocks(area))) {
		blocks = area->blocks;
		vmap_area_drop(area);
		free_blocks(blocks);
		return NULL;
	}
	if ((gfp & __GFP_ZERO) != 0)
		memset((void *)vmap_area_address(area), 0, area->bytes);
	vmap_area_publish(area);
	return (void *)vmap_area_address(area);
}

static void *vmalloc_named(const char *call, size_t bytes, gfp_t gfp, uint32_t flags,
			   uintptr_t caller)
{
	struct vmap_request request = {
		.call = call,
		.caller = caller,
		.bytes = bytes,
		.kind = VMAP_VMALLOC,
		.memory = MEMORY_NORMAL,
		.guard_before = (flags & VM_GUARD_BEFORE) != 0,
		.lowmem = (flags & VM_LOWMEM) != 0,
		.quiet = (gfp & __GFP_NOWARN) != 0,
	};

	return vmalloc_request(&request, gfp);
}

void *__vmalloc_area(size_t bytes, gfp_t gfp, uint32_t flags, uintptr_t caller)
{
	return vmalloc_named("vmalloc", bytes, gfp, flags, caller);
}

void *vmalloc(size_t bytes)
{
	return vmalloc_named("vmalloc", bytes, GFP_KERNEL, 0,
			     (uintptr_t)__builtin_return_address(0));
}

void *vzalloc(size_t bytes)
{
	return vmalloc_named("vzalloc", bytes, GFP_KERNEL | __GFP_ZERO, 0,
			     (uintptr_t)__builtin_return_address(0));
}

static void free_area(const void *address, const char *call, uintptr_t caller)
{
	struct vmap_area *area;

	/* A handler's is made good later on, so it may; who masks interrupts may not. */
	if (!in_interrupt())
		might_sleep_from(call, caller);
	area = vmap_area_claim((uintptr_t)address, VMAP_VMALLOC, call, caller);
	if (area == NULL)
		return;
	vmap_area_unmap(area);
	free_blocks(area->blocks);
	vmap_area_release(area);
}

void vfree(const void *address)
{
	if (address != NULL)
		free_area(address, "vfree", (uintptr_t)__builtin_return_address(0));
}

struct page *vmalloc_to_page(const void *address)
{
	struct mapping mapping;

	if (!is_vmalloc_addr(address) || !mmu_query((uintptr_t)address, &mapping))
		return NULL;
	return phys_to_page(mapping.phys + (phys_addr_t)((uintptr_t)address - mapping.virt));
}

/* --- kvmalloc ---------------------------------------------------------------------------------- */

static void *kvmalloc_by(size_t bytes, gfp_t gfp, uintptr_t caller)
{
	gfp_t object_gfp = gfp & ~SLAB_GFP_WRONG;
	void *memory;

	/* No effort for what vmalloc has without any. */
	if (bytes > PAGE_SIZE)
		object_gfp |= __GFP_NOWARN | __GFP_NORETRY;
	memory = __kmalloc(bytes, object_gfp);
	if (memory != NULL || bytes <= PAGE_SIZE || (gfp & __GFP_DIRECT_RECLAIM) == 0)
		return memory;
	return vmalloc_named("kvmalloc", bytes, gfp, 0, caller);
}

void *kvmalloc(size_t bytes, gfp_t gfp)
{
	return kvmalloc_by(bytes, gfp, (uintptr_t)__builtin_return_address(0));
}

void *kvzalloc(size_t bytes, gfp_t gfp)
{
	return kvmalloc_by(bytes, gfp | __GFP_ZERO, (uintptr_t)__builtin_return_address(0));
}

void kvfree(const void *address)
{
	if (is_vmalloc_addr(address))
		free_area(address, "kvfree", (uintptr_t)__builtin_return_address(0));
	else
		kfree(address);
}

void vmalloc_init(uintptr_t start, uintptr_t end)
{
	vmap_areas_init(start, end);
}
