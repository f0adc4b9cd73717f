/* SPDX-License-Identifier: MIT */
/*
 * Coherent memory and its pools on the page allocator, with every request for memory and every change of
 * a section refused in turn, and with a handler that takes and gives at any moment it could.
 *
 * The records of megabytes stay for good, so all tests share one machine; each leaves it as it was.
 */
#include "dma_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "kern/context.h"
#include "mm/dma/coherent.h"
#include "mm/dma/pool.h"
#include "mm/obj/slab.h"
#include "thread_double.h"
#include "window_double.h"

#define MEGABYTE_PAGES (SZ_1M / PAGE_SIZE)

static struct dma_device device;
static unsigned int pool_misuses;
static struct dma_pool_misuse last_pool_misuse;

struct buffer {
	char *address;
	dma_addr_t bus;
};

static struct buffer buffers[4096];

static void note_pool_misuse(const struct dma_pool_misuse *misuse)
{
	pool_misuses++;
	last_pool_misuse = *misuse;
}

/* --- the machine ----------------------------------------------------------------------------- */

static uint32_t free_pages_now(void)
{
	struct page_check_result result;
	uint32_t pages = 0;

	caches_shrink(GFP_KERNEL, 0);
	magazines_drain_all();
	harness_check(&result);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += result.zones[zone].free_pages;
	return pages;
}

static uint32_t objects_now(void)
{
	uint32_t objects = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kmem_caches); i++)
		if (kmem_caches[i].store != NULL)
			objects += objects_live(&kmem_caches[i]);
	return objects;
}

static uint32_t free_before, objects_before;

static void remember(void)
{
	free_before = free_pages_now();
	objects_before = objects_now();
}

static int setup(void **state)
{
	(void)state;
	dma_start();
	dma_pool_misuse_hook = note_pool_misuse;
	double_may_sleep = true;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	dma_make_device(&device, 32, false);
	pool_misuses = 0;
	remember();
	return 0;
}

/* All megabytes but the boot's are cached again, and all pages are back. */
static int end(void **state)
{
	(void)state;
	coherent_trim();
	assert_null(coherent_check());
	assert_int_equal(device.live_coherent, 0);
	assert_int_equal(double_section_refused, 0);
	assert_int_equal(pool_misuses, 0);
	assert_int_equal(double_sleep_misuses, 0);
	assert_int_equal(free_pages_now(), free_before);
	assert_int_equal(objects_now(), objects_before);
	dma_check_idle(&device);
	dma_device_unregister(&device);
	return 0;
}

static bool take(struct buffer *buffer, size_t bytes, gfp_t gfp)
{
	buffer->address = dma_alloc_coherent(&device, bytes, &buffer->bus, gfp);
	return buffer->address != NULL;
}

static void give(const struct buffer *buffer, size_t bytes)
{
	dma_free_coherent(&device, bytes, buffer->address, buffer->bus);
}

static void take_all(unsigned int count, size_t bytes)
{
	for (unsigned int i = 0; i < count; i++)
		assert_true(take(&buffers[i], bytes, GFP_KERNEL));
}

static void give_all(unsigned int count, size_t bytes)
{
	for (unsigned int i = 0; i < count; i++)
		give(&buffers[i], bytes);
}

static void refuse_pages(const char *which)
{
	assert_null(fail_point_parse(&page_fail, which));
	assert_true(page_debug_set(PAGE_DEBUG_FAIL, true));
}

static void refuse_objects(const char *which)
{
	assert_null(fail_point_parse(&object_fail, which));
	objects_fail_set(true);
}

static void refuse_nothing(void)
{
	page_debug_set(PAGE_DEBUG_FAIL, false);
	objects_fail_set(false);
	double_section_refused = 0;
}

static void all_have_small_pages(bool have)
{
	for (uint64_t offset = 0; offset < RAM_BYTES; offset += SZ_1M)
		double_small_pages((phys_addr_t)(RAM_BASE + offset), have);
}

/* --- the boot's megabyte --------------------------------------------------------------------- */

static void test_start_without_memory(void **state)
{
	(void)state;
	refuse_objects("every:1");
	assert_int_equal(coherent_start(2), 0);
	refuse_nothing();
	refuse_pages("every:1,min_order:8");
	assert_int_equal(coherent_start(2), 0);
	refuse_nothing();
	all_have_small_pages(true);
	assert_int_equal(coherent_start(2), 0);
	all_have_small_pages(false);
	assert_int_equal(double_noncached_sections(), 0);
	remember(); /* the record is there now */
}

static void test_start(void **state)
{
	struct coherent_snapshot block;
	uint32_t number = 0;

	(void)state;
	assert_int_equal(coherent_start(1), 1);
	assert_int_equal(double_noncached_sections(), 1);
	assert_true(coherent_snapshot(&number, &block) && block.kept && block.used_pages == 0);
	assert_true(block.phys + SZ_1M <= RAM_BASE + DMA_BYTES);
	assert_false(coherent_snapshot(&number, &block));
	assert_int_equal(free_before - free_pages_now(), MEGABYTE_PAGES);

	/* Records that later tests find made. */
	take_all(24, SZ_1M);
	give_all(24, SZ_1M);
	remember();
}

/* --- sizes and reach ------------------------------------------------------------------------- */

static void expect_buffer(const struct buffer *buffer, size_t bytes)
{
	size_t whole = ALIGN_UP(bytes, PAGE_SIZE);

	assert_true(IS_ALIGNED((uintptr_t)buffer->address, PAGE_SIZE << get_order(bytes)));
	assert_int_equal(buffer->bus, virt_to_phys(buffer->address) - RAM_BASE);
	for (size_t i = 0; i < whole; i++)
		assert_int_equal(buffer->address[i], 0);
	memset(buffer->address, 0xa5, whole);
}

/* One at a time, each twice, over what the one before left there. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		1,         PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE, SZ_1M / 2 + 1, SZ_1M,
		SZ_1M + 1, SZ_2M,     SZ_2M + 1,     SZ_4M - 5000U, SZ_4M
	};
	struct buffer buffer;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int twice = 0; twice < 2; twice++) {
			assert_true(take(&buffer, sizes[i], GFP_KERNEL));
			expect_buffer(&buffer, sizes[i]);
			assert_null(coherent_check());
			give(&buffer, sizes[i]);
			assert_int_equal(double_noncached_sections(), 1);
		}
	assert_false(take(&buffer, 0, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_SIZE);
	assert_false(take(&buffer, SZ_4M + 1, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_SIZE);
}

/* The mask says the zone; what lies in another one is not given, though it is free. */
static void test_masks(void **state)
{
	unsigned int taken = 0;

	(void)state;
	assert_int_equal(dma_zone_for(&device, DMA_BIT_MASK(24)), (int)__GFP_DMA);
	device.coherent_mask = DMA_BIT_MASK(24);
	while (take(&buffers[taken], SZ_1M, GFP_KERNEL | __GFP_NOWARN))
		assert_true(buffers[taken++].bus + SZ_1M <= DMA_BYTES);
	assert_in_range(taken, 14, 16);
	assert_false(take(&buffers[taken], PAGE_SIZE, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_NO_BLOCK);
	device.coherent_mask = DMA_BIT_MASK(32);
	assert_true(take(&buffers[taken], PAGE_SIZE, GFP_KERNEL));
	assert_true(buffers[taken].bus >= DMA_BYTES);
	/* A megabyte beyond the mask has room, and is passed over. */
	device.coherent_mask = DMA_BIT_MASK(24);
	assert_false(take(&buffers[taken + 1], PAGE_SIZE, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_NO_BLOCK);
	give(&buffers[taken], PAGE_SIZE);
	give_all(taken, SZ_1M);
}

/* No zone is reached whole. */
static void test_ranges(void **state)
{
	struct buffer buffer, second;

	(void)state;
	device.coherent_mask = SZ_8M - 1;
	assert_true(dma_zone_for(&device, device.coherent_mask) < 0);
	take_all(6, SZ_1M);
	for (unsigned int i = 0; i < 6; i++)
		assert_true(buffers[i].bus + SZ_1M <= SZ_8M);
	assert_true(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	assert_true(buffer.bus < SZ_8M);
	give(&buffer, PAGE_SIZE);
	give_all(6, SZ_1M);

	/* From the middle of a megabyte: the first whole one. */
	device.coherent_mask = DMA_BIT_MASK(32);
	device.limit_first_bus = SZ_16M + SZ_4M - SZ_1K;
	assert_true(take(&buffer, PAGE_SIZE, GFP_KERNEL) && take(&second, SZ_2M, GFP_KERNEL));
	assert_int_equal(buffer.bus, SZ_16M + SZ_4M);
	assert_int_equal(second.bus, SZ_16M + SZ_4M + SZ_2M);
	give(&second, SZ_2M);
	give(&buffer, PAGE_SIZE);

	/* Less than a megabyte. */
	device.limit_last_bus = device.limit_first_bus + SZ_1M - 1;
	assert_false(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_UNREACHED);
}

/* Two windows show one zone, the second a page further on the bus: a megabyte across is in neither. */
static void test_windows_that_do_not_join(void **state)
{
	(void)state;
	device.windows[0] = (struct dma_reach_window){ RAM_BASE, SZ_4M + SZ_1M / 2, 0 };
	device.windows[1] = (struct dma_reach_window){ RAM_BASE + SZ_4M + SZ_1M / 2, RAM_BYTES,
						       SZ_4M + SZ_1M / 2 + PAGE_SIZE };
	device.window_count = 2;
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t bus = 0;

		assert_true(take(&buffers[i], SZ_1M, GFP_KERNEL));
		assert_true(dma_reaches(&device, virt_to_phys(buffers[i].address), SZ_1M,
					device.coherent_mask, &bus));
		assert_int_equal(buffers[i].bus, bus);
	}
	give_all(8, SZ_1M);
}

/* Free pages in plenty, but no megabyte: a page of each is somebody's. */
static void test_no_block(void **state)
{
	struct buffer held[MEGABYTE_PAGES], buffer;
	static struct page *pages[RAM_BYTES / PAGE_SIZE];
	unsigned int taken = 0, kept = 0;

	(void)state;
	for (unsigned int i = 0; i < MEGABYTE_PAGES; i++)
		assert_true(take(&held[i], PAGE_SIZE, GFP_ATOMIC));
	assert_false(take(&buffer, PAGE_SIZE, GFP_ATOMIC));
	dma_expect_refusal(DMA_COHERENT_ATOMIC);
	while ((pages[taken] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)) != NULL)
		taken++;
	for (unsigned int i = 0; i < taken; i++)
		if (page_to_pfn(pages[i]) % MEGABYTE_PAGES == 77)
			pages[kept++] = pages[i];
		else
			__free_pages(pages[i], 0);
	magazines_drain_all();
	assert_false(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_NO_BLOCK);
	__free_pages(pages[1], 0); /* nobody else is in its megabyte; in the first one slabs are */
	magazines_drain_all();
	assert_true(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	assert_int_equal(ALIGN_DOWN(virt_to_phys(buffer.address), SZ_1M),
			 ALIGN_DOWN(page_to_phys(pages[1]), SZ_1M));
	give(&buffer, PAGE_SIZE);
	while (--kept > 1)
		__free_pages(pages[kept], 0);
	__free_pages(pages[0], 0);
	for (unsigned int i = 0; i < MEGABYTE_PAGES; i++)
		give(&held[i], PAGE_SIZE);
}

/* --- who may not wait ------------------------------------------------------------------------ */

static void test_atomic(void **state)
{
	struct buffer buffer;

	(void)state;
	take_all(MEGABYTE_PAGES, PAGE_SIZE);
	this_cpu_context()->preempt_count++;
	assert_false(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_ATOMIC);
	assert_int_equal(double_noncached_sections(), 1);
	this_cpu_context()->preempt_count--;
	assert_true(take(&buffer, PAGE_SIZE, GFP_KERNEL));
	this_cpu_context()->preempt_count++;
	give(&buffer, PAGE_SIZE); /* stays, for want of who could give it back */
	assert_int_equal(double_noncached_sections(), 2);
	assert_true(take(&buffer, PAGE_SIZE, GFP_ATOMIC));
	give(&buffer, PAGE_SIZE);
	this_cpu_context()->preempt_count--;
	give(&buffers[0], PAGE_SIZE);
	assert_int_equal(double_noncached_sections(), 1);
	for (unsigned int i = 1; i < MEGABYTE_PAGES; i++)
		give(&buffers[i], PAGE_SIZE);
}

static void test_wrong_frees(void **state)
{
	static struct dma_device other;
	struct buffer one, two;
	void *foreign = kmalloc(PAGE_SIZE, GFP_KERNEL);

	(void)state;
	assert_true(take(&one, 3 * PAGE_SIZE, GFP_KERNEL) && take(&two, SZ_2M + 1, GFP_KERNEL));
	for (unsigned int wrong = 0; wrong < 9; wrong++) {
		const struct {
			void *address;
			size_t bytes;
		} frees[] = {
			{ one.address, 2 * PAGE_SIZE }, { one.address, 4 * PAGE_SIZE },
			{ one.address + PAGE_SIZE, 1 }, { one.address + 4, 3 * PAGE_SIZE },
			{ two.address, SZ_2M },         { two.address + SZ_2M, SZ_2M + 1 },
			{ foreign, PAGE_SIZE },         { one.address, 0 },
			{ &device, 3 * PAGE_SIZE },
		};

		dma_free_coherent(&device, frees[wrong].bytes, frees[wrong].address, one.bus);
		dma_expect_misuse(DMA_FREE_UNKNOWN);
		assert_int_equal(device.live_coherent, 2);
		assert_null(coherent_check());
	}
	dma_free_coherent(&device, PAGE_SIZE, NULL, 0);
	dma_free_coherent(&device, 3 * PAGE_SIZE, one.address, one.bus + PAGE_SIZE);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	dma_make_device(&other, 32, false);
	dma_free_coherent(&other, 3 * PAGE_SIZE, one.address, one.bus);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	assert_int_equal(other.live_coherent, 0);
	dma_device_unregister(&other);
	give(&two, SZ_2M + 1);
	give(&two, SZ_2M + 1);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	give(&one, 3 * PAGE_SIZE);
	give(&one, 3 * PAGE_SIZE);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	kfree(foreign);
}

/* Of a device that sees the caches, too: what is not its buffer is left to whoever has it. */
static void test_wrong_frees_of_ordinary_pages(void **state)
{
	static struct dma_device other;
	struct page *foreign = alloc_pages(GFP_KERNEL, 0);
	struct buffer one, wrong;

	(void)state;
	device.coherent = true;
	dma_make_device(&other, 32, true);
	assert_true(take(&one, 3 * PAGE_SIZE, GFP_KERNEL));
	for (size_t pages = 1; pages <= 5; pages++)
		if (pages != 3) {
			give(&one, pages * PAGE_SIZE);
			dma_expect_misuse(DMA_FREE_UNKNOWN);
		}
	wrong = (struct buffer){ one.address + PAGE_SIZE, one.bus + PAGE_SIZE };
	give(&wrong, 2 * PAGE_SIZE);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	wrong = (struct buffer){ page_address(foreign),
				 (dma_addr_t)(page_to_phys(foreign) - RAM_BASE) };
	give(&wrong, PAGE_SIZE);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	dma_free_coherent(&other, 3 * PAGE_SIZE, one.address, one.bus);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	assert_int_equal(device.live_coherent, 1);
	harness_check(NULL);
	give(&one, 3 * PAGE_SIZE);
	give(&one, 3 * PAGE_SIZE);
	dma_expect_misuse(DMA_FREE_UNKNOWN);
	dma_device_unregister(&other);
	__free_pages(foreign, 0);
	device.coherent = false;
}

/* --- everything refused once ----------------------------------------------------------------- */

/* Something of several requests: true when all was served; it gives back what it took. */
typedef bool operation_fn(void);

static bool take_and_give(size_t bytes)
{
	struct buffer buffer = { NULL, 5 };
	bool served = take(&buffer, bytes, GFP_KERNEL | __GFP_NOWARN);

	assert_true(served || buffer.bus == 5);
	if (served)
		expect_buffer(&buffer, bytes);
	give(&buffer, bytes);
	return served;
}

/* The kept megabyte is no help. */
static bool one_more_page(void)
{
	bool served;

	take_all(MEGABYTE_PAGES, PAGE_SIZE);
	served = take_and_give(PAGE_SIZE);
	give_all(MEGABYTE_PAGES, PAGE_SIZE);
	return served;
}

static bool three_megabytes(void)
{
	return take_and_give(3 * SZ_1M);
}

static bool ordinary_pages(void)
{
	bool served;

	device.coherent = true;
	served = take_and_give(5 * PAGE_SIZE);
	device.coherent = false;
	return served;
}

static bool pool_of(size_t bytes, unsigned int blocks)
{
	struct dma_pool *pool = dma_pool_create("test", &device, bytes, 64, 0);
	dma_addr_t bus[16];
	char *block[16];
	unsigned int taken = 0;

	if (pool == NULL)
		return false;
	while (taken < blocks && (block[taken] = dma_pool_zalloc(pool, GFP_KERNEL | __GFP_NOWARN,
								 &bus[taken])) != NULL)
		memset(block[taken++], 0x5a, bytes);
	for (unsigned int i = 0; i < taken; i++)
		dma_pool_free(pool, block[i], bus[i]);
	dma_pool_destroy(pool);
	return taken == blocks;
}

static bool small_pool(void)
{
	return pool_of(1000, 16);
}

static bool large_pool(void)
{
	return pool_of(SZ_1M / 2 + 64, 5);
}

/* What is refused once is served the next time, and nothing is missing. */
static unsigned int failures_of(operation_fn *run, void (*refuse)(unsigned int n),
				bool (*refused)(void))
{
	uint32_t free_least = free_pages_now();
	unsigned int n = 0;
	bool served = false;

	while (!served) {
		refuse(++n);
		served = run();
		assert_int_not_equal(served, refused());
		refuse_nothing();
		assert_true(run());
		coherent_trim();
		assert_int_equal(double_noncached_sections(), 1);
		assert_null(coherent_check());
		assert_int_equal(device.live_coherent, 0);
		assert_int_equal(free_pages_now(), free_least);
		assert_true(n < 1000);
	}
	return n - 1;
}

static void refuse_page(unsigned int n)
{
	char how[40];

	snprintf(how, sizeof(how), "nth:%u", n);
	refuse_pages(how);
}

static bool page_was_refused(void)
{
	return page_fail.failed != 0;
}

static void refuse_object(unsigned int n)
{
	char how[40];

	snprintf(how, sizeof(how), "nth:%u", n);
	refuse_objects(how);
}

static bool object_was_refused(void)
{
	return object_fail.failed != 0;
}

static void test_every_failure(void **state)
{
	(void)state;
	assert_int_equal(failures_of(one_more_page, refuse_page, page_was_refused), 1);
	assert_int_equal(failures_of(three_megabytes, refuse_page, page_was_refused), 1);
	assert_int_equal(failures_of(ordinary_pages, refuse_page, page_was_refused), 1);
	assert_int_equal(failures_of(one_more_page, refuse_object, object_was_refused), 0);
	assert_int_equal(failures_of(small_pool, refuse_object, object_was_refused), 5);
	assert_int_equal(failures_of(large_pool, refuse_object, object_was_refused), 6);
	assert_true(failures_of(large_pool, refuse_page, page_was_refused) >= 4);
}

/* Refused at the first, second, ... section: those before it are cached again, and another block serves. */
static void test_every_section(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 4; n++) {
		double_section_refused = n;
		assert_true(take(&buffers[0], SZ_4M, GFP_KERNEL));
		assert_int_equal(double_section_refused, 0);
		assert_int_equal(double_noncached_sections(), 5);
		assert_null(coherent_check());
		give(&buffers[0], SZ_4M);
		assert_int_equal(free_pages_now(), free_before);
	}
}

/* Blocks with small pages are passed over, a few of them; that is no reason to lose them. */
static void test_small_pages(void **state)
{
	unsigned int taken = 0;

	(void)state;
	for (uint64_t offset = SZ_1M; offset < DMA_BYTES + NORMAL_BYTES; offset += SZ_4M)
		double_small_pages((phys_addr_t)(RAM_BASE + offset), true);
	while (take(&buffers[taken], SZ_1M, GFP_KERNEL | __GFP_NOWARN))
		taken++;
	assert_true(taken >= (DMA_BYTES + NORMAL_BYTES) / SZ_1M * 3 / 4 - 4);
	assert_null(coherent_check());
	give_all(taken, SZ_1M);
	all_have_small_pages(true);
	assert_false(take(&buffers[0], SZ_2M, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_NO_BLOCK);
	device.coherent_mask = SZ_8M - 1; /* by range */
	assert_false(take(&buffers[0], SZ_2M, GFP_KERNEL));
	dma_expect_refusal(DMA_COHERENT_NO_BLOCK);
	all_have_small_pages(false);
	assert_int_equal(free_pages_now(), free_before);
}

/* One that cannot be made cached again stays whole, for the next buffers, and goes when it can. */
static void test_sections_that_stay(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 4; n++) {
		assert_true(take(&buffers[0], SZ_4M, GFP_KERNEL));
		double_section_refused = n;
		give(&buffers[0], SZ_4M);
		assert_int_equal(double_section_refused, 0);
		assert_int_equal(double_noncached_sections(), 5);
		assert_null(coherent_check());
		assert_int_equal(free_before - free_pages_now(), 4 * MEGABYTE_PAGES);
		coherent_trim();
		assert_int_equal(double_noncached_sections(), 1);
		assert_int_equal(free_pages_now(), free_before);
	}
	take_all(MEGABYTE_PAGES + 1, PAGE_SIZE);
	double_section_refused = 1;
	give(&buffers[MEGABYTE_PAGES], PAGE_SIZE);
	assert_int_equal(double_noncached_sections(), 2);
	assert_true(take(&buffers[MEGABYTE_PAGES], PAGE_SIZE, GFP_ATOMIC));
	give_all(MEGABYTE_PAGES + 1, PAGE_SIZE);
}

/* --- at any moment --------------------------------------------------------------------------- */

#define STEPS        20000U
#define SLOTS        24U
#define HANDLER_SLOT 16U /* from here on they are the handler's */

static struct slot {
	struct dma_device *device;
	struct dma_pool *pool; /* NULL: a buffer of its own */
	struct buffer buffer;  /* no address: empty */
	size_t bytes;
	uint32_t mark;
} slots[SLOTS];

static struct dma_device low_device;
static struct dma_pool *small_blocks, *odd_blocks;
static uint32_t random_state, next_mark, handler_turns, refused, served;
static bool in_handler;

static uint32_t roll(uint32_t below)
{
	return harness_random(&random_state) % below;
}

/* First and last word of each page, and of the whole. */
static void visit(struct slot *slot, bool write)
{
	for (size_t i = 0; i < slot->bytes; i += PAGE_SIZE / 2) {
		size_t at = min_u32((uint32_t)i, (uint32_t)slot->bytes - 4);
		uint32_t *word = (uint32_t *)(slot->buffer.address + ALIGN_DOWN(at, 4));

		if (write)
			*word = slot->mark + (uint32_t)i;
		else
			assert_int_equal(*word, slot->mark + (uint32_t)i);
	}
}

static void fill_slot(struct slot *slot, gfp_t gfp)
{
	static struct dma_pool **const pools[] = { &small_blocks, &odd_blocks };
	static const size_t pool_bytes[] = { 64, 1500 };
	uint32_t kind = roll(4);

	slot->device = roll(3) == 0 ? &low_device : &device;
	slot->pool = NULL;
	slot->bytes = roll(8) == 0 ? 4 + roll(SZ_4M - 4) : 4 + roll(40 * PAGE_SIZE);
	if (kind < 2) {
		slot->pool = *pools[kind];
		slot->bytes = pool_bytes[kind];
		slot->device = &device;
		slot->buffer.address = dma_pool_zalloc(slot->pool, gfp, &slot->buffer.bus);
	} else {
		slot->buffer.address =
			dma_alloc_coherent(slot->device, slot->bytes, &slot->buffer.bus, gfp);
	}
	if (slot->buffer.address == NULL) {
		refused++;
		return;
	}
	served++;
	assert_int_equal(slot->buffer.bus, virt_to_phys(slot->buffer.address) - RAM_BASE);
	assert_true(slot->buffer.bus + slot->bytes - 1 <= slot->device->coherent_mask);
	assert_int_equal(*(uint32_t *)slot->buffer.address, 0);
	assert_int_equal(slot->buffer.address[slot->bytes - 1], 0);
	slot->mark = next_mark += 0x01000193U;
	visit(slot, true);
}

static void empty_slot(struct slot *slot)
{
	visit(slot, false);
	if (slot->pool != NULL)
		dma_pool_free(slot->pool, slot->buffer.address, slot->buffer.bus);
	else
		dma_free_coherent(slot->device, slot->bytes, slot->buffer.address,
				  slot->buffer.bus);
	slot->buffer.address = NULL;
}

static void turn(struct slot *slot, gfp_t gfp)
{
	if (slot->buffer.address == NULL)
		fill_slot(slot, gfp);
	else
		empty_slot(slot);
}

/* One of its own, now and then, wherever interrupts are let in. */
static void handler(void)
{
	if (in_handler || roll(6) != 0)
		return;
	in_handler = true;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	turn(&slots[HANDLER_SLOT + roll(SLOTS - HANDLER_SLOT)], GFP_ATOMIC | __GFP_NOWARN);
	double_irq_flags = 0;
	in_handler = false;
	handler_turns++;
}

static void refuse_some(void)
{
	if (roll(40) == 0)
		refuse_pages("probability:20,min_order:8");
	if (roll(40) == 0)
		refuse_objects("probability:20");
	if (roll(40) == 0)
		double_section_refused = 1 + roll(5);
	if (roll(10) == 0)
		refuse_nothing();
}

static void random_steps(uint32_t seed, bool with_handler)
{
	random_state = seed;
	refused = served = handler_turns = 0;
	dma_make_device(&low_device, 24, false);
	low_device.coherent_mask = DMA_BIT_MASK(24);
	small_blocks = dma_pool_create("small", &device, 64, 64, 0);
	odd_blocks = dma_pool_create("odd", &device, 1500, 4, 2 * SZ_1K);
	double_irq_masking = double_irq_unmasked = with_handler ? handler : NULL;
	for (uint32_t i = 0; i < STEPS; i++) {
		turn(&slots[roll(HANDLER_SLOT)],
		     (roll(4) == 0 ? GFP_ATOMIC : GFP_KERNEL) | __GFP_NOWARN);
		refuse_some();
		if (i % 64 == 0)
			assert_null(coherent_check());
	}
	double_irq_masking = double_irq_unmasked = NULL;
	refuse_nothing();
	for (uint32_t i = 0; i < SLOTS; i++)
		if (slots[i].buffer.address != NULL)
			empty_slot(&slots[i]);
	dma_pool_destroy(small_blocks);
	dma_pool_destroy(odd_blocks);
	dma_device_unregister(&low_device);
	assert_true(served > STEPS / 4 && refused > STEPS / 100);
	assert_true(!with_handler || handler_turns > STEPS / 4);
}

static void test_random(void **state)
{
	(void)state;
	random_steps(1, false);
	random_steps(2, true);
}

/* Another thread gives the last page of a megabyte back, the n-th time that it could come. */
static unsigned int moments_before;

static void give_in_between(void)
{
	if (moments_before-- != 0)
		return;
	double_irq_masking = NULL;
	give(&buffers[MEGABYTE_PAGES], PAGE_SIZE);
}

static void test_block_that_goes(void **state)
{
	struct buffer buffer;
	unsigned int moment = 0;
	bool came = true;

	(void)state;
	for (; came; moment++) {
		take_all(MEGABYTE_PAGES + 1, PAGE_SIZE);
		moments_before = moment;
		double_irq_masking = give_in_between;
		assert_true(take(&buffer, PAGE_SIZE, GFP_KERNEL));
		came = double_irq_masking == NULL;
		double_irq_masking = NULL;
		assert_null(coherent_check());
		expect_buffer(&buffer, PAGE_SIZE);
		give(&buffer, PAGE_SIZE);
		give_all(MEGABYTE_PAGES + !came, PAGE_SIZE);
		assert_int_equal(double_noncached_sections(), 1);
	}
	assert_true(moment > 1);
}

/* --- pools ----------------------------------------------------------------------------------- */

/* A handler that takes a block as well, the n-th time that it could come. */
static struct dma_pool *raced_pool;
static struct buffer raced;

static void take_in_between(void)
{
	if (moments_before-- != 0)
		return;
	double_irq_masking = NULL;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	raced.address = dma_pool_alloc(raced_pool, GFP_ATOMIC, &raced.bus);
	double_irq_flags = 0;
}

/* False: there are not so many moments. */
static bool race_at(unsigned int moment)
{
	struct dma_pool_snapshot snapshot;
	struct buffer mine;
	bool came;

	raced_pool = dma_pool_create("raced", &device, PAGE_SIZE / 4, 0, 0);
	moments_before = moment;
	double_irq_masking = take_in_between;
	mine.address = dma_pool_alloc(raced_pool, GFP_KERNEL, &mine.bus);
	came = double_irq_masking == NULL;
	double_irq_masking = NULL;
	assert_non_null(mine.address);
	dma_pool_free(raced_pool, mine.address, mine.bus);
	if (came) {
		assert_non_null(raced.address);
		assert_ptr_not_equal(mine.address, raced.address);
		assert_true(dma_pool_snapshot(0, &snapshot) && snapshot.used_blocks == 1);
		dma_pool_free(raced_pool, raced.address, raced.bus);
	}
	dma_pool_destroy(raced_pool);
	return came;
}

static void test_pool_race(void **state)
{
	unsigned int moment = 0;

	(void)state;
	while (race_at(moment))
		moment++;
	assert_true(moment >= 3); /* nothing is free; the place is claimed; the chunk is added */
}

static void expect_pool_misuse(enum dma_pool_misuse_kind kind)
{
	assert_int_equal(pool_misuses, 1);
	assert_int_equal(last_pool_misuse.kind, kind);
	pool_misuses = 0;
}

static void test_pool_left(void **state)
{
	struct dma_pool *pool = dma_pool_create("left", &device, PAGE_SIZE, 0, 0);
	struct buffer kept, other;

	(void)state;
	kept.address = dma_pool_alloc(pool, GFP_KERNEL, &kept.bus);
	other.address = dma_pool_alloc(pool, GFP_KERNEL, &other.bus);
	dma_pool_free(pool, other.address, kept.bus);
	expect_pool_misuse(DMA_POOL_WRONG_BUS);
	dma_pool_free(pool, other.address, other.bus);
	dma_pool_free(pool, other.address, other.bus);
	expect_pool_misuse(DMA_POOL_DOUBLE_FREE);
	dma_pool_destroy(pool);
	expect_pool_misuse(DMA_POOL_LEFT);
	assert_int_equal(last_pool_misuse.blocks, 1);
	assert_int_equal(device.live_coherent, 1);
	give(&kept, PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start_without_memory, begin, end),
		cmocka_unit_test_setup_teardown(test_start, begin, end),
		cmocka_unit_test_setup_teardown(test_sizes, begin, end),
		cmocka_unit_test_setup_teardown(test_masks, begin, end),
		cmocka_unit_test_setup_teardown(test_ranges, begin, end),
		cmocka_unit_test_setup_teardown(test_windows_that_do_not_join, begin, end),
		cmocka_unit_test_setup_teardown(test_no_block, begin, end),
		cmocka_unit_test_setup_teardown(test_atomic, begin, end),
		cmocka_unit_test_setup_teardown(test_wrong_frees, begin, end),
		cmocka_unit_test_setup_teardown(test_wrong_frees_of_ordinary_pages, begin, end),
		cmocka_unit_test_setup_teardown(test_every_failure, begin, end),
		cmocka_unit_test_setup_teardown(test_every_section, begin, end),
		cmocka_unit_test_setup_teardown(test_small_pages, begin, end),
		cmocka_unit_test_setup_teardown(test_sections_that_stay, begin, end),
		cmocka_unit_test_setup_teardown(test_random, begin, end),
		cmocka_unit_test_setup_teardown(test_block_that_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_pool_race, begin, end),
		cmocka_unit_test_setup_teardown(test_pool_left, begin, end),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
