/* SPDX-License-Identifier: MIT */
#include "mmu_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "mm/virt/kmap.h"
#include "mm/virt/set_memory.h"
#include "page_harness.h"

#define PAGES     (DOUBLE_MMU_BYTES / PAGE_SIZE)
#define MEGABYTES (DOUBLE_MMU_BYTES / SECTION_SIZE)

struct double_mmu_counts double_mmu;

static uintptr_t base;

static struct {
	bool mapped, stale;
	phys_addr_t phys;
	uint32_t bytes; /* of the entry that shows it */
	enum memory_kind kind;
	enum memory_rights rights;
} pages[PAGES];

static phys_addr_t tables[MEGABYTES];

static bool (*table_is_owned)(phys_addr_t table);
static void (*give_table)(phys_addr_t table);

uintptr_t double_mmu_start(void)
{
	size_t bytes = DOUBLE_MMU_BYTES + SZ_16M;

	if (base == 0) {
		void *memory = mmap(NULL, bytes, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		assert_true(memory != MAP_FAILED);
		base = ALIGN_UP((uintptr_t)memory, SZ_16M);
	}
	assert_true(mmap((void *)base, DOUBLE_MMU_BYTES, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) != MAP_FAILED);
	memset(pages, 0, sizeof(pages));
	memset(tables, 0, sizeof(tables));
	double_mmu = (struct double_mmu_counts){ 0 };
	return base;
}

static uint32_t page_of(uintptr_t virt)
{
	assert_true(virt - base < DOUBLE_MMU_BYTES);
	return (uint32_t)((virt - base) / PAGE_SIZE);
}

static void check_range(uintptr_t virt, size_t bytes)
{
	assert_true(IS_ALIGNED(virt, PAGE_SIZE) && IS_ALIGNED(bytes, PAGE_SIZE));
	assert_true(virt >= base && bytes <= DOUBLE_MMU_BYTES &&
		    virt - base <= DOUBLE_MMU_BYTES - bytes);
}

/* Tables come and go under a lock. */
static void check_locked(void)
{
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
}

/* --- tables ------------------------------------------------------------------------------------ */

static bool needs_table(uintptr_t virt, phys_addr_t phys, uintptr_t end)
{
	return tables[(virt - base) / SECTION_SIZE] == 0 &&
	       !(IS_ALIGNED(virt, SECTION_SIZE) && IS_ALIGNED(phys, SECTION_SIZE) &&
		 end - virt >= SECTION_SIZE);
}

static bool make_tables(uintptr_t virt, phys_addr_t phys, uintptr_t end, table_supplier supplier)
{
	while (virt < end) {
		uintptr_t next = ALIGN_DOWN(virt, SECTION_SIZE) + SECTION_SIZE;
		phys_addr_t *table = &tables[(virt - base) / SECTION_SIZE];

		if (needs_table(virt, phys, end)) {
			*table = supplier();
			if (*table == 0)
				return false;
			assert_true(IS_ALIGNED(*table, 1024));
			memset(phys_to_virt(*table), 0, 1024);
			double_mmu.tables++;
		}
		phys += next - virt;
		virt = next;
	}
	return true;
}

/* --- mapping ----------------------------------------------------------------------------------- */

static uint32_t entry_bytes(uintptr_t virt, phys_addr_t phys, size_t left)
{
	uint64_t both = virt | phys;

	if (IS_ALIGNED(both, SECTION_SIZE) && left >= SECTION_SIZE &&
	    tables[(virt - base) / SECTION_SIZE] == 0)
		return SECTION_SIZE;
	return IS_ALIGNED(both, LARGE_PAGE_SIZE) && left >= LARGE_PAGE_SIZE ? LARGE_PAGE_SIZE
									    : PAGE_SIZE;
}

/* The harness's own pages are really shown; of a device there are only zeros. */
static void show(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_rights rights)
{
	int protection = rights == RIGHTS_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t offset = (uint64_t)phys - PFN_PHYS(HARNESS_BASE_PFN);
	void *shown;

	if (harness_has_frame(PFN_DOWN(phys)))
		shown = mmap((void *)virt, bytes, protection, MAP_SHARED | MAP_FIXED,
			     harness_arena_file, (off_t)offset);
	else
		shown = mmap((void *)virt, bytes, protection,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_ptr_equal(shown, (void *)virt);
}

static void hide(uintptr_t virt, size_t bytes)
{
	assert_true(mmap((void *)virt, bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0) != MAP_FAILED);
}

static void note_entry(uintptr_t virt, phys_addr_t phys, uint32_t bytes, enum memory_kind kind,
		       enum memory_rights rights)
{
	for (uint32_t done = 0; done < bytes; done += PAGE_SIZE) {
		uint32_t i = page_of(virt + done);

		pages[i].mapped = true;
		pages[i].phys = phys + done;
		pages[i].bytes = bytes;
		pages[i].kind = kind;
		pages[i].rights = rights;
		double_mmu.mapped++;
	}
}

bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier)
{
	check_range(virt, bytes);
	check_locked();
	assert_true(IS_ALIGNED(phys, PAGE_SIZE) && (uint64_t)phys + bytes <= SZ_4G);
	for (uint32_t i = page_of(virt); i < page_of(virt) + bytes / PAGE_SIZE; i++) {
		assert_false(pages[i].mapped);
		assert_false(pages[i].stale); /* a TLB may still say what was here */
	}
	if (!make_tables(virt, phys, virt + bytes, supplier))
		return false;
	show(virt, phys, bytes, rights);
	for (size_t done = 0; done < bytes;) {
		uint32_t entry = entry_bytes(virt + done, phys + done, bytes - done);

		note_entry(virt + done, phys + done, entry, kind, rights);
		done += entry;
	}
	return true;
}

/* --- clearing ---------------------------------------------------------------------------------- */

static bool is_whole(uintptr_t virt, uintptr_t from, uintptr_t to)
{
	uint32_t bytes = pages[page_of(virt)].bytes;
	uintptr_t start = ALIGN_DOWN(virt, bytes);

	return start >= from && start + bytes <= to;
}

void mmu_clear(uintptr_t virt, size_t bytes)
{
	check_range(virt, bytes);
	check_locked();
	for (uintptr_t at = virt; at < virt + bytes; at += PAGE_SIZE) {
		uint32_t i = page_of(at);

		if (!pages[i].mapped)
			continue;
		assert_true(is_whole(at, virt, virt + bytes));
		pages[i].mapped = false;
		pages[i].stale = true;
		double_mmu.mapped--;
		double_mmu.stale++;
	}
	hide(virt, bytes);
}

static bool is_empty_megabyte(uint32_t megabyte)
{
	uint32_t first = megabyte * (SECTION_SIZE / PAGE_SIZE);

	for (uint32_t i = first; i < first + SECTION_SIZE / PAGE_SIZE; i++)
		if (pages[i].mapped)
			return false;
	return true;
}

static void forget_stale(uintptr_t virt, size_t bytes)
{
	double_mmu.flushes++;
	for (uintptr_t at = virt; at < virt + bytes; at += PAGE_SIZE) {
		double_mmu.stale -= pages[page_of(at)].stale;
		pages[page_of(at)].stale = false;
	}
}

static void give_empty_tables(uintptr_t virt, size_t bytes)
{
	for (uint32_t i = page_of(virt) * PAGE_SIZE / SECTION_SIZE; i < MEGABYTES; i++) {
		if ((uintptr_t)i * SECTION_SIZE >= virt + bytes - base)
			return;
		if (tables[i] != 0 && is_empty_megabyte(i)) {
			assert_true(table_is_owned(tables[i]));
			give_table(tables[i]);
			tables[i] = 0;
			double_mmu.tables--;
		}
	}
}

void mmu_flush(uintptr_t virt, size_t bytes)
{
	check_range(virt, bytes);
	check_locked();
	forget_stale(virt, bytes);
	give_empty_tables(virt, bytes);
}

/* Tables are looked for at the end: here it is only seen that the parts are what the whole is made of. */
static uintptr_t parts_end;
static size_t parts_bytes;

phys_addr_t mmu_flush_part(uintptr_t virt, size_t bytes, phys_addr_t tables)
{
	check_range(virt, bytes);
	check_locked();
	assert_true(tables == 0 || virt == parts_end);
	parts_bytes = tables == 0 ? bytes : parts_bytes + bytes;
	parts_end = virt + bytes;
	return 1;
}

void mmu_flush_whole(uintptr_t virt, size_t bytes, phys_addr_t tables)
{
	assert_int_equal(tables, 1);
	assert_int_equal(parts_bytes, bytes);
	assert_true(parts_end == virt + bytes);
	forget_stale(virt, bytes);
	give_empty_tables(virt, bytes);
}

void mmu_set_table_owner(bool (*owns)(phys_addr_t table), void (*give)(phys_addr_t table))
{
	table_is_owned = owns;
	give_table = give;
}

/* --- asking ------------------------------------------------------------------------------------ */

/* The linear map is there, and ordinary memory. */
static bool query_linear(uintptr_t virt, struct mapping *mapping)
{
	phys_addr_t phys = virt_to_phys((const void *)virt);

	if (!harness_has_frame(PFN_DOWN(phys)) || (uintptr_t)phys_to_virt(phys) != virt)
		return false;
	*mapping = (struct mapping){ .virt = ALIGN_DOWN(virt, SECTION_SIZE),
				     .phys = phys - virt % SECTION_SIZE,
				     .bytes = SECTION_SIZE,
				     .kind = MEMORY_NORMAL,
				     .rights = RIGHTS_WRITE };
	return true;
}

bool mmu_query(uintptr_t virt, struct mapping *mapping)
{
	uint32_t i;

	if (virt - base >= DOUBLE_MMU_BYTES)
		return query_linear(virt, mapping);
	i = page_of(virt);
	if (!pages[i].mapped)
		return false;
	*mapping = (struct mapping){ .virt = ALIGN_DOWN(virt, pages[i].bytes),
				     .phys = ALIGN_DOWN(pages[i].phys, pages[i].bytes),
				     .bytes = pages[i].bytes,
				     .kind = pages[i].kind,
				     .rights = pages[i].rights };
	return true;
}

size_t double_mmu_entry_bytes(uintptr_t virt)
{
	return pages[page_of(virt)].mapped ? pages[page_of(virt)].bytes : 0;
}

/* --- windows and rights, which are not doubled ------------------------------------------------- */

void kmap_flush_unused(void)
{
}

int set_memory_x(uintptr_t address, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		pages[page_of(address) + i].rights = RIGHTS_EXECUTE;
	return 0;
}
