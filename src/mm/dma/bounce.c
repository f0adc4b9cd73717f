/* SPDX-License-Identifier: MIT */
#include "mm/dma/bounce.h"

#include "kern/clock.h"
#include "lib/bits.h"
#include "mm/dma/touch.h"

#define WORD_BITS 32U

static struct bounce_pool *pools;

/* --- pools ----------------------------------------------------------------------------------- */

static size_t words_for(size_t slots)
{
	return (slots + WORD_BITS - 1) / WORD_BITS;
}

size_t bounce_pool_record_bytes(size_t bytes)
{
	size_t slots = bytes / BOUNCE_SLOT_BYTES;

	return slots * sizeof(struct bounce_slot) + words_for(slots) * sizeof(uint32_t);
}

void bounce_pool_add(struct bounce_pool *pool, const char *name, phys_addr_t phys, size_t bytes,
		     void *records)
{
	struct bounce_pool **place = &pools;

	*pool = (struct bounce_pool){
		.name = name,
		.phys = phys,
		.bytes = bytes,
		.slot_count = (uint32_t)(bytes / BOUNCE_SLOT_BYTES),
		.slots = records,
	};
	pool->bits = (uint32_t *)(pool->slots + pool->slot_count);
	while (*place != NULL)
		place = &(*place)->next;
	*place = pool;
}

void bounce_pool_remove(struct bounce_pool *pool)
{
	struct bounce_pool **place = &pools;

	while (*place != NULL && *place != pool)
		place = &(*place)->next;
	if (*place == pool)
		*place = pool->next;
}

struct bounce_pool *bounce_pools(void)
{
	return pools;
}

void bounce_pools_reset(void)
{
	pools = NULL;
}

struct bounce_pool *bounce_pool_of(uint64_t phys)
{
	struct bounce_pool *pool = pools;

	while (pool != NULL && phys - pool->phys >= pool->bytes)
		pool = pool->next;
	return pool;
}

struct bounce_pool *bounce_pool_for(const struct dma_device *device)
{
	struct bounce_pool *pool = pools;
	uint64_t bus;

	while (pool != NULL &&
	       !dma_reaches(device, pool->phys, pool->bytes, dma_streaming_mask(device), &bus))
		pool = pool->next;
	return pool;
}

/* --- bits ------------------------------------------------------------------------------------ */

static uint32_t word_at(const struct bounce_pool *pool, uint32_t slot)
{
	return __atomic_load_n(&pool->bits[slot / WORD_BITS], __ATOMIC_RELAXED);
}

/* The first slot from `slot` on, before `end`, that is taken (or free): else `end`. */
static uint32_t next_slot(const struct bounce_pool *pool, uint32_t slot, uint32_t end, bool taken)
{
	while (slot < end) {
		uint32_t word = word_at(pool, slot);

		word = (taken ? word : ~word) >> (slot % WORD_BITS);
		if (word != 0)
			return min_u32(end, slot + lowest_bit(word));
		slot = ALIGN_DOWN(slot, WORD_BITS) + WORD_BITS;
	}
	return end;
}

/* A run that was free when it was looked at: its first slot, or `end`. */
static uint32_t find_run(const struct bounce_pool *pool, uint32_t slot, uint32_t end,
			 uint32_t slots, uint32_t alignment)
{
	while (slot < end) {
		uint32_t first = ALIGN_UP(next_slot(pool, slot, end, false), alignment);

		if (first >= end || slots > end - first)
			return end;
		slot = next_slot(pool, first, first + slots, true);
		if (slot == first + slots)
			return first;
	}
	return end;
}

/* The bits of [slot, end) that lie in the word of `slot`. */
static uint32_t mask_of(uint32_t slot, uint32_t end)
{
	uint32_t count = min_u32(end - slot, WORD_BITS - slot % WORD_BITS);

	return (count == WORD_BITS ? ~0U : (1U << count) - 1) << (slot % WORD_BITS);
}

static void change_bits(struct bounce_pool *pool, uint32_t slot, uint32_t end)
{
	for (; slot < end; slot = ALIGN_DOWN(slot, WORD_BITS) + WORD_BITS)
		pool->bits[slot / WORD_BITS] ^= mask_of(slot, end);
}

/* A few words under the lock: a run has 128 slots at most. */
static bool claim(struct bounce_pool *pool, uint32_t first, uint32_t slots)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock);
	bool is_free = next_slot(pool, first, first + slots, true) == first + slots;

	if (is_free) {
		change_bits(pool, first, first + slots);
		pool->used_slots += slots;
		pool->used_slots_most = max_u32(pool->used_slots_most, pool->used_slots);
		pool->taken_runs++;
		pool->cursor = first + slots;
	}
	spin_unlock_irqrestore(&pool->lock, irq);
	return is_free;
}

/* Who loses a run to another looks on behind the place where it was lost. */
static bool claim_any(struct bounce_pool *pool, uint32_t slots, uint32_t alignment, uint32_t *first)
{
	uint32_t start = min_u32(pool->cursor, pool->slot_count), end = pool->slot_count;

	for (unsigned int round = 0; round < 2; round++) {
		uint32_t slot = round == 0 ? start : 0;

		while ((slot = find_run(pool, slot, end, slots, alignment)) != end) {
			if (claim(pool, slot, slots)) {
				*first = slot;
				return true;
			}
		}
	}
	return false;
}

/* --- runs ------------------------------------------------------------------------------------ */

static void count_refusal(struct bounce_pool *pool)
{
	uint32_t irq = spin_lock_irqsave(&pool->lock);

	pool->refused_runs++;
	spin_unlock_irqrestore(&pool->lock, irq);
}

bool bounce_take(struct bounce_pool *pool, const struct bounce_slot *wanted, phys_addr_t *phys)
{
	uint32_t slots = (uint32_t)((wanted->bytes + BOUNCE_SLOT_BYTES - 1) / BOUNCE_SLOT_BYTES);
	uint32_t alignment = wanted->bytes >= PAGE_SIZE ? PAGE_SIZE / BOUNCE_SLOT_BYTES : 1;
	uint32_t number;
	struct bounce_slot *first;

	if (wanted->bytes > (size_t)BOUNCE_RUN_MOST * BOUNCE_SLOT_BYTES ||
	    !claim_any(pool, slots, alignment, &number)) {
		count_refusal(pool);
		return false;
	}
	for (uint32_t slot = number; slot < number + slots; slot++)
		pool->slots[slot].first = number;
	first = &pool->slots[number];
	first->original = wanted->original;
	first->bytes = wanted->bytes;
	first->run_slots = slots;
	first->direction = wanted->direction;
	first->caller = wanted->caller;
	first->taken_ns = clock_ns();
	__atomic_store_n(&first->device, wanted->device, __ATOMIC_RELEASE);
	*phys = bounce_phys(pool, first);
	return true;
}

phys_addr_t bounce_phys(const struct bounce_pool *pool, const struct bounce_slot *first)
{
	return pool->phys + (phys_addr_t)(first - pool->slots) * BOUNCE_SLOT_BYTES;
}

const struct bounce_slot *bounce_find(const struct bounce_pool *pool, phys_addr_t phys,
				      size_t bytes)
{
	uint32_t slot = (uint32_t)((phys - pool->phys) / BOUNCE_SLOT_BYTES);
	const struct bounce_slot *first = &pool->slots[pool->slots[slot].first];
	size_t offset = (size_t)(phys - bounce_phys(pool, first));

	if ((word_at(pool, slot) >> (slot % WORD_BITS) & 1U) == 0 ||
	    __atomic_load_n(&first->device, __ATOMIC_ACQUIRE) == NULL || offset > first->bytes ||
	    bytes > first->bytes - offset)
		return NULL;
	return first;
}

bool bounce_fill(const struct bounce_pool *pool, const struct bounce_slot *first, size_t offset,
		 size_t bytes)
{
	return dma_touch_copy(bounce_phys(pool, first) + offset, first->original + offset, bytes);
}

bool bounce_drain(const struct bounce_pool *pool, const struct bounce_slot *first, size_t offset,
		  size_t bytes)
{
	return dma_touch_copy(first->original + offset, bounce_phys(pool, first) + offset, bytes);
}

void bounce_give(struct bounce_pool *pool, const struct bounce_slot *first)
{
	uint32_t number = (uint32_t)(first - pool->slots), end = number + first->run_slots;
	uint32_t irq;

	__atomic_store_n(&pool->slots[number].device, NULL, __ATOMIC_RELEASE);
	irq = spin_lock_irqsave(&pool->lock);
	change_bits(pool, number, end);
	pool->used_slots -= end - number;
	spin_unlock_irqrestore(&pool->lock, irq);
}

/* --- for people ------------------------------------------------------------------------------ */

void bounce_snapshot(const struct bounce_pool *pool, struct bounce_snapshot *snapshot)
{
	uint32_t slot = 0;

	*snapshot = (struct bounce_snapshot){
		.slots = pool->slot_count,
		.used_slots = pool->used_slots,
		.used_slots_most = pool->used_slots_most,
		.taken_runs = pool->taken_runs,
		.refused_runs = pool->refused_runs,
	};
	while (slot < pool->slot_count) {
		uint32_t start = next_slot(pool, slot, pool->slot_count, false);

		slot = next_slot(pool, start, pool->slot_count, true);
		snapshot->largest_free_run = max_u32(snapshot->largest_free_run, slot - start);
	}
}

bool bounce_run_snapshot(const struct bounce_pool *pool, uint32_t *number,
			 struct bounce_slot *first)
{
	for (uint32_t slot = *number; slot < pool->slot_count; slot++) {
		if (__atomic_load_n(&pool->slots[slot].device, __ATOMIC_ACQUIRE) == NULL)
			continue;
		*first = pool->slots[slot];
		*number = slot + max_u32(first->run_slots, 1);
		return true;
	}
	return false;
}

static const char *check_pool(const struct bounce_pool *pool)
{
	uint32_t used = 0, owned = 0, number = 0;
	struct bounce_slot first;

	for (uint32_t word = 0; word < words_for(pool->slot_count); word++)
		used += (uint32_t)__builtin_popcount(pool->bits[word]);
	while (bounce_run_snapshot(pool, &number, &first))
		owned += first.run_slots;
	if (used != pool->used_slots)
		return "a bounce pool's count of used slots is not the number of its bits";
	return owned == used ? NULL : "a bounce pool has slots that are taken and nobody's";
}

const char *bounce_check(void)
{
	const char *broken = NULL;

	for (const struct bounce_pool *pool = pools; pool != NULL && broken == NULL;
	     pool = pool->next)
		broken = check_pool(pool);
	return broken;
}
