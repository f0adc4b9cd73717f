/* SPDX-License-Identifier: MIT */
/*
 * vmalloc, vmap and ioremap on the running system: contents seen from both sides, what must fault
 * does, addresses run out where arithmetic says, everything comes back.
 *
 * Freed areas are looked at after vm_unmap_aliases: until then TLBs may remember them.
 */
#include <string.h>

#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/selftest.h"
#include "mm/obj/cache.h"
#include "mm/obj/object_fail.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/zone.h"
#include "mm/virt/ioremap.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

#include "bench.h"
#include "page_watch.h"

#include "insist.h"

/* --- around each test ------------------------------------------------------------------------- */

static unsigned int area_misuses;
static struct vmalloc_misuse last_area_misuse;
static void (*area_hook_before)(const struct vmalloc_misuse *misuse);
static struct vmalloc_totals totals_before;

static void note_area_misuse(const struct vmalloc_misuse *misuse)
{
	last_area_misuse = *misuse;
	area_misuses++;
}

/* What waits to be flushed, and slabs that are kept empty, would look like memory that is gone. */
static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
}

/*
 * An area takes many requests: with one in three refused on purpose none would ever be served. So
 * nothing is refused here but by the test that refuses each request in turn.
 */
static void areas_begin(void)
{
	pause_failing();
	settle();
	begin();
	vmalloc_totals(&totals_before);
	area_hook_before = vmalloc_misuse_hook;
	vmalloc_misuse_hook = note_area_misuse;
	area_misuses = 0;
}

static void areas_end(void)
{
	struct vmalloc_totals totals;

	EXPECT(area_misuses == 0);
	settle();
	vmalloc_totals(&totals);
	EXPECT(memcmp(&totals, &totals_before, sizeof(totals)) == 0);
	vmalloc_misuse_hook = area_hook_before;
	end();
	resume_failing();
}

/* Told once, of this kind. */
static bool told(enum vmalloc_misuse_kind kind)
{
	bool right = area_misuses == 1 && last_area_misuse.kind == kind;

	area_misuses = 0;
	return right;
}

static void *take(size_t bytes)
{
	return __vmalloc_area(bytes, GFP_KERNEL | __GFP_NOWARN, 0, 0);
}

/* --- faults ----------------------------------------------------------------------------------- */

static bool is_fault(const struct exception_info *info, enum fault_cause cause, uintptr_t address,
		     enum fault_access access)
{
	return info->cause == cause && info->address_known && info->address == address &&
	       info->access == access;
}

static bool read_faults(uintptr_t address)
{
	struct exception_info info;
	uint32_t value;

	return !exception_try_read32(address, &value, &info) && info.kind == EXCEPTION_DATA_ABORT &&
	       is_fault(&info, FAULT_TRANSLATION, address, ACCESS_READ);
}

static bool write_faults(uintptr_t address, enum fault_cause cause)
{
	struct exception_info info;

	return !exception_try_write32(address, 0, &info) && info.kind == EXCEPTION_DATA_ABORT &&
	       is_fault(&info, cause, address, ACCESS_WRITE);
}

static bool execute_faults(uintptr_t address)
{
	struct exception_info info;

	return !exception_try_execute(address, 0, &info) && info.kind == EXCEPTION_PREFETCH_ABORT &&
	       is_fault(&info, FAULT_PERMISSION, address, ACCESS_EXECUTE);
}

static bool nothing_there(uintptr_t address)
{
	return read_faults(address) && write_faults(address, FAULT_TRANSLATION);
}

/* --- contents --------------------------------------------------------------------------------- */

static uint32_t word_of(const void *area, size_t offset)
{
	return ((uint32_t)(uintptr_t)area ^ (uint32_t)offset) * 2654435761U;
}

/* Three words of each page, the first and the last among them. */
static size_t place_in(size_t page, unsigned int i)
{
	return page + (i == 0 ? 0 : i == 1 ? 4 * (page >> PAGE_SHIFT) % PAGE_SIZE : PAGE_SIZE - 4);
}

static void write_area(char *area, size_t bytes)
{
	for (size_t page = 0; page < bytes; page += PAGE_SIZE)
		for (unsigned int i = 0; i < 3; i++)
			*(volatile uint32_t *)(area + place_in(page, i)) =
				word_of(area, place_in(page, i));
}

static bool area_is_as_written(const char *area, size_t bytes)
{
	for (size_t page = 0; page < bytes; page += PAGE_SIZE)
		for (unsigned int i = 0; i < 3; i++)
			if (*(const volatile uint32_t *)(area + place_in(page, i)) !=
			    word_of(area, place_in(page, i)))
				return false;
	return true;
}

/* The page's own address, or a window, shows what the area does; what is written there, too. */
static bool both_views_agree(char *area, size_t page)
{
	struct page *frame = vmalloc_to_page(area + page);
	char *view = kmap_local_page(frame);
	phys_addr_t phys;
	bool right =
		mmu_translate((uintptr_t)area + page, true, &phys) && phys == page_to_phys(frame);

	for (unsigned int i = 0; i < 3 && right; i++) {
		size_t place = place_in(page, i);
		volatile uint32_t *word = (volatile uint32_t *)(view + (place - page));

		right = *word == word_of(area, place);
		*word = ~*word;
		right = right && *(volatile uint32_t *)(area + place) == ~word_of(area, place);
		*word = ~*word;
	}
	kunmap_local(view);
	return right;
}

static void check_area(char *area, size_t bytes)
{
	write_area(area, bytes);
	EXPECT(area_is_as_written(area, bytes));
	for (size_t page = 0; page < bytes; page += PAGE_SIZE)
		if (!both_views_agree(area, page)) {
			EXPECT(!"a page's own address shows the same as the area");
			return;
		}
}

SELFTEST(vmalloc, contents_are_those_of_the_pages)
{
	static const size_t sizes[] = { 1,     4096,          5000,          65536, 70000,
					SZ_1M, SZ_1M + 70000, 2 * SZ_1M - 1, SZ_4M };

	areas_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *area = take(sizes[i]);

		EXPECT(area != NULL && is_vmalloc_addr(area));
		if (area == NULL)
			continue;
		check_area(area, ALIGN_UP(sizes[i], PAGE_SIZE));
		EXPECT(execute_faults((uintptr_t)area));
		vfree(area);
	}
	areas_end();
}

SELFTEST(vmalloc, zeroed_ones_are_zero)
{
	areas_begin();
	for (size_t bytes = 4096; bytes < SZ_4M; bytes = bytes * 5 + 4096) {
		for (unsigned int round = 0; round < 2; round++) {
			uint32_t *area = vzalloc(bytes);
			uint32_t sum = 0;

			EXPECT(area != NULL);
			for (size_t i = 0; area != NULL && i < bytes / 4; i++)
				sum |= area[i];
			EXPECT(sum == 0);
			if (area != NULL)
				memset(area, 0xdb, bytes);
			vfree(area);
		}
		vm_unmap_aliases();
	}
	areas_end();
}

/* --- what must fault -------------------------------------------------------------------------- */

SELFTEST(vmalloc, guard_pages_fault)
{
	static const size_t sizes[] = { 4096, 12288, 65536, SZ_1M, SZ_1M + 4096 };

	areas_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uintptr_t area = (uintptr_t)__vmalloc_area(sizes[i], GFP_KERNEL | __GFP_NOWARN,
							   VM_GUARD_BEFORE, 0);

		EXPECT(area != 0);
		if (area == 0)
			continue;
		EXPECT(nothing_there(area - 4) && nothing_there(area - PAGE_SIZE));
		EXPECT(nothing_there(area + sizes[i]));
		EXPECT(nothing_there(area + sizes[i] + PAGE_SIZE - 4));
		EXPECT(exception_try_write32(area, 1, NULL));
		EXPECT(exception_try_write32(area + sizes[i] - 4, 1, NULL));
		vfree((void *)area);
	}
	areas_end();
}

SELFTEST(vmalloc, freed_areas_fault)
{
	static const size_t sizes[] = { 4096, 65536, 70000, SZ_1M, 3 * SZ_1M + 12288 };

	areas_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t bytes = ALIGN_UP(sizes[i], PAGE_SIZE);
		char *area = take(sizes[i]);

		EXPECT(area != NULL);
		if (area == NULL)
			continue;
		write_area(area, bytes); /* TLBs know every page */
		vfree(area);
		EXPECT(vmalloc_to_page(area) == NULL);
		vm_unmap_aliases();
		for (size_t page = 0; page < bytes; page += 4 * PAGE_SIZE)
			EXPECT(nothing_there((uintptr_t)area + page));
		EXPECT(nothing_there((uintptr_t)area + bytes - 4));
	}
	areas_end();
}

/* The same addresses show other pages: a TLB that was not told shows the old ones. */
SELFTEST(vmalloc, addresses_forget_what_they_showed)
{
	uint32_t state = BENCH_SEED;

	areas_begin();
	for (unsigned int round = 0; round < 200; round++) {
		size_t bytes = (1 + bench_next(&state) % 20) * PAGE_SIZE;
		char *first = take(bytes), *second = take(bytes);

		if (first != NULL && second != NULL) {
			write_area(first, bytes);
			write_area(second, bytes);
			EXPECT(area_is_as_written(first, bytes));
		}
		vfree(round % 2 == 0 ? first : second);
		if (round % 3 == 0)
			vm_unmap_aliases();
		vfree(round % 2 == 0 ? second : first);
	}
	areas_end();
}

/* --- many ------------------------------------------------------------------------------------- */

#define MANY 100U

static struct {
	char *area;
	size_t bytes;
} many[MANY];

SELFTEST(vmalloc, no_two_share_a_page)
{
	uint32_t state = BENCH_SEED;

	areas_begin();
	memset(many, 0, sizeof(many));
	for (unsigned int i = 0; i < 2000; i++) {
		unsigned int j = bench_next(&state) % MANY;
		uint32_t pages = 1 + bench_next(&state) % (i % 50 == 0 ? 300 : 25);

		if (many[j].area != NULL) {
			EXPECT(area_is_as_written(many[j].area, many[j].bytes));
			vfree(many[j].area);
			many[j].area = NULL;
			continue;
		}
		many[j].bytes = pages * PAGE_SIZE;
		many[j].area = take(many[j].bytes);
		if (many[j].area != NULL)
			write_area(many[j].area, many[j].bytes);
	}
	for (unsigned int j = 0; j < MANY; j++)
		if (many[j].area != NULL) {
			EXPECT(area_is_as_written(many[j].area, many[j].bytes));
			vfree(many[j].area);
		}
	areas_end();
}

/* Memory or addresses: whichever is out first. */
SELFTEST(vmalloc, all_there_is_and_back)
{
	static char *areas[256];
	unsigned int count = 0;

	areas_begin();
	while (count < ARRAY_SIZE(areas)) {
		areas[count] = take(8 * SZ_1M);
		if (areas[count] == NULL)
			break;
		write_area(areas[count], PAGE_SIZE);
		count++;
	}
	EXPECT(count > 0 || zones[ZONE_NORMAL].managed_pages < 8192);
	for (unsigned int i = 0; i < count; i++) {
		EXPECT(area_is_as_written(areas[i], PAGE_SIZE));
		vfree(areas[i]);
	}
	areas_end();
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Where no board has RAM: nothing is read there. */
static phys_addr_t no_ram(void)
{
	return memblock_start_of_DRAM() >= SZ_16M
		       ? 0
		       : ALIGN_UP((phys_addr_t)memblock_end_of_DRAM(), SECTION_SIZE);
}

#define EACH_BYTES SZ_8M /* addresses of each, its guard page among them */

static unsigned int fill_addresses(volatile char **areas, unsigned int most)
{
	unsigned int count = 0;

	while (count < most) {
		areas[count] = ioremap(no_ram(), EACH_BYTES - PAGE_SIZE);
		if (areas[count] == NULL)
			break;
		area_misuses = 0;
		count++;
	}
	return count;
}

SELFTEST(vmalloc, addresses_end_where_arithmetic_says)
{
	static volatile char *areas[512];
	unsigned int count;

	areas_begin();
	for (unsigned int round = 0; round < 2; round++) {
		count = fill_addresses(areas, ARRAY_SIZE(areas));
		EXPECT(told(VMALLOC_NO_ADDRESSES));
		EXPECT(totals_before.areas != 0 || count == totals_before.bytes / EACH_BYTES);
		EXPECT(count > 0 && nothing_there((uintptr_t)areas[0] + EACH_BYTES - PAGE_SIZE));
		while (count > 0)
			iounmap(areas[--count]);
	}
	areas_end();
}

/* --- the n-th request fails ------------------------------------------------------------------ */

/*
 * Until there is no n-th any more. Of single pages: who is refused a large block takes small ones.
 * Everything is as before each time, or areas_end sees it.
 */
static unsigned int refuse_each(struct fail_point *point, void (*set)(bool on))
{
	struct fail_point before = *point;
	unsigned int n = 0;
	char *area = NULL;

	while (area == NULL && n < 400) {
		*point = (struct fail_point){ .nth = ++n };
		set(true);
		area = take(15 * PAGE_SIZE);
		set(false);
	}
	if (area != NULL)
		check_area(area, 15 * PAGE_SIZE);
	vfree(area);
	*point = before;
	return n;
}

static void pages_fail_set(bool on)
{
	page_debug_set(PAGE_DEBUG_FAIL, on);
}

SELFTEST(vmalloc, each_request_may_fail)
{
	areas_begin();
	EXPECT(refuse_each(&object_fail, objects_fail_set) >= 2);
	EXPECT(refuse_each(&page_fail, pages_fail_set) >= 15);
	areas_end();
}

/* --- vmap ------------------------------------------------------------------------------------- */

SELFTEST(vmalloc, vmap_shows_pages_in_any_order)
{
	struct page *pages[5];
	volatile uint32_t *view, *reader;

	areas_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_page(GFP_HIGHUSER);
		write_page(pages[i]);
	}
	view = vmap(pages, 5, MEMORY_NORMAL, RIGHTS_WRITE);
	reader = vmap(pages, 5, MEMORY_NORMAL, RIGHTS_READ);
	EXPECT(view != NULL && reader != NULL);
	for (unsigned int i = 0; view != NULL && reader != NULL && i < ARRAY_SIZE(pages); i++) {
		EXPECT(view[i * PAGE_WORDS] == pattern_word(page_to_pfn(pages[i]), 0));
		view[i * PAGE_WORDS + 1] = i;
		EXPECT(reader[i * PAGE_WORDS + 1] == i);
		EXPECT(write_faults((uintptr_t)&reader[i * PAGE_WORDS + 1], FAULT_PERMISSION));
	}
	vunmap((const void *)view);
	vm_unmap_aliases();
	EXPECT(nothing_there((uintptr_t)view));
	EXPECT(reader[1] == 0);
	vunmap((const void *)reader);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		__free_page(pages[i]);
	areas_end();
}

/* --- ioremap ---------------------------------------------------------------------------------- */

/* The console's UART, which the fixmap shows already: both windows read the same registers. */
SELFTEST(vmalloc, ioremap_reads_the_same_registers)
{
	const volatile uint32_t *fixed = (const volatile uint32_t *)FIXMAP_BASE, *mapped;
	struct mapping mapping;

	if (!mmu_query(FIXMAP_BASE, &mapping))
		return; /* no console */
	areas_begin();
	mapped = ioremap(mapping.phys, PAGE_SIZE);
	EXPECT(mapped != NULL);
	/* Its identification: eight bytes from 0xfe0 on. */
	for (unsigned int i = 0xfe0 / 4; mapped != NULL && i < 0x1000 / 4; i++)
		EXPECT(mapped[i] == fixed[i]);
	EXPECT(mapped == NULL || (mapped[0xff0 / 4] & 0xff) == 0x0d);
	EXPECT(mmu_query((uintptr_t)mapped, &mapping) && mapping.kind == MEMORY_DEVICE &&
	       mapping.rights == RIGHTS_WRITE);
	EXPECT(ioremap_wc(mapping.phys + 16, 4) == NULL && told(VMALLOC_CONFLICT));
	iounmap(mapped);
	mapped = ioremap(mapping.phys + 0xff0, 4);
	EXPECT(mapped != NULL && ((uintptr_t)mapped & (PAGE_SIZE - 1)) == 0xff0 &&
	       (*mapped & 0xff) == 0x0d);
	iounmap(mapped);
	areas_end();
}

SELFTEST(vmalloc, ioremap_refuses_lowmem)
{
	struct page *page, *high;
	volatile char *mapped;

	areas_begin();
	page = alloc_page(GFP_KERNEL);
	high = alloc_page(GFP_HIGHUSER);
	EXPECT(ioremap(page_to_phys(page), 4) == NULL && told(VMALLOC_LINEAR_RAM));
	EXPECT(ioremap_cache(page_to_phys(page), 4) == NULL && told(VMALLOC_LINEAR_RAM));
	mapped = ioremap_wc(page_to_phys(high), PAGE_SIZE);
	EXPECT((mapped != NULL) == (page_address(high) == NULL));
	EXPECT(mapped != NULL || area_misuses > 0);
	area_misuses = 0;
	iounmap(mapped);
	__free_page(high);
	__free_page(page);
	areas_end();
}

/* --- wrong use -------------------------------------------------------------------------------- */

SELFTEST(vmalloc, wrong_use_is_told)
{
	char *area, *lowmem;

	areas_begin();
	area = take(3 * PAGE_SIZE);
	lowmem = (char *)kmalloc(100, GFP_KERNEL);
	EXPECT(area != NULL && lowmem != NULL);
	vfree(area + PAGE_SIZE);
	EXPECT(told(VMALLOC_MIDDLE));
	vunmap(area);
	EXPECT(told(VMALLOC_WRONG_KIND));
	iounmap(area);
	EXPECT(told(VMALLOC_WRONG_KIND));
	vfree(lowmem);
	EXPECT(told(VMALLOC_NO_AREA));
	check_area(area, 3 * PAGE_SIZE);
	vfree(area);
	vfree(area);
	EXPECT(told(VMALLOC_FREED_TWICE));
	EXPECT(vmalloc(0) == NULL && told(VMALLOC_NOTHING));
	EXPECT(vmalloc(SIZE_MAX) == NULL && told(VMALLOC_TOO_LARGE));
	kvfree(lowmem);
	kvfree(kvmalloc(SZ_4M + 1, GFP_KERNEL | __GFP_NOWARN));
	areas_end();
}
