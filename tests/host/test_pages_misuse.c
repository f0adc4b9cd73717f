/* SPDX-License-Identifier: MIT */
/*
 * The page allocator used wrongly, interrupted, and damaged: wrong frees are reported and change
 * nothing, handlers may allocate wherever interrupts are let in, and the walker sees each thing
 * that it says it checks.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/phys/buddy.h"

#define BLOCK (1U << PAGE_ORDER_MAX)
#define BASE  HARNESS_BASE_PFN
#define MOST  (1U << 14)

#define QUIET (GFP_KERNEL | __GFP_NOWARN)

static struct zone *const normal = &zones[ZONE_NORMAL];

static struct page *ask(gfp_t gfp, unsigned int order)
{
	return __alloc_pages(gfp, order);
}

/* Large enough for magazines to be open: 128 times their largest item. */
static void start(void)
{
	harness_start(&(struct harness_machine){ .zone_pages = { 2049, 6000, 2000, 0 },
						 .pieces = { { 3000, 5, PIECE_RESERVED },
							     { 3005, 3, PIECE_HOLE },
							     { 3010, 2, PIECE_NO_MAP } } });
	harness_clear_watermarks();
}

/* --- misuse ----------------------------------------------------------------------------------- */

static struct page_check_result before;

static void watch(void)
{
	harness_check(&before);
	harness_misuses = 0;
}

static void expect_report(enum page_misuse_kind kind, const struct page *page,
			  const struct page *head, unsigned int order)
{
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, kind);
	assert_int_equal(harness_last_misuse.pfn, page_to_pfn(page));
	assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(head));
	assert_int_equal(harness_last_misuse.flags, head->flags);
	assert_int_equal(harness_last_misuse.count, head->count);
	assert_int_equal(harness_last_misuse.order, order);
	assert_int_not_equal(harness_last_misuse.caller, 0);
	harness_misuses = 0;
}

static void expect_nothing_changed(void)
{
	struct page_check_result after;

	harness_check(&after);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* A wrong free, and what is said of it. */
static void expect_wrong_free(struct page *page, unsigned int order, enum page_misuse_kind kind,
			      const struct page *head)
{
	watch();
	__free_pages(page, order);
	expect_report(kind, page, head, order);
	expect_nothing_changed();
}

/* Out of use, and told so, is what was free and is freed again; it is put back for what follows. */
static void expect_quarantine(struct page *page, unsigned int order, const struct page *head)
{
	uint32_t pfn = page_to_pfn(page), spare_pages = harness_spare_pages(ZONE_NORMAL);
	const struct page was = *head;
	struct page_check_result after;

	harness_misuses = 0;
	__free_pages(page, order);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, MISUSE_NOT_ALLOCATED);
	assert_int_equal(harness_last_misuse.pfn, pfn);
	assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(head));
	assert_int_equal(harness_last_misuse.flags, was.flags);
	assert_true(harness_last_misuse.quarantined);
	harness_check(&after);
	assert_int_equal(after.zones[ZONE_NORMAL].quarantined_pages, 1U << order);
	assert_int_equal(harness_spare_pages(ZONE_NORMAL), spare_pages - (1U << order));
	for (uint32_t at = pfn; at < pfn + (1U << order);) {
		struct page *piece = pfn_to_page(at);

		at += 1U << page_order(piece);
		assert_int_equal(page_type(piece), PAGE_QUARANTINED);
		assert_true(page_unquarantine(piece));
		assert_false(page_unquarantine(piece));
	}
	assert_int_equal(harness_misuses, 1);
	harness_misuses = 0;
	harness_check(NULL);
	assert_int_equal(harness_spare_pages(ZONE_NORMAL), spare_pages);
}

/* Two buddies of an order, each somebody's. */
static void ask_for_pair(struct page *pair[2], unsigned int order)
{
	struct page *block = ask(GFP_KERNEL, order + 1);

	for (uint32_t i = 0; i < 2; i++) {
		pair[i] = block + (i << order);
		pair[i]->flags = page_flags(PAGE_ALLOCATED, order, ZONE_NORMAL, MIGRATE_UNMOVABLE);
		pair[i]->count = 1;
	}
}

static void test_freed_twice(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		struct page *page, *head;

		start();
		page = ask(GFP_KERNEL, order);
		__free_pages(page, order);
		if (order <= MAGAZINE_ORDER_MAX)
			assert_int_equal(page_type(page), PAGE_CACHED);
		expect_quarantine(page, order, page_block_head(page_to_pfn(page)));
		/* joined with others meanwhile */
		magazines_drain_all();
		head = page_block_head(page_to_pfn(page));
		assert_int_equal(page_order(head), PAGE_ORDER_MAX);
		expect_quarantine(page, order, head);
		/* and with the other half of a block that begins below it */
		if (order < PAGE_ORDER_MAX) {
			magazines_drain_all();
			expect_quarantine(page + (BLOCK >> 1), order, head);
		}
		assert_non_null(ask(GFP_KERNEL, order));
	}
}

/* The upper of two buddies, freed past a closed magazine: it lies inside the lower one's block. */
static void test_freed_twice_while_closed(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
		struct page *pair[2];

		start();
		magazines_close(ZONE_NORMAL);
		ask_for_pair(pair, order);
		__free_pages(pair[0], order);
		__free_pages(pair[1], order);
		expect_quarantine(pair[1], order, page_block_head(page_to_pfn(pair[1])));
		magazines_reopen(ZONE_NORMAL);
		harness_check(NULL);
	}
}

/* Freed, joined, and given out again to somebody else as a part of something larger. */
static void test_freed_when_it_is_another_block(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < PAGE_ORDER_MAX; order++) {
		struct page *pair[2], *block;

		start();
		ask_for_pair(pair, order);
		__free_pages(pair[1], order);
		__free_pages(pair[0], order);
		magazines_drain_all();
		do {
			block = ask(GFP_KERNEL, order + 1);
			assert_non_null(block);
		} while (block != pair[0]);
		expect_wrong_free(pair[1], order, MISUSE_TAIL, block);
		expect_wrong_free(pair[0], order, MISUSE_WRONG_ORDER, block);
	}
}

static void test_wrong_order(void **state)
{
	static const gfp_t gfps[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_KERNEL | __GFP_COMP };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(gfps); i++)
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			struct page *page;

			start();
			page = ask(gfps[i], order);
			for (unsigned int said = 0; said < 18; said++)
				if (said != order)
					expect_wrong_free(page, said, MISUSE_WRONG_ORDER, page);
			expect_wrong_free(page, UINT32_MAX, MISUSE_WRONG_ORDER, page);
			/* Shifted to where flags have the order, these are a real one. */
			expect_wrong_free(page, 512 + order, MISUSE_WRONG_ORDER, page);
			expect_wrong_free(page, 1U << 31 | order, MISUSE_WRONG_ORDER, page);
			get_page(page);
			expect_wrong_free(page, order + 1, MISUSE_WRONG_ORDER, page);
			assert_int_equal(page_count(page), 2);
			put_page(page);
			__free_pages(page, order);
			assert_int_equal(page_count(page), 0);
			assert_int_equal(harness_misuses, 0);
		}
}

/* Whatever the tail's struct page holds, the look of a block of ours included. */
static void test_tails(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (unsigned int order = 1; order < NR_PAGE_ORDERS; order++) {
		struct page *page;

		start();
		page = ask(GFP_KERNEL, order);
		for (uint32_t i = 1; i < 1U << order; i++) {
			page[i].flags = harness_random(&seed);
			page[i].count = 1;
		}
		for (uint32_t i = 1; i < 1U << order; i += i < 20 ? 1 : i / 3)
			for (unsigned int said = 0; said < NR_PAGE_ORDERS; said++)
				expect_wrong_free(page + i, said, MISUSE_TAIL, page);
		__free_pages(page, order);
		harness_check(NULL);
	}
}

static void test_frames_that_are_nobodys(void **state)
{
	static const uint32_t pfns[] = { BASE,        BASE + 3000, BASE + 3004,  BASE + 3005,
					 BASE + 3007, BASE + 3010, BASE + 3011,  BASE + 10049,
					 0,           BASE - 1,    BASE + 10240, (1U << 20) - 1 };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(pfns); i++) {
		struct page *page = pfn_to_page(pfns[i]), *head = page_block_head(pfns[i]);

		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			watch();
			__free_pages(page, order);
			if (head != NULL) {
				expect_report(MISUSE_NOT_ALLOCATED, page, head, order);
				expect_nothing_changed();
				continue;
			}
			assert_int_equal(harness_last_misuse.pfn, pfns[i]);
			assert_int_equal(harness_last_misuse.head_pfn, pfns[i]);
			assert_int_equal(harness_last_misuse.flags, 0);
			expect_nothing_changed();
		}
		watch();
		get_page(page);
		put_page(page);
		assert_int_equal(harness_misuses, 2);
		expect_nothing_changed();
	}
}

/* Addresses that were never a page's: reported like frames. */
static void test_wrong_addresses(void **state)
{
	uintptr_t address;

	(void)state;
	start();
	address = __get_free_pages(GFP_KERNEL, 2);
	watch();
	free_pages(address + PAGE_SIZE, 0);
	expect_report(MISUSE_TAIL, virt_to_page((void *)(address + PAGE_SIZE)),
		      virt_to_page((void *)address), 0);
	free_pages(address, 1);
	expect_report(MISUSE_WRONG_ORDER, virt_to_page((void *)address),
		      virt_to_page((void *)address), 1);
	expect_nothing_changed();
}

static void test_count_of_nobody(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
		struct page *page;

		start();
		page = ask(GFP_KERNEL, order);
		watch();
		page->count = 0;
		__free_pages(page, order);
		expect_report(MISUSE_NOT_HELD, page, page, order);
		put_page(page);
		expect_report(MISUSE_NOT_HELD, page, page, order);
		get_page(page);
		assert_int_equal(harness_misuses, 1);
		assert_int_equal(harness_last_misuse.kind, MISUSE_NOT_HELD);
		assert_int_equal(page->count, 0);
		page->count = 1;
		expect_nothing_changed();
	}
}

static void test_free_pages_are_not_held(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = ask(GFP_KERNEL, 0);
	__free_page(page);
	watch();
	get_page(page);
	expect_report(MISUSE_NOT_HELD, page, page, 0);
	put_page(page);
	expect_report(MISUSE_NOT_HELD, page, page, 0);
	expect_nothing_changed();
}

static void test_without_a_hook(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = ask(GFP_KERNEL, 0);
	watch();
	page_misuse_hook = NULL;
	__free_pages(page, 1);
	get_page(pfn_to_page(BASE));
	expect_nothing_changed();
	__free_page(page);
	__free_page(page);
	harness_check(NULL);
}

/* --- a free block's head overwritten ---------------------------------------------------------- */

/* The page that comes next is written to: it is told, kept, and another is given. */
static void expect_head_written(unsigned int order, uint32_t rubbish)
{
	struct page *page, *other;
	struct page_check_result after;

	start();
	page = ask(GFP_KERNEL, order);
	__free_pages(page, order);
	harness_check(&before);
	if (page->flags == rubbish)
		return;
	page->flags = rubbish;
	other = ask(GFP_KERNEL, order);
	assert_int_equal(harness_misuses, 1);
	assert_int_equal(harness_last_misuse.kind, MISUSE_HEAD_WRITTEN);
	assert_int_equal(harness_last_misuse.pfn, page_to_pfn(page));
	assert_int_equal(harness_last_misuse.head_pfn, page_to_pfn(page));
	assert_int_equal(harness_last_misuse.flags, rubbish);
	assert_non_null(other);
	assert_ptr_not_equal(other, page);
	harness_check(&after);
	assert_int_equal(page_type(page), PAGE_QUARANTINED);
	assert_int_equal(after.zones[ZONE_NORMAL].quarantined_pages, 1U << order);
	assert_int_equal(after.zones[ZONE_NORMAL].allocated_pages, 1U << order);
	harness_misuses = 0;
	__free_pages(page, order);
	assert_int_equal(harness_last_misuse.kind, MISUSE_NOT_ALLOCATED);
	__free_pages(other, order);
	assert_int_equal(harness_misuses, 1);
	while (ask(QUIET, 0) != NULL)
		;
	assert_int_equal(page_type(page), PAGE_QUARANTINED);
	harness_check(NULL);
}

static void test_head_written(void **state)
{
	uint32_t seed = 17;

	(void)state;
	for (unsigned int order = 0; order <= MAGAZINE_ORDER_MAX; order++) {
		uint32_t flags;

		expect_head_written(order, 0);
		expect_head_written(order, UINT32_MAX);
		flags = page_flags(PAGE_CACHED, order, ZONE_NORMAL, MIGRATE_UNMOVABLE);
		for (unsigned int bit = 0; bit < 32; bit++)
			expect_head_written(order, flags ^ 1U << bit);
		for (unsigned int i = 0; i < 50; i++)
			expect_head_written(order, harness_random(&seed));
	}
}

/* All of a magazine: each is told, and the request is served after all. */
static void test_all_heads_written(void **state)
{
	struct magazine *magazine;
	uint32_t count;

	(void)state;
	start();
	__free_page(ask(GFP_KERNEL, 0));
	magazine = &page_magazines.sets[MIGRATE_UNMOVABLE][ZONE_NORMAL].orders[0];
	count = magazine->count;
	for (uint32_t i = 0; i < count; i++)
		magazine->items[i]->flags ^= 1U << 30;
	assert_non_null(ask(GFP_KERNEL, 0));
	assert_int_equal(harness_misuses, count);
	harness_check(&before);
	assert_int_equal(before.zones[ZONE_NORMAL].quarantined_pages, count);
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* Who has a frame: nobody, the program, or the handler. Taken twice would be seen at once. */
static uint8_t owner[MOST];

static void own(const struct page *page, unsigned int order, uint8_t who)
{
	uint32_t first = page_to_pfn(page) - BASE;

	for (uint32_t i = first; i < first + (1U << order); i++) {
		assert_int_equal(owner[i], 0);
		owner[i] = who;
	}
}

static void disown(const struct page *page, unsigned int order, uint8_t who)
{
	uint32_t first = page_to_pfn(page) - BASE;

	for (uint32_t i = first; i < first + (1U << order); i++) {
		assert_int_equal(owner[i], who);
		owner[i] = 0;
	}
}

static struct page *handlers[40];
static uint32_t handlers_count, handler_runs, handler_seed;

static void handler_frees(void)
{
	uint32_t chosen = harness_random(&handler_seed) % handlers_count;
	struct page *page = handlers[chosen];

	handlers[chosen] = handlers[--handlers_count];
	disown(page, page_order(page), 2);
	__free_pages(page, page_order(page));
}

static void handler_allocates(void)
{
	unsigned int order = harness_random(&handler_seed) % 4 % NR_PAGE_ORDERS;
	gfp_t gfp = harness_random(&handler_seed) % 4 ? GFP_ATOMIC : GFP_ATOMIC | __GFP_HIGHMEM;
	struct page *page = ask(gfp | __GFP_NOWARN, order);

	if (page == NULL)
		return;
	own(page, order, 2);
	handlers[handlers_count++] = page;
}

/* With interrupts masked, as a handler is; so it is not interrupted itself. */
static void handle(void)
{
	assert_int_equal(double_irq_flags, 0);
	double_irq_flags = DOUBLE_IRQ_MASKED;
	for (uint32_t i = harness_random(&handler_seed) % 3; i > 0; i--)
		if (handlers_count == ARRAY_SIZE(handlers) ||
		    (handlers_count > 0 && harness_random(&handler_seed) % 2))
			handler_frees();
		else
			handler_allocates();
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	double_irq_flags = 0;
	handler_runs++;
}

static struct page *mine[MOST];
static uint32_t mine_count;

static void allocate_some(uint32_t *seed)
{
	static const gfp_t gfps[] = { GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE,
				      GFP_KERNEL | __GFP_RECLAIMABLE, GFP_DMA };
	unsigned int order = harness_random(seed) % NR_PAGE_ORDERS;
	gfp_t gfp = gfps[harness_random(seed) % ARRAY_SIZE(gfps)] | __GFP_NOWARN;
	struct page *page = ask(gfp, harness_random(seed) % 2 ? order : 0);

	if (page == NULL)
		return;
	own(page, page_order(page), 1);
	mine[mine_count++] = page;
}

static void free_some(uint32_t *seed)
{
	uint32_t chosen = harness_random(seed) % mine_count;
	struct page *page = mine[chosen];

	mine[chosen] = mine[--mine_count];
	disown(page, page_order(page), 1);
	if (harness_random(seed) % 2)
		put_page(page);
	else
		__free_pages(page, page_order(page));
}

static void split_some(uint32_t *seed)
{
	uint32_t chosen = harness_random(seed) % mine_count;
	struct page *page = mine[chosen];
	unsigned int order = page_order(page);

	if (mine_count + (1U << order) > MOST)
		return;
	split_page(page, order);
	for (uint32_t i = 1; i < 1U << order; i++)
		mine[mine_count++] = page + i;
}

static void take_range(uint32_t *seed)
{
	uint32_t from = harness_random(seed) % 8000, pages = harness_random(seed) % (3 * BLOCK) + 1;
	uint32_t busy = 0;
	int result = alloc_contig_range(BASE + from, BASE + from + pages, &busy);

	if (result == 0)
		for (uint32_t i = from; i < from + pages; i++) {
			own(pfn_to_page(BASE + i), 0, 1);
			disown(pfn_to_page(BASE + i), 0, 1);
		}
	if (result == 0)
		free_contig_range(BASE + from, pages);
}

static void isolate_some(uint32_t *seed)
{
	uint32_t pfn = BASE + harness_random(seed) % 10000;

	if (!isolate_pageblock(pfn))
		return;
	allocate_some(seed);
	assert_true(unisolate_pageblock(pfn, MIGRATE_MOVABLE));
}

static void do_something(uint32_t *seed)
{
	switch (harness_random(seed) % 16) {
	case 0:
		magazines_drain_all();
		break;
	case 1:
		take_range(seed);
		break;
	case 2:
		isolate_some(seed);
		break;
	case 3:
		if (mine_count > 0)
			split_some(seed);
		break;
	case 4 ... 9:
		if (mine_count < MOST)
			allocate_some(seed);
		break;
	default:
		if (mine_count > 0)
			free_some(seed);
	}
}

static void give_everything_back(void)
{
	uint32_t seed = 1;

	while (mine_count > 0)
		free_some(&seed);
	double_irq_unmasked = NULL;
	while (handlers_count > 0)
		handler_frees();
	magazines_drain_all();
	harness_check(NULL);
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		assert_int_equal(harness_spare_pages(zone), zones[zone].managed_pages);
	assert_int_equal(harness_misuses, 0);
}

static void test_interrupted(void **state)
{
	(void)state;
	for (uint32_t round = 1; round <= 6; round++) {
		uint32_t seed = round * 7907;

		start();
		memset(owner, 0, sizeof(owner));
		handler_seed = round * 104729;
		handler_runs = 0;
		double_irq_unmasked = handle;
		for (uint32_t i = 0; i < 3000; i++) {
			do_something(&seed);
			if (i % 100 == 0)
				harness_check(NULL);
		}
		assert_true(handler_runs > 3000);
		give_everything_back();
	}
}

/* All calls work with interrupts masked, and leave them masked. */
static void test_masked(void **state)
{
	uint32_t seed = 31337;

	(void)state;
	start();
	memset(owner, 0, sizeof(owner));
	double_irq_flags = DOUBLE_IRQ_MASKED;
	for (uint32_t i = 0; i < 3000; i++) {
		do_something(&seed);
		assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	}
	double_irq_flags = 0;
	give_everything_back();
}

/* --- the walker ------------------------------------------------------------------------------- */

static void expect_broken(const char *sentence)
{
	struct page_check_result result;

	assert_false(page_check(&result));
	assert_string_equal(result.broken, sentence);
}

/* A word is changed, the walker says so, and the word is put back. */
static void expect_damage_seen(uint32_t *word, uint32_t value, const char *sentence)
{
	uint32_t good = *word;

	assert_int_not_equal(good, value);
	*word = value;
	expect_broken(sentence);
	*word = good;
	harness_check(NULL);
}

static struct page *whole_free_block(void)
{
	assert_int_not_equal(normal->lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX].anchor.count, 0);
	return free_list_first(&normal->lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX]);
}

static void test_walker_sees_heads(void **state)
{
	struct page *page, *free_page;

	(void)state;
	start();
	page = ask(GFP_KERNEL, 1);
	free_page = whole_free_block();
	expect_damage_seen(&page->flags, page->flags ^ 1U << PAGE_BOOT_SHIFT,
			   "a head is of another boot: there is a gap");
	expect_damage_seen(&page->flags, page->flags ^ 1U << (PAGE_BOOT_SHIFT + 7),
			   "a head is of another boot: there is a gap");
	expect_damage_seen(&page->flags, page->flags | PAGE_ORDER_MASK << PAGE_ORDER_SHIFT,
			   "a block is not aligned to its size");
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_NONE,
			   "a block's last page does not lead to its head");
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_TYPES,
			   "a block of RAM has no type");
	expect_damage_seen(&page->flags, page->flags ^ ZONE_HIGHMEM << PAGE_ZONE_SHIFT,
			   "a block leaves its zone");
	expect_damage_seen(&page->count, 0, "an allocated block is held by nobody");
	expect_damage_seen(&page->count, 0x10000, "an allocated block is held by nobody");
	expect_damage_seen(&free_page->flags,
			   free_page->flags | PAGE_MIGRATE_MASK << PAGE_MIGRATE_SHIFT,
			   "a free block has no migrate type");
	/* odd pfn, order 1 */
	do {
		page = ask(GFP_KERNEL, 0);
		assert_non_null(page);
	} while (page_to_pfn(page) % 2 == 0);
	expect_damage_seen(&page->flags, page->flags + (1U << PAGE_ORDER_SHIFT),
			   "a block is not aligned to its size");
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_NONE,
			   "a block of RAM has no type");
}

/* A frame of RAM that says it is none, and the other way round: the sums do not come out. */
static void test_walker_sees_sums(void **state)
{
	struct page *page, *reserved = pfn_to_page(BASE), *free_page;
	const char *managed = "free + per-CPU + allocated is not what is managed";
	const char *present = "free + per-CPU + allocated + reserved is not what is present";

	(void)state;
	start();
	page = ask(GFP_KERNEL, 0);
	free_page = whole_free_block();
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_HOLE, managed);
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_RESERVED, managed);
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_CACHED,
			   "a per-CPU block is in no magazine");
	expect_damage_seen(&page->flags, (page->flags & ~PAGE_TYPE_MASK) | PAGE_FREE,
			   "a free block is on no list");
	expect_damage_seen(&reserved->flags, (reserved->flags & ~PAGE_TYPE_MASK) | PAGE_HOLE,
			   present);
	expect_damage_seen(&reserved->flags, (reserved->flags & ~PAGE_TYPE_MASK) | PAGE_QUARANTINED,
			   managed);
	expect_damage_seen(&normal->managed_pages, normal->managed_pages + 1, managed);
	expect_damage_seen(&normal->span.present_pages, normal->span.present_pages - 1, present);
	expect_damage_seen((uint32_t *)&normal->free_pages, (uint32_t)normal->free_pages + 1,
			   "free_pages is wrong");
	for (unsigned int i = 0; i < ARRAY_SIZE(normal->set_aside_pages); i++)
		expect_damage_seen((uint32_t *)&normal->set_aside_pages[i], 1,
				   "set_aside_pages is wrong");
	expect_damage_seen(&free_page->flags, (free_page->flags & ~PAGE_TYPE_MASK) | PAGE_ALLOCATED,
			   free_page->count & PAGE_COUNT_REFS_MASK
				   ? "a list holds a block that is not its own"
				   : "an allocated block is held by nobody");
}

static void test_walker_sees_lists(void **state)
{
	struct page *anchor = &normal->lists[MIGRATE_MOVABLE][PAGE_ORDER_MAX].anchor;
	struct page *first, *second;
	const char *foreign = "a list holds a block that is not its own";
	const char *length = "a list is not as long as it counts";
	const char *back = "a list is not linked back";

	(void)state;
	start();
	first = whole_free_block();
	second = linked_page(first->link[LINK_NEXT]);
	assert_int_not_equal(page_link(anchor), second->link[LINK_NEXT]);
	expect_damage_seen(&anchor->count, anchor->count + 1, length);
	expect_damage_seen(&anchor->count, anchor->count - 1, length);
	expect_damage_seen(&anchor->link[LINK_NEXT], page_link(anchor), length);
	expect_damage_seen(&anchor->link[LINK_NEXT], page_link(second), back);
	expect_damage_seen(&anchor->link[LINK_NEXT], page_link(pfn_to_page(BASE)), foreign);
	expect_damage_seen(&anchor->link[LINK_NEXT], 0, foreign);
	expect_damage_seen(&anchor->link[LINK_NEXT], UINT32_MAX, foreign);
	expect_damage_seen(&anchor->link[LINK_NEXT], page_link(first) + 4, foreign);
	expect_damage_seen(&anchor->link[LINK_PREVIOUS], page_link(first), length);
	expect_damage_seen(&first->link[LINK_NEXT], page_link(anchor), length);
	expect_damage_seen(&first->link[LINK_NEXT], page_link(first), back);
	expect_damage_seen(&first->link[LINK_NEXT], second->link[LINK_NEXT], back);
	expect_damage_seen(&second->link[LINK_PREVIOUS], page_link(anchor), back);
	expect_damage_seen(&first->link[LINK_PREVIOUS], page_link(second), back);
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		expect_damage_seen(&normal->orders[MIGRATE_MOVABLE],
				   normal->orders[MIGRATE_MOVABLE] ^ 1U << order,
				   "a list's bit is wrong");
	expect_damage_seen(&normal->orders[MIGRATE_ISOLATE], 1, "a list's bit is wrong");
	expect_damage_seen(&first->flags, first->flags ^ 1U << PAGE_MIGRATE_SHIFT, foreign);
}

/* A list of which a block was lost while all its own counts are right. */
static void test_walker_sees_lost_blocks(void **state)
{
	struct page *page;

	(void)state;
	start();
	page = whole_free_block();
	buddy_take_block(normal, page);
	expect_broken("a free block is on no list");
	buddy_give(normal, page, page_free_flags(page));
	harness_check(NULL);
}

static void test_walker_sees_unmerged_buddies(void **state)
{
	(void)state;
	for (unsigned int order = 0; order < PAGE_ORDER_MAX; order++) {
		struct page *page;

		start();
		page = whole_free_block();
		buddy_take_block(normal, page);
		buddy_give_row(normal, page, BLOCK >> order, order, MIGRATE_MOVABLE);
		expect_broken("two free buddies are not joined");
		for (uint32_t i = 0; i < BLOCK; i += 1U << order)
			buddy_take_block(normal, page + i);
		buddy_give(normal, page, page_flags(PAGE_FREE, PAGE_ORDER_MAX, ZONE_NORMAL, 0));
		harness_check(NULL);
	}
}

static void test_walker_sees_magazines(void **state)
{
	struct magazine *magazine;
	struct page *good, *stranger;

	(void)state;
	start();
	stranger = ask(GFP_KERNEL, 0);
	good = ask(GFP_KERNEL, 0);
	__free_page(ask(GFP_KERNEL, 0));
	__free_page(good);
	magazine = &page_magazines.sets[MIGRATE_UNMOVABLE][ZONE_NORMAL].orders[0];
	assert_true(magazine->count >= 2);
	harness_check(NULL);
	expect_damage_seen(&magazine->count, MAGAZINE_ITEMS + 1, "a magazine is overfull");
	expect_damage_seen(&magazine->limit, MAGAZINE_ITEMS + 1, "a magazine is overfull");
	expect_damage_seen(&magazine->count, magazine->count - 1,
			   "a per-CPU block is in no magazine");
	good = magazine->items[0];
	magazine->items[0] = stranger;
	expect_broken("a magazine holds a block that is not its own");
	magazine->items[0] = magazine->items[1];
	expect_broken("a magazine holds a block twice");
	magazine->items[0] = good;
	harness_check(NULL);
	expect_damage_seen(&good->flags, good->flags ^ 1U << PAGE_MIGRATE_SHIFT,
			   "a magazine holds a block that is not its own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freed_twice),
		cmocka_unit_test(test_freed_twice_while_closed),
		cmocka_unit_test(test_freed_when_it_is_another_block),
		cmocka_unit_test(test_wrong_order),
		cmocka_unit_test(test_tails),
		cmocka_unit_test(test_frames_that_are_nobodys),
		cmocka_unit_test(test_wrong_addresses),
		cmocka_unit_test(test_count_of_nobody),
		cmocka_unit_test(test_free_pages_are_not_held),
		cmocka_unit_test(test_without_a_hook),
		cmocka_unit_test(test_head_written),
		cmocka_unit_test(test_all_heads_written),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_walker_sees_heads),
		cmocka_unit_test(test_walker_sees_sums),
		cmocka_unit_test(test_walker_sees_lists),
		cmocka_unit_test(test_walker_sees_lost_blocks),
		cmocka_unit_test(test_walker_sees_unmerged_buddies),
		cmocka_unit_test(test_walker_sees_magazines),
	};

	return cmocka_run_group_tests_name("pages: misuse", tests, NULL, NULL);
}
