/* SPDX-License-Identifier: MIT */
/*
 * The page allocator against a naive model over random operations.
 *
 *	test_pages_model [operations [seed]]        or PAGES_MODEL_OPS, PAGES_MODEL_SEED
 *	PAGES_MODEL_TRACE=n                         print each operation from number n on
 *
 * The model is an array with an entry a page: zone, state, and for what lies on the free lists the
 * migrate type of its list. There are no lists and no buddies in it: free blocks are found by
 * looking which aligned runs are free. Before a request the model says by the contract's rules
 * which zone serves it and how (forecast), or that it is refused; both are exact, and so are all
 * counters after every operation. What the model takes over from the code is only which blocks lie
 * in magazines after an operation, as how many are kept is nobody's contract: each must be free.
 *
 * With a handler that allocates and frees between any two instructions that let interrupts in, what
 * happens inside an operation has no order that a model could know beforehand. Then blocks, owners,
 * contents and totals are exact still; which zone is not, and refusals are bounded (see
 * check_refusal_beside_handler), and the model adopts the free lists every few operations.
 *
 * Operations are numbered through the whole run and the seed is printed: the same two arguments
 * repeat a failure.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "lib/bits.h"
#include "page_harness.h"

#define ARENA_PAGES   (256U << 8)
#define BLOCK_PAGES   (1U << PAGE_ORDER_MAX)
#define NR_PAGEBLOCKS (ARENA_PAGES >> PAGE_ORDER_MAX)
#define NOBODY        UINT32_MAX

/* Marks of MAX_NR_ZONES x migrate types: what has a free list that ordinary requests use. */
#define ORDINARY ((1U << MIGRATE_PCPTYPES) - 1)
#define ATOMICS  (1U << MIGRATE_HIGHATOMIC)

/* --- what is going on, for whoever reads of a failure ---------------------------------------- */

static struct {
	uint32_t operations, seed, trace_from;
	uint32_t random;
	uint32_t number; /* of the operation */
	const char *machine, *boot, *phase, *name;
	uint32_t a, b, c; /* the operation's figures */
	bool finished, failed;
} run;

static void print_run(void)
{
	printf("seed %u operation %u: %s, %s boot, %s: %s %#x %#x %#x\n", run.seed, run.number,
	       run.machine, run.boot, run.phase, run.name, run.a, run.b, run.c);
	fflush(stdout);
}

static void on_abort(int signal)
{
	(void)signal;
	if (run.machine != NULL && !run.finished)
		print_run();
	_Exit(1);
}

/* So that what a sanitizer finds comes by on_abort, with the operation. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1";
}

static __attribute__((noreturn)) void broken(int line, const char *condition, const char *sentence)
{
	printf("%s:%d: %s (%s)\n", __FILE__, line, sentence, condition);
	print_run();
	run.failed = true;
	double_irq_unmasked = NULL;
	fail();
	abort();
}

#define expect(condition, sentence)                             \
	do {                                                    \
		if (!(condition))                               \
			broken(__LINE__, #condition, sentence); \
	} while (0)

static void operation(const char *name, uint32_t a, uint32_t b, uint32_t c)
{
	run.number++;
	run.name = name;
	run.a = a;
	run.b = b;
	run.c = c;
	if (run.number >= run.trace_from)
		print_run();
}

static uint32_t roll(uint32_t sides)
{
	return harness_random(&run.random) % sides;
}

static bool chance(uint32_t percent)
{
	return roll(100) < percent;
}

/* --- the model ------------------------------------------------------------------------------- */

/* Pages are numbered from HARNESS_BASE_PFN, which is aligned to more than any block. */
enum state {
	ABSENT,   /* no RAM */
	RESERVED, /* RAM, but not the allocator's */
	LISTED,   /* on a free list, the one of `kind` */
	CACHED,   /* in a magazine */
	LIMBO,    /* just freed, and nobody looked yet where it went */
	OWNED,
};

struct run_of_pages {
	uint32_t first;
	unsigned int order;
};

static struct {
	uint32_t pages; /* in all zones */
	uint32_t start[MAX_NR_ZONES], end[MAX_NR_ZONES];
	uint8_t zone[ARENA_PAGES], state[ARENA_PAGES], kind[ARENA_PAGES];
	uint32_t owner[ARENA_PAGES];                 /* while OWNED: which of blocks[], or NOBODY */
	uint8_t pageblock[NR_PAGEBLOCKS];            /* migrate types */
	int32_t listed[MAX_NR_ZONES][MIGRATE_TYPES]; /* LISTED pages */
	uint32_t managed[MAX_NR_ZONES];
	uint32_t highatomic_blocks[MAX_NR_ZONES];
	uint32_t fallbacks[MAX_NR_ZONES], claims[MAX_NR_ZONES];
	unsigned int isolations[MAX_NR_ZONES]; /* pageblocks isolated: magazines are closed */
} model;

/* Free blocks by type and order, found in the array when somebody wants to know. */
static struct tally {
	bool valid;
	uint32_t blocks[MIGRATE_TYPES][NR_PAGE_ORDERS];
} tallies[MAX_NR_ZONES];

static uint32_t page_number(const struct page *page)
{
	return page_to_pfn(page) - HARNESS_BASE_PFN;
}

static struct page *page_at(uint32_t page)
{
	return pfn_to_page(HARNESS_BASE_PFN + page);
}

static void set_state(uint32_t page, enum state state)
{
	int32_t *listed = &model.listed[model.zone[page]][model.kind[page]];

	*listed += (state == LISTED) - (model.state[page] == LISTED);
	model.state[page] = (uint8_t)state;
	tallies[model.zone[page]].valid = false;
}

static void set_states(uint32_t first, unsigned int order, enum state state)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		set_state(first + i, state);
}

static void set_kinds(uint32_t first, unsigned int order, enum migrate_type kind)
{
	for (uint32_t page = first; page < first + (1U << order); page++) {
		bool listed = model.state[page] == LISTED;

		model.listed[model.zone[page]][model.kind[page]] -= listed;
		model.listed[model.zone[page]][kind] += listed;
		model.kind[page] = (uint8_t)kind;
		tallies[model.zone[page]].valid = false;
	}
}

static bool is_free(uint32_t page)
{
	return model.state[page] == LISTED || model.state[page] == CACHED ||
	       model.state[page] == LIMBO;
}

static bool all_are(uint32_t first, unsigned int order, enum state state)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		if (model.state[first + i] != state || model.zone[first + i] != model.zone[first])
			return false;
	return true;
}

static bool all_are_free(uint32_t first, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		if (!is_free(first + i) || model.zone[first + i] != model.zone[first])
			return false;
	return true;
}

/* The block that a listed page must lie in, if all buddies are joined. */
static struct run_of_pages whole_block(uint32_t page)
{
	struct run_of_pages whole = { page, 0 };

	while (whole.order < PAGE_ORDER_MAX) {
		uint32_t buddy = whole.first ^ (1U << whole.order);

		if (model.zone[buddy] != model.zone[page] || !all_are(buddy, whole.order, LISTED))
			break;
		whole.first = min_u32(whole.first, buddy);
		whole.order++;
	}
	return whole;
}

/* What was given back makes its block one of its pageblock's type. */
static void settle(uint32_t page)
{
	struct run_of_pages whole = whole_block(page);

	set_kinds(whole.first, whole.order,
		  (enum migrate_type)model.pageblock[page >> PAGE_ORDER_MAX]);
}

static const struct tally *tally_of(unsigned int zone)
{
	struct tally *tally = &tallies[zone];

	if (tally->valid)
		return tally;
	*tally = (struct tally){ .valid = true };
	for (uint32_t page = model.start[zone]; page < model.end[zone];) {
		struct run_of_pages whole = { page, 0 };

		if (model.state[page] == LISTED) {
			whole = whole_block(page);
			expect(whole.first == page, "the model lost itself");
			tally->blocks[model.kind[page]][whole.order]++;
		}
		page += 1U << whole.order;
	}
	return tally;
}

/* The smallest and the largest order from `order` up that some of these types have; -1: none. */
static int smallest_order(unsigned int zone, uint32_t kinds, unsigned int order)
{
	const struct tally *tally = tally_of(zone);

	for (unsigned int at = order; at < NR_PAGE_ORDERS; at++)
		for (unsigned int kind = 0; kind < MIGRATE_TYPES; kind++)
			if ((kinds >> kind & 1) != 0 && tally->blocks[kind][at] != 0)
				return (int)at;
	return -1;
}

static int largest_order(unsigned int zone, uint32_t kinds, unsigned int order)
{
	for (int at = PAGE_ORDER_MAX; at >= (int)order; at--)
		if (smallest_order(zone, kinds, (unsigned int)at) == at)
			return at;
	return -1;
}

static int32_t count_listed(unsigned int zone, uint32_t kinds)
{
	int32_t pages = 0;

	for (unsigned int kind = 0; kind < MIGRATE_TYPES; kind++)
		if ((kinds >> kind & 1) != 0)
			pages += model.listed[zone][kind];
	return pages;
}

/* Any aligned run of free pages lies in one block, whose type each of them has. */
static bool has_block(unsigned int zone, uint32_t kinds, unsigned int order)
{
	uint32_t size = 1U << order, end = model.end[zone];

	if (count_listed(zone, kinds) < (int32_t)size)
		return false;
	for (uint32_t page = ALIGN_UP(model.start[zone], size); page + size <= end; page += size)
		if (model.state[page] == LISTED && (kinds >> model.kind[page] & 1) != 0 &&
		    all_are(page, order, LISTED))
			return true;
	return false;
}

/* --- what is in magazines -------------------------------------------------------------------- */

#define MOST_CACHED (MIGRATE_PCPTYPES * MAX_NR_ZONES * MAGAZINE_ORDERS * MAGAZINE_ITEMS)

struct cached_block {
	uint32_t first;
	unsigned int order;
	const struct magazine *magazine;
};

static struct cached_block cached[MOST_CACHED];
static uint32_t nr_cached;

static uint32_t seen[ARENA_PAGES]; /* when a page was last seen in a magazine */
static uint32_t looks;

/* What was freed by the operation that is going on, to be found in magazines or on lists. */
static struct run_of_pages limbo[ARENA_PAGES];
static uint32_t nr_limbo;

static void into_limbo(uint32_t first, unsigned int order)
{
	limbo[nr_limbo++] = (struct run_of_pages){ first, order };
	set_states(first, order, LIMBO);
}

static struct magazine *magazine_of(unsigned int zone, enum migrate_type migrate,
				    unsigned int order)
{
	return &page_magazines.sets[migrate][zone].orders[order];
}

static uint32_t count_in(const struct magazine *magazine)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < nr_cached; i++)
		count += cached[i].magazine == magazine;
	return count;
}

static void look_into(const struct magazine *magazine, unsigned int order)
{
	for (uint32_t i = 0; i < magazine->count; i++) {
		uint32_t first = page_number(magazine->items[i]);

		expect(first < model.pages, "a magazine holds what is no RAM");
		expect(all_are(first, order, CACHED) || all_are(first, order, LIMBO),
		       "a magazine holds what was not freed into it");
		expect(seen[first] != looks, "a block is in two magazines");
		seen[first] = looks;
		set_states(first, order, CACHED);
		cached[nr_cached++] = (struct cached_block){ first, order, magazine };
	}
}

static void look_into_magazines(void)
{
	nr_cached = 0;
	looks++;
	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
			for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++)
				look_into(magazine_of(zone, (enum migrate_type)migrate, order),
					  order);
}

/* Blocks that went from magazines or from their owners to the lists. */
static void list_blocks(const struct run_of_pages *given, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		set_states(given[i].first, given[i].order, LISTED);
	for (uint32_t i = 0; i < count; i++)
		settle(given[i].first);
}

/* After an operation that gives: what left the magazines and what was freed past them is listed. */
static void sync_gifts(void)
{
	static struct cached_block before[MOST_CACHED];
	static struct run_of_pages given[ARENA_PAGES];
	uint32_t nr_before = nr_cached, nr_given = 0;

	memcpy(before, cached, nr_before * sizeof(before[0]));
	look_into_magazines();
	for (uint32_t i = 0; i < nr_before; i++)
		if (seen[before[i].first] != looks && model.state[before[i].first] == CACHED)
			given[nr_given++] =
				(struct run_of_pages){ before[i].first, before[i].order };
	for (uint32_t i = 0; i < nr_limbo; i++)
		if (seen[limbo[i].first] != looks)
			given[nr_given++] = limbo[i];
	nr_limbo = 0;
	list_blocks(given, nr_given);
}

/* What the slow path, isolation and contiguous ranges do to all magazines. */
static bool drain_model(void)
{
	static struct run_of_pages given[MOST_CACHED];
	uint32_t count = nr_cached;

	for (uint32_t i = 0; i < count; i++)
		given[i] = (struct run_of_pages){ cached[i].first, cached[i].order };
	nr_cached = 0;
	list_blocks(given, count);
	return count != 0;
}

/* --- owners ---------------------------------------------------------------------------------- */

struct block {
	uint32_t first;
	unsigned int order;
	enum migrate_type migrate;
	bool compound;
	uint32_t refs;
	uint32_t pattern;
};

static struct block blocks[ARENA_PAGES];
static uint32_t nr_blocks, owned_pages, patterns;

/* The handler's, which nobody else frees. */
static struct block handlers[16];
static uint32_t nr_handlers;
static bool handler_on;
static uint32_t touched[ARENA_PAGES]; /* the operation during which the handler last changed it */

/* A linear word at both ends of every page: a neighbour's overrun or a second owner shows. */
static uint32_t *first_word(uint32_t page)
{
	return harness_page_data(page_at(page));
}

#define LAST_WORD (PAGE_SIZE / sizeof(uint32_t) - 1)

static void write_pattern(const struct block *block)
{
	for (uint32_t i = 0; i < 1U << block->order; i++) {
		uint32_t *words = first_word(block->first + i);

		words[0] = block->pattern + i;
		words[LAST_WORD] = ~(block->pattern + i);
	}
}

static void check_pattern(const struct block *block)
{
	for (uint32_t i = 0; i < 1U << block->order; i++) {
		const uint32_t *words = first_word(block->first + i);

		expect(words[0] == block->pattern + i && words[LAST_WORD] == ~(block->pattern + i),
		       "a block's contents did not survive");
	}
}

static uint32_t head_flags(const struct block *block)
{
	return page_flags(PAGE_ALLOCATED, block->order, model.zone[block->first], block->migrate) |
	       (block->compound ? PAGE_COMPOUND : 0);
}

static void check_head(const struct block *block)
{
	expect(page_at(block->first)->flags == head_flags(block), "a head's flags are not right");
	expect(page_count(page_at(block->first)) == block->refs, "page_count is not right");
}

static void own(uint32_t first, unsigned int order, uint32_t owner)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		model.owner[first + i] = owner;
}

/* The pages are OWNED already. */
static uint32_t add_block(const struct block *block)
{
	blocks[nr_blocks] = *block;
	blocks[nr_blocks].pattern = patterns += 0x10001;
	write_pattern(&blocks[nr_blocks]);
	check_head(block);
	own(block->first, block->order, nr_blocks);
	owned_pages += 1U << block->order;
	return nr_blocks++;
}

static struct block remove_block(uint32_t index)
{
	struct block block = blocks[index];

	check_pattern(&block);
	check_head(&block);
	own(block.first, block.order, NOBODY);
	owned_pages -= 1U << block.order;
	blocks[index] = blocks[--nr_blocks];
	if (index != nr_blocks)
		own(blocks[index].first, blocks[index].order, index);
	return block;
}

/* --- checks of everything -------------------------------------------------------------------- */

static void check_counters(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *zone = &zones[type];

		expect(zone->free_pages == count_listed(type, ORDINARY), "free_pages is not right");
		expect(*zone_set_aside(zone, MIGRATE_HIGHATOMIC) == count_listed(type, ATOMICS),
		       "HighAtomic's pages are not right");
		expect(*zone_set_aside(zone, MIGRATE_ISOLATE) ==
			       model.listed[type][MIGRATE_ISOLATE],
		       "isolated pages are not right");
		expect(zone->highatomic_blocks == model.highatomic_blocks[type],
		       "the number of HighAtomic pageblocks is not right");
		expect(zone->fallbacks == model.fallbacks[type] &&
			       zone->claims == model.claims[type],
		       "fallbacks or claims are not right");
		expect((magazines_room_pages((enum zone_type)type) == 0) ==
			       (model.isolations[type] != 0 || model.managed[type] < 128),
		       "magazines are closed, or open, and should not be");
		expect(!spin_is_locked(&zone->lock), "a lock is still held");
	}
	expect(double_irq_flags == 0, "interrupts are still masked");
}

static uint32_t count_pages(unsigned int zone, enum state state)
{
	uint32_t pages = 0;

	for (uint32_t page = model.start[zone]; page < model.end[zone]; page++)
		pages += model.state[page] == state;
	return pages;
}

static void check_snapshot(enum zone_type type)
{
	struct zone_snapshot shot;

	zone_snapshot(type, &shot);
	expect(memcmp(shot.blocks, tally_of(type)->blocks, sizeof(shot.blocks)) == 0,
	       "free blocks by type and order are not what pages merge to");
	expect((int32_t)shot.free_pages == count_listed(type, ORDINARY | ATOMICS) &&
		       (int32_t)shot.highatomic_pages == count_listed(type, ATOMICS) &&
		       (int32_t)shot.isolated_pages == model.listed[type][MIGRATE_ISOLATE],
	       "a snapshot's pages are not right");
	expect(shot.cached_pages == count_pages(type, CACHED) &&
		       shot.cached_pages <= shot.cached_pages_most,
	       "cached pages are not right");
	expect(shot.managed_pages == model.managed[type] &&
		       shot.managed_pages == count_pages(type, LISTED) + count_pages(type, CACHED) +
						     count_pages(type, OWNED),
	       "free + cached + allocated is not what is managed");
}

/* What is still to be had one by one: all free pages above min and what is kept back. */
static void check_available(enum zone_type class_zone)
{
	uint32_t available = 0;

	for (unsigned int type = 0; type <= class_zone; type++) {
		const struct zone_watermarks *marks = &zones[type].marks;
		uint32_t free = count_pages(type, CACHED) + (uint32_t)count_listed(type, ORDINARY);
		uint32_t kept = marks->min_pages + marks->protection[class_zone];

		available += free > kept ? free - kept : 0;
	}
	expect(zones_available_pages(class_zone) == available, "available pages are not right");
}

/* Head by head, what each page is, and whose. */
static uint32_t check_block(uint32_t page)
{
	static const uint8_t type_of[] = {
		[ABSENT] = PAGE_HOLE,   [RESERVED] = PAGE_RESERVED, [LISTED] = PAGE_FREE,
		[CACHED] = PAGE_CACHED, [LIMBO] = PAGE_FREE,        [OWNED] = PAGE_ALLOCATED
	};
	const struct page *head = page_block_head(HARNESS_BASE_PFN + page);
	unsigned int order;

	expect(head != NULL && page_number(head) == page, "heads leave a gap");
	order = page_order(head);
	expect(page_type(head) == type_of[model.state[page]], "a page is not what it should be");
	expect(model.state[page] == ABSENT || all_are(page, order, model.state[page]),
	       "a block covers pages that are not one");
	if (model.state[page] == LISTED)
		expect(page_migrate_type(head) == model.kind[page], "a block is on a wrong list");
	if (model.state[page] == OWNED && model.owner[page] != NOBODY)
		expect(blocks[model.owner[page]].first == page &&
			       blocks[model.owner[page]].order == order,
		       "an allocated block has another size");
	return page + (1U << order);
}

/* One on a border counts for each of its zones, as in Linux's pagetypeinfo. */
static void check_pageblock_counts(enum zone_type type)
{
	uint32_t counts[MIGRATE_TYPES], should[MIGRATE_TYPES] = { 0 };

	for (uint32_t page = ALIGN_DOWN(model.start[type], BLOCK_PAGES);
	     model.start[type] < model.end[type] && page < model.end[type]; page += BLOCK_PAGES)
		should[model.pageblock[page >> PAGE_ORDER_MAX]]++;
	zone_count_pageblocks(type, counts);
	expect(memcmp(counts, should, sizeof(counts)) == 0, "pageblocks by type are not right");
}

static void check_pageblocks(void)
{
	for (uint32_t block = 0; block << PAGE_ORDER_MAX < model.pages; block++)
		expect(pageblock_type(page_at(block << PAGE_ORDER_MAX)) == model.pageblock[block],
		       "a pageblock is not of its type");
}

static void check_walker(void)
{
	struct page_check_result result;

	if (!page_check(&result)) {
		run.a = result.pfn;
		broken(__LINE__, "page_check", result.broken);
	}
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		expect(result.zones[type].allocated_pages == count_pages(type, OWNED) &&
			       result.zones[type].reserved_pages == count_pages(type, RESERVED) &&
			       result.zones[type].quarantined_pages == 0,
		       "the walker's tally is not the model's");
}

static void check_everything(void)
{
	check_walker();
	check_counters();
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		check_snapshot(type);
		check_available(type);
		check_pageblock_counts(type);
	}
	for (uint32_t page = 0; page < model.pages;)
		page = check_block(page);
	check_pageblocks();
}

/* Take over from the code which free page is where; a free page it must be. */
static void adopt(void)
{
	nr_limbo = 0;
	for (uint32_t page = 0; page < model.pages;) {
		const struct page *head = page_block_head(HARNESS_BASE_PFN + page);
		uint32_t first = page_number(head);
		bool free = page_type(head) == PAGE_FREE || page_type(head) == PAGE_CACHED;

		expect(first == page, "heads leave a gap");
		expect(free == is_free(page), "a page is free, or is not, and should not be");
		if (free) {
			expect(all_are_free(first, page_order(head)), "a free block holds others");
			set_states(first, page_order(head),
				   page_type(head) == PAGE_FREE ? LISTED : CACHED);
			set_kinds(first, page_order(head), page_migrate_type(head));
		}
		page += 1U << page_order(head);
	}
	for (uint32_t block = 0; block << PAGE_ORDER_MAX < model.pages; block++)
		model.pageblock[block] = (uint8_t)pageblock_type(page_at(block << PAGE_ORDER_MAX));
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		model.fallbacks[type] = zones[type].fallbacks;
		model.claims[type] = zones[type].claims;
	}
	look_into_magazines();
}

/* The pageblock lies in this zone, whole. */
static bool model_has_pageblock(unsigned int zone, uint32_t page)
{
	uint32_t first = ALIGN_DOWN(page, BLOCK_PAGES);

	return first >= model.start[zone] && first + BLOCK_PAGES <= model.end[zone];
}

/* HighAtomic pageblocks never are in two zones. */
static void count_highatomic(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		model.highatomic_blocks[type] = 0;
	for (uint32_t block = 0; block << PAGE_ORDER_MAX < model.pages; block++)
		for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
			model.highatomic_blocks[type] +=
				model.pageblock[block] == MIGRATE_HIGHATOMIC &&
				model_has_pageblock(type, block << PAGE_ORDER_MAX);
}

static void adopt_and_check(void)
{
	adopt();
	count_highatomic();
	check_counters();
}

/* After each operation. */
static void finish(void)
{
	static const uint32_t interval = 48;
	void (*unmasked)(void) = double_irq_unmasked;

	double_irq_unmasked = NULL; /* even a snapshot lets interrupts in */
	if (!handler_on) {
		sync_gifts();
		check_counters();
	} else if (run.number % 16 == 0) {
		adopt_and_check();
	}
	if (run.number % interval == 0)
		check_everything();
	double_irq_unmasked = unmasked;
}

/* --- what a request may have ----------------------------------------------------------------- */

struct forecast {
	enum source {
		OPEN,     /* nothing so far; hooks may still make memory free */
		POPPED,   /* from the magazine */
		REFILLED, /* from the lists, and more with it into the magazine */
		FROM_LISTS,
		REFUSED,
	} source;
	gfp_t gfp;
	unsigned int order;
	bool contradictory, hopeless;
	enum zone_type class_zone;
	enum migrate_type class_migrate;
	/* Of the block. */
	unsigned int zone;
	enum migrate_type migrate;
	struct magazine *magazine;
	int32_t pages_most; /* REFILLED: what the zone can spare */
	bool reserves;      /* its pageblock becomes HighAtomic, if there may be one more */
	bool gives_up;      /* it comes from HighAtomic, whose largest block becomes ordinary */
	/* How often each hook is called. */
	uint32_t reclaims, compactions;
};

static struct forecast ahead;

/* gfp.h's table, said in another way. */
static bool classify(gfp_t gfp, enum zone_type *zone, enum migrate_type *migrate)
{
	bool dma = (gfp & __GFP_DMA) != 0, high = (gfp & __GFP_HIGHMEM) != 0;
	bool movable = (gfp & __GFP_MOVABLE) != 0, reclaimable = (gfp & __GFP_RECLAIMABLE) != 0;

	if (dma)
		*zone = ZONE_DMA;
	else if (!high)
		*zone = ZONE_NORMAL;
	else
		*zone = movable ? ZONE_MOVABLE : ZONE_HIGHMEM;
	*migrate = MIGRATE_UNMOVABLE;
	if (movable)
		*migrate = MIGRATE_MOVABLE;
	if (reclaimable)
		*migrate = MIGRATE_RECLAIMABLE;
	return !(dma && high) && !(movable && reclaimable);
}

static bool forecast_magazine(struct forecast *f, unsigned int zone)
{
	if (f->order > MAGAZINE_ORDER_MAX)
		return false;
	f->magazine = magazine_of(zone, f->class_migrate, f->order);
	if (count_in(f->magazine) == 0)
		return false;
	f->source = POPPED;
	f->zone = zone;
	return true;
}

/* Above the low mark and what is kept back; and there is a block so large. */
static bool forecast_above_low(struct forecast *f, unsigned int zone)
{
	const struct zone_watermarks *marks = &zones[zone].marks;

	f->pages_most = count_listed(zone, ORDINARY) -
			(int32_t)(marks->low_pages + marks->protection[f->class_zone]);
	if (model.managed[zone] == 0 || f->pages_most < 1 << f->order)
		return false;
	if (forecast_magazine(f, zone))
		return true;
	if (!has_block(zone, ORDINARY, f->order))
		return false;
	f->source = f->order > MAGAZINE_ORDER_MAX ? FROM_LISTS : REFILLED;
	f->zone = zone;
	return true;
}

static int32_t least_pages(const struct forecast *f, unsigned int zone)
{
	const struct zone_watermarks *marks = &zones[zone].marks;
	uint32_t least = marks->min_pages;

	if ((f->gfp & __GFP_HIGH) != 0)
		least = (least + 1) / 2;
	if ((f->gfp & __GFP_ATOMIC) != 0)
		least = least - least / 4;
	return (int32_t)(least + marks->protection[f->class_zone]);
}

/* At min: which lists serve. Atomic blocks of several pages want what is set aside first. */
static bool forecast_lists(struct forecast *f, unsigned int zone)
{
	bool atomic = (f->gfp & __GFP_ATOMIC) != 0;
	bool set_aside = atomic && has_block(zone, ATOMICS, f->order);
	bool ordinary = has_block(zone, ORDINARY, f->order);

	if (!set_aside && !ordinary)
		return false;
	f->source = FROM_LISTS;
	f->zone = zone;
	if (set_aside && (f->order > 0 || !ordinary))
		f->migrate = MIGRATE_HIGHATOMIC;
	else
		f->reserves = atomic && f->order > 0;
	return true;
}

static bool forecast_at_min(struct forecast *f)
{
	uint32_t kinds = (f->gfp & __GFP_ATOMIC) != 0 ? ORDINARY | ATOMICS : ORDINARY;

	for (int zone = (int)f->class_zone; zone >= 0; zone--)
		if (model.managed[zone] != 0 &&
		    count_listed((unsigned int)zone, kinds) - (1 << f->order) >=
			    least_pages(f, (unsigned int)zone) &&
		    forecast_lists(f, (unsigned int)zone))
			return true;
	return false;
}

static bool has_pages_below(unsigned int class_zone)
{
	uint32_t pages = 0;

	for (unsigned int zone = 0; zone <= class_zone; zone++)
		pages += model.managed[zone];
	return pages != 0;
}

/* Nothing is given up for a large block that who asks can do without. */
static bool only_tries(const struct forecast *f)
{
	return f->order > 0 && (f->gfp & (__GFP_NORETRY | __GFP_DIRECT_RECLAIM)) == __GFP_NORETRY;
}

/* What can be told before the hooks are asked. */
static void forecast_request(gfp_t gfp, unsigned int order)
{
	struct forecast *f = &ahead;
	bool first = true;

	*f = (struct forecast){ .gfp = gfp, .order = order };
	f->contradictory =
		!classify(gfp, &f->class_zone, &f->class_migrate) || order > PAGE_ORDER_MAX;
	f->migrate = f->class_migrate;
	/* Where no zone may serve, nothing is tried either. */
	f->hopeless = f->contradictory || !has_pages_below(f->class_zone);
	if (f->hopeless) {
		f->source = REFUSED;
		return;
	}
	if (handler_on)
		return;
	/* What the first magazine holds was taken when the zone had plenty. */
	for (int zone = (int)f->class_zone; zone >= 0 && first; zone--) {
		first = model.managed[zone] == 0;
		if (!first && forecast_magazine(f, (unsigned int)zone))
			return;
	}
	for (int zone = (int)f->class_zone; zone >= 0; zone--)
		if (forecast_above_low(f, (unsigned int)zone))
			return;
	if (!forecast_at_min(f) && !only_tries(f) && drain_model())
		forecast_at_min(f);
}

/* The last resort: where HighAtomic's pages are what is lacking, one block of them. */
static bool forecast_set_aside(struct forecast *f)
{
	if (only_tries(f))
		return false;
	for (int zone = (int)f->class_zone; zone >= 0; zone--) {
		unsigned int type = (unsigned int)zone;

		if (model.managed[zone] == 0 ||
		    count_listed(type, ORDINARY | ATOMICS) - (1 << f->order) <
			    least_pages(f, type) ||
		    !has_block(type, ORDINARY | ATOMICS, f->order))
			continue;
		f->source = FROM_LISTS;
		f->zone = type;
		f->gives_up = !has_block(type, ORDINARY, f->order);
		return true;
	}
	return false;
}

/* The rest, when the request is back. */
static void complete_forecast(void)
{
	if (ahead.source == OPEN && !forecast_set_aside(&ahead))
		ahead.source = REFUSED;
}

/* --- what a request got ---------------------------------------------------------------------- */

/* Nothing of its own type was left, so the largest block of another becomes its type. */
static void fall_back(const struct run_of_pages *whole, unsigned int order,
		      enum migrate_type wanted)
{
	static const uint8_t preferred[] = { [MIGRATE_UNMOVABLE] = MIGRATE_RECLAIMABLE,
					     [MIGRATE_MOVABLE] = MIGRATE_RECLAIMABLE,
					     [MIGRATE_RECLAIMABLE] = MIGRATE_UNMOVABLE };
	unsigned int zone = model.zone[whole->first], kind = model.kind[whole->first];
	uint8_t *pageblock = &model.pageblock[whole->first >> PAGE_ORDER_MAX];

	expect(wanted < MIGRATE_PCPTYPES && kind < MIGRATE_PCPTYPES,
	       "a block came from lists that are not for this request");
	expect(!has_block(zone, 1U << wanted, order),
	       "another type's block, and there is an own one");
	expect((int)whole->order == largest_order(zone, ORDINARY, order),
	       "another type's block that is not the largest");
	expect(kind == preferred[wanted] ||
		       largest_order(zone, 1U << preferred[wanted], order) < (int)whole->order,
	       "not the other type that comes first");
	set_kinds(whole->first, whole->order, wanted);
	model.fallbacks[zone]++;
	if (whole->order + 1 >= PAGE_ORDER_MAX && *pageblock < MIGRATE_PCPTYPES) {
		*pageblock = (uint8_t)wanted;
		model.claims[zone]++;
	}
}

/* A block left the lists. `smallest`: not as part of a refill, which cuts larger ones. */
static void take(uint32_t first, unsigned int order, enum migrate_type wanted, bool smallest,
		 enum state state)
{
	struct run_of_pages whole;

	expect(all_are(first, order, LISTED), "a block that is not free was handed out");
	whole = whole_block(first);
	if (model.kind[first] != wanted)
		fall_back(&whole, order, wanted);
	else if (smallest && whole.order != order)
		expect((int)whole.order == smallest_order(model.zone[first], 1U << wanted, order),
		       "a large block was cut, and there is a smaller one");
	set_states(first, order, state);
}

/* The magazine was empty: what is in it now came from the lists. */
static void take_refill(void)
{
	const struct magazine *magazine = ahead.magazine;
	int32_t pages = 1 << ahead.order;

	for (uint32_t i = 0; i < magazine->count; i++) {
		uint32_t first = page_number(magazine->items[i]);

		if (model.state[first] == LIMBO)
			continue;
		take(first, ahead.order, ahead.class_migrate, false, CACHED);
		pages += 1 << ahead.order;
	}
	expect(pages <= ahead.pages_most, "a refill took more than the zone can spare");
	expect(pages <= (int32_t)(magazine_batch(ahead.order) << ahead.order),
	       "a refill is larger than a batch");
}

static void reserve_model(uint32_t first)
{
	uint8_t *pageblock = &model.pageblock[first >> PAGE_ORDER_MAX];
	unsigned int zone = model.zone[first];

	if (!ahead.reserves || *pageblock >= MIGRATE_PCPTYPES ||
	    !model_has_pageblock(zone, first) ||
	    model.highatomic_blocks[zone] * BLOCK_PAGES >= model.managed[zone] / 100 + BLOCK_PAGES)
		return;
	*pageblock = MIGRATE_HIGHATOMIC;
	model.highatomic_blocks[zone]++;
	ahead.migrate = MIGRATE_HIGHATOMIC;
}

/* The block that holds `first` becomes ordinary, with its pageblock. */
static void give_up_model(uint32_t first)
{
	struct run_of_pages whole = whole_block(first);
	uint8_t *pageblock = &model.pageblock[first >> PAGE_ORDER_MAX];
	unsigned int zone = model.zone[first];

	expect(model.kind[first] == MIGRATE_HIGHATOMIC, "given up, and it was not set aside");
	expect((int)whole.order == largest_order(zone, ATOMICS, ahead.order),
	       "not the largest block was given up");
	if (*pageblock == MIGRATE_HIGHATOMIC) {
		*pageblock = (uint8_t)ahead.class_migrate;
		model.highatomic_blocks[zone]--;
	}
	settle(first);
}

/* The block that the request returned goes from where the forecast says to its new owner. */
static void take_forecast(uint32_t first)
{
	unsigned int order = ahead.order;

	expect(model.zone[first] == ahead.zone, "another zone should have served");
	if (ahead.source == POPPED) {
		uint32_t i = 0;

		while (i < nr_cached &&
		       (cached[i].first != first || cached[i].magazine != ahead.magazine))
			i++;
		expect(i < nr_cached, "the block was not in the magazine, which was not empty");
		set_states(first, order, OWNED);
		return;
	}
	if (ahead.source == REFILLED)
		take_refill();
	if (ahead.gives_up)
		give_up_model(first);
	take(first, order, ahead.migrate, ahead.source == FROM_LISTS, OWNED);
	reserve_model(first);
}

/* Beside the handler: what was free and may serve the request. */
static void take_free(uint32_t first)
{
	expect(model.zone[first] <= ahead.class_zone, "a zone that may not serve did");
	expect(all_are_free(first, ahead.order), "a block that is not free was handed out");
	ahead.migrate = ahead.class_migrate;
	if ((ahead.gfp & __GFP_ATOMIC) != 0 &&
	    page_migrate_type(page_at(first)) == MIGRATE_HIGHATOMIC)
		ahead.migrate = MIGRATE_HIGHATOMIC;
	set_states(first, ahead.order, OWNED);
}

/*
 * A refusal while the handler changes things: the last try saw some state in the middle. What the
 * handler allocated or freed during the operation, and what was in a magazine or set aside for
 * atomic blocks when it ran, may have been out of reach then: it may have refilled a magazine just
 * after the drain, or joined a block with HighAtomic's. All else was there: if that would do, the
 * refusal is wrong.
 */
static void check_refusal_beside_handler(void)
{
	if (ahead.contradictory)
		return;
	adopt_and_check();
	for (uint32_t page = 0; page < model.pages; page++)
		if (model.state[page] == LISTED && touched[page] == run.number)
			set_state(page, CACHED);
	ahead.gfp &= ~__GFP_ATOMIC;
	/* Without ATOMIC's quarter: bounded from the safe side. */
	expect(!forecast_at_min(&ahead), "refused, and there was enough all the time");
}

static void check_refusal(uint32_t refusals_before, gfp_t gfp)
{
	bool told = (gfp & __GFP_NOWARN) == 0;

	expect(harness_refusals == refusals_before + told, "a refusal was told too often or never");
	if (told)
		expect(harness_last_refusal.gfp == gfp &&
			       harness_last_refusal.order == ahead.order &&
			       harness_last_refusal.contradictory == ahead.contradictory,
		       "a refusal's record is not right");
}

static void check_zeroes(uint32_t first, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++) {
		const uint32_t *words = first_word(first + i);

		expect(words[0] == 0 && words[LAST_WORD] == 0 && words[roll(LAST_WORD)] == 0,
		       "__GFP_ZERO left something");
	}
}

static void check_address(uint32_t first)
{
	struct page *page = page_at(first);

	if (zones[model.zone[first]].highmem)
		expect(page_address(page) == NULL, "highmem has no linear address");
	else
		expect(page_address(page) == harness_page_data(page), "page_address is not right");
}

/* What came back, if anything, with all that the forecast says. True: a block, OWNED now. */
static bool judge(const struct page *page, struct block *block)
{
	uint32_t first;

	if (!handler_on) {
		complete_forecast();
		expect((page == NULL) == (ahead.source == REFUSED),
		       page == NULL ? "refused, and there is a block for it"
				    : "served, and should have been refused");
	}
	if (page == NULL) {
		if (handler_on)
			check_refusal_beside_handler();
		return false;
	}
	expect(!ahead.contradictory, "served against all rules");
	first = page_number(page);
	expect(first < model.pages, "what was handed out is no RAM");
	expect(IS_ALIGNED(first, 1U << ahead.order), "a block is not aligned");
	if (handler_on)
		take_free(first);
	else
		take_forecast(first);
	check_address(first);
	*block = (struct block){ .first = first,
				 .order = ahead.order,
				 .migrate = ahead.migrate,
				 .compound = (ahead.gfp & __GFP_COMP) != 0 && ahead.order > 0,
				 .refs = 1 };
	return true;
}

/* --- hooks ----------------------------------------------------------------------------------- */

static void free_index(uint32_t index);
static bool hooks_on;

/* Sometimes something is found, and given back in the way of any owner. */
static bool reclaim_something(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	ahead.reclaims++;
	if (handler_on)
		return false;
	expect(ahead.source == OPEN, "reclaim was asked, and there is a block");
	expect(magazines_cached_pages(ZONE_NORMAL) == 0, "reclaim was asked before the drain");
	if (nr_blocks == 0 || chance(50))
		return false;
	free_index(roll(nr_blocks));
	sync_gifts();
	/* "The allocator's slow path empties them all before it refuses": what was freed, too. */
	drain_model();
	forecast_at_min(&ahead);
	return true;
}

static bool compact_something(gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	ahead.compactions++;
	expect(handler_on || ahead.source == OPEN, "compaction was asked, and there is a block");
	return false;
}

/* The hooks are for who may wait, in their order, once each. */
static void check_hooks(bool refused)
{
	bool patient = (ahead.gfp & __GFP_DIRECT_RECLAIM) != 0 && (ahead.gfp & __GFP_NORETRY) == 0;

	if (handler_on)
		return;
	expect(patient || (ahead.reclaims == 0 && ahead.compactions == 0),
	       "a request that may not wait had reclaim");
	if (hooks_on && patient && refused && !ahead.hopeless)
		expect(ahead.reclaims == 1 && ahead.compactions == (ahead.order > 0),
		       "refused without trying all");
}

/* --- the handler ----------------------------------------------------------------------------- */

static void touch(uint32_t first, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		touched[first + i] = run.number;
}

static void touch_magazines(void)
{
	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
			for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++) {
				const struct magazine *magazine =
					magazine_of(zone, (enum migrate_type)migrate, order);

				for (uint32_t i = 0; i < magazine->count; i++)
					touch(page_number(magazine->items[i]), order);
			}
}

static void touch_set_aside(const struct zone *zone)
{
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		const struct page *anchor = &zone->lists[MIGRATE_HIGHATOMIC][order].anchor;
		const struct page *head = linked_page(anchor->link[LINK_NEXT]);

		for (; head != anchor; head = linked_page(head->link[LINK_NEXT]))
			touch(page_number(head), order);
	}
}

/* What main may not be able to reach while the handler runs. */
static void touch_reserves(void)
{
	touch_magazines();
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		touch_set_aside(&zones[zone]);
}

static void handler_allocates(void)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN | (chance(20) ? __GFP_DMA : 0);
	unsigned int order = roll(min_u32(4, NR_PAGE_ORDERS));
	struct page *page = alloc_pages(gfp, order);
	struct block *block = &handlers[nr_handlers];

	if (page == NULL)
		return;
	*block = (struct block){ .first = page_number(page),
				 .order = order,
				 .migrate = page_migrate_type(page),
				 .refs = 1,
				 .pattern = patterns += 0x10001 };
	expect(block->first < model.pages && all_are_free(block->first, order),
	       "the handler got a block that is not free");
	expect(model.zone[block->first] <= ((gfp & __GFP_DMA) ? ZONE_DMA : ZONE_NORMAL),
	       "the handler got a block of a wrong zone");
	nr_handlers++;
	set_states(block->first, order, OWNED);
	own(block->first, order, NOBODY);
	touch(block->first, order);
	check_head(block);
	write_pattern(block);
}

static void handler_frees(uint32_t index)
{
	struct block block = handlers[index];

	check_pattern(&block);
	check_head(&block);
	handlers[index] = handlers[--nr_handlers];
	set_states(block.first, block.order, LIMBO);
	touch(block.first, block.order);
	__free_pages(page_at(block.first), block.order);
}

/* Interrupts were let in: as on the target, they are masked while the handler runs. */
static void handler(void)
{
	if (!handler_on || !chance(30))
		return;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	touch_reserves();
	if (nr_handlers < ARRAY_SIZE(handlers) && chance(55))
		handler_allocates();
	else if (nr_handlers > 0)
		handler_frees(roll(nr_handlers));
	expect(double_irq_flags == DOUBLE_IRQ_MASKED, "the handler's mask was lifted");
	touch_reserves();
	double_irq_flags = 0;
}

static void set_handler(bool on)
{
	bool off = handler_on && !on;

	handler_on = on;
	double_irq_unmasked = on ? handler : NULL;
	if (off)
		adopt_and_check();
}

/* --- operations: allocating ------------------------------------------------------------------ */

static const gfp_t requests[] = {
	GFP_KERNEL,
	GFP_ATOMIC,
	GFP_NOWAIT,
	GFP_DMA,
	GFP_USER,
	GFP_HIGHUSER,
	GFP_HIGHUSER_MOVABLE,
	GFP_KERNEL | __GFP_RECLAIMABLE,
	GFP_KERNEL | __GFP_MOVABLE,
	GFP_KERNEL | GFP_DMA,
	GFP_ATOMIC | __GFP_DMA,
	GFP_KERNEL | __GFP_HIGH,
	GFP_HIGHUSER | __GFP_RECLAIMABLE,
	GFP_ATOMIC | __GFP_HIGHMEM,
	GFP_ATOMIC | __GFP_HIGHMEM | __GFP_MOVABLE,
	GFP_DMA | __GFP_MOVABLE,
	GFP_DMA | __GFP_RECLAIMABLE,
	0,
};

static gfp_t random_gfp(void)
{
	static const gfp_t extras[] = { __GFP_ZERO, __GFP_NOWARN, __GFP_NORETRY, __GFP_COMP,
					__GFP_COMP };
	gfp_t gfp = requests[roll(ARRAY_SIZE(requests))];

	/* Kernel, user and movable requests are what there is most of. */
	if (chance(40))
		gfp = requests[roll(2) * 6];
	for (unsigned int i = 0; i < ARRAY_SIZE(extras); i++)
		if (chance(i == 0 ? 12 : 15))
			gfp |= extras[i];
	return gfp;
}

static unsigned int random_order(void)
{
	if (chance(45))
		return 0;
	if (chance(70))
		return roll(min_u32(5, NR_PAGE_ORDERS));
	return roll(NR_PAGE_ORDERS);
}

/* Constant flags take another way through the header. */
static struct page *alloc_constant(gfp_t gfp, unsigned int order)
{
	switch (gfp) {
	case GFP_KERNEL:
		return alloc_pages(GFP_KERNEL, order);
	case GFP_ATOMIC:
		return alloc_pages(GFP_ATOMIC, order);
	case GFP_HIGHUSER_MOVABLE:
		return alloc_pages(GFP_HIGHUSER_MOVABLE, order);
	case GFP_KERNEL | __GFP_ZERO:
		return alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	case GFP_HIGHUSER_MOVABLE | __GFP_COMP:
		return alloc_pages(GFP_HIGHUSER_MOVABLE | __GFP_COMP, order);
	default:
		return order == 0 ? alloc_page(gfp) : alloc_pages(gfp, order);
	}
}

static const struct page *page_of(uintptr_t address)
{
	return address != 0 ? virt_to_page((const void *)address) : NULL;
}

/* True: served. */
static bool allocate(gfp_t gfp, unsigned int order, bool by_address)
{
	uint32_t refusals = harness_refusals;
	const struct page *page;
	struct block block;

	operation(by_address ? "get_free_pages" : "alloc_pages", gfp, order, 0);
	if (by_address)
		gfp &= ~__GFP_HIGHMEM;
	forecast_request(gfp, order);
	if (by_address && (gfp & __GFP_ZERO) != 0 && order == 0)
		page = page_of(get_zeroed_page(run.a));
	else if (by_address)
		page = page_of(__get_free_pages(run.a, order));
	else
		page = alloc_constant(gfp, order);
	if (judge(page, &block)) {
		if ((gfp & __GFP_ZERO) != 0)
			check_zeroes(block.first, order);
		add_block(&block);
	} else {
		check_refusal(refusals, gfp);
	}
	check_hooks(page == NULL);
	finish();
	return page != NULL;
}

static void op_alloc(void)
{
	allocate(random_gfp(), random_order(), chance(15));
}

/* Flags that contradict each other, orders that there are not. */
static void op_alloc_wrong(void)
{
	gfp_t gfp = random_gfp();
	unsigned int order = random_order();

	switch (roll(4)) {
	case 0:
		gfp |= __GFP_DMA | __GFP_HIGHMEM;
		break;
	case 1:
		gfp |= __GFP_MOVABLE | __GFP_RECLAIMABLE;
		break;
	case 2:
		order = NR_PAGE_ORDERS + roll(3);
		break;
	default:
		order = harness_random(&run.random) | NR_PAGE_ORDERS;
		break;
	}
	allocate(gfp, order, chance(20));
}

/* Nobody can clear highmem: then a request for zeroes is refused as any other. */
static void op_alloc_no_clearing(void)
{
	void *(*open_window)(struct page *) = page_window_open_hook;
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_ZERO;
	uint32_t refusals = harness_refusals;
	unsigned int order = roll(2);
	struct block block;
	struct page *page;

	if (handler_on)
		return;
	operation("alloc_pages without clearing", gfp, order, 0);
	forecast_request(gfp, order);
	page_window_open_hook = NULL;
	page = alloc_pages(gfp, order);
	page_window_open_hook = open_window;
	complete_forecast();
	if (page == NULL && ahead.source != REFUSED) {
		expect(zones[ahead.zone].highmem, "refused, and the block has an address");
		/* It was taken, looked at and given back; which one it was shows in its magazine
		 * or does not matter. */
		adopt_and_check();
		check_refusal(refusals, gfp);
	} else if (judge(page, &block)) {
		expect(!zones[ahead.zone].highmem, "served, and nobody cleared it");
		add_block(&block);
	} else {
		check_refusal(refusals, gfp);
	}
	finish();
}

/* --- operations: freeing and holding --------------------------------------------------------- */

/* In one of the ways that there are. */
static void give_up(const struct block *block)
{
	struct page *page = page_at(block->first);

	switch (roll(3)) {
	case 0:
		if (page_address(page) != NULL) {
			free_pages((uintptr_t)page_address(page), block->order);
			return;
		}
		__free_pages(page, block->order);
		return;
	case 1:
		put_page(page + (block->compound ? roll(1U << block->order) : 0));
		return;
	default:
		__free_pages(page, block->order);
	}
}

/* What goes to the buddy at once: large ones, compounds, HighAtomic's, all while closed. */
static bool goes_to_magazine(const struct block *block)
{
	return block->order <= MAGAZINE_ORDER_MAX && !block->compound &&
	       block->migrate < MIGRATE_PCPTYPES &&
	       magazine_of(model.zone[block->first], block->migrate, block->order)->limit != 0;
}

static uint32_t count_items(void)
{
	uint32_t count = 0;

	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
			for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++)
				count +=
					magazine_of(zone, (enum migrate_type)migrate, order)->count;
	return count;
}

/* Drops one reference; the block's pages are free before the call, as a handler may get them. */
static void free_index(uint32_t index)
{
	struct block *block = &blocks[index], gone;
	uint32_t misuses = harness_misuses, before = count_items();
	bool cached_now;

	if (block->refs > 1) {
		check_pattern(block);
		block->refs--;
		give_up(block);
		expect(page_count(page_at(block->first)) == block->refs,
		       "a reference was not dropped");
	} else {
		gone = remove_block(index);
		into_limbo(gone.first, gone.order);
		give_up(&gone);
		cached_now = page_type(page_at(gone.first)) == PAGE_CACHED;
		if (!handler_on) {
			expect(cached_now == goes_to_magazine(&gone),
			       "freed into a magazine, or past it, and should not be");
			expect(count_items() + MAGAZINE_DRAIN_MOST >= before + cached_now,
			       "one free drained more than it may");
		}
	}
	expect(harness_misuses == misuses, "a right free was called a misuse");
}

static void op_free(void)
{
	uint32_t index;

	if (nr_blocks == 0)
		return;
	index = roll(nr_blocks);
	operation("free", blocks[index].first, blocks[index].order, blocks[index].refs);
	free_index(index);
	finish();
}

/* Whoever holds a block, holds it by any of its pages if it is compound. */
static void op_hold(void)
{
	uint32_t misuses = harness_misuses, offset;
	struct block *block;

	if (nr_blocks == 0)
		return;
	block = &blocks[roll(nr_blocks)];
	offset = block->compound ? roll(1U << block->order) : 0;
	operation("get_page", block->first, offset, block->refs);
	expect(compound_head(page_at(block->first + offset)) == page_at(block->first),
	       "compound_head is not right");
	get_page(page_at(block->first + offset));
	block->refs++;
	expect(page_count(page_at(block->first + offset)) == block->refs,
	       "page_count is not right");
	expect(harness_misuses == misuses, "holding was called a misuse");
	finish();
}

static void split_block_at(uint32_t index)
{
	struct block block = remove_block(index);

	operation("split_page", block.first, block.order, 0);
	split_page(page_at(block.first), block.order);
	for (uint32_t i = 0; i < 1U << block.order; i++)
		add_block(&(struct block){
			.first = block.first + i, .migrate = block.migrate, .refs = 1 });
	finish();
}

static void expect_misuse(uint32_t before, enum page_misuse_kind kind, uint32_t page, uint32_t head)
{
	expect(harness_misuses == before + 1, "a misuse was not told");
	expect(harness_last_misuse.kind == kind, "a misuse was called by another name");
	expect(harness_last_misuse.pfn == HARNESS_BASE_PFN + page, "a misuse of another page");
	if (head != NOBODY)
		expect(harness_last_misuse.head_pfn == HARNESS_BASE_PFN + head &&
			       harness_last_misuse.flags == page_at(head)->flags,
		       "a misuse's head is not right");
}

/* What others hold, or what stands together, stays whole. */
static void refuse_split(uint32_t index)
{
	uint32_t misuses = harness_misuses;

	operation("split_page of what cannot be", blocks[index].first, blocks[index].refs, 0);
	split_page(page_at(blocks[index].first), blocks[index].order);
	expect_misuse(misuses, MISUSE_NOT_HELD, blocks[index].first, blocks[index].first);
	finish();
}

static void op_split(void)
{
	uint32_t index;

	if (nr_blocks == 0)
		return;
	index = roll(nr_blocks);
	if (blocks[index].refs == 1 && !blocks[index].compound)
		split_block_at(index);
	else
		refuse_split(index);
}

static void op_verify(void)
{
	if (nr_blocks == 0)
		return;
	operation("verify", 0, 0, 0);
	for (unsigned int i = 0; i < 8; i++) {
		const struct block *block = &blocks[roll(nr_blocks)];

		check_pattern(block);
		check_head(block);
		if (block->order > 0 && !block->compound)
			expect(page_count(page_at(block->first + 1)) == 0, "a tail is held");
	}
	finish();
}

/* --- operations: pieces ---------------------------------------------------------------------- */

static unsigned int order_of_pages(uint32_t pages)
{
	unsigned int order = 0;

	while (1U << order < pages)
		order++;
	return pages == 0 || order > PAGE_ORDER_MAX ? NR_PAGE_ORDERS : order;
}

/* The block that it was cut from is the model's to forecast; the rest of it went back. */
static void own_exact(struct block *block, uint32_t pages)
{
	for (uint32_t i = 0; i < 1U << block->order; i++)
		if (i < pages)
			add_block(&(struct block){
				.first = block->first + i, .migrate = block->migrate, .refs = 1 });
		else if (!handler_on || model.state[block->first + i] == OWNED)
			into_limbo(block->first + i, 0);
}

/* Beside the handler the rest may be the handler's by now: only what is kept was free. */
static bool judge_exact_beside_handler(const void *address, uint32_t pages)
{
	uint32_t first;

	if (address == NULL) {
		check_refusal_beside_handler();
		return false;
	}
	first = page_number(virt_to_page(address));
	for (uint32_t i = 0; i < pages; i++) {
		struct page *page = page_at(first + i);

		expect(is_free(first + i) && model.zone[first + i] <= ahead.class_zone,
		       "a page that is not free was handed out");
		set_state(first + i, OWNED);
		add_block(&(struct block){
			.first = first + i, .migrate = page_migrate_type(page), .refs = 1 });
	}
	return true;
}

static void op_alloc_exact(void)
{
	uint32_t pages = chance(70) ? 1 + roll(20) : roll(BLOCK_PAGES + 3);
	uint32_t refusals = harness_refusals;
	gfp_t gfp = random_gfp();
	struct block block;
	size_t bytes;
	void *address;

	if (chance(5))
		pages = (uint32_t)(SIZE_MAX >> PAGE_SHIFT >> 32);
	bytes = (size_t)pages * PAGE_SIZE - (pages != 0 ? roll(PAGE_SIZE) : 0);
	operation("alloc_pages_exact", gfp, pages, 0);
	expect(get_order(bytes) == order_of_pages(pages), "get_order is not right");
	forecast_request(gfp & ~(__GFP_HIGHMEM | __GFP_COMP), order_of_pages(pages));
	address = alloc_pages_exact(bytes, gfp);
	if (handler_on ? !judge_exact_beside_handler(address, pages)
		       : !judge(page_of((uintptr_t)address), &block))
		check_refusal(refusals, gfp & ~(__GFP_HIGHMEM | __GFP_COMP));
	else if (!handler_on)
		own_exact(&block, pages);
	check_hooks(address == NULL);
	finish();
}

static bool is_single(uint32_t page)
{
	const struct block *block;

	if (page >= model.pages || model.state[page] != OWNED || model.owner[page] == NOBODY)
		return false;
	block = &blocks[model.owner[page]];
	return block->order == 0 && block->refs == 1 && page_address(page_at(page)) != NULL;
}

/* Any singles in a row will do: they need not have come together. */
static void op_free_exact(void)
{
	uint32_t first, pages = 0, most = 1 + roll(40), misuses = harness_misuses;

	if (nr_blocks == 0)
		return;
	first = blocks[roll(nr_blocks)].first;
	while (pages < most && is_single(first + pages))
		pages++;
	if (pages == 0)
		return;
	operation("free_pages_exact", first, pages, 0);
	for (uint32_t i = 0; i < pages; i++) {
		remove_block(model.owner[first + i]);
		into_limbo(first + i, 0);
	}
	if (chance(30))
		free_contig_range(HARNESS_BASE_PFN + first, pages);
	else
		free_pages_exact(page_address(page_at(first)),
				 (size_t)pages * PAGE_SIZE - roll(PAGE_SIZE));
	expect(harness_misuses == misuses, "a right free was called a misuse");
	finish();
}

/* The first page of a range that is not free; its end if all are. Magazines are drained first. */
static uint32_t busy_page(uint32_t first, uint32_t end)
{
	while (first < end && is_free(first))
		first++;
	return first;
}

static bool in_one_zone(uint32_t first, uint32_t end)
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		if (first >= model.start[zone] && first < model.end[zone])
			return end <= model.end[zone] && first < end;
	return false;
}

/* Blocks that were cut at the range's ends, or taken for nothing, were given back once. */
static void settle_range(uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page++)
		settle(page);
}

static void own_range(uint32_t first, uint32_t end, bool kinds_known)
{
	for (uint32_t page = first; page < end; page++) {
		enum migrate_type migrate = (enum migrate_type)model.kind[page];

		if (!kinds_known)
			migrate = page_migrate_type(page_at(page));
		else if (migrate >= MIGRATE_PCPTYPES)
			migrate = MIGRATE_MOVABLE;
		expect(is_free(page), "a page that is not free is in a contiguous range");
		set_state(page, OWNED);
		add_block(&(struct block){ .first = page, .migrate = migrate, .refs = 1 });
	}
}

/* What blocks have beyond the range goes back, to the list of its pageblock's type. */
static void cut_model(uint32_t first, uint32_t end)
{
	struct run_of_pages low, high;

	if (first >= end)
		return;
	low = whole_block(first);
	high = whole_block(end - 1);
	for (uint32_t page = low.first; page < first; page++)
		set_kinds(page, 0, (enum migrate_type)model.pageblock[page >> PAGE_ORDER_MAX]);
	for (uint32_t page = end; page < high.first + (1U << high.order); page++)
		set_kinds(page, 0, (enum migrate_type)model.pageblock[page >> PAGE_ORDER_MAX]);
}

static void check_contig_beside_handler(int result, uint32_t first, uint32_t end, uint32_t busy)
{
	if (result == 0) {
		own_range(first, end, false);
		return;
	}
	expect(result == -EBUSY && busy >= first && busy < end, "a free range, and refused");
	expect(!is_free(busy) || touched[busy] == run.number, "what is said to be busy is free");
}

static void check_contig(int result, uint32_t first, uint32_t end, uint32_t busy)
{
	uint32_t should = busy_page(first, end);

	expect(result == (should == end ? 0 : -EBUSY), "a range is taken if all of it is free");
	drain_model();
	if (result == 0) {
		cut_model(first, end);
		own_range(first, end, true);
		return;
	}
	expect(busy == should, "another page is the first that is busy");
	settle_range(first, should);
}

static void contig(uint32_t first, uint32_t end)
{
	uint32_t busy = UINT32_MAX;
	int result;

	operation("alloc_contig_range", first, end, 0);
	result = alloc_contig_range(HARNESS_BASE_PFN + first, HARNESS_BASE_PFN + end,
				    handler_on || chance(90) ? &busy : NULL);
	if (busy != UINT32_MAX)
		busy -= HARNESS_BASE_PFN;
	else if (result == -EBUSY)
		busy = busy_page(first, end);
	if (!in_one_zone(first, end))
		expect(result == -EINVAL, "an empty range, or one that leaves its zone");
	else if (handler_on)
		check_contig_beside_handler(result, first, end, busy);
	else
		check_contig(result, first, end, busy);
	finish();
}

/* Half of the time as long as everything is free, so that some succeed on a full machine. */
static void op_contig(void)
{
	uint32_t first = roll(model.pages),
		 pages = chance(80) ? roll(40) : roll(2 * BLOCK_PAGES + 9);
	uint32_t end = first + pages;

	if (chance(50) && is_free(first)) {
		end = busy_page(first, min_u32(end, model.pages));
		while (end > first && model.zone[end - 1] != model.zone[first])
			end--;
	}
	if (end <= model.pages)
		contig(first, end);
}

/* --- operations: isolation ------------------------------------------------------------------- */

static struct isolation {
	uint32_t page;
	enum migrate_type was;
} isolated[4];
static uint32_t nr_isolated;

/* A pageblock on a border is in more than one zone. */
static void close_zones(uint32_t page, int change)
{
	uint32_t first = ALIGN_DOWN(page, BLOCK_PAGES);

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		if (first < model.end[zone] && first + BLOCK_PAGES > model.start[zone])
			model.isolations[zone] += (unsigned int)change;
}

static void move_pageblock(uint32_t page, enum migrate_type migrate)
{
	uint32_t first = ALIGN_DOWN(page, BLOCK_PAGES);

	for (uint32_t at = first; at < first + BLOCK_PAGES; at++)
		if (model.state[at] == LISTED)
			set_kinds(at, 0, migrate);
}

static void op_isolate(void)
{
	uint32_t page = roll(model.pages);
	enum migrate_type was = (enum migrate_type)model.pageblock[page >> PAGE_ORDER_MAX];
	bool may = was != MIGRATE_ISOLATE && model.state[page] != ABSENT;

	if (nr_isolated == ARRAY_SIZE(isolated))
		return;
	operation("isolate_pageblock", page, was, 0);
	expect(isolate_pageblock(HARNESS_BASE_PFN + page) == may,
	       "isolated, or not, and should not");
	if (may) {
		isolated[nr_isolated++] = (struct isolation){ page, was };
		model.pageblock[page >> PAGE_ORDER_MAX] = MIGRATE_ISOLATE;
		if (was == MIGRATE_HIGHATOMIC)
			model.highatomic_blocks[model.zone[page]]--;
		close_zones(page, 1);
	}
	if (may && !handler_on) {
		drain_model();
		move_pageblock(page, MIGRATE_ISOLATE);
	}
	finish();
}

/* By any page of RAM in it, whatever zone that is in. */
static uint32_t another_page(uint32_t page)
{
	uint32_t other = ALIGN_DOWN(page, BLOCK_PAGES) + roll(BLOCK_PAGES);

	return other < model.pages && model.state[other] != ABSENT ? other : page;
}

static void unisolate(uint32_t index)
{
	struct isolation entry = isolated[index];
	enum migrate_type migrate = chance(70) ? entry.was : (enum migrate_type)roll(3);
	uint32_t page = another_page(entry.page);

	operation("unisolate_pageblock", page, migrate, entry.page);
	isolated[index] = isolated[--nr_isolated];
	expect(unisolate_pageblock(HARNESS_BASE_PFN + page, migrate), "was isolated, and is still");
	model.pageblock[page >> PAGE_ORDER_MAX] = (uint8_t)migrate;
	if (migrate == MIGRATE_HIGHATOMIC)
		model.highatomic_blocks[model.zone[page]]++;
	close_zones(page, -1);
	if (!handler_on)
		move_pageblock(page, migrate);
	expect(!unisolate_pageblock(HARNESS_BASE_PFN + page, migrate), "unisolated twice");
	finish();
}

static void op_unisolate(void)
{
	if (nr_isolated > 0)
		unisolate(roll(nr_isolated));
}

/* --- operations: misuse ---------------------------------------------------------------------- */

/* All that the allocator has: a refused misuse changes no bit of it. */
static struct {
	struct page pages[ARENA_PAGES];
	struct zone zones[MAX_NR_ZONES];
	struct page_magazines magazines;
	uint8_t types[sizeof(pageblock_types)];
} kept;

static void keep_all(void)
{
	memcpy(kept.pages, page_at(0), model.pages * sizeof(struct page));
	memcpy(kept.zones, zones, sizeof(kept.zones));
	memcpy(&kept.magazines, &page_magazines, sizeof(kept.magazines));
	memcpy(kept.types, pageblock_types, sizeof(kept.types));
}

static void expect_nothing_changed(void)
{
	expect(memcmp(kept.pages, page_at(0), model.pages * sizeof(struct page)) == 0 &&
		       memcmp(kept.zones, zones, sizeof(kept.zones)) == 0 &&
		       memcmp(&kept.magazines, &page_magazines, sizeof(kept.magazines)) == 0 &&
		       memcmp(kept.types, pageblock_types, sizeof(kept.types)) == 0,
	       "a misuse changed something");
}

/*
 * What is free and freed again is out of use afterwards, as many pages as were freed if all of them
 * were free in one block, else the first. Taken back, nothing is missing; what it lay in was cut, so
 * the model looks at the lists anew.
 */
static void expect_quarantined(uint32_t first, unsigned int order)
{
	uint32_t page = first, pages = 0;

	while (page < first + (1U << order) &&
	       page_type(page_block_head(HARNESS_BASE_PFN + page)) == PAGE_QUARANTINED) {
		struct page *head = page_at(page);
		uint32_t size = 1U << page_order(head);

		expect(page_unquarantine(head) && !page_unquarantine(head),
		       "what is quarantined cannot be taken back");
		page += size;
		pages += size;
	}
	expect(pages == 1U << order || pages == 1, "what was freed twice is not out of use");
	magazines_drain_all();
	adopt_and_check();
}

/* A free of what nobody has: told, and either nothing changed or it is quarantined. */
static void free_nobodys(uint32_t page, unsigned int order)
{
	uint32_t misuses = harness_misuses;
	bool was_free =
		page < model.pages && (model.state[page] == LISTED || model.state[page] == CACHED);

	keep_all();
	__free_pages(page_at(page), order);
	expect_misuse(misuses, MISUSE_NOT_ALLOCATED, page, NOBODY);
	expect(harness_last_misuse.quarantined == was_free, "quarantined, or not, and should not");
	if (was_free)
		expect_quarantined(page, order);
	else
		expect_nothing_changed();
}

/* Free, reserved, no RAM, not even backed. */
static void misuse_unallocated(void)
{
	uint32_t misuses = harness_misuses, page = roll(model.pages);
	unsigned int order = random_order();

	if (chance(5))
		page = roll(1U << 19);
	if (page < model.pages && model.state[page] == OWNED)
		return;
	operation("free of what is not allocated", page, order, 0);
	keep_all();
	if (chance(60)) {
		free_nobodys(page, order);
		return;
	}
	if (chance(50)) {
		put_page(page_at(page));
		expect_misuse(misuses, MISUSE_NOT_HELD, page, NOBODY);
	} else {
		get_page(page_at(page));
		expect_misuse(misuses, MISUSE_NOT_HELD, page, NOBODY);
	}
	expect(page_count(page_at(page)) == 0, "what is free is held");
	expect_nothing_changed();
}

static void misuse_order(const struct block *block)
{
	uint32_t misuses = harness_misuses;
	unsigned int order = chance(50) ? roll(NR_PAGE_ORDERS) : block->order + 1;

	if (chance(5))
		order = harness_random(&run.random);
	if (order == block->order)
		return;
	operation("free with a wrong order", block->first, order, block->order);
	keep_all();
	__free_pages(page_at(block->first), order);
	expect_misuse(misuses, MISUSE_WRONG_ORDER, block->first, block->first);
	expect_nothing_changed();
}

static void misuse_tail(const struct block *block)
{
	uint32_t misuses = harness_misuses, tail;
	unsigned int order = random_order();

	if (block->order == 0)
		return;
	tail = block->first + 1 + roll((1U << block->order) - 1);
	operation("free of a tail", tail, order, block->first);
	keep_all();
	if (block->compound || chance(60)) {
		__free_pages(page_at(tail), order);
		expect_misuse(misuses, MISUSE_TAIL, tail, block->first);
	} else if (chance(50)) {
		put_page(page_at(tail));
		expect_misuse(misuses, MISUSE_TAIL, tail, block->first);
	} else {
		get_page(page_at(tail));
		expect_misuse(misuses, MISUSE_TAIL, tail, block->first);
		expect(compound_head(page_at(tail)) == page_at(tail), "a tail stands for a head");
	}
	expect_nothing_changed();
}

/* What was just freed, once more; in a magazine or joined with others by now. */
static void misuse_twice(void)
{
	uint32_t index = roll(nr_blocks), first = blocks[index].first;
	unsigned int order = blocks[index].order;

	operation("free twice", first, order, blocks[index].refs);
	while (model.state[first] == OWNED) {
		free_index(model.owner[first]);
		sync_gifts();
	}
	free_nobodys(first, order);
}

static void op_misuse(void)
{
	bool handled = handler_on;
	uint32_t which = roll(4);

	set_handler(false);
	if (which == 0 || nr_blocks == 0)
		misuse_unallocated();
	else if (which == 1)
		misuse_order(&blocks[roll(nr_blocks)]);
	else if (which == 2)
		misuse_tail(&blocks[roll(nr_blocks)]);
	else
		misuse_twice();
	finish();
	set_handler(handled);
}

/* No address is nothing; and no more than 65535 can hold a page. */
static void check_limits(void)
{
	uint32_t misuses = harness_misuses, page;

	operation("limits", 0, 0, 0);
	free_pages(0, 0);
	if (nr_blocks == 0)
		return;
	page = blocks[0].first;
	for (uint32_t refs = blocks[0].refs; refs < PAGE_COUNT_REFS_MASK; refs++)
		get_page(page_at(page));
	expect(harness_misuses == misuses, "65535 may hold a page");
	get_page(page_at(page));
	expect_misuse(misuses, MISUSE_NOT_HELD, page, page);
	expect(page_count(page_at(page)) == PAGE_COUNT_REFS_MASK, "a count wrapped");
	for (uint32_t refs = PAGE_COUNT_REFS_MASK; refs > blocks[0].refs; refs--)
		put_page(page_at(page));
	finish();
}

static void op_drain(void)
{
	uint32_t before = nr_cached;
	bool drained;

	operation("magazines_drain_all", nr_cached, 0, 0);
	drained = magazines_drain_all();
	if (!handler_on) {
		expect(drained == (before != 0), "drained, or not, and should not");
		drain_model();
		expect(magazines_cached_pages(ZONE_NORMAL) == 0, "drained, and there is more");
	}
	finish();
}

/* --- phases ---------------------------------------------------------------------------------- */

/* Fill or empty towards a level that changes now and then. */
static void alloc_or_free(uint32_t level)
{
	uint32_t all = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		all += model.managed[zone];
	if (chance(owned_pages < all / 100 * level ? 65 : 30))
		op_alloc();
	else
		op_free();
}

static const struct {
	void (*run)(void);
	uint32_t weight; /* of 1000; the rest allocates and frees */
} operations[] = {
	{ op_alloc_wrong, 15 }, { op_hold, 40 },        { op_split, 12 },
	{ op_verify, 25 },      { op_alloc_exact, 25 }, { op_free_exact, 25 },
	{ op_contig, 25 },      { op_isolate, 4 },      { op_unisolate, 40 },
	{ op_misuse, 25 },      { op_drain, 4 },        { op_alloc_no_clearing, 4 },
};

static void mix(const char *phase, uint32_t count)
{
	static const uint8_t levels[] = { 10, 50, 80, 95, 100, 100 };
	uint32_t level = 50;

	run.phase = phase;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t which = roll(1000), op = 0;

		if (roll(300) == 0) {
			level = levels[roll(ARRAY_SIZE(levels))];
			hooks_on = chance(50);
			page_reclaim_hook = hooks_on ? reclaim_something : NULL;
			page_compact_hook = hooks_on ? compact_something : NULL;
		}
		while (op < ARRAY_SIZE(operations) && which >= operations[op].weight)
			which -= operations[op++].weight;
		if (op < ARRAY_SIZE(operations))
			operations[op].run();
		else
			alloc_or_free(level);
	}
	page_reclaim_hook = page_compact_hook = NULL;
	hooks_on = false;
}

/* Until the last page that such a request can have is taken. */
static void grow(const char *phase, gfp_t gfp)
{
	bool handled = handler_on;

	run.phase = phase;
	for (int order = PAGE_ORDER_MAX; order >= 0; order--)
		while (allocate(gfp, (unsigned int)order, false))
			;
	run.phase = "full";
	set_handler(false);
	check_everything();
	set_handler(handled);
}

static void unisolate_all(void)
{
	while (nr_isolated > 0)
		unisolate(nr_isolated - 1);
}

/* How many blocks of each order all managed pages make, whatever their types. */
static void expect_complete(void)
{
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		struct zone_snapshot shot;

		zone_snapshot(type, &shot);
		expect(shot.free_pages == model.managed[type] && shot.cached_pages == 0 &&
			       shot.isolated_pages == 0,
		       "drained, and pages are missing");
	}
}

/*
 * What has its head somewhere in a free block, freed again by whoever still has a pointer: the old
 * heads are tails now, and may still look as they did.
 */
static void free_again(uint32_t nr_old)
{
	operation("free of what was somebody's", nr_old, 0, 0);
	/* Some: each is followed by a look at everything. */
	for (uint32_t i = 0; i < nr_old; i += 1 + nr_old / 48)
		free_nobodys(blocks[i].first, blocks[i].order);
}

static void drain(void)
{
	uint32_t nr_old;

	run.phase = "drain";
	set_handler(false);
	unisolate_all();
	while (nr_handlers > 0) {
		operation("the handler's last", handlers[0].first, handlers[0].order, 0);
		limbo[nr_limbo++] = (struct run_of_pages){ handlers[0].first, handlers[0].order };
		handler_frees(0);
		finish();
	}
	nr_old = nr_blocks;
	while (nr_blocks > 0)
		op_free();
	op_drain();
	free_again(nr_old);
	check_everything();
	expect_complete();
}

/* --- machines -------------------------------------------------------------------------------- */

static const struct machine {
	const char *name;
	struct harness_machine machine;
	struct watermark_settings settings;
} machines[] = {
	{ "odd sizes", { .zone_pages = { 1000, 3000, 2000, 1024 } }, WATERMARK_DEFAULTS },
	{ "aligned, reserved pieces, holes",
	  { .zone_pages = { 2048, 5120, 4096, 2048 },
	    .pieces = { { 5, 300, PIECE_RESERVED },
			{ 2000, 100, PIECE_RESERVED },
			{ 3000, 700, PIECE_HOLE },
			{ 5000, 3, PIECE_NO_MAP },
			{ 7160, 20, PIECE_NO_MAP },
			{ 8191, 1, PIECE_RESERVED },
			{ 9000, 1025, PIECE_HOLE },
			{ 13311, 1, PIECE_HOLE } } },
	  WATERMARK_DEFAULTS },
	{ "DMA only", { .zone_pages = { 1700, 0, 0, 0 } }, WATERMARK_DEFAULTS },
	{ "Normal only",
	  { .zone_pages = { 0, 4500, 0, 0 }, .pieces = { { 1023, 2, PIECE_RESERVED } } },
	  WATERMARK_DEFAULTS },
	{ "Movable of lowmem", { .zone_pages = { 513, 1700, 0, 1999 } }, WATERMARK_DEFAULTS },
	{ "zones of a few pages", { .zone_pages = { 3, 2500, 7, 1 } }, WATERMARK_DEFAULTS },
	{ "four zones in a pageblock",
	  { .zone_pages = { 100, 433, 217, 163 },
	    .pieces = { { 90, 30, PIECE_HOLE }, { 700, 3, PIECE_NO_MAP } } },
	  { .min_free_kbytes = 400, .lowmem_reserve_ratio = { 9, 7, 0, 0 } } },
	{ "borders in pageblocks",
	  { .zone_pages = { 1500, 1000, 1300, 1100 },
	    .pieces = { { 1490, 20, PIECE_HOLE }, { 2490, 20, PIECE_RESERVED } } },
	  { .min_free_kbytes = 1500, .lowmem_reserve_ratio = { 8, 5, 3, 0 } } },
	{ "no reserves",
	  { .zone_pages = { 1111, 2222, 1333, 0 } },
	  { .min_free_kbytes = 1, .lowmem_reserve_ratio = { 0 } } },
	{ "great reserves",
	  { .zone_pages = { 1024, 7168, 0, 0 } },
	  { .min_free_kbytes = 1U << 20, .lowmem_reserve_ratio = { 2, 2, 0, 0 } } },
	{ "large zones",
	  { .zone_pages = { 700, 8200, 4100, 600 }, .pieces = { { 600, 200, PIECE_RESERVED } } },
	  WATERMARK_DEFAULTS },
};

static void lay_piece(const struct harness_piece *piece)
{
	for (uint32_t i = 0; i < piece->pages; i++) {
		uint32_t page = piece->first_page + i;

		if (model.state[page] != ABSENT)
			set_state(page, piece->kind == PIECE_HOLE ? ABSENT : RESERVED);
	}
}

/* As at power-on: all RAM that nobody has is on the lists of Movable. */
static void make_model(const struct harness_machine *machine)
{
	uint32_t page = 0;

	memset(&model, 0, sizeof(model));
	memset(model.pageblock, MIGRATE_MOVABLE, sizeof(model.pageblock));
	memset(model.kind, MIGRATE_MOVABLE, sizeof(model.kind));
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		model.start[zone] = page;
		model.end[zone] = page + machine->zone_pages[zone];
		for (; page < model.end[zone]; page++) {
			model.zone[page] = (uint8_t)zone;
			set_state(page, LISTED);
			model.owner[page] = NOBODY;
		}
	}
	model.pages = page;
	set_state(0, RESERVED);
	for (unsigned int i = 0; i < ARRAY_SIZE(machine->pieces); i++)
		lay_piece(&machine->pieces[i]);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		model.managed[zone] = (uint32_t)model.listed[zone][MIGRATE_MOVABLE];
	nr_blocks = nr_handlers = nr_cached = nr_limbo = owned_pages = 0;
	memset(touched, 0, sizeof(touched));
}

static void start(const struct machine *machine, const char *boot, uint32_t rubbish)
{
	run.boot = boot;
	run.phase = "start";
	operation("start", 0, 0, 0);
	watermark_settings = machine->settings;
	harness_dirty_struct_pages(rubbish);
	harness_start(&machine->machine);
	make_model(&machine->machine);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		tallies[zone].valid = false;
	check_everything();
}

/*
 * Few large blocks are left, all whole, and the zones are between their marks: now small atomic
 * blocks cut pageblocks that become HighAtomic, and the other types want what is left of them.
 */
static void live_on_the_edge(uint32_t count)
{
	static const gfp_t owners[] = { GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_DMA };
	static const gfp_t edge[] = { GFP_ATOMIC, GFP_KERNEL, GFP_KERNEL | __GFP_MOVABLE,
				      GFP_KERNEL | __GFP_RECLAIMABLE, GFP_HIGHUSER_MOVABLE };

	run.phase = "large blocks alone";
	for (unsigned int i = 0; i < ARRAY_SIZE(owners); i++)
		while (allocate(owners[i] | __GFP_NOWARN, PAGE_ORDER_MAX, false))
			;
	run.phase = "on the edge";
	for (uint32_t i = 0; i < count; i++) {
		gfp_t gfp = i < 2 ? GFP_ATOMIC : edge[roll(ARRAY_SIZE(edge))];
		unsigned int order = i < 2 ? 1 : roll(NR_PAGE_ORDERS);

		if (i < 2 || chance(70))
			allocate(gfp | __GFP_NOWARN, order, false);
		else
			op_free();
	}
	drain();
}

/* One life from power-on; what is allocated at its end the next one finds. */
static void live(uint32_t count)
{
	mix("mix", count * 4 / 10);
	check_limits();
	unisolate_all();
	grow("growth of user requests", GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
	grow("growth of kernel requests", GFP_KERNEL | __GFP_NOWARN);
	grow("growth of atomic requests", GFP_ATOMIC | __GFP_NOWARN);
	grow("growth of DMA requests", GFP_ATOMIC | GFP_DMA | __GFP_NOWARN);
	mix("mix when full", count / 10);
	drain();
	for (unsigned int i = 0; i < 4; i++)
		live_on_the_edge(count / 80);
	set_handler(true);
	mix("mix beside the handler", count * 2 / 10);
	unisolate_all();
	grow("growth beside the handler", GFP_ATOMIC | __GFP_HIGHMEM | __GFP_NOWARN);
	mix("mix when full beside the handler", count / 20);
	drain();
	mix("mix again", count * 2 / 10);
	grow("last growth", GFP_USER | __GFP_RECLAIMABLE | __GFP_NOWARN);
	unisolate_all();
}

static void test_machine(void **state)
{
	const struct machine *machine = *state;
	uint32_t count = run.operations / (2 * ARRAY_SIZE(machines)), nr_old;

	if (run.failed)
		skip();
	run.machine = machine->name;
	run.finished = false;
	start(machine, "first", harness_random(&run.random));
	live(count);
	nr_old = nr_blocks;
	start(machine, "second", 0);
	free_again(nr_old); /* RAM keeps its contents over a reset */
	live(count);
	drain();
	run.finished = true;
}

/*
 * Of one pageblock, alone between min and low: its lower half is cut for an atomic block, so that
 * it becomes HighAtomic with its upper half on Unmovable's list. A movable request that takes from
 * that half, which is as large as what makes a claim, must leave the pageblock what it is.
 */
static void test_highatomic_is_not_claimed(void **state)
{
	static const struct machine machine = {
		.machine = { .zone_pages = { 0, 4500, 0, 0 } },
		.settings = { .min_free_kbytes = BLOCK_PAGES * 7 / 16 * 4 },
	};
	uint32_t first = 2 * BLOCK_PAGES, lower;

	(void)state;
	if (run.failed)
		skip();
	run.machine = "HighAtomic is not claimed";
	run.finished = false;
	start(&machine, "first", harness_random(&run.random));
	contig(1, first);
	contig(first + BLOCK_PAGES, model.pages);
	lower = nr_blocks;
	allocate(GFP_KERNEL, PAGE_ORDER_MAX - 1, false);
	expect(nr_blocks == lower + 1 && model.pageblock[2] == MIGRATE_UNMOVABLE, "not claimed");
	split_block_at(lower);
	free_index(model.owner[first]);
	finish();
	free_index(model.owner[first + 1]);
	finish();
	op_drain();
	allocate(GFP_ATOMIC, 1, false);
	expect(model.pageblock[2] == MIGRATE_HIGHATOMIC, "no HighAtomic pageblock");
	allocate(GFP_KERNEL | __GFP_MOVABLE, 0, false);
	expect(model.fallbacks[ZONE_NORMAL] == 2 && model.claims[ZONE_NORMAL] == 1, "another way");
	check_everything();
	drain();
	run.finished = true;
}

/* A signal or an assertion of somebody else's gets here, too. */
static int tear_down(void **state)
{
	(void)state;
	double_irq_unmasked = NULL;
	if (!run.finished && !run.failed && run.machine != NULL)
		print_run();
	run.failed |= !run.finished;
	return 0;
}

static uint32_t number_of(const char *argument, const char *variable, uint32_t otherwise)
{
	const char *text = argument != NULL ? argument : getenv(variable);

	return text != NULL ? (uint32_t)strtoul(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_SIZE(machines) + 1];

	run.operations = number_of(argc > 1 ? argv[1] : NULL, "PAGES_MODEL_OPS", 80000);
	run.seed = number_of(argc > 2 ? argv[2] : NULL, "PAGES_MODEL_SEED", 20240607);
	run.trace_from = number_of(NULL, "PAGES_MODEL_TRACE", UINT32_MAX);
	run.random = run.seed != 0 ? run.seed : 1;
	printf("# %s %u %u: operations, seed\n", argv[0], run.operations, run.seed);
	signal(SIGABRT, on_abort);
	tests[ARRAY_SIZE(machines)] = (struct CMUnitTest)cmocka_unit_test_teardown(
		test_highatomic_is_not_claimed, tear_down);
	for (unsigned int i = 0; i < ARRAY_SIZE(machines); i++)
		tests[i] = (struct CMUnitTest){ .name = machines[i].name,
						.test_func = test_machine,
						.teardown_func = tear_down,
						.initial_state = (void *)&machines[i] };
	return cmocka_run_group_tests_name("pages_model", tests, NULL, NULL);
}
