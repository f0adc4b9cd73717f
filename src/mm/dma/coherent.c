/* SPDX-License-Identifier: MIT */
/*
 * Blocks of megabytes that no cache holds, and buffers in them.
 *
 * Who looks for room walks along the records without the lock, and takes it only to claim what was found:
 * so interrupts are masked for a few words, however many blocks there are. A record may change its block
 * meanwhile; the claim looks again.
 */
#include "mm/dma/coherent.h"

#include <errno.h>
#include <string.h>

#include "arch/linear.h"
#include "arch/mmu.h"
#include "kern/context.h"
#include "kern/spinlock.h"
#include "mm/dma/coherent_map.h"
#include "mm/dma/debug.h"
#include "mm/obj/slab.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"

#define CALLER         ((uintptr_t)__builtin_return_address(0))
#define MEGABYTE_ORDER 8U
#define TRIES_MOST     8U /* blocks that cannot change their kind, before it is given up */

struct block {
	struct block *next;
	char *base; /* NULL: the record has no block */
	/* Guarded by the lock, as base when written. */
	bool reserved; /* it has a block, or somebody is getting it one or giving it back */
	bool kept;
	bool by_range;       /* single pages, not a block of the page allocator */
	uint32_t pages;      /* COHERENT_PAGES; more: one buffer */
	uint32_t used_pages; /* of one buffer: all or none */
	struct coherent_map map;
};

struct request {
	struct dma_device *device;
	size_t bytes;
	uint32_t pages;
	unsigned int order;
	gfp_t gfp;
	uintptr_t caller;
	dma_addr_t bus; /* the answer's */
};

static struct spinlock lock;
static struct block *blocks;
static struct coherent_counts counts;
static uint32_t blocks_to_return; /* emptied by who could not give them back */

static uint64_t coherent_mask_of(const struct dma_device *device)
{
	return device->coherent_mask < DMA_BIT_MASK(32) ? device->coherent_mask : DMA_BIT_MASK(32);
}

/* --- refusing -------------------------------------------------------------------------------- */

static void *refuse(const struct request *request, enum dma_refusal_reason reason)
{
	const struct dma_refusal refusal = {
		.reason = reason,
		.device = request->device,
		.bytes = request->bytes,
		.mask = coherent_mask_of(request->device),
		.caller = request->caller,
	};

	__atomic_fetch_add(&counts.refused, 1, __ATOMIC_RELAXED);
	if ((request->gfp & __GFP_NOWARN) == 0)
		dma_refuse(&refusal);
	return NULL;
}

static bool may_wait(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0 && may_sleep();
}

/* --- pages within reach ---------------------------------------------------------------------- */

struct pages {
	struct page *first; /* NULL: none, and why */
	enum dma_refusal_reason why_not;
	bool by_range;
};

/* The flags of a request that the page allocator is to know of; it tells nobody of its refusal. */
static gfp_t flags_for(gfp_t gfp)
{
	if ((gfp & __GFP_DIRECT_RECLAIM) != 0)
		return GFP_KERNEL | __GFP_NOWARN;
	return (gfp & (__GFP_HIGH | __GFP_ATOMIC)) | GFP_NOWAIT | __GFP_NOWARN;
}

/* What is free in [phys, end), of which the device sees the first byte at `bus`. */
static void take_within(struct request *request, unsigned int order, uint64_t phys, uint64_t end,
			uint64_t bus, struct pages *taken)
{
	uint64_t count = 1ULL << order;
	uint64_t pfn = ALIGN_UP((phys + PAGE_SIZE - 1) >> PAGE_SHIFT, count);

	while (pfn + count <= end >> PAGE_SHIFT) {
		uint32_t busy_pfn = 0;
		int wrong = alloc_contig_range((uint32_t)pfn, (uint32_t)(pfn + count), &busy_pfn);

		if (wrong == 0) {
			taken->first = pfn_to_page((uint32_t)pfn);
			request->bus = (dma_addr_t)(bus + (PFN_PHYS(pfn) - phys));
			return;
		}
		taken->why_not = DMA_COHERENT_NO_BLOCK;
		pfn = wrong == -EBUSY ? ALIGN_UP((uint64_t)busy_pfn + 1, count) : pfn + count;
	}
}

/* No zone is reached whole: what is free in the parts of lowmem that are, window by window. */
static struct pages take_range(struct request *request, unsigned int order)
{
	const struct dma_device *device = request->device;
	struct pages taken = { .why_not = DMA_COHERENT_UNREACHED, .by_range = true };

	for (uint32_t i = 0; i < max_u64(device->window_count, 1) && taken.first == NULL; i++) {
		uint64_t phys = memblock_start_of_DRAM(), end = PFN_PHYS(zones_lowmem_end_pfn());
		uint64_t bus;

		if (dma_window_part(device, i, coherent_mask_of(device), &phys, &end, &bus))
			take_within(request, order, phys, end, bus, &taken);
	}
	return taken;
}

static struct pages take_pages(struct request *request, unsigned int order)
{
	int zone = dma_zone_for(request->device, coherent_mask_of(request->device));
	struct pages taken = { .why_not = DMA_COHERENT_NO_BLOCK };
	uint64_t bus = 0;

	if (zone < 0)
		return take_range(request, order);
	taken.first = alloc_pages(flags_for(request->gfp) | ((gfp_t)zone & __GFP_DMA), order);
	/* Two windows may show a zone in pieces that do not join. */
	if (taken.first != NULL &&
	    !dma_reaches(request->device, page_to_phys(taken.first), (uint64_t)PAGE_SIZE << order,
			 coherent_mask_of(request->device), &bus)) {
		__free_pages(taken.first, order);
		taken.first = NULL;
		taken.why_not = DMA_COHERENT_UNREACHED;
	}
	request->bus = (dma_addr_t)bus;
	return taken;
}

static void give_pages(struct page *first, unsigned int order, bool by_range)
{
	if (by_range)
		free_contig_range(page_to_pfn(first), 1U << order);
	else
		__free_pages(first, order);
}

/* --- whose a buffer is ------------------------------------------------------------------------ */

/*
 * The struct page of a buffer's first page says whose it is, where that sees it and how many pages it has;
 * link is the owner's while a page is allocated. No link of a list looks like a tag: those are multiples
 * of 16.
 */
#define BUFFER_TAG 0xc0e5b00dU

static uint32_t tag_of(const struct dma_device *device)
{
	return (uint32_t)(uintptr_t)device ^ BUFFER_TAG;
}

/* Both in one word: where a window is not aligned to pages, all bits of `bus` count. */
static uint32_t place_of(dma_addr_t bus, uint32_t pages)
{
	return bus ^ pages * 2654435761U;
}

static void tag_buffer(void *address, const struct dma_device *device, dma_addr_t bus,
		       uint32_t pages)
{
	struct page *first = virt_to_page(address);

	first->link[0] = place_of(bus, pages);
	__atomic_store_n(&first->link[1], tag_of(device), __ATOMIC_RELEASE);
}

/* False: there is no such buffer of this device. Of two who give one back, one gets true. */
static bool take_tag(void *address, const struct dma_device *device, dma_addr_t bus, uint32_t pages)
{
	struct page *first = virt_to_page(address);
	uint32_t tag = tag_of(device);

	return first->link[0] == place_of(bus, pages) &&
	       __atomic_compare_exchange_n(&first->link[1], &tag, 0, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* --- records --------------------------------------------------------------------------------- */

static struct block *first_block(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_ACQUIRE);
}

static struct block *next_block(const struct block *block)
{
	return __atomic_load_n(&block->next, __ATOMIC_ACQUIRE);
}

static struct block *reserve_old(void)
{
	uint32_t irq = spin_lock_irqsave(&lock);
	struct block *block = blocks;

	while (block != NULL && block->reserved)
		block = block->next;
	if (block != NULL)
		block->reserved = true;
	spin_unlock_irqrestore(&lock, irq);
	return block;
}

/* A record without a block, the caller's until it has one or is let go. NULL: no memory. */
static struct block *reserve(void)
{
	struct block *block = reserve_old(), **place = &blocks;
	uint32_t irq;

	if (block != NULL)
		return block;
	block = kzalloc(sizeof(*block), GFP_KERNEL | __GFP_NOWARN);
	if (block == NULL)
		return NULL;
	block->reserved = true;
	irq = spin_lock_irqsave(&lock);
	while (*place != NULL)
		place = &(*place)->next;
	__atomic_store_n(place, block, __ATOMIC_RELEASE);
	spin_unlock_irqrestore(&lock, irq);
	return block;
}

static void let_go(struct block *block)
{
	uint32_t irq = spin_lock_irqsave(&lock);

	block->reserved = false;
	spin_unlock_irqrestore(&lock, irq);
}

/* --- megabytes come and go ------------------------------------------------------------------- */

/* All megabytes or none. Nobody uses them. */
static bool set_kind(char *base, uint32_t pages, enum memory_kind kind)
{
	enum memory_kind before = kind == MEMORY_NORMAL ? MEMORY_NONCACHED : MEMORY_NORMAL;
	size_t bytes = (size_t)pages * PAGE_SIZE, done = 0;

	while (done < bytes && mmu_section_kind((uintptr_t)base + done, kind))
		done += SECTION_SIZE;
	if (done == bytes)
		return true;
	while (done != 0) {
		done -= SECTION_SIZE;
		mmu_section_kind((uintptr_t)base + done, before);
	}
	return false;
}

/* The record gets its block; the first pages of it are a buffer already, if any. */
static void publish(struct block *block, char *base, unsigned int order, uint32_t buffer_pages)
{
	uint32_t irq = spin_lock_irqsave(&lock);

	block->map = (struct coherent_map){ 0 };
	block->pages = 1U << order;
	block->used_pages = block->pages == COHERENT_PAGES ? buffer_pages : block->pages;
	if (block->pages == COHERENT_PAGES && buffer_pages != 0)
		coherent_map_claim(&block->map, 0, buffer_pages);
	__atomic_store_n(&block->base, base, __ATOMIC_RELEASE);
	counts.grown++;
	spin_unlock_irqrestore(&lock, irq);
}

/*
 * A block for the record. What has small pages in it, as around the image or where somebody has changed
 * rights, cannot change its kind: it is put aside until there is one that can.
 */
static char *make_block(struct block *block, struct request *request, unsigned int order,
			enum dma_refusal_reason *why_not)
{
	struct pages tried[TRIES_MOST];
	uint32_t aside = 0;
	char *base = NULL;

	*why_not = DMA_COHERENT_NO_BLOCK;
	while (base == NULL && aside < TRIES_MOST) {
		tried[aside] = take_pages(request, order);
		if (tried[aside].first == NULL)
			break;
		base = page_address(tried[aside].first);
		if (!set_kind(base, 1U << order, MEMORY_NONCACHED)) {
			base = NULL;
			aside++;
		}
	}
	if (base != NULL) {
		block->by_range = tried[aside].by_range;
		publish(block, base, order, request->pages);
	} else if (aside == 0) {
		*why_not = tried[0].why_not;
	}
	while (aside-- != 0)
		give_pages(tried[aside].first, order, tried[aside].by_range);
	return base;
}

/* A block for this request, which has its first pages; or to keep, without a buffer. */
static char *grow(struct request *request, bool kept, enum dma_refusal_reason *why_not)
{
	unsigned int order = request->order > MEGABYTE_ORDER ? request->order : MEGABYTE_ORDER;
	struct block *block = reserve();
	char *base;

	*why_not = DMA_COHERENT_NO_BLOCK;
	if (block == NULL)
		return NULL;
	block->kept = kept;
	base = make_block(block, request, order, why_not);
	if (base == NULL)
		let_go(block);
	return base;
}

/* Take an empty block out of its record; NULL: it is none, or it stays. */
static char *detach(struct block *block)
{
	uint32_t irq = spin_lock_irqsave(&lock);
	char *base = block->kept || block->used_pages != 0 ? NULL : block->base;

	if (base != NULL)
		block->base = NULL;
	spin_unlock_irqrestore(&lock, irq);
	return base;
}

/* What somebody has protected meanwhile is no section any more: it stays, for the next buffers. */
static void return_block(struct block *block)
{
	char *base = detach(block);
	unsigned int order;

	if (base == NULL)
		return;
	if (!set_kind(base, block->pages, MEMORY_NORMAL)) {
		__atomic_store_n(&block->base, base, __ATOMIC_RELEASE);
		return;
	}
	order = get_order((size_t)block->pages * PAGE_SIZE);
	give_pages(virt_to_page(base), order, block->by_range);
	__atomic_fetch_add(&counts.returned, 1, __ATOMIC_RELAXED);
	let_go(block);
}

void coherent_trim(void)
{
	__atomic_store_n(&blocks_to_return, 0, __ATOMIC_RELAXED);
	for (struct block *block = first_block(); block != NULL; block = next_block(block))
		return_block(block);
}

/* --- buffers in them ------------------------------------------------------------------------- */

static bool claim(struct block *block, const char *base, uint32_t page, uint32_t pages)
{
	uint32_t irq = spin_lock_irqsave(&lock);
	bool claimed = block->base == base && block->pages == COHERENT_PAGES &&
		       coherent_map_claim(&block->map, page, pages);

	if (claimed)
		block->used_pages += pages;
	spin_unlock_irqrestore(&lock, irq);
	return claimed;
}

/* Who loses the place to another looks again. */
static char *take_from(struct block *block, struct request *request)
{
	for (;;) {
		char *base = __atomic_load_n(&block->base, __ATOMIC_ACQUIRE);
		uint64_t bus;
		uint32_t page;

		if (base == NULL || block->pages != COHERENT_PAGES ||
		    request->pages > COHERENT_PAGES - block->used_pages)
			return NULL;
		page = coherent_map_find(&block->map, request->order);
		if (page == COHERENT_PAGES ||
		    !dma_reaches(request->device, virt_to_phys(base), SECTION_SIZE,
				 coherent_mask_of(request->device), &bus))
			return NULL;
		if (claim(block, base, page, request->pages)) {
			request->bus = (dma_addr_t)(bus + page * PAGE_SIZE);
			return base + (size_t)page * PAGE_SIZE;
		}
	}
}

static char *take_buffer(struct request *request)
{
	char *buffer = NULL;

	if (request->order > MEGABYTE_ORDER)
		return NULL;
	for (struct block *block = first_block(); block != NULL && buffer == NULL;
	     block = next_block(block))
		buffer = take_from(block, request);
	return buffer;
}

/* Ordinary memory: single pages, of which those beyond the request's go back. */
static char *take_ordinary(struct request *request, enum dma_refusal_reason *why_not)
{
	struct pages taken = take_pages(request, request->order);
	uint32_t pages = 1U << request->order;

	*why_not = taken.why_not;
	if (taken.first == NULL)
		return NULL;
	if (!taken.by_range)
		split_page(taken.first, request->order);
	if (pages > request->pages)
		free_contig_range(page_to_pfn(taken.first) + request->pages,
				  pages - request->pages);
	return page_address(taken.first);
}

static char *take(struct request *request, enum dma_refusal_reason *why_not)
{
	char *buffer;

	if (request->device->coherent)
		return take_ordinary(request, why_not);
	buffer = take_buffer(request);
	if (buffer != NULL)
		return buffer;
	*why_not = DMA_COHERENT_ATOMIC;
	return may_wait(request->gfp) ? grow(request, false, why_not) : NULL;
}

static uint32_t pages_for(size_t bytes)
{
	return (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

void *dma_alloc_coherent(struct dma_device *device, size_t bytes, dma_addr_t *bus, gfp_t gfp)
{
	struct request request = { .device = device, .bytes = bytes, .gfp = gfp, .caller = CALLER };
	enum dma_refusal_reason why_not;
	char *buffer;

	if (bytes == 0 || bytes > COHERENT_BYTES_MOST)
		return refuse(&request, DMA_COHERENT_SIZE);
	request.pages = pages_for(bytes);
	request.order = get_order(bytes);
	buffer = take(&request, &why_not);
	if (buffer == NULL)
		return refuse(&request, why_not);
	memset(buffer, 0, (size_t)request.pages * PAGE_SIZE);
	tag_buffer(buffer, device, request.bus, request.pages);
	*bus = request.bus;
	__atomic_fetch_add(&device->live_coherent, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&counts.taken, 1, __ATOMIC_RELAXED);
	return buffer;
}

/* --- back ------------------------------------------------------------------------------------ */

static struct block *block_of(const char *address)
{
	struct block *block = first_block();

	for (; block != NULL; block = next_block(block)) {
		const char *base = __atomic_load_n(&block->base, __ATOMIC_ACQUIRE);

		if (base != NULL &&
		    (uintptr_t)address - (uintptr_t)base < (uintptr_t)block->pages * PAGE_SIZE)
			break;
	}
	return block;
}

/* False: there is no such buffer in the block. */
static bool release(struct block *block, const char *address, uint32_t pages, bool *emptied)
{
	uint32_t irq = spin_lock_irqsave(&lock);
	uint32_t page = (uint32_t)(address - block->base) / PAGE_SIZE;
	bool released;

	if (block->pages == COHERENT_PAGES) {
		released = coherent_map_release(&block->map, page, pages);
	} else {
		released = page == 0 && block->used_pages != 0;
		pages = block->pages;
	}
	if (released)
		block->used_pages -= pages;
	*emptied = released && block->used_pages == 0 && !block->kept;
	spin_unlock_irqrestore(&lock, irq);
	return released;
}

static void tell_unknown(const struct dma_device *device, size_t bytes, const void *address,
			 dma_addr_t bus, uintptr_t caller)
{
	const struct dma_mapping call = {
		.device = device,
		.phys = (uintptr_t)address,
		.bus = bus,
		.bytes = bytes,
		.direction = DMA_BIDIRECTIONAL,
		.caller = caller,
	};

	dma_tell(DMA_FREE_UNKNOWN, &call, NULL);
}

static bool is_linear_page(const void *address)
{
	phys_addr_t phys = virt_to_phys(address);

	return IS_ALIGNED((uintptr_t)address, PAGE_SIZE) && zones_is_lowmem(PFN_DOWN(phys));
}

static bool give(struct dma_device *device, size_t bytes, void *address, dma_addr_t bus)
{
	struct block *block;
	bool emptied;

	if (!is_linear_page(address) || bytes > COHERENT_BYTES_MOST ||
	    !take_tag(address, device, bus, pages_for(bytes)))
		return false;
	block = block_of(address);
	if (block == NULL) {
		free_contig_range(page_to_pfn(virt_to_page(address)), pages_for(bytes));
		return true;
	}
	if (!release(block, address, pages_for(bytes), &emptied))
		return false;
	if (emptied)
		__atomic_fetch_add(&blocks_to_return, 1, __ATOMIC_RELAXED);
	return true;
}

void dma_free_coherent(struct dma_device *device, size_t bytes, void *address, dma_addr_t bus)
{
	if (address == NULL)
		return;
	if (!give(device, bytes, address, bus)) {
		tell_unknown(device, bytes, address, bus, CALLER);
		return;
	}
	__atomic_fetch_sub(&device->live_coherent, 1, __ATOMIC_RELAXED);
	if (blocks_to_return != 0 && may_sleep())
		coherent_trim();
}

/* --- at boot --------------------------------------------------------------------------------- */

/* For a device without a tree that reaches up to this bus address. */
static bool start_one(uint64_t mask)
{
	struct dma_device device;
	struct request request = { .device = &device, .gfp = GFP_KERNEL };
	enum dma_refusal_reason why_not;

	dma_device_init(&device, "coherent_pool");
	device.coherent_mask = mask;
	return grow(&request, true, &why_not) != NULL;
}

/* In the lowest zone, which every device reaches that reaches any; else in any lowmem. */
uint32_t coherent_start(uint32_t megabytes)
{
	const struct zone *lowest = &zones[ZONE_DMA];
	uint64_t mask = PFN_PHYS((uint64_t)lowest->span.start_pfn + lowest->span.spanned_pages) - 1;
	uint32_t made = 0;

	while (made < megabytes && ((lowest->span.present_pages != 0 && start_one(mask)) ||
				    start_one(DMA_BIT_MASK(32))))
		made++;
	return made;
}

/* --- for people ------------------------------------------------------------------------------ */

bool coherent_snapshot(uint32_t *number, struct coherent_snapshot *snapshot)
{
	uint32_t at = 0;

	for (struct block *block = first_block(); block != NULL; block = next_block(block), at++) {
		char *base = __atomic_load_n(&block->base, __ATOMIC_ACQUIRE);

		if (at < *number || base == NULL)
			continue;
		*snapshot = (struct coherent_snapshot){
			.base = base,
			.phys = virt_to_phys(base),
			.pages = block->pages,
			.used_pages = block->used_pages,
			.kept = block->kept,
		};
		*number = at + 1;
		return true;
	}
	return false;
}

void coherent_counts(struct coherent_counts *copy)
{
	*copy = counts;
}

static const char *check_block(const struct block *block)
{
	uint32_t used = 0;
	struct mapping mapping;

	for (uint32_t word = 0; word < COHERENT_WORDS; word++)
		used += (uint32_t)__builtin_popcount(block->map.used[word]);
	if (block->pages == COHERENT_PAGES && used != block->used_pages)
		return "a coherent megabyte's count of used pages is not the number of its bits";
	for (uint32_t page = 0; page < block->pages; page += COHERENT_PAGES)
		if (!mmu_query((uintptr_t)block->base + page * PAGE_SIZE, &mapping) ||
		    mapping.kind != MEMORY_NONCACHED)
			return "a coherent megabyte is cached";
	return NULL;
}

const char *coherent_check(void)
{
	const char *broken = NULL;

	for (struct block *block = first_block(); block != NULL && broken == NULL;
	     block = next_block(block))
		broken = block->base != NULL ? check_block(block) : NULL;
	return broken;
}
