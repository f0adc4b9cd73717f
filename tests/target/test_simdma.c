/* SPDX-License-Identifier: MIT */
/*
 * The simulated peripheral on the running system: a device that really moves bytes while the tests wait.
 * Each test puts a chip of its own on the board, so the suite needs no simdma= and leaves nothing behind.
 */
#include <errno.h>
#include <string.h>

#include "arch/irqflags.h"
#include "drivers/dma/simdma.h"
#include "drivers/dma/simdma_engine.h"
#include "kern/clock.h"
#include "kern/irq.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/options.h"
#include "mm/obj/cache.h"
#include "mm/obj/slab.h"
#include "mm/phys/memblock.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#include "insist.h"

#define LINE       5U /* of software's: that of these tests (kern/irq.h) */
#define POOL_ORDER 6U
#define POOL_BYTES ((size_t)PAGE_SIZE << POOL_ORDER)
#define PATIENT_NS (20 * NS_PER_S) /* whatever the host does meanwhile */
#define BUF_ORDER  2U
#define BUF_BYTES  (PAGE_SIZE << BUF_ORDER)

static struct simdma_engine engine;
static struct simdma simdma;
static struct dma_device device;
static struct bounce_pool pool;
static struct page *pool_pages;
static uint64_t pool_records[1024]; /* not of kmalloc, as in test_dma.c */
static unsigned int told_refusals, told_misuses;
static uint32_t interrupts_before;
static bool unchecked_before;
static void (*refusal_hook_before)(const struct dma_refusal *told);
static void (*misuse_hook_before)(const struct dma_misuse *told);

static void note_refusal(const struct dma_refusal *told)
{
	(void)told;
	told_refusals++;
}

static void note_misuse(const struct dma_misuse *told)
{
	(void)told;
	told_misuses++;
}

static uint32_t interrupts(void)
{
	struct irq_snapshot snapshot;

	return irq_snapshot(software_irq(LINE), &snapshot) ? snapshot.count : 0;
}

static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
}

/* --- a chip on the board, and off again --------------------------------------------------------- */

static void hook(void)
{
	refusal_hook_before = dma_refusal_hook;
	misuse_hook_before = dma_misuse_hook;
	dma_refusal_hook = note_refusal;
	dma_misuse_hook = note_misuse;
	told_refusals = told_misuses = 0;
	unchecked_before = dma_options.unchecked;
	dma_options.unchecked = false;
}

/* Nothing but the pool is reached. */
static void add_pool(void)
{
	pool_pages = alloc_pages(GFP_KERNEL, POOL_ORDER);
	EXPECT(pool_pages != NULL);
	EXPECT(bounce_pool_record_bytes(POOL_BYTES) <= sizeof(pool_records));
	if (pool_pages == NULL)
		return;
	memset(pool_records, 0, sizeof(pool_records));
	bounce_pool_add(&pool, "selftest", page_to_phys(pool_pages), POOL_BYTES, pool_records);
	device.limit_first_bus = page_to_phys(pool_pages) - memblock_start_of_DRAM();
	device.limit_last_bus = device.limit_first_bus + POOL_BYTES - 1;
}

static void attach(void)
{
	static const struct simdma_registers registers = { simdma_engine_read, simdma_engine_write,
							   &engine };

	EXPECT(simdma_attach(&simdma, &device, &registers, software_irq(LINE)) == 0);
	interrupts_before = interrupts();
}

/* A chip with so many lines; its driver knows nothing but the pool, if it is wanted. False: there are no
 * interrupts, as in a boot without memory for threads, and no such device. */
static bool start(uint32_t lines, bool pool_only)
{
	uint64_t base = memblock_start_of_DRAM();

	if (software_irq(LINE) == 0 || !callout_works())
		return false;

	pause_failing();
	settle();
	begin();
	hook();
	pool_pages = NULL;
	dma_device_init(&device, "selftest-simdma");
	device.windows[0] = (struct dma_reach_window){ .phys = base, .bytes = SZ_4G - base };
	device.window_count = 1;
	if (pool_only)
		add_pool();
	dma_device_register(&device);
	simdma_engine_start(&engine, &simdma_memory, base, lines, software_irq(LINE));
	attach();
	EXPECT(simdma.lines == lines);
	return true;
}

/* Every end was told by one interrupt; slots and mappings have come back. */
static void stop(void)
{
	uint32_t ended = interrupts() - interrupts_before + simdma.late;

	EXPECT(ended == simdma.ended);
	simdma_detach(&simdma);
	simdma_engine_stop(&engine);
	EXPECT(device.live_mappings == 0);
	dma_device_unregister(&device);
	if (pool_pages != NULL) {
		EXPECT(pool.used_slots == 0 && bounce_check() == NULL);
		bounce_pool_remove(&pool);
		__free_pages(pool_pages, POOL_ORDER);
	}
	dma_options.unchecked = unchecked_before;
	dma_refusal_hook = refusal_hook_before;
	dma_misuse_hook = misuse_hook_before;
	EXPECT(told_misuses == 0);
	settle();
	end();
	resume_failing();
}

/* --- bytes of any page --------------------------------------------------------------------------- */

/* By their place in the block, so that a copy that is off by some is seen. */
static uint8_t byte_at(size_t at, uint8_t seed)
{
	return (uint8_t)(at * 11 + (at >> 8) * 5 + seed);
}

/* The bytes [from, end) of a block are byte_at(at - shift, seed): written so, or whether they are. */
static bool visit(struct page *page, size_t from, size_t end, size_t shift, uint8_t seed,
		  bool write)
{
	bool right = true;

	while (from < end) {
		size_t stop = min_u64(end, ALIGN_DOWN(from, PAGE_SIZE) + PAGE_SIZE);
		uint8_t *window = kmap_local_page(page + from / PAGE_SIZE);

		for (; from < stop; from++) {
			uint8_t *byte = &window[from % PAGE_SIZE];

			if (write)
				*byte = byte_at(from - shift, seed);
			else
				right &= *byte == byte_at(from - shift, seed);
		}
		kunmap_local(window);
	}
	return right;
}

static void paint(struct page *page, size_t bytes, uint8_t seed)
{
	visit(page, 0, bytes, 0, seed, true);
}

static bool holds(struct page *page, size_t from, size_t end, size_t shift, uint8_t seed)
{
	return visit(page, from, end, shift, seed, false);
}

/* One copy, guarded before and behind on both sides. Seeds of the two differ. */
static void copy_once(struct page *to, uint32_t to_at, struct page *from, uint32_t from_at,
		      uint32_t bytes)
{
	paint(from, BUF_BYTES, 1);
	paint(to, BUF_BYTES, 100);
	EXPECT(simdma_copy(&simdma, to, to_at, from, from_at, bytes, PATIENT_NS) == 0);
	EXPECT(holds(from, 0, BUF_BYTES, 0, 1));
	EXPECT(holds(to, 0, to_at, 0, 100));
	EXPECT(holds(to, to_at, to_at + bytes, (size_t)to_at - from_at, 1));
	EXPECT(holds(to, to_at + bytes, BUF_BYTES, 0, 100));
}

/* --- every zone to every zone -------------------------------------------------------------------- */

static const gfp_t classes[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

#define CLASSES ARRAY_SIZE(classes)

static void copy_pair(struct page *to, struct page *from)
{
	copy_once(to, 0, from, 0, BUF_BYTES);
	copy_once(to, 4000, from, 61, 200);
	copy_once(to, 1, from, 4095, 1);
	copy_once(to, 700, from, 3, 5000);
}

/* Without a ZONE_DMA there are no such pages. */
static void every_pair(void)
{
	struct page *from[CLASSES], *to[CLASSES];

	for (unsigned int i = 0; i < CLASSES; i++) {
		from[i] = alloc_pages(classes[i] | __GFP_NOWARN, BUF_ORDER);
		to[i] = alloc_pages(classes[i] | __GFP_NOWARN, BUF_ORDER);
	}
	for (unsigned int i = 0; i < CLASSES; i++)
		for (unsigned int j = 0; j < CLASSES; j++)
			if (to[i] != NULL && from[j] != NULL)
				copy_pair(to[i], from[j]);
	EXPECT(to[1] != NULL && from[1] != NULL);
	for (unsigned int i = 0; i < CLASSES; i++) {
		if (from[i] != NULL)
			__free_pages(from[i], BUF_ORDER);
		if (to[i] != NULL)
			__free_pages(to[i], BUF_ORDER);
	}
}

SELFTEST(simdma, buffers_of_every_zone)
{
	if (!start(32, false))
		return;
	every_pair();
	EXPECT(told_refusals == 0);
	EXPECT(simdma.ended != 0);
	stop();
}

SELFTEST(simdma, buffers_of_every_zone_bounced)
{
	if (!start(32, true))
		return;
	every_pair();
	EXPECT(pool.taken_runs == 2 * simdma.ended);
	EXPECT(told_refusals == 0);
	stop();
}

/* --- lists --------------------------------------------------------------------------------------- */

/* Pieces that end at different places on the two sides. */
static void copy_list(struct page *to, struct page *from)
{
	struct scatterlist source[3], target[2];

	paint(from, BUF_BYTES, 1);
	paint(to, BUF_BYTES, 100);
	sg_set_page(&source[0], from, 1000, 24);
	sg_set_page(&source[1], from, 3000, 1024);
	sg_set_page(&source[2], from, 96, 4024);
	sg_set_page(&target[0], to, 2500, 1024);
	sg_set_page(&target[1], to + 1, 1596, 2048);
	EXPECT(simdma_copy_sg(&simdma, target, 2, source, 3, PATIENT_NS) == 0);
	EXPECT(holds(to, 1024, 1024 + 2500, 1000, 1));
	EXPECT(holds(to, PAGE_SIZE + 2048, PAGE_SIZE + 2048 + 1596, PAGE_SIZE + 2048 - 2524, 1));
	EXPECT(holds(to, 0, 1024, 0, 100) && holds(to, 3524, PAGE_SIZE + 2048, 0, 100));
	EXPECT(holds(to, PAGE_SIZE + 3644, BUF_BYTES, 0, 100));
	EXPECT(simdma_copy_sg(&simdma, target, 1, source, 3, PATIENT_NS) == -EINVAL);
}

SELFTEST(simdma, lists_of_pieces)
{
	for (unsigned int bounced = 0; bounced < 2; bounced++) {
		struct page *from, *to;

		if (!start(32, bounced != 0))
			return;
		from = alloc_pages(GFP_HIGHUSER, BUF_ORDER);
		to = alloc_pages(GFP_KERNEL, BUF_ORDER);
		copy_list(to, from);
		copy_list(from, to);
		__free_pages(to, BUF_ORDER);
		__free_pages(from, BUF_ORDER);
		EXPECT(simdma.ended == 2);
		stop();
	}
}

/* --- errors -------------------------------------------------------------------------------------- */

SELFTEST(simdma, errors_are_told)
{
	uint64_t ram_bytes = memblock_end_of_DRAM() - memblock_start_of_DRAM();
	struct simdma_request request = { .source = 0, .bytes = 16 };
	struct page *page, *other;

	if (!start(32, false))
		return;
	page = alloc_pages(GFP_KERNEL, BUF_ORDER);
	other = alloc_pages(GFP_KERNEL, BUF_ORDER);
	/* The first byte of RAM may be reserved: nobody there either. */
	request.source = (dma_addr_t)(page_to_phys(page) - memblock_start_of_DRAM());
	/* Nobody is there behind the end of RAM, nor in front of its start. */
	request.destination = (dma_addr_t)ram_bytes;
	if (memblock_end_of_DRAM() < SZ_4G - PAGE_SIZE) {
		simdma_submit(&simdma, &request);
		EXPECT(simdma_wait(&request) == -EIO);
		EXPECT(request.fault == (dma_addr_t)ram_bytes && request.moved_bytes == 0);
	}
	request = (struct simdma_request){ .bytes = 0 };
	simdma_submit(&simdma, &request);
	EXPECT(simdma_wait(&request) == -EINVAL);
	EXPECT(simdma_copy(&simdma, page, 0, page, 8192, 0, 0) == -EINVAL);
	/* A chip of one piece each 20 us does not get through 4 KiB in 50. */
	EXPECT(simdma_copy(&simdma, page, 0, page, 8192, 4096, 50000) == -ETIMEDOUT);
	EXPECT(simdma.late == 1);
	copy_once(page, 0, other, 0, 16);
	__free_pages(other, BUF_ORDER);
	__free_pages(page, BUF_ORDER);
	stop();
}

/* --- reach --------------------------------------------------------------------------------------- */

/* Lines that leave out some of RAM: half of it or more is within. */
static uint32_t lines_short_of_ram(void)
{
	uint64_t bytes = memblock_end_of_DRAM() - memblock_start_of_DRAM();
	uint32_t lines = 12;

	while (2ULL << lines < bytes)
		lines++;
	return lines;
}

/* A frame out of reach and the one that its address comes out at, both the test's. False: none are free. */
static bool take_frames(uint32_t lines, uint32_t *beyond_pfn, uint32_t *wrapped_pfn)
{
	uint32_t base_pfn = PFN_DOWN(memblock_start_of_DRAM());
	uint32_t end_pfn = PFN_DOWN(memblock_end_of_DRAM());
	uint32_t reach_pages = 1U << (lines - PAGE_SHIFT);

	for (uint32_t pfn = base_pfn + reach_pages; pfn < end_pfn; pfn += 61) {
		if (alloc_contig_range(pfn, pfn + 1, NULL) != 0)
			continue;
		*beyond_pfn = pfn;
		*wrapped_pfn = base_pfn + (pfn - base_pfn) % reach_pages;
		if (alloc_contig_range(*wrapped_pfn, *wrapped_pfn + 1, NULL) == 0)
			return true;
		free_contig_range(pfn, 1);
	}
	return false;
}

/* As told by somebody who does not look: the bytes land where the missing lines make them. */
static void corrupts(struct page *beyond, struct page *wrapped, struct page *near)
{
	dma_options.unchecked = true;
	EXPECT(simdma_copy(&simdma, beyond, 0, near, 0, PAGE_SIZE, PATIENT_NS) == 0);
	EXPECT(holds(beyond, 0, PAGE_SIZE, 0, 1));
	EXPECT(holds(wrapped, 0, PAGE_SIZE, 0, 3));
	paint(wrapped, PAGE_SIZE, 2);
	EXPECT(simdma_copy(&simdma, near, 0, beyond, 0, PAGE_SIZE, PATIENT_NS) == 0);
	EXPECT(holds(near, 0, PAGE_SIZE, 0, 2));
	dma_options.unchecked = false;
}

/* Bounced, or refused where there is no pool: the bytes arrive or nothing happens. */
static void does_not_corrupt(struct page *beyond, struct page *wrapped, struct page *near)
{
	bool bounces = device.pool != NULL;

	EXPECT(simdma_copy(&simdma, beyond, 0, near, 0, PAGE_SIZE, PATIENT_NS) ==
	       (bounces ? 0 : -EFAULT));
	EXPECT(told_refusals == !bounces);
	EXPECT(holds(beyond, 0, PAGE_SIZE, 0, bounces ? 3 : 1));
	EXPECT(holds(wrapped, 0, PAGE_SIZE, 0, 2));
}

static void out_of_reach(void (*then)(struct page *, struct page *, struct page *))
{
	uint32_t lines = lines_short_of_ram(), beyond_pfn, wrapped_pfn, near_pfn;
	struct page *near;

	if (!start(lines, false))
		return;
	if (take_frames(lines, &beyond_pfn, &wrapped_pfn)) {
		near_pfn = wrapped_pfn;
		do
			near_pfn++;
		while (alloc_contig_range(near_pfn, near_pfn + 1, NULL) != 0);
		near = pfn_to_page(near_pfn);
		paint(pfn_to_page(beyond_pfn), PAGE_SIZE, 1);
		paint(pfn_to_page(wrapped_pfn), PAGE_SIZE, 2);
		paint(near, PAGE_SIZE, 3);
		then(pfn_to_page(beyond_pfn), pfn_to_page(wrapped_pfn), near);
		free_contig_range(near_pfn, 1);
		free_contig_range(wrapped_pfn, 1);
		free_contig_range(beyond_pfn, 1);
	} else {
		EXPECT(memblock_end_of_DRAM() - memblock_start_of_DRAM() < SZ_32M);
	}
	stop();
}

SELFTEST(simdma, unchecked_addresses_corrupt)
{
	out_of_reach(corrupts);
}

SELFTEST(simdma, checked_addresses_do_not)
{
	out_of_reach(does_not_corrupt);
}

/* --- everybody at once ----------------------------------------------------------------------------- */

#define COPIERS          3U
#define ROUNDS           12U
#define HANDLER_PAUSE_NS 200000U

static uint32_t handler_calls;
static bool copiers_right;

static void handler_allocates(struct callout *callout)
{
	struct page *page = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, handler_calls++ % 3);

	if (page != NULL)
		__free_pages(page, (handler_calls - 1) % 3);
	/* From the end on: poisoning a block takes an emulator longer than the pause. */
	callout_start(callout, clock_ns() + HANDLER_PAUSE_NS);
}

static int copy_many(void *argument)
{
	uint32_t number = (uint32_t)(uintptr_t)argument, seed = number * 7 + 1;
	struct page *from = alloc_pages(classes[number % CLASSES], BUF_ORDER);
	struct page *to = alloc_pages(GFP_HIGHUSER, BUF_ORDER);

	if (from == NULL) /* no ZONE_DMA */
		from = alloc_pages(GFP_KERNEL, BUF_ORDER);
	for (uint32_t i = 0; i < ROUNDS && from != NULL && to != NULL; i++) {
		uint32_t at = (seed = seed * 1103515245 + 12345) >> 20;
		uint32_t bytes = 1 + at * 3 % (BUF_BYTES - at);

		paint(from, BUF_BYTES, (uint8_t)seed);
		paint(to, BUF_BYTES, (uint8_t)(seed + 77));
		copiers_right &= simdma_copy(&simdma, to, at, from, 0, bytes, PATIENT_NS) == 0 &&
				 holds(to, 0, at, 0, (uint8_t)(seed + 77)) &&
				 holds(to, at, at + bytes, at, (uint8_t)seed) &&
				 holds(to, at + bytes, BUF_BYTES, 0, (uint8_t)(seed + 77));
	}
	if (from != NULL)
		__free_pages(from, BUF_ORDER);
	if (to != NULL)
		__free_pages(to, BUF_ORDER);
	return from != NULL && to != NULL;
}

static int allocate_many(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; !thread_should_stop(); i++) {
		struct page *page = alloc_pages(classes[1 + i % 3] | __GFP_NOWARN, i % 4);
		void *object = kmalloc(64 + i % 900, GFP_KERNEL);

		thread_yield();
		kfree(object);
		if (page != NULL)
			__free_pages(page, i % 4);
	}
	return 0;
}

static void everybody(void)
{
	struct thread *copiers[COPIERS], *allocator;
	struct callout handler;

	handler_calls = 0;
	copiers_right = true;
	callout_init(&handler, handler_allocates);
	callout_start(&handler, clock_ns() + HANDLER_PAUSE_NS);
	allocator = thread_run("allocate", THREAD_PRIORITY_NORMAL, allocate_many, NULL);
	for (uint32_t i = 0; i < COPIERS; i++)
		copiers[i] =
			thread_run("copy", THREAD_PRIORITY_NORMAL, copy_many, (void *)(uintptr_t)i);
	for (uint32_t i = 0; i < COPIERS; i++)
		EXPECT(copiers[i] != NULL && thread_join(copiers[i]) == 1);
	callout_stop(&handler);
	EXPECT(allocator != NULL);
	if (allocator != NULL) {
		thread_stop(allocator);
		thread_join(allocator);
	}
	EXPECT(handler_calls != 0);
	EXPECT(copiers_right);
	EXPECT(simdma.ended == COPIERS * ROUNDS);
}

SELFTEST(simdma, threads_and_handlers_allocate_meanwhile)
{
	for (unsigned int bounced = 0; bounced < 2; bounced++) {
		if (!start(32, bounced != 0))
			return;
		everybody();
		EXPECT(told_refusals == 0);
		stop();
	}
}

/* --- without waiting ------------------------------------------------------------------------------- */

static uint32_t called;
static int called_error;

static void note_call(struct simdma_request *request)
{
	called++;
	called_error |= request->error;
}

/* Two at a time, and what is in the queue when the driver goes. */
SELFTEST(simdma, callbacks_come_in_order_and_at_the_end)
{
	struct simdma_request requests[4];
	uint32_t before, flags;
	struct page *page;
	dma_addr_t bus;

	called = 0;
	called_error = 0;
	if (!start(32, false))
		return;
	page = alloc_page(GFP_KERNEL);
	bus = (dma_addr_t)(page_to_phys(page) - memblock_start_of_DRAM());
	for (uint32_t i = 0; i < 4; i++) {
		requests[i] = (struct simdma_request){ .source = bus,
						       .destination = bus,
						       .bytes = 4,
						       .done = i < 3 ? note_call : NULL };
		simdma_submit(&simdma, &requests[i]);
	}
	EXPECT(simdma_wait(&requests[3]) == 0);
	EXPECT(called == 3 && called_error == 0 && requests[2].moved_bytes == 4);
	before = interrupts();
	/* Masked, or the chip might be quicker than an emulator. */
	flags = local_irq_save();
	for (uint32_t i = 0; i < 2; i++) {
		requests[i].bytes = SZ_1M;
		simdma_submit(&simdma, &requests[i]);
	}
	simdma_detach(&simdma);
	local_irq_restore(flags);
	EXPECT(called == 5 && requests[0].error == -ECANCELED && requests[1].error == -ECANCELED);
	EXPECT(interrupts() == before);
	__free_page(page);
	attach();
	stop();
}
