/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's start: how RAM, its holes and its reservations are cut into blocks, whatever
 * struct pages held before; and how the block that holds a frame is found.
 *
 * What is expected is worked out here frame by frame from the machine alone.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mm/phys/memblock.h"

#define BLOCK (1U << PAGE_ORDER_MAX)
#define BASE  HARNESS_BASE_PFN
#define MOST  (1U << 15) /* pages of a machine here, at most */

static struct page *held[MOST];

/* Flags that the compiler cannot see through. */
static struct page *ask(gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order);
}

/* --- what a machine's frames should be -------------------------------------------------------- */

enum frame_kind { FRAME_HOLE, FRAME_RESERVED, FRAME_FREE };

struct frame {
	enum frame_kind kind;
	enum zone_type zone;
};

static struct frame frames[MOST];
static uint32_t frame_count;

static void mark_piece(const struct harness_piece *piece, int kind, enum frame_kind frame)
{
	if ((int)piece->kind != kind)
		return;
	for (uint32_t i = 0; i < piece->pages; i++)
		frames[piece->first_page + i].kind = frame;
}

static void work_out_frames(const struct harness_machine *machine)
{
	frame_count = 0;
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		for (uint32_t i = 0; i < machine->zone_pages[zone]; i++)
			frames[frame_count++] = (struct frame){ FRAME_FREE, zone };
	frames[0].kind = FRAME_RESERVED;
	for (unsigned int i = 0; i < ARRAY_SIZE(machine->pieces); i++) {
		mark_piece(&machine->pieces[i], PIECE_RESERVED, FRAME_RESERVED);
		mark_piece(&machine->pieces[i], PIECE_NO_MAP, FRAME_RESERVED);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(machine->pieces); i++)
		mark_piece(&machine->pieces[i], PIECE_HOLE, FRAME_HOLE);
}

static uint32_t count_frames(enum zone_type zone, enum frame_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < frame_count; i++)
		count += frames[i].zone == zone && frames[i].kind == kind;
	return count;
}

/* How many blocks of an order a zone can give when nothing of it is used. */
static uint32_t count_blocks(enum zone_type zone, unsigned int order)
{
	uint32_t count = 0, size = 1U << order;

	for (uint32_t first = 0; first + size <= frame_count; first += size) {
		uint32_t i = 0;

		while (i < size && frames[first + i].kind == FRAME_FREE &&
		       frames[first + i].zone == zone)
			i++;
		count += i == size;
	}
	return count;
}

/* Frames from the base up to the end of the last unit that has RAM. */
static bool unit_has_ram(uint32_t frame)
{
	uint32_t first = ALIGN_DOWN(frame, VMEMMAP_UNIT_PAGES);

	for (uint32_t i = first; i < first + VMEMMAP_UNIT_PAGES && i < frame_count; i++)
		if (frames[i].kind != FRAME_HOLE)
			return true;
	return false;
}

/* --- machines --------------------------------------------------------------------------------- */

static const struct harness_machine machines[] = {
	{ .zone_pages = { 4096, 8192, 4096, 2048 } },
	{ .zone_pages = { 1000, 3000, 2000, 1024 } },
	{ .zone_pages = { 1, 1, 1, 1 } },
	{ .zone_pages = { 2, 1, 3, 5 } },
	{ .zone_pages = { 0, 5003, 0, 0 } },
	{ .zone_pages = { 0, 0, 3001, 0 } },
	{ .zone_pages = { 1021, 0, 0, 1027 } },
	{ .zone_pages = { 777, 1023, 0, 2049 } },
	{ .zone_pages = { 2049, 1, 0, 0 } },
	{ .zone_pages = { 0, 1, 4095, 1 } },
	/* the head of RAM is none */
	{ .zone_pages = { 1000, 3000, 2000, 1024 }, .pieces = { { 0, 37, PIECE_HOLE } } },
	/* the last frames, of every kind */
	{ .zone_pages = { 1000, 3001, 0, 0 }, .pieces = { { 3998, 3, PIECE_HOLE } } },
	{ .zone_pages = { 1000, 3001, 0, 0 }, .pieces = { { 3998, 3, PIECE_RESERVED } } },
	{ .zone_pages = { 1000, 3001, 0, 0 }, .pieces = { { 3998, 3, PIECE_NO_MAP } } },
	/* across a zone's border, and up to it, and from it */
	{ .zone_pages = { 1000, 3000, 2000, 1024 },
	  .pieces = { { 990, 20, PIECE_RESERVED },
		      { 3990, 10, PIECE_NO_MAP },
		      { 6000, 10, PIECE_HOLE } } },
	{ .zone_pages = { 1000, 3000, 2000, 1024 },
	  .pieces = { { 990, 20, PIECE_HOLE },
		      { 3990, 10, PIECE_HOLE },
		      { 4000, 10, PIECE_RESERVED },
		      { 5999, 2, PIECE_NO_MAP } } },
	/* a whole unit is none, and more than one */
	{ .zone_pages = { 1024, 3072, 2048, 1024 }, .pieces = { { 2048, 1024, PIECE_HOLE } } },
	{ .zone_pages = { 1000, 3000, 6000, 1024 }, .pieces = { { 3000, 4001, PIECE_HOLE } } },
	{ .zone_pages = { 1000, 3000, 6000, 1024 }, .pieces = { { 3072, 4095, PIECE_HOLE } } },
	/* a whole zone is nobody's */
	{ .zone_pages = { 1024, 3072, 2048, 1024 }, .pieces = { { 1024, 3072, PIECE_RESERVED } } },
	{ .zone_pages = { 1024, 3072, 2048, 1024 }, .pieces = { { 1024, 3072, PIECE_HOLE } } },
	/* single frames, and kinds that touch each other at edges of units */
	{ .zone_pages = { 1000, 3000, 2000, 1024 },
	  .pieces = { { 1, 1, PIECE_RESERVED },
		      { 511, 1, PIECE_HOLE },
		      { 512, 1, PIECE_NO_MAP },
		      { 513, 1, PIECE_RESERVED },
		      { 1023, 1, PIECE_NO_MAP },
		      { 1024, 1, PIECE_HOLE },
		      { 2047, 2, PIECE_RESERVED },
		      { 3071, 2, PIECE_HOLE } } },
	/* a unit with one frame of RAM, at its end, its start and inside */
	{ .zone_pages = { 0, 5000, 0, 0 },
	  .pieces = { { 1000, 1047, PIECE_HOLE },
		      { 2049, 1023, PIECE_HOLE },
		      { 3073, 500, PIECE_HOLE } } },
};

/* --- start-up --------------------------------------------------------------------------------- */

/* All frames of [first, first + size) are the block's kind and of its zone. */
static void expect_block(uint32_t first, const struct page *head)
{
	uint32_t size = 1U << page_order(head);
	bool hole = first >= frame_count || frames[first].kind == FRAME_HOLE;

	assert_true(IS_ALIGNED(first, size));
	for (uint32_t i = first; i < first + size; i++) {
		assert_ptr_equal(page_block_head(BASE + i), head);
		if (hole) {
			assert_int_equal(page_type(head), PAGE_HOLE);
			assert_true(i >= frame_count || frames[i].kind == FRAME_HOLE);
			continue;
		}
		assert_true(i < frame_count);
		assert_int_equal(frames[i].kind, frames[first].kind);
		assert_int_equal(frames[i].zone, page_zone_index(head));
		assert_int_equal(page_type(head),
				 frames[i].kind == FRAME_FREE ? PAGE_FREE : PAGE_RESERVED);
	}
}

static void expect_tiling(void)
{
	uint32_t end = ALIGN_UP(frame_count, VMEMMAP_UNIT_PAGES);

	for (uint32_t first = 0; first < end;) {
		struct page *head = pfn_to_page(BASE + first);

		if (!unit_has_ram(first)) {
			assert_null(page_block_head(BASE + first));
			first++;
			continue;
		}
		expect_block(first, head);
		first += 1U << page_order(head);
	}
	assert_null(page_block_head(BASE + end));
	assert_null(page_block_head(BASE - 1));
	assert_null(page_block_head(0));
	assert_null(page_block_head((1U << 20) - 1));
}

static void expect_counts(void)
{
	struct page_check_result result;

	harness_check(&result);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++) {
		uint32_t free_pages = count_frames(zone, FRAME_FREE);
		uint32_t reserved_pages = count_frames(zone, FRAME_RESERVED);
		struct zone_snapshot snapshot;

		zone_snapshot(zone, &snapshot);
		assert_int_equal(snapshot.managed_pages, free_pages);
		assert_int_equal(snapshot.free_pages, free_pages);
		assert_int_equal(snapshot.span.present_pages, free_pages + reserved_pages);
		assert_int_equal(snapshot.cached_pages, 0);
		assert_int_equal(result.zones[zone].free_pages, free_pages);
		assert_int_equal(result.zones[zone].reserved_pages, reserved_pages);
		assert_int_equal(result.zones[zone].allocated_pages, 0);
	}
}

/* Everything free is movable, and whole: as many blocks of each order as joining can give. */
static void expect_lists(void)
{
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++) {
		struct zone_snapshot snapshot;
		uint32_t whole = 0;

		zone_snapshot(zone, &snapshot);
		for (int order = PAGE_ORDER_MAX; order >= 0; order--) {
			whole = 2 * whole + snapshot.blocks[MIGRATE_MOVABLE][order];
			assert_int_equal(whole, count_blocks(zone, (unsigned int)order));
			for (unsigned int type = 0; type < MIGRATE_TYPES; type++)
				if (type != MIGRATE_MOVABLE)
					assert_int_equal(snapshot.blocks[type][order], 0);
		}
	}
}

static void expect_start(const struct harness_machine *machine)
{
	work_out_frames(machine);
	harness_start(machine);
	expect_tiling();
	expect_counts();
	expect_lists();
}

/* Struct pages hold rubbish of three kinds. */
static void test_start_in_rubbish(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 3; seed++) {
		harness_dirty_struct_pages(seed * 7919);
		for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++)
			expect_start(&machines[i]);
	}
}

/* Leave heads of all kinds behind: allocated, free and cached ones, of every order. */
static void use_memory(uint32_t seed)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < 600; i++) {
		unsigned int order = harness_random(&seed) % NR_PAGE_ORDERS;
		struct page *page =
			ask(i % 2 ? GFP_HIGHUSER_MOVABLE | __GFP_NOWARN : GFP_KERNEL | __GFP_NOWARN,
			    i % 3 ? 0 : order);

		if (page != NULL)
			held[count++] = page;
	}
	for (uint32_t i = 0; i < count; i++)
		if (harness_random(&seed) % 2)
			__free_pages(held[i], page_order(held[i]));
}

/* After a reset RAM still holds the struct pages of the machine before, and then the same again. */
static void test_start_in_what_a_reset_left(void **state)
{
	(void)state;
	harness_dirty_struct_pages(1);
	harness_start(&machines[0]);
	harness_dirty_struct_pages(0);
	for (uint32_t i = 0; i < ARRAY_SIZE(machines); i++) {
		use_memory(i + 1);
		expect_start(&machines[i]);
		use_memory(i + 2);
		expect_start(&machines[i]);
	}
	harness_dirty_struct_pages(5);
}

/* A block of the last boot whose head is a tail now: freeing it again is no free. */
static void test_last_boots_block_is_not_freed(void **state)
{
	struct harness_machine machine = { .zone_pages = { 0, 4 * BLOCK, 0, 0 } };
	struct page_check_result before, after;
	struct page *old, *now;

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	do {
		old = ask(GFP_KERNEL, 0);
		assert_non_null(old);
	} while (page_to_pfn(old) % BLOCK != 1 || page_to_pfn(old) < BASE + BLOCK);
	harness_dirty_struct_pages(0);
	harness_start(&machine);
	harness_dirty_struct_pages(9);
	harness_clear_watermarks();
	do {
		now = ask(GFP_KERNEL, PAGE_ORDER_MAX);
		assert_non_null(now);
	} while (now + 1 != old);
	harness_check(&before);
	__free_pages(old, 0);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, MISUSE_TAIL);
	assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(now));
	harness_check(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* Reservations, no-map and RAM may begin and end inside a page: what is not whole is not free. */
static void odd_bytes(void)
{
	phys_addr_t base = PFN_PHYS(BASE);

	memblock_reserve(base + 5 * PAGE_SIZE + 100, 1);               /* in page 5 */
	memblock_reserve(base + 8 * PAGE_SIZE - 1, 2);                 /* in 7 and 8 */
	memblock_mark_nomap(base + 10 * PAGE_SIZE + 1, 2 * PAGE_SIZE); /* 11; 10, 12 are holes */
	memblock_remove(base + 20 * PAGE_SIZE - 1, 1);                 /* 19 is a hole */
	memblock_reserve(base + 40 * PAGE_SIZE, 0);                    /* nothing */
}

static void test_start_with_odd_bytes(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 0, 64, 0, 0 } };

	(void)state;
	work_out_frames(&machine);
	frames[5].kind = frames[7].kind = frames[8].kind = frames[11].kind = FRAME_RESERVED;
	frames[10].kind = frames[12].kind = frames[19].kind = FRAME_HOLE;
	harness_more_memory = odd_bytes;
	harness_start(&machine);
	expect_tiling();
	expect_counts();
	expect_lists();
}

/* Of every order without a magazine the lowest block is served first, as Linux does after boot. */
static void test_lowest_frames_first(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 0, 6 * BLOCK, 0, 0 } };

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	for (uint32_t i = 1; i < 6; i++) {
		struct page *page = ask(__GFP_MOVABLE | GFP_NOWAIT, PAGE_ORDER_MAX);

		assert_int_equal(page_to_pfn(page), BASE + i * BLOCK);
	}
	for (unsigned int order = MAGAZINE_ORDER_MAX + 1; order < PAGE_ORDER_MAX; order++)
		assert_int_equal(page_to_pfn(ask(__GFP_MOVABLE | GFP_NOWAIT, order)),
				 BASE + (1U << order));
	harness_check(NULL);
}

/* Single pages leave the whole blocks above alone as long as the broken one has any. */
static void test_single_pages_come_from_the_lowest_block(void **state)
{
	const struct harness_machine machine = { .zone_pages = { 0, 6 * BLOCK, 0, 0 } };

	(void)state;
	harness_start(&machine);
	harness_clear_watermarks();
	for (uint32_t i = 1; i < BLOCK; i++)
		assert_true(page_to_pfn(ask(__GFP_MOVABLE | GFP_NOWAIT, 0)) < BASE + BLOCK);
	assert_int_equal(zones[ZONE_NORMAL].lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX].anchor.count, 5);
}

/* --- page_block_head -------------------------------------------------------------------------- */

static struct page *oracle[MOST];

/* Block after block from the first frame of each unit, each frame of a block noted. */
static void work_out_heads(void)
{
	uint32_t end = ALIGN_UP(frame_count, VMEMMAP_UNIT_PAGES);

	for (uint32_t first = 0; first < end;) {
		struct page *head = pfn_to_page(BASE + first);
		uint32_t size = unit_has_ram(first) ? 1U << page_order(head) : 1;

		for (uint32_t i = first; i < first + size; i++)
			oracle[i] = unit_has_ram(first) ? head : NULL;
		first += size;
	}
}

static void expect_heads(void)
{
	work_out_heads();
	for (uint32_t i = 0; i < ALIGN_UP(frame_count, VMEMMAP_UNIT_PAGES); i++)
		assert_ptr_equal(page_block_head(BASE + i), oracle[i]);
}

/* Tails hold rubbish when a block is given out, and whatever their owner wrote. */
static void scribble_on_tails(struct page *page, unsigned int order, uint32_t *seed)
{
	for (uint32_t i = 1; i < 1U << order; i++)
		page[i].flags = harness_random(seed);
}

static void test_block_heads(void **state)
{
	uint32_t seed = 77;

	(void)state;
	for (unsigned int m = 0; m < ARRAY_SIZE(machines); m++) {
		uint32_t count = 0;

		work_out_frames(&machines[m]);
		harness_start(&machines[m]);
		harness_clear_watermarks();
		for (uint32_t i = 0; i < 500; i++) {
			unsigned int order = harness_random(&seed) % NR_PAGE_ORDERS;
			struct page *page = ask(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, order);

			if (page == NULL)
				continue;
			scribble_on_tails(page, order, &seed);
			for (uint32_t j = 0; j < 1U << order; j++)
				assert_ptr_equal(page_block_head(page_to_pfn(page) + j), page);
			held[count++] = page;
			if (harness_random(&seed) % 2 == 0)
				__free_pages(page, order), count--;
		}
		expect_heads();
		while (count-- > 0)
			__free_pages(held[count], page_order(held[count]));
		assert_int_equal(harness_misuses, 0);
		expect_heads();
		harness_check(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_in_rubbish),
		cmocka_unit_test(test_start_in_what_a_reset_left),
		cmocka_unit_test(test_last_boots_block_is_not_freed),
		cmocka_unit_test(test_start_with_odd_bytes),
		cmocka_unit_test(test_lowest_frames_first),
		cmocka_unit_test(test_single_pages_come_from_the_lowest_block),
		cmocka_unit_test(test_block_heads),
	};

	return cmocka_run_group_tests_name("pages: the start", tests, NULL, NULL);
}
