/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "window_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "kern/thread.h"
#include "page_harness.h"

#define WRITABLE 1U /* in an entry, beside the frame */

static struct area {
	uintptr_t base;
	uint32_t entries[1024];
	bool stale[1024]; /* the TLB remembers it */
	uint32_t pages;
} areas[] = {
	{ .base = FIXMAP_BASE, .pages = (FIXMAP_END - FIXMAP_BASE) / PAGE_SIZE },
	{ .base = PKMAP_BASE, .pages = 1024 },
};

unsigned int double_flushes, double_tables;

#define SECTIONS 4096U

static bool noncached[SECTIONS], small_pages[SECTIONS]; /* by megabyte of the arena */
uint32_t double_section_refused;

static bool is_linear(uintptr_t virt)
{
	return virt - DOUBLE_LINEAR < SECTIONS * (uintptr_t)SECTION_SIZE;
}

static struct area *area_of(uintptr_t virt)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++)
		if (virt - areas[i].base < (uintptr_t)areas[i].pages * PAGE_SIZE)
			return &areas[i];
	fail_msg("no window is at %#lx", (unsigned long)virt);
	return NULL;
}

static uintptr_t address_of(const uint32_t *entry, struct area **area)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++)
		if (entry >= areas[i].entries && entry < areas[i].entries + areas[i].pages) {
			*area = &areas[i];
			return areas[i].base + (uintptr_t)(entry - areas[i].entries) * PAGE_SIZE;
		}
	fail_msg("no window has this entry");
	return 0;
}

static void hide(uintptr_t virt, size_t bytes)
{
	if (mmap((void *)virt, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	    (void *)virt)
		abort();
}

static void show(uintptr_t virt, phys_addr_t phys)
{
	void *page = harness_page_data(phys_to_page(phys));

	/* Of length 0: another mapping of the same shared pages. */
	if (mremap(page, 0, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, virt) != (void *)virt)
		abort();
}

void double_windows_reset(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++) {
		hide(areas[i].base, (size_t)areas[i].pages * PAGE_SIZE);
		for (uint32_t page = 0; page < areas[i].pages; page++) {
			areas[i].entries[page] = 0;
			areas[i].stale[page] = false;
		}
	}
	double_flushes = double_tables = double_section_refused = 0;
	for (uint32_t section = 0; section < SECTIONS; section++)
		noncached[section] = small_pages[section] = false;
}

/* --- threads --------------------------------------------------------------------------------- */

static struct thread_switch_watch switch_watch;

void thread_set_switch_watch(const struct thread_switch_watch *watch)
{
	switch_watch = *watch;
}

void double_switch_threads(void (*others)(void))
{
	uint32_t irq = local_irq_save();

	if (*switch_watch.word != switch_watch.idle)
		switch_watch.put_away(others);
	else
		others();
	local_irq_restore(irq);
}

/* --- single pages ---------------------------------------------------------------------------- */

uint32_t *mmu_window_entry(uintptr_t virt)
{
	struct area *area = area_of(virt);

	return &area->entries[(virt - area->base) / PAGE_SIZE];
}

void mmu_window_open(uint32_t *entry, phys_addr_t phys)
{
	struct area *area;
	uintptr_t virt = address_of(entry, &area);

	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	assert_int_equal(*entry, 0);
	assert_false(area->stale[entry - area->entries]);
	*entry = (uint32_t)phys | WRITABLE;
	show(virt, phys);
}

void mmu_window_clear(uint32_t *entry)
{
	struct area *area;

	address_of(entry, &area);
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	assert_int_not_equal(*entry, 0);
	*entry = 0;
	area->stale[entry - area->entries] = true;
}

void mmu_flush(uintptr_t virt, size_t bytes)
{
	struct area *area = area_of(virt);
	uint32_t first = (uint32_t)((virt - area->base) / PAGE_SIZE);

	assert_true(bytes > 0 && IS_ALIGNED(bytes, PAGE_SIZE) && IS_ALIGNED(virt, PAGE_SIZE));
	assert_true(area == area_of(virt + bytes - 1));
	double_flushes++;
	for (uint32_t page = first; page < first + bytes / PAGE_SIZE; page++)
		if (area->stale[page]) {
			area->stale[page] = false;
			hide(area->base + (uintptr_t)page * PAGE_SIZE, PAGE_SIZE);
		}
}

void mmu_window_close(uint32_t *entry, uintptr_t virt)
{
	assert_ptr_equal(entry, mmu_window_entry(virt));
	mmu_window_clear(entry);
	mmu_flush(virt, PAGE_SIZE);
}

/* --- ranges ---------------------------------------------------------------------------------- */

/* A page; the first one of a megabyte of pkmap takes a table: the quarters of a page, in order. */
bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier)
{
	static phys_addr_t last_table;
	uint32_t *entry = mmu_window_entry(virt);

	(void)kind;
	assert_int_equal(bytes, PAGE_SIZE);
	assert_int_equal(*entry, 0);
	if (supplier != NULL) {
		phys_addr_t table = supplier();

		if (table == 0)
			return false;
		assert_true(IS_ALIGNED(virt, SECTION_SIZE) && IS_ALIGNED(table, SZ_1K));
		assert_int_equal(table, double_tables++ == 0 ? ALIGN_DOWN(table, PAGE_SIZE)
							     : last_table + SZ_1K);
		last_table = table;
	}
	*entry = (uint32_t)phys | (rights == RIGHTS_WRITE ? WRITABLE : 0);
	show(virt, phys);
	return true;
}

bool mmu_unmap(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	uint32_t *entry = mmu_window_entry(virt);

	(void)supplier;
	assert_int_equal(bytes, PAGE_SIZE);
	if (*entry != 0)
		hide(virt, PAGE_SIZE);
	*entry = 0;
	return true;
}

static bool query_section(uintptr_t virt, struct mapping *mapping)
{
	virt = ALIGN_DOWN(virt, SECTION_SIZE);
	*mapping = (struct mapping){
		.virt = virt,
		.phys = virt_to_phys((const void *)virt),
		.bytes = SECTION_SIZE,
		.kind = noncached[(virt - DOUBLE_LINEAR) / SECTION_SIZE] ? MEMORY_NONCACHED
									 : MEMORY_NORMAL,
		.rights = RIGHTS_WRITE,
	};
	return true;
}

bool mmu_query(uintptr_t virt, struct mapping *mapping)
{
	uint32_t entry;

	if (is_linear(virt))
		return query_section(virt, mapping);
	entry = *mmu_window_entry(virt);
	if (entry == 0)
		return false;
	*mapping = (struct mapping){
		.virt = ALIGN_DOWN(virt, PAGE_SIZE),
		.phys = ALIGN_DOWN(entry, PAGE_SIZE),
		.bytes = PAGE_SIZE,
		.kind = MEMORY_NORMAL,
		.rights = (entry & WRITABLE) != 0 ? RIGHTS_WRITE : RIGHTS_READ,
	};
	return true;
}

/* --- sections of the linear map -------------------------------------------------------------- */

bool mmu_section_kind(uintptr_t virt, enum memory_kind kind)
{
	bool *is_noncached = &noncached[(virt - DOUBLE_LINEAR) / SECTION_SIZE];

	assert_true(is_linear(virt) && IS_ALIGNED(virt, SECTION_SIZE));
	assert_true(kind == MEMORY_NORMAL || kind == MEMORY_NONCACHED);
	assert_int_equal(double_irq_flags, 0);
	assert_int_not_equal(*is_noncached, kind == MEMORY_NONCACHED);
	if (small_pages[is_noncached - noncached])
		return false;
	if (double_section_refused != 0 && --double_section_refused == 0)
		return false;
	*is_noncached = kind == MEMORY_NONCACHED;
	return true;
}

void double_small_pages(phys_addr_t phys, bool has_some)
{
	small_pages[((uintptr_t)phys_to_virt(phys) - DOUBLE_LINEAR) / SECTION_SIZE] = has_some;
}

uint32_t double_noncached_sections(void)
{
	uint32_t sections = 0;

	for (uint32_t section = 0; section < SECTIONS; section++)
		sections += noncached[section];
	return sections;
}
