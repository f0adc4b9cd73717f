/* SPDX-License-Identifier: MIT */
/*
 * All allocators at once: threads of several priorities, preempted at any instruction, and handlers that
 * allocate in between. Each block is filled with what only its owner would write there, and looked at
 * before it is given back; at the end all is as before.
 *
 * Everything random comes from one seed. Under -icount shift=0,sleep=off time is instructions, so the same
 * seed gives the same run: the hash of all that happened is printed, for tests/boot.py to compare.
 */
#include <inttypes.h>
#include <string.h>

#include "kern/callout.h"
#include "kern/console.h"
#include "kern/mutex.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/obj/cache.h"
#include "mm/obj/object.h"
#include "mm/obj/slab.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_debug.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

#include "bench.h"
#include "page_watch.h"

#define THREADS     6U
#define OPERATIONS  2500U /* of each thread; a tenth while pages are watched */
#define SLOTS       20U
#define HANDLERS    3U
#define HANDLER_OPS 4U
#define SEED        20251126U

enum kind { NOTHING, PAGES, KMALLOC, OBJECT, VMALLOC, KINDS };

struct block {
	enum kind kind;
	void *address; /* PAGES: the struct page */
	uint32_t bytes, mark;
	unsigned int order;
};

struct owner {
	uint32_t number, state; /* of its random numbers */
	uint32_t operations, sequence;
	uint32_t wrong;
	gfp_t gfp; /* beside the zone */
	struct block blocks[SLOTS];
};

static struct owner owners[THREADS + HANDLERS];
static struct kmem_cache *cache;

/* --- what happened --------------------------------------------------------------------------- */

static uint32_t happened, handler_calls;

static void note(const struct owner *owner, uint32_t what)
{
	uint32_t irq = local_irq_save();

	happened = (happened ^ what ^ owner->number << 24) * 0x01000193U;
	local_irq_restore(irq);
}

/* --- blocks ---------------------------------------------------------------------------------- */

static uint32_t word_at(const struct block *block, uint32_t place)
{
	return block->mark ^ place * 0x9e3779b1U;
}

/* Some words of it, the first and the last among them. */
static uint32_t place_of(const struct block *block, uint32_t i)
{
	return i == 15 ? block->bytes / 4 - 1 : i * (block->bytes / 4) / 16;
}

static void fill(const struct block *block, volatile uint32_t *words)
{
	for (uint32_t i = 0; i < 16; i++)
		words[place_of(block, i)] = word_at(block, place_of(block, i));
}

static uint32_t wrong_in(const struct block *block, const volatile uint32_t *words)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < 16; i++)
		wrong += words[place_of(block, i)] != word_at(block, place_of(block, i));
	return wrong;
}

/* A page after the other, each through a window, with somebody else's turn while it is open. */
static uint32_t through_windows(struct owner *owner, struct block *block, bool look)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < 1U << block->order; i++) {
		struct page *page = (struct page *)block->address + i;
		uint32_t *words = kmap_local_page(page);

		if (look)
			wrong += wrong_in(block, words);
		else
			fill(block, words);
		if (may_sleep() && bench_next(&owner->state) % 8 == 0)
			thread_yield();
		if (look)
			wrong += wrong_in(block, words);
		kunmap_local(words);
	}
	return wrong;
}

static const gfp_t zones_of[] = { 0, 0, __GFP_HIGHMEM, __GFP_DMA, __GFP_HIGHMEM | __GFP_MOVABLE };

static bool take(struct owner *owner, struct block *block)
{
	uint32_t random = bench_next(&owner->state);
	bool handler = owner->number >= THREADS;

	block->kind = (enum kind)(1 + random % (handler ? OBJECT : VMALLOC));
	block->mark = owner->number << 28 ^ ++owner->sequence * 0x85ebca6bU;
	block->order = random >> 8 & 3;
	block->bytes = 64 + (random >> 12) % 5000 / 4 * 4;
	switch (block->kind) {
	case PAGES:
		block->bytes = PAGE_SIZE;
		block->address = alloc_pages(
			owner->gfp | zones_of[(random >> 20) % ARRAY_SIZE(zones_of)], block->order);
		break;
	case KMALLOC:
		block->address = kmalloc(block->bytes, owner->gfp);
		break;
	case OBJECT:
		block->bytes = 200;
		block->address = kmem_cache_alloc(cache, owner->gfp);
		break;
	default:
		block->bytes = (1 + (random >> 20) % 20) * PAGE_SIZE;
		block->address = vmalloc(block->bytes);
	}
	return block->address != NULL;
}

static void give_back(struct block *block)
{
	switch (block->kind) {
	case PAGES:
		__free_pages(block->address, block->order);
		break;
	case KMALLOC:
		kfree(block->address);
		break;
	case OBJECT:
		kmem_cache_free(cache, block->address);
		break;
	default:
		vfree(block->address);
	}
	block->kind = NOTHING;
}

/* Fill an empty slot, or look at a full one and empty it. */
static void operate(struct owner *owner)
{
	struct block *block = &owner->blocks[bench_next(&owner->state) % SLOTS];

	if (block->kind == NOTHING) {
		if (!take(owner, block)) {
			block->kind = NOTHING;
			note(owner, 1);
			return;
		}
		note(owner, (uint32_t)(uintptr_t)block->address);
		if (block->kind == PAGES)
			through_windows(owner, block, false);
		else
			fill(block, block->address);
		return;
	}
	note(owner, (uint32_t)(uintptr_t)block->address + 1);
	owner->wrong += block->kind == PAGES ? through_windows(owner, block, true)
					     : wrong_in(block, block->address);
	give_back(block);
}

static void give_all_back(struct owner *owner)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (owner->blocks[i].kind != NOTHING)
			give_back(&owner->blocks[i]);
}

/* --- what all share -------------------------------------------------------------------------- */

static struct page *held_page, *shown_page;
static struct mutex mutex;
static uint32_t guarded; /* by the mutex */

static void share(struct owner *owner)
{
	uint32_t before;

	get_page(held_page);
	owner->wrong += kmap(shown_page) == NULL;
	mutex_lock(&mutex);
	before = guarded;
	if (bench_next(&owner->state) % 4 == 0)
		thread_yield();
	guarded = before + 1;
	mutex_unlock(&mutex);
	kunmap(shown_page);
	put_page(held_page);
}

/* More values than there are registers. */
static __attribute__((noinline)) uint32_t compute(uint32_t rounds)
{
	uint32_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	while (rounds-- > 0) {
		a += b << 3;
		b ^= c + rounds;
		c -= d >> 1;
		d ^= e * 5;
		e += f;
		f ^= g << 7 | g >> 25;
		g += h;
		h ^= a;
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static uint32_t computed;

/* --- owners ---------------------------------------------------------------------------------- */

static int hammer(void *argument)
{
	struct owner *owner = argument;

	for (uint32_t i = 0; i < owner->operations; i++) {
		operate(owner);
		switch (bench_next(&owner->state) % 16) {
		case 0:
			thread_yield();
			break;
		case 1:
			share(owner);
			break;
		case 2:
			owner->wrong += compute(300) != computed;
			break;
		case 3:
			if (owner->number == 0)
				thread_sleep_ns(100 * NS_PER_US);
			break;
		}
	}
	give_all_back(owner);
	return 0;
}

static struct handler {
	struct callout callout; /* first */
	struct owner *owner;
	uint64_t pause_ns;
} handlers[HANDLERS];

/* With all pages watched it takes longer than any period: the threads are to have most of the time. */
static void handle(struct callout *callout)
{
	struct handler *handler = (struct handler *)callout;
	struct owner *owner = handler->owner;
	uint64_t start_ns = clock_ns(), end_ns;

	handler_calls++;
	for (uint32_t i = 0; i < HANDLER_OPS; i++)
		operate(owner);
	get_page(held_page);
	put_page(held_page);
	end_ns = clock_ns();
	callout_start(callout, end_ns + handler->pause_ns + 10 * (end_ns - start_ns));
}

static void prepare_owners(uint32_t seed)
{
	memset(owners, 0, sizeof(owners));
	for (uint32_t i = 0; i < THREADS + HANDLERS; i++) {
		owners[i].number = i;
		owners[i].state = seed + i * 0x9e3779b1U;
		owners[i].gfp = (i < THREADS ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN;
	}
	happened = handler_calls = guarded = 0;
	computed = compute(300);
}

static void start_handlers(void)
{
	for (uint32_t i = 0; i < HANDLERS; i++) {
		handlers[i].owner = &owners[THREADS + i];
		callout_init(&handlers[i].callout, handle);
		handlers[i].pause_ns = (130 + 47 * i) * NS_PER_US;
		callout_start(&handlers[i].callout, clock_ns() + NS_PER_MS);
	}
}

static void stop_handlers(void)
{
	for (uint32_t i = 0; i < HANDLERS; i++) {
		callout_stop(&handlers[i].callout);
		give_all_back(&owners[THREADS + i]);
	}
}

static const unsigned int priorities[THREADS] = { THREAD_PRIORITY_HIGH,   THREAD_PRIORITY_NORMAL,
						  THREAD_PRIORITY_NORMAL, THREAD_PRIORITY_NORMAL,
						  THREAD_PRIORITY_LOW,    THREAD_PRIORITY_LOW };

static void run_all(void)
{
	struct thread *threads[THREADS];

	start_handlers();
	for (uint32_t i = 0; i < THREADS; i++) {
		owners[i].operations = page_debug != 0 ? OPERATIONS / 10 : OPERATIONS;
		threads[i] = thread_run("hammer", priorities[i], hammer, &owners[i]);
		EXPECT(threads[i] != NULL);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		if (threads[i] != NULL)
			thread_join(threads[i]);
	stop_handlers();
}

static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
	kmap_flush_unused();
}

SELFTEST(hammer, all_at_once)
{
	bool preemption;

	pause_failing();
	settle();
	begin();
	preemption = thread_set_preemption(true);
	cache = kmem_cache_create("hammer", 200, 8, 0, NULL);
	held_page = alloc_page(GFP_KERNEL);
	shown_page = alloc_page(GFP_HIGHUSER);
	EXPECT(cache != NULL && held_page != NULL && shown_page != NULL);
	prepare_owners(SEED);
	if (cache != NULL && held_page != NULL && shown_page != NULL)
		run_all();
	for (uint32_t i = 0; i < THREADS + HANDLERS; i++)
		EXPECT(owners[i].wrong == 0);
	EXPECT(page_count(held_page) == 1);
	EXPECT(handler_calls > 0 && guarded > 0);
	console_printf("    # hash %08" PRIx32 ", %" PRIu32 " calls of handlers, %" PRIu32
		       " turns with the mutex\n",
		       happened, handler_calls, guarded);
	__free_page(shown_page);
	__free_page(held_page);
	kmem_cache_destroy(cache);
	thread_set_preemption(preemption);
	settle();
	end();
	resume_failing();
}
