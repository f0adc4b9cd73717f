/* SPDX-License-Identifier: MIT */
/* Requests that wait for memory: who may, how long, what ends it; and who is told that he may not. */
#include "page_harness.h"
#include "thread_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/param.h"
#include "mm/phys/page_wait.h"

#define BLOCK      (1U << PAGE_ORDER_MAX)
#define PAGES_MOST 8192U

static struct page *taken[PAGES_MOST];
static uint32_t taken_count;

static const char *set_timeout(const char *value)
{
	const struct boot_param *param;

	for_each_table_entry(param, boot_params)
		if (strcmp(param->name, "alloc_timeout") == 0)
			return param->parse(value);
	return "no such parameter";
}

/* A machine all of whose lowmem somebody has, down to what the zone keeps back. */
static void start_used_up(void)
{
	struct page *page;

	harness_start(
		&(struct harness_machine){ .zone_pages = { [ZONE_NORMAL] = 4 * BLOCK + 1003 } });
	double_threads_reset();
	assert_null(set_timeout("1"));
	taken_count = 0;
	while ((page = alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)) != NULL) {
		assert_true(taken_count < PAGES_MOST);
		taken[taken_count++] = page;
	}
	double_may_sleep = double_others = true;
}

static void end(void)
{
	assert_false(somebody_waits_for_pages());
	while (taken_count > 0)
		__free_page(taken[--taken_count]);
	magazines_drain_all();
	harness_check(NULL);
	assert_int_equal(harness_misuses, 0);
	assert_int_equal(double_sleep_misuses, 0);
}

static uint32_t turns_until_free;

static void free_one(void)
{
	if (turns_until_free-- == 1)
		__free_page(taken[--taken_count]);
}

static void test_a_free_ends_the_wait(void **state)
{
	(void)state;
	for (uint32_t turns = 1; turns <= 5; turns++) {
		struct page *page;

		start_used_up();
		double_others_turn = free_one;
		turns_until_free = turns;
		page = alloc_page(GFP_KERNEL);
		assert_non_null(page);
		assert_int_equal(double_waits, turns);
		assert_int_equal(harness_refusals, 0);
		/* Hot paths are open again: a free page stays in a magazine. */
		__free_page(page);
		assert_int_equal(magazines_cached_pages(ZONE_NORMAL), 1);
		end();
	}
}

static void test_time_out(void **state)
{
	uint64_t start_ns;

	(void)state;
	start_used_up();
	start_ns = double_now_ns;
	assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(double_now_ns - start_ns, NS_PER_S);
	assert_int_equal(harness_refusals, 1);
	assert_int_equal(harness_last_refusal.wait.waited_ms, 1000);
	assert_false(harness_last_refusal.wait.gave_up);
	assert_null(set_timeout("70ms"));
	start_ns = double_now_ns;
	assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(double_now_ns - start_ns, 70 * NS_PER_MS);
	end();
}

static void give_up(void)
{
	double_gave_up = true;
	page_wait_tell();
}

static void test_the_youngest_gives_up(void **state)
{
	(void)state;
	start_used_up();
	double_others_turn = give_up;
	assert_null(alloc_page(GFP_KERNEL));
	assert_int_equal(double_waits, 1);
	assert_int_equal(harness_last_refusal.wait.waited_ms, 0);
	assert_true(harness_last_refusal.wait.gave_up);
	end();
}

/* Who asks when all others wait for memory waits as well: a younger one gives up first. */
static void test_behind_others(void **state)
{
	struct waiter other = { 0 };

	(void)state;
	start_used_up();
	double_others = false;
	wait_prepare(&page_waiters, &other);
	assert_true(page_wait_is_worth_it(GFP_KERNEL, 0));
	wait_finish(&other);
	assert_false(page_wait_is_worth_it(GFP_KERNEL, 0));
	end();
}

static void expect_no_wait(gfp_t gfp, unsigned int order)
{
	uint32_t refusals = harness_refusals, waits = double_waits;

	assert_null(alloc_pages(gfp, order));
	assert_int_equal(double_waits, waits);
	assert_int_equal(harness_refusals, refusals + 1);
	assert_int_equal(harness_last_refusal.wait.waited_ms, 0);
}

static void test_who_does_not_wait(void **state)
{
	uint32_t irq;

	(void)state;
	start_used_up();
	expect_no_wait(GFP_KERNEL | __GFP_NORETRY, 0);
	expect_no_wait(GFP_NOWAIT, 0);
	if (PAGE_ORDER_MAX > PAGE_COSTLY_ORDER)
		expect_no_wait(GFP_KERNEL, PAGE_COSTLY_ORDER + 1);
	double_others = false;
	expect_no_wait(GFP_KERNEL, 0);
	double_others = true;
	assert_null(set_timeout("0"));
	expect_no_wait(GFP_KERNEL, 0);
	assert_null(set_timeout("1"));
	while (alloc_page(GFP_ATOMIC | __GFP_NOWARN) != NULL)
		;
	expect_no_wait(GFP_ATOMIC, 0);
	/* Who may not wait is told, and goes without. */
	irq = local_irq_save();
	expect_no_wait(GFP_KERNEL, 0);
	local_irq_restore(irq);
	assert_int_equal(double_sleep_misuses, 1);
	preempt_disable();
	expect_no_wait(GFP_KERNEL, 0);
	preempt_enable();
	assert_int_equal(double_sleep_misuses, 2);
	double_sleep_misuses = 0;
}

/* More than the zone has, or than it has above what it keeps back. */
static void test_what_never_fits(void **state)
{
	(void)state;
	harness_start(&(struct harness_machine){ .zone_pages = { [ZONE_NORMAL] = 8 } });
	double_threads_reset();
	double_may_sleep = double_others = true;
	assert_null(set_timeout("1"));
	expect_no_wait(GFP_KERNEL, 3); /* of 8 pages one is reserved */
	zones[ZONE_NORMAL].marks.min_pages = 7;
	expect_no_wait(GFP_KERNEL, 0);
	zones[ZONE_NORMAL].marks.min_pages = 6;
	while (alloc_page(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN) != NULL)
		;
	assert_null(alloc_page(GFP_KERNEL));
	assert_true(double_waits > 0);
}

static void test_the_argument(void **state)
{
	static const char *const wrong[] = { "",    "s",    "1 s",       "-1",         "1m",
					     "0x1", "3601", "3600001ms", "99999999999" };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_non_null(set_timeout(wrong[i]));
		assert_int_equal(page_wait_timeout_ms(), 1000);
	}
	assert_non_null(set_timeout(NULL));
	assert_null(set_timeout("2s"));
	assert_int_equal(page_wait_timeout_ms(), 2000);
	assert_null(set_timeout("15ms"));
	assert_int_equal(page_wait_timeout_ms(), 15);
	assert_null(set_timeout("3600"));
	assert_null(set_timeout("1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_free_ends_the_wait),
		cmocka_unit_test(test_time_out),
		cmocka_unit_test(test_the_youngest_gives_up),
		cmocka_unit_test(test_behind_others),
		cmocka_unit_test(test_who_does_not_wait),
		cmocka_unit_test(test_what_never_fits),
		cmocka_unit_test(test_the_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
