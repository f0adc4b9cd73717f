/* SPDX-License-Identifier: MIT */
/*
 * Why a request is refused: a table of scripted shortages with the verdict on each zone and the
 * remedy, worked out by hand. Each row is believed only when the allocator does what it says: the
 * request is served by that zone or refused, each zone alone serves exactly when its verdict says
 * so, and the remedy works, while one page less of it does not.
 *
 * All zones have six pageblocks and, unless a row says otherwise, min 8 and low 12; so a kernel
 * request may leave 8 pages, __GFP_HIGH 4 (half), GFP_ATOMIC 3 (a quarter less). Everything is taken
 * first; a row says what is given back. Pageblocks are no smaller than 8 pages, runs no longer.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bits.h"
#include "mm/phys/page_why.h"

#define BLOCK_PAGES  (1U << PAGE_ORDER_MAX)
#define ZONE_PAGES   (6 * BLOCK_PAGES)
#define MIN_PAGES    8U
#define LOW_PAGES    12U
#define OUT_OF_REACH (1U << 20)

#define D            ZONE_DMA
#define N            ZONE_NORMAL
#define H            ZONE_HIGHMEM
#define M            ZONE_MOVABLE
#define NO           MAX_NR_ZONES

enum {
	SERVES = VERDICT_SERVES,
	EMPTY = VERDICT_EMPTY,
	NOT = VERDICT_NOT_ALLOWED,
	MOVABLE = VERDICT_MOVABLE_ONLY,
	BELOW = VERDICT_BELOW_MIN,
	HELD = VERDICT_HELD_BACK,
	FRAGMENTED = VERDICT_FRAGMENTED,
	ISOLATED = VERDICT_ISOLATED
};

/* Pages that are free: `pages` of them, each `step` after the one before (0: 1). */
struct run {
	enum zone_type zone;
	unsigned int block, first, pages, step;
};

/* A pageblock; `used`, so that a row that says nothing means none. */
struct place {
	bool used;
	enum zone_type zone;
	unsigned int block;
};

struct row {
	const char *name;
	unsigned int empty_zones; /* a bit each: without pages */
	struct run free[8];
	struct place highatomic, isolated;
	struct {
		enum zone_type zone, to; /* kept back from requests of this zone's class */
		uint32_t pages;
	} held_back[2];
	gfp_t gfp;
	unsigned int order;
	/* Expected. */
	unsigned int verdicts[MAX_NR_ZONES];
	uint32_t missing[MAX_NR_ZONES];
	int served_by;
	enum why_remedy remedy;
	enum zone_type zone;
	uint32_t number; /* pages, or the order */
};

#define ALL_TAKEN_BUT(...) .free = { __VA_ARGS__ }
#define KERNEL_SEES(d, n)  .verdicts = { d, n, NOT, MOVABLE }
#define REFUSED            .served_by = -1
/* Of every zone with nothing free, for one page: -1 left, 8 wanted. */
#define NOTHING 9

static const struct row rows[] = {
	/* --- around min --- */
	{ "exactly at min: 9 free, 8 left", ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 1 }),
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, SERVES), .missing = { NOTHING }, .served_by = N },
	{ "one page below min: GFP_ATOMIC may", ALL_TAKEN_BUT({ N, 0, 0, 8 }), .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, 1 }, REFUSED, .remedy = REMEDY_ATOMIC,
	  .zone = N },
	{ "the last page that GFP_ATOMIC may have: 4 free, 3 left", ALL_TAKEN_BUT({ N, 0, 0, 4 }),
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, 5 }, REFUSED,
	  .remedy = REMEDY_ATOMIC, .zone = N },
	{ "too little even for GFP_ATOMIC: 3 free, 2 left, 6 more for 8",
	  ALL_TAKEN_BUT({ N, 0, 0, 3 }), .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW),
	  .missing = { NOTHING, 6 }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 6 },
	{ "nothing at all: the cheapest of two equals is the lower", .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, NOTHING }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = D, .number = 9 },
	{ "__GFP_HIGH goes to half: 5 free, 4 left", ALL_TAKEN_BUT({ N, 0, 0, 5 }),
	  .gfp = GFP_KERNEL | __GFP_HIGH, KERNEL_SEES(BELOW, SERVES), .missing = { 5 },
	  .served_by = N },
	{ "and not below: 4 free", ALL_TAKEN_BUT({ N, 0, 0, 4 }), .gfp = GFP_KERNEL | __GFP_HIGH,
	  KERNEL_SEES(BELOW, BELOW), .missing = { 5, 1 }, REFUSED, .remedy = REMEDY_ATOMIC,
	  .zone = N },
	{ "GFP_ATOMIC goes to three eighths: 4 free, 3 left", ALL_TAKEN_BUT({ N, 0, 0, 4 }),
	  .gfp = GFP_ATOMIC, KERNEL_SEES(BELOW, SERVES), .missing = { 4 }, .served_by = N },
	{ "and not below: 3 free", ALL_TAKEN_BUT({ N, 0, 0, 3 }), .gfp = GFP_ATOMIC,
	  KERNEL_SEES(BELOW, BELOW), .missing = { 4, 1 }, REFUSED, .remedy = REMEDY_FREE, .zone = N,
	  .number = 1 },
	{ "a block counts whole: order 2 of 12 leaves 8",
	  ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 4 }), .gfp = GFP_KERNEL, .order = 2,
	  KERNEL_SEES(BELOW, SERVES), .missing = { 12 }, .served_by = N },
	{ "order 2 of 11: order 1 leaves 9", ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 3 }),
	  .gfp = GFP_KERNEL, .order = 2, KERNEL_SEES(BELOW, BELOW), .missing = { 12, 1 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 1 },
	{ "order 3 of 10: order 1 leaves just 8", ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 2 }),
	  .gfp = GFP_KERNEL, .order = 3, KERNEL_SEES(BELOW, BELOW), .missing = { 16, 6 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 1 },
	{ "order 3 of 8: not one page; in one piece GFP_ATOMIC cannot have it either",
	  ALL_TAKEN_BUT({ N, 0, 0, 8 }), .gfp = GFP_KERNEL, .order = 3, KERNEL_SEES(BELOW, BELOW),
	  .missing = { 16, 8 }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 8 },
	{ "the zone of fewer missing pages: DMA misses 7, Normal 8",
	  ALL_TAKEN_BUT({ N, 0, 0, 1 }, { D, 1, 0, 2 }), .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { 7, 8 }, REFUSED, .remedy = REMEDY_FREE, .zone = D,
	  .number = 7 },

	/* --- which zone --- */
	{ "low marks come first: HighMem is below its own, so Normal",
	  ALL_TAKEN_BUT({ H, 0, 0, 8 }, { H, 1, 0, 1 }, { N, 0, 0, 8 }, { N, 1, 0, 5 }),
	  .gfp = GFP_HIGHUSER, .verdicts = { BELOW, SERVES, SERVES, MOVABLE },
	  .missing = { NOTHING }, .served_by = N },
	{ "one page less and Normal is below its own too: HighMem",
	  ALL_TAKEN_BUT({ H, 0, 0, 8 }, { H, 1, 0, 1 }, { N, 0, 0, 8 }, { N, 1, 0, 4 }),
	  .gfp = GFP_HIGHUSER, .verdicts = { BELOW, SERVES, SERVES, MOVABLE },
	  .missing = { NOTHING }, .served_by = H },
	{ "above low, but not in one piece: Normal, which is at min",
	  ALL_TAKEN_BUT({ H, 0, 0, 4, 2 }, { H, 1, 0, 4, 2 }, { H, 2, 0, 4, 2 }, { H, 3, 0, 4, 2 },
			{ N, 0, 0, 8 }, { N, 1, 0, 2 }),
	  .gfp = GFP_HIGHUSER, .order = 1, .verdicts = { BELOW, SERVES, FRAGMENTED, MOVABLE },
	  .missing = { 10 }, .served_by = N },
	{ "Movable first for what can move",
	  ALL_TAKEN_BUT({ M, 0, 0, 8 }, { M, 1, 0, 1 }, { H, 0, 0, 8 }, { H, 1, 0, 1 }),
	  .gfp = GFP_HIGHUSER_MOVABLE, .verdicts = { BELOW, BELOW, SERVES, SERVES },
	  .missing = { NOTHING, NOTHING }, .served_by = M },
	{ "DMA has only DMA", ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 8 }, { D, 1, 0, 8 }),
	  .gfp = GFP_DMA, .verdicts = { BELOW, NOT, NOT, MOVABLE }, .missing = { 1 }, REFUSED,
	  .remedy = REMEDY_ATOMIC, .zone = D },
	{ "a request for DMA is never for highmem",
	  ALL_TAKEN_BUT({ H, 0, 0, 8 }, { H, 1, 0, 8 }, { M, 0, 0, 8 }, { M, 1, 0, 8 }),
	  .gfp = GFP_DMA, .verdicts = { BELOW, NOT, NOT, MOVABLE }, .missing = { NOTHING }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = D, .number = 9 },

	/* --- other flags --- */
	{ "highmem has it, exactly", ALL_TAKEN_BUT({ H, 0, 0, 8 }, { H, 1, 0, 1 }),
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, NOTHING }, REFUSED,
	  .remedy = REMEDY_HIGHMEM, .zone = H },
	{ "highmem has one too few", ALL_TAKEN_BUT({ H, 0, 0, 8 }), .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, NOTHING }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = D, .number = 9 },
	{ "highmem goes before reserves",
	  ALL_TAKEN_BUT({ N, 0, 0, 8 }, { H, 0, 0, 8 }, { H, 1, 0, 1 }), .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, 1 }, REFUSED, .remedy = REMEDY_HIGHMEM,
	  .zone = H },
	{ "only Movable has it", ALL_TAKEN_BUT({ M, 0, 0, 8 }, { M, 1, 0, 1 }), .gfp = GFP_KERNEL,
	  KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, NOTHING }, REFUSED,
	  .remedy = REMEDY_MOVABLE, .zone = M },
	{ "for a user request as well", ALL_TAKEN_BUT({ M, 0, 0, 8 }, { M, 1, 0, 1 }),
	  .gfp = GFP_HIGHUSER, .verdicts = { BELOW, BELOW, BELOW, MOVABLE },
	  .missing = { NOTHING, NOTHING, NOTHING }, REFUSED, .remedy = REMEDY_MOVABLE, .zone = M },
	{ "what is reclaimable is not movable", ALL_TAKEN_BUT({ M, 0, 0, 8 }, { M, 1, 0, 1 }),
	  .gfp = GFP_KERNEL | __GFP_RECLAIMABLE, KERNEL_SEES(BELOW, BELOW),
	  .missing = { NOTHING, NOTHING }, REFUSED, .remedy = REMEDY_FREE, .zone = D, .number = 9 },
	{ "but may be in highmem", ALL_TAKEN_BUT({ H, 0, 0, 8 }, { H, 1, 0, 1 }),
	  .gfp = GFP_KERNEL | __GFP_RECLAIMABLE, KERNEL_SEES(BELOW, BELOW),
	  .missing = { NOTHING, NOTHING }, REFUSED, .remedy = REMEDY_HIGHMEM, .zone = H },
	{ "a smaller block goes before other flags",
	  ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 1 }, { H, 0, 0, 8 }, { H, 1, 0, 8 }),
	  .gfp = GFP_KERNEL, .order = 1, KERNEL_SEES(BELOW, BELOW), .missing = { 10, 1 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 0 },
	{ "no zone has pages", .empty_zones = 1U << D | 1U << H | 1U << M,
	  ALL_TAKEN_BUT({ N, 1, 0, 8 }), .gfp = GFP_DMA, .verdicts = { EMPTY, NOT, EMPTY, EMPTY },
	  REFUSED, .remedy = REMEDY_FLAGS },
	{ "no zone has pages, but highmem has", .empty_zones = 1U << D | 1U << N | 1U << M,
	  ALL_TAKEN_BUT({ H, 1, 0, 8 }, { H, 2, 0, 1 }), .gfp = GFP_KERNEL,
	  .verdicts = { EMPTY, EMPTY, NOT, EMPTY }, REFUSED, .remedy = REMEDY_HIGHMEM, .zone = H },

	/* --- held back --- */
	{ "exactly at protection: 12 free, 11 left, 8 + 3 wanted",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }), .held_back = { { D, N, 3 } },
	  .gfp = GFP_KERNEL, KERNEL_SEES(SERVES, BELOW), .missing = { 0, NOTHING },
	  .served_by = D },
	{ "one page short of it: reserves first", ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }),
	  .held_back = { { D, N, 4 } }, .gfp = GFP_KERNEL, KERNEL_SEES(HELD, BELOW),
	  .missing = { 1, NOTHING }, REFUSED, .remedy = REMEDY_ATOMIC, .zone = D },
	{ "the most that GFP_ATOMIC gets past: 11 left, 3 + 8 wanted",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }), .held_back = { { D, N, 8 } },
	  .gfp = GFP_KERNEL, KERNEL_SEES(HELD, BELOW), .missing = { 5, NOTHING }, REFUSED,
	  .remedy = REMEDY_ATOMIC, .zone = D },
	{ "one more, and the ratio must change: 8 + 9 - 11",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }), .held_back = { { D, N, 9 } },
	  .gfp = GFP_KERNEL, KERNEL_SEES(HELD, BELOW), .missing = { 6, NOTHING }, REFUSED,
	  .remedy = REMEDY_RATIO, .zone = D, .number = 6 },
	{ "just not below min: 9 free, all 100 missing",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 1 }), .held_back = { { D, N, 100 } },
	  .gfp = GFP_KERNEL, KERNEL_SEES(HELD, BELOW), .missing = { 100, NOTHING }, REFUSED,
	  .remedy = REMEDY_RATIO, .zone = D, .number = 100 },
	{ "below min, with 100 held back on top: 8 + 100 - 7", ALL_TAKEN_BUT({ D, 1, 0, 8 }),
	  .held_back = { { D, N, 100 } }, .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW),
	  .missing = { 101, NOTHING }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 9 },
	{ "of two zones that hold back, the one that misses less",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }, { N, 0, 0, 8 }, { N, 1, 0, 2 }),
	  .held_back = { { D, H, 60 }, { N, H, 50 } }, .gfp = GFP_HIGHUSER,
	  .verdicts = { HELD, HELD, BELOW, MOVABLE }, .missing = { 57, 49, NOTHING }, REFUSED,
	  .remedy = REMEDY_RATIO, .zone = N, .number = 49 },
	{ "what is held back from user requests is not from kernel's",
	  ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 1 }), .held_back = { { N, H, 50 } },
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, SERVES), .missing = { NOTHING }, .served_by = N },
	{ "held back, and in pieces as well: no ratio would help",
	  ALL_TAKEN_BUT({ D, 1, 0, 4, 2 }, { D, 2, 0, 4, 2 }, { D, 3, 0, 4, 2 }),
	  .held_back = { { D, N, 100 } }, .gfp = GFP_KERNEL, .order = 1, KERNEL_SEES(HELD, BELOW),
	  .missing = { 98, 10 }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 10 },
	{ "of two zones that hold back, the one that has the block",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }, { N, 0, 0, 4, 2 }, { N, 1, 0, 4, 2 },
			{ N, 2, 0, 4, 2 }),
	  .held_back = { { D, H, 60 }, { N, H, 50 } }, .gfp = GFP_HIGHUSER, .order = 1,
	  .verdicts = { HELD, HELD, BELOW, MOVABLE }, .missing = { 58, 48, 10 }, REFUSED,
	  .remedy = REMEDY_RATIO, .zone = D, .number = 58 },

	/* --- in pieces --- */
	{ "16 single pages",
	  ALL_TAKEN_BUT({ N, 0, 0, 4, 2 }, { N, 1, 0, 4, 2 }, { N, 2, 0, 4, 2 }, { N, 3, 0, 4, 2 }),
	  .gfp = GFP_KERNEL, .order = 1, KERNEL_SEES(BELOW, FRAGMENTED), .missing = { 10 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 0 },
	{ "blocks of order 2, just enough pages: 16 - 8",
	  ALL_TAKEN_BUT({ N, 0, 0, 4 }, { N, 1, 0, 4 }, { N, 2, 0, 4 }, { N, 3, 4, 4 }),
	  .gfp = GFP_KERNEL, .order = 3, KERNEL_SEES(BELOW, FRAGMENTED), .missing = { 16 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 2 },
	{ "a page less is want of pages: 15 - 8",
	  ALL_TAKEN_BUT({ N, 0, 0, 4 }, { N, 1, 0, 4 }, { N, 2, 0, 4 }, { N, 3, 0, 3 }),
	  .gfp = GFP_KERNEL, .order = 3, KERNEL_SEES(BELOW, BELOW), .missing = { 16, 1 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = N, .number = 2 },
	{ "the smaller block may be another zone's",
	  ALL_TAKEN_BUT({ N, 0, 0, 4, 2 }, { N, 1, 0, 4, 2 }, { N, 2, 0, 4, 2 }, { D, 1, 0, 8 },
			{ D, 2, 0, 2 }),
	  .gfp = GFP_KERNEL, .order = 2, KERNEL_SEES(BELOW, FRAGMENTED), .missing = { 2 }, REFUSED,
	  .remedy = REMEDY_ORDER, .zone = D, .number = 1 },

	/* --- HighAtomic --- */
	{ "what is set aside is given up: 5 + 4", ALL_TAKEN_BUT({ N, 0, 0, 5 }, { N, 1, 0, 4 }),
	  .highatomic = { true, N, 1 }, .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, SERVES),
	  .missing = { NOTHING }, .served_by = N },
	{ "one less: 4 + 4", ALL_TAKEN_BUT({ N, 0, 0, 4 }, { N, 1, 0, 4 }),
	  .highatomic = { true, N, 1 }, .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW),
	  .missing = { NOTHING, 1 }, REFUSED, .remedy = REMEDY_ATOMIC, .zone = N },
	{ "atomic requests count it: 2 + 2", ALL_TAKEN_BUT({ N, 0, 0, 2 }, { N, 1, 0, 2 }),
	  .highatomic = { true, N, 1 }, .gfp = GFP_ATOMIC, KERNEL_SEES(BELOW, SERVES),
	  .missing = { 4 }, .served_by = N },
	{ "and one less: 1 + 2", ALL_TAKEN_BUT({ N, 0, 0, 1 }, { N, 1, 0, 2 }),
	  .highatomic = { true, N, 1 }, .gfp = GFP_ATOMIC, KERNEL_SEES(BELOW, BELOW),
	  .missing = { 4, 1 }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 1 },
	{ "the only pair is set aside",
	  ALL_TAKEN_BUT({ N, 0, 0, 4, 2 }, { N, 2, 0, 4, 2 }, { N, 1, 0, 2 }),
	  .highatomic = { true, N, 1 }, .gfp = GFP_KERNEL, .order = 1, KERNEL_SEES(BELOW, SERVES),
	  .missing = { 10 }, .served_by = N },
	{ "another zone serves before it is given up: HighMem 7 + 2, Normal 9",
	  ALL_TAKEN_BUT({ H, 0, 0, 7 }, { H, 1, 0, 2 }, { N, 0, 0, 8 }, { N, 1, 0, 1 }),
	  .highatomic = { true, H, 1 }, .gfp = GFP_HIGHUSER,
	  .verdicts = { BELOW, SERVES, SERVES, MOVABLE }, .missing = { NOTHING }, .served_by = N },
	{ "so does one whose pair is not set aside",
	  ALL_TAKEN_BUT({ H, 0, 0, 4, 2 }, { H, 2, 0, 4, 2 }, { H, 1, 0, 2 }, { N, 0, 0, 8 },
			{ N, 1, 0, 2 }),
	  .highatomic = { true, H, 1 }, .gfp = GFP_HIGHUSER, .order = 1,
	  .verdicts = { BELOW, SERVES, SERVES, MOVABLE }, .missing = { 10 }, .served_by = N },
	{ "an atomic request takes it where it is",
	  ALL_TAKEN_BUT({ H, 0, 0, 2 }, { H, 1, 0, 2 }, { N, 0, 0, 8 }),
	  .highatomic = { true, H, 1 }, .gfp = GFP_ATOMIC | __GFP_HIGHMEM,
	  .verdicts = { BELOW, SERVES, SERVES, MOVABLE }, .missing = { 4 }, .served_by = H },

	/* --- isolated pageblocks --- */
	{ "8 more are isolated: reserves first", ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 8 }),
	  .isolated = { true, N, 1 }, .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, ISOLATED),
	  .missing = { NOTHING, 1 }, REFUSED, .remedy = REMEDY_ATOMIC, .zone = N },
	{ "2 free and 8 isolated: 1 left, 7 missing", ALL_TAKEN_BUT({ N, 0, 0, 2 }, { N, 1, 0, 8 }),
	  .isolated = { true, N, 1 }, .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, ISOLATED),
	  .missing = { NOTHING, 7 }, REFUSED, .remedy = REMEDY_FREE, .zone = N, .number = 7 },
	{ "1 free and 8 isolated: just enough together",
	  ALL_TAKEN_BUT({ N, 0, 0, 1 }, { N, 1, 0, 8 }), .isolated = { true, N, 1 },
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, ISOLATED), .missing = { NOTHING, 8 }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = N, .number = 8 },
	{ "8 isolated alone are too few", ALL_TAKEN_BUT({ N, 1, 0, 8 }), .isolated = { true, N, 1 },
	  .gfp = GFP_KERNEL, KERNEL_SEES(BELOW, BELOW), .missing = { NOTHING, 9 }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = D, .number = 9 },
	{ "isolated goes before held back: 11 left and 8, 8 + 11 wanted",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }, { D, 3, 0, 8 }), .isolated = { true, D, 3 },
	  .held_back = { { D, N, 11 } }, .gfp = GFP_KERNEL, KERNEL_SEES(ISOLATED, BELOW),
	  .missing = { 8, 9 }, REFUSED, .remedy = REMEDY_FREE, .zone = D, .number = 8 },
	{ "too few isolated: 8 + 12 wanted",
	  ALL_TAKEN_BUT({ D, 1, 0, 8 }, { D, 2, 0, 4 }, { D, 3, 0, 8 }), .isolated = { true, D, 3 },
	  .held_back = { { D, N, 12 } }, .gfp = GFP_KERNEL, KERNEL_SEES(HELD, BELOW),
	  .missing = { 9, 9 }, REFUSED, .remedy = REMEDY_RATIO, .zone = D, .number = 9 },
	{ "fewer pages in a zone that has none isolated",
	  ALL_TAKEN_BUT({ D, 1, 0, 1 }, { D, 2, 0, 8 }, { N, 0, 0, 3 }), .isolated = { true, D, 2 },
	  .gfp = GFP_KERNEL, KERNEL_SEES(ISOLATED, BELOW), .missing = { 8, 6 }, REFUSED,
	  .remedy = REMEDY_FREE, .zone = N, .number = 6 },
	{ "pages enough, the block is isolated",
	  ALL_TAKEN_BUT({ N, 0, 0, 4, 2 }, { N, 2, 0, 4, 2 }, { N, 3, 0, 4, 2 }, { N, 1, 0, 8 }),
	  .isolated = { true, N, 1 }, .gfp = GFP_KERNEL, .order = 2, KERNEL_SEES(BELOW, FRAGMENTED),
	  .missing = { 12 }, REFUSED, .remedy = REMEDY_ORDER, .zone = N, .number = 0 },
};

/* --- a shortage ------------------------------------------------------------------------------ */

/* A request that the zone is the first to serve. */
static const gfp_t gfp_of[MAX_NR_ZONES] = { GFP_DMA, GFP_NOWAIT, __GFP_HIGHMEM,
					    __GFP_HIGHMEM | __GFP_MOVABLE };

static void set_marks(enum zone_type zone, uint32_t min_pages, uint32_t low_pages)
{
	zones[zone].marks.min_pages = min_pages;
	zones[zone].marks.low_pages = low_pages;
	magazines_init();
}

/* Everything, as single pages. */
static void take_all(enum zone_type zone)
{
	for (int order = PAGE_ORDER_MAX; order >= 0; order--)
		for (;;) {
			struct page *page =
				alloc_pages(gfp_of[zone] | __GFP_NOWARN, (unsigned)order);

			if (page != NULL && page_zone_index(page) == zone) {
				split_page(page, (unsigned int)order);
				continue;
			}
			if (page != NULL)
				__free_pages(page, (unsigned int)order);
			break;
		}
	magazines_drain_all();
	assert_int_equal(zones[zone].free_pages, 0);
}

static uint32_t pfn_in(enum zone_type zone, unsigned int block, unsigned int page)
{
	return zones[zone].span.start_pfn + (block << PAGE_ORDER_MAX) + page;
}

/* An atomic request for a pair that goes below low sets its pageblock aside. */
static void set_aside(const struct place *place)
{
	struct page *pair = pfn_to_page(pfn_in(place->zone, place->block, 0)), *taken;

	set_marks(place->zone, 0, OUT_OF_REACH);
	__free_page(pair);
	__free_page(pair + 1);
	taken = alloc_pages(GFP_ATOMIC | gfp_of[place->zone], 1);
	assert_ptr_equal(taken, pair);
	assert_int_equal(pageblock_type(pair), MIGRATE_HIGHATOMIC);
	split_page(pair, 1);
}

static void give(const struct run *run)
{
	for (unsigned int i = 0; i < run->pages; i++)
		__free_page(pfn_to_page(
			pfn_in(run->zone, run->block, run->first + i * max_u32(run->step, 1))));
}

/* What is kept back from a class is kept back from those above as well. */
static void set_protection(const struct row *row)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(row->held_back); i++) {
		uint32_t *protection = zones[row->held_back[i].zone].marks.protection;

		if (row->held_back[i].pages == 0)
			continue;
		for (unsigned int to = row->held_back[i].to; to < MAX_NR_ZONES; to++)
			protection[to] = row->held_back[i].pages;
	}
	magazines_init();
}

static void start_row(const struct row *row)
{
	struct harness_machine machine = { 0 };

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		if ((row->empty_zones >> zone & 1) == 0)
			machine.zone_pages[zone] = ZONE_PAGES;
	harness_start(&machine);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		zones[zone].marks = (struct zone_watermarks){ 0 };
	magazines_init();
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		take_all(zone);
	if (row->highatomic.used)
		set_aside(&row->highatomic);
	if (row->isolated.used)
		assert_true(isolate_pageblock(pfn_in(row->isolated.zone, row->isolated.block, 0)));
	for (unsigned int i = 0; i < ARRAY_SIZE(row->free); i++)
		give(&row->free[i]);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		set_marks(zone, MIN_PAGES, LOW_PAGES);
	set_protection(row);
	magazines_drain_all();
}

/* The next machine's magazines shall not stay closed. */
static void end_row(const struct row *row)
{
	if (row->isolated.used)
		assert_true(unisolate_pageblock(pfn_in(row->isolated.zone, row->isolated.block, 0),
						MIGRATE_MOVABLE));
	harness_check(NULL);
}

/* --- what the allocator does ----------------------------------------------------------------- */

/* Which zone serves, -1: none. What was served goes back. */
static int ask(gfp_t gfp, unsigned int order)
{
	struct page *page = __alloc_pages(gfp | __GFP_NOWARN, order);
	int zone = -1;

	if (page != NULL) {
		zone = (int)page_zone_index(page);
		assert_int_equal(page_order(page), order);
		__free_pages(page, order);
	}
	harness_check(NULL);
	return zone;
}

static void expect_served(const struct row *row, const char *what, int served, int expected)
{
	if (served != expected)
		fail_msg("%s: %s: served by %d, not %d", row->name, what, served, expected);
}

/* Free pages from the zone's last pageblocks, which no row uses. */
static void free_more(enum zone_type zone, uint32_t pages)
{
	uint32_t end_pfn = zones[zone].span.start_pfn + ZONE_PAGES;

	for (uint32_t i = 1; i <= pages; i++)
		__free_page(pfn_to_page(end_pfn - i));
	magazines_drain_all();
}

static uint32_t *protection_of(const struct row *row)
{
	return &zones[row->zone].marks.protection[gfp_classes[row->gfp & GFP_CLASS_MASK].zone];
}

static void lessen_protection(const struct row *row, uint32_t pages)
{
	*protection_of(row) -= pages;
	magazines_init();
}

/* One page less than the remedy says is not enough. */
static void check_one_less(const struct row *row)
{
	switch (row->remedy) {
	case REMEDY_FREE:
		free_more(row->zone, row->number - 1);
		break;
	case REMEDY_RATIO:
		lessen_protection(row, row->number - 1);
		break;
	case REMEDY_ORDER:
		expect_served(row, "one order more", ask(row->gfp, row->number + 1), -1);
		return;
	default:
		return;
	}
	expect_served(row, "one page less", ask(row->gfp, row->order), -1);
}

static void check_remedy(const struct row *row)
{
	gfp_t gfp = row->gfp;
	unsigned int order = row->order;

	switch (row->remedy) {
	case REMEDY_NONE:
	case REMEDY_FLAGS:
		return;
	case REMEDY_ORDER:
		order = row->number;
		break;
	case REMEDY_HIGHMEM:
		gfp |= __GFP_HIGHMEM;
		break;
	case REMEDY_MOVABLE:
		gfp |= __GFP_HIGHMEM | __GFP_MOVABLE;
		break;
	case REMEDY_ATOMIC:
		gfp |= GFP_ATOMIC;
		break;
	case REMEDY_RATIO:
		lessen_protection(row, row->number);
		break;
	case REMEDY_FREE:
		free_more(row->zone, row->number);
		break;
	}
	expect_served(row, "with the remedy", ask(gfp, order), (int)row->zone);
}

/* With all others out of reach a zone serves exactly when its verdict says so. */
static void check_zone_alone(const struct row *row, enum zone_type zone)
{
	start_row(row);
	for (enum zone_type other = 0; other < MAX_NR_ZONES; other++)
		if (other != zone)
			set_marks(other, OUT_OF_REACH, OUT_OF_REACH);
	expect_served(row, zone_names[zone], ask(row->gfp, row->order),
		      row->verdicts[zone] == SERVES ? (int)zone : -1);
	end_row(row);
}

static void check_row(const struct row *row)
{
	struct page_why why;

	start_row(row);
	page_why(row->gfp, row->order, &why);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct zone_why *z = &why.zones[zone];

		if (z->verdict != row->verdicts[zone] || z->missing_pages != row->missing[zone])
			fail_msg("%s: %s: verdict %d, missing %u, not %u, %u", row->name,
				 zone_names[zone], z->verdict, z->missing_pages,
				 row->verdicts[zone], row->missing[zone]);
	}
	if (why.served_by != row->served_by || why.remedy != row->remedy)
		fail_msg("%s: served by %d, remedy %d, not %d, %d", row->name, why.served_by,
			 why.remedy, row->served_by, row->remedy);
	if (why.zone != row->zone || why.pages + why.remedy_order != row->number)
		fail_msg("%s: remedy of %s, %u, not %s, %u", row->name, zone_names[why.zone],
			 why.pages + why.remedy_order, zone_names[row->zone], row->number);
	expect_served(row, "as it is", ask(row->gfp, row->order), row->served_by);
	end_row(row);
}

static void test_truth_table(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		check_row(&rows[i]);
		for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
			check_zone_alone(&rows[i], zone);
		start_row(&rows[i]);
		check_one_less(&rows[i]);
		end_row(&rows[i]);
		start_row(&rows[i]);
		check_remedy(&rows[i]);
		end_row(&rows[i]);
	}
}

/* A verdict or a remedy that no row has is not tested. */
static void test_table_is_whole(void **state)
{
	uint32_t verdicts = 0, remedies = 0;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		remedies |= 1U << rows[i].remedy;
		for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
			verdicts |= 1U << rows[i].verdicts[zone];
	}
	assert_int_equal(verdicts, (1U << (VERDICT_ISOLATED + 1)) - 1);
	assert_int_equal(remedies, (1U << (REMEDY_FREE + 1)) - 1);
}

/* --- the numbers beside ---------------------------------------------------------------------- */

static const struct row plain = {
	"plain",
	ALL_TAKEN_BUT({ N, 0, 0, 4 }, { N, 0, 5, 1 }, { N, 1, 0, 3 }, { N, 2, 0, 8 }),
	.highatomic = { true, N, 1 },
	.isolated = { true, N, 2 },
	.held_back = { { N, H, 77 } },
};

static void test_figures(void **state)
{
	struct page_why why;

	(void)state;
	start_row(&plain);
	page_why(GFP_HIGHUSER, 0, &why);
	assert_int_equal(why.gfp, GFP_HIGHUSER);
	assert_int_equal(why.zones[N].free_pages, 8); /* 4 + 1, 3 of HighAtomic; 8 isolated not */
	assert_int_equal(why.zones[N].min_pages, 8);
	assert_int_equal(why.zones[N].held_back_pages, 77);
	assert_int_equal(why.zones[N].largest_order, 2); /* the isolated one of 8 does not count */
	assert_int_equal(why.zones[D].free_pages, 0);
	assert_int_equal(why.zones[D].largest_order, -1);
	page_why(GFP_KERNEL | __GFP_HIGH, 0, &why);
	assert_int_equal(why.zones[N].min_pages, 4);
	assert_int_equal(why.zones[N].held_back_pages, 0);
	page_why(GFP_ATOMIC, 0, &why);
	assert_int_equal(why.zones[N].min_pages, 3);
	end_row(&plain);
}

/* Nothing is learned of zones, and asking does no harm. */
static void test_impossible(void **state)
{
	static const struct {
		gfp_t gfp;
		unsigned int order;
	} asked[] = {
		{ GFP_DMA | __GFP_HIGHMEM, 0 },     { __GFP_MOVABLE | __GFP_RECLAIMABLE, 0 },
		{ GFP_KERNEL, PAGE_ORDER_MAX + 1 }, { GFP_KERNEL, 31 },
		{ GFP_KERNEL, UINT32_MAX },
	};
	struct page_why why;

	(void)state;
	start_row(&plain);
	for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++) {
		page_why(asked[i].gfp, asked[i].order, &why);
		assert_int_equal(why.remedy, REMEDY_FLAGS);
		assert_int_equal(why.served_by, -1);
		assert_int_equal(ask(asked[i].gfp, asked[i].order), -1);
	}
	end_row(&plain);
}

/* It sees what a refusal would see: what magazines hold is counted, and nothing else changes. */
static void test_drains_and_takes_nothing(void **state)
{
	struct page_why why;
	int32_t free_pages;

	(void)state;
	harness_start(&(struct harness_machine){ .zone_pages = { 1000, 3000, 2000, 1024 } });
	__free_page(alloc_page(GFP_KERNEL));
	assert_int_not_equal(magazines_cached_pages(N), 0);
	free_pages = zones[N].free_pages + (int32_t)magazines_cached_pages(N);
	page_why(GFP_KERNEL, 0, &why);
	assert_int_equal(magazines_cached_pages(N), 0);
	assert_int_equal(zones[N].free_pages, free_pages);
	assert_int_equal(why.zones[N].free_pages, free_pages);
	assert_int_equal(why.served_by, N);
	assert_int_equal(harness_refusals, 0);
	harness_check(NULL);
}

/* --- sentences ------------------------------------------------------------------------------- */

static void expect_zone_text(const struct zone_why *zone, int served_by, const char *expected)
{
	struct page_why why = { .order = 3, .served_by = served_by, .zones = { [N] = *zone } };
	char text[WHY_TEXT_MAX];

	assert_ptr_equal(page_why_zone_text(&why, N, text, sizeof(text)), text);
	assert_string_equal(text, expected);
}

static void test_zone_texts(void **state)
{
	struct zone_why zone = { .free_pages = 13,
				 .min_pages = 20,
				 .held_back_pages = 500,
				 .missing_pages = 515,
				 .largest_order = 2 };

	(void)state;
	zone.verdict = VERDICT_SERVES;
	expect_zone_text(&zone, N, "serves it");
	expect_zone_text(&zone, D, "could serve it as well");
	zone.verdict = VERDICT_EMPTY;
	expect_zone_text(&zone, -1, "has no pages");
	zone.verdict = VERDICT_NOT_ALLOWED;
	expect_zone_text(&zone, -1, "not allowed for this request; 13 pages are free");
	zone.verdict = VERDICT_MOVABLE_ONLY;
	expect_zone_text(&zone, -1, "only for movable blocks; 13 pages are free");
	/* 13 - 8 pages are 15 below min; another 500 do not make it 515. */
	zone.verdict = VERDICT_BELOW_MIN;
	expect_zone_text(&zone, -1,
			 "would be 15 pages below min: 13 free, min 20, 500 more held back");
	zone.held_back_pages = 0;
	expect_zone_text(&zone, -1, "would be 15 pages below min: 13 free, min 20");
	zone = (struct zone_why){ .verdict = VERDICT_HELD_BACK,
				  .free_pages = 40,
				  .min_pages = 20,
				  .held_back_pages = 500,
				  .missing_pages = 488 };
	expect_zone_text(&zone, -1,
			 "held back by lowmem_reserve: 40 free, 500 kept for requests that have "
			 "no other zone, 488 missing");
	zone = (struct zone_why){ .verdict = VERDICT_FRAGMENTED,
				  .free_pages = 40,
				  .largest_order = 2 };
	expect_zone_text(&zone, -1, "enough pages (40), but none of order 3: the largest is 2");
	zone = (struct zone_why){ .verdict = VERDICT_ISOLATED, .missing_pages = 7 };
	expect_zone_text(&zone, -1, "enough pages only in isolated pageblocks; 7 missing");
}

static void expect_remedy_text(struct page_why why, const char *expected)
{
	char text[WHY_TEXT_MAX];

	assert_ptr_equal(page_why_remedy_text(&why, text, sizeof(text)), text);
	assert_string_equal(text, expected);
}

#define WHY(...) ((struct page_why){ __VA_ARGS__ })

static void test_remedy_texts(void **state)
{
	char largest[64];

	(void)state;
	expect_remedy_text(WHY(.served_by = H), "it would be served by HighMem");
	snprintf(largest, sizeof(largest), "the largest order is %d: ask for less", PAGE_ORDER_MAX);
	expect_remedy_text(WHY(.remedy = REMEDY_FLAGS, .order = PAGE_ORDER_MAX + 1), largest);
	expect_remedy_text(WHY(.remedy = REMEDY_FLAGS, .gfp = GFP_DMA | __GFP_HIGHMEM),
			   "the flags contradict each other: drop one");
	expect_remedy_text(WHY(.remedy = REMEDY_FLAGS, .gfp = GFP_DMA),
			   "none of its zones has any pages: other flags");
	expect_remedy_text(WHY(.remedy = REMEDY_ORDER, .remedy_order = 2, .zone = N),
			   "order 2 would be served, by Normal");
	expect_remedy_text(WHY(.remedy = REMEDY_HIGHMEM, .zone = H),
			   "with __GFP_HIGHMEM HighMem would serve it, if no linear address is "
			   "needed");
	expect_remedy_text(WHY(.remedy = REMEDY_MOVABLE, .zone = M),
			   "as GFP_HIGHUSER_MOVABLE Movable would serve it, if it can be moved");
	expect_remedy_text(WHY(.remedy = REMEDY_ATOMIC, .zone = D),
			   "with GFP_ATOMIC DMA would serve it, out of its reserves");
	expect_remedy_text(WHY(.remedy = REMEDY_RATIO, .zone = D, .pages = 6),
			   "6 pages less held back by DMA would do: lowmem_reserve_ratio=");
	expect_remedy_text(WHY(.remedy = REMEDY_FREE, .zone = N, .pages = 9),
			   "9 pages freed in Normal would do");
}

static void test_texts_are_cut(void **state)
{
	struct page_why why = WHY(.remedy = REMEDY_FREE, .zone = N, .pages = 9);
	char text[8] = "xxxxxxx";

	(void)state;
	page_why_remedy_text(&why, text, 6);
	assert_string_equal(text, "9 pag");
	assert_int_equal(text[6], 'x');
	page_why_zone_text(&why, N, text, 4);
	assert_string_equal(text, "cou");
	assert_int_equal(text[4], 'g');
}

/* --- fragmentation --------------------------------------------------------------------------- */

/*
 * Normal: three single pages and two pairs, 7 pages in 5 blocks. mm/vmstat.c's figures:
 *	order 2: 1000 - (1000 + 7 * 1000 / 4) / 5 = 1000 - 2750 / 5 = 450
 *	order 3: 1000 - (1000 +     7000 / 8) / 5 = 1000 - 1875 / 5 = 625
 * DMA: one block of 4: nothing larger is for want of memory.
 *	order 3: 1000 - (1000 + 4000 / 8) / 1 = -500
 * HighMem: nothing. Movable: one single page among 3 pages of a pair and it, all in HighAtomic and
 * 8 isolated ones, which nobody can have:
 *	order 2: 1000 - (1000 + 3000 / 4) / 2 = 1000 - 1750 / 2 = 125
 */
static const struct row pieces = {
	"pieces",
	ALL_TAKEN_BUT({ N, 0, 0, 3, 2 }, { N, 1, 0, 2 }, { N, 1, 4, 2 }, { D, 1, 0, 4 },
		      { M, 1, 0, 3 }, { M, 2, 0, 8 }),
	.highatomic = { true, M, 1 },
	.isolated = { true, M, 2 },
};

static void expect_indexes(enum zone_type zone, unsigned int order, int index,
			   unsigned int unusable)
{
	assert_int_equal(page_fragmentation_index(zone, order), index);
	assert_int_equal(page_unusable_index(zone, order), unusable);
}

static void test_indexes(void **state)
{
	(void)state;
	start_row(&pieces);
	expect_indexes(N, 0, -1000, 0);
	expect_indexes(N, 1, -1000, 428); /* 3 of 7 */
	expect_indexes(N, 2, 450, 1000);
	expect_indexes(N, 3, 625, 1000);
	expect_indexes(D, 2, -1000, 0);
	expect_indexes(D, 3, -500, 1000);
	expect_indexes(H, 0, 0, 1000);
	expect_indexes(H, 3, 0, 1000);
	expect_indexes(M, 1, -1000, 333); /* 1 of 3 */
	expect_indexes(M, 2, 125, 1000);
	end_row(&pieces);
}

/* Larger blocks hold as many of the asked order as fit: 8 and 1 pages, order 1: 4 pairs. */
static void test_indexes_of_larger(void **state)
{
	static const struct row larger = { "larger",
					   ALL_TAKEN_BUT({ N, 0, 0, 8 }, { N, 1, 0, 1 }) };

	(void)state;
	start_row(&larger);
	expect_indexes(N, 1, -1000, 111); /* (9 - 8) / 9 */
	expect_indexes(N, 3, -1000, 111);
	end_row(&larger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truth_table),
		cmocka_unit_test(test_table_is_whole),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_drains_and_takes_nothing),
		cmocka_unit_test(test_zone_texts),
		cmocka_unit_test(test_remedy_texts),
		cmocka_unit_test(test_texts_are_cut),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_indexes_of_larger),
	};

	return cmocka_run_group_tests_name("pages_why", tests, NULL, NULL);
}
