/* SPDX-License-Identifier: MIT */
/*
 * dma_debug=1: an entry for each mapping, in an array that is searched from its start.
 *
 * No lock: an entry is claimed, filled and released by one word of its own, so that a search goes on
 * with interrupts as they are, however many entries there are. Two calls about the same mapping at the
 * same time are themselves a mistake of the driver.
 */
#include "mm/dma/debug.h"

#include <string.h>

#include "arch/cache.h"
#include "arch/unwind.h"
#include "lib/bits.h"
#include "mm/dma/touch.h"
#include "mm/obj/object.h"
#include "mm/phys/zone.h"

void (*dma_misuse_hook)(const struct dma_misuse *misuse);
bool dma_debug;

enum entry_state { ENTRY_FREE, ENTRY_CLAIMED, ENTRY_LIVE };

struct entry {
	uint32_t state;
	struct dma_mapping mapping;
	uint64_t target;
	uint32_t sum;    /* of the memory, of DMA_TO_DEVICE, since it became the device's */
	bool cpu_has_it; /* after a sync of all of it */
	bool in_parts;   /* parts of it were synced: whose it is, is not known any more */
};

static struct entry *entries;
static uint32_t entries_end; /* behind the last one that was ever used */
/* Mappings that found no entry: while there are any, a call about none that is known may be about them. */
static uint32_t unwatched;

size_t dma_debug_record_bytes(void)
{
	return DMA_DEBUG_ENTRIES * sizeof(struct entry);
}

void dma_debug_start(void *records)
{
	entries = records;
	entries_end = unwatched = 0;
	dma_debug = records != NULL;
}

void dma_tell(enum dma_misuse_kind kind, const struct dma_mapping *call,
	      const struct dma_mapping *mapping)
{
	struct dma_misuse misuse = { .kind = kind, .call = *call };

	if (mapping != NULL)
		misuse.mapping = *mapping;
	if (dma_misuse_hook != NULL)
		dma_misuse_hook(&misuse);
}

/* --- entries --------------------------------------------------------------------------------- */

static bool move(struct entry *entry, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&entry->state, &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static bool is_live(const struct entry *entry)
{
	return __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE) == ENTRY_LIVE;
}

static void reach_end(uint32_t end)
{
	uint32_t known = __atomic_load_n(&entries_end, __ATOMIC_RELAXED);

	while (known < end && !__atomic_compare_exchange_n(&entries_end, &known, end, false,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static struct entry *claim_entry(void)
{
	for (uint32_t i = 0; i < DMA_DEBUG_ENTRIES; i++)
		if (move(&entries[i], ENTRY_FREE, ENTRY_CLAIMED)) {
			reach_end(i + 1);
			return &entries[i];
		}
	return NULL;
}

/* The first live one from number on; NULL: there is none. */
static struct entry *live_from(uint32_t number)
{
	uint32_t end = __atomic_load_n(&entries_end, __ATOMIC_ACQUIRE);

	for (; number < end; number++)
		if (is_live(&entries[number]))
			return &entries[number];
	return NULL;
}

static uint32_t number_of(const struct entry *entry)
{
	return (uint32_t)(entry - entries);
}

#define for_each_live(entry) \
	for (entry = live_from(0); entry != NULL; entry = live_from(number_of(entry) + 1))

bool dma_debug_snapshot(uint32_t *number, struct dma_mapping *mapping)
{
	const struct entry *entry = dma_debug ? live_from(*number) : NULL;

	if (entry == NULL)
		return false;
	*mapping = entry->mapping;
	*number = number_of(entry) + 1;
	return true;
}

static bool is_exact(const struct dma_mapping *mapping, const struct dma_mapping *call)
{
	return mapping->bytes == call->bytes && mapping->direction == call->direction &&
	       mapping->kind == call->kind;
}

/* The mapping that begins at the call's address: of several the one that fits it best. */
static struct entry *find_start(const struct dma_mapping *call)
{
	struct entry *entry, *found = NULL;

	for_each_live(entry)
	{
		if (entry->mapping.device != call->device || entry->mapping.bus != call->bus)
			continue;
		if (is_exact(&entry->mapping, call))
			return entry;
		if (found == NULL)
			found = entry;
	}
	return found;
}

/* The mapping that the call's address lies in: of several the one that all of it lies in. */
static struct entry *find_inside(const struct dma_mapping *call)
{
	struct entry *entry, *found = NULL;

	for_each_live(entry)
	{
		dma_addr_t offset = call->bus - entry->mapping.bus;

		if (entry->mapping.device != call->device || offset >= entry->mapping.bytes)
			continue;
		if (call->bytes <= entry->mapping.bytes - offset)
			return entry;
		found = entry;
	}
	return found;
}

/* --- memory ---------------------------------------------------------------------------------- */

/* FNV-1a: each byte changes all that follows. */
static void add_to_sum(const void *address, size_t bytes, void *context)
{
	const uint8_t *byte = address;
	uint32_t *sum = context;

	for (; bytes != 0; bytes--)
		*sum = (*sum ^ *byte++) * 16777619U;
}

static uint32_t sum_of(const struct dma_mapping *mapping)
{
	uint32_t sum = 2166136261U;

	if (!dma_touch((phys_addr_t)mapping->phys, mapping->bytes, add_to_sum, &sum))
		return 0; /* no window: not known */
	return sum;
}

/* What only the CPU writes must be as it was when the device got it. */
static bool is_watched(const struct entry *entry)
{
	return entry->mapping.direction == DMA_TO_DEVICE &&
	       entry->mapping.kind != DMA_MAP_RESOURCE && !entry->cpu_has_it && !entry->in_parts;
}

/* False: the CPU wrote to it; that was told. */
static bool check_sum(const struct entry *entry, const struct dma_mapping *call)
{
	uint32_t sum;

	if (!is_watched(entry) || entry->sum == 0)
		return true;
	sum = sum_of(&entry->mapping);
	if (sum == 0 || sum == entry->sum)
		return true;
	dma_tell(DMA_SYNC_MISSING, call, &entry->mapping);
	return false;
}

static bool is_stack(uint64_t phys, size_t bytes)
{
	for (unsigned int i = 0; i < UNWIND_STACKS; i++) {
		const struct unwind_range *stack = &unwind_image.stacks[i];
		uint64_t start = virt_to_phys((const void *)stack->start);

		if (stack->start < stack->end && phys < start + (stack->end - stack->start) &&
		    start < phys + bytes)
			return true;
	}
	return false;
}

/* A free object has no owner either, though its page has one. */
static bool is_free_object(uint32_t pfn, uint64_t phys)
{
	struct object_place place;

	if (!zones_is_lowmem(pfn))
		return false;
	object_find((uintptr_t)phys_to_virt((phys_addr_t)phys), &place);
	return place.store != NULL && (place.object == 0 || object_is_free(&place));
}

static bool is_freed(uint64_t phys, size_t bytes)
{
	uint64_t end = phys + bytes;

	while (phys < end) {
		const struct page *head = page_block_head(PFN_DOWN(phys));
		enum page_type type = head != NULL ? page_type(head) : PAGE_NONE;

		if (type == PAGE_SLAB && (is_free_object(PFN_DOWN(phys), phys) ||
					  is_free_object(PFN_DOWN(end - 1), end - 1)))
			return true;
		if (type != PAGE_ALLOCATED && type != PAGE_SLAB && type != PAGE_RESERVED)
			return true;
		phys = page_to_phys(head) + ((uint64_t)PAGE_SIZE << page_order(head));
	}
	return false;
}

/* --- map ------------------------------------------------------------------------------------- */

/* Whether both have a part of the same line, and one of them is written by a device. */
static bool shares_line(const struct entry *mine, const struct entry *other)
{
	uint64_t line = cache_line_bytes();
	uint64_t start = ALIGN_DOWN(mine->target, line),
		 last = mine->target + mine->mapping.bytes - 1;
	uint64_t other_last = other->target + other->mapping.bytes - 1;

	if (mine == other || other->mapping.kind == DMA_MAP_RESOURCE ||
	    (mine->mapping.direction == DMA_TO_DEVICE && other->mapping.direction == DMA_TO_DEVICE))
		return false;
	return start <= other_last && ALIGN_DOWN(other->target, line) <= (last | (line - 1));
}

static void check_lines(const struct entry *mine)
{
	const struct entry *other;

	if (mine->mapping.device->coherent)
		return;
	for_each_live(other)
	{
		if (!shares_line(mine, other))
			continue;
		dma_tell(DMA_MAP_SHARED_LINE, &mine->mapping, &other->mapping);
		return;
	}
}

static void check_memory(const struct dma_mapping *mapping)
{
	if (is_stack(mapping->phys, mapping->bytes))
		dma_tell(DMA_MAP_STACK, mapping, NULL);
	else if (is_freed(mapping->phys, mapping->bytes))
		dma_tell(DMA_MAP_FREED, mapping, NULL);
}

void dma_debug_mapped(const struct dma_mapping *mapping, uint64_t target)
{
	static bool told;
	struct entry *entry = claim_entry();

	if (entry == NULL) {
		__atomic_fetch_add(&unwatched, 1, __ATOMIC_RELAXED);
		if (!told)
			dma_tell(DMA_NOT_WATCHED, mapping, NULL);
		told = true;
		return;
	}
	entry->mapping = *mapping;
	entry->target = target;
	entry->cpu_has_it = entry->in_parts = false;
	entry->sum = is_watched(entry) ? sum_of(mapping) : 0;
	if (mapping->kind != DMA_MAP_RESOURCE) {
		check_memory(mapping);
		check_lines(entry);
	}
	__atomic_store_n(&entry->state, ENTRY_LIVE, __ATOMIC_RELEASE);
}

/* --- unmap and sync -------------------------------------------------------------------------- */

/* Whether there was one left. */
static bool take_unwatched(void)
{
	uint32_t left = __atomic_load_n(&unwatched, __ATOMIC_RELAXED);

	while (left != 0 && !__atomic_compare_exchange_n(&unwatched, &left, left - 1, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left != 0;
}

bool dma_debug_unmapped(struct dma_mapping *call)
{
	struct entry *entry = find_start(call);
	const struct dma_mapping *mapping;

	if (entry == NULL || !move(entry, ENTRY_LIVE, ENTRY_CLAIMED)) {
		if (take_unwatched())
			return true;
		dma_tell(DMA_UNMAP_UNKNOWN, call, NULL);
		return false;
	}
	mapping = &entry->mapping;
	if (mapping->kind != call->kind)
		dma_tell(DMA_UNMAP_KIND, call, mapping);
	if (mapping->bytes != call->bytes)
		dma_tell(DMA_UNMAP_SIZE, call, mapping);
	if (mapping->direction != call->direction)
		dma_tell(DMA_UNMAP_DIRECTION, call, mapping);
	check_sum(entry, call);
	call->bytes = mapping->bytes;
	call->direction = mapping->direction;
	call->kind = mapping->kind;
	__atomic_store_n(&entry->state, ENTRY_FREE, __ATOMIC_RELEASE);
	return true;
}

/* A mapping for both directions may be synced for one of them. */
static bool direction_fits(const struct dma_mapping *mapping, const struct dma_mapping *call)
{
	return mapping->direction == DMA_BIDIRECTIONAL ? call->direction < DMA_NONE
						       : mapping->direction == call->direction;
}

static void change_owner(struct entry *entry, const struct dma_mapping *call, bool for_cpu)
{
	if (call->bytes != entry->mapping.bytes) {
		entry->in_parts = true;
		return;
	}
	if (check_sum(entry, call) && entry->cpu_has_it == for_cpu && !entry->in_parts)
		dma_tell(DMA_SYNC_TWICE, call, &entry->mapping);
	entry->in_parts = false;
	entry->cpu_has_it = for_cpu;
	entry->sum = is_watched(entry) ? sum_of(&entry->mapping) : 0;
}

bool dma_debug_synced(const struct dma_mapping *call, bool for_cpu)
{
	struct entry *entry = find_inside(call);

	if (entry == NULL) {
		if (__atomic_load_n(&unwatched, __ATOMIC_RELAXED) != 0)
			return true;
		dma_tell(DMA_SYNC_UNKNOWN, call, NULL);
		return false;
	}
	if (call->bytes > entry->mapping.bytes - (call->bus - entry->mapping.bus)) {
		dma_tell(DMA_SYNC_RANGE, call, &entry->mapping);
		return false;
	}
	if (!direction_fits(&entry->mapping, call))
		dma_tell(DMA_SYNC_DIRECTION, call, &entry->mapping);
	change_owner(entry, call, for_cpu);
	return true;
}

/* --- a device goes --------------------------------------------------------------------------- */

void dma_debug_device_gone(const struct dma_device *device)
{
	const struct dma_mapping gone = { .device = device, .bytes = device->live_mappings };
	struct entry *entry;

	if (!dma_debug) {
		if (device->live_mappings != 0)
			dma_tell(DMA_LEFT_MAPPED, &gone, NULL);
		return;
	}
	for_each_live(entry)
	{
		if (entry->mapping.device != device)
			continue;
		dma_tell(DMA_LEFT_MAPPED, &gone, &entry->mapping);
		move(entry, ENTRY_LIVE, ENTRY_FREE);
	}
}
