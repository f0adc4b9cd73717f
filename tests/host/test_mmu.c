/* SPDX-License-Identifier: MIT */
/*
 * arch/arm/mmu.c, the real file, against a model of what a Cortex-A7 may do with its tables.
 *
 * QEMU forgets translations more often than hardware and needs no barrier, so the duties are checked
 * here. The model knows of each entry written (the double of cp15.h tells it), walks the tables at
 * any time for any address, keeps what it found for ever, a large page or a section whole or in
 * pieces, and the way to a table as well. It objects when
 * - a live entry is replaced by another without being emptied and the TLBs told in between, for each
 *   4 KiB that a core may have kept by itself,
 * - TLB maintenance is issued before a barrier made the emptied entry visible, or while another entry
 *   of the same large page still gives it away,
 * - a large page's entries and others are mixed in one block,
 * - what is not being removed is missing while interrupts are let in,
 * - a table is given back that a walk may still reach, or written where it is not mapped,
 * - an operation returns with a translation in the TLB that the tables no longer have, or without
 *   the barriers that make what it wrote usable.
 *
 * Beside it stands the naive truth, page by page, with the size of the mapping that each page should
 * be in; every entry is compared with it.
 *
 * Addresses must fit 32 bits, so the program is linked at a fixed low address.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arm/cp15.h"
#include "arch/arm/descriptor.h"
#include "arch/arm/tables.h"
#include "arch/cache.h"
#include "arch/irqflags.h"
#include "arch/linear.h"
#include "arch/mmu.h"

#define IMAGE_VIRT (CONFIG_PAGE_OFFSET + SZ_2M)
#define BASE       (IMAGE_VIRT - SECTION_SIZE) /* of the window that most tests play in */
#define LOW_BASE   0x60000000U                 /* of one that host memory can be put in */
#define MEGABYTES  6U
#define PAGES      (MEGABYTES * 256U)
#define BLOCK      16U /* pages in a large page */
#define POOL_MAX   32U

struct kernel_tables kernel_tables __attribute__((aligned(16384)));
uint32_t model_par;

/* --- the naive truth: page by page ----------------------------------------------------------- */

struct truth {
	bool mapped;
	bool cleared; /* by mmu_clear, and mmu_flush did not come yet */
	uint32_t phys;
	uint32_t bytes; /* of the mapping that it is in */
	enum memory_kind kind;
	enum memory_rights rights; /* effective: device memory never executes */
};

static struct truth truths[PAGES];
static uint32_t base;                        /* of the window */
static uint32_t removed_page, removed_count; /* what the operation under way takes away */

/* --- objections ------------------------------------------------------------------------------ */

static bool objections_wanted;
static unsigned int objections;

#define OBJECT(...)                            \
	do {                                   \
		if (!objections_wanted)        \
			fail_msg(__VA_ARGS__); \
		objections++;                  \
	} while (0)

/* --- tables and their owner ------------------------------------------------------------------ */

typedef uint32_t second_level[L2_ENTRIES];

static second_level static_pool[POOL_MAX] __attribute__((aligned(1024)));
static second_level *pool = static_pool;
static bool in_use[POOL_MAX];
static unsigned int pool_limit;
static bool pool_is_owned;
static int pool_fails_after = -1; /* -1: never */

static uint32_t table_address(unsigned int slot)
{
	return (uint32_t)(uintptr_t)pool[slot];
}

static phys_addr_t supply(void)
{
	unsigned int slot = 0;

	if (pool_fails_after == 0)
		return 0;
	if (pool_fails_after > 0)
		pool_fails_after--;
	while (slot < pool_limit && in_use[slot])
		slot++;
	if (slot == pool_limit)
		return 0;
	in_use[slot] = true;
	memset(pool[slot], 0xa5, L2_BYTES); /* old contents do not matter */
	return table_address(slot);
}

static unsigned int tables_in_use(void)
{
	unsigned int count = 0;

	for (unsigned int slot = 0; slot < POOL_MAX; slot++)
		count += in_use[slot];
	return count;
}

static bool owns(phys_addr_t table)
{
	return pool_is_owned && table - table_address(0) < POOL_MAX * L2_BYTES;
}

/* --- the model of the core ------------------------------------------------------------------- */

/* What is still due for an entry that was emptied, in this order. */
enum due { DUE_NOTHING, DUE_BARRIER, DUE_MAINTENANCE, DUE_WAIT };

static uint32_t seen_first[MEGABYTES], seen_page[PAGES];
static enum due page_due[PAGES];      /* for translations of the page */
static enum due table_due[MEGABYTES]; /* for the way to the megabyte's table */
static uint32_t
	walk_cache[MEGABYTES]; /* tables that walks go to without the first level; 0: none */
static bool unsynchronized;    /* something was done since the last dsb, isb */
static bool dsb_done;
static bool predictor_due;    /* something that executes was emptied */
static bool table_incomplete; /* a table was written that is not yet used, and no dsb came since */
static bool irq_masked;

static struct {
	uint32_t start; /* page, and how many follow; 0: nothing is kept for this page */
	uint32_t pages;
	uint32_t descriptor;
} tlb[PAGES];

static uint32_t model_random_state = 1;

static uint32_t model_random(uint32_t below)
{
	model_random_state = model_random_state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(model_random_state >> 4) * below) >> 28);
}

static bool is_table(uint32_t first)
{
	return (first & DESCRIPTOR_KIND) == L1_TABLE;
}

static bool is_large(uint32_t entry)
{
	return (entry & DESCRIPTOR_KIND) == L2_LARGE;
}

static uint32_t first_of(uint32_t megabyte)
{
	return kernel_tables.first[(base >> SECTION_SHIFT) + megabyte];
}

static uint32_t entry_of(uint32_t table, uint32_t page)
{
	return ((const uint32_t *)(uintptr_t)table)[page % 256];
}

/* What the tables say: the descriptor or 0, and the pages of its mapping. */
static uint32_t walk(uint32_t page, uint32_t *pages)
{
	uint32_t first = first_of(page / 256), entry;

	*pages = 256;
	if (!is_table(first))
		return first;
	entry = entry_of(first & TABLE_BASE, page);
	*pages = is_large(entry) ? BLOCK : 1;
	return entry;
}

/* What a walk of the core finds, by way of its walk cache. */
static uint32_t core_walk(uint32_t page, uint32_t *pages)
{
	uint32_t *table = &walk_cache[page / 256], entry;

	if (*table == 0 && !is_table(first_of(page / 256)))
		return walk(page, pages);
	if (*table == 0)
		*table = first_of(page / 256) & TABLE_BASE;
	entry = entry_of(*table, page);
	*pages = is_large(entry) ? BLOCK : 1;
	return entry;
}

/* An access: what the TLB has, or a walk, kept for ever; whole or a piece, as the core likes. */
static uint32_t touch(uint32_t page)
{
	static const uint32_t sizes[] = { 1, BLOCK, 256 };
	uint32_t pages, piece, descriptor;

	if (tlb[page].pages != 0)
		return tlb[page].descriptor;
	descriptor = core_walk(page, &pages);
	if ((descriptor & DESCRIPTOR_KIND) == 0)
		return 0;
	do
		piece = sizes[model_random(3)];
	while (piece > pages);
	for (uint32_t i = ALIGN_DOWN(page, piece); i < ALIGN_DOWN(page, piece) + piece; i++)
		if (tlb[i].pages == 0) {
			tlb[i].start = ALIGN_DOWN(page, piece);
			tlb[i].pages = piece;
			tlb[i].descriptor = descriptor;
		}
	return descriptor;
}

/* Walks nobody asked for, at any time. */
static void speculate(void)
{
	for (unsigned int i = 0; i < 4; i++)
		touch(model_random(PAGES));
}

static void forget(uint32_t page)
{
	uint32_t start = tlb[page].start, pages = tlb[page].pages;

	for (uint32_t i = start; i < start + pages; i++)
		if (tlb[i].start == start && tlb[i].pages == pages)
			tlb[i].pages = 0;
	walk_cache[page / 256] = 0;
}

/* --- the model: entries ---------------------------------------------------------------------- */

static void taken_away(uint32_t page, uint32_t descriptor)
{
	static const uint32_t never[] = { [L2_LARGE] = LARGE_XN, [L2_PAGE] = PAGE_XN };
	bool section = seen_page[page] == 0;
	uint32_t kind = (descriptor & 2) != 0 ? L2_PAGE : L2_LARGE;

	page_due[page] = DUE_BARRIER;
	if ((descriptor & (section ? SECTION_XN : never[kind])) == 0)
		predictor_due = true;
	if (!irq_masked && page - removed_page >= removed_count)
		OBJECT("page %u is taken away with interrupts let in", page);
}

static void first_emptied(uint32_t megabyte, uint32_t old)
{
	for (uint32_t page = megabyte * 256; page < (megabyte + 1) * 256; page++) {
		if (!is_table(old) || seen_page[page] != 0)
			taken_away(page, is_table(old) ? seen_page[page] : old);
		seen_page[page] = 0;
	}
	if (is_table(old))
		table_due[megabyte] = DUE_BARRIER;
}

static void first_written(uint32_t megabyte, uint32_t value)
{
	uint32_t old = seen_first[megabyte];

	if (old != 0 && value != 0 && value != old)
		OBJECT("live first level of megabyte %u replaced", megabyte);
	if (value != 0 && table_due[megabyte] != DUE_NOTHING)
		OBJECT("megabyte %u is used before walks forgot its old table", megabyte);
	if (is_table(value) && table_incomplete)
		OBJECT("the table of megabyte %u is used before a barrier", megabyte);
	if (value == 0 && old != 0)
		first_emptied(megabyte, old);
	for (uint32_t page = megabyte * 256; value != 0 && page < (megabyte + 1) * 256; page++) {
		uint32_t entry = is_table(value) ? entry_of(value & TABLE_BASE, page) : value;

		if (entry != 0 && page_due[page] != DUE_NOTHING)
			OBJECT("page %u is mapped before the TLBs know", page);
		seen_page[page] = is_table(value) ? entry : 0;
	}
	seen_first[megabyte] = value;
}

static bool block_has_other_large(uint32_t page, uint32_t value)
{
	for (uint32_t i = ALIGN_DOWN(page, BLOCK); i < ALIGN_DOWN(page, BLOCK) + BLOCK; i++)
		if (seen_page[i] != 0 && seen_page[i] != value &&
		    (is_large(seen_page[i]) || is_large(value)))
			return true;
	return false;
}

static void page_written(uint32_t page, uint32_t value)
{
	uint32_t old = seen_page[page];

	if (old != 0 && value != 0 && value != old)
		OBJECT("live entry of page %u replaced: %#x by %#x", page, old, value);
	if (value != 0 && page_due[page] != DUE_NOTHING)
		OBJECT("page %u is mapped before the TLBs know", page);
	if (value != 0 && block_has_other_large(page, value))
		OBJECT("page %u is mapped beside another large page", page);
	if (value == 0 && old != 0)
		taken_away(page, old);
	seen_page[page] = value;
}

static void expect_mapped_table(uint32_t entry_address)
{
	uint32_t pages;

	if (entry_address - base < PAGES * PAGE_SIZE &&
	    walk((entry_address - base) >> PAGE_SHIFT, &pages) == 0)
		OBJECT("a table is written where it is not mapped");
}

static void something_changed(void)
{
	unsynchronized = true;
	dsb_done = false;
}

/* A table that no walk can reach yet may be written as one likes. */
void model_entry_written(uint32_t entry_address)
{
	uint32_t value = *(uint32_t *)(uintptr_t)entry_address;
	uint32_t first = (entry_address - (uint32_t)(uintptr_t)kernel_tables.first) / 4;
	bool reachable = first < L1_ENTRIES;

	expect_mapped_table(entry_address);
	if (reachable) {
		assert_true(first - (base >> SECTION_SHIFT) < MEGABYTES);
		if (seen_first[first - (base >> SECTION_SHIFT)] != value)
			something_changed();
		first_written(first - (base >> SECTION_SHIFT), value);
	}
	for (uint32_t i = 0; i < MEGABYTES; i++)
		if (seen_first[i] == ((entry_address & TABLE_BASE) | L1_TABLE)) {
			uint32_t page = i * 256 + entry_address % L2_BYTES / 4;

			reachable = true;
			if (seen_page[page] != value)
				something_changed();
			page_written(page, value);
		}
	table_incomplete |= !reachable;
	speculate();
}

/* --- the model: barriers and maintenance ----------------------------------------------------- */

static void told(enum due *due, const char *what, uint32_t number)
{
	if (*due == DUE_BARRIER)
		OBJECT("TLB maintenance of %s %u before the barrier", what, number);
	if (*due == DUE_MAINTENANCE)
		*due = DUE_WAIT;
}

static void invalidate(uint32_t page)
{
	if (page_due[page] == DUE_MAINTENANCE && block_has_other_large(page, 0))
		OBJECT("page %u is still given away by its large page", page);
	told(&page_due[page], "page", page);
	told(&table_due[page / 256], "megabyte", page / 256);
	forget(page);
}

void model_tlb_invalidate(uint32_t virt)
{
	assert_true(virt - base < PAGES * PAGE_SIZE);
	something_changed();
	invalidate((virt - base) >> PAGE_SHIFT);
	speculate();
}

void model_tlb_invalidate_all(void)
{
	something_changed();
	for (uint32_t page = 0; page < PAGES; page++)
		invalidate(page);
	speculate();
}

void model_predictor_invalidate(void)
{
	predictor_due = false;
	something_changed();
}

static void barrier_for(enum due *due)
{
	if (*due == DUE_BARRIER)
		*due = DUE_MAINTENANCE;
	else if (*due == DUE_WAIT)
		*due = DUE_NOTHING;
}

void model_dsb(void)
{
	speculate();
	dsb_done = true;
	table_incomplete = false;
	for (uint32_t page = 0; page < PAGES; page++)
		barrier_for(&page_due[page]);
	for (uint32_t megabyte = 0; megabyte < MEGABYTES; megabyte++)
		barrier_for(&table_due[megabyte]);
}

void model_isb(void)
{
	if (dsb_done)
		unsynchronized = false;
}

uint32_t model_irq_save(void)
{
	bool was = irq_masked;

	irq_masked = true;
	return was;
}

/* A handler may use all that was there before, unless it is what is being removed. */
void model_irq_restore(uint32_t flags)
{
	uint32_t pages;

	irq_masked = flags != 0;
	if (irq_masked)
		return;
	if (unsynchronized)
		OBJECT("interrupts are let in before the barriers");
	for (uint32_t page = 0; page < PAGES; page++)
		if (truths[page].mapped && page - removed_page >= removed_count) {
			if (walk(page, &pages) == 0)
				OBJECT("page %u is missing while interrupts are let in", page);
			touch(page);
		}
}

uint32_t model_translate(uint32_t virt, bool write)
{
	uint32_t pages, descriptor = walk((virt - base) >> PAGE_SHIFT, &pages);
	uint32_t read_only = pages == 256 ? SECTION_AP_RO : PAGE_AP_RO;

	if (descriptor == 0 || (write && (descriptor & read_only) != 0))
		return 1;
	return (descriptor & ~(pages * PAGE_SIZE - 1)) |
	       (virt & (pages * PAGE_SIZE - 1) & PAGE_MASK);
}

static void give(phys_addr_t table)
{
	uint32_t slot = (uint32_t)(table - table_address(0)) / L2_BYTES;

	assert_true(owns(table) && in_use[slot]);
	for (uint32_t i = 0; i < MEGABYTES; i++)
		if (first_of(i) == ((uint32_t)table | L1_TABLE) || walk_cache[i] == table)
			OBJECT("a table is given back that walks of megabyte %u may reach", i);
	in_use[slot] = false;
	memset(pool[slot], 0x5a, L2_BYTES);
}

/* --- what must hold after each operation ----------------------------------------------------- */

static bool anything_cleared(void)
{
	for (uint32_t page = 0; page < PAGES; page++)
		if (truths[page].cleared)
			return true;
	return false;
}

/* Nothing stale, nothing half done, but for what was cleared and not yet flushed. */
static void expect_clean(void)
{
	uint32_t pages;

	assert_false(irq_masked);
	assert_true(anything_cleared() || (!unsynchronized && !predictor_due));
	for (uint32_t page = 0; page < PAGES; page++) {
		if (truths[page].cleared)
			continue;
		assert_int_equal(page_due[page], DUE_NOTHING);
		if (tlb[page].pages != 0 && walk(page, &pages) != tlb[page].descriptor)
			fail_msg("stale translation of page %u", page);
	}
	for (uint32_t i = 0; i < MEGABYTES; i++) {
		assert_int_equal(table_due[i], DUE_NOTHING);
		if (walk_cache[i] != 0)
			assert_int_equal(walk_cache[i] | L1_TABLE, first_of(i));
	}
}

/* A descriptor by the manual's own drawings (B3.5.1), not by the headers' constants. */
static uint32_t expected_descriptor(const struct truth *truth)
{
	static const uint32_t tex[] = { 1, 1, 0 }, c[] = { 1, 0, 0 }, b[] = { 1, 0, 1 };
	uint32_t kind = truth->kind, xn = truth->rights != RIGHTS_EXECUTE;
	uint32_t read_only = truth->rights != RIGHTS_WRITE;
	uint32_t common = b[kind] << 2 | c[kind] << 3 | (truth->phys & ~(truth->bytes - 1));

	switch (truth->mapped ? truth->bytes : 0) {
	case SZ_1M:
		return common | 2 | xn << 4 | 1 << 10 | tex[kind] << 12 | read_only << 15 | 1 << 16;
	case 0x10000:
		return common | 1 | 1 << 4 | read_only << 9 | 1 << 10 | tex[kind] << 12 | xn << 15;
	case SZ_4K:
		return common | 2 | xn | 1 << 4 | tex[kind] << 6 | read_only << 9 | 1 << 10;
	}
	return 0;
}

static void expect_page(uint32_t page)
{
	const struct truth *truth = &truths[page];
	uint32_t virt = base + page * PAGE_SIZE, pages;
	struct mapping mapping;
	phys_addr_t phys;

	assert_int_equal(walk(page, &pages), expected_descriptor(truth));
	assert_int_equal(mmu_query(virt, &mapping), truth->mapped);
	assert_int_equal(mmu_translate(virt, false, &phys), truth->mapped);
	if (!truth->cleared)
		assert_int_equal(touch(page) != 0, truth->mapped);
	if (!truth->mapped)
		return;
	assert_int_equal(pages * PAGE_SIZE, truth->bytes);
	assert_int_equal(phys, truth->phys);
	assert_int_equal(mapping.bytes, truth->bytes);
	assert_int_equal(mapping.virt, ALIGN_DOWN(virt, truth->bytes));
	assert_int_equal(mapping.phys, ALIGN_DOWN(truth->phys, truth->bytes));
	assert_int_equal(mapping.kind, truth->kind);
	assert_int_equal(mapping.rights, truth->rights);
	assert_int_equal(mmu_translate(virt, true, &phys), truth->rights == RIGHTS_WRITE);
}

/* Walking from mapping to mapping visits what the truth has, and nothing else. */
static void expect_walk(void)
{
	uintptr_t at = base;
	uint32_t mapped = 0, walked = 0;
	struct mapping mapping;

	for (uint32_t page = 0; page < PAGES; page++)
		mapped += truths[page].mapped;
	while (at < base + PAGES * PAGE_SIZE && mmu_query_from(at, &mapping)) {
		uint32_t page = (uint32_t)((mapping.virt - base) >> PAGE_SHIFT);

		assert_true(mapping.virt >= at && page < PAGES && truths[page].mapped);
		walked += (uint32_t)(mapping.bytes >> PAGE_SHIFT);
		at = mapping.virt + mapping.bytes;
	}
	assert_int_equal(walked, mapped);
}

/* There is a table exactly where the truth needs one, and every other is back. */
static void expect_tables(void)
{
	unsigned int tables = 0;

	for (uint32_t i = 0; i < MEGABYTES; i++) {
		const struct truth *truth = &truths[i * 256];
		bool needed = false, cleared = false;

		for (uint32_t page = 0; page < 256; page++) {
			needed |= truth[page].mapped && truth[page].bytes != SECTION_SIZE;
			cleared |= truth[page].cleared;
		}
		if (pool_is_owned && !cleared)
			assert_int_equal(is_table(first_of(i)), needed);
		tables += is_table(first_of(i));
	}
	assert_int_equal(tables_in_use(), tables);
}

static void expect_all(void)
{
	expect_clean();
	for (uint32_t page = 0; page < PAGES; page++)
		expect_page(page);
	expect_walk();
	expect_tables();
	expect_clean();
}

/* --- operations, done to both ---------------------------------------------------------------- */

static uintptr_t address_of(uint32_t page)
{
	return base + page * PAGE_SIZE;
}

static bool any_in_use(uint32_t page, uint32_t count)
{
	for (uint32_t i = page; i < page + count; i++)
		if (truths[i].mapped || truths[i].cleared)
			return true;
	return false;
}

static enum memory_rights effective(enum memory_kind kind, enum memory_rights rights)
{
	return kind == MEMORY_DEVICE && rights == RIGHTS_EXECUTE ? RIGHTS_READ : rights;
}

/* The largest mapping that begins at a page. */
static uint32_t best_pages(uint32_t page, uint32_t left, uint32_t phys, const bool *had_table)
{
	if (page % 256 == 0 && phys % SECTION_SIZE == 0 && left >= 256 && !had_table[page / 256])
		return 256;
	return page % BLOCK == 0 && phys % LARGE_PAGE_SIZE == 0 && left >= BLOCK ? BLOCK : 1;
}

static bool map_pages(uint32_t page, uint32_t count, uint32_t phys, enum memory_kind kind,
		      enum memory_rights rights)
{
	bool had_table[MEGABYTES];
	uint32_t pages;

	for (uint32_t i = 0; i < MEGABYTES; i++)
		had_table[i] = is_table(first_of(i));
	removed_count = 0;
	if (!mmu_map(address_of(page), phys, (size_t)count * PAGE_SIZE, kind, rights, supply))
		return false;
	for (uint32_t end = page + count; page < end; page += pages) {
		pages = best_pages(page, end - page, phys, had_table);
		for (uint32_t i = 0; i < pages; i++, phys += PAGE_SIZE)
			truths[page + i] = (struct truth){ true, false,
							   phys, pages * PAGE_SIZE,
							   kind, effective(kind, rights) };
	}
	return true;
}

static bool repeat_page(uint32_t page, uint32_t count, uint32_t phys)
{
	removed_count = 0;
	if (!mmu_map_repeated(address_of(page), phys, (size_t)count * PAGE_SIZE, MEMORY_NORMAL,
			      RIGHTS_READ, supply))
		return false;
	for (uint32_t i = 0; i < count; i++)
		truths[page + i] =
			(struct truth){ true, false, phys, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_READ };
	return true;
}

/* What is larger than `pages` in the aligned unit of `unit` pages around a boundary. */
static void break_truth(uint32_t page, uint32_t unit, uint32_t pages)
{
	uint32_t start = ALIGN_DOWN(page, unit);

	if (page % unit == 0 || page == PAGES || truths[page].bytes != unit * PAGE_SIZE)
		return;
	for (uint32_t i = start; i < start + unit; i++)
		truths[i].bytes = pages * PAGE_SIZE;
}

static bool unmap_pages(uint32_t page, uint32_t count)
{
	removed_page = page;
	removed_count = count;
	if (!mmu_unmap(address_of(page), (size_t)count * PAGE_SIZE, supply))
		return false;
	for (uint32_t end = 0; end < 2; end++) {
		break_truth(page + end * count, 256, BLOCK);
		break_truth(page + end * count, BLOCK, 1);
	}
	/* Where nothing was mapped the TLBs need not have been told: what was cleared stays so. */
	for (uint32_t i = page; i < page + count; i++)
		truths[i] = (struct truth){ .cleared = truths[i].cleared };
	return true;
}

static bool truth_is_uniform(uint32_t start, uint32_t pages)
{
	const struct truth *first = &truths[start];

	if (!first->mapped || first->phys % (pages * PAGE_SIZE) != 0)
		return false;
	for (uint32_t i = 1; i < pages; i++)
		if (!first[i].mapped || first[i].kind != first->kind ||
		    first[i].rights != first->rights ||
		    first[i].phys != first->phys + i * PAGE_SIZE)
			return false;
	return true;
}

static void set_truth_bytes(uint32_t start, uint32_t pages, uint32_t bytes)
{
	for (uint32_t i = start; i < start + pages; i++)
		truths[i].bytes = bytes;
}

static bool protect_pages(uint32_t page, uint32_t count, enum memory_rights rights)
{
	uint32_t end = page + count;

	removed_count = 0;
	if (!mmu_protect(address_of(page), (size_t)count * PAGE_SIZE, rights, supply))
		return false;
	break_truth(page, 256, BLOCK);
	break_truth(end, 256, BLOCK);
	for (uint32_t i = page; i < end; i++)
		truths[i].rights = effective(truths[i].kind, rights);
	for (uint32_t i = ALIGN_DOWN(page, BLOCK); i < end; i += BLOCK)
		if (truths[i].bytes != SECTION_SIZE)
			set_truth_bytes(i, BLOCK,
					truth_is_uniform(i, BLOCK) ? LARGE_PAGE_SIZE : PAGE_SIZE);
	for (uint32_t i = ALIGN_DOWN(page, 256); i < end && pool_is_owned; i += 256)
		if (truth_is_uniform(i, 256))
			set_truth_bytes(i, 256, SECTION_SIZE);
	return true;
}

/* What cleaning must see: how often it came, and which kind the megabyte had then. */
static unsigned int cleanings;
static enum memory_kind kind_at_cleaning[2];

void cache_clean_invalidate(const void *address, size_t bytes)
{
	struct mapping mapping;

	assert_int_equal(bytes, SECTION_SIZE);
	assert_false(irq_masked);
	assert_true(mmu_query((uintptr_t)address, &mapping));
	assert_in_range(cleanings, 0, 1);
	kind_at_cleaning[cleanings++] = mapping.kind;
}

static bool change_kind(uint32_t page, enum memory_kind kind)
{
	removed_page = page;
	removed_count = 0;
	cleanings = 0;
	if (!mmu_section_kind(address_of(page), kind))
		return false;
	for (uint32_t i = page; i < page + 256; i++)
		truths[i].kind = kind;
	return true;
}

static void clear_pages(uint32_t page, uint32_t count)
{
	removed_page = page;
	removed_count = count;
	mmu_clear(address_of(page), (size_t)count * PAGE_SIZE);
	for (uint32_t i = page; i < page + count; i++)
		truths[i] = (struct truth){ .cleared = truths[i].mapped || truths[i].cleared };
}

static void flush_pages(uint32_t page, uint32_t count)
{
	removed_count = 0;
	mmu_flush(address_of(page), (size_t)count * PAGE_SIZE);
	for (uint32_t i = page; i < page + count; i++)
		truths[i].cleared = false;
}

/* --- start of each test ---------------------------------------------------------------------- */

static void reset_model(void)
{
	memset(seen_first, 0, sizeof(seen_first));
	memset(seen_page, 0, sizeof(seen_page));
	memset(page_due, 0, sizeof(page_due));
	memset(table_due, 0, sizeof(table_due));
	memset(walk_cache, 0, sizeof(walk_cache));
	memset(tlb, 0, sizeof(tlb));
	memset(truths, 0, sizeof(truths));
	memset(in_use, 0, sizeof(in_use));
	unsynchronized = predictor_due = table_incomplete = irq_masked = false;
	objections_wanted = false;
	objections = 0;
	removed_count = 0;
	base = BASE;
	pool = static_pool;
	pool_limit = POOL_MAX;
	pool_fails_after = -1;
	pool_is_owned = true;
}

static int reset(void **state)
{
	(void)state;
	memset(&kernel_tables, 0, sizeof(kernel_tables));
	reset_model();
	/* Physical equals virtual: tables are found where the host has them. */
	mmu_init(IMAGE_VIRT, PAGE_SIZE);
	mmu_set_table_owner(owns, give);
	assert_int_equal(linear_offset, 0);
	return 0;
}

/* Everything goes, so every table does; counts that were wrong show here at the latest. */
static int empty(void **state)
{
	(void)state;
	assert_true(unmap_pages(0, PAGES));
	flush_pages(0, PAGES);
	expect_all();
	assert_int_equal(tables_in_use(), 0);
	return 0;
}

/* --- sizes and rights ------------------------------------------------------------------------ */

static const uint32_t edges[] = { 0, 1, 15, 16, 17, 128, 239, 240, 241, 255 };

static void test_sizes_by_alignment(void **state)
{
	(void)state;
	assert_true(map_pages(0, 256, 0x10000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(truths[0].bytes, SECTION_SIZE);
	assert_int_equal(tables_in_use(), 0);
	/* One page off in physical: pages. 64 KiB off: large pages. */
	assert_true(map_pages(256, 256, 0x10001000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(truths[256].bytes, PAGE_SIZE);
	assert_true(map_pages(512, 256, 0x10010000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(truths[512].bytes, LARGE_PAGE_SIZE);
	assert_int_equal(tables_in_use(), 2);
	/* A page, fifteen large ones' worth around it, a section and a page. */
	assert_true(map_pages(1024 - 17, 17 + 256 + 1, 0x200ef000, MEMORY_NORMAL, RIGHTS_READ));
	assert_int_equal(truths[1024 - 17].bytes, PAGE_SIZE);
	assert_int_equal(truths[1024 - 16].bytes, LARGE_PAGE_SIZE);
	assert_int_equal(truths[1024].bytes, SECTION_SIZE);
	assert_int_equal(truths[1024 + 256].bytes, PAGE_SIZE);
	expect_all();
}

static void test_every_alignment_is_mapped(void **state)
{
	static const uint32_t counts[] = { 1, 15, 16, 17, 33, 240, 256, 257, 513 };

	(void)state;
	for (unsigned int v = 0; v < ARRAY_SIZE(edges); v++)
		for (unsigned int p = 0; p < ARRAY_SIZE(edges); p++)
			for (unsigned int c = 0; c < ARRAY_SIZE(counts); c++) {
				assert_true(map_pages(256 + edges[v], counts[c],
						      0x30000000 + edges[p] * PAGE_SIZE,
						      MEMORY_NORMAL, RIGHTS_WRITE));
				expect_all();
				assert_true(unmap_pages(256 + edges[v], counts[c]));
				expect_clean();
				assert_int_equal(tables_in_use(), 0);
			}
}

static void test_writable_or_device_never_executes(void **state)
{
	static const uint32_t counts[] = { 1, BLOCK, 256 };

	(void)state;
	for (enum memory_kind kind = 0; kind < MEMORY_KINDS; kind++)
		for (enum memory_rights rights = 0; rights < MEMORY_RIGHTS; rights++)
			for (unsigned int c = 0; c < ARRAY_SIZE(counts); c++) {
				assert_true(map_pages(0, counts[c], 0x10000000, kind, rights));
				assert_int_equal(truths[0].bytes, counts[c] * PAGE_SIZE);
				assert_true(truths[0].rights != RIGHTS_EXECUTE ||
					    kind != MEMORY_DEVICE);
				expect_all();
				for (enum memory_rights other = 0; other < MEMORY_RIGHTS; other++) {
					assert_true(protect_pages(0, counts[c], other));
					expect_all();
				}
				assert_true(unmap_pages(0, counts[c]));
			}
}

static void test_a_section_in_the_way_is_refused(void **state)
{
	(void)state;
	assert_true(map_pages(256, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_false(mmu_map(address_of(257), 0x40000000, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_WRITE,
			     supply));
	/* The table of the megabyte before goes back. */
	assert_false(mmu_map(address_of(255), 0x40000000, 2 * PAGE_SIZE, MEMORY_NORMAL,
			     RIGHTS_WRITE, supply));
	expect_all();
}

static void test_repeated_frame(void **state)
{
	(void)state;
	assert_true(repeat_page(1, 600, 0x12345000));
	expect_all();
	/* Alike, but not in a row. */
	assert_true(protect_pages(0, 600, RIGHTS_EXECUTE));
	expect_all();
	assert_true(unmap_pages(1, 599));
	expect_all();
	assert_int_equal(tables_in_use(), 1);
}

static void test_an_empty_range_is_nothing(void **state)
{
	(void)state;
	assert_true(map_pages(0, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_true(map_pages(300, 0, 0x30001000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_true(unmap_pages(7, 0));
	assert_true(protect_pages(7, 0, RIGHTS_READ));
	expect_all();
}

/* --- splitting and joining ------------------------------------------------------------------- */

static void test_split_and_join_at_every_page(void **state)
{
	(void)state;
	assert_true(map_pages(256, 512, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	for (uint32_t page = 0; page <= 256; page++) {
		assert_true(protect_pages(256, page, RIGHTS_EXECUTE));
		expect_all();
		assert_true(protect_pages(256, page, RIGHTS_WRITE));
		expect_all();
		assert_int_equal(tables_in_use(), 0);
	}
}

static void test_one_page_of_a_section(void **state)
{
	(void)state;
	for (uint32_t page = 256; page < 512; page += 5) {
		assert_true(map_pages(256, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_EXECUTE));
		expect_all();
		assert_true(protect_pages(page, 1, RIGHTS_READ));
		expect_all();
		assert_true(unmap_pages(page, 1));
		expect_all();
		assert_true(unmap_pages(256, 256));
		assert_int_equal(tables_in_use(), 0);
	}
}

/* All starts and lengths around the edges, of sections, large pages and small ones. */
static void test_every_part_is_changed_and_removed(void **state)
{
	static const uint32_t offsets[] = { 0, BLOCK, 1 };

	(void)state;
	for (unsigned int a = 0; a < ARRAY_SIZE(edges); a++)
		for (unsigned int b = 0; b < ARRAY_SIZE(edges); b++)
			for (unsigned int o = 0; o < ARRAY_SIZE(offsets); o++) {
				uint32_t page = 256 + edges[a], count = 512 + edges[b] - page;

				assert_true(map_pages(256, 512, 0x30000000 + offsets[o] * PAGE_SIZE,
						      MEMORY_NORMAL, RIGHTS_WRITE));
				assert_true(protect_pages(page, count, RIGHTS_READ));
				expect_all();
				assert_true(unmap_pages(page, count));
				expect_all();
				assert_true(unmap_pages(256, 512));
				assert_int_equal(tables_in_use(), 0);
			}
}

/* Small pages that were mapped one by one become a large page, and sixteen of those a section. */
static void test_small_pages_grow_together(void **state)
{
	(void)state;
	for (uint32_t page = 0; page < 256; page++)
		assert_true(map_pages(page, 1, 0x30000000 + page * PAGE_SIZE, MEMORY_NONCACHED,
				      RIGHTS_WRITE));
	assert_int_equal(truths[16].bytes, PAGE_SIZE);
	assert_true(protect_pages(17, 1, RIGHTS_READ));
	assert_int_equal(truths[16].bytes, PAGE_SIZE);
	expect_all();
	assert_true(unmap_pages(0, 1));
	assert_true(protect_pages(17, 1, RIGHTS_WRITE));
	assert_int_equal(truths[16].bytes, LARGE_PAGE_SIZE);
	expect_all();
	assert_true(map_pages(0, 1, 0x30000000, MEMORY_NONCACHED, RIGHTS_WRITE));
	assert_true(protect_pages(0, 1, RIGHTS_WRITE));
	assert_int_equal(truths[0].bytes, SECTION_SIZE);
	expect_all();
}

/* What differs by one bit of address, kind or rights stays apart. */
static void test_what_is_not_alike_is_not_joined(void **state)
{
	(void)state;
	for (uint32_t odd = 0; odd < 256; odd += 15) {
		for (uint32_t page = 0; page < 256; page++)
			assert_true(map_pages(
				page, 1, (page == odd ? 0x40000000 : 0x30000000) + page * PAGE_SIZE,
				MEMORY_NORMAL, RIGHTS_WRITE));
		assert_true(protect_pages(0, 256, RIGHTS_READ));
		expect_all();
		assert_true(unmap_pages(odd, 1));
		assert_true(map_pages(odd, 1, 0x30000000 + odd * PAGE_SIZE, MEMORY_DEVICE,
				      RIGHTS_READ));
		assert_true(protect_pages(0, 256, RIGHTS_READ));
		expect_all();
		assert_true(unmap_pages(0, 256));
	}
}

/* --- running out of tables ------------------------------------------------------------------- */

/* Every refusal of the supplier, at each point where it is asked: nothing may have changed. */
static void test_a_dry_supplier_changes_nothing(void **state)
{
	(void)state;
	assert_true(map_pages(0, 512, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	for (int fails = 0; fails < 4; fails++) {
		pool_fails_after = fails;
		assert_false(map_pages(600, 700, 0x41234000, MEMORY_DEVICE, RIGHTS_WRITE));
		expect_all();
		pool_fails_after = fails;
		assert_false(repeat_page(600, 700, 0x41234000));
		expect_all();
	}
	for (int fails = 0; fails < 2; fails++) {
		pool_fails_after = fails;
		assert_false(protect_pages(100, 300, RIGHTS_READ));
		expect_all();
		pool_fails_after = fails;
		assert_false(unmap_pages(100, 300));
		expect_all();
	}
	/* A large page is split without one. */
	pool_fails_after = -1;
	assert_true(protect_pages(0, 1, RIGHTS_READ));
	pool_fails_after = 0;
	assert_true(unmap_pages(33, 1));
	expect_all();
	assert_false(mmu_unmap(address_of(300), PAGE_SIZE, NULL));
	expect_all();
}

/* --- tables that stay ------------------------------------------------------------------------ */

static void test_nobodys_tables_stay(void **state)
{
	(void)state;
	pool_is_owned = false;
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(map_pages(10, 300, 0x30001000, MEMORY_NORMAL, RIGHTS_WRITE));
		expect_all();
		assert_true(unmap_pages(10, 300));
		expect_all();
		assert_int_equal(tables_in_use(), 2);
	}
	/* No section fits where a table stayed, and none is made of it. */
	assert_true(map_pages(0, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(truths[0].bytes, LARGE_PAGE_SIZE);
	assert_true(protect_pages(20, 1, RIGHTS_READ));
	assert_true(protect_pages(20, 1, RIGHTS_WRITE));
	expect_all();
	assert_true(unmap_pages(0, 256));
	expect_all();
	pool_is_owned = true;
}

/* Lines go before the entry changes and after; what is no section that is written stays. */
static void test_a_section_changes_its_kind(void **state)
{
	(void)state;
	assert_true(map_pages(0, 512, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_true(change_kind(256, MEMORY_NONCACHED));
	assert_int_equal(cleanings, 2);
	assert_int_equal(kind_at_cleaning[0], MEMORY_NORMAL);
	assert_int_equal(kind_at_cleaning[1], MEMORY_NONCACHED);
	expect_all();
	assert_true(change_kind(256, MEMORY_NONCACHED));
	assert_int_equal(cleanings, 0);
	assert_true(change_kind(256, MEMORY_NORMAL));
	assert_int_equal(kind_at_cleaning[0], MEMORY_NONCACHED);
	assert_int_equal(kind_at_cleaning[1], MEMORY_NORMAL);
	assert_false(change_kind(1, MEMORY_NONCACHED));
	assert_false(change_kind(0, MEMORY_DEVICE));
	assert_true(protect_pages(0, 256, RIGHTS_READ));
	assert_false(change_kind(0, MEMORY_NONCACHED));
	assert_true(protect_pages(256, 1, RIGHTS_READ));
	assert_false(change_kind(256, MEMORY_NONCACHED));
	assert_int_equal(cleanings, 0);
	expect_all();
	assert_true(unmap_pages(0, 512));
	assert_false(change_kind(0, MEMORY_NONCACHED));
}

/* The image's pages are never joined under its feet, nor its tables given to anybody. */
static void test_the_images_tables_stay(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < IMAGE_TABLES; i++) {
		uint32_t table = (uint32_t)(uintptr_t)kernel_tables.image[i];

		kernel_tables.first[(IMAGE_VIRT >> SECTION_SHIFT) + i] = table | L1_TABLE;
		seen_first[i + 1] = table | L1_TABLE;
	}
	mmu_init(IMAGE_VIRT, PAGE_SIZE);
	pool = kernel_tables.image;
	in_use[0] = in_use[1] = true;
	for (uint32_t page = 256; page < 512; page++)
		assert_true(map_pages(page, 1, 0x30000000 + (page - 256) * PAGE_SIZE, MEMORY_NORMAL,
				      RIGHTS_EXECUTE));
	removed_count = 0;
	assert_true(mmu_protect(address_of(256), SECTION_SIZE, RIGHTS_EXECUTE, NULL));
	for (uint32_t page = 256; page < 512; page++)
		expect_page(page);
	assert_true(unmap_pages(256, 512));
	flush_pages(256, 512);
	expect_clean();
	assert_true(is_table(first_of(1)) && is_table(first_of(2)));
	/* A large page beside the image keeps its size. */
	assert_true(map_pages(256, 32, 0x30000000, MEMORY_NORMAL, RIGHTS_READ));
	assert_true(protect_pages(256, 16, RIGHTS_WRITE));
	assert_int_equal(truths[256].bytes, LARGE_PAGE_SIZE);
	expect_page(256);
	assert_true(unmap_pages(256, 32));
}

/* The one-to-one mapping of the boot goes, and nobody remembers it. */
static void test_the_identity_goes(void **state)
{
	(void)state;
	base = LOW_BASE;
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t section = (base + i * SECTION_SIZE) | SECTION_NORMAL | SECTION_AP_RO;

		kernel_tables.first[(base >> SECTION_SHIFT) + i] = seen_first[i] = section;
	}
	for (uint32_t page = 0; page < PAGES; page++)
		assert_int_equal(touch(page) != 0, page < 512);
	removed_page = 0;
	removed_count = 512;
	mmu_init(base + SECTION_SIZE / 2, SECTION_SIZE);
	expect_clean();
	for (uint32_t page = 0; page < PAGES; page++)
		assert_int_equal(touch(page), 0);
	reset(NULL);
}

/* --- a table in its own megabyte ------------------------------------------------------------- */

/* Its block is not made a large page, so any other page beside it can be changed. */
static void test_a_table_inside_what_it_maps(void **state)
{
	void *low = mmap((void *)(uintptr_t)LOW_BASE, SECTION_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	const uint32_t home = 37; /* page of the megabyte that holds the tables */
	struct mapping mapping;

	(void)state;
	assert_ptr_equal(low, (void *)(uintptr_t)LOW_BASE);
	base = LOW_BASE;
	pool = (second_level *)(uintptr_t)(LOW_BASE + home * PAGE_SIZE);
	pool_limit = 4;
	assert_true(map_pages(0, 256, LOW_BASE, MEMORY_NORMAL, RIGHTS_WRITE));
	for (uint32_t page = 0; page < 256; page++) {
		if (page == home)
			continue;
		assert_true(mmu_protect(address_of(page), PAGE_SIZE, RIGHTS_READ, supply));
		assert_true(mmu_query(address_of(home), &mapping));
		assert_int_equal(mapping.bytes, PAGE_SIZE);
		assert_true(mmu_query(address_of(page), &mapping));
		assert_int_equal(mapping.rights, RIGHTS_READ);
		assert_true(mmu_query(address_of((page + 128) % 256), &mapping));
		assert_int_equal(mapping.bytes, (page + 128) % 256 / BLOCK == home / BLOCK
							? PAGE_SIZE
							: LARGE_PAGE_SIZE);
		expect_clean();
		assert_true(protect_pages(page, 1, RIGHTS_WRITE));
		expect_all();
		assert_int_equal(truths[0].bytes, SECTION_SIZE);
	}
	assert_true(unmap_pages(0, 256));
	munmap(low, SECTION_SIZE);
}

/* --- clearing now, telling later ------------------------------------------------------------- */

static void test_clear_and_flush(void **state)
{
	(void)state;
	assert_true(map_pages(10, 1000, 0x30005000, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_all();
	clear_pages(10, 1);
	clear_pages(400, 20);
	expect_all();
	/* What was there may still be used. */
	assert_true(touch(10) != 0 && touch(405) != 0);
	flush_pages(10, 410);
	expect_all();
	assert_int_equal(touch(10), 0);
	assert_int_equal(tables_in_use(), 4);
	clear_pages(11, 300);
	assert_int_equal(tables_in_use(), 4);
	flush_pages(0, 400);
	assert_int_equal(tables_in_use(), 3);
	expect_all();
	clear_pages(0, PAGES);
	assert_true(unmap_pages(0, PAGES));
	flush_pages(0, PAGES);
	expect_all();
}

/* At 64 pages the maintenance changes from one by one to all. */
static void test_flushes_of_every_length(void **state)
{
	(void)state;
	for (uint32_t count = 60; count <= 70; count++)
		for (uint32_t page = 180; page < 260; page += 3) {
			assert_true(map_pages(page, count, 0x30000000 + page * PAGE_SIZE,
					      MEMORY_NORMAL, RIGHTS_EXECUTE));
			expect_all();
			clear_pages(page, count);
			flush_pages(page, count);
			expect_all();
			assert_int_equal(tables_in_use(), 0);
		}
}

static void test_sections_are_cleared_too(void **state)
{
	(void)state;
	assert_true(map_pages(0, 768, 0x30000000, MEMORY_DEVICE, RIGHTS_WRITE));
	expect_all();
	clear_pages(0, 512);
	expect_all();
	flush_pages(0, 512);
	expect_all();
}

/* Holes of any shape among what is cleared: each entry counts once. */
static void test_holes_are_not_counted(void **state)
{
	(void)state;
	for (uint32_t holes = 0; holes < 256; holes++) {
		for (uint32_t i = 0; i < 8; i++)
			if ((holes >> i & 1) == 0)
				assert_true(map_pages(40 + i, 1, 0x30000000, MEMORY_NORMAL,
						      RIGHTS_WRITE));
		assert_true(map_pages(80, 17, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
		clear_pages(36, 19);
		flush_pages(36, 19);
		assert_int_equal(tables_in_use(), 1);
		clear_pages(78, 20);
		flush_pages(78, 20);
		assert_int_equal(tables_in_use(), 0);
	}
}

/* The model must object to what callers may not do, or it proves nothing. */
static void test_mapping_before_the_flush_is_seen(void **state)
{
	(void)state;
	assert_true(map_pages(0, 40, 0x30001000, MEMORY_NORMAL, RIGHTS_WRITE));
	clear_pages(0, 3);
	objections_wanted = true;
	assert_true(
		mmu_map(address_of(2), 0x40000000, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_WRITE, supply));
	assert_int_equal(objections, 1);
	objections_wanted = false;
	assert_true(unmap_pages(0, 3));
	flush_pages(0, 3);
	expect_all();
}

/* --- windows --------------------------------------------------------------------------------- */

static void expect_window(uint32_t *entry, uint32_t page, uint32_t phys)
{
	mmu_window_open(entry, phys);
	truths[page] = (struct truth){ true, false, phys, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_WRITE };
	expect_clean();
	expect_page(page);
	removed_page = page;
	removed_count = 1;
}

static void test_windows(void **state)
{
	uint32_t *entry;

	(void)state;
	assert_true(map_pages(20, 1, 0x30000000, MEMORY_NORMAL, RIGHTS_READ));
	entry = mmu_window_entry(address_of(18));
	for (uint32_t i = 0; i < 300; i++) {
		expect_window(entry, 18, 0x12345000 + i * PAGE_SIZE);
		mmu_window_close(entry, address_of(18));
		memset(&truths[18], 0, sizeof(truths[18]));
		expect_clean();
		expect_page(18);
	}
	expect_window(entry, 18, 0x40000000);
	mmu_window_clear(entry);
	truths[18] = (struct truth){ .cleared = true };
	assert_true(touch(18) != 0);
	objections_wanted = true;
	mmu_window_open(entry, 0x50000000);
	assert_int_equal(objections, 1);
	objections_wanted = false;
	mmu_window_clear(entry);
	flush_pages(18, 1);
	expect_clean();
	/* The table stays for the windows, whatever else comes and goes, and keeps its small pages. */
	assert_true(unmap_pages(0, 256));
	assert_true(is_table(first_of(0)));
	expect_window(entry, 18, 0x40000000);
	assert_true(unmap_pages(0, 256));
	expect_window(entry, 18, 0x40000000);
	mmu_window_close(entry, address_of(18));
}

/* --- anything in any order ------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

static uint32_t random_length(uint32_t page)
{
	static const uint32_t lengths[] = { 1, 2, 15, 16, 17, 64, 65, 255, 256, 257, 512, 700 };
	uint32_t length = lengths[next_random(ARRAY_SIZE(lengths))];

	return length < PAGES - page ? length : PAGES - page;
}

/* Whole mappings only: grow to their ends. */
static void clear_around(uint32_t page, uint32_t count)
{
	uint32_t end = page + count;

	if (truths[page].mapped)
		page = ALIGN_DOWN(page, truths[page].bytes / PAGE_SIZE);
	if (truths[end - 1].mapped)
		end = ALIGN_UP(end, truths[end - 1].bytes / PAGE_SIZE);
	clear_pages(page, end - page);
}

/* Frames that follow the page's number are likely to be joined with their neighbours. */
static uint32_t random_phys(uint32_t page)
{
	static const uint32_t aligned[] = { 1, BLOCK, 256 };
	uint32_t unit = aligned[next_random(3)] * PAGE_SIZE;

	if (next_random(3) != 0)
		return 0x30000000 + page * PAGE_SIZE;
	return ALIGN_DOWN(next_random(0x4000) * PAGE_SIZE, unit);
}

static void one_random_operation(void)
{
	static const uint32_t units[] = { 1, BLOCK, 256, 256 };
	uint32_t page = ALIGN_DOWN(next_random(PAGES), units[next_random(4)]);
	uint32_t count = random_length(page), phys = random_phys(page);
	enum memory_rights rights = next_random(MEMORY_RIGHTS);

	pool_fails_after = next_random(8) == 0 ? (int)next_random(3) : -1;
	switch (next_random(10)) {
	case 0:
	case 1:
	case 2:
		if (!any_in_use(page, count))
			map_pages(page, count, phys,
				  next_random(4) != 0 ? MEMORY_NORMAL : next_random(MEMORY_KINDS),
				  next_random(2) != 0 ? RIGHTS_WRITE : rights);
		break;
	case 3:
		if (!any_in_use(page, count))
			repeat_page(page, count, phys);
		break;
	case 4:
		unmap_pages(page, count);
		break;
	case 5:
	case 6:
	case 7:
		protect_pages(page, count, next_random(2) != 0 ? RIGHTS_WRITE : rights);
		break;
	case 8:
		clear_around(page, count);
		break;
	case 9:
		flush_pages(0, PAGES);
		break;
	}
}

static void test_random_operations(void **state)
{
	uint32_t seeds = getenv("MMU_SEEDS") != NULL ? (uint32_t)atoi(getenv("MMU_SEEDS")) : 40;

	(void)state;
	for (uint32_t seed = 1; seed <= seeds; seed++) {
		random_state = seed * 2463534242U | 1;
		for (unsigned int i = 0; i < 60; i++) {
			one_random_operation();
			expect_all();
		}
		empty(NULL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes_by_alignment),
		TEST(test_every_alignment_is_mapped),
		TEST(test_writable_or_device_never_executes),
		TEST(test_a_section_in_the_way_is_refused),
		TEST(test_repeated_frame),
		TEST(test_an_empty_range_is_nothing),
		TEST(test_split_and_join_at_every_page),
		TEST(test_one_page_of_a_section),
		TEST(test_every_part_is_changed_and_removed),
		TEST(test_small_pages_grow_together),
		TEST(test_what_is_not_alike_is_not_joined),
		TEST(test_a_dry_supplier_changes_nothing),
		cmocka_unit_test_setup(test_nobodys_tables_stay, reset),
		TEST(test_a_section_changes_its_kind),
		cmocka_unit_test_setup(test_the_images_tables_stay, reset),
		TEST(test_the_identity_goes),
		TEST(test_a_table_inside_what_it_maps),
		TEST(test_clear_and_flush),
		TEST(test_flushes_of_every_length),
		TEST(test_sections_are_cleared_too),
		TEST(test_holes_are_not_counted),
		TEST(test_mapping_before_the_flush_is_seen),
		cmocka_unit_test_setup(test_windows, reset),
		TEST(test_random_operations),
	};

	return cmocka_run_group_tests_name("mmu", tests, NULL, NULL);
}
