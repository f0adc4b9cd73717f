/* SPDX-License-Identifier: MIT */
/*
 * memblock beyond what Linux's own tests of it ask: arrays that grow (and cannot), the ends of the
 * address space, flags between neighbours, and long random runs against a model that keeps one
 * record for every page. memblock_validate is asked after every step.
 *
 * The simulated RAM is an arena of a few MiB at ARENA_BASE. Everything else only has addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/linear.h"
#include "mm/phys/memblock.h"

#define ARENA_BASE  0x10000000U
#define ARENA_PAGES 1024U
#define ARENA_END   (ARENA_BASE + ARENA_PAGES * PAGE_SIZE)
#define FIRST_MAX   INIT_MEMBLOCK_REGIONS

/* Weak: a host double of src/arch may bring its own. */
__attribute__((weak)) uintptr_t linear_offset;

static char arena[ARENA_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct memblock_region *first_memory;
static struct memblock_region *first_reserved;

static void empty_type(struct memblock_type *type, struct memblock_region *regions)
{
	memset(regions, 0, FIRST_MAX * sizeof(*regions));
	type->regions = regions;
	type->cnt = 1;
	type->max = FIRST_MAX;
	type->total_size = 0;
}

static int reset(void **state)
{
	(void)state;
	empty_type(&memblock.memory, first_memory);
	empty_type(&memblock.reserved, first_reserved);
	memblock.bottom_up = false;
	memblock.current_limit = MEMBLOCK_ALLOC_ANYWHERE;
	movable_node_enabled = false;
	mirrored_kernelcore = false;
	return 0;
}

/* For tests in which arrays grow: only the arena can be written. */
static int reset_to_arena(void **state)
{
	reset(state);
	memblock_set_current_limit(ARENA_END);
	return 0;
}

static void check_rules(void)
{
	const char *broken = memblock_validate();

	if (broken)
		fail_msg("%s", broken);
}

static void check_region(const struct memblock_type *type, unsigned long index, phys_addr_t base,
			 phys_addr_t end, enum memblock_flags flags)
{
	const struct memblock_region *region = &type->regions[index];

	check_rules();
	assert_true(index < type->cnt);
	assert_int_equal(region->base, base);
	assert_int_equal(region->base + region->size, end);
	assert_int_equal(region->flags, flags);
}

static void check_empty(const struct memblock_type *type)
{
	check_rules();
	assert_int_equal(type->cnt, 1);
	assert_int_equal(type->total_size, 0);
	assert_int_equal(type->regions[0].size, 0);
}

/* Everything that a failed call must leave alone. */
struct snapshot {
	struct memblock memblock;
	struct memblock_region memory[ARENA_PAGES];
	struct memblock_region reserved[ARENA_PAGES];
};

static void take_snapshot(struct snapshot *snapshot)
{
	snapshot->memblock = memblock;
	memcpy(snapshot->memory, memblock.memory.regions,
	       memblock.memory.cnt * sizeof(snapshot->memory[0]));
	memcpy(snapshot->reserved, memblock.reserved.regions,
	       memblock.reserved.cnt * sizeof(snapshot->reserved[0]));
}

static void check_unchanged(const struct snapshot *before)
{
	check_rules();
	assert_memory_equal(&before->memblock, &memblock, sizeof(memblock));
	assert_memory_equal(before->memory, memblock.memory.regions,
			    memblock.memory.cnt * sizeof(before->memory[0]));
	assert_memory_equal(before->reserved, memblock.reserved.regions,
			    memblock.reserved.cnt * sizeof(before->reserved[0]));
}

static struct snapshot before;

/* Addresses without RAM behind them, two pages apart, well above the arena. */
static phys_addr_t far_page(unsigned int index)
{
	return 0x40000000U + index * 2 * PAGE_SIZE;
}

static void fill(int (*add)(phys_addr_t, phys_addr_t), unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i < last; i++)
		assert_int_equal(add(far_page(i), PAGE_SIZE), 0);
	check_rules();
}

/*
 * --- Before memblock_allow_resize, which cannot be taken back: these tests run first -------------
 */

static void test_full_array_refuses(void **state)
{
	(void)state;
	fill(memblock_add, 0, FIRST_MAX);
	fill(memblock_reserve, 0, FIRST_MAX);
	take_snapshot(&before);
	assert_int_equal(memblock_add(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	assert_int_equal(memblock_reserve(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	/* Every hole would have to be filled: many new regions before merging. */
	assert_int_equal(memblock_add(0, PHYS_ADDR_MAX), -ENOMEM);
	assert_int_equal(memblock_remove(far_page(3) + 16, 16), -ENOMEM);
	assert_int_equal(memblock_phys_free(far_page(3) + 16, 16), -ENOMEM);
	assert_int_equal(memblock_mark_nomap(far_page(3) + 16, 16), -ENOMEM);
	assert_int_equal(memblock_mark_nomap(far_page(3) + 16, PAGE_SIZE), -ENOMEM);
	memblock_free(phys_to_virt(far_page(3) + 16), 16);
	check_unchanged(&before);
}

static void test_full_array_still_shrinks(void **state)
{
	(void)state;
	fill(memblock_add, 0, FIRST_MAX);
	/* A tail, a head, both at once: nothing of this needs another region. */
	assert_int_equal(memblock_remove(far_page(3) + 16, PAGE_SIZE - 16), 0);
	check_region(&memblock.memory, 3, far_page(3), far_page(3) + 16, MEMBLOCK_NONE);
	assert_int_equal(memblock_remove(far_page(4), 16), 0);
	check_region(&memblock.memory, 4, far_page(4) + 16, far_page(4) + PAGE_SIZE, MEMBLOCK_NONE);
	assert_int_equal(memblock_remove(far_page(5) + 16, 2 * PAGE_SIZE), 0);
	check_region(&memblock.memory, 6, far_page(6) + 16, far_page(6) + PAGE_SIZE, MEMBLOCK_NONE);
	assert_int_equal(memblock_mark_nomap(far_page(7), PAGE_SIZE), 0);
	/* A hole to fill counts as a region, even where the neighbours would merge (as in Linux).
	 */
	assert_int_equal(memblock_add(far_page(8) + PAGE_SIZE, PAGE_SIZE), -ENOMEM);
	assert_int_equal(memblock.memory.cnt, FIRST_MAX);
	check_rules();
}

static void test_alloc_with_full_array_fails(void **state)
{
	(void)state;
	fill(memblock_reserve, 0, FIRST_MAX);
	memblock_add(ARENA_BASE, 16 * PAGE_SIZE);
	take_snapshot(&before);
	assert_int_equal(memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE), 0);
	assert_null(memblock_alloc(PAGE_SIZE, PAGE_SIZE));
	check_unchanged(&before);
}

/*
 * --- Arrays that grow ---------------------------------------------------------------------------
 */

static void test_allow_resize(void **state)
{
	(void)state;
	memblock_allow_resize();
}

static void test_growth_without_memory_fails(void **state)
{
	(void)state;
	fill(memblock_add, 0, FIRST_MAX);
	fill(memblock_reserve, 0, FIRST_MAX);
	take_snapshot(&before);
	assert_int_equal(memblock_add(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	assert_int_equal(memblock_reserve(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	assert_int_equal(memblock_mark_nomap(far_page(3) + 16, 16), -ENOMEM);
	check_unchanged(&before);
}

static void test_growth_respects_the_limit(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	memblock_set_current_limit(ARENA_BASE + PAGE_SIZE - 1);
	take_snapshot(&before);
	assert_int_equal(memblock_reserve(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	check_unchanged(&before);
	memblock_set_current_limit(ARENA_BASE + 64 * PAGE_SIZE);
	assert_int_equal(memblock_reserve(far_page(FIRST_MAX), PAGE_SIZE), 0);
	check_rules();
	assert_true((char *)memblock.reserved.regions >= arena);
	assert_true((char *)memblock.reserved.regions < arena + 64 * PAGE_SIZE);
}

static void test_memory_grows(void **state)
{
	phys_addr_t bytes = ALIGN_UP(4 * FIRST_MAX * sizeof(struct memblock_region), PAGE_SIZE);

	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_add, 0, FIRST_MAX - 1);
	assert_int_equal(memblock.memory.max, FIRST_MAX);
	fill(memblock_add, FIRST_MAX - 1, FIRST_MAX);
	assert_int_equal(memblock.memory.cnt, FIRST_MAX + 1);
	assert_int_equal(memblock.memory.max, 2 * FIRST_MAX);
	fill(memblock_add, FIRST_MAX, 3 * FIRST_MAX);
	assert_int_equal(memblock.memory.max, 4 * FIRST_MAX);
	/* The array in between was given back: one is reserved, the last. */
	assert_int_equal(memblock.reserved.total_size, bytes);
	for (unsigned int i = 0; i < 3 * FIRST_MAX; i++)
		check_region(&memblock.memory, i + 1, far_page(i), far_page(i) + PAGE_SIZE, 0);
}

static void test_reserved_grows(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, 3 * FIRST_MAX);
	assert_int_equal(memblock.reserved.max, 4 * FIRST_MAX);
	assert_int_equal(memblock.reserved.cnt, 3 * FIRST_MAX + 1);
	assert_true((char *)memblock.reserved.regions >= arena);
	for (unsigned int i = 0; i < 3 * FIRST_MAX; i++)
		check_region(&memblock.reserved, i + 1, far_page(i), far_page(i) + PAGE_SIZE, 0);
}

static void test_both_grow(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	fill(memblock_add, 0, FIRST_MAX - 1);
	assert_int_equal(memblock.reserved.max, FIRST_MAX);
	assert_int_equal(memblock_add(far_page(FIRST_MAX), PAGE_SIZE), 0);
	check_rules();
	assert_int_equal(memblock.memory.max, 2 * FIRST_MAX);
	assert_int_equal(memblock.reserved.max, 2 * FIRST_MAX);
	assert_int_equal(memblock.memory.cnt, FIRST_MAX + 1);
	assert_int_equal(memblock.reserved.cnt, FIRST_MAX + 1);
	/* Once more, with old arrays to give back, from one block. */
	fill(memblock_reserve, FIRST_MAX, 2 * FIRST_MAX - 1);
	fill(memblock_add, FIRST_MAX + 1, 2 * FIRST_MAX);
	assert_int_equal(memblock_add(far_page(2 * FIRST_MAX), PAGE_SIZE), 0);
	check_rules();
	assert_int_equal(memblock.memory.max, 4 * FIRST_MAX);
	assert_int_equal(memblock.reserved.max, 4 * FIRST_MAX);
	/* Both old arrays were given back. */
	assert_int_equal(
		memblock.reserved.total_size,
		(2 * FIRST_MAX - 1) * PAGE_SIZE +
			2 * ALIGN_UP(4 * FIRST_MAX * sizeof(struct memblock_region), PAGE_SIZE));
}

static void test_both_grow_or_none(void **state)
{
	phys_addr_t bytes = ALIGN_UP(2 * FIRST_MAX * sizeof(struct memblock_region), PAGE_SIZE);

	(void)state;
	/* Room for one of the two arrays. */
	memblock_add(ARENA_BASE, 2 * bytes - PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	fill(memblock_add, 0, FIRST_MAX - 1);
	take_snapshot(&before);
	assert_int_equal(memblock_add(far_page(FIRST_MAX), PAGE_SIZE), -ENOMEM);
	check_unchanged(&before);
}

/* The array must not land in what is being reserved, wherever that leaves room. */
static void check_array_avoids(bool bottom_up, phys_addr_t base, phys_addr_t end)
{
	phys_addr_t array;

	reset_to_arena(NULL);
	memblock_set_bottom_up(bottom_up);
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	assert_int_equal(memblock_reserve(base, end - base), 0);
	check_rules();
	array = virt_to_phys(memblock.reserved.regions);
	assert_true(array >= end ||
		    array + memblock.reserved.max * sizeof(struct memblock_region) <= base);
	assert_true(array >= ARENA_BASE && array < ARENA_END);
}

static void test_array_avoids_the_new_range(void **state)
{
	(void)state;
	for (int up = 0; up < 2; up++) {
		check_array_avoids(up, ARENA_BASE, ARENA_END - 16 * PAGE_SIZE);
		check_array_avoids(up, ARENA_BASE + 16 * PAGE_SIZE, ARENA_END);
		check_array_avoids(up, 0, ARENA_END - 16 * PAGE_SIZE);
		check_array_avoids(up, ARENA_BASE + 16 * PAGE_SIZE, far_page(0) - PAGE_SIZE);
		check_array_avoids(up, ARENA_BASE + 16 * PAGE_SIZE, ARENA_END - 16 * PAGE_SIZE);
	}
}

static void test_array_finds_no_room_beside_the_new_range(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	take_snapshot(&before);
	/* From 0: an upper bound of 0 must not read as "anywhere below the limit". */
	assert_int_equal(memblock_reserve(0, ARENA_END), -ENOMEM);
	assert_int_equal(memblock_reserve(ARENA_BASE, ARENA_END - ARENA_BASE), -ENOMEM);
	check_unchanged(&before);
}

static void test_array_avoids_what_becomes_no_map(void **state)
{
	phys_addr_t array;

	for (int up = 0; up < 2; up++) {
		unsigned int first = up ? 0 : 16;

		reset_to_arena(state);
		memblock_set_bottom_up(up);
		memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
		fill(memblock_add, 0, FIRST_MAX - 1);
		assert_int_equal(memblock_mark_nomap(ARENA_BASE + first * PAGE_SIZE,
						     (ARENA_PAGES - 16) * PAGE_SIZE),
				 0);
		check_rules();
		assert_int_equal(memblock.memory.max, 2 * FIRST_MAX);
		array = virt_to_phys(memblock.memory.regions);
		assert_true(memblock_is_map_memory(array));
	}
}

/* As many new regions as double the array would hold, and the note of where it went besides. */
static void test_growth_counts_its_own_needs(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	assert_int_equal(memblock_reserve(far_page(0), far_page(FIRST_MAX) - far_page(0)), 0);
	check_rules();
	assert_int_equal(memblock.reserved.cnt, 2);
	assert_int_equal(memblock.reserved.max, 4 * FIRST_MAX);
}

static void test_reserving_everything_swallows_the_old_array(void **state)
{
	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, 2 * FIRST_MAX - 1);
	assert_int_equal(memblock.reserved.cnt, 2 * FIRST_MAX);
	/* Needs room for many pieces at once, and the old array's hole is one of them. */
	assert_int_equal(memblock_reserve(ARENA_BASE + 32 * PAGE_SIZE, 0x70000000), 0);
	check_rules();
	/* The new array lies right below. */
	assert_int_equal(memblock.reserved.cnt, 1);
	check_region(&memblock.reserved, 0, virt_to_phys(memblock.reserved.regions),
		     ARENA_BASE + 32 * PAGE_SIZE + 0x70000000, 0);
}

static void test_alloc_grows_reserved(void **state)
{
	void *memory;

	(void)state;
	memblock_add(ARENA_BASE, ARENA_PAGES * PAGE_SIZE);
	fill(memblock_reserve, 0, FIRST_MAX);
	memory = memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	assert_ptr_equal(memory, arena + (ARENA_PAGES - 1) * PAGE_SIZE);
	assert_int_equal(memblock.reserved.max, 2 * FIRST_MAX);
	check_rules();
}

/*
 * --- The ends of the address space --------------------------------------------------------------
 */

static void test_region_at_zero(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0, 4 * PAGE_SIZE), 0);
	check_region(&memblock.memory, 0, 0, 4 * PAGE_SIZE, 0);
	assert_true(memblock_is_memory(0));
	assert_int_equal(memblock_start_of_DRAM(), 0);
	/* Three pages can be had; the first one never. */
	memblock_set_bottom_up(true);
	assert_int_equal(memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(memblock_phys_alloc(2 * PAGE_SIZE, PAGE_SIZE), 2 * PAGE_SIZE);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
	memblock_set_bottom_up(false);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
	assert_int_equal(memblock_reserve(0, PAGE_SIZE), 0);
	check_region(&memblock.reserved, 0, 0, 4 * PAGE_SIZE, 0);
	assert_int_equal(memblock_phys_free(0, PHYS_ADDR_MAX), 0);
	check_empty(&memblock.reserved);
}

static void test_sizes_are_cut_at_the_top(void **state)
{
	phys_addr_t base = PHYS_ADDR_MAX - SZ_1M;

	(void)state;
	assert_int_equal(memblock_add(base, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 0, base, PHYS_ADDR_MAX, 0);
	assert_int_equal(memblock_add(PHYS_ADDR_MAX, 1), 0);
	assert_int_equal(memblock.memory.total_size, SZ_1M);
	assert_true(memblock_is_memory(PHYS_ADDR_MAX - 1));
	assert_false(memblock_is_memory(PHYS_ADDR_MAX));
	assert_true(memblock_is_region_memory(base, PHYS_ADDR_MAX));
	assert_true(memblock_overlaps_region(&memblock.memory, base - 1, PHYS_ADDR_MAX));
	assert_false(memblock_overlaps_region(&memblock.memory, 0, base));
	assert_int_equal(memblock_mark_nomap(PHYS_ADDR_MAX - SZ_4K, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 1, PHYS_ADDR_MAX - SZ_4K, PHYS_ADDR_MAX, MEMBLOCK_NOMAP);
	assert_int_equal(memblock_remove(base + 1, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 0, base, base + 1, 0);
}

static void test_whole_space(void **state)
{
	(void)state;
	assert_int_equal(memblock_add(0, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 0, 0, PHYS_ADDR_MAX, 0);
	assert_int_equal(memblock_reserve(SZ_1M, PHYS_ADDR_MAX), 0);
	check_region(&memblock.reserved, 0, SZ_1M, PHYS_ADDR_MAX, 0);
	assert_int_equal(memblock_phys_alloc(SZ_4K, SZ_4K), SZ_1M - SZ_4K);
	assert_int_equal(memblock_remove(0, PHYS_ADDR_MAX), 0);
	check_empty(&memblock.memory);
}

static void test_alloc_near_the_top(void **state)
{
	phys_addr_t page = ALIGN_DOWN(PHYS_ADDR_MAX, PAGE_SIZE);

	(void)state;
	memblock_add(page - 2 * PAGE_SIZE, PHYS_ADDR_MAX);
	/* Rounding up from here would wrap to 0. */
	memblock_set_bottom_up(true);
	assert_int_equal(memblock_phys_alloc(1, SZ_1M), 0);
	assert_int_equal(memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE), page - 2 * PAGE_SIZE);
	memblock_set_bottom_up(false);
	/* The last page lacks its last byte. */
	assert_int_equal(memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE), page - PAGE_SIZE);
	assert_int_equal(memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE), 0);
	check_rules();
}

static void test_trim_near_the_top(void **state)
{
	phys_addr_t page = ALIGN_DOWN(PHYS_ADDR_MAX, PAGE_SIZE);

	(void)state;
	memblock_add(page - PAGE_SIZE, PHYS_ADDR_MAX);
	memblock_trim_memory(PAGE_SIZE);
	check_region(&memblock.memory, 0, page - PAGE_SIZE, page, 0);
	memblock_trim_memory(SZ_1M);
	check_empty(&memblock.memory);
	memblock_add(page + 1, PAGE_SIZE);
	memblock_trim_memory(PAGE_SIZE);
	check_empty(&memblock.memory);
}

static void test_overlap_of_two_ranges(void **state)
{
	(void)state;
	assert_true(memblock_addrs_overlap(10, 10, 19, 1));
	assert_false(memblock_addrs_overlap(10, 10, 20, 1));
	assert_false(memblock_addrs_overlap(20, 1, 10, 10));
	assert_true(memblock_addrs_overlap(15, 0, 10, 10));
	assert_false(memblock_addrs_overlap(10, 0, 10, 10));
	assert_false(memblock_addrs_overlap(10, 10, 10, 0));
	assert_true(memblock_addrs_overlap(PHYS_ADDR_MAX - 1, 100, PHYS_ADDR_MAX, 100));
	assert_false(memblock_addrs_overlap(PHYS_ADDR_MAX - 1, 100, 0, 100));
}

/*
 * --- Flags and no-map ---------------------------------------------------------------------------
 */

static void test_neighbours_with_other_flags_stay_apart(void **state)
{
	(void)state;
	memblock_add_node(0x1000, 0x1000, 0, MEMBLOCK_HOTPLUG);
	memblock_add_node(0x2000, 0x1000, 0, MEMBLOCK_NONE);
	memblock_add_node(0x3000, 0x1000, 0, MEMBLOCK_NONE);
	assert_int_equal(memblock.memory.cnt, 2);
	check_region(&memblock.memory, 1, 0x2000, 0x4000, MEMBLOCK_NONE);
	/* What is there keeps its flags; the new parts take theirs and merge with their like. */
	memblock_add_node(0, 0x8000, 0, MEMBLOCK_HOTPLUG);
	assert_int_equal(memblock.memory.cnt, 3);
	check_region(&memblock.memory, 0, 0, 0x2000, MEMBLOCK_HOTPLUG);
	check_region(&memblock.memory, 1, 0x2000, 0x4000, MEMBLOCK_NONE);
	check_region(&memblock.memory, 2, 0x4000, 0x8000, MEMBLOCK_HOTPLUG);
	assert_int_equal(memblock_clear_hotplug(0, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 0, 0, 0x8000, MEMBLOCK_NONE);
	assert_false(memblock_is_region_memory(0x1000, 0x8000));
	assert_int_equal(memblock_mark_hotplug(0x1000, 0x1000), 0);
	assert_false(memblock_is_region_memory(0x1800, 0x1000));
}

static void test_no_map_splits_and_merges(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x10000);
	assert_int_equal(memblock_mark_nomap(0x14000, 0x2000), 0);
	assert_int_equal(memblock.memory.cnt, 3);
	check_region(&memblock.memory, 1, 0x14000, 0x16000, MEMBLOCK_NOMAP);
	assert_true(memblock_is_memory(0x14000));
	assert_false(memblock_is_map_memory(0x14000));
	assert_true(memblock_is_map_memory(0x16000));
	/* Again, reaching out of memory on both sides: only memory is marked. */
	assert_int_equal(memblock_mark_nomap(0x1e000, 0x10000), 0);
	check_region(&memblock.memory, 3, 0x1e000, 0x20000, MEMBLOCK_NOMAP);
	assert_int_equal(memblock_mark_nomap(0x12000, 0), 0);
	assert_int_equal(memblock.memory.cnt, 4);
	assert_int_equal(memblock_clear_nomap(0x14000, 0x1000), 0);
	check_region(&memblock.memory, 0, 0x10000, 0x15000, MEMBLOCK_NONE);
	assert_int_equal(memblock_clear_nomap(0, PHYS_ADDR_MAX), 0);
	check_region(&memblock.memory, 0, 0x10000, 0x20000, MEMBLOCK_NONE);
	assert_int_equal(memblock.memory.cnt, 1);
}

static void test_no_map_is_never_allocated(void **state)
{
	phys_addr_t start, end;
	uint64_t i;
	int seen = 0;

	(void)state;
	memblock_add(0x10000, 0x4000);
	memblock_mark_nomap(0x11000, 0x2000);
	assert_int_equal(memblock_phys_alloc(0x2000, 0x1000), 0);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x13000);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x10000);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
	for_each_mem_range(i, &start, &end) {
		assert_int_equal(start, seen++ ? 0x13000 : 0x10000);
		assert_int_equal(end - start, 0x1000);
	}
	assert_int_equal(seen, 2);
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NOMAP, &start, &end, NULL)
		assert_int_equal(start, 0x11000);
	memblock_add_node(0x20000, 0x1000, 0, MEMBLOCK_DRIVER_MANAGED);
	assert_int_equal(memblock_phys_alloc(1, 1), 0);
}

static void test_hotpluggable_memory(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x1000);
	memblock_add(0x20000, 0x1000);
	memblock_mark_hotplug(0x20000, 0x1000);
	movable_node_enabled = true;
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x10000);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0);
	movable_node_enabled = false;
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x20000);
}

static void test_mirrored_memory_is_preferred(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x4000);
	assert_int_equal(memblock_mark_mirror(0x11000, 0x1000), 0);
	assert_int_equal(memblock.memory.cnt, 1);
	mirrored_kernelcore = true;
	assert_int_equal(memblock_mark_mirror(0x11000, 0x1000), 0);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x11000);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x13000);
	check_rules();
}

static void test_nodes(void **state)
{
	int nid = 7;
	unsigned long start_pfn, end_pfn;

	(void)state;
	if (MAX_NUMNODES == 1) {
		memblock_add_node(0x10000, 0x1000, 0, 0);
		memblock_add_node(0x11000, 0x1000, 3, 0);
		assert_int_equal(memblock_set_node(0x10000, 0x100, &memblock.memory, 2), 0);
		check_region(&memblock.memory, 0, 0x10000, 0x12000, 0);
		assert_int_equal(memblock_phys_alloc_try_nid(16, 16, 3), 0x11ff0);
		return;
	}
	memblock_add_node(0x10000, 0x2000, 0, 0);
	memblock_add_node(0x12000, 0x2000, 1, 0);
	assert_int_equal(memblock.memory.cnt, 2);
	assert_int_equal(memblock_search_pfn_nid(0x12, &start_pfn, &end_pfn), 1);
	assert_int_equal(start_pfn, 0x12);
	assert_int_equal(memblock_phys_alloc_try_nid(0x1000, 0x1000, 0), 0x11000);
	assert_int_equal(memblock_alloc_range_nid(0x2000, 0x1000, 0, 0, 0, true), 0);
	assert_int_equal(memblock_alloc_range_nid(0x2000, 0x1000, 0, 0, 0, false), 0x12000);
	assert_int_equal(memblock_set_node(0x11000, 0x1000, &memblock.memory, 1), 0);
	check_region(&memblock.memory, 1, 0x11000, 0x14000, 0);
	nid = memblock_get_region_node(&memblock.memory.regions[1]);
	assert_int_equal(nid, 1);
}

/*
 * --- Trimming, limits, freeing parts ------------------------------------------------------------
 */

static void test_trim(void **state)
{
	(void)state;
	memblock_add(0x0ff0, 0x3010); /* both ends off: loses 0x10 below */
	memblock_add(0x8000, 0x1000); /* stays */
	memblock_add(0xa010, 0x0fe0); /* too small */
	memblock_add(0xc800, 0x0800); /* ends on a page, begins in it: too small */
	memblock_add(0xe000, 0x1801); /* loses 0x801 above */
	memblock_mark_nomap(0xf000, 0x1000);
	memblock_trim_memory(PAGE_SIZE);
	assert_int_equal(memblock.memory.cnt, 3);
	check_region(&memblock.memory, 0, 0x1000, 0x4000, 0);
	check_region(&memblock.memory, 1, 0x8000, 0x9000, 0);
	check_region(&memblock.memory, 2, 0xe000, 0xf000, 0);
	assert_int_equal(memblock.memory.total_size, 0x5000);
	memblock_trim_memory(1);
	assert_int_equal(memblock.memory.total_size, 0x5000);
	memblock_trim_memory(SZ_1M);
	check_empty(&memblock.memory);
}

static void test_free_parts(void **state)
{
	(void)state;
	memblock_reserve(0x10000, 0x10000);
	memblock_phys_free(0x12000, 0x1000);
	memblock_phys_free(0x18000, 0x1000);
	assert_int_equal(memblock.reserved.cnt, 3);
	/* From the middle of one over the next into the third. */
	memblock_phys_free(0x11800, 0x8000);
	assert_int_equal(memblock.reserved.cnt, 2);
	check_region(&memblock.reserved, 0, 0x10000, 0x11800, 0);
	check_region(&memblock.reserved, 1, 0x19800, 0x20000, 0);
	memblock_phys_free(0x11800, 0x8000);
	memblock_phys_free(0x14000, 0);
	memblock_free(NULL, 0x1000);
	assert_int_equal(memblock.reserved.total_size, 0x1800 + 0x6800);
	memblock_free(phys_to_virt(0x10000), 0x1800);
	check_region(&memblock.reserved, 0, 0x19800, 0x20000, 0);
	memblock_phys_free(0x19800, 0x6800);
	check_empty(&memblock.reserved);
}

static void two_banks(void)
{
	reset(NULL);
	memblock_add(0x10000, 0x4000);
	memblock_add(0x20000, 0x4000);
	memblock_mark_nomap(0x22000, 0x1000);
	memblock_reserve(0x11000, 0x12000);
}

static void test_memory_limit(void **state)
{
	(void)state;
	two_banks();
	memblock_enforce_memory_limit(0);
	memblock_enforce_memory_limit(0x8001);
	assert_int_equal(memblock.memory.total_size, 0x8000);
	memblock_enforce_memory_limit(0x5800);
	check_region(&memblock.memory, 1, 0x20000, 0x21800, 0);
	check_region(&memblock.reserved, 0, 0x11000, 0x21800, 0);
	memblock_enforce_memory_limit(0x4000);
	check_region(&memblock.memory, 0, 0x10000, 0x14000, 0);
	assert_int_equal(memblock.memory.cnt, 1);
	check_region(&memblock.reserved, 0, 0x11000, 0x14000, 0);
}

static void test_map_limit_keeps_no_map(void **state)
{
	(void)state;
	two_banks();
	memblock_mem_limit_remove_map(0x2000);
	assert_int_equal(memblock.memory.cnt, 2);
	check_region(&memblock.memory, 0, 0x10000, 0x12000, 0);
	check_region(&memblock.memory, 1, 0x22000, 0x23000, MEMBLOCK_NOMAP);
	check_region(&memblock.reserved, 0, 0x11000, 0x12000, 0);
}

static void test_cap_memory_range(void **state)
{
	(void)state;
	memblock_cap_memory_range(0x1000, 0x1000);
	two_banks();
	memblock_cap_memory_range(0x12000, 0);
	assert_int_equal(memblock.memory.cnt, 4);
	memblock_cap_memory_range(0x12000, 0xf000);
	assert_int_equal(memblock.memory.cnt, 3);
	check_region(&memblock.memory, 0, 0x12000, 0x14000, 0);
	check_region(&memblock.memory, 1, 0x20000, 0x21000, 0);
	check_region(&memblock.memory, 2, 0x22000, 0x23000, MEMBLOCK_NOMAP);
	check_region(&memblock.reserved, 0, 0x12000, 0x21000, 0);
	memblock_cap_memory_range(0x13000, PHYS_ADDR_MAX);
	check_region(&memblock.memory, 0, 0x13000, 0x14000, 0);
	memblock_clear_nomap(0, PHYS_ADDR_MAX);
	memblock_cap_memory_range(0x30000, 0x1000);
	check_empty(&memblock.memory);
	check_empty(&memblock.reserved);
}

/*
 * --- Allocating ---------------------------------------------------------------------------------
 */

static void test_directions(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x4000);
	memblock_add(0x20000, 0x4000);
	assert_int_equal(memblock_phys_alloc(0x100, 0x1000), 0x23000);
	assert_int_equal(memblock_phys_alloc(0x100, 0x100), 0x23f00);
	memblock_set_bottom_up(true);
	assert_int_equal(memblock_phys_alloc(0x100, 0x1000), 0x10000);
	assert_int_equal(memblock_phys_alloc(0x100, 0x1000), 0x11000);
	assert_int_equal(memblock_phys_alloc(0x100, 0x100), 0x10100);
	/* Only whole: the upper bank's beginning is the first place for three pages. */
	assert_int_equal(memblock_phys_alloc(0x3000, 1), 0x20000);
	check_rules();
}

static void test_bounds(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x10000);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 0x1000, 0x12000, 0x14000), 0x13000);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 0x1000, 0x12000, 0x14000), 0x12000);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 0x1000, 0x12000, 0x14000), 0);
	assert_int_equal(memblock_phys_alloc_range(0x1000, 1, 0x18000, 0x17000), 0);
	assert_int_equal(memblock_phys_alloc_range(0x11000, 1, 0, 0), 0);
	memblock_set_current_limit(0x18000);
	assert_int_equal(memblock_get_current_limit(), 0x18000);
	assert_int_equal(memblock_phys_alloc(0x1000, 0x1000), 0x17000);
	assert_int_equal(memblock_phys_alloc_range(0x800, 0x800, 0, MEMBLOCK_ALLOC_NOLEAKTRACE),
			 0x16800);
	/* The physical calls may look above the limit when told so. */
	assert_int_equal(memblock_phys_alloc_range(0x1000, 1, 0, MEMBLOCK_ALLOC_ANYWHERE), 0x1f000);
	check_rules();
}

static void test_alignment_and_size_zero(void **state)
{
	(void)state;
	memblock_add(0x10000, 0x1001);
	assert_int_equal(memblock_phys_alloc(1, 0), 0x11000);
	assert_int_equal(memblock_phys_alloc(1, 0), 0x11000 - SMP_CACHE_BYTES);
	assert_int_not_equal(memblock_phys_alloc(0, 16), 0);
	assert_int_equal(memblock_reserved_size(), 2);
	check_rules();
}

static void test_linear_calls(void **state)
{
	unsigned char *memory;

	(void)state;
	memblock_add(ARENA_BASE, 16 * PAGE_SIZE);
	memset(arena, 0x5a, 16 * PAGE_SIZE);
	memory = memblock_alloc(PAGE_SIZE, PAGE_SIZE);
	assert_ptr_equal(memory, arena + 15 * PAGE_SIZE);
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(memory[i], 0);
	assert_int_equal(memory[-1], 0x5a);
	memory = memblock_alloc_raw(PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(memory[0], 0x5a);
	/* A lower bound that cannot be met is given up, an upper one never. */
	assert_ptr_equal(memblock_alloc_from(PAGE_SIZE, PAGE_SIZE, ARENA_BASE + 14 * PAGE_SIZE),
			 arena + 13 * PAGE_SIZE);
	assert_null(memblock_alloc_try_nid(PAGE_SIZE, 1, 0, ARENA_BASE, NUMA_NO_NODE));
	memblock_set_current_limit(ARENA_BASE + 2 * PAGE_SIZE);
	assert_ptr_equal(memblock_alloc_low(PAGE_SIZE, PAGE_SIZE), arena + PAGE_SIZE);
	assert_ptr_equal(
		memblock_alloc_try_nid_raw(16, 16, 0, MEMBLOCK_ALLOC_ANYWHERE, NUMA_NO_NODE),
		arena + PAGE_SIZE - 16);
	assert_non_null(memblock_alloc_node(16, 16, NUMA_NO_NODE));
	assert_non_null(memblock_alloc_exact_nid_raw(16, 16, 0, 0, NUMA_NO_NODE));
	check_rules();
}

/*
 * --- Walking and asking -------------------------------------------------------------------------
 */

static void test_walks_of_empty_types(void **state)
{
	phys_addr_t start, end;
	uint64_t i;
	int pfn_index;

	(void)state;
	for_each_mem_range(i, &start, &end)
		fail();
	for_each_mem_range_rev(i, &start, &end)
		fail();
	for_each_reserved_mem_range(i, &start, &end)
		fail();
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL)
		fail();
	for_each_free_mem_range_reverse(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL)
		fail();
	for_each_mem_pfn_range(pfn_index, MAX_NUMNODES, NULL, NULL, NULL)
		fail();
	assert_int_equal(memblock_end_of_DRAM(), 0);
	assert_false(memblock_is_memory(0));
	assert_false(memblock_overlaps_region(&memblock.reserved, 0, PHYS_ADDR_MAX));
	check_rules();
}

static void test_free_ranges(void **state)
{
	static const phys_addr_t expected[][2] = {
		{ 0x10800, 0x11000 },
		{ 0x12000, 0x14000 },
		{ 0x20000, 0x21000 },
		{ 0x23000, 0x24000 },
	};
	phys_addr_t start, end;
	unsigned long long i; /* not uint64_t by name: the caller's type is its own */
	unsigned int seen = 0;

	(void)state;
	memblock_add(0x10000, 0x4000);
	memblock_add(0x20000, 0x4000);
	memblock_reserve(0x0f000, 0x1800);
	memblock_reserve(0x11000, 0x1000);
	memblock_reserve(0x18000, 0x1000);
	memblock_reserve(0x21000, 0x2000);
	memblock_reserve(0x24000, 0x1000);
	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		assert_true(seen < 4);
		assert_int_equal(start, expected[seen][0]);
		assert_int_equal(end, expected[seen++][1]);
	}
	assert_int_equal(seen, 4);
	for_each_free_mem_range_reverse(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		assert_true(seen > 0);
		assert_int_equal(start, expected[--seen][0]);
		assert_int_equal(end, expected[seen][1]);
	}
	assert_int_equal(seen, 0);
}

static void test_whole_pages(void **state)
{
	unsigned long start_pfn, end_pfn;
	const struct memblock_region *region = memblock.memory.regions;
	int i, seen = 0;

	(void)state;
	memblock_add(0x10800, 0x2000);
	memblock_add(0x20800, 0x1000); /* not one whole page */
	memblock_add(0x30000, 0x2000);
	for_each_mem_pfn_range(i, MAX_NUMNODES, &start_pfn, &end_pfn, NULL) {
		assert_int_equal(start_pfn, seen ? 0x30 : 0x11);
		assert_int_equal(end_pfn, seen++ ? 0x32 : 0x12);
	}
	assert_int_equal(seen, 2);
	assert_int_equal(memblock_region_memory_base_pfn(region), 0x11);
	assert_int_equal(memblock_region_memory_end_pfn(region), 0x12);
	assert_int_equal(memblock_region_reserved_base_pfn(region), 0x10);
	assert_int_equal(memblock_region_reserved_end_pfn(region), 0x13);
	memblock_add(0, PHYS_ADDR_MAX);
	assert_int_equal(memblock_region_reserved_end_pfn(region),
			 (PHYS_ADDR_MAX >> PAGE_SHIFT) + 1);
	assert_int_not_equal(memblock_search_pfn_nid(0, &start_pfn, &end_pfn), -1);
	assert_int_equal(end_pfn, PHYS_ADDR_MAX >> PAGE_SHIFT);
}

static void test_search_past_the_end(void **state)
{
	unsigned long start_pfn = 1, end_pfn = 1;

	(void)state;
	memblock_add(0, PAGE_SIZE);
	assert_int_equal(memblock_search_pfn_nid(1, &start_pfn, &end_pfn), -1);
	/* A page number whose address would wrap to 0. */
	assert_int_equal(
		memblock_search_pfn_nid((PHYS_ADDR_MAX >> PAGE_SHIFT) + 1, &start_pfn, &end_pfn),
		-1);
	assert_int_equal(start_pfn, 1);
}

/* Break each rule by hand: the walker must name it. */
static void expect_broken(const char *rule)
{
	const char *broken = memblock_validate();

	assert_non_null(broken);
	assert_string_equal(broken, rule);
	reset(NULL);
	memblock_add(0x10000, 0x1000);
	memblock_add(0x20000, 0x1000);
	assert_null(memblock_validate());
}

static void test_validate_names_the_rule(void **state)
{
	struct memblock_type *type = &memblock.memory;

	(void)state;
	type->cnt = 0;
	expect_broken("cnt is not between 1 and max");
	type->total_size++;
	expect_broken("total_size is not the sum of the sizes");
	type->regions[1].size = 0;
	expect_broken("a region is empty");
	type->regions[1].size = PHYS_ADDR_MAX;
	expect_broken("a region reaches past PHYS_ADDR_MAX");
	type->regions[1].base = 0x1000;
	expect_broken("regions are not sorted by base");
	type->regions[1].base = 0x10800;
	expect_broken("two regions overlap");
	type->regions[1].base = 0x11000;
	expect_broken("two regions that touch and are alike are not merged");
	type->max++;
	expect_broken("max is not the size of the first array");
	memblock.reserved.cnt = 2;
	expect_broken("an empty type is not cnt 1 with a zero region");
	memblock.reserved.total_size = 1;
	expect_broken("total_size of an empty type is not 0");
	type->regions = (struct memblock_region *)arena;
	expect_broken("an array that has grown is not reserved");
}

/*
 * --- Random runs against a model ----------------------------------------------------------------
 *
 * One record for each page of the arena and of as much again above it (addresses without RAM).
 * The model knows nothing of regions; the expected ones are read off the records.
 */

#define MODEL_PAGES (2 * ARENA_PAGES)

struct model_page {
	bool memory;
	bool reserved;
	unsigned char flags;
	int nid;
};

static struct model_page model[MODEL_PAGES];

static phys_addr_t page_addr(unsigned int page)
{
	return ARENA_BASE + (phys_addr_t)page * PAGE_SIZE;
}

static unsigned int random_below(unsigned int limit)
{
	static uint32_t seed = 20240607;

	/* Numerical Recipes' generator; the high bits are the good ones. */
	seed = seed * 1664525 + 1013904223;
	return (unsigned int)(((uint64_t)seed * limit) >> 32);
}

static bool same_region(unsigned int a, unsigned int b)
{
	return model[a].memory == model[b].memory &&
	       (!model[a].memory ||
		(model[a].flags == model[b].flags && model[a].nid == model[b].nid));
}

static void compare_memory(void)
{
	unsigned int page = 0;
	unsigned long index = 0;

	while (page < MODEL_PAGES) {
		unsigned int end = page + 1;
		const struct memblock_region *region = &memblock.memory.regions[index];

		while (end < MODEL_PAGES && same_region(page, end))
			end++;
		if (model[page].memory) {
			check_region(&memblock.memory, index++, page_addr(page), page_addr(end),
				     model[page].flags);
			if (MAX_NUMNODES > 1)
				assert_int_equal(region->nid, model[page].nid);
		}
		page = end;
	}
	assert_int_equal(memblock.memory.cnt, index ? index : 1);
}

static void compare_reserved(void)
{
	unsigned int page = 0;
	unsigned long index = 0;

	while (page < MODEL_PAGES) {
		unsigned int end = page + 1;

		while (end < MODEL_PAGES && model[end].reserved == model[page].reserved)
			end++;
		if (model[page].reserved)
			check_region(&memblock.reserved, index++, page_addr(page), page_addr(end),
				     0);
		page = end;
	}
	assert_int_equal(memblock.reserved.cnt, index ? index : 1);
}

static bool is_free(unsigned int page, int nid, unsigned int flags)
{
	const struct model_page *it = &model[page];
	unsigned int hidden = MEMBLOCK_NOMAP | (movable_node_enabled ? MEMBLOCK_HOTPLUG : 0);

	return it->memory && !it->reserved && !(it->flags & hidden & ~flags) &&
	       (nid == NUMA_NO_NODE || MAX_NUMNODES == 1 || nid == it->nid);
}

static void compare_walks(void)
{
	static unsigned int starts[MODEL_PAGES];
	unsigned int count = 0, page = 0;
	phys_addr_t start, end;
	uint64_t i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		for (; page_addr(page) < start; page++)
			assert_false(is_free(page, NUMA_NO_NODE, 0));
		starts[count++] = page;
		for (; page_addr(page) < end; page++)
			assert_true(is_free(page, NUMA_NO_NODE, 0));
	}
	for (; page < MODEL_PAGES; page++)
		assert_false(is_free(page, NUMA_NO_NODE, 0));
	for_each_free_mem_range_reverse(i, NUMA_NO_NODE, MEMBLOCK_NONE, &start, &end, NULL) {
		assert_true(count > 0);
		assert_int_equal(start, page_addr(starts[--count]));
	}
	assert_int_equal(count, 0);
}

static void compare_questions(void)
{
	unsigned int page = random_below(MODEL_PAGES);
	unsigned int end = page + 1 + random_below(MODEL_PAGES - page);
	bool reserved = false, one_region = model[page].memory;
	phys_addr_t addr = page_addr(page) + random_below(PAGE_SIZE);

	assert_int_equal(memblock_is_memory(addr), model[page].memory);
	assert_int_equal(memblock_is_reserved(addr), model[page].reserved);
	assert_int_equal(memblock_is_map_memory(addr),
			 model[page].memory && !(model[page].flags & MEMBLOCK_NOMAP));
	for (unsigned int i = page; i < end; i++) {
		reserved |= model[i].reserved;
		one_region &= same_region(page, i);
	}
	assert_int_equal(memblock_is_region_reserved(addr, page_addr(end) - addr), reserved);
	assert_int_equal(memblock_is_region_memory(addr, page_addr(end) - addr), one_region);
}

/* Where Linux would put the pages; MODEL_PAGES: nowhere. */
static bool fits(unsigned int page, unsigned int pages, int nid)
{
	for (unsigned int i = page; i < page + pages; i++) {
		if (!is_free(i, nid, 0) || !same_region(page, i))
			return false;
	}
	return true;
}

static unsigned int model_find(unsigned int pages, unsigned int align, unsigned int first,
			       unsigned int last, int nid)
{
	unsigned int found = MODEL_PAGES;

	for (unsigned int page = first; page + pages <= last; page++) {
		if (page_addr(page) % (align * PAGE_SIZE) || !fits(page, pages, nid))
			continue;
		if (memblock_bottom_up())
			return page;
		found = page;
	}
	return found;
}

/* The arrays live in the arena and in `reserved`; note in the model where they went. */
struct arrays {
	void *memory, *reserved;
	unsigned long memory_max, reserved_max;
};

static struct arrays current_arrays(void)
{
	return (struct arrays){ memblock.memory.regions, memblock.reserved.regions,
				memblock.memory.max, memblock.reserved.max };
}

static void model_array(void *array, unsigned long max, bool reserved)
{
	phys_addr_t bytes = ALIGN_UP(max * sizeof(struct memblock_region), PAGE_SIZE);
	unsigned int page;

	if (array == first_memory || array == first_reserved)
		return;
	page = (unsigned int)((virt_to_phys(array) - ARENA_BASE) / PAGE_SIZE);
	for (unsigned int i = 0; i < bytes / PAGE_SIZE; i++) {
		/* A new array took pages that were free for everybody. */
		if (reserved)
			assert_true(is_free(page + i, NUMA_NO_NODE, 0));
		model[page + i].reserved = reserved;
	}
}

static void model_arrays(struct arrays old)
{
	struct arrays now = current_arrays();

	if (now.memory != old.memory)
		model_array(now.memory, now.memory_max, true);
	if (now.reserved != old.reserved)
		model_array(now.reserved, now.reserved_max, true);
	if (now.memory != old.memory)
		model_array(old.memory, old.memory_max, false);
	if (now.reserved != old.reserved)
		model_array(old.reserved, old.reserved_max, false);
}

static bool holds_array(void *array, unsigned long max, unsigned int first, unsigned int last)
{
	if (array == first_memory || array == first_reserved)
		return false;
	return memblock_addrs_overlap(virt_to_phys(array),
				      ALIGN_UP(max * sizeof(struct memblock_region), PAGE_SIZE),
				      page_addr(first), page_addr(last) - page_addr(first));
}

enum operation { ADD, ADD_NODE, REMOVE, RESERVE, FREE, MARK, CLEAR, ALLOC, SET_NODE, OPERATIONS };

struct step {
	enum operation operation;
	unsigned int first, last; /* pages */
	int nid;
	unsigned int flag; /* MARK, CLEAR, ADD_NODE */
};

static struct step random_step(void)
{
	struct step step = {
		.operation = (enum operation)random_below(OPERATIONS),
		.first = random_below(MODEL_PAGES),
		.nid = (int)random_below(3),
		.flag = random_below(2) ? MEMBLOCK_NOMAP : MEMBLOCK_HOTPLUG,
	};
	/* Mostly short ranges, so that regions become many. */
	unsigned int longest = random_below(40) ? 4 : MODEL_PAGES;

	if (longest > MODEL_PAGES - step.first)
		longest = MODEL_PAGES - step.first;
	step.last = step.first + 1 + random_below(longest);
	/* The arena mostly stays memory, so that arrays find room; RAM is nowhere else. */
	if (step.operation == ADD && step.last > ARENA_PAGES)
		step.operation = ADD_NODE;
	return step;
}

static int apply(const struct step *step)
{
	phys_addr_t base = page_addr(step->first);
	phys_addr_t size = page_addr(step->last) - base;
	bool nomap = step->flag == MEMBLOCK_NOMAP;

	switch (step->operation) {
	case ADD:
		return memblock_add(base, size);
	case ADD_NODE:
		return memblock_add_node(base, size, step->nid, step->flag);
	case REMOVE:
		return memblock_remove(base, size);
	case RESERVE:
		return memblock_reserve(base, size);
	case FREE:
		return memblock_phys_free(base, size);
	case MARK:
		return nomap ? memblock_mark_nomap(base, size) : memblock_mark_hotplug(base, size);
	case CLEAR:
		return nomap ? memblock_clear_nomap(base, size)
			     : memblock_clear_hotplug(base, size);
	default:
		return memblock_set_node(base, size, &memblock.memory, step->nid);
	}
}

static void model_page_step(struct model_page *page, const struct step *step)
{
	switch (step->operation) {
	case ADD:
	case ADD_NODE:
		if (page->memory)
			break;
		page->memory = true;
		page->flags = step->operation == ADD ? 0 : (unsigned char)step->flag;
		page->nid = step->operation == ADD ? MAX_NUMNODES : step->nid;
		if (MAX_NUMNODES == 1)
			page->nid = 0;
		break;
	case REMOVE:
		page->memory = false;
		break;
	case RESERVE:
		page->reserved = true;
		break;
	case FREE:
		page->reserved = false;
		break;
	case MARK:
		page->flags |= page->memory ? step->flag : 0;
		break;
	case CLEAR:
		page->flags &= (unsigned char)~step->flag;
		break;
	default:
		if (MAX_NUMNODES > 1)
			page->nid = step->nid;
	}
}

static void alloc_step(const struct step *step)
{
	unsigned int pages = 1 + random_below(3);
	unsigned int align = 1U << random_below(4);
	bool anywhere = random_below(2);
	unsigned int first = anywhere ? 0 : step->first;
	unsigned int last = anywhere ? MODEL_PAGES : step->last;
	int nid = random_below(2) ? NUMA_NO_NODE : step->nid;
	struct arrays arrays = current_arrays();
	unsigned int page = model_find(pages, align, first, last, nid);
	phys_addr_t place;

	if (nid == MAX_NUMNODES)
		nid = NUMA_NO_NODE;
	if (page == MODEL_PAGES)
		page = model_find(pages, align, first, last, NUMA_NO_NODE);
	take_snapshot(&before);
	place = memblock_alloc_range_nid(pages * PAGE_SIZE, align * PAGE_SIZE, page_addr(first),
					 page_addr(last), nid, false);
	if (!place) {
		check_unchanged(&before);
		/* It may fail with room in sight when the array of reserved cannot grow. */
		if (page != MODEL_PAGES)
			assert_int_equal(memblock.reserved.cnt, memblock.reserved.max);
		return;
	}
	assert_int_equal(place, page_addr(page));
	model_arrays(arrays);
	for (unsigned int i = page; i < page + pages; i++) {
		assert_true(is_free(i, NUMA_NO_NODE, 0));
		model[i].reserved = true;
	}
}

static unsigned long failures;

static void random_operation(void)
{
	struct step step = random_step();
	struct arrays arrays = current_arrays();
	int error;

	if (step.operation == ALLOC) {
		alloc_step(&step);
		return;
	}
	if (step.operation == FREE &&
	    (holds_array(arrays.memory, arrays.memory_max, step.first, step.last) ||
	     holds_array(arrays.reserved, arrays.reserved_max, step.first, step.last)))
		return;
	take_snapshot(&before);
	error = apply(&step);
	if (error) {
		assert_int_equal(error, -ENOMEM);
		check_unchanged(&before);
		failures++;
		return;
	}
	model_arrays(arrays);
	for (unsigned int i = step.first; i < step.last; i++)
		model_page_step(&model[i], &step);
}

static void random_run(unsigned int steps, unsigned int current_limit_pages)
{
	reset(NULL);
	memset(model, 0, sizeof(model));
	memblock_set_current_limit(page_addr(current_limit_pages));
	for (unsigned int step = 0; step < steps; step++) {
		if (random_below(64) == 0)
			memblock_set_bottom_up(random_below(2));
		if (random_below(64) == 0)
			movable_node_enabled = random_below(2);
		random_operation();
		compare_memory();
		compare_reserved();
		compare_walks();
		compare_questions();
	}
}

static void test_random_without_growth(void **state)
{
	(void)state;
	failures = 0;
	random_run(4000, ARENA_PAGES);
	/* The point of the run: arrays that fill up and refuse. */
	assert_true(failures > 100);
	assert_int_equal(memblock.memory.max, FIRST_MAX);
	assert_int_equal(memblock.reserved.max, FIRST_MAX);
}

static void test_random(void **state)
{
	(void)state;
	for (int run = 0; run < 3; run++) {
		random_run(3000, ARENA_PAGES);
		assert_true(memblock.memory.max > FIRST_MAX);
		assert_true(memblock.reserved.max > FIRST_MAX);
	}
}

static void test_random_with_little_room(void **state)
{
	(void)state;
	failures = 0;
	for (int run = 0; run < 3; run++)
		random_run(3000, 12);
	assert_true(failures > 0);
}

#define TEST(function)        cmocka_unit_test_setup(function, reset)
#define TEST_GROWTH(function) cmocka_unit_test_setup(function, reset_to_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_full_array_refuses),
		TEST(test_full_array_still_shrinks),
		TEST(test_alloc_with_full_array_fails),
		TEST(test_random_without_growth),
		TEST(test_allow_resize),
		TEST_GROWTH(test_growth_without_memory_fails),
		TEST_GROWTH(test_growth_respects_the_limit),
		TEST_GROWTH(test_memory_grows),
		TEST_GROWTH(test_reserved_grows),
		TEST_GROWTH(test_both_grow),
		TEST_GROWTH(test_both_grow_or_none),
		TEST_GROWTH(test_array_avoids_the_new_range),
		TEST_GROWTH(test_array_finds_no_room_beside_the_new_range),
		TEST_GROWTH(test_array_avoids_what_becomes_no_map),
		TEST_GROWTH(test_growth_counts_its_own_needs),
		TEST_GROWTH(test_reserving_everything_swallows_the_old_array),
		TEST_GROWTH(test_alloc_grows_reserved),
		TEST(test_region_at_zero),
		TEST(test_sizes_are_cut_at_the_top),
		TEST(test_whole_space),
		TEST(test_alloc_near_the_top),
		TEST(test_trim_near_the_top),
		TEST(test_overlap_of_two_ranges),
		TEST(test_neighbours_with_other_flags_stay_apart),
		TEST(test_no_map_splits_and_merges),
		TEST(test_no_map_is_never_allocated),
		TEST(test_hotpluggable_memory),
		TEST(test_nodes),
		TEST(test_trim),
		TEST(test_free_parts),
		TEST(test_memory_limit),
		TEST(test_map_limit_keeps_no_map),
		TEST(test_cap_memory_range),
		TEST(test_directions),
		TEST(test_bounds),
		TEST(test_alignment_and_size_zero),
		TEST(test_linear_calls),
		TEST(test_walks_of_empty_types),
		TEST(test_free_ranges),
		TEST(test_whole_pages),
		TEST(test_search_past_the_end),
		TEST(test_validate_names_the_rule),
		TEST(test_random),
		TEST(test_random_with_little_room),
		/* Last: memblock remembers for good that some memory is mirrored. */
		TEST(test_mirrored_memory_is_preferred),
	};

	first_memory = memblock.memory.regions;
	first_reserved = memblock.reserved.regions;
	linear_offset = (uintptr_t)arena - ARENA_BASE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
