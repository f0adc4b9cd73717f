/* SPDX-License-Identifier: MIT */
/* Coherent memory on the real linear map: kinds of sections, room, growth, refusals, what goes back. */
#include <string.h>

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/dma/coherent.h"
#include "mm/dma/debug.h"
#include "mm/dma/options.h"
#include "mm/dma/pool.h"
#include "mm/obj/cache.h"
#include "mm/phys/memblock.h"
#include "mm/virt/vmalloc.h"

#include "bench.h"
#include "page_watch.h"

#include "insist.h"

#define BUS_BASE 0x20000000U
#define MOST     520U

static struct dma_device device;
static unsigned int told_refusals, told_misuses;
static enum dma_refusal_reason reason;
static enum dma_misuse_kind misuse_kind;
static void (*refusal_hook_before)(const struct dma_refusal *told);
static void (*misuse_hook_before)(const struct dma_misuse *told);

struct buffer {
	void *address;
	dma_addr_t bus;
};

static struct buffer buffers[MOST];

static void note_refusal(const struct dma_refusal *told)
{
	reason = told->reason;
	told_refusals++;
}

static void note_misuse(const struct dma_misuse *told)
{
	misuse_kind = told->kind;
	told_misuses++;
}

/* --- around a test --------------------------------------------------------------------------- */

static bool allocate(struct buffer *buffer, size_t bytes, gfp_t gfp)
{
	buffer->address = INSIST(dma_alloc_coherent(&device, bytes, &buffer->bus, gfp), NULL);
	return buffer->address != NULL;
}

static void release(const struct buffer *buffer, size_t bytes)
{
	dma_free_coherent(&device, bytes, buffer->address, buffer->bus);
}

static void make_device(bool coherent)
{
	uint64_t base = memblock_start_of_DRAM();

	dma_device_init(&device, "selftest");
	device.coherent = coherent;
	device.windows[0] = (struct dma_reach_window){ .phys = base,
						       .bytes = memblock_end_of_DRAM() - base,
						       .bus = BUS_BASE };
	device.window_count = 1;
	dma_device_register(&device);
}

/* Records stay, and their slab: some that two blocks leave behind, before the state is looked at. */
static void leave_records(void)
{
	struct buffer big[2] = { { NULL, 0 }, { NULL, 0 } };

	for (unsigned int i = 0; i < 2; i++)
		if (allocate(&big[i], SZ_2M, GFP_KERNEL | __GFP_NOWARN))
			continue;
	for (unsigned int i = 0; i < 2; i++)
		release(&big[i], SZ_2M);
}

/* Stacks of threads that ended keep their addresses for a while, and caches empty slabs. */
static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
}

static void start(bool coherent)
{
	refusal_hook_before = dma_refusal_hook;
	misuse_hook_before = dma_misuse_hook;
	dma_refusal_hook = note_refusal;
	dma_misuse_hook = note_misuse;
	make_device(coherent);
	coherent_trim();
	leave_records();
	settle();
	begin();
	told_refusals = told_misuses = 0;
}

static void stop(void)
{
	const char *broken;

	coherent_trim();
	broken = coherent_check();
	EXPECT(broken == NULL);
	EXPECT(device.live_coherent == 0);
	dma_device_unregister(&device);
	dma_refusal_hook = refusal_hook_before;
	dma_misuse_hook = misuse_hook_before;
	settle();
	end();
}

static bool is_zero(const struct buffer *buffer, size_t bytes)
{
	const uint32_t *words = buffer->address;

	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		if (words[i] != 0)
			return false;
	return true;
}

static bool is_all_of_kind(const void *address, size_t bytes, enum memory_kind kind)
{
	uintptr_t virt = (uintptr_t)address, end = virt + bytes;
	struct mapping mapping;

	for (; virt < end; virt += PAGE_SIZE)
		if (!mmu_query(virt, &mapping) || mapping.kind != kind ||
		    mapping.rights != RIGHTS_WRITE ||
		    mapping.phys + (virt - mapping.virt) != virt_to_phys((const void *)virt))
			return false;
	return true;
}

static dma_addr_t bus_of(const void *address)
{
	return (dma_addr_t)(virt_to_phys(address) - memblock_start_of_DRAM() + BUS_BASE);
}

static uint32_t kept_room(void)
{
	struct coherent_snapshot block;
	uint32_t number = 0, room = 0;

	while (coherent_snapshot(&number, &block))
		room += block.kept ? block.pages - block.used_pages : 0;
	return room;
}

/* --- tests ----------------------------------------------------------------------------------- */

SELFTEST(coherent, section_kind_and_back)
{
	struct page *block;
	uint32_t *words;

	begin();
	block = alloc_pages(GFP_KERNEL, 8);
	if (block == NULL) {
		end();
		return;
	}
	words = page_address(block);
	for (size_t i = 0; i < SZ_1M / sizeof(*words); i++)
		words[i] = (uint32_t)i * 2654435761U;
	if (mmu_section_kind((uintptr_t)words, MEMORY_NONCACHED)) {
		EXPECT(is_all_of_kind(words, SZ_1M, MEMORY_NONCACHED));
		EXPECT(words[77] == 77 * 2654435761U);
		words[77] = 1;
		EXPECT(mmu_section_kind((uintptr_t)words, MEMORY_NORMAL) && !irqs_masked());
		EXPECT(words[77] == 1 && words[78] == 78 * 2654435761U);
		EXPECT(words[SZ_1M / 4 - 1] == (SZ_1M / 4 - 1) * 2654435761U);
	}
	EXPECT(is_all_of_kind(words, SZ_1M, MEMORY_NORMAL));
	EXPECT(!mmu_section_kind((uintptr_t)words + PAGE_SIZE, MEMORY_NONCACHED));
	EXPECT(!mmu_section_kind((uintptr_t)words, MEMORY_DEVICE));
	EXPECT(is_all_of_kind(words, SZ_1M, MEMORY_NORMAL));
	__free_pages(block, 8);
	end();
}

SELFTEST(coherent, sizes_zeroed_aligned)
{
	static const size_t sizes[] = {
		1,         PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, 16 * PAGE_SIZE, SZ_1M / 8 + 4,
		SZ_1M / 2, SZ_1M,     SZ_1M + 1,     SZ_4M
	};
	struct buffer buffer;

	start(false);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned int twice = 0; twice < 2; twice++) {
			size_t whole = ALIGN_UP(sizes[i], PAGE_SIZE), order = PAGE_SIZE;

			while (order < whole)
				order *= 2;
			if (!allocate(&buffer, sizes[i], GFP_KERNEL | __GFP_NOWARN)) {
				EXPECT(sizes[i] > PAGE_SIZE); /* no such block is free */
				continue;
			}
			EXPECT(is_zero(&buffer, whole));
			EXPECT(IS_ALIGNED((uintptr_t)buffer.address, order));
			EXPECT(buffer.bus == bus_of(buffer.address));
			EXPECT(is_all_of_kind(buffer.address, whole, MEMORY_NONCACHED));
			EXPECT(coherent_check() == NULL);
			memset(buffer.address, 0xa5, whole);
			release(&buffer, sizes[i]);
		}
	EXPECT(told_misuses == 0);
	stop();
}

static bool is_in_a_block(const void *address)
{
	phys_addr_t phys = virt_to_phys(address);
	struct coherent_snapshot block;
	uint32_t number = 0;

	while (coherent_snapshot(&number, &block))
		if (phys - block.phys < block.pages * PAGE_SIZE)
			return true;
	return false;
}

/* More than the kept megabytes hold: it grows, nothing overlaps, and what it took goes back. */
SELFTEST(coherent, grows_and_gives_back)
{
	struct coherent_counts before, after;
	unsigned int taken = 0;
	uint32_t room;

	start(false);
	room = kept_room();
	coherent_counts(&before);
	while (taken < MOST && allocate(&buffers[taken], PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN)) {
		*(uint32_t *)buffers[taken].address = taken + 1;
		taken++;
	}
	coherent_counts(&after);
	EXPECT(taken > 0 && (taken <= room || after.grown > before.grown));
	EXPECT(after.taken - before.taken == taken && device.live_coherent == taken);
	for (unsigned int i = 0; i < taken; i++)
		EXPECT(*(uint32_t *)buffers[i].address == i + 1);
	EXPECT(coherent_check() == NULL);
	for (unsigned int odd = 0; odd < 2; odd++)
		for (unsigned int i = odd; i < taken; i += 2)
			release(&buffers[i], PAGE_SIZE);
	coherent_counts(&after);
	EXPECT(after.grown - before.grown == after.returned - before.returned);
	for (unsigned int i = 0; i < taken; i++)
		EXPECT(is_in_a_block(buffers[i].address) ||
		       is_all_of_kind(buffers[i].address, PAGE_SIZE, MEMORY_NORMAL));
	stop();
}

/* The buffer that a megabyte is taken for has all of its pages. */
SELFTEST(coherent, grows_for_three_pages)
{
	unsigned int taken = 0;

	start(false);
	while (taken < MOST / 4 &&
	       allocate(&buffers[taken], 3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN)) {
		memset(buffers[taken].address, (int)(taken & 0xff), 3 * PAGE_SIZE);
		taken++;
	}
	EXPECT(taken > 0 && coherent_check() == NULL);
	for (unsigned int i = 0; i < taken; i++) {
		const uint8_t *bytes = buffers[i].address;

		EXPECT(bytes[0] == (uint8_t)i && bytes[3 * PAGE_SIZE - 1] == (uint8_t)i);
		release(&buffers[i], 3 * PAGE_SIZE);
	}
	EXPECT(told_misuses == 0);
	stop();
}

/* Who may not wait gets what exists; empty megabytes wait for who may. */
SELFTEST(coherent, atomic_takes_what_exists)
{
	struct coherent_counts before, after;
	unsigned int taken = 0;
	uint32_t room;

	start(false);
	room = kept_room();
	coherent_counts(&before);
	preempt_disable();
	while (taken < MOST && allocate(&buffers[taken], PAGE_SIZE, GFP_KERNEL))
		taken++;
	coherent_counts(&after);
	preempt_enable();
	EXPECT(taken == (room < MOST ? room : MOST) && after.grown == before.grown);
	EXPECT(room >= MOST || (told_refusals == 1 && reason == DMA_COHERENT_ATOMIC));
	EXPECT(room >= MOST ||
	       (!allocate(&buffers[taken], PAGE_SIZE, GFP_ATOMIC) && told_refusals == 2));
	if (taken < MOST && allocate(&buffers[taken], PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN)) {
		preempt_disable();
		release(&buffers[taken], PAGE_SIZE);
		coherent_counts(&after);
		preempt_enable();
		EXPECT(after.grown == before.grown + 1 && after.returned == before.returned);
	}
	for (unsigned int i = 0; i < taken; i++)
		release(&buffers[i], PAGE_SIZE);
	release(&(struct buffer){ NULL, 0 }, PAGE_SIZE);
	coherent_trim();
	coherent_counts(&after);
	EXPECT(after.grown - before.grown == after.returned - before.returned);
	stop();
}

SELFTEST(coherent, refusals)
{
	struct buffer buffer = { NULL, 5 };

	start(false);
	EXPECT(!allocate(&buffer, 0, GFP_KERNEL) && reason == DMA_COHERENT_SIZE);
	EXPECT(!allocate(&buffer, SZ_4M + 1, GFP_KERNEL) && reason == DMA_COHERENT_SIZE);
	device.limit_first_bus = 0;
	device.limit_last_bus = BUS_BASE - 1;
	EXPECT(!allocate(&buffer, PAGE_SIZE, GFP_KERNEL) && reason == DMA_COHERENT_UNREACHED);
	device.limit_last_bus = UINT64_MAX;
	EXPECT(told_refusals == 3 && buffer.bus == 5);
	EXPECT(!allocate(&buffer, 0, GFP_KERNEL | __GFP_NOWARN) && told_refusals == 3);
	stop();
}

/* The upper half of lowmem alone, which no zone lies in whole: by range, and within it. */
SELFTEST(coherent, by_range)
{
	uint64_t base = memblock_start_of_DRAM();
	uint64_t bytes = PFN_PHYS(zones_lowmem_end_pfn()) - base;
	uint64_t first = ALIGN_DOWN(bytes / 2, PAGE_SIZE) + BUS_BASE;
	struct buffer buffer;

	start(false);
	device.limit_first_bus = first;
	if (allocate(&buffer, PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN)) {
		EXPECT(buffer.bus >= first && buffer.bus == bus_of(buffer.address));
		EXPECT(is_all_of_kind(buffer.address, PAGE_SIZE, MEMORY_NONCACHED));
		EXPECT(is_zero(&buffer, PAGE_SIZE));
		release(&buffer, PAGE_SIZE);
	}
	stop();
}

SELFTEST(coherent, wrong_frees_are_told)
{
	struct buffer buffer, other;

	start(false);
	EXPECT(allocate(&buffer, 3 * PAGE_SIZE, GFP_KERNEL));
	other = (struct buffer){ (char *)buffer.address + PAGE_SIZE, buffer.bus + PAGE_SIZE };
	release(&other, PAGE_SIZE);
	EXPECT(told_misuses == 1 && misuse_kind == DMA_FREE_UNKNOWN);
	release(&buffer, PAGE_SIZE);
	EXPECT(told_misuses == 2);
	release(&buffer, 4 * PAGE_SIZE);
	EXPECT(told_misuses == 3 && device.live_coherent == 1);
	release(&buffer, 3 * PAGE_SIZE - 1); /* the same pages */
	EXPECT(told_misuses == 3);
	release(&buffer, 3 * PAGE_SIZE);
	other.address = &other;
	release(&other, PAGE_SIZE);
	EXPECT(told_misuses == 5 && device.live_coherent == 0);
	EXPECT(allocate(&buffer, PAGE_SIZE, GFP_KERNEL));
	dma_device_unregister(&device);
	EXPECT(told_misuses == 6 && misuse_kind == DMA_LEFT_COHERENT);
	release(&buffer, PAGE_SIZE);
	stop();
}

/* A device that sees the caches gets ordinary memory, and no more of it than it asked for. */
SELFTEST(coherent, ordinary_memory)
{
	struct buffer buffer;

	if (!dma_options.coherent_allowed)
		return;
	start(true);
	for (unsigned int pages = 1; pages < 9; pages++) {
		EXPECT(allocate(&buffer, pages * PAGE_SIZE, GFP_KERNEL));
		EXPECT(is_all_of_kind(buffer.address, pages * PAGE_SIZE, MEMORY_NORMAL));
		EXPECT(is_zero(&buffer, pages * PAGE_SIZE));
		EXPECT(buffer.bus == bus_of(buffer.address) && device.live_coherent == 1);
		memset(buffer.address, 0xa5, pages * PAGE_SIZE);
		release(&buffer, pages * PAGE_SIZE);
	}
	EXPECT(told_misuses == 0);
	stop();
}

/* --- threads and a handler at a time ----------------------------------------------------------- */

#define TAKERS       3U
#define TAKER_ROUNDS 60U
#define HELD         6U
#define BLOCK_BYTES  96U
#define PAUSE_NS     (90 * NS_PER_US)

static struct dma_pool *blocks;

/* The last one is the handler's. */
static struct taker {
	struct callout callout; /* first, so that it leads here */
	uint32_t number, random, served, refused, wrong;
	struct held {
		struct buffer buffer;
		uint32_t pages; /* 0: a block of the pool */
	} held[HELD];
} takers[TAKERS + 1];

/* A word of each cache line: handlers have no time for more. */
static void visit_words(struct taker *taker, const struct held *held, bool write)
{
	volatile uint32_t *words = held->buffer.address;
	uint32_t bytes = held->pages != 0 ? held->pages * PAGE_SIZE : BLOCK_BYTES;

	for (uint32_t i = 0; i < bytes / sizeof(*words); i += 16) {
		uint32_t wanted = (uint32_t)(uintptr_t)&words[i] ^ taker->number << 28;

		if (write)
			words[i] = wanted;
		else if (words[i] != wanted)
			taker->wrong++;
	}
}

static void take_one(struct taker *taker, struct held *held, gfp_t gfp)
{
	uint32_t drawn = bench_next(&taker->random);
	struct buffer *buffer = &held->buffer;

	gfp |= __GFP_NOWARN;
	held->pages = drawn % 3 == 0 ? 0 : gfp & __GFP_DIRECT_RECLAIM ? 1 + drawn / 3 % 40 : 1;
	buffer->address = held->pages == 0 ? dma_pool_alloc(blocks, gfp, &buffer->bus)
					   : dma_alloc_coherent(&device, held->pages * PAGE_SIZE,
								&buffer->bus, gfp);
	if (buffer->address == NULL) {
		taker->refused++;
		return;
	}
	taker->served++;
	if (buffer->bus != bus_of(buffer->address))
		taker->wrong++;
	visit_words(taker, held, true);
}

static void give_one(struct taker *taker, struct held *held)
{
	struct buffer *buffer = &held->buffer;

	visit_words(taker, held, false);
	if (held->pages == 0)
		dma_pool_free(blocks, buffer->address, buffer->bus);
	else
		release(buffer, held->pages * PAGE_SIZE);
	buffer->address = NULL;
}

static void take_or_give(struct taker *taker, gfp_t gfp)
{
	struct held *held = &taker->held[bench_next(&taker->random) % HELD];

	if (held->buffer.address == NULL)
		take_one(taker, held, gfp);
	else
		give_one(taker, held);
}

static void give_all(struct taker *taker)
{
	for (uint32_t i = 0; i < HELD; i++)
		if (taker->held[i].buffer.address != NULL)
			give_one(taker, &taker->held[i]);
}

static int take_in_thread(void *argument)
{
	struct taker *taker = argument;

	for (uint32_t i = 0; i < TAKER_ROUNDS; i++) {
		take_or_give(taker, GFP_KERNEL);
		if (i % 4 == taker->number)
			thread_yield();
	}
	give_all(taker);
	return 0;
}

/* From its end on: an emulator may take longer for it than the pause. */
static void take_in_handler(struct callout *callout)
{
	take_or_give((struct taker *)callout, GFP_ATOMIC);
	callout_start(callout, clock_ns() + PAUSE_NS);
}

static void take_all_at_a_time(void)
{
	struct thread *threads[TAKERS];
	struct taker *handler = &takers[TAKERS];

	for (uint32_t i = 0; i < TAKERS + 1; i++)
		takers[i] = (struct taker){ .number = i + 1, .random = BENCH_SEED + i };
	callout_init(&handler->callout, take_in_handler);
	callout_start(&handler->callout, clock_ns() + PAUSE_NS);
	for (uint32_t i = 0; i < TAKERS; i++)
		threads[i] =
			thread_run("coherent", THREAD_PRIORITY_NORMAL, take_in_thread, &takers[i]);
	for (uint32_t i = 0; i < TAKERS; i++)
		EXPECT(threads[i] != NULL && thread_join(threads[i]) == 0);
	/* However fast the machine is, the handler has its share. */
	while (handler->served < TAKER_ROUNDS / 4 && handler->refused < 100 * TAKER_ROUNDS)
		thread_sleep_ns(PAUSE_NS);
	callout_stop(&handler->callout);
	give_all(handler);
}

SELFTEST(coherent, threads_and_a_handler)
{
	pause_failing();
	start(false);
	blocks = INSIST(dma_pool_create("selftest", &device, BLOCK_BYTES, 32, 0), NULL);
	EXPECT(blocks != NULL);
	if (blocks != NULL) {
		take_all_at_a_time();
		for (uint32_t i = 0; i < TAKERS + 1; i++)
			EXPECT(takers[i].served > TAKER_ROUNDS / 5 && takers[i].wrong == 0);
		EXPECT(told_misuses == 0);
		dma_pool_destroy(blocks);
	}
	stop();
	resume_failing();
}
