/* SPDX-License-Identifier: MIT */
/* The tree of areas against a naive model: an array of pages, each taken or not. */
#include "mm/virt/area_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define START      0xd0800000U
#define PAGES_MOST 8192U
#define NODES_MOST 1024U

static struct area_tree tree;
static struct area_node nodes[NODES_MOST];
static bool node_is_in[NODES_MOST];
static bool taken[PAGES_MOST];
static uint32_t pages, nr_in, random_state;

static uint32_t roll(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

static void start(uint32_t page_count)
{
	pages = page_count;
	nr_in = 0;
	memset(taken, 0, sizeof(taken));
	memset(node_is_in, 0, sizeof(node_is_in));
	memset(nodes, 0xa5, sizeof(nodes));
	area_tree_init(&tree, START, START + pages * PAGE_SIZE);
}

/* --- the model --------------------------------------------------------------------------------- */

static uintptr_t address_of(uint32_t page)
{
	return START + (uintptr_t)page * PAGE_SIZE;
}

static bool are_free(uint32_t first, uint32_t count)
{
	for (uint32_t page = first; page < first + count; page++)
		if (page >= pages || taken[page])
			return false;
	return true;
}

static uintptr_t model_find_gap(uint32_t count, enum area_alignment alignment)
{
	uint32_t unit = (uint32_t)(area_alignment_bytes(alignment) / PAGE_SIZE);
	uint32_t first =
		(uint32_t)(ALIGN_UP((uint64_t)START, unit * PAGE_SIZE) - START) / PAGE_SIZE;

	for (uint32_t page = first; page + count <= pages; page += unit)
		if (are_free(page, count))
			return address_of(page);
	return 0;
}

static struct area_node *model_above(uintptr_t address)
{
	struct area_node *lowest = NULL;

	for (uint32_t i = 0; i < NODES_MOST; i++)
		if (node_is_in[i] && nodes[i].end > address &&
		    (lowest == NULL || nodes[i].start < lowest->start))
			lowest = &nodes[i];
	return lowest;
}

/* --- what must hold ---------------------------------------------------------------------------- */

/* In order of addresses: the end of the node before, how many there were. */
struct walk {
	uintptr_t end;
	uint32_t count;
};

static uintptr_t most(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

/* Balanced, in order, each knows its gap and the largest of its subtree. */
static void check_node(const struct area_node *node, const struct area_node *nothing,
		       struct walk *walk)
{
	const struct area_node *left = node->child[0], *right = node->child[1];

	if (left != nothing)
		check_node(left, nothing, walk);
	assert_true(node->start >= walk->end && node->below == walk->end);
	assert_true(node->end > node->start);
	walk->end = node->end;
	walk->count++;
	if (right != nothing)
		check_node(right, nothing, walk);
	assert_int_equal(node->height, 1 + most(left->height, right->height));
	assert_true(left->height <= right->height + 1 && right->height <= left->height + 1);
	for (enum area_alignment i = 0; i < AREA_ALIGNMENTS; i++) {
		uintptr_t from = ALIGN_UP(node->below, area_alignment_bytes(i));
		uintptr_t own = from < node->start ? node->start - from : 0;

		assert_int_equal(node->room[i], most(own, most(left->room[i], right->room[i])));
	}
}

static void check(void)
{
	const struct area_node *nothing = tree.root;
	struct walk walk = { .end = START };

	while (nothing->height != 0)
		nothing = nothing->child[0];
	for (enum area_alignment i = 0; i < AREA_ALIGNMENTS; i++)
		assert_int_equal(nothing->room[i], 0);
	if (tree.root != nothing)
		check_node(tree.root, nothing, &walk);
	assert_int_equal(walk.count, nr_in);
	assert_int_equal(walk.end, tree.top);
	assert_int_equal(tree.end, START + pages * PAGE_SIZE);
}

/* --- operations -------------------------------------------------------------------------------- */

static void put_in(uint32_t number, uintptr_t at, uint32_t count)
{
	nodes[number].start = at;
	nodes[number].end = at + (uintptr_t)count * PAGE_SIZE;
	area_tree_insert(&tree, &nodes[number]);
	for (uint32_t i = 0; i < count; i++)
		taken[(at - START) / PAGE_SIZE + i] = true;
	node_is_in[number] = true;
	nr_in++;
}

static void take_out(uint32_t number)
{
	struct area_node *node = &nodes[number];
	uintptr_t first = node->start, end = node->end;

	area_tree_remove(&tree, node);
	assert_true(node->start == first && node->end == end);
	for (uintptr_t at = first; at < end; at += PAGE_SIZE)
		taken[(at - START) / PAGE_SIZE] = false;
	node_is_in[number] = false;
	nr_in--;
}

/* Every gap that a request of any size would get is the lowest, and none is missed. */
static void check_gaps(void)
{
	static const uint32_t counts[] = { 1, 2, 3, 16, 17, 31, 100, 256, 257, 900 };

	for (uint32_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (enum area_alignment alignment = 0; alignment < AREA_ALIGNMENTS; alignment++)
			assert_int_equal(
				area_tree_find_gap(&tree, counts[i] * PAGE_SIZE, alignment),
				model_find_gap(counts[i], alignment));
}

static void check_find(void)
{
	/* Most often the very ends of areas. */
	uintptr_t address = START + roll(pages) * PAGE_SIZE + (roll(4) == 0 ? roll(PAGE_SIZE) : 0);
	struct area_node *above = model_above(address);

	assert_ptr_equal(area_tree_above(&tree, address), above);
	assert_ptr_equal(area_tree_find(&tree, address),
			 above != NULL && above->start <= address ? above : NULL);
}

static uint32_t some_count(void)
{
	static const uint32_t most_of[] = { 3, 20, 40, 300 };

	return 1 + roll(most_of[roll(ARRAY_SIZE(most_of))]);
}

/* Where a request would get it, or anywhere that is free. */
static void op_insert(void)
{
	uint32_t number = roll(NODES_MOST), count = some_count(), page;
	enum area_alignment alignment = (enum area_alignment)roll(AREA_ALIGNMENTS);
	uintptr_t at;

	if (node_is_in[number])
		return;
	at = area_tree_find_gap(&tree, count * PAGE_SIZE, alignment);
	assert_int_equal(at, model_find_gap(count, alignment));
	if (roll(3) == 0) {
		page = roll(pages);
		at = are_free(page, count) ? address_of(page) : 0;
	}
	if (at != 0)
		put_in(number, at, count);
}

static void op_remove(void)
{
	uint32_t number = roll(NODES_MOST);

	for (uint32_t i = 0; i < NODES_MOST; i++, number = (number + 1) % NODES_MOST)
		if (node_is_in[number]) {
			take_out(number);
			return;
		}
}

/* Where one ends as the other starts. */
static void op_join(void)
{
	uint32_t number = roll(NODES_MOST);
	struct area_node *node = &nodes[number], *before;
	uintptr_t end = node->end;

	if (!node_is_in[number] || node->below != node->start || node->start == START)
		return;
	before = model_above(node->start - 1);
	area_tree_join(&tree, before, node);
	assert_int_equal(before->end, end);
	node_is_in[number] = false;
	nr_in--;
}

static void run(uint32_t page_count, uint32_t operations)
{
	start(page_count);
	for (uint32_t i = 0; i < operations; i++) {
		uint32_t percent = i * 3 < operations ? 75 : i * 3 < operations * 2 ? 50 : 35;

		if (roll(100) < 5)
			op_join();
		else if (roll(100) < percent)
			op_insert();
		else
			op_remove();
		check();
		check_find();
		if (i % 16 == 0)
			check_gaps();
	}
	while (nr_in > 0) {
		op_remove();
		check();
	}
	assert_int_equal(area_tree_largest_gap(&tree), pages * PAGE_SIZE);
}

static void test_random(void **state)
{
	static const uint32_t sizes[] = { 16, 300, 1500, PAGES_MOST };

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (uint32_t seed = 1; seed <= 3; seed++) {
			random_state = seed * 7919;
			run(sizes[i], 3000);
		}
}

/* --- what is certain --------------------------------------------------------------------------- */

static void test_empty(void **state)
{
	(void)state;
	start(1000);
	check();
	assert_int_equal(area_tree_find_gap(&tree, PAGE_SIZE, AREA_4K), START);
	assert_int_equal(area_tree_find_gap(&tree, 1000 * PAGE_SIZE, AREA_4K), START);
	assert_int_equal(area_tree_find_gap(&tree, 1001 * PAGE_SIZE, AREA_4K), 0);
	assert_null(area_tree_above(&tree, START));
	assert_null(area_tree_above(&tree, 0));
	assert_null(area_tree_find(&tree, START + 1000 * PAGE_SIZE));
}

/* In order, which is what degrades a tree that is not balanced; out from both ends. */
static void test_in_order(void **state)
{
	(void)state;
	start(2 * NODES_MOST);
	for (uint32_t i = 0; i < NODES_MOST; i++) {
		uintptr_t at = area_tree_find_gap(&tree, 2 * PAGE_SIZE, AREA_4K);

		assert_int_equal(at, address_of(2 * i));
		put_in(i, at, 2);
		check();
	}
	assert_int_equal(area_tree_find_gap(&tree, PAGE_SIZE, AREA_4K), 0);
	assert_true(tree.root->height <= 15); /* 1.44 * log2(1025) */
	for (uint32_t i = 0; i < NODES_MOST / 2; i++) {
		take_out(i % 2 == 0 ? i / 2 : NODES_MOST - 1 - i / 2);
		check();
	}
	assert_int_equal(area_tree_find_gap(&tree, PAGE_SIZE, AREA_4K), START);
	check_gaps();
}

/* A gap that is large enough, but not from an aligned address on, is passed over. */
static void test_alignment_decides(void **state)
{
	(void)state;
	start(PAGES_MOST);
	put_in(0, START, 1); /* below: 255 pages to the next megabyte */
	put_in(1, START + 2 * SECTION_SIZE - PAGE_SIZE, 1);
	put_in(2, START + 3 * SECTION_SIZE + PAGE_SIZE, 1);
	assert_int_equal(area_tree_find_gap(&tree, 200 * PAGE_SIZE, AREA_4K), START + PAGE_SIZE);
	assert_int_equal(area_tree_find_gap(&tree, 496 * PAGE_SIZE, AREA_64K),
			 START + 0x301000 + 0xf000);
	assert_int_equal(area_tree_find_gap(&tree, 256 * PAGE_SIZE, AREA_1M),
			 START + 2 * SECTION_SIZE);
	assert_int_equal(area_tree_find_gap(&tree, 255 * PAGE_SIZE, AREA_1M), START + SECTION_SIZE);
	check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_alignment_decides),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("area_tree", tests, NULL, NULL);
}
