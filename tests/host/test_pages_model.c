/* SPDX-License-Identifier: MIT */
#include "page_harness.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_starts(void **state)
{
	(void)state;
	harness_start(&(struct harness_machine){ .zone_pages = { 1000, 3000, 2000, 1024 } });
	harness_check(NULL);
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	assert_non_null(page);
	harness_check(NULL);
	__free_pages(page, 0);
	__free_pages(page, 0);
	assert_int_equal(harness_misuses, 1);
	harness_check(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_starts) };

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
