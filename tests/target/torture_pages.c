/* SPDX-License-Identifier: MIT */
/*
 * `torture [OPERATIONS [SEED]]`: requests of every kind and order, frees, references and splits at
 * random on the running system, each page stamped by its owner and looked at again, the walker in
 * between. The same seed does the same.
 */
#include <inttypes.h>

#include "bench.h"
#include "lib/bits.h"
#include "lib/size.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_check.h"
#include "mm/virt/kmap.h"
#include "shell/command.h"

#define SLOTS        4096U
#define CHECK_EVERY  20000U
#define HUNGRY_EVERY 8192U /* every fourth stretch of so many */
#define DOT_EVERY    100000U
#define STOP_EVERY   1000U /* how often the console is looked at */

struct block {
	struct page *page;
	uint32_t order, stamp;
};

static struct torture {
	struct block *blocks;
	uint32_t state; /* of the generator */
	bool hungry;
	uint32_t allocated, refused, freed, held, split, checks;
	const char *wrong;
	uint32_t wrong_pfn;
} torture;

static uint32_t draw(uint32_t below)
{
	return bench_next(&torture.state) % below;
}

static void complain(const char *wrong, const struct page *page)
{
	if (torture.wrong == NULL) {
		torture.wrong = wrong;
		torture.wrong_pfn = page_to_pfn(page);
	}
}

/* --- stamps ---------------------------------------------------------------------------------- */

/* The first word of a page and the last one, different for each page of each block. */
static bool stamp_page(struct page *page, uint32_t stamp, bool write)
{
	uint32_t *words = kmap_local_page(page);
	uint32_t first = stamp ^ page_to_pfn(page), last = ~first;
	bool good;

	if (write) {
		words[0] = first;
		words[PAGE_SIZE / 4 - 1] = last;
	}
	good = words[0] == first && words[PAGE_SIZE / 4 - 1] == last;
	kunmap_local(words);
	return good;
}

/* Of a large block the ends and one in between. */
static void stamp_block(const struct block *block, bool write)
{
	uint32_t pages = 1U << block->order, at[3] = { 0, pages - 1, pages / 2 };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		if (!stamp_page(block->page + at[i], block->stamp, write))
			complain("somebody else wrote to it", block->page + at[i]);
}

static void check_zeroed(const struct block *block)
{
	uint32_t *words = kmap_local_page(block->page + (1U << block->order) - 1);

	for (unsigned int i = 0; i < PAGE_SIZE / 4; i += 61)
		if (words[i] != 0)
			complain("it is not zeroed", block->page);
	kunmap_local(words);
}

/* --- operations ------------------------------------------------------------------------------ */

static gfp_t draw_gfp(void)
{
	static const gfp_t kinds[] = { GFP_KERNEL,
				       GFP_KERNEL,
				       GFP_ATOMIC,
				       GFP_NOWAIT,
				       GFP_DMA,
				       GFP_USER,
				       GFP_HIGHUSER,
				       GFP_HIGHUSER_MOVABLE,
				       GFP_HIGHUSER_MOVABLE,
				       GFP_KERNEL | __GFP_RECLAIMABLE };
	gfp_t gfp = kinds[draw(ARRAY_SIZE(kinds))] | __GFP_NOWARN;

	if (draw(16) == 0)
		gfp |= __GFP_ZERO;
	if (draw(16) == 0)
		gfp |= __GFP_NORETRY;
	return gfp;
}

/*
 * Half are single pages, order 10 comes once in some two thousand; but in hungry times all orders
 * come alike, until memory is out.
 */
static uint32_t draw_order(void)
{
	if (torture.hungry)
		return draw(NR_PAGE_ORDERS);
	return min_u32(lowest_bit(bench_next(&torture.state) | 1U << 11), PAGE_ORDER_MAX);
}

static void take(struct block *block)
{
	gfp_t gfp = draw_gfp();

	block->order = draw_order();
	block->page = alloc_pages(gfp, block->order);
	if (block->page == NULL) {
		torture.refused++;
		return;
	}
	torture.allocated++;
	if ((gfp & __GFP_ZERO) != 0)
		check_zeroed(block);
	block->stamp = bench_next(&torture.state);
	stamp_block(block, true);
}

static void give(struct block *block)
{
	stamp_block(block, false);
	if (block->order > 0 && draw(8) == 0) {
		split_page(block->page, block->order);
		for (uint32_t i = 0; i < 1U << block->order; i++)
			__free_page(block->page + i);
		torture.split++;
	} else if (draw(8) == 0) {
		get_page(block->page);
		put_page(block->page);
		if (page_count(block->page) != 1)
			complain("its count is wrong", block->page);
		put_page(block->page);
		torture.held++;
	} else {
		__free_pages(block->page, block->order);
	}
	block->page = NULL;
	torture.freed++;
}

static void step(void)
{
	struct block *block = &torture.blocks[draw(SLOTS)];

	if (block->page != NULL)
		give(block);
	else
		take(block);
}

static void check(void)
{
	struct page_check_result result;

	torture.checks++;
	if (!page_check(&result)) {
		torture.wrong = result.broken;
		torture.wrong_pfn = result.pfn;
	}
}

/* --- the command ----------------------------------------------------------------------------- */

static void run_torture(uint32_t operations)
{
	bool stopped = false;

	for (uint32_t i = 1; i <= operations && torture.wrong == NULL && !stopped; i++) {
		torture.hungry = (i / HUNGRY_EVERY & 3) == 3;
		step();
		if (i % CHECK_EVERY == 0)
			check();
		if (i % DOT_EVERY == 0)
			console_printf(".");
		if (i % STOP_EVERY == 0)
			stopped = console_interrupted();
		if (stopped)
			console_printf("\ntorture: stopped by Ctrl-C after %" PRIu32 " operations",
				       i);
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		if (torture.blocks[i].page != NULL)
			give(&torture.blocks[i]);
	check();
}

static bool parse_word(const char *text, uint32_t *number)
{
	uint64_t value;

	if (!parse_number(&text, &value) || *text != '\0' || value == 0 || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

static void torture_command(int argc, char **argv)
{
	unsigned int order = get_order(SLOTS * sizeof(struct block));
	uint32_t operations = 100000, seed = BENCH_SEED;

	if (argc > 3 || (argc > 1 && !parse_word(argv[1], &operations)) ||
	    (argc > 2 && !parse_word(argv[2], &seed))) {
		console_printf(
			"torture: expects how many operations and a seed, neither of them 0\n");
		return;
	}
	torture = (struct torture){ .state = seed };
	torture.blocks = (struct block *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, order);
	if (torture.blocks == NULL) {
		console_printf("torture: no memory for its own table\n");
		return;
	}
	console_printf("torture: %" PRIu32 " operations, seed %" PRIu32 " ", operations, seed);
	run_torture(operations);
	free_pages((uintptr_t)torture.blocks, order);
	console_printf("\ntorture: %" PRIu32 " taken, %" PRIu32 " refused, %" PRIu32
		       " given back (%" PRIu32 " split, %" PRIu32 " held twice), %" PRIu32
		       " walks: ",
		       torture.allocated, torture.refused, torture.freed, torture.split,
		       torture.held, torture.checks);
	if (torture.wrong == NULL)
		console_printf("all is well\n");
	else
		console_printf("page %#" PRIx32 ": %s\n", torture.wrong_pfn, torture.wrong);
}

SHELL_COMMAND(torture, torture_command, "[N [SEED]]",
	      "take and give back pages at random, and look whether all is well");
