/* SPDX-License-Identifier: MIT */
/*
 * The zone layout rule by rule, each with numbers small enough to check by hand, and then random
 * maps against a second statement of the rules that looks at one page at a time.
 *
 * What Linux really did is test_oracle.c's subject; here each rule fails by its own name.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "mm/phys/zone_layout.h"

#define MIB(n)       ((uint64_t)(n) << 20)
#define MIB_PAGES(n) ((uint32_t)(n) << 8)
#define RAM_BASE     0x40000000ULL
#define BYTES(n)     ((struct core_size){ CORE_SIZE_BYTES, (n) })
#define PERCENT(n)   ((struct core_size){ CORE_SIZE_PERCENT, (n) })
#define NOT_GIVEN    ((struct core_size){ CORE_SIZE_NONE, 0 })
#define SPLIT_3G     0xc0000000U
#define SPLIT_2G     0x80000000U
#define SPLIT_1G     0x40000000U

/* A map in MiB from the RAM base, and an input that asks for nothing special. */
static struct layout_range map[8];

static struct zone_layout_input input_of(unsigned int range_count)
{
	return (struct zone_layout_input){
		.ranges = map,
		.range_count = range_count,
		.ram_base = RAM_BASE,
		.page_offset = SPLIT_3G,
		.vmalloc_bytes = VMALLOC_DEFAULT_BYTES,
		.dma_limit_bytes = DMA_LIMIT_NONE,
	};
}

static void set_range(unsigned int index, uint64_t from_mib, uint64_t to_mib, bool no_map)
{
	map[index] =
		(struct layout_range){ RAM_BASE + MIB(from_mib), RAM_BASE + MIB(to_mib), no_map };
}

static struct zone_layout_input input_one_bank(uint64_t size_mib)
{
	set_range(0, 0, size_mib, false);
	return input_of(1);
}

static struct zone_layout compute(const struct zone_layout_input *input)
{
	struct zone_layout layout;

	memset(&layout, 0xa5, sizeof(layout));
	zone_layout_compute(input, &layout);
	return layout;
}

/* Zones in MiB from the RAM base: what nearly all cases below are written in. */
static void expect_zone(const struct zone_layout *layout, enum zone_type zone, uint32_t from_mib,
			uint32_t to_mib, uint32_t present_mib)
{
	const struct zone_span *span = &layout->zones[zone];

	assert_int_equal(span->start_pfn, PFN_DOWN(RAM_BASE) + MIB_PAGES(from_mib));
	assert_int_equal(span->spanned_pages, MIB_PAGES(to_mib - from_mib));
	assert_int_equal(span->present_pages, MIB_PAGES(present_mib));
}

static void expect_no_zone(const struct zone_layout *layout, enum zone_type zone)
{
	const struct zone_span *span = &layout->zones[zone];

	assert_int_equal(span->start_pfn, 0);
	assert_int_equal(span->spanned_pages, 0);
	assert_int_equal(span->present_pages, 0);
	assert_int_equal(span->start_reason, REASON_NOTHING);
	assert_int_equal(span->end_reason, REASON_NOTHING);
}

static void expect_reasons(const struct zone_layout *layout, enum zone_type zone,
			   enum layout_reason start, enum layout_reason end)
{
	assert_int_equal(layout->zones[zone].start_reason, start);
	assert_int_equal(layout->zones[zone].end_reason, end);
}

static void expect_no_movable(const struct zone_layout *layout, enum movable_outcome outcome)
{
	assert_int_equal(layout->movable_outcome, outcome);
	assert_int_equal(layout->movable_start_pfn, 0);
	expect_no_zone(layout, ZONE_MOVABLE);
}

static void expect_movable(const struct zone_layout *layout, uint32_t from_mib, uint32_t to_mib,
			   uint32_t present_mib, enum layout_reason reason)
{
	assert_int_equal(layout->movable_outcome, MOVABLE_PLACED);
	assert_int_equal(layout->movable_start_pfn, PFN_DOWN(RAM_BASE) + MIB_PAGES(from_mib));
	expect_zone(layout, ZONE_MOVABLE, from_mib, to_mib, present_mib);
	expect_reasons(layout, ZONE_MOVABLE, reason, REASON_RAM_END);
}

/* ---- vmalloc ---- */

/* The three figures that people know, and where the vmalloc area begins with each. */
static void test_known_lowmem_sizes(void **state)
{
	static const struct {
		uint32_t page_offset;
		uint32_t lowmem_mib;
		uint32_t vmalloc_start;
	} rows[] = {
		{ SPLIT_3G, 760, 0xf0000000U },
		{ SPLIT_2G, 1784, 0xf0000000U },
		{ SPLIT_1G, 2808, 0xf0000000U },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_one_bank(3071);
		struct zone_layout layout;

		input.page_offset = rows[i].page_offset;
		layout = compute(&input);
		assert_int_equal(layout.lowmem_end, RAM_BASE + MIB(rows[i].lowmem_mib));
		assert_int_equal(layout.lowmem_reason, REASON_VMALLOC_LIMIT);
		assert_int_equal(layout.vmalloc_start, rows[i].vmalloc_start);
		assert_int_equal(layout.vmalloc_outcome, VMALLOC_AS_ASKED);
		expect_zone(&layout, ZONE_NORMAL, 0, rows[i].lowmem_mib, rows[i].lowmem_mib);
		expect_zone(&layout, ZONE_HIGHMEM, rows[i].lowmem_mib, 3071,
			    3071 - rows[i].lowmem_mib);
		expect_no_zone(&layout, ZONE_DMA);
		expect_no_movable(&layout, MOVABLE_NOT_ASKED);
	}
}

static void test_vmalloc_clamping(void **state)
{
	static const struct {
		uint32_t page_offset;
		uint64_t asked;
		uint64_t granted;
		enum vmalloc_outcome outcome;
	} rows[] = {
		{ SPLIT_3G, 0, MIB(16), VMALLOC_RAISED },
		{ SPLIT_3G, MIB(16) - 1, MIB(16), VMALLOC_RAISED },
		{ SPLIT_3G, MIB(16), MIB(16), VMALLOC_AS_ASKED },
		{ SPLIT_3G, 100000001, 100000001, VMALLOC_AS_ASKED },
		{ SPLIT_3G, MIB(968), MIB(968), VMALLOC_AS_ASKED },
		{ SPLIT_3G, MIB(968) + 1, MIB(968), VMALLOC_LOWERED },
		{ SPLIT_3G, MIB(4096), MIB(968), VMALLOC_LOWERED },
		{ SPLIT_3G, UINT64_MAX, MIB(968), VMALLOC_LOWERED },
		{ SPLIT_2G, MIB(1992) + 1, MIB(1992), VMALLOC_LOWERED },
		{ SPLIT_1G, MIB(3016), MIB(3016), VMALLOC_AS_ASKED },
		{ SPLIT_1G, MIB(3016) + 1, MIB(3016), VMALLOC_LOWERED },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_one_bank(3071);
		uint64_t lowmem_bytes;
		struct zone_layout layout;

		input.page_offset = rows[i].page_offset;
		input.vmalloc_bytes = rows[i].asked;
		layout = compute(&input);
		assert_int_equal(layout.vmalloc_bytes, rows[i].granted);
		assert_int_equal(layout.vmalloc_outcome, rows[i].outcome);
		lowmem_bytes = VMALLOC_END - rows[i].page_offset - MIB(8) - rows[i].granted;
		assert_int_equal(layout.vmalloc_limit, RAM_BASE + lowmem_bytes);
		assert_int_equal(layout.lowmem_end, RAM_BASE + min_u64(lowmem_bytes, MIB(3071)));
	}
}

/* Zones count whole pages: the page that an odd limit cuts goes to HighMem. */
static void test_odd_vmalloc_limit(void **state)
{
	struct zone_layout_input input = input_one_bank(1024);
	struct zone_layout layout;

	(void)state;
	input.vmalloc_bytes = MIB(240) + 1;
	layout = compute(&input);
	assert_int_equal(layout.lowmem_end, RAM_BASE + MIB(760) - 1);
	assert_int_equal(layout.zones[ZONE_NORMAL].present_pages, MIB_PAGES(760) - 1);
	assert_int_equal(layout.zones[ZONE_HIGHMEM].start_pfn,
			 PFN_DOWN(RAM_BASE) + MIB_PAGES(760) - 1);
	assert_int_equal(layout.zones[ZONE_HIGHMEM].present_pages, MIB_PAGES(264) + 1);
	assert_int_equal(layout.vmalloc_start, 0xef800000U);
}

/* RAM base 2 GiB, split 1G: the limit is beyond 4 GiB, so all RAM is lowmem. */
static void test_vmalloc_limit_beyond_4g(void **state)
{
	struct zone_layout_input input = input_of(1);
	struct zone_layout layout;

	(void)state;
	input.ram_base = 0x80000000ULL;
	input.page_offset = SPLIT_1G;
	map[0] = (struct layout_range){ 0x80000000ULL, 0xfffff000ULL, false };
	layout = compute(&input);
	assert_int_equal(layout.vmalloc_limit, 0x12f800000ULL);
	assert_int_equal(layout.lowmem_end, 0xfffff000ULL);
	assert_int_equal(layout.lowmem_reason, REASON_RAM_END);
	assert_int_equal(layout.zones[ZONE_NORMAL].spanned_pages, 0x7ffff);
	expect_no_zone(&layout, ZONE_HIGHMEM);
	assert_int_equal(layout.vmalloc_start, 0xc0000000U);
}

static void test_vmalloc_start_keeps_the_gap(void **state)
{
	static const struct {
		uint64_t ram_mib;
		uint32_t vmalloc_start;
	} rows[] = {
		{ 64, 0xc4800000U }, { 65, 0xc4800000U }, { 71, 0xc4800000U }, { 72, 0xc5000000U }
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_one_bank(rows[i].ram_mib);
		struct zone_layout layout = compute(&input);

		assert_int_equal(layout.vmalloc_start, rows[i].vmalloc_start);
	}
}

/* ---- where lowmem ends ---- */

struct piece_mib {
	uint32_t from;
	uint32_t to;
	bool no_map;
};

static unsigned int set_pieces(const struct piece_mib *pieces)
{
	unsigned int count = 0;

	for (; pieces[count].to; count++)
		set_range(count, pieces[count].from, pieces[count].to, pieces[count].no_map);
	return count;
}

static void test_lowmem_end(void **state)
{
	static const struct {
		struct piece_mib pieces[6];
		uint32_t lowmem_end_mib;
		enum layout_reason reason;
	} rows[] = {
		{ { { 0, 512, 0 } }, 512, REASON_RAM_END },
		{ { { 0, 760, 0 } }, 760, REASON_RAM_END },
		{ { { 0, 761, 0 } }, 760, REASON_VMALLOC_LIMIT },
		/* the gap lies below, over, at and above the limit */
		{ { { 0, 256, 0 }, { 512, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 700, 0 }, { 800, 1024, 0 } }, 700, REASON_BANK_END },
		{ { { 0, 700, 0 }, { 760, 1024, 0 } }, 700, REASON_BANK_END },
		{ { { 0, 700, 0 }, { 759, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 760, 0 }, { 800, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 100, 0 }, { 200, 300, 0 }, { 900, 950, 0 } }, 300, REASON_BANK_END },
		{ { { 0, 900, 0 }, { 950, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		/* neighbours that touch are one piece of RAM */
		{ { { 0, 512, 0 }, { 512, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 760, 0 }, { 760, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		/* no-map below, over, at and above the limit, and at the end of RAM */
		{ { { 0, 256, 0 }, { 256, 300, 1 }, { 300, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 752, 0 }, { 752, 784, 1 }, { 784, 1024, 0 } }, 752, REASON_NO_MAP },
		{ { { 0, 752, 0 }, { 752, 760, 1 }, { 760, 1024, 0 } }, 752, REASON_NO_MAP },
		{ { { 0, 752, 0 }, { 752, 759, 1 }, { 759, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 760, 0 }, { 760, 784, 1 }, { 784, 1024, 0 } }, 760, REASON_VMALLOC_LIMIT },
		{ { { 0, 496, 0 }, { 496, 512, 1 } }, 496, REASON_NO_MAP },
		{ { { 0, 16, 1 }, { 16, 512, 0 } }, 512, REASON_RAM_END },
		/* no usable RAM below the limit */
		{ { { 800, 1024, 0 } }, 0, REASON_NOTHING },
		{ { { 0, 512, 1 }, { 800, 1024, 0 } }, 0, REASON_NOTHING },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_of(set_pieces(rows[i].pieces));
		struct zone_layout layout = compute(&input);

		assert_int_equal(layout.lowmem_end, RAM_BASE + MIB(rows[i].lowmem_end_mib));
		assert_int_equal(layout.lowmem_reason, rows[i].reason);
		assert_int_equal(layout.lost_head_size, 0);
	}
}

/* HighMem begins where lowmem ends, even in a hole; no-map pieces are present, holes are not. */
static void test_holes_and_no_map_are_spanned(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 256, false);
	set_range(1, 256, 300, true);
	set_range(2, 400, 700, false);
	set_range(3, 800, 900, true);
	set_range(4, 1000, 1100, false);
	input = input_of(5);
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 700, 600);
	expect_reasons(&layout, ZONE_NORMAL, REASON_RAM_START, REASON_BANK_END);
	expect_zone(&layout, ZONE_HIGHMEM, 700, 1100, 200);
	expect_reasons(&layout, ZONE_HIGHMEM, REASON_LOWMEM_END, REASON_RAM_END);
}

static void test_no_map_at_the_top_is_highmem(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 496, false);
	set_range(1, 496, 512, true);
	input = input_of(2);
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 496, 496);
	expect_reasons(&layout, ZONE_NORMAL, REASON_RAM_START, REASON_NO_MAP);
	expect_zone(&layout, ZONE_HIGHMEM, 496, 512, 16);
}

static void test_no_lowmem_is_all_highmem(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 800, 1024, false);
	input = input_of(1);
	layout = compute(&input);
	expect_no_zone(&layout, ZONE_NORMAL);
	expect_zone(&layout, ZONE_HIGHMEM, 800, 1024, 224);
	expect_reasons(&layout, ZONE_HIGHMEM, REASON_RAM_START, REASON_RAM_END);
	assert_int_equal(layout.vmalloc_start, 0xc0800000U);
}

static void test_nothing_usable(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 512, true);
	for (unsigned int count = 0; count < 2; count++) {
		input = input_of(count);
		input.kernelcore = BYTES(MIB(64));
		layout = compute(&input);
		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
			expect_no_zone(&layout, zone);
		assert_int_equal(layout.lowmem_end, RAM_BASE);
		assert_int_equal(layout.lowmem_reason, REASON_NOTHING);
		assert_int_equal(layout.vmalloc_bytes, VMALLOC_DEFAULT_BYTES);
		assert_int_equal(layout.lost_head_size, 0);
	}
}

/* ---- the head that is lost ---- */

static void test_lost_head(void **state)
{
	/* Bytes from the RAM base; pieces end at the first {0, 0}. */
	static const struct {
		struct layout_range pieces[4];
		uint64_t head_base;
		uint64_t head_size;
	} rows[] = {
		{ { { 0, 0x20000000, 0 } }, 0, 0 },
		{ { { 0x200000, 0x20000000, 0 } }, 0, 0 },
		{ { { 0x100000, 0x20000000, 0 } }, 0x100000, 0x100000 },
		{ { { 0x1ff000, 0x20000000, 0 } }, 0x1ff000, 0x1000 },
		{ { { 0x201000, 0x20000000, 0 } }, 0x201000, 0x1ff000 },
		/* a no-map piece in front exposes an odd start */
		{ { { 0, 0x100000, 1 }, { 0x100000, 0x20000000, 0 } }, 0x100000, 0x100000 },
		{ { { 0x100000, 0x180000, 1 }, { 0x180000, 0x20000000, 0 } }, 0x180000, 0x80000 },
		{ { { 0x100000, 0x200000, 1 }, { 0x200000, 0x20000000, 0 } }, 0, 0 },
		/* only the first piece loses anything */
		{ { { 0, 0x1000000, 0 }, { 0x1100000, 0x20000000, 0 } }, 0, 0 },
		{ { { 0x100000, 0x1000000, 0 }, { 0x1100000, 0x20000000, 0 } },
		  0x100000,
		  0x100000 },
		/* a first bank wholly inside the head: its end bounds it, and the next one loses
		   too */
		{ { { 0x100000, 0x180000, 0 }, { 0x2000000, 0x20000000, 0 } }, 0x100000, 0x80000 },
		{ { { 0x100000, 0x180000, 0 }, { 0x2100000, 0x20000000, 0 } },
		  0x100000,
		  0x2100000 },
		{ { { 0x100000, 0x140000, 0 }, { 0x180000, 0x20000000, 0 } }, 0x100000, 0x100000 },
		{ { { 0x100000, 0x180000, 0 } }, 0x100000, 0x80000 },
		/* the second look also finds what no-map pieces expose behind the first head */
		{ { { 0x100000, 0x200000, 0 },
		    { 0x200000, 0x300000, 1 },
		    { 0x300000, 0x20000000, 0 } },
		  0x100000,
		  0x300000 },
		/* the first look is at RAM, not at usable RAM: here it finds nothing to lose */
		{ { { 0, 0x100000, 1 }, { 0x100000, 0x180000, 0 }, { 0x500000, 0x20000000, 0 } },
		  0x100000,
		  0x80000 },
		/* a second look that finds an aligned start leaves the head alone */
		{ { { 0x100000, 0x180000, 0 },
		    { 0x1000000, 0x1100000, 1 },
		    { 0x2000000, 0x20000000, 0 } },
		  0x100000,
		  0x80000 },
		/* there is no third look */
		{ { { 0x100000, 0x180000, 0 },
		    { 0x300000, 0x380000, 0 },
		    { 0x500000, 0x20000000, 0 } },
		  0x100000,
		  0x280000 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t base = rows[i].head_size ? RAM_BASE + rows[i].head_base : 0;
		struct zone_layout_input input;
		unsigned int count = 0;
		struct zone_layout layout;

		for (; count < 4 && rows[i].pieces[count].end; count++) {
			map[count] = rows[i].pieces[count];
			map[count].base += RAM_BASE;
			map[count].end += RAM_BASE;
		}
		input = input_of(count);
		layout = compute(&input);
		assert_int_equal(layout.lost_head_base, base);
		assert_int_equal(layout.lost_head_size, rows[i].head_size);
	}
}

/* It is not managed, but no zone gets smaller by it; lowmem does not end in it. */
static void test_lost_head_stays_present(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	map[0] = (struct layout_range){ RAM_BASE + MIB(1), RAM_BASE + MIB(512), false };
	input = input_of(1);
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 1, 512, 511);

	set_range(0, 1, 2, false);
	set_range(1, 800, 1000, false);
	input = input_of(2);
	layout = compute(&input);
	assert_int_equal(layout.lowmem_end, RAM_BASE);
	expect_zone(&layout, ZONE_HIGHMEM, 1, 1000, 201);
}

/* ---- lowmem= and highmem=all ---- */

#define ASK(n) ((struct lowmem_size){ LOWMEM_SIZE, (n) })
#define LEAST  ((struct lowmem_size){ LOWMEM_LEAST, 0 })

/* What is free, in MiB from the RAM base. */
static struct layout_range free_map[12];

static void set_free(struct zone_layout_input *input, uint64_t from_mib, uint64_t to_mib)
{
	free_map[input->free_count++] =
		(struct layout_range){ RAM_BASE + MIB(from_mib), RAM_BASE + MIB(to_mib), false };
	input->free_ranges = free_map;
}

/*
 * 1024 MiB in one bank, all free. The least: 4 MiB with the image, 4 MiB of struct pages, 18 KiB of
 * tables, 16 MiB to work with, in whole blocks of 4 MiB.
 */
static struct zone_layout_input input_lowmem(struct lowmem_size lowmem)
{
	struct zone_layout_input input = input_one_bank(1024);

	set_free(&input, 0, 1024);
	input.lowmem = lowmem;
	return input;
}

static void expect_lowmem(const struct zone_layout *layout, uint64_t end_bytes,
			  enum layout_reason reason, enum lowmem_outcome outcome)
{
	assert_int_equal(layout->lowmem_end, RAM_BASE + end_bytes);
	assert_int_equal(layout->lowmem_reason, reason);
	assert_int_equal(layout->lowmem_outcome, outcome);
}

static void test_lowmem_sizes(void **state)
{
	static const struct {
		struct lowmem_size asked;
		uint64_t end;
		enum layout_reason reason;
		enum lowmem_outcome outcome;
	} rows[] = {
		{ { LOWMEM_MOST, 0 }, MIB(760), REASON_VMALLOC_LIMIT, LOWMEM_NOT_ASKED },
		{ { LOWMEM_SIZE, MIB(64) }, MIB(64), REASON_LOWMEM_ASKED, LOWMEM_AS_ASKED },
		{ { LOWMEM_SIZE, MIB(64) + 1 }, MIB(64) + 1, REASON_LOWMEM_ASKED, LOWMEM_AS_ASKED },
		/* the least */
		{ { LOWMEM_SIZE, MIB(28) }, MIB(28), REASON_LOWMEM_ASKED, LOWMEM_AS_ASKED },
		{ { LOWMEM_SIZE, MIB(28) - 1 }, MIB(28), REASON_LOWMEM_LEAST, LOWMEM_RAISED },
		{ { LOWMEM_SIZE, 1 }, MIB(28), REASON_LOWMEM_LEAST, LOWMEM_RAISED },
		{ { LOWMEM_SIZE, 0 }, MIB(28), REASON_LOWMEM_LEAST, LOWMEM_RAISED },
		{ { LOWMEM_LEAST, 0 }, MIB(28), REASON_LOWMEM_LEAST, LOWMEM_AS_ASKED },
		/* the most */
		{ { LOWMEM_SIZE, MIB(760) - 1 },
		  MIB(760) - 1,
		  REASON_LOWMEM_ASKED,
		  LOWMEM_AS_ASKED },
		{ { LOWMEM_SIZE, MIB(760) }, MIB(760), REASON_VMALLOC_LIMIT, LOWMEM_NO_EFFECT },
		{ { LOWMEM_SIZE, MIB(760) + 1 }, MIB(760), REASON_VMALLOC_LIMIT, LOWMEM_NO_EFFECT },
		{ { LOWMEM_SIZE, SZ_4G }, MIB(760), REASON_VMALLOC_LIMIT, LOWMEM_NO_EFFECT },
		{ { LOWMEM_SIZE, UINT64_MAX }, MIB(760), REASON_VMALLOC_LIMIT, LOWMEM_NO_EFFECT },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_lowmem(rows[i].asked);
		struct zone_layout layout = compute(&input);

		expect_lowmem(&layout, rows[i].end, rows[i].reason, rows[i].outcome);
		assert_int_equal(layout.lowmem_least_end, RAM_BASE + MIB(28));
		assert_int_equal(layout.lowmem_most_end, RAM_BASE + MIB(760));
		assert_int_equal(layout.zones[ZONE_NORMAL].present_pages, PFN_DOWN(rows[i].end));
		assert_int_equal(layout.zones[ZONE_NORMAL].end_reason, rows[i].reason);
		assert_int_equal(layout.zones[ZONE_HIGHMEM].present_pages,
				 MIB_PAGES(1024) - PFN_DOWN(rows[i].end));
	}
}

/* The vmalloc area begins above lowmem wherever that ends; vmalloc= still says how much it leaves. */
static void test_lowmem_moves_vmalloc(void **state)
{
	static const struct {
		uint32_t page_offset;
		uint32_t vmalloc_start;
	} rows[] = { { SPLIT_3G, 0xc2800000U },
		     { SPLIT_2G, 0x82800000U },
		     { SPLIT_1G, 0x42800000U } };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_one_bank(3071);
		struct zone_layout layout;

		set_free(&input, 0, 3071);
		input.lowmem = LEAST;
		input.page_offset = rows[i].page_offset;
		layout = compute(&input);
		/* 12 MiB of struct pages */
		expect_lowmem(&layout, MIB(36), REASON_LOWMEM_LEAST, LOWMEM_AS_ASKED);
		assert_int_equal(layout.vmalloc_start, rows[i].vmalloc_start);
		assert_int_equal(layout.vmalloc_bytes, VMALLOC_DEFAULT_BYTES);
	}
	{
		struct zone_layout_input input = input_lowmem(ASK(MIB(200)));
		struct zone_layout layout;

		input.vmalloc_bytes = MIB(900);
		layout = compute(&input);
		expect_lowmem(&layout, MIB(100), REASON_VMALLOC_LIMIT, LOWMEM_NO_EFFECT);
		assert_int_equal(layout.lowmem_limit, layout.vmalloc_limit);
	}
}

/* Bytes from the RAM base; free pieces end at the first {0, 0}. One bank of `ram`. */
static void test_least_lowmem(void **state)
{
	static const struct {
		uint64_t ram;
		struct layout_range free[3];
		uint64_t least; /* 0: all there is */
	} rows[] = {
		{ MIB(1024), { { 0, MIB(1024), 0 } }, MIB(28) },
		/* what is free below 4 MiB does not count, nor does what is taken above */
		{ MIB(1024), { { MIB(1), MIB(2), 0 }, { MIB(3), MIB(1024), 0 } }, MIB(28) },
		{ MIB(1024), { { 0, MIB(3), 0 }, { MIB(4), MIB(1024), 0 } }, MIB(28) },
		{ MIB(1024), { { MIB(4) + 1, MIB(1024), 0 } }, MIB(32) },
		{ MIB(1024), { { MIB(8), MIB(1024), 0 } }, MIB(32) },
		{ MIB(1024), { { MIB(500), MIB(1024), 0 } }, MIB(524) },
		/* whole blocks only: two below the second piece, one, none */
		{ MIB(1024), { { MIB(4), MIB(12), 0 }, { MIB(30), MIB(1024), 0 } }, MIB(48) },
		{ MIB(1024), { { MIB(4), MIB(12) - 1, 0 }, { MIB(30), MIB(1024), 0 } }, MIB(52) },
		{ MIB(1024), { { MIB(5), MIB(12) - 1, 0 }, { MIB(30), MIB(1024), 0 } }, MIB(56) },
		/* 12 blocks: 32 MiB less a unit's struct pages, exactly; tables are 18 KiB */
		{ MIB(2044), { { MIB(4), MIB(1024), 0 } }, MIB(32) },
		{ MIB(1016), { { MIB(4), MIB(1024), 0 } }, MIB(24) },
		{ MIB(1016) + 1, { { MIB(4), MIB(1024), 0 } }, MIB(28) },
		/* RAM is just enough, and not */
		{ MIB(256), { { MIB(8), MIB(28), 0 } }, MIB(28) },
		{ MIB(256), { { MIB(8), MIB(28) - 1, 0 } }, 0 },
		{ MIB(256), { { 0, 0, 0 } }, 0 },
		{ MIB(20), { { 0, MIB(20), 0 } }, 0 },
		/* the least reaches beyond the vmalloc limit */
		{ MIB(1024), { { MIB(748), MIB(1024), 0 } }, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t most = min_u64(rows[i].ram, MIB(760));
		struct zone_layout_input input = input_of(1);
		struct zone_layout layout;

		map[0] = (struct layout_range){ RAM_BASE, RAM_BASE + rows[i].ram, false };
		for (; rows[i].free[input.free_count].end != 0; input.free_count++) {
			free_map[input.free_count] = rows[i].free[input.free_count];
			free_map[input.free_count].base += RAM_BASE;
			free_map[input.free_count].end += RAM_BASE;
		}
		input.free_ranges = free_map;
		input.lowmem = LEAST;
		layout = compute(&input);
		if (rows[i].least != 0)
			expect_lowmem(&layout, rows[i].least, REASON_LOWMEM_LEAST, LOWMEM_AS_ASKED);
		else
			expect_lowmem(&layout, most,
				      most == MIB(760) ? REASON_VMALLOC_LIMIT : REASON_RAM_END,
				      LOWMEM_NO_EFFECT);
		input.lowmem = ASK(MIB(1));
		assert_int_equal(compute(&input).lowmem_end, layout.lowmem_end);
		assert_int_equal(compute(&input).lowmem_outcome, LOWMEM_RAISED);
	}
}

/* The head that is lost is not usable, whatever is said to be free. */
static void test_least_lowmem_above_the_lost_head(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 7, 1024, false);
	input = input_of(1);
	set_free(&input, 7, 1024);
	input.lowmem = LEAST;
	layout = compute(&input);
	assert_int_equal(layout.lost_head_size, MIB(1));
	expect_lowmem(&layout, MIB(32), REASON_LOWMEM_LEAST, LOWMEM_AS_ASKED);
}

/* The limit over holes and no-map pieces, as the vmalloc limit above. */
static void test_lowmem_limit_and_pieces(void **state)
{
	static const struct {
		struct piece_mib pieces[4];
		uint32_t asked_mib;
		uint32_t end_mib;
		enum layout_reason reason;
		enum lowmem_outcome outcome;
	} rows[] = {
		{ { { 0, 100, 0 }, { 200, 1024, 0 } },
		  99,
		  99,
		  REASON_LOWMEM_ASKED,
		  LOWMEM_AS_ASKED },
		{ { { 0, 100, 0 }, { 200, 1024, 0 } },
		  100,
		  100,
		  REASON_LOWMEM_ASKED,
		  LOWMEM_AS_ASKED },
		{ { { 0, 100, 0 }, { 200, 1024, 0 } }, 101, 100, REASON_BANK_END, LOWMEM_AS_ASKED },
		{ { { 0, 100, 0 }, { 200, 1024, 0 } }, 200, 100, REASON_BANK_END, LOWMEM_AS_ASKED },
		{ { { 0, 100, 0 }, { 200, 1024, 0 } },
		  201,
		  201,
		  REASON_LOWMEM_ASKED,
		  LOWMEM_AS_ASKED },
		{ { { 0, 100, 0 }, { 100, 200, 1 }, { 200, 1024, 0 } },
		  150,
		  100,
		  REASON_NO_MAP,
		  LOWMEM_AS_ASKED },
		/* without it lowmem ends with the bank already */
		{ { { 0, 700, 0 }, { 800, 1024, 0 } },
		  750,
		  700,
		  REASON_BANK_END,
		  LOWMEM_NO_EFFECT },
		{ { { 0, 700, 0 }, { 800, 1024, 0 } },
		  700,
		  700,
		  REASON_BANK_END,
		  LOWMEM_NO_EFFECT },
		{ { { 0, 512, 0 } }, 512, 512, REASON_RAM_END, LOWMEM_NO_EFFECT },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_of(set_pieces(rows[i].pieces));
		struct zone_layout layout;

		set_free(&input, 0, 100);
		input.lowmem = ASK(MIB(rows[i].asked_mib));
		layout = compute(&input);
		expect_lowmem(&layout, MIB(rows[i].end_mib), rows[i].reason, rows[i].outcome);
	}
}

/* DMA is all of lowmem when the limit lies above; else Normal has what is between. */
static void test_lowmem_and_dma(void **state)
{
	struct zone_layout_input input = input_lowmem(ASK(MIB(64)));
	struct zone_layout layout;

	(void)state;
	input.dma_limit_bytes = MIB(256);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 0, 64, 64);
	expect_reasons(&layout, ZONE_DMA, REASON_RAM_START, REASON_LOWMEM_ASKED);
	expect_no_zone(&layout, ZONE_NORMAL);
	expect_zone(&layout, ZONE_HIGHMEM, 64, 1024, 960);
	expect_reasons(&layout, ZONE_HIGHMEM, REASON_LOWMEM_END, REASON_RAM_END);
	input.dma_limit_bytes = MIB(64);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 0, 64, 64);
	input.dma_limit_bytes = MIB(63);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 0, 63, 63);
	expect_zone(&layout, ZONE_NORMAL, 63, 64, 1);
}

/* What is highmem now is what Movable is cut from; the kernel's share counts lowmem first. */
static void test_lowmem_and_movable(void **state)
{
	struct zone_layout_input input = input_lowmem(LEAST);
	struct zone_layout layout;

	(void)state;
	input.kernelcore = BYTES(MIB(100));
	layout = compute(&input);
	assert_int_equal(layout.movable_zone, ZONE_HIGHMEM);
	expect_zone(&layout, ZONE_NORMAL, 0, 28, 28);
	expect_zone(&layout, ZONE_HIGHMEM, 28, 100, 72);
	expect_movable(&layout, 100, 1024, 924, REASON_KERNELCORE);
	/* used up in lowmem: all of highmem is Movable */
	input.kernelcore = BYTES(MIB(20));
	layout = compute(&input);
	expect_no_zone(&layout, ZONE_HIGHMEM);
	expect_movable(&layout, 28, 1024, 996, REASON_KERNELCORE);
	input.kernelcore = NOT_GIVEN;
	input.movablecore = PERCENT(50);
	layout = compute(&input);
	expect_movable(&layout, 512, 1024, 512, REASON_MOVABLECORE);
}

/* ---- DMA ---- */

static void test_dma_limit(void **state)
{
	static const struct {
		uint64_t limit;
		uint32_t dma_pages;
	} rows[] = {
		{ DMA_LIMIT_NONE, 0 },
		{ 0, 0 },
		{ 1, 0 },
		{ 4095, 0 },
		{ 4096, 1 },
		{ MIB(16), MIB_PAGES(16) },
		{ MIB(16) + 4095, MIB_PAGES(16) },
		{ MIB(760) - 1, MIB_PAGES(760) - 1 },
		{ MIB(760), MIB_PAGES(760) },
		{ MIB(760) + 4096, MIB_PAGES(760) },
		{ MIB(761), MIB_PAGES(760) },
		{ MIB(4096), MIB_PAGES(760) },
		{ UINT64_MAX - 1, MIB_PAGES(760) },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout_input input = input_one_bank(1024);
		struct zone_layout layout;

		input.dma_limit_bytes = rows[i].limit;
		layout = compute(&input);
		assert_int_equal(layout.zones[ZONE_DMA].present_pages, rows[i].dma_pages);
		assert_int_equal(layout.zones[ZONE_NORMAL].present_pages,
				 MIB_PAGES(760) - rows[i].dma_pages);
		expect_zone(&layout, ZONE_HIGHMEM, 760, 1024, 264);
	}
}

static void test_dma_reasons(void **state)
{
	struct zone_layout_input input = input_one_bank(1024);
	struct zone_layout layout;

	(void)state;
	input.dma_limit_bytes = MIB(256);
	layout = compute(&input);
	expect_reasons(&layout, ZONE_DMA, REASON_RAM_START, REASON_DMA_LIMIT);
	expect_reasons(&layout, ZONE_NORMAL, REASON_ZONE_BELOW, REASON_VMALLOC_LIMIT);
	input.dma_limit_bytes = MIB(1024);
	layout = compute(&input);
	expect_reasons(&layout, ZONE_DMA, REASON_RAM_START, REASON_VMALLOC_LIMIT);
	expect_no_zone(&layout, ZONE_NORMAL);
}

/* The limit counts from the RAM base, not from the first page of RAM (mem= can move that). */
static void test_dma_counts_from_the_ram_base(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 100, 600, false);
	input = input_of(1);
	input.dma_limit_bytes = MIB(128);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 100, 128, 28);
	expect_zone(&layout, ZONE_NORMAL, 128, 600, 472);
	input.dma_limit_bytes = MIB(64);
	layout = compute(&input);
	expect_no_zone(&layout, ZONE_DMA);
	expect_zone(&layout, ZONE_NORMAL, 100, 600, 500);
	expect_reasons(&layout, ZONE_NORMAL, REASON_RAM_START, REASON_RAM_END);
}

/* The limit falls into a hole: DMA spans part of it, Normal begins in it. */
static void test_dma_limit_in_a_hole(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 100, false);
	set_range(1, 200, 300, false);
	input = input_of(2);
	input.dma_limit_bytes = MIB(150);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 0, 150, 100);
	expect_zone(&layout, ZONE_NORMAL, 150, 300, 100);
}

/* ---- kernelcore= and movablecore= ---- */

/* The two tables below are written in these. */
#define NONE                      \
	{                         \
		CORE_SIZE_NONE, 0 \
	}
#define SIZE(n)                      \
	{                            \
		CORE_SIZE_BYTES, (n) \
	}
#define SIZE_MIB(n) SIZE(MIB(n))
#define SHARE(n)                       \
	{                              \
		CORE_SIZE_PERCENT, (n) \
	}
#define MIRRORED                    \
	{                           \
		CORE_SIZE_MIRROR, 0 \
	}

/* 1024 MiB in one bank, split 3G: Normal 0..760, HighMem 760..1024. */
static struct zone_layout compute_1g(struct core_size kernelcore, struct core_size movablecore)
{
	struct zone_layout_input input = input_one_bank(1024);
	struct zone_layout layout;

	input.kernelcore = kernelcore;
	input.movablecore = movablecore;
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 760, 760);
	assert_int_equal(layout.movable_zone, ZONE_HIGHMEM);
	return layout;
}

static void test_movable_placed(void **state)
{
	static const struct {
		struct core_size kernelcore;
		struct core_size movablecore;
		uint32_t start_mib;
		enum layout_reason reason;
	} rows[] = {
		{ SIZE_MIB(900), NONE, 900, REASON_KERNELCORE },
		{ SIZE_MIB(901), NONE, 904, REASON_KERNELCORE },
		{ SIZE(MIB(900) + 1), NONE, 900, REASON_KERNELCORE },
		{ SIZE(MIB(900) + 4096), NONE, 904, REASON_KERNELCORE },
		{ SIZE_MIB(100), NONE, 760, REASON_KERNELCORE },
		{ SIZE_MIB(760), NONE, 760, REASON_KERNELCORE },
		{ SIZE(4096), NONE, 760, REASON_KERNELCORE },
		{ SIZE_MIB(1020), NONE, 1020, REASON_KERNELCORE },
		{ SHARE(90), NONE, 924, REASON_KERNELCORE },
		{ SHARE(50), NONE, 760, REASON_KERNELCORE },
		{ SHARE(99), NONE, 1016, REASON_KERNELCORE },
		{ NONE, SIZE_MIB(128), 896, REASON_MOVABLECORE },
		{ NONE, SIZE_MIB(125), 896, REASON_MOVABLECORE },
		{ NONE, SIZE_MIB(129), 892, REASON_MOVABLECORE },
		{ NONE, SIZE(4096), 1020, REASON_MOVABLECORE },
		{ NONE, SIZE_MIB(512), 760, REASON_MOVABLECORE },
		{ NONE, SHARE(25), 768, REASON_MOVABLECORE },
		/* both: the smaller Movable wins */
		{ SIZE_MIB(900), SIZE_MIB(64), 960, REASON_MOVABLECORE },
		{ SIZE_MIB(900), SIZE_MIB(256), 900, REASON_KERNELCORE },
		{ SIZE_MIB(900), SHARE(100), 900, REASON_KERNELCORE },
		{ SIZE(0), SIZE_MIB(64), 960, REASON_MOVABLECORE },
		/* a movablecore= of no page counts as not given, it does not mean "no Movable" */
		{ SIZE_MIB(900), SIZE(0), 900, REASON_KERNELCORE },
		{ SIZE_MIB(900), SIZE(4095), 900, REASON_KERNELCORE },
		{ SIZE_MIB(900), SHARE(0), 900, REASON_KERNELCORE },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout layout = compute_1g(rows[i].kernelcore, rows[i].movablecore);
		uint32_t start_mib = rows[i].start_mib;

		expect_movable(&layout, start_mib, 1024, 1024 - start_mib, rows[i].reason);
		if (start_mib == 760)
			expect_no_zone(&layout, ZONE_HIGHMEM);
		else
			expect_zone(&layout, ZONE_HIGHMEM, 760, start_mib, start_mib - 760);
	}
}

static void test_movable_none(void **state)
{
	static const struct {
		struct core_size kernelcore;
		struct core_size movablecore;
		enum movable_outcome outcome;
	} rows[] = {
		{ NONE, NONE, MOVABLE_NOT_ASKED },
		{ SIZE(4095), NONE, MOVABLE_ASKED_ZERO },
		{ SIZE(0), NONE, MOVABLE_ASKED_ZERO },
		{ SHARE(0), NONE, MOVABLE_ASKED_ZERO },
		{ NONE, SIZE(4095), MOVABLE_ASKED_ZERO },
		{ SIZE_MIB(1021), NONE, MOVABLE_PAST_END },
		{ SIZE(MIB(1024) - 4096), NONE, MOVABLE_PAST_END },
		{ SIZE_MIB(1024), NONE, MOVABLE_CORE_ALL },
		{ SIZE(UINT64_MAX), NONE, MOVABLE_CORE_ALL },
		{ SIZE(1ULL << 44), NONE, MOVABLE_CORE_ALL }, /* 2^32 pages: no page in 32 bits */
		{ SHARE(100), NONE, MOVABLE_CORE_ALL },
		{ SHARE(1ULL << 50), NONE, MOVABLE_CORE_ALL },
		{ SIZE_MIB(2048), SIZE_MIB(64), MOVABLE_CORE_ALL },
		{ NONE, SIZE_MIB(1024), MOVABLE_CORE_ZERO },
		{ NONE, SIZE_MIB(4096), MOVABLE_CORE_ZERO },
		{ NONE, SHARE(100), MOVABLE_CORE_ZERO },
		{ NONE, SHARE(150), MOVABLE_CORE_ZERO },
		{ MIRRORED, NONE, MOVABLE_MIRROR },
		{ MIRRORED, SIZE_MIB(128), MOVABLE_MIRROR },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zone_layout layout = compute_1g(rows[i].kernelcore, rows[i].movablecore);

		expect_no_movable(&layout, rows[i].outcome);
		expect_zone(&layout, ZONE_HIGHMEM, 760, 1024, 264);
	}
}

/* 2 GiB and more from 82 % upward: a 32-bit product of pages, 100 and percent would wrap. */
static void test_percent_does_not_wrap(void **state)
{
	struct zone_layout_input input = input_one_bank(3000);
	struct zone_layout layout;

	(void)state;
	input.kernelcore = PERCENT(90);
	layout = compute(&input);
	expect_movable(&layout, 2700, 3000, 300, REASON_KERNELCORE);
	input.kernelcore = PERCENT(5593); /* of 768000 pages: 2^32 and a little */
	layout = compute(&input);
	expect_no_movable(&layout, MOVABLE_CORE_ALL);
}

/* Percent counts no-map pieces and leaves holes out. */
static void test_percent_of_present_pages(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 100, false);
	set_range(1, 100, 200, true);
	set_range(2, 300, 500, false);
	input = input_of(3);
	input.kernelcore = PERCENT(75); /* of 400 MiB: 200 below the hole, 100 above */
	layout = compute(&input);
	expect_movable(&layout, 400, 500, 100, REASON_KERNELCORE);
	expect_zone(&layout, ZONE_NORMAL, 0, 400, 300);
	expect_reasons(&layout, ZONE_NORMAL, REASON_RAM_START, REASON_MOVABLE_START);
}

/* Without HighMem Movable comes out of Normal, without Normal out of DMA. */
static void test_movable_from_the_highest_zone(void **state)
{
	struct zone_layout_input input = input_one_bank(512);
	struct zone_layout layout;

	(void)state;
	input.kernelcore = BYTES(MIB(256));
	layout = compute(&input);
	assert_int_equal(layout.movable_zone, ZONE_NORMAL);
	expect_zone(&layout, ZONE_NORMAL, 0, 256, 256);
	expect_movable(&layout, 256, 512, 256, REASON_KERNELCORE);

	input.dma_limit_bytes = MIB(1024);
	layout = compute(&input);
	assert_int_equal(layout.movable_zone, ZONE_DMA);
	expect_zone(&layout, ZONE_DMA, 0, 256, 256);
	expect_reasons(&layout, ZONE_DMA, REASON_RAM_START, REASON_MOVABLE_START);
	expect_movable(&layout, 256, 512, 256, REASON_KERNELCORE);

	/* DMA below Normal is never cut, it only counts. */
	input.dma_limit_bytes = MIB(300);
	layout = compute(&input);
	expect_zone(&layout, ZONE_DMA, 0, 300, 300);
	expect_movable(&layout, 300, 512, 212, REASON_KERNELCORE);
	expect_no_zone(&layout, ZONE_NORMAL);
}

static void test_movable_zone_when_not_asked(void **state)
{
	struct zone_layout_input input = input_one_bank(1024);

	(void)state;
	assert_int_equal(compute(&input).movable_zone, ZONE_HIGHMEM);
	input = input_one_bank(512);
	assert_int_equal(compute(&input).movable_zone, ZONE_NORMAL);
}

/* core used up exactly at the end of a range: Movable's span begins with the hole. */
static void test_core_ends_with_a_range(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 256, false);
	set_range(1, 320, 600, false);
	input = input_of(2);
	input.kernelcore = BYTES(MIB(256));
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 256, 256);
	expect_movable(&layout, 256, 600, 280, REASON_KERNELCORE);

	input.kernelcore = BYTES(MIB(256) + 4096); /* one page more lies beyond the hole */
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 324, 260);
	expect_movable(&layout, 324, 600, 276, REASON_KERNELCORE);
}

/* The end of a range that is not on 4 MiB: rounding goes up into the hole, or beyond it. */
static void test_rounding_at_a_hole(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 257, false);
	set_range(1, 258, 600, false);
	input = input_of(2);
	input.kernelcore = BYTES(MIB(257));
	layout = compute(&input);
	expect_zone(&layout, ZONE_NORMAL, 0, 260, 259);
	expect_movable(&layout, 260, 600, 340, REASON_KERNELCORE);
}

/* core used up below the zone to be cut: Movable begins at the first RAM inside it, not before. */
static void test_core_used_up_below(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 700, false);
	set_range(1, 801, 1000, false);
	input = input_of(2);
	for (uint32_t core_mib = 100; core_mib <= 700; core_mib += 600) {
		input.kernelcore = BYTES(MIB(core_mib));
		layout = compute(&input);
		/* 801 rounds up to 804; HighMem keeps the hole and three MiB */
		expect_zone(&layout, ZONE_HIGHMEM, 700, 804, 3);
		expect_movable(&layout, 804, 1000, 196, REASON_KERNELCORE);
	}
}

/* A cut zone can be left with nothing but a leading hole. */
static void test_zone_left_with_a_hole(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 700, false);
	set_range(1, 800, 1000, false);
	input = input_of(2);
	input.movablecore = BYTES(MIB(500));
	layout = compute(&input);
	expect_zone(&layout, ZONE_HIGHMEM, 700, 800, 0);
	expect_reasons(&layout, ZONE_HIGHMEM, REASON_LOWMEM_END, REASON_MOVABLE_START);
	expect_movable(&layout, 800, 1000, 200, REASON_MOVABLECORE);
}

/* No-map pieces count towards core, below the zone and inside it. */
static void test_core_counts_no_map(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 0, 100, false);
	set_range(1, 100, 200, true);
	set_range(2, 200, 760, false);
	set_range(3, 760, 860, true);
	set_range(4, 860, 1000, false);
	input = input_of(5);
	input.kernelcore = BYTES(MIB(900));
	layout = compute(&input);
	expect_zone(&layout, ZONE_HIGHMEM, 760, 900, 140);
	expect_movable(&layout, 900, 1000, 100, REASON_KERNELCORE);
	input.kernelcore = BYTES(MIB(800)); /* ends inside the no-map piece */
	layout = compute(&input);
	expect_movable(&layout, 800, 1000, 200, REASON_KERNELCORE);
}

/* Rounded to 4 MiB of absolute page frame numbers, not of distance from the zone's start. */
static void test_rounding_is_absolute(void **state)
{
	struct zone_layout_input input;
	struct zone_layout layout;

	(void)state;
	set_range(0, 2, 514, false);
	input = input_of(1);
	input.ram_base = RAM_BASE + MIB(2);
	input.kernelcore = BYTES(MIB(256)); /* 2 + 256 = 258 */
	layout = compute(&input);
	expect_movable(&layout, 260, 514, 254, REASON_KERNELCORE);
}

/* What "Zone ranges" prints is not touched by Movable. */
static void test_arch_limits(void **state)
{
	struct zone_layout_input input = input_one_bank(1024);
	uint32_t base_pfn = PFN_DOWN(RAM_BASE);
	struct zone_layout layout;

	(void)state;
	input.dma_limit_bytes = MIB(64);
	input.kernelcore = BYTES(MIB(800));
	layout = compute(&input);
	assert_int_equal(layout.arch_start_pfn[ZONE_DMA], base_pfn);
	assert_int_equal(layout.arch_end_pfn[ZONE_DMA], base_pfn + MIB_PAGES(64));
	assert_int_equal(layout.arch_start_pfn[ZONE_NORMAL], base_pfn + MIB_PAGES(64));
	assert_int_equal(layout.arch_end_pfn[ZONE_NORMAL], base_pfn + MIB_PAGES(760));
	assert_int_equal(layout.arch_start_pfn[ZONE_HIGHMEM], base_pfn + MIB_PAGES(760));
	assert_int_equal(layout.arch_end_pfn[ZONE_HIGHMEM], base_pfn + MIB_PAGES(1024));
	assert_int_equal(layout.arch_start_pfn[ZONE_MOVABLE], 0);
	assert_int_equal(layout.arch_end_pfn[ZONE_MOVABLE], 0);
}

/* ---- random maps against one page at a time ---- */

#define MODEL_PAGES  0x100000U
#define MODEL_ROUNDS 600
#define HOLE         0
#define USABLE       1
#define NO_MAP       2

static uint8_t model_page[MODEL_PAGES];
static uint8_t model_free[MODEL_PAGES]; /* which piece a free page is of, counted from 1 */

struct model {
	uint64_t lowmem_end;
	uint32_t first_pfn;
	uint32_t end_pfn; /* after the last page of RAM */
	uint32_t limit_pfn[ZONE_MOVABLE + 1];
	uint32_t movable_start_pfn;
	uint32_t total_pages;
};

static uint32_t random_state;

/* Own generator: the same maps on every machine. */
static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 1664525U + 1013904223U;
	return (uint32_t)(((uint64_t)random_state * bound) >> 32);
}

static void model_fill(const struct zone_layout_input *input, struct model *model)
{
	memset(model_page, HOLE, sizeof(model_page));
	memset(model_free, 0, sizeof(model_free));
	model->total_pages = 0;
	model->first_pfn = MODEL_PAGES;
	for (unsigned int i = 0; i < input->range_count; i++) {
		for (uint32_t pfn = PFN_DOWN(input->ranges[i].base);
		     pfn < PFN_DOWN(input->ranges[i].end); pfn++) {
			model_page[pfn] = input->ranges[i].no_map ? NO_MAP : USABLE;
			model->total_pages++;
			model->end_pfn = pfn + 1;
			if (pfn < model->first_pfn)
				model->first_pfn = pfn;
		}
	}
	for (unsigned int i = 0; i < input->free_count; i++)
		for (uint32_t pfn = PFN_DOWN(input->free_ranges[i].base);
		     pfn < PFN_DOWN(input->free_ranges[i].end); pfn++)
			model_free[pfn] = (uint8_t)(i + 1);
}

/* From the first page for which found is true, pages are lost until the next 2 MiB. */
static void model_lose_head(uint32_t first_pfn)
{
	for (uint32_t pfn = first_pfn; pfn < MODEL_PAGES && pfn % 512; pfn++) {
		if (model_page[pfn] == USABLE)
			model_page[pfn] = NO_MAP;
	}
}

static void model_lose_heads(const struct model *model)
{
	uint32_t pfn = 0;

	model_lose_head(model->first_pfn);
	while (pfn < MODEL_PAGES && model_page[pfn] != USABLE)
		pfn++;
	model_lose_head(pfn);
}

static uint64_t model_lowmem_end(const struct zone_layout_input *input, uint64_t limit)
{
	uint64_t lowmem_end = input->ram_base;
	bool piece_counts = false;

	for (uint32_t pfn = 0; pfn < MODEL_PAGES; pfn++) {
		if (model_page[pfn] != USABLE)
			continue;
		if (pfn == 0 || model_page[pfn - 1] != USABLE)
			piece_counts = PFN_PHYS(pfn) < limit;
		if (piece_counts)
			lowmem_end = min_u64(PFN_PHYS(pfn + 1), limit);
	}
	return lowmem_end;
}

static bool model_block_is_free(uint32_t pfn)
{
	uint8_t piece = model_free[pfn];

	for (uint32_t end = pfn + 1024; pfn < end; pfn++)
		if (model_free[pfn] != piece || model_page[pfn] != USABLE)
			return false;
	return piece != 0;
}

/* Free blocks of 1024 pages above the image, one at a time, until the boot has what it needs. */
static uint64_t model_least_end(const struct zone_layout_input *input)
{
	uint64_t need = MIB(16) + (16 + 2 * input->range_count) * 1024;
	uint64_t got = 0;

	for (uint32_t unit = 0; unit < MODEL_PAGES; unit += 1024)
		for (uint32_t pfn = unit; pfn < unit + 1024; pfn++)
			if (model_page[pfn] != HOLE) {
				need += 1024 * 16;
				break;
			}
	for (uint32_t unit = 0; unit < MODEL_PAGES; unit += 1024) {
		if (PFN_PHYS(unit) < input->ram_base + MIB(4) || !model_block_is_free(unit))
			continue;
		got += MIB(4);
		if (got >= need)
			return PFN_PHYS(unit + 1024);
	}
	return UINT64_MAX;
}

static void model_lowmem(const struct zone_layout_input *input, uint64_t vmalloc_limit,
			 struct model *model)
{
	uint64_t limit = vmalloc_limit, least;

	model_lose_heads(model);
	least = model_least_end(input);
	if (input->lowmem.kind == LOWMEM_LEAST)
		limit = min_u64(limit, least);
	else if (input->lowmem.kind == LOWMEM_SIZE)
		limit = min_u64(limit, max_u64(least, input->ram_base + input->lowmem.bytes));
	model->lowmem_end = model_lowmem_end(input, limit);
}

/* limit_pfn[zone] is the end of that zone before Movable; DMA to HighMem. */
static void model_limits(const struct zone_layout_input *input, struct model *model)
{
	uint32_t lowmem_end_pfn = PFN_DOWN(model->lowmem_end);
	uint64_t dma_end = input->ram_base;
	uint32_t dma_end_pfn;

	if (input->dma_limit_bytes != DMA_LIMIT_NONE)
		dma_end += input->dma_limit_bytes;
	dma_end_pfn = dma_end >> PAGE_SHIFT > lowmem_end_pfn ? lowmem_end_pfn : PFN_DOWN(dma_end);
	model->limit_pfn[ZONE_DMA] = (uint32_t)max_u64(model->first_pfn, dma_end_pfn);
	model->limit_pfn[ZONE_NORMAL] =
		(uint32_t)max_u64(model->limit_pfn[ZONE_DMA], lowmem_end_pfn);
	model->limit_pfn[ZONE_HIGHMEM] = model->end_pfn;
}

static uint64_t model_core(const struct core_size *size, uint32_t total_pages)
{
	if (size->kind == CORE_SIZE_BYTES)
		return size->value / PAGE_SIZE;
	return size->kind == CORE_SIZE_PERCENT ? total_pages * size->value / 100 : 0;
}

/* The page where Movable begins before rounding, found by counting pages one by one. */
static uint32_t model_core_end(const struct model *model, uint64_t core, uint32_t floor_pfn)
{
	uint32_t after_last = 0;

	for (uint32_t pfn = 0; pfn < model->end_pfn; pfn++) {
		if (model_page[pfn] == HOLE)
			continue;
		if (core == 0 && pfn >= floor_pfn)
			return after_last > floor_pfn ? after_last : pfn;
		if (core > 0)
			core--;
		after_last = pfn + 1;
	}
	return after_last;
}

static void model_movable(const struct zone_layout_input *input, struct model *model)
{
	uint64_t core = model_core(&input->kernelcore, model->total_pages);
	uint64_t movable = model_core(&input->movablecore, model->total_pages);
	uint32_t floor_pfn = model->limit_pfn[ZONE_NORMAL];
	uint32_t start_pfn;

	model->movable_start_pfn = 0;
	if (movable) {
		movable = (movable + 1023) / 1024 * 1024;
		movable = min_u64(movable, model->total_pages);
		core = max_u64(core, model->total_pages - movable);
	}
	if (core == 0 || core >= model->total_pages)
		return;
	if (floor_pfn >= model->limit_pfn[ZONE_HIGHMEM])
		floor_pfn = model->limit_pfn[ZONE_DMA];
	if (floor_pfn >= model->limit_pfn[ZONE_HIGHMEM])
		floor_pfn = model->first_pfn;
	start_pfn = (model_core_end(model, core, floor_pfn) + 1023) / 1024 * 1024;
	if (start_pfn < model->end_pfn)
		model->movable_start_pfn = start_pfn;
}

static enum zone_type model_zone(const struct model *model, uint32_t pfn)
{
	if (model->movable_start_pfn && pfn >= model->movable_start_pfn)
		return ZONE_MOVABLE;
	for (unsigned int zone = ZONE_DMA; zone < ZONE_HIGHMEM; zone++) {
		if (pfn < model->limit_pfn[zone])
			return zone;
	}
	return ZONE_HIGHMEM;
}

/* Every page between the first and the last is spanned by one zone, holes too. */
static void model_count(const struct model *model, struct zone_span spans[MAX_NR_ZONES])
{
	memset(spans, 0, MAX_NR_ZONES * sizeof(spans[0]));
	for (uint32_t pfn = model->first_pfn; pfn < model->end_pfn; pfn++) {
		struct zone_span *span = &spans[model_zone(model, pfn)];

		if (span->spanned_pages++ == 0)
			span->start_pfn = pfn;
		span->present_pages += model_page[pfn] != HOLE;
	}
}

static uint64_t random_bytes(void)
{
	static const uint32_t units[] = { PAGE_SIZE, SZ_1M, SZ_2M, SZ_4M, SZ_16M };
	uint32_t unit = units[random_below(ARRAY_SIZE(units))];

	return (uint64_t)unit * (1 + random_below(unit == PAGE_SIZE ? 3000 : SZ_1M * 400 / unit));
}

static struct core_size random_core(void)
{
	switch (random_below(5)) {
	case 0:
		return NOT_GIVEN;
	case 3:
		return PERCENT(96 + random_below(5));
	case 1:
		return PERCENT(random_below(105));
	case 2:
		return BYTES(random_bytes() + random_bytes() + random_below(2));
	default:
		return BYTES(MIB(random_below(1600)));
	}
}

/* One to six pieces with or without gaps, some no-map, the first usable one often off 2 MiB. */
static unsigned int random_ranges(uint64_t ram_base)
{
	unsigned int count = 1 + random_below(6);
	uint64_t base = ram_base + (random_below(3) ? 0 : random_bytes());
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint64_t end = base + random_bytes();

		if (end > SZ_4G - PAGE_SIZE)
			break;
		map[i] = (struct layout_range){ base, end, random_below(4) == 0 };
		base = end + (random_below(2) ? 0 : random_bytes());
	}
	map[random_below(i)].no_map = false;
	return i;
}

/* Of each usable piece all, nothing, or both ends: somebody has the middle. */
static void random_free(struct zone_layout_input *input)
{
	input->free_ranges = free_map;
	for (unsigned int i = 0; i < input->range_count; i++) {
		const struct layout_range *range = &map[i];
		uint32_t pages = PFN_DOWN(range->end) - PFN_DOWN(range->base);
		uint64_t first = PFN_PHYS(random_below(pages)),
			 second = PFN_PHYS(random_below(pages));

		if (range->no_map || random_below(6) == 0)
			continue;
		free_map[input->free_count] = *range;
		if (first < second && random_below(3) != 0) {
			free_map[input->free_count++].end = range->base + first;
			free_map[input->free_count] = *range;
			free_map[input->free_count].base += second;
		}
		input->free_count++;
	}
}

static struct lowmem_size random_lowmem(void)
{
	switch (random_below(4)) {
	case 0:
		return ASK(random_bytes() + random_below(2));
	case 1:
		return ASK(MIB(random_below(1200)));
	case 2:
		return LEAST;
	default:
		return (struct lowmem_size){ LOWMEM_MOST, 0 };
	}
}

static struct zone_layout_input random_input(void)
{
	static const uint32_t splits[] = { SPLIT_3G, SPLIT_2G, SPLIT_1G };
	struct zone_layout_input input = input_of(0);

	input.ram_base = (uint64_t)random_below(3) * 0x40000000ULL + SZ_2M * random_below(4);
	input.page_offset = splits[random_below(3)];
	if (random_below(2))
		input.vmalloc_bytes = random_bytes() * 2 + random_below(2);
	if (random_below(2))
		input.dma_limit_bytes = random_bytes();
	input.kernelcore = random_core();
	input.movablecore = random_core();
	input.range_count = random_ranges(input.ram_base);
	input.lowmem = random_lowmem();
	random_free(&input);
	return input;
}

/* A difference names the round by what the generator began it with. */
static void expect_same(uint32_t seed, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("generator at %u: %s is %#llx, page by page it is %#llx", seed, what,
			 (unsigned long long)got, (unsigned long long)want);
}

static void compare_with_model(uint32_t seed, const struct zone_layout_input *input,
			       const struct zone_layout *layout)
{
	struct zone_span spans[MAX_NR_ZONES];
	struct model model;

	model_fill(input, &model);
	model_lowmem(input, layout->vmalloc_limit, &model);
	model_limits(input, &model);
	model_movable(input, &model);
	model_count(&model, spans);
	expect_same(seed, "lowmem end", layout->lowmem_end, model.lowmem_end);
	expect_same(seed, "Movable", layout->movable_start_pfn, model.movable_start_pfn);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct zone_span *span = &layout->zones[zone];

		expect_same(seed, "a start", span->start_pfn, spans[zone].start_pfn);
		expect_same(seed, "a span", span->spanned_pages, spans[zone].spanned_pages);
		expect_same(seed, "a presence", span->present_pages, spans[zone].present_pages);
	}
}

static bool leaves_only_a_hole(const struct zone_layout *layout)
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		if (layout->zones[zone].spanned_pages && !layout->zones[zone].present_pages)
			return true;
	}
	return false;
}

/* The maps are worth something only if they reach the corners, so the corners are counted. */
static void test_random_maps(void **state)
{
	unsigned int placed = 0, past_end = 0, only_holes = 0, lost_heads = 0;
	unsigned int lowmem[LOWMEM_RAISED + 1] = { 0 };

	(void)state;
	random_state = 20240607;
	for (unsigned int round = 0; round < MODEL_ROUNDS; round++) {
		uint32_t seed = random_state;
		struct zone_layout_input input = random_input();
		struct zone_layout layout = compute(&input);

		compare_with_model(seed, &input, &layout);
		placed += layout.movable_outcome == MOVABLE_PLACED;
		past_end += layout.movable_outcome == MOVABLE_PAST_END;
		only_holes += leaves_only_a_hole(&layout);
		lost_heads += layout.lost_head_size > 0;
		lowmem[layout.lowmem_outcome]++;
	}
	print_message("%u maps: Movable placed %u, past the end %u, only a hole left %u, lost "
		      "heads %u\n",
		      MODEL_ROUNDS, placed, past_end, only_holes, lost_heads);
	print_message("lowmem= not asked %u, as asked %u, no effect %u, raised %u\n", lowmem[0],
		      lowmem[1], lowmem[2], lowmem[3]);
	assert_true(placed > 0 && past_end > 0 && only_holes > 0 && lost_heads > 0);
	assert_true(lowmem[LOWMEM_AS_ASKED] > 50 && lowmem[LOWMEM_NO_EFFECT] > 50 &&
		    lowmem[LOWMEM_RAISED] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_lowmem_sizes),
		cmocka_unit_test(test_vmalloc_clamping),
		cmocka_unit_test(test_odd_vmalloc_limit),
		cmocka_unit_test(test_vmalloc_limit_beyond_4g),
		cmocka_unit_test(test_vmalloc_start_keeps_the_gap),
		cmocka_unit_test(test_lowmem_end),
		cmocka_unit_test(test_holes_and_no_map_are_spanned),
		cmocka_unit_test(test_no_map_at_the_top_is_highmem),
		cmocka_unit_test(test_no_lowmem_is_all_highmem),
		cmocka_unit_test(test_nothing_usable),
		cmocka_unit_test(test_lost_head),
		cmocka_unit_test(test_lost_head_stays_present),
		cmocka_unit_test(test_lowmem_sizes),
		cmocka_unit_test(test_lowmem_moves_vmalloc),
		cmocka_unit_test(test_least_lowmem),
		cmocka_unit_test(test_least_lowmem_above_the_lost_head),
		cmocka_unit_test(test_lowmem_limit_and_pieces),
		cmocka_unit_test(test_lowmem_and_dma),
		cmocka_unit_test(test_lowmem_and_movable),
		cmocka_unit_test(test_dma_limit),
		cmocka_unit_test(test_dma_reasons),
		cmocka_unit_test(test_dma_counts_from_the_ram_base),
		cmocka_unit_test(test_dma_limit_in_a_hole),
		cmocka_unit_test(test_movable_placed),
		cmocka_unit_test(test_movable_none),
		cmocka_unit_test(test_percent_does_not_wrap),
		cmocka_unit_test(test_percent_of_present_pages),
		cmocka_unit_test(test_movable_from_the_highest_zone),
		cmocka_unit_test(test_movable_zone_when_not_asked),
		cmocka_unit_test(test_core_ends_with_a_range),
		cmocka_unit_test(test_rounding_at_a_hole),
		cmocka_unit_test(test_core_used_up_below),
		cmocka_unit_test(test_zone_left_with_a_hole),
		cmocka_unit_test(test_core_counts_no_map),
		cmocka_unit_test(test_rounding_is_absolute),
		cmocka_unit_test(test_arch_limits),
		cmocka_unit_test(test_random_maps),
	};

	return cmocka_run_group_tests_name("zone_layout", tests, NULL, NULL);
}
