/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's other doors: addresses, zeroed pages, references, compounds, blocks in
 * pieces, exact sizes and given frames.
 */
#include "page_harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BLOCK (1U << PAGE_ORDER_MAX)
#define BASE  HARNESS_BASE_PFN

#define QUIET (GFP_KERNEL | __GFP_NOWARN)

static struct zone *const normal = &zones[ZONE_NORMAL];

static struct page *ask(gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order);
}

/* A little of every zone, without watermarks. */
static const struct harness_machine four_zones = {
	.zone_pages = { 3 * BLOCK + 1, 4 * BLOCK + 3, 3 * BLOCK, 3 * BLOCK + 5 },
};

static void start(const struct harness_machine *machine)
{
	harness_start(machine);
	harness_clear_watermarks();
}

static void start_normal(uint32_t blocks)
{
	start(&(struct harness_machine){ .zone_pages = { 0, blocks * BLOCK, 0, 0 } });
}

static uint32_t spare(void)
{
	return harness_spare_pages(ZONE_NORMAL);
}

/* Nothing is out, and the buddy is as whole as on the first day. */
static void expect_nothing_missing(void)
{
	magazines_drain_all();
	harness_check(NULL);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_int_equal(harness_spare_pages(zone), zones[zone].managed_pages);
	assert_int_equal(harness_misuses, 0);
}

/* --- addresses -------------------------------------------------------------------------------- */

static void expect_linear(struct page *page, char *address)
{
	assert_ptr_equal(address, harness_page_data(page));
	assert_int_equal(__pa(address), page_to_phys(page));
	assert_ptr_equal(__va(page_to_phys(page)), address);
	assert_ptr_equal(virt_to_page(address), page);
	assert_ptr_equal(virt_to_page(address + PAGE_SIZE - 1), page);
	assert_ptr_equal(virt_to_page(address + PAGE_SIZE), page + 1);
}

static void test_round_trips(void **state)
{
	static const gfp_t gfps[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

	(void)state;
	start(&four_zones);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			struct page *page = ask(gfps[zone], order);
			uint32_t pfn = page_to_pfn(page);
			char *address = page_address(page);

			assert_ptr_equal(pfn_to_page(pfn), page);
			assert_int_equal(page_to_phys(page), (phys_addr_t)pfn << PAGE_SHIFT);
			assert_ptr_equal(phys_to_page(page_to_phys(page)), page);
			assert_ptr_equal(phys_to_page(page_to_phys(page) + PAGE_SIZE - 1), page);
			assert_int_equal(page_zone_index(page), zone);
			if (zone >= ZONE_HIGHMEM)
				assert_null(address);
			else
				expect_linear(page, address);
			__free_pages(page, order);
		}
}

/* The last page of lowmem has an address, the first of highmem none; so with Movable of lowmem. */
static void test_where_lowmem_ends(void **state)
{
	uint32_t end = BASE + 7 * BLOCK + 4;

	(void)state;
	start(&four_zones);
	assert_int_equal(zones_lowmem_end_pfn(), end);
	assert_non_null(page_address(pfn_to_page(end - 1)));
	assert_null(page_address(pfn_to_page(end)));
	start(&(struct harness_machine){ .zone_pages = { 0, BLOCK, 0, BLOCK } });
	assert_non_null(page_address(pfn_to_page(BASE + 2 * BLOCK - 1)));
	assert_non_null(page_address(ask(GFP_HIGHUSER_MOVABLE, 0)));
}

/* Addresses are lowmem's, whatever the flags hope for, to the last page. */
static void test_addresses_are_never_highmem(void **state)
{
	static const gfp_t gfps[] = { GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE, GFP_KERNEL };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++) {
		uint32_t pages = 0;
		uintptr_t address;

		start(&four_zones);
		while ((address = __get_free_pages(gfps[i] | __GFP_NOWARN, 0)) != 0) {
			assert_ptr_equal(page_address(virt_to_page((void *)address)),
					 (void *)address);
			pages++;
		}
		assert_int_equal(pages, normal->managed_pages + zones[ZONE_DMA].managed_pages);
		assert_int_equal(harness_spare_pages(ZONE_HIGHMEM), 3 * BLOCK);
		assert_int_equal(harness_spare_pages(ZONE_MOVABLE), 3 * BLOCK + 5);
	}
}

static void test_free_by_address(void **state)
{
	(void)state;
	start(&four_zones);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		uintptr_t address = __get_free_pages(GFP_KERNEL, order);

		assert_int_not_equal(address, 0);
		assert_true(IS_ALIGNED(address - linear_offset, (uintptr_t)PAGE_SIZE << order));
		free_pages(address, order);
	}
	free_page(__get_free_page(GFP_DMA));
	free_page(get_zeroed_page(GFP_ATOMIC));
	free_pages(0, 0);
	free_pages(0, NR_PAGE_ORDERS);
	expect_nothing_missing();
}

/* As the header says: nothing happens. */
/* --- contents --------------------------------------------------------------------------------- */

static void expect_bytes(const struct page *page, unsigned int order, int byte)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		const char *data = harness_page_data(page + i);

		assert_int_equal(data[0], byte);
		assert_int_equal(memcmp(data, data + 1, PAGE_SIZE - 1), 0);
	}
}

static void fill(const struct page *page, unsigned int order, int byte)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		memset(harness_page_data(page + i), byte, PAGE_SIZE);
}

/* Each page of a zeroed block is, and no other; without the flag contents are as they were. */
static void test_zeroed_blocks(void **state)
{
	static const gfp_t gfps[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

	(void)state;
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			struct page *page;

			start(&four_zones);
			for (uint32_t pfn = BASE; pfn < BASE + 15 * BLOCK; pfn++)
				memset(harness_page_data(pfn_to_page(pfn)), 0x5a, PAGE_SIZE);
			page = ask(gfps[zone], order);
			expect_bytes(page, order, 0x5a);
			__free_pages(page, order);
			page = ask(gfps[zone] | __GFP_ZERO, order);
			assert_int_equal(page_zone_index(page), zone);
			expect_bytes(page, order, 0);
			expect_bytes(page - 1, 0, 0x5a);
			expect_bytes(page + (1U << order), 0, 0x5a);
			fill(page, order, 0x5a);
			__free_pages(page, order);
			expect_nothing_missing();
		}
}

static void test_zeroed_page_by_address(void **state)
{
	uintptr_t address;

	(void)state;
	start(&four_zones);
	address = __get_free_page(GFP_KERNEL);
	memset((void *)address, 1, PAGE_SIZE);
	free_page(address);
	assert_int_equal(get_zeroed_page(GFP_KERNEL), address);
	expect_bytes(virt_to_page((void *)address), 0, 0);
}

/* Without a way to zero highmem the request is refused: told, and nothing is taken. */
static void test_highmem_that_cannot_be_zeroed(void **state)
{
	(void)state;
	start(&four_zones);
	page_window_open_hook = NULL;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		assert_null(ask(GFP_HIGHUSER | __GFP_ZERO | __GFP_NOWARN, order));
		assert_int_equal(harness_refusals, order);
		assert_null(ask(GFP_HIGHUSER | __GFP_ZERO, order));
		assert_int_equal(harness_refusals, order + 1);
		assert_int_equal(harness_last_refusal.order, order);
		assert_int_equal(harness_last_refusal.gfp, GFP_HIGHUSER | __GFP_ZERO);
	}
	assert_non_null(ask(GFP_KERNEL | __GFP_ZERO, 0));
	assert_int_equal(spare(), normal->managed_pages - 1);
	assert_int_equal(harness_spare_pages(ZONE_HIGHMEM), zones[ZONE_HIGHMEM].managed_pages);
}

/* --- references ------------------------------------------------------------------------------- */

/* Whoever lets go last frees the block, by whichever of the calls. */
static void test_references(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		for (int how = 0; how < 8; how++) {
			struct page *page;

			start_normal(4);
			page = ask(GFP_KERNEL, order);
			assert_int_equal(page_count(page), 1);
			get_page(page);
			get_page(page);
			assert_int_equal(page_count(page), 3);
			for (int left = 2; left >= 0; left--) {
				if (how >> left & 1)
					put_page(page);
				else
					__free_pages(page, order);
				assert_int_equal(page_count(page), left);
				assert_int_equal(spare() == normal->managed_pages, left == 0);
			}
			expect_nothing_missing();
		}
}

static void test_most_references(void **state)
{
	struct page *page;

	(void)state;
	start_normal(3);
	page = ask(GFP_KERNEL, 1);
	for (uint32_t i = 1; i < 65535; i++)
		get_page(page);
	assert_int_equal(page_count(page), 65535);
	assert_int_equal(harness_misuses, 0);
	get_page(page);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, MISUSE_NOT_HELD);
	assert_int_equal(page_count(page), 65535);
	assert_int_equal(page->count >> 16, 0);
	for (uint32_t i = 0; i < 65535; i++)
		put_page(page);
	assert_int_equal(harness_misuses, 1);
	harness_misuses = 0;
	expect_nothing_missing();
}

/* A tail of a plain block cannot be held; one of a compound block stands for the block. */
static void test_tails(void **state)
{
	(void)state;
	for (unsigned int order = 1; order < NR_PAGE_ORDERS; order++) {
		struct page *page, *last;

		start_normal(4);
		page = ask(GFP_KERNEL, order);
		last = page + (1U << order) - 1;
		assert_int_equal(page_count(last), 0);
		assert_ptr_equal(compound_head(last), last);
		get_page(last);
		put_page(last);
		assert_int_equal(harness_misuses, 2);
		assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(page));
		assert_int_equal(page_count(page), 1);
		__free_pages(page, order);

		page = ask(GFP_KERNEL | __GFP_COMP, order);
		last = page + (1U << order) - 1;
		for (uint32_t i = 0; i < 1U << order; i++) {
			assert_ptr_equal(compound_head(page + i), page);
			assert_int_equal(page_count(page + i), 1);
		}
		get_page(last);
		assert_int_equal(page_count(page), 2);
		put_page(page + 1);
		put_page(last);
		assert_int_equal(page_count(page), 0);
		assert_ptr_equal(compound_head(last), last);
		harness_misuses = 0;
		expect_nothing_missing();
		assert_false(ask(GFP_KERNEL, order)->flags & PAGE_COMPOUND);
	}
}

static void test_compound_of_one_page(void **state)
{
	struct page *page;

	(void)state;
	start_normal(4);
	page = ask(GFP_KERNEL | __GFP_COMP, 0);
	assert_ptr_equal(compound_head(page), page);
	assert_ptr_equal(compound_head(page + 1), page + 1);
	put_page(page);
	assert_int_equal(page_count(page), 0);
	assert_ptr_equal(compound_head(pfn_to_page(BASE)), pfn_to_page(BASE));
	assert_ptr_equal(compound_head(pfn_to_page(0)), pfn_to_page(0));
	assert_int_equal(page_count(pfn_to_page(BASE)), 0);
	assert_int_equal(page_count(pfn_to_page(0)), 0);
	expect_nothing_missing();
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void test_split_page(void **state)
{
	uint32_t seed = 5;

	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		struct page *pages[BLOCK];
		uint32_t left = 1U << order;
		struct page *page;

		start_normal(4);
		page = ask(GFP_KERNEL | __GFP_RECLAIMABLE, order);
		split_page(page, order);
		harness_check(NULL);
		for (uint32_t i = 0; i < left; i++) {
			pages[i] = page + i;
			assert_int_equal(page_count(pages[i]), 1);
			assert_int_equal(page_order(pages[i]), 0);
			assert_int_equal(page_migrate_type(pages[i]), MIGRATE_RECLAIMABLE);
			assert_ptr_equal(page_block_head(page_to_pfn(pages[i])), pages[i]);
		}
		while (left > 0) {
			uint32_t chosen = harness_random(&seed) % left;

			__free_page(pages[chosen]);
			pages[chosen] = pages[--left];
			assert_int_equal(spare(), normal->managed_pages - left);
			if (left % 16 == 0)
				harness_check(NULL);
		}
		expect_nothing_missing();
	}
}

static void test_get_order(void **state)
{
	(void)state;
	assert_true(get_order(0) > PAGE_ORDER_MAX);
	assert_int_equal(get_order(1), 0);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		size_t bytes = (size_t)PAGE_SIZE << order;

		assert_int_equal(get_order(bytes - 1), order);
		assert_int_equal(get_order(bytes), order);
		if (order < PAGE_ORDER_MAX)
			assert_int_equal(get_order(bytes + 1), order + 1);
		else
			assert_true(get_order(bytes + 1) > PAGE_ORDER_MAX);
	}
	assert_true(get_order(SIZE_MAX) > PAGE_ORDER_MAX);
	assert_true(get_order(SIZE_MAX - PAGE_SIZE + 1) > PAGE_ORDER_MAX);
	assert_true(get_order((size_t)1 << 31) > PAGE_ORDER_MAX);
}

static void expect_exact(size_t bytes, gfp_t gfp)
{
	uint32_t pages = (uint32_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
	char *address = alloc_pages_exact(bytes, gfp);

	assert_non_null(address);
	assert_int_equal(spare(), normal->managed_pages - pages);
	for (uint32_t i = 0; i < pages; i++) {
		struct page *page = virt_to_page(address + (size_t)i * PAGE_SIZE);

		assert_int_equal(page_count(page), 1);
		assert_int_equal(page_order(page), 0);
		assert_false(page->flags & PAGE_COMPOUND);
	}
	harness_check(NULL);
	free_pages_exact(address, bytes);
	expect_nothing_missing();
}

static void test_exact_sizes(void **state)
{
	(void)state;
	start_normal(4);
	for (uint32_t pages = 1; pages <= BLOCK; pages += pages < 40 ? 1 : pages / 3) {
		expect_exact((size_t)pages * PAGE_SIZE, GFP_KERNEL);
		expect_exact((size_t)(pages - 1) * PAGE_SIZE + 1, GFP_KERNEL | __GFP_COMP);
	}
	expect_exact((size_t)BLOCK * PAGE_SIZE, GFP_KERNEL);
	assert_null(alloc_pages_exact(0, QUIET));
	assert_null(alloc_pages_exact((size_t)BLOCK * PAGE_SIZE + 1, QUIET));
	assert_null(alloc_pages_exact(SIZE_MAX, QUIET));
	expect_nothing_missing();
}

static void test_exact_size_in_lowmem_zeroed_and_freed_page_by_page(void **state)
{
	char *address;

	(void)state;
	start(&four_zones);
	address = alloc_pages_exact(3 * PAGE_SIZE, GFP_HIGHUSER | __GFP_ZERO);
	assert_ptr_equal(page_address(virt_to_page(address)), address);
	for (int i = 2; i >= 0; i--) {
		expect_bytes(virt_to_page(address + i * PAGE_SIZE), 0, 0);
		free_page((uintptr_t)address + (uintptr_t)i * PAGE_SIZE);
	}
	expect_nothing_missing();
}

/* --- given frames ----------------------------------------------------------------------------- */

static void expect_range(uint32_t from, uint32_t to)
{
	uint32_t busy = 12345;

	assert_int_equal(alloc_contig_range(BASE + from, BASE + to, &busy), 0);
	assert_int_equal(busy, 12345);
	assert_int_equal(spare(), normal->managed_pages - (to - from));
	for (uint32_t i = from; i < to; i++) {
		struct page *page = pfn_to_page(BASE + i);

		assert_int_equal(page_type(page), PAGE_ALLOCATED);
		assert_int_equal(page_order(page), 0);
		assert_int_equal(page_count(page), 1);
		assert_int_equal(page->flags & PAGE_COMPOUND, 0);
	}
	harness_check(NULL);
	free_contig_range(BASE + from, to - from);
	expect_nothing_missing();
}

/* Edges that are worth it: beside every power of two of a pageblock and of the next two. */
static uint32_t next_edge(uint32_t edge)
{
	uint32_t within = edge % BLOCK;

	if (BLOCK <= 8)
		return edge + 1;
	for (uint32_t size = 1; size < BLOCK; size *= 2)
		for (uint32_t near = size - 1; near <= size + 1; near++)
			if (near > within)
				return edge - within + near;
	return edge - within + (within < BLOCK - 1 ? BLOCK - 1 : BLOCK);
}

static void test_every_alignment_of_a_range(void **state)
{
	(void)state;
	start_normal(4);
	for (uint32_t from = 1; from < 2 * BLOCK; from = next_edge(from))
		for (uint32_t to = from + 1; to <= 4 * BLOCK;) {
			expect_range(from, to);
			to = BLOCK <= 8 ? to + 1 : next_edge(next_edge(next_edge(to)));
		}
	expect_range(1, 4 * BLOCK);
}

/* The free blocks by type and order, to be compared. */
static void copy_lists(struct zone_snapshot *snapshot)
{
	magazines_drain_all();
	zone_snapshot(ZONE_NORMAL, snapshot);
	snapshot->fallbacks = snapshot->claims = 0;
}

/* A page of the range is somebody's: it is named, and what was taken before it is back. */
static void test_busy_page_is_named(void **state)
{
	uint32_t from = BLOCK / 2 - 1, to = 3 * BLOCK + 3;

	(void)state;
	for (uint32_t busy = from; busy < to; busy = next_edge(busy)) {
		struct zone_snapshot before, after;
		uint32_t named = 0;

		start_normal(4);
		assert_int_equal(alloc_contig_range(BASE + busy, BASE + busy + 1, NULL), 0);
		copy_lists(&before);
		assert_int_equal(alloc_contig_range(BASE + from, BASE + to, &named), -EBUSY);
		assert_int_equal(named, BASE + busy);
		assert_int_equal(page_count(pfn_to_page(named)), 1);
		assert_int_equal(alloc_contig_range(BASE + from, BASE + to, NULL), -EBUSY);
		harness_check(NULL);
		copy_lists(&after);
		assert_memory_equal(&before, &after, sizeof(before));
		free_contig_range(BASE + busy, 1);
		expect_range(from, to);
	}
}

/* Inside a large allocated block, in reserved RAM, in a hole: the first such frame is named. */
static void test_other_busy_frames(void **state)
{
	const struct harness_machine machine = {
		.zone_pages = { 0, 6 * BLOCK, 0, 0 },
		.pieces = { { BLOCK + 3, 2, PIECE_RESERVED },
			    { 2 * BLOCK + 2, 1, PIECE_HOLE },
			    { 3 * BLOCK + 1, 1, PIECE_NO_MAP } },
	};
	uint32_t named;
	struct page *large;

	(void)state;
	start(&machine);
	assert_int_equal(alloc_contig_range(BASE, BASE + 2, &named), -EBUSY);
	assert_int_equal(named, BASE);
	assert_int_equal(alloc_contig_range(BASE + 1, BASE + 2 * BLOCK, &named), -EBUSY);
	assert_int_equal(named, BASE + BLOCK + 3);
	assert_int_equal(alloc_contig_range(BASE + BLOCK + 4, BASE + 2 * BLOCK, &named), -EBUSY);
	assert_int_equal(named, BASE + BLOCK + 4);
	assert_int_equal(alloc_contig_range(BASE + 2 * BLOCK, BASE + 3 * BLOCK, &named), -EBUSY);
	assert_int_equal(named, BASE + 2 * BLOCK + 2);
	assert_int_equal(alloc_contig_range(BASE + 3 * BLOCK, BASE + 4 * BLOCK, &named), -EBUSY);
	assert_int_equal(named, BASE + 3 * BLOCK + 1);
	expect_nothing_missing();
	large = ask(GFP_KERNEL, PAGE_ORDER_MAX);
	assert_int_equal(alloc_contig_range(page_to_pfn(large) + 1, page_to_pfn(large) + 2, &named),
			 -EBUSY);
	assert_int_equal(named, page_to_pfn(large) + 1);
	__free_pages(large, PAGE_ORDER_MAX);
	expect_nothing_missing();
}

/* A page in a magazine is free. */
static void test_range_takes_what_magazines_hold(void **state)
{
	struct page *page;

	(void)state;
	start_normal(1024 / BLOCK + 4);
	page = ask(GFP_KERNEL, 0);
	__free_page(page);
	assert_int_equal(page_type(page), PAGE_CACHED);
	assert_int_equal(alloc_contig_range(page_to_pfn(page), page_to_pfn(page) + 1, NULL), 0);
	assert_int_equal(page_count(page), 1);
	assert_true(magazines_room_pages(ZONE_NORMAL) > 0);
	free_contig_range(page_to_pfn(page), 1);
	expect_nothing_missing();
}

static void test_ranges_that_are_none(void **state)
{
	/* Normal, DMA and what is outside; all starts relative to where Normal starts */
	static const int ranges[][2] = {
		{ 0, 0 },
		{ 5, 5 },
		{ 5, 4 },
		{ 5, -5 },
		{ -1, 1 },
		{ -BLOCK, BLOCK },
		{ -1, 0x70000 },
		{ 4 * BLOCK + 2, 4 * BLOCK + 4 },
		{ 4 * BLOCK, 7 * BLOCK },
	};
	uint32_t first = BASE + 3 * BLOCK + 1, named = 7;

	(void)state;
	start(&four_zones);
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		assert_int_equal(alloc_contig_range(first + (uint32_t)ranges[i][0],
						    first + (uint32_t)ranges[i][1], &named),
				 -EINVAL);
	assert_int_equal(alloc_contig_range(0, 1, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range(BASE - 1, BASE, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range(BASE + 20 * BLOCK, BASE + 20 * BLOCK + 1, NULL),
			 -EINVAL);
	assert_int_equal(alloc_contig_range(UINT32_MAX, 0, NULL), -EINVAL);
	assert_int_equal(alloc_contig_range(first, UINT32_MAX, NULL), -EINVAL);
	assert_int_equal(named, 7);
	expect_nothing_missing();
	/* up to the borders */
	assert_int_equal(alloc_contig_range(first, first + 4 * BLOCK + 3, NULL), 0);
	assert_int_equal(alloc_contig_range(BASE + 1, first, NULL), 0);
	assert_int_equal(alloc_contig_range(first + 4 * BLOCK + 3, first + 7 * BLOCK + 3, NULL), 0);
	harness_check(NULL);
	assert_null(ask(QUIET, 0));
	free_contig_range(first, 7 * BLOCK + 3);
	free_contig_range(BASE + 1, 3 * BLOCK);
	expect_nothing_missing();
}

/* Isolated pages are out of everybody's reach but this one's: who isolates wants the frames. */
static void test_range_of_an_isolated_pageblock(void **state)
{
	(void)state;
	start_normal(4);
	assert_true(isolate_pageblock(BASE + BLOCK));
	assert_int_equal(alloc_contig_range(BASE + BLOCK + 1, BASE + 2 * BLOCK - 1, NULL), 0);
	harness_check(NULL);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_ISOLATE), 2);
	free_contig_range(BASE + BLOCK + 1, BLOCK - 2);
	assert_int_equal(*zone_set_aside(normal, MIGRATE_ISOLATE), BLOCK);
	assert_true(unisolate_pageblock(BASE + BLOCK, MIGRATE_MOVABLE));
	expect_nothing_missing();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_where_lowmem_ends),
		cmocka_unit_test(test_addresses_are_never_highmem),
		cmocka_unit_test(test_free_by_address),
		cmocka_unit_test(test_zeroed_blocks),
		cmocka_unit_test(test_zeroed_page_by_address),
		cmocka_unit_test(test_highmem_that_cannot_be_zeroed),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_most_references),
		cmocka_unit_test(test_tails),
		cmocka_unit_test(test_compound_of_one_page),
		cmocka_unit_test(test_split_page),
		cmocka_unit_test(test_get_order),
		cmocka_unit_test(test_exact_sizes),
		cmocka_unit_test(test_exact_size_in_lowmem_zeroed_and_freed_page_by_page),
		cmocka_unit_test(test_every_alignment_of_a_range),
		cmocka_unit_test(test_busy_page_is_named),
		cmocka_unit_test(test_other_busy_frames),
		cmocka_unit_test(test_range_takes_what_magazines_hold),
		cmocka_unit_test(test_ranges_that_are_none),
		cmocka_unit_test(test_range_of_an_isolated_pageblock),
	};

	return cmocka_run_group_tests_name("pages: pieces", tests, NULL, NULL);
}
