/* SPDX-License-Identifier: MIT */
/*
 * arch/arm/mmu.c, the real file, against a model of what a Cortex-A7 may do with its tables.
 *
 * QEMU forgets translations more often than hardware and needs no barrier, so the duties are checked
 * here. The model knows of each entry written (the double of cp15.h tells it), caches every
 * translation that was ever used, and objects when
 * - a live entry is replaced by another without being emptied and the TLBs told in between,
 * - an entry is written whose emptying was not yet followed by TLB maintenance and a barrier,
 * - TLB maintenance is issued before a barrier made the emptied entry visible,
 * - an operation returns with a translation in the TLB that the tables no longer have, or without
 *   the barriers that make what it wrote usable.
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

#include "arch/arm/cp15.h"
#include "arch/arm/descriptor.h"
#include "arch/arm/tables.h"
#include "arch/linear.h"
#include "arch/mmu.h"

#define BASE      0xd0000000UL /* of the window that the tests play in */
#define MEGABYTES 6U
#define PAGES     (MEGABYTES * 256U)
#define POOL_MAX  64U
#define TLB_MAX   (PAGES * 2)

struct kernel_tables kernel_tables __attribute__((aligned(16384)));
uint32_t model_par;

/* --- the model ------------------------------------------------------------------------------- */

static uint32_t pool[POOL_MAX][L2_ENTRIES] __attribute__((aligned(1024)));
static unsigned int pool_used;
static int pool_fails_after = -1; /* -1: never */

/* What each entry held when it was last seen written. */
static uint32_t seen_first[L1_ENTRIES];
static uint32_t seen_pool[POOL_MAX][L2_ENTRIES];

struct tlb_entry {
	uint32_t virt; /* first address */
	uint32_t bytes;
	uint32_t descriptor;
};

static struct tlb_entry tlb[TLB_MAX];
static unsigned int tlb_count;

/* Emptied entries that some TLB may still hold. */
static struct {
	uint32_t virt;
	uint32_t bytes;
	bool visible;     /* a barrier came after the write */
	bool invalidated; /* TLB maintenance came after that */
} broken[64];
static unsigned int broken_count;
static bool unsynchronized; /* something was written since the last dsb, isb */
static bool dsb_done;

static phys_addr_t supply(void)
{
	if (pool_fails_after == 0 || pool_used == POOL_MAX)
		return 0;
	if (pool_fails_after > 0)
		pool_fails_after--;
	memset(pool[pool_used], 0xa5, L2_BYTES); /* old contents do not matter */
	memset(seen_pool[pool_used], 0, L2_BYTES);
	return (phys_addr_t)(uintptr_t)pool[pool_used++];
}

/* The address that a second-level table serves, through whatever first-level entry names it now. */
static bool table_address(uint32_t table, uint32_t *virt)
{
	for (uint32_t i = 0; i < L1_ENTRIES; i++)
		if (kernel_tables.first[i] == (table | L1_TABLE)) {
			*virt = i << SECTION_SHIFT;
			return true;
		}
	return false;
}

/* A table that no walk can reach yet may be written as one likes. */
static bool locate(uint32_t address, uint32_t **seen, uint32_t *virt, uint32_t *bytes)
{
	uint32_t first = (uint32_t)(uintptr_t)kernel_tables.first;
	uint32_t start = (uint32_t)(uintptr_t)pool;

	if (address - first < sizeof(kernel_tables.first)) {
		*seen = &seen_first[(address - first) / 4];
		*virt = (address - first) / 4 << SECTION_SHIFT;
		*bytes = SECTION_SIZE;
		return true;
	}
	assert_true(address - start < sizeof(pool));
	*seen = &((uint32_t *)seen_pool)[(address - start) / 4];
	if (!table_address(start + (address - start) / L2_BYTES * L2_BYTES, virt))
		return false;
	*virt += (address - start) % L2_BYTES / 4 * PAGE_SIZE;
	*bytes = PAGE_SIZE;
	return true;
}

static void expect_not_broken(uint32_t virt, uint32_t bytes)
{
	for (unsigned int i = 0; i < broken_count; i++)
		assert_false(virt < broken[i].virt + broken[i].bytes &&
			     broken[i].virt < virt + bytes);
}

void model_entry_written(uint32_t entry_address)
{
	uint32_t value = *(uint32_t *)(uintptr_t)entry_address;
	uint32_t *seen, virt, bytes;
	bool reachable = locate(entry_address, &seen, &virt, &bytes);

	unsynchronized = true;
	dsb_done = false;
	if (reachable && *seen != 0 && value != 0 && value != *seen)
		fail_msg("live entry of %#x replaced: %#x by %#x", virt, *seen, value);
	if (reachable && value != 0)
		expect_not_broken(virt, bytes);
	if (reachable && *seen != 0 && value == 0) {
		assert_true(broken_count < ARRAY_SIZE(broken));
		broken[broken_count].virt = virt;
		broken[broken_count].bytes = bytes;
		broken[broken_count].visible = false;
		broken[broken_count++].invalidated = false;
	}
	*seen = value;
}

void model_tlb_invalidate(uint32_t virt)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < broken_count; i++)
		if (virt - broken[i].virt < broken[i].bytes) {
			if (!broken[i].visible)
				fail_msg("TLB maintenance of %#x before the barrier", virt);
			broken[i].invalidated = true;
		}
	for (unsigned int i = 0; i < tlb_count; i++)
		if (virt - tlb[i].virt >= tlb[i].bytes)
			tlb[kept++] = tlb[i];
	tlb_count = kept;
}

void model_dsb(void)
{
	unsigned int kept = 0;

	dsb_done = true;
	for (unsigned int i = 0; i < broken_count; i++) {
		broken[i].visible = true;
		if (!broken[i].invalidated)
			broken[kept++] = broken[i];
	}
	broken_count = kept;
}

void model_isb(void)
{
	if (dsb_done)
		unsynchronized = false;
}

/* What a walk finds: the descriptor, or 0. */
static uint32_t walk(uint32_t virt, uint32_t *first_virt, uint32_t *bytes)
{
	uint32_t first = kernel_tables.first[virt >> SECTION_SHIFT];

	*bytes = SECTION_SIZE;
	*first_virt = ALIGN_DOWN(virt, SECTION_SIZE);
	if ((first & DESCRIPTOR_KIND) != L1_TABLE)
		return first;
	*bytes = PAGE_SIZE;
	*first_virt = ALIGN_DOWN(virt, PAGE_SIZE);
	return ((uint32_t *)(uintptr_t)(first & TABLE_BASE))[(virt >> PAGE_SHIFT) & 255];
}

static uint32_t *cached(uint32_t virt)
{
	for (unsigned int i = 0; i < tlb_count; i++)
		if (virt - tlb[i].virt < tlb[i].bytes)
			return &tlb[i].descriptor;
	return NULL;
}

/* An access: what the TLB has, or a walk, kept for ever. */
static uint32_t touch(uint32_t virt)
{
	uint32_t *hit = cached(virt), first_virt, bytes, descriptor;

	if (hit != NULL)
		return *hit;
	descriptor = walk(virt, &first_virt, &bytes);
	if (descriptor != 0) {
		assert_true(tlb_count < TLB_MAX);
		tlb[tlb_count++] = (struct tlb_entry){ first_virt, bytes, descriptor };
	}
	return descriptor;
}

uint32_t model_translate(uint32_t virt, bool write)
{
	uint32_t first_virt, bytes, descriptor = walk(virt, &first_virt, &bytes);
	uint32_t read_only = bytes == SECTION_SIZE ? SECTION_AP_RO : PAGE_AP_RO;

	if (descriptor == 0 || (write && (descriptor & read_only) != 0))
		return 1;
	return ((descriptor & ~(bytes - 1)) + (virt - first_virt)) & PAGE_MASK;
}

/* After each operation: nothing stale, nothing half done. */
static void expect_clean(void)
{
	uint32_t first_virt, bytes;

	assert_int_equal(broken_count, 0);
	assert_false(unsynchronized);
	for (unsigned int i = 0; i < tlb_count; i++)
		if (walk(tlb[i].virt, &first_virt, &bytes) != tlb[i].descriptor ||
		    bytes != tlb[i].bytes)
			fail_msg("stale translation of %#x", tlb[i].virt);
}

/* --- the naive truth: page by page ----------------------------------------------------------- */

struct truth {
	bool mapped;
	uint32_t phys;
	enum memory_kind kind;
	enum memory_rights rights;
};

static struct truth truths[PAGES];

static int reset(void **state)
{
	(void)state;
	memset(&kernel_tables, 0, sizeof(kernel_tables));
	memset(seen_first, 0, sizeof(seen_first));
	memset(truths, 0, sizeof(truths));
	pool_used = 0;
	pool_fails_after = -1;
	tlb_count = 0;
	broken_count = 0;
	unsynchronized = false;
	/* Physical equals virtual: tables are found where the host has them. */
	mmu_init(CONFIG_PAGE_OFFSET + SZ_2M, PAGE_SIZE);
	assert_int_equal(linear_offset, 0);
	return 0;
}

/* Device memory never executes, whatever was asked. */
static enum memory_rights effective(enum memory_kind kind, enum memory_rights rights)
{
	return kind == MEMORY_DEVICE && rights == RIGHTS_EXECUTE ? RIGHTS_READ : rights;
}

static void expect_truth(void)
{
	for (uint32_t page = 0; page < PAGES; page++) {
		uint32_t virt = (uint32_t)BASE + page * PAGE_SIZE;
		const struct truth *truth = &truths[page];
		struct mapping mapping;
		phys_addr_t phys;

		assert_int_equal(mmu_query(virt, &mapping), truth->mapped);
		assert_int_equal(mmu_translate(virt, false, &phys), truth->mapped);
		assert_int_equal(touch(virt) != 0, truth->mapped);
		if (!truth->mapped)
			continue;
		assert_int_equal(phys, truth->phys);
		assert_int_equal(mapping.phys + (virt - mapping.virt), truth->phys);
		assert_int_equal(mapping.kind, truth->kind);
		assert_int_equal(mapping.rights, effective(truth->kind, truth->rights));
		assert_int_equal(mmu_translate(virt, true, &phys), truth->rights == RIGHTS_WRITE);
	}
}

/* Walking from mapping to mapping visits what the truth has, and nothing else. */
static void expect_walk(void)
{
	uintptr_t at = 0;
	uint32_t mapped = 0, walked = 0;
	struct mapping mapping;

	for (uint32_t page = 0; page < PAGES; page++)
		mapped += truths[page].mapped;
	while (mmu_query_from(at, &mapping)) {
		uint32_t page = (uint32_t)((mapping.virt - BASE) >> PAGE_SHIFT);

		assert_true(mapping.virt >= at && page < PAGES && truths[page].mapped);
		walked += (uint32_t)(mapping.bytes >> PAGE_SHIFT);
		at = mapping.virt + mapping.bytes;
	}
	assert_int_equal(walked, mapped);
}

static bool any_mapped(uint32_t page, uint32_t count)
{
	for (uint32_t i = page; i < page + count; i++)
		if (truths[i].mapped)
			return true;
	return false;
}

static bool map_pages(uint32_t page, uint32_t count, uint32_t phys, enum memory_kind kind,
		      enum memory_rights rights)
{
	if (!mmu_map(BASE + page * PAGE_SIZE, phys, (size_t)count * PAGE_SIZE, kind, rights,
		     supply))
		return false;
	for (uint32_t i = 0; i < count; i++)
		truths[page + i] = (struct truth){ true, phys + i * PAGE_SIZE, kind, rights };
	return true;
}

static bool unmap_pages(uint32_t page, uint32_t count)
{
	if (!mmu_unmap(BASE + page * PAGE_SIZE, (size_t)count * PAGE_SIZE, supply))
		return false;
	memset(&truths[page], 0, count * sizeof(truths[0]));
	return true;
}

static bool protect_pages(uint32_t page, uint32_t count, enum memory_rights rights)
{
	if (!mmu_protect(BASE + page * PAGE_SIZE, (size_t)count * PAGE_SIZE, rights, supply))
		return false;
	for (uint32_t i = page; i < page + count; i++)
		truths[i].rights = effective(truths[i].kind, rights);
	return true;
}

static void expect_all(void)
{
	expect_clean();
	expect_truth();
	expect_walk();
	expect_clean();
}

/* --- tests ----------------------------------------------------------------------------------- */

static void test_sections_where_they_fit(void **state)
{
	uint32_t first_virt, bytes;

	(void)state;
	assert_true(map_pages(0, 256, 0x10000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(pool_used, 0);
	walk((uint32_t)BASE, &first_virt, &bytes);
	assert_int_equal(bytes, SECTION_SIZE);
	/* One page off in physical: pages. */
	assert_true(map_pages(256, 256, 0x10001000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_int_equal(pool_used, 1);
	/* A section in the middle of a longer range. */
	assert_true(map_pages(3 * 256 - 1, 258, 0x200ff000, MEMORY_NORMAL, RIGHTS_READ));
	walk((uint32_t)BASE + 3 * SECTION_SIZE, &first_virt, &bytes);
	assert_int_equal(bytes, SECTION_SIZE);
	expect_all();
}

static void test_writable_or_device_never_executes(void **state)
{
	(void)state;
	for (enum memory_kind kind = 0; kind < MEMORY_KINDS; kind++)
		for (enum memory_rights rights = 0; rights < MEMORY_RIGHTS; rights++)
			for (uint32_t count = 1; count <= 256; count += 255) {
				uint32_t first_virt, bytes, descriptor;
				bool never, read_only;

				assert_true(map_pages(0, count, 0x10000000, kind, rights));
				descriptor = walk((uint32_t)BASE, &first_virt, &bytes);
				never = (descriptor &
					 (bytes == PAGE_SIZE ? PAGE_XN : SECTION_XN)) != 0;
				read_only =
					(descriptor &
					 (bytes == PAGE_SIZE ? PAGE_AP_RO : SECTION_AP_RO)) != 0;
				assert_true(never || read_only);
				assert_true(never || kind != MEMORY_DEVICE);
				assert_int_equal(never,
						 rights != RIGHTS_EXECUTE || kind == MEMORY_DEVICE);
				assert_int_equal(!read_only, rights == RIGHTS_WRITE);
				expect_all();
				reset(NULL);
			}
}

static void test_split_at_every_page(void **state)
{
	(void)state;
	for (uint32_t page = 0; page < 256; page += 5) {
		assert_true(map_pages(256, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
		expect_truth(); /* everything is in the TLB now */
		assert_true(protect_pages(256 + page, 1, RIGHTS_READ));
		expect_all();
		assert_true(unmap_pages(256 + page, 1));
		expect_all();
		reset(NULL);
	}
}

static void test_a_section_in_the_way_is_refused(void **state)
{
	(void)state;
	assert_true(map_pages(0, 256, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
	assert_false(mmu_map(BASE + PAGE_SIZE, 0x40000000, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_WRITE,
			     supply));
	expect_all();
}

static void test_repeated_frame(void **state)
{
	(void)state;
	assert_true(mmu_map_repeated(BASE + PAGE_SIZE, 0x12345000, 600 * PAGE_SIZE, MEMORY_NORMAL,
				     RIGHTS_READ, supply));
	for (uint32_t i = 1; i <= 600; i++)
		truths[i] = (struct truth){ true, 0x12345000, MEMORY_NORMAL, RIGHTS_READ };
	expect_all();
}

/* Every refusal of the supplier, at each point where it is asked: nothing may have changed. */
static void test_a_dry_supplier_changes_nothing(void **state)
{
	(void)state;
	for (int fails = 0; fails < 6; fails++) {
		bool done;

		reset(NULL);
		assert_true(map_pages(0, 512, 0x30000000, MEMORY_NORMAL, RIGHTS_WRITE));
		pool_fails_after = fails;
		done = map_pages(600, 700, 0x41234000, MEMORY_DEVICE, RIGHTS_WRITE);
		assert_int_equal(done, fails >= 4);
		expect_all();
		pool_fails_after = fails & 1;
		assert_false(protect_pages(100, 300, RIGHTS_READ));
		expect_all();
		pool_fails_after = 0;
		assert_false(unmap_pages(100, 300));
		expect_all();
	}
}

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
	static const uint32_t lengths[] = { 1, 2, 17, 255, 256, 257, 512, 700 };
	uint32_t length = lengths[next_random(ARRAY_SIZE(lengths))];

	return length < PAGES - page ? length : PAGES - page;
}

static void one_random_operation(void)
{
	uint32_t page = next_random(PAGES), count;
	uint32_t phys = next_random(0x4000) * PAGE_SIZE;
	enum memory_rights rights = next_random(MEMORY_RIGHTS);

	if (next_random(2) == 0) {
		page &= ~255U;
		phys &= ~(SECTION_SIZE - 1);
	}
	count = random_length(page);
	pool_fails_after = next_random(8) == 0 ? (int)next_random(3) : -1;
	switch (next_random(4)) {
	case 0:
	case 1:
		if (!any_mapped(page, count))
			map_pages(page, count, phys, next_random(MEMORY_KINDS), rights);
		break;
	case 2:
		unmap_pages(page, count);
		break;
	case 3:
		protect_pages(page, count, rights);
		break;
	}
}

static void test_random_operations(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		reset(NULL);
		random_state = seed * 2463534242U | 1;
		for (unsigned int i = 0; i < 60 && pool_used < POOL_MAX - 8; i++) {
			one_random_operation();
			expect_all();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sections_where_they_fit, reset),
		cmocka_unit_test_setup(test_writable_or_device_never_executes, reset),
		cmocka_unit_test_setup(test_split_at_every_page, reset),
		cmocka_unit_test_setup(test_a_section_in_the_way_is_refused, reset),
		cmocka_unit_test_setup(test_repeated_frame, reset),
		cmocka_unit_test_setup(test_a_dry_supplier_changes_nothing, reset),
		cmocka_unit_test_setup(test_random_operations, reset),
	};

	return cmocka_run_group_tests_name("mmu", tests, NULL, NULL);
}
