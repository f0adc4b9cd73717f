/* SPDX-License-Identifier: MIT */
/* Runs of pages in a megabyte, against a naive list of which page is whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mm/dma/coherent_map.h"

#define STEPS 200000U

static struct coherent_map map;
static uint32_t owners[COHERENT_PAGES]; /* 0: free */
static uint32_t next_owner, random_state = 1;

static uint32_t roll(uint32_t below)
{
	random_state = random_state * 1664525U + 1013904223U;
	return (random_state >> 8) % below;
}

static unsigned int order_for(uint32_t pages)
{
	unsigned int order = 0;

	while ((1U << order) < pages)
		order++;
	return order;
}

static bool is_free(uint32_t first, uint32_t pages)
{
	for (uint32_t i = first; i < first + pages; i++)
		if (owners[i] != 0)
			return false;
	return true;
}

/* The lowest place is as good as any, but there must be one when there is one. */
static void expect_found(unsigned int order)
{
	uint32_t found = coherent_map_find(&map, order), wanted = 0;

	while (wanted < COHERENT_PAGES && !is_free(wanted, 1U << order))
		wanted += 1U << order;
	assert_int_equal(found, wanted);
}

static void own(uint32_t first, uint32_t pages, uint32_t owner)
{
	for (uint32_t i = first; i < first + pages; i++)
		owners[i] = owner;
}

static void expect_bits(void)
{
	for (uint32_t i = 0; i < COHERENT_PAGES; i++) {
		bool begins = owners[i] != 0 && (i == 0 || owners[i - 1] != owners[i]);

		assert_int_equal(map.used[i / 32] >> (i % 32) & 1, owners[i] != 0);
		assert_int_equal(map.firsts[i / 32] >> (i % 32) & 1, begins);
	}
}

static void claim_some(void)
{
	uint32_t pages = 1 + roll(roll(4) == 0 ? COHERENT_PAGES : 9), first;
	unsigned int order = order_for(pages);

	expect_found(order);
	first = roll(COHERENT_PAGES >> order) << order;
	assert_int_equal(coherent_map_claim(&map, first, pages), is_free(first, pages));
	if (is_free(first, pages))
		own(first, pages, ++next_owner);
}

/* Right only if it begins where a run begins and has its length. */
static void release_some(void)
{
	uint32_t first = roll(COHERENT_PAGES), pages = 0, said;

	while (roll(2) == 0 && first > 0 && owners[first - 1] == owners[first])
		first--;
	while (first + pages < COHERENT_PAGES && owners[first] != 0 &&
	       owners[first + pages] == owners[first])
		pages++;
	said = roll(8) == 0 ? roll(COHERENT_PAGES + 2) : pages;
	if (said != 0 && said == pages && (first == 0 || owners[first - 1] != owners[first])) {
		assert_true(coherent_map_release(&map, first, said));
		own(first, pages, 0);
	} else {
		assert_false(coherent_map_release(&map, first, said));
	}
}

static void test_model(void **state)
{
	(void)state;
	for (uint32_t step = 0; step < STEPS; step++) {
		if (roll(2) == 0)
			claim_some();
		else
			release_some();
		if (step % 64 == 0)
			expect_bits();
	}
	expect_bits();
}

/* Each order from an empty megabyte until it is full, and back. */
static void test_fill(void **state)
{
	(void)state;
	for (unsigned int order = 0; order <= 8; order++) {
		uint32_t count = 0, found;

		memset(&map, 0, sizeof(map));
		while ((found = coherent_map_find(&map, order)) != COHERENT_PAGES) {
			assert_int_equal(found, count++ << order);
			assert_true(coherent_map_claim(&map, found, 1U << order));
		}
		assert_int_equal(count, COHERENT_PAGES >> order);
		assert_int_equal(coherent_map_find(&map, 0), COHERENT_PAGES);
		while (count-- != 0)
			assert_true(coherent_map_release(&map, count << order, 1U << order));
	}
	memset(&map, 0, sizeof(map));
}

static void test_out_of_range(void **state)
{
	(void)state;
	assert_true(coherent_map_claim(&map, 255, 1));
	assert_false(coherent_map_release(&map, 255, 2));
	assert_false(coherent_map_release(&map, 256, 1));
	assert_false(coherent_map_release(&map, 255, 0));
	assert_false(coherent_map_release(&map, 255, UINT32_MAX));
	assert_true(coherent_map_release(&map, 255, 1));
	assert_false(coherent_map_release(&map, 255, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("coherent map", tests, NULL, NULL);
}
