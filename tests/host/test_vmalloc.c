/* SPDX-License-Identifier: MIT */
/* vmalloc, vmap and ioremap as their callers see them, on a double of the MMU that really maps. */
#include "mm/virt/vmalloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/phys/page_list.h"
#include "mm/virt/ioremap.h"
#include "mm/virt/page_tables.h"
#include "mmu_double.h"
#include "object_harness.h"

#define DEVICE 0x09000000U
/* Large blocks are there only where the page allocator has such orders. */
#define LARGE_BLOCKS (PAGE_ORDER_MAX >= 8)

static uintptr_t base;

static uint32_t misuses;
static struct vmalloc_misuse last_misuse;

static void note_misuse(const struct vmalloc_misuse *misuse)
{
	misuses++;
	last_misuse = *misuse;
	assert_non_null(misuse->call);
	assert_int_equal(double_irq_flags, 0);
}

/* --- around each test ------------------------------------------------------------------------- */

static uint32_t spare_before;

static uint32_t spare(void)
{
	uint32_t pages = 0;

	objects_shrink_all();
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += harness_spare_pages(zone);
	return pages;
}

static void start_with(const struct harness_machine *machine, uint32_t address_pages)
{
	objects_start(machine, NULL);
	harness_clear_watermarks();
	base = double_mmu_start();
	vmalloc_misuse_hook = note_misuse;
	vmalloc_in_interrupt_hook = NULL;
	misuses = 0;
	page_tables_init();
	vmalloc_init(base, base + (uintptr_t)address_pages * PAGE_SIZE);
	spare_before = spare();
}

static void start(void)
{
	start_with(NULL, DOUBLE_MMU_BYTES / PAGE_SIZE);
}

static void expect_misuse(enum vmalloc_misuse_kind kind, const char *call)
{
	assert_int_equal(misuses, 1);
	assert_int_equal(last_misuse.kind, kind);
	assert_string_equal(last_misuse.call, call);
	misuses = 0;
}

/* Nobody has anything, nothing is mapped or remembered, and no one was told of anything unexpected. */
static void expect_as_before(void)
{
	struct vmalloc_totals totals;

	vm_unmap_aliases();
	vmalloc_totals(&totals);
	assert_int_equal(totals.areas, 0);
	assert_int_equal(totals.used_bytes, 0);
	assert_int_equal(totals.lazy_areas, 0);
	assert_int_equal(totals.lazy_bytes, 0);
	assert_int_equal(totals.largest_gap_bytes, totals.bytes);
	assert_int_equal(double_mmu.mapped, 0);
	assert_int_equal(double_mmu.stale, 0);
	assert_int_equal(double_mmu.tables, 0);
	assert_int_equal(spare(), spare_before);
	assert_int_equal(misuses, 0);
	assert_int_equal(harness_misuses, 0);
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

static bool is_mapped(uintptr_t virt)
{
	struct mapping mapping;

	return mmu_query(virt, &mapping);
}

static uintptr_t address_of(const volatile void *address)
{
	return (uintptr_t)address;
}

/* --- vmalloc ----------------------------------------------------------------------------------- */

/* Each page is where vmalloc_to_page says, and nobody else's. */
static void check_contents(void *area, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += PAGE_SIZE) {
		uint32_t *word = (uint32_t *)((char *)area + done + 4 * (done / PAGE_SIZE % 1000));
		struct page *page = vmalloc_to_page(word);
		const char *data = harness_page_data(page);

		*word = (uint32_t)(done ^ 0x5a5a0000);
		assert_memory_equal(data + address_of(word) % PAGE_SIZE, word, 4);
		assert_int_equal(page_count(page), 1);
	}
	for (size_t done = 0; done < bytes; done += PAGE_SIZE)
		assert_int_equal(*(uint32_t *)((char *)area + done + 4 * (done / PAGE_SIZE % 1000)),
				 done ^ 0x5a5a0000);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1,      4096,    4097,    65535,   65536,  65537,
					200000, 1048575, 1048576, 1200000, 5000000 };

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t bytes = ALIGN_UP(sizes[i], PAGE_SIZE);
		char *area = vmalloc(sizes[i]);

		assert_non_null(area);
		assert_true(is_vmalloc_addr(area) && is_vmalloc_addr(area + sizes[i] - 1));
		assert_int_equal(double_mmu.mapped, bytes / PAGE_SIZE);
		assert_false(is_mapped(address_of(area) + bytes));
		check_contents(area, sizes[i]);
		vfree(area);
		assert_int_equal(double_mmu.mapped, 0);
		assert_null(vmalloc_to_page(area));
	}
	expect_as_before();
}

static void test_nothing(void **state)
{
	(void)state;
	start();
	vfree(NULL);
	vunmap(NULL);
	iounmap(NULL);
	kvfree(NULL);
	vm_unmap_aliases();
	assert_int_equal(double_mmu.flushes, 0);
	assert_null(vmalloc(0));
	expect_misuse(VMALLOC_NOTHING, "vmalloc");
	assert_null(vzalloc(0));
	expect_misuse(VMALLOC_NOTHING, "vzalloc");
	assert_null(__vmalloc_area(0, GFP_KERNEL | __GFP_NOWARN, 0, 1));
	assert_false(is_vmalloc_addr((char *)base - 1));
	assert_true(is_vmalloc_addr((char *)base));
	assert_true(is_vmalloc_addr((char *)base + DOUBLE_MMU_BYTES - 1));
	assert_false(is_vmalloc_addr((char *)base + DOUBLE_MMU_BYTES));
	assert_null(vmalloc_to_page(NULL));
	expect_as_before();
}

/* More than all RAM is refused before anything is touched; more than is free, afterwards. */
static void test_too_much(void **state)
{
	size_t all = (size_t)spare_before * PAGE_SIZE;

	(void)state;
	start();
	all = (size_t)spare_before * PAGE_SIZE;
	assert_null(vmalloc(all + SZ_1M));
	expect_misuse(VMALLOC_TOO_LARGE, "vmalloc");
	assert_null(vmalloc(UINT32_MAX));
	expect_misuse(VMALLOC_TOO_LARGE, "vmalloc");
	assert_int_equal(double_mmu.flushes, 0);
	assert_null(__vmalloc_area(SIZE_MAX, GFP_KERNEL | __GFP_NOWARN, 0, 1));
	assert_null(vmalloc(all));
	assert_int_equal(harness_refusals, 1);
	assert_int_equal(harness_last_refusal.order, 0);
	expect_as_before();
}

static void test_highmem_first(void **state)
{
	void *area;

	(void)state;
	start();
	area = vmalloc(SZ_1M);
	for (size_t done = 0; done < SZ_1M; done += PAGE_SIZE)
		assert_null(page_address(vmalloc_to_page((char *)area + done)));
	vfree(area);
	area = __vmalloc_area(SZ_1M, GFP_KERNEL | GFP_DMA, 0, 1);
	for (size_t done = 0; done < SZ_1M; done += PAGE_SIZE)
		assert_true(page_to_pfn(vmalloc_to_page((char *)area + done)) <
			    HARNESS_BASE_PFN + 4096);
	vfree(area);
	expect_as_before();
}

static void test_guards(void **state)
{
	char *first, *second, *third;

	(void)state;
	start();
	first = vmalloc(3 * PAGE_SIZE);
	second = __vmalloc_area(2 * PAGE_SIZE, GFP_KERNEL, VM_GUARD_BEFORE, 1);
	third = vmalloc(PAGE_SIZE);
	assert_int_equal(address_of(first), base);
	assert_int_equal(second - first, 5 * PAGE_SIZE); /* three, and a guard of each */
	assert_int_equal(third - second, 3 * PAGE_SIZE);
	assert_false(is_mapped(address_of(first) + 3 * PAGE_SIZE));
	assert_false(is_mapped(address_of(second) - PAGE_SIZE));
	assert_true(is_mapped(address_of(second)) && is_mapped(address_of(second) + PAGE_SIZE));
	assert_false(is_mapped(address_of(second) + 2 * PAGE_SIZE));
	check_contents(second, 2 * PAGE_SIZE);
	vfree(first);
	vfree(second);
	vfree(third);
	expect_as_before();
}

static void dirty_all_memory(void)
{
	for (uint32_t pfn = HARNESS_BASE_PFN; pfn < HARNESS_BASE_PFN + 20480; pfn++) {
		struct page *head = page_block_head(pfn);

		if (page_type(head) == PAGE_FREE && head == pfn_to_page(pfn))
			for (uint32_t i = 0; i < 1U << page_order(head); i++)
				memset(harness_page_data(head + i), 0xdb, PAGE_SIZE);
	}
}

static bool is_zero(const char *memory, size_t bytes)
{
	return memory[0] == 0 && memcmp(memory, memory + 1, bytes - 1) == 0;
}

static void test_zeroed(void **state)
{
	static const size_t sizes[] = { 1, 70000, 1100000 };

	(void)state;
	start();
	objects_shrink_all();
	dirty_all_memory();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *area = vzalloc(sizes[i]);

		assert_true(is_zero(area, ALIGN_UP(sizes[i], PAGE_SIZE)));
		memset(area, 0xdb, ALIGN_UP(sizes[i], PAGE_SIZE));
		vfree(area);
	}
	expect_as_before();
}

/* --- blocks ------------------------------------------------------------------------------------ */

static void expect_entries(const char *area, size_t bytes, size_t entry)
{
	for (size_t done = 0; done < bytes; done += PAGE_SIZE)
		assert_int_equal(double_mmu_entry_bytes(address_of(area) + done), entry);
}

static void test_large_entries(void **state)
{
	char *area;

	(void)state;
	start();
	if (!LARGE_BLOCKS)
		return;
	area = vmalloc(2 * SZ_1M + 0x10000 + 0x3000);
	assert_true(IS_ALIGNED(address_of(area), SECTION_SIZE));
	expect_entries(area, 2 * SZ_1M, SECTION_SIZE);
	expect_entries(area + 2 * SZ_1M, 0x10000, LARGE_PAGE_SIZE);
	expect_entries(area + 2 * SZ_1M + 0x10000, 0x3000, PAGE_SIZE);
	vfree(area);
	area = vmalloc(0xf000);
	expect_entries(area, 0xf000, PAGE_SIZE);
	vfree(area);
	expect_as_before();
}

/* Free memory in pieces of so many pages: what is larger is not to be had. */
static struct page *scatter(uint32_t pages)
{
	struct page *kept = NULL, *given = NULL, *page;

	while ((page = alloc_page(GFP_HIGHUSER | __GFP_NOWARN)) != NULL) {
		struct page **list = page_to_pfn(page) % pages == 0 ? &kept : &given;

		page->link[LINK_NEXT] = page_link(*list != NULL ? *list : page);
		*list = page;
	}
	for (page = given; page != NULL;) {
		struct page *next = page_list_next(page);

		__free_page(page);
		page = next != page ? next : NULL;
	}
	return kept;
}

static void free_list(struct page *page)
{
	while (page != NULL) {
		struct page *next = page_list_next(page);

		__free_page(page);
		page = next != page ? next : NULL;
	}
}

static void test_smaller_blocks_will_do(void **state)
{
	struct page *kept;
	char *area;

	(void)state;
	start();
	if (!LARGE_BLOCKS)
		return;
	kept = scatter(64);
	harness_refusals = 0;
	area = vmalloc(SZ_1M + 0x2000);
	assert_non_null(area);
	assert_int_equal(harness_refusals, 0); /* nobody was told of the large one */
	expect_entries(area, SZ_1M, LARGE_PAGE_SIZE);
	check_contents(area, SZ_1M + 0x2000);
	vfree(area);
	free_list(kept);
	kept = scatter(4);
	area = vmalloc(SZ_1M + 0x2000);
	assert_non_null(area);
	expect_entries(area, SZ_1M + 0x2000, PAGE_SIZE);
	check_contents(area, SZ_1M + 0x2000);
	vfree(area);
	free_list(kept);
	expect_as_before();
}

/* Who holds a page of an area holds its block, and keeps it when the area is gone. */
static void test_a_page_held_stays(void **state)
{
	char *area;
	struct page *page;

	(void)state;
	start();
	area = vmalloc(SZ_1M);
	page = vmalloc_to_page(area + 5 * PAGE_SIZE);
	get_page(page);
	assert_int_equal(page_count(page), 2);
	strcpy(area + 5 * PAGE_SIZE, "kept");
	vfree(area);
	vm_unmap_aliases();
	assert_int_equal(page_count(page), 1);
	assert_string_equal((char *)harness_page_data(page), "kept");
	put_page(page);
	assert_int_equal(page_count(page), 0);
	expect_as_before();
}

/* Addresses aligned for large entries are used up: what is left serves by small ones. */
static void test_unaligned_gap_will_do(void **state)
{
	char *first, *second;

	(void)state;
	start_with(NULL, 600);
	first = vmalloc(SZ_1M);
	second = vmalloc(SZ_1M);
	assert_non_null(second);
	assert_int_equal(address_of(second), base + 257 * PAGE_SIZE);
	check_contents(second, SZ_1M);
	vfree(first);
	vfree(second);
	expect_as_before();
}

/* --- kvmalloc ---------------------------------------------------------------------------------- */

static void test_kvmalloc(void **state)
{
	struct page *kept;
	char *memory;

	(void)state;
	start();
	assert_ptr_equal(kvmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	kvfree(ZERO_SIZE_PTR);
	memory = kvmalloc(100, GFP_KERNEL);
	assert_true(memory != NULL && !is_vmalloc_addr(memory));
	kvfree(memory);
	memory = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
	assert_true(is_vmalloc_addr(memory));
	check_contents(memory, KMALLOC_MAX_SIZE + 1);
	kvfree(memory);
	kept = scatter(2);
	memory = kvmalloc(3 * PAGE_SIZE, GFP_KERNEL);
	assert_true(is_vmalloc_addr(memory));
	kvfree(memory);
	/* Who may not wait gets no vmalloc; a page or less neither. */
	assert_null(kvmalloc(3 * PAGE_SIZE, GFP_ATOMIC));
	memory = kvzalloc(3 * PAGE_SIZE, GFP_KERNEL);
	assert_true(is_vmalloc_addr(memory) && is_zero(memory, 3 * PAGE_SIZE));
	kvfree(memory);
	assert_int_equal(harness_refusals, 0);
	free_list(kept);
	expect_as_before();
}

/* --- lazily freed ------------------------------------------------------------------------------ */

static struct vmalloc_totals totals_now(void)
{
	struct vmalloc_totals totals;

	vmalloc_totals(&totals);
	return totals;
}

static void test_addresses_wait_for_a_flush(void **state)
{
	char *first, *second;
	uint32_t free_pages;

	(void)state;
	start();
	free_pages = spare();
	first = vmalloc(3 * PAGE_SIZE);
	vfree(first);
	assert_int_equal(double_mmu.flushes, 0);
	assert_int_equal(double_mmu.stale, 3);
	assert_true(free_pages - spare() <=
		    4); /* the pages are back; a table, and the area's slab */
	second = vmalloc(3 * PAGE_SIZE);
	assert_int_equal(second - first, 4 * PAGE_SIZE);
	assert_int_equal(totals_now().lazy_bytes, 4 * PAGE_SIZE);
	vm_unmap_aliases();
	assert_int_equal(double_mmu.flushes, 1);
	assert_int_equal(totals_now().lazy_bytes, 0);
	assert_ptr_equal(vmalloc(3 * PAGE_SIZE), first);
	vfree(first);
	vfree(second);
	expect_as_before();
}

/* The 64th area that is freed purges all, by one flush. */
static void test_so_many_areas_purge(void **state)
{
	char *areas[70];

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++)
		areas[i] = vmalloc(PAGE_SIZE);
	/* Every other one first: they do not join. */
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i += 2)
		vfree(areas[i]);
	for (unsigned int i = 1; i < 57; i += 2)
		vfree(areas[i]);
	assert_int_equal(double_mmu.flushes, 0);
	assert_int_equal(totals_now().lazy_areas, 63);
	vfree(areas[57]);
	assert_int_equal(double_mmu.flushes, 1);
	assert_int_equal(totals_now().lazy_areas, 0);
	assert_int_equal(totals_now().areas, 6);
	assert_int_equal(double_mmu.stale, 0);
	for (unsigned int i = 59; i < ARRAY_SIZE(areas); i += 2)
		vfree(areas[i]);
	expect_as_before();
}

static void test_so_many_bytes_purge(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < 3; i++) {
		char *area = vmalloc(11 * SZ_1M - PAGE_SIZE); /* 11 MiB of addresses */

		assert_int_equal(double_mmu.flushes, 0);
		vfree(area);
	}
	assert_int_equal(double_mmu.flushes, 1);
	assert_int_equal(double_mmu.stale, 0);
	expect_as_before();
}

/* Exactly 32 MiB are not more than that. */
static void test_not_too_early(void **state)
{
	(void)state;
	start();
	for (unsigned int i = 0; i < 4; i++)
		vfree(vmalloc(8 * SZ_1M - PAGE_SIZE));
	assert_int_equal(double_mmu.flushes, 0);
	vfree(vmalloc(PAGE_SIZE));
	assert_int_equal(double_mmu.flushes, 1);
	expect_as_before();
}

/* --- exhaustion -------------------------------------------------------------------------------- */

static void test_addresses_run_out(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 15, 16, 40, 300 };
	static void *areas[2049];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t count = 0, each = sizes[i] + 1;

		start_with(NULL, 4096);
		for (unsigned int round = 0; round < 2; round++) {
			while ((areas[count] = vmalloc(sizes[i] * PAGE_SIZE)) != NULL)
				count++;
			expect_misuse(VMALLOC_NO_ADDRESSES, "vmalloc");
			assert_true(totals_now().largest_gap_bytes < each * PAGE_SIZE);
			if (sizes[i] < 16)
				assert_int_equal(count, 4096 / each);
			while (count > 0)
				vfree(areas[--count]);
		}
		expect_as_before();
	}
}

/* Lazily freed addresses are no reason to refuse. */
static void test_purge_before_refusal(void **state)
{
	char *area;

	(void)state;
	start_with(NULL, 512);
	vfree(vmalloc(300 * PAGE_SIZE));
	assert_int_equal(double_mmu.flushes, 0);
	area = vmalloc(400 * PAGE_SIZE);
	assert_int_equal(double_mmu.flushes, 1);
	assert_int_equal(address_of(area), base);
	vfree(area);
	assert_null(vmalloc(512 * PAGE_SIZE));
	expect_misuse(VMALLOC_NO_ADDRESSES, "vmalloc");
	area = vmalloc(511 * PAGE_SIZE);
	assert_non_null(area);
	vfree(area);
	expect_as_before();
}

/* --- vmap -------------------------------------------------------------------------------------- */

static struct page *shown[40];

static void take_shown(gfp_t gfp)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
		shown[i] = alloc_page(gfp);
}

static void give_shown(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
		__free_page(shown[i]);
}

static void test_vmap(void **state)
{
	struct page *pages[ARRAY_SIZE(shown)];
	struct mapping mapping;
	char *area, *again;

	(void)state;
	start();
	take_shown(GFP_HIGHUSER);
	for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
		pages[i] = shown[i * 7 % ARRAY_SIZE(shown)];
	area = vmap(pages, ARRAY_SIZE(pages), MEMORY_NORMAL, RIGHTS_WRITE);
	again = vmap(pages, 2, MEMORY_NORMAL, RIGHTS_READ);
	assert_true(area != NULL && again != NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_ptr_equal(vmalloc_to_page(area + i * PAGE_SIZE + 17), pages[i]);
		area[i * PAGE_SIZE + i] = (char)(i + 1);
		assert_int_equal(((char *)harness_page_data(pages[i]))[i], i + 1);
	}
	assert_false(is_mapped(address_of(area) + sizeof(pages) / sizeof(pages[0]) * PAGE_SIZE));
	assert_int_equal(again[PAGE_SIZE + 1], 2);
	assert_true(mmu_query(address_of(again), &mapping) && mapping.rights == RIGHTS_READ);
	memset(pages, 0, sizeof(pages)); /* the array is the caller's again */
	vunmap(area);
	vunmap(again);
	assert_int_equal(page_count(shown[3]), 1);
	give_shown();
	expect_as_before();
}

static void test_vmap_refuses(void **state)
{
	struct page *pages[3];

	(void)state;
	start();
	take_shown(GFP_HIGHUSER);
	assert_null(vmap(shown, 0, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_NOTHING, "vmap");
	assert_null(vmap(shown, UINT32_MAX, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_TOO_LARGE, "vmap");
	memcpy(pages, shown, sizeof(pages));
	pages[1] = NULL;
	assert_null(vmap(pages, 3, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_NO_PAGE, "vmap");
	pages[1] = (struct page *)((char *)shown[1] + 4);
	assert_null(vmap(pages, 3, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_NO_PAGE, "vmap");
	pages[1] = shown[1];
	pages[2] = phys_to_page(DEVICE);
	assert_null(vmap(pages, 3, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_NO_PAGE, "vmap");
	assert_int_equal(last_misuse.address, address_of(pages[2]));
	give_shown();
	expect_as_before();
}

/* --- ioremap ----------------------------------------------------------------------------------- */

static void test_ioremap(void **state)
{
	volatile char *area, *unaligned;
	struct mapping mapping;

	(void)state;
	start();
	area = ioremap(DEVICE, 0x1000);
	assert_true(mmu_query(address_of(area), &mapping) && mapping.phys == DEVICE &&
		    mapping.kind == MEMORY_DEVICE && mapping.rights == RIGHTS_WRITE);
	assert_int_equal(double_mmu.mapped, 1);
	unaligned = ioremap(DEVICE + 0xff8, 16);
	assert_int_equal(address_of(unaligned) % PAGE_SIZE, 0xff8);
	assert_int_equal(double_mmu.mapped, 3);
	assert_true(mmu_query(address_of(unaligned) + 8, &mapping) &&
		    mapping.phys == DEVICE + 0x1000);
	iounmap(area + 0x123); /* anywhere in the first page */
	iounmap(unaligned);
	assert_int_equal(double_mmu.mapped, 0);
	area = ioremap_wc(DEVICE, 1);
	assert_true(mmu_query(address_of(area), &mapping) && mapping.kind == MEMORY_NONCACHED);
	iounmap(area);
	area = ioremap_cache(DEVICE, 1);
	assert_true(mmu_query(address_of(area), &mapping) && mapping.kind == MEMORY_NORMAL);
	iounmap(area);
	expect_as_before();
}

static void test_ioremap_large(void **state)
{
	volatile char *area;

	(void)state;
	start();
	ioremap(0x3f000000, PAGE_SIZE);
	area = ioremap(0x3f200000, 16 * SZ_1M);
	assert_null(area); /* into RAM, which begins at 1 GiB */
	expect_misuse(VMALLOC_LINEAR_RAM, "ioremap");
	area = ioremap(0x30000000, 16 * SZ_1M + 0x11000);
	expect_entries((const char *)area, 16 * SZ_1M, SECTION_SIZE);
	expect_entries((const char *)area + 16 * SZ_1M, 0x10000, LARGE_PAGE_SIZE);
	assert_false(is_mapped(address_of(area) + 16 * SZ_1M + 0x11000));
	iounmap(area);
	iounmap((void *)base);
	expect_as_before();
}

static void test_ioremap_edges(void **state)
{
	volatile char *area;

	(void)state;
	start();
	assert_null(ioremap(DEVICE, 0));
	expect_misuse(VMALLOC_NOTHING, "ioremap");
	assert_null(ioremap(0xfffff000, 0x1001));
	expect_misuse(VMALLOC_NOTHING, "ioremap");
	assert_null(ioremap_wc(0x80000000, 0xffffffff));
	expect_misuse(VMALLOC_NOTHING, "ioremap_wc");
	area = ioremap(0xfffff000, 0x1000); /* the last page */
	assert_non_null(area);
	iounmap(area);
	assert_null(ioremap_cache(0x60000000, 0x90000000));
	expect_misuse(VMALLOC_NO_ADDRESSES, "ioremap_cache");
	expect_as_before();
}

static void test_ioremap_of_ram(void **state)
{
	static const struct harness_machine machine = {
		.zone_pages = { [ZONE_DMA] = 4096, [ZONE_NORMAL] = 4096, [ZONE_HIGHMEM] = 4096 },
		.pieces = { { 5000, 16, PIECE_NO_MAP } },
	};
	phys_addr_t ram = PFN_PHYS(HARNESS_BASE_PFN), high = ram + 8192 * PAGE_SIZE;
	volatile char *area;

	(void)state;
	start_with(&machine, 4096);
	assert_null(ioremap(ram + 0x5000, 4));
	expect_misuse(VMALLOC_LINEAR_RAM, "ioremap");
	assert_int_equal(last_misuse.phys, ram + 0x5000);
	assert_null(ioremap_cache(ram - PAGE_SIZE, 2 * PAGE_SIZE));
	expect_misuse(VMALLOC_LINEAR_RAM, "ioremap_cache");
	assert_int_equal(last_misuse.phys, ram);
	assert_null(ioremap(high - 4, 8));
	expect_misuse(VMALLOC_LINEAR_RAM, "ioremap");
	area = ioremap(high, PAGE_SIZE);
	assert_non_null(area);
	iounmap(area);
	area = ioremap_wc(ram + 5000 * PAGE_SIZE, 16 * PAGE_SIZE);
	assert_non_null(area);
	iounmap(area);
	assert_null(ioremap_wc(ram + 5000 * PAGE_SIZE, 17 * PAGE_SIZE));
	expect_misuse(VMALLOC_LINEAR_RAM, "ioremap_wc");
	expect_as_before();
}

/* --- two kinds of memory ----------------------------------------------------------------------- */

static void expect_conflict(const char *call, phys_addr_t phys, const volatile void *other,
			    enum vmap_kind kind, enum memory_kind memory)
{
	expect_misuse(VMALLOC_CONFLICT, call);
	assert_int_equal(last_misuse.phys, phys);
	assert_int_equal(last_misuse.other_start, address_of(other));
	assert_int_equal(last_misuse.other_kind, kind);
	assert_int_equal(last_misuse.other_memory, memory);
}

static void test_devices_have_one_kind(void **state)
{
	volatile char *area, *same;

	(void)state;
	start();
	area = ioremap(DEVICE, 0x2000);
	same = ioremap(DEVICE + 0x1000, 0x1000);
	assert_non_null(same);
	assert_null(ioremap_wc(DEVICE + 0x1ffc, 8));
	expect_conflict("ioremap_wc", DEVICE + 0x1000, area + 0x1000, VMAP_IOREMAP, MEMORY_DEVICE);
	assert_null(ioremap_cache(DEVICE - 0x1000, 0x1001));
	expect_conflict("ioremap_cache", DEVICE, area, VMAP_IOREMAP, MEMORY_DEVICE);
	iounmap(area);
	assert_null(ioremap_wc(DEVICE + 0x1ffc, 8));
	expect_conflict("ioremap_wc", DEVICE + 0x1000, same, VMAP_IOREMAP, MEMORY_DEVICE);
	iounmap(same);
	area = ioremap_wc(DEVICE + 0x1ffc, 8);
	assert_non_null(area);
	iounmap(area);
	expect_as_before();
}

static void test_pages_have_one_kind(void **state)
{
	struct page *page, *low;
	volatile char *io;
	char *area, *view;

	(void)state;
	start();
	area = vmalloc(70000);
	page = vmalloc_to_page(area + 0x11000);
	assert_null(vmap(&page, 1, MEMORY_NONCACHED, RIGHTS_WRITE));
	assert_int_equal(last_misuse.other_start, address_of(area) + 0x11000);
	expect_conflict("vmap", page_to_phys(page), area + 0x11000, VMAP_VMALLOC, MEMORY_NORMAL);
	assert_null(ioremap(page_to_phys(page) + 8, 4));
	expect_conflict("ioremap", page_to_phys(page), area + 0x11000, VMAP_VMALLOC, MEMORY_NORMAL);
	view = vmap(&page, 1, MEMORY_NORMAL, RIGHTS_WRITE);
	assert_non_null(view);
	vunmap(view);
	vfree(area);

	page = alloc_page(GFP_HIGHUSER);
	io = ioremap_wc(page_to_phys(page), PAGE_SIZE);
	assert_null(vmap(&page, 1, MEMORY_NORMAL, RIGHTS_READ));
	expect_conflict("vmap", page_to_phys(page), io, VMAP_IOREMAP, MEMORY_NONCACHED);
	iounmap(io);
	view = vmap(&page, 1, MEMORY_NONCACHED, RIGHTS_WRITE);
	assert_non_null(view);
	assert_null(ioremap(page_to_phys(page), PAGE_SIZE));
	expect_conflict("ioremap", page_to_phys(page), view, VMAP_VMAP, MEMORY_NONCACHED);
	vunmap(view);
	__free_page(page);

	low = alloc_page(GFP_KERNEL);
	assert_null(vmap(&low, 1, MEMORY_NONCACHED, RIGHTS_WRITE));
	expect_conflict("vmap", page_to_phys(low), page_address(low), VMAP_LINEAR_MAP,
			MEMORY_NORMAL);
	__free_page(low);
	expect_as_before();
}

/* Frames beside one that is mapped otherwise, on both sides of it, are nobody's. */
static void test_neighbours_are_no_conflict(void **state)
{
	struct page *block, *around[2];
	volatile char *io;
	void *view;

	(void)state;
	start();
	block = alloc_pages(GFP_HIGHUSER, 2);
	around[0] = block;
	around[1] = block + 2;
	io = ioremap_wc(page_to_phys(block + 1), PAGE_SIZE);
	view = vmap(around, 2, MEMORY_NORMAL, RIGHTS_WRITE);
	assert_non_null(view);
	vunmap(view);
	iounmap(io);
	__free_pages(block, 2);
	expect_as_before();
}

/* Before frames change their kind, TLBs forget what they were. */
static void test_kinds_change_after_a_flush(void **state)
{
	struct page *page;
	void *view;

	(void)state;
	start();
	page = alloc_page(GFP_HIGHUSER);
	view = vmap(&page, 1, MEMORY_NORMAL, RIGHTS_WRITE);
	vunmap(view);
	assert_int_equal(double_mmu.stale, 1);
	view = vmap(&page, 1, MEMORY_NONCACHED, RIGHTS_WRITE);
	assert_int_equal(double_mmu.stale, 0);
	vunmap(view);
	view = vmap(&page, 1, MEMORY_NORMAL, RIGHTS_WRITE);
	vunmap(view);
	iounmap(ioremap(page_to_phys(page), 4));
	assert_int_equal(double_mmu.stale, 1);
	__free_page(page);
	expect_as_before();
}

/* --- wrong use --------------------------------------------------------------------------------- */

static void test_misuse(void **state)
{
	char *area, *view;
	volatile char *io;

	(void)state;
	start();
	take_shown(GFP_HIGHUSER);
	area = vmalloc(3 * PAGE_SIZE);
	view = vmap(shown, 2, MEMORY_NORMAL, RIGHTS_WRITE);
	io = ioremap(DEVICE, 0x2000);

	vfree(area + 8);
	expect_misuse(VMALLOC_MIDDLE, "vfree");
	vfree(area + PAGE_SIZE);
	expect_misuse(VMALLOC_MIDDLE, "vfree");
	assert_int_equal(last_misuse.address, address_of(area) + PAGE_SIZE);
	assert_int_equal(last_misuse.other_start, address_of(area));
	assert_int_equal(last_misuse.other_bytes, 3 * PAGE_SIZE);
	vfree(area + 3 * PAGE_SIZE); /* its guard page */
	expect_misuse(VMALLOC_MIDDLE, "vfree");
	iounmap(io + 0x1000);
	expect_misuse(VMALLOC_MIDDLE, "iounmap");
	vunmap(view + PAGE_SIZE);
	expect_misuse(VMALLOC_MIDDLE, "vunmap");
	vfree((char *)base + SZ_1M);
	expect_misuse(VMALLOC_NO_AREA, "vfree");
	vfree((void *)16);
	expect_misuse(VMALLOC_NO_AREA, "vfree");
	vunmap(shown);
	expect_misuse(VMALLOC_NO_AREA, "vunmap");
	iounmap((void *)~0xfffUL);
	expect_misuse(VMALLOC_NO_AREA, "iounmap");
	kvfree((char *)base + SZ_1M);
	expect_misuse(VMALLOC_NO_AREA, "kvfree");

	vunmap(area);
	expect_misuse(VMALLOC_WRONG_KIND, "vunmap");
	assert_int_equal(last_misuse.other_kind, VMAP_VMALLOC);
	iounmap(area);
	expect_misuse(VMALLOC_WRONG_KIND, "iounmap");
	vfree(view);
	expect_misuse(VMALLOC_WRONG_KIND, "vfree");
	assert_int_equal(last_misuse.other_kind, VMAP_VMAP);
	iounmap(view);
	expect_misuse(VMALLOC_WRONG_KIND, "iounmap");
	vfree((const void *)io);
	expect_misuse(VMALLOC_WRONG_KIND, "vfree");
	vunmap((const void *)io);
	expect_misuse(VMALLOC_WRONG_KIND, "vunmap");
	kvfree(view);
	expect_misuse(VMALLOC_WRONG_KIND, "kvfree");

	/* None of it did anything. */
	check_contents(area, 3 * PAGE_SIZE);
	assert_int_equal(double_mmu.mapped, 7);
	vfree(area);
	vfree(area);
	expect_misuse(VMALLOC_FREED_TWICE, "vfree");
	vunmap(view);
	vunmap(view);
	expect_misuse(VMALLOC_FREED_TWICE, "vunmap");
	iounmap(io);
	vm_unmap_aliases();
	iounmap(io);
	expect_misuse(VMALLOC_NO_AREA, "iounmap");
	give_shown();
	expect_as_before();
}

static bool yes(void)
{
	return true;
}

static void test_interrupts(void **state)
{
	volatile char *io;
	char *area, *view;
	uint32_t irq;

	(void)state;
	start();
	take_shown(GFP_HIGHUSER);
	area = vmalloc(PAGE_SIZE);
	view = vmap(shown, 1, MEMORY_NORMAL, RIGHTS_WRITE);
	io = ioremap(DEVICE, 4);
	vmalloc_in_interrupt_hook = yes;
	assert_null(vmalloc(PAGE_SIZE));
	expect_misuse(VMALLOC_IN_INTERRUPT, "vmalloc");
	assert_null(kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	expect_misuse(VMALLOC_IN_INTERRUPT, "kvmalloc");
	assert_null(vmap(shown, 1, MEMORY_NORMAL, RIGHTS_WRITE));
	expect_misuse(VMALLOC_IN_INTERRUPT, "vmap");
	assert_null(ioremap(DEVICE, 4));
	expect_misuse(VMALLOC_IN_INTERRUPT, "ioremap");
	vunmap(view);
	expect_misuse(VMALLOC_IN_INTERRUPT, "vunmap");
	iounmap(io);
	expect_misuse(VMALLOC_IN_INTERRUPT, "iounmap");
	assert_int_equal(double_mmu.mapped, 3);
	vfree(area); /* as in Linux; what it costs others, others pay */
	assert_int_equal(double_mmu.mapped, 2);
	vmalloc_in_interrupt_hook = NULL;
	/* Masked interrupts alone are no error. */
	irq = local_irq_save();
	vunmap(view);
	iounmap(io);
	area = vmalloc(PAGE_SIZE);
	assert_non_null(area);
	vfree(area);
	local_irq_restore(irq);
	give_shown();
	expect_as_before();
}

static void test_handlers_do_not_purge(void **state)
{
	void *areas[80];

	(void)state;
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(areas); i++)
		areas[i] = vmalloc(PAGE_SIZE);
	vmalloc_in_interrupt_hook = yes;
	for (unsigned int i = 0; i < ARRAY_SIZE(areas) - 1; i++)
		vfree(areas[i]);
	assert_int_equal(double_mmu.flushes, 0);
	vmalloc_in_interrupt_hook = NULL;
	vfree(areas[ARRAY_SIZE(areas) - 1]);
	assert_int_equal(double_mmu.flushes, 1);
	expect_as_before();
}

/* --- the n-th request fails -------------------------------------------------------------------- */

static void *try_vmalloc(void)
{
	return vmalloc(1100000);
}

static void *try_vmap(void)
{
	return vmap(shown, ARRAY_SIZE(shown), MEMORY_NORMAL, RIGHTS_WRITE);
}

/* Over the end of a megabyte: two tables. */
static void *try_ioremap(void)
{
	return (void *)ioremap(DEVICE, SZ_1M + 5 * PAGE_SIZE);
}

static void *try_kvmalloc(void)
{
	return kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
}

static const struct attempt {
	void *(*call)(void);
	void (*undo)(const void *address);
} attempts[] = {
	{ try_vmalloc, vfree },
	{ try_vmap, vunmap },
	{ try_ioremap, (void (*)(const void *))iounmap },
	{ try_kvmalloc, kvfree },
};

static void fail_nth(struct fail_point *point, void (*set)(bool on), uint32_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "nth:%u", n);
	assert_null(fail_point_parse(point, text));
	set(true);
}

static void pages_fail_set(bool on)
{
	page_debug_set(PAGE_DEBUG_FAIL, on);
}

/* Until there is no n-th request any more: then it succeeds. */
static uint32_t fail_each(const struct attempt *attempt, struct fail_point *point,
			  void (*set)(bool on))
{
	uint32_t spare_pages = spare(), refused = 0;
	struct double_mmu_counts before;
	void *area = NULL;

	vm_unmap_aliases();
	for (uint32_t n = 1; area == NULL; n++) {
		before = double_mmu;
		fail_nth(point, set, n);
		area = attempt->call();
		set(false);
		if (area != NULL)
			break;
		refused++;
		assert_int_equal(point->failed, 1);
		assert_int_equal(totals_now().areas, 0);
		assert_int_equal(double_mmu.mapped, before.mapped);
		assert_int_equal(double_mmu.stale, 0);
		assert_int_equal(double_mmu.tables, 0);
		assert_int_equal(spare(), spare_pages);
	}
	attempt->undo(area);
	vm_unmap_aliases();
	return refused;
}

static void test_each_request_fails(void **state)
{
	(void)state;
	start();
	take_shown(GFP_HIGHUSER);
	for (unsigned int i = 0; i < ARRAY_SIZE(attempts); i++) {
		assert_true(fail_each(&attempts[i], &object_fail, objects_fail_set) >= 2);
		assert_true(fail_each(&attempts[i], &page_fail, pages_fail_set) >= 1);
	}
	give_shown();
	expect_as_before();
}

/* --- what there is ----------------------------------------------------------------------------- */

static void test_snapshots(void **state)
{
	struct vmalloc_snapshot area;
	struct vmalloc_totals totals;
	char *first, *second;
	volatile char *io;

	(void)state;
	start();
	assert_false(vmalloc_snapshot(0, &area));
	first = __vmalloc_area(5000, GFP_KERNEL, 0, 0x1234);
	io = ioremap_wc(DEVICE + 4, 4);
	second = vmalloc(PAGE_SIZE);
	assert_true(vmalloc_snapshot(0, &area));
	assert_true(area.start == address_of(first) && area.bytes == 3 * PAGE_SIZE &&
		    area.pages == 2 && area.caller == 0x1234 && area.phys == 0 &&
		    area.kind == VMAP_VMALLOC && area.memory == MEMORY_NORMAL && !area.lazy);
	assert_true(vmalloc_snapshot(area.start + area.bytes, &area));
	assert_true(area.start == ALIGN_DOWN(address_of(io), PAGE_SIZE) && area.phys == DEVICE &&
		    area.pages == 0 && area.kind == VMAP_IOREMAP && area.caller != 0 &&
		    area.memory == MEMORY_NONCACHED && area.bytes == 2 * PAGE_SIZE);
	vfree(first);
	assert_true(vmalloc_snapshot(0, &area) && area.lazy);
	vmalloc_totals(&totals);
	assert_true(totals.areas == 3 && totals.lazy_areas == 1 &&
		    totals.used_bytes == 7 * PAGE_SIZE && totals.lazy_bytes == 3 * PAGE_SIZE &&
		    totals.largest_gap_bytes == DOUBLE_MMU_BYTES - 7 * PAGE_SIZE);
	vfree(second);
	iounmap(io);
	expect_as_before();
}

/* --- a naive model ----------------------------------------------------------------------------- */

#define THINGS 150U

static struct thing {
	volatile uint32_t *address;
	uint32_t pages, seed;
	enum vmap_kind kind;
} things[THINGS];

static uint32_t random_state;

static uint32_t roll(uint32_t below)
{
	return harness_random(&random_state) % below;
}

static uint32_t some_pages(void)
{
	static const uint32_t most[] = { 3, 20, 40, 300, 900 };

	return 1 + roll(most[roll(ARRAY_SIZE(most))]);
}

static void write_thing(struct thing *thing)
{
	thing->seed = harness_random(&random_state);
	for (uint32_t i = 0; thing->kind == VMAP_VMALLOC && i < thing->pages; i++)
		thing->address[i * (PAGE_SIZE / 4)] = thing->seed + i;
}

static void check_thing(const struct thing *thing)
{
	uint32_t i = roll(thing->pages);

	if (thing->kind == VMAP_VMALLOC)
		assert_int_equal(thing->address[i * (PAGE_SIZE / 4)], thing->seed + i);
	assert_true(is_mapped(address_of(thing->address) + i * PAGE_SIZE));
	assert_false(is_mapped(address_of(thing->address) + thing->pages * PAGE_SIZE));
}

static void take_thing(struct thing *thing)
{
	thing->kind = (enum vmap_kind)roll(VMAP_KINDS);
	if (thing->kind == VMAP_VMALLOC) {
		thing->pages = some_pages();
		thing->address = __vmalloc_area(thing->pages * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN,
						roll(4) == 0 ? VM_GUARD_BEFORE : 0, 1);
	} else if (thing->kind == VMAP_VMAP) {
		thing->pages = 1 + roll(ARRAY_SIZE(shown));
		thing->address = vmap(shown, thing->pages, MEMORY_NORMAL, RIGHTS_READ);
	} else {
		thing->pages = some_pages();
		thing->address = ioremap(DEVICE + roll(64) * 0x10000, thing->pages * PAGE_SIZE);
	}
	if (thing->address != NULL)
		write_thing(thing);
	misuses = 0; /* no addresses left */
}

static void give_thing(struct thing *thing)
{
	check_thing(thing);
	if (thing->kind == VMAP_VMALLOC)
		vfree((const void *)thing->address);
	else if (thing->kind == VMAP_VMAP)
		vunmap((const void *)thing->address);
	else
		iounmap(thing->address);
	assert_false(is_mapped(address_of(thing->address)));
	thing->address = NULL;
}

static void check_totals(void)
{
	struct vmalloc_totals totals = totals_now();
	uint32_t mapped = 0, live = 0;
	struct vmalloc_snapshot area;
	size_t used = 0, lazy = 0;
	uintptr_t at = 0;

	for (uint32_t i = 0; i < THINGS; i++)
		if (things[i].address != NULL) {
			mapped += things[i].pages;
			live++;
		}
	for (; vmalloc_snapshot(at, &area); at = area.start + area.bytes) {
		assert_true(area.start >= at);
		used += area.bytes;
		lazy += area.lazy ? area.bytes : 0;
		live -= !area.lazy;
	}
	assert_int_equal(live, 0);
	assert_int_equal(double_mmu.mapped, mapped);
	assert_int_equal(totals.used_bytes, used);
	assert_true(totals.lazy_bytes <= lazy && totals.lazy_areas < 64 &&
		    totals.lazy_bytes <= SZ_32M);
}

static void run_model(uint32_t seed, uint32_t address_pages, uint32_t operations)
{
	start_with(NULL, address_pages);
	random_state = seed;
	memset(things, 0, sizeof(things));
	take_shown(GFP_HIGHUSER);
	for (uint32_t i = 0; i < operations; i++) {
		struct thing *thing = &things[roll(THINGS)];

		if (thing->address != NULL)
			give_thing(thing);
		else
			take_thing(thing);
		if (roll(200) == 0)
			vm_unmap_aliases();
		check_totals();
	}
	for (uint32_t i = 0; i < THINGS; i++)
		if (things[i].address != NULL)
			give_thing(&things[i]);
	give_shown();
	expect_as_before();
}

static void test_model(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 4; seed++) {
		run_model(seed * 77777, DOUBLE_MMU_BYTES / PAGE_SIZE, 1500);
		run_model(seed * 33333, 6000, 1500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_highmem_first),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_large_entries),
		cmocka_unit_test(test_smaller_blocks_will_do),
		cmocka_unit_test(test_a_page_held_stays),
		cmocka_unit_test(test_unaligned_gap_will_do),
		cmocka_unit_test(test_kvmalloc),
		cmocka_unit_test(test_addresses_wait_for_a_flush),
		cmocka_unit_test(test_so_many_areas_purge),
		cmocka_unit_test(test_so_many_bytes_purge),
		cmocka_unit_test(test_not_too_early),
		cmocka_unit_test(test_addresses_run_out),
		cmocka_unit_test(test_purge_before_refusal),
		cmocka_unit_test(test_vmap),
		cmocka_unit_test(test_vmap_refuses),
		cmocka_unit_test(test_ioremap),
		cmocka_unit_test(test_ioremap_large),
		cmocka_unit_test(test_ioremap_edges),
		cmocka_unit_test(test_ioremap_of_ram),
		cmocka_unit_test(test_devices_have_one_kind),
		cmocka_unit_test(test_pages_have_one_kind),
		cmocka_unit_test(test_neighbours_are_no_conflict),
		cmocka_unit_test(test_kinds_change_after_a_flush),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_handlers_do_not_purge),
		cmocka_unit_test(test_each_request_fails),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("vmalloc", tests, NULL, NULL);
}
