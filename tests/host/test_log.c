/* SPDX-License-Identifier: MIT */
/* The log: the ring, what the console is given of it, and who may give it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kern/log.h"
#include "kern/param.h"

#define RING_BYTES (1U << CONFIG_LOG_BUF_SHIFT)

static char seen[4 * RING_BYTES];
static size_t seen_bytes;
static const char *to_log; /* by the sink, once: as a handler does while it is given text */

static void sink(const char *text, size_t bytes)
{
	const char *more = to_log;

	memcpy(seen + seen_bytes, text, bytes);
	seen_bytes += bytes;
	seen[seen_bytes] = '\0';
	to_log = NULL;
	if (more != NULL)
		pr_err("%s", more);
}

static void forget_seen(void)
{
	seen_bytes = 0;
	seen[0] = '\0';
}

static void test_before_and_after_attaching(void **state)
{
	(void)state;
	forget_seen();
	pr_info("early\n");
	assert_string_equal(seen, "");
	log_attach(sink);
	assert_string_equal(seen, "early\n");
	pr_warn("late\tand \x1b[2J\n");
	assert_string_equal(seen, "early\nlate\tand ?[2J\n");
}

static void test_long_text_is_cut(void **state)
{
	static char text[2 * LOG_TEXT_MAX];

	(void)state;
	forget_seen();
	memset(text, 'x', sizeof(text) - 1);
	pr_err("%s", text);
	assert_int_equal(strlen(seen), LOG_TEXT_MAX - 1);
	assert_int_equal(seen[LOG_TEXT_MAX - 2], '\n');
}

/* Whole lines one behind the other, never one inside another. */
static void test_logged_while_giving(void **state)
{
	(void)state;
	forget_seen();
	to_log = "from a handler\n";
	pr_err("a line that is longer than the pieces that the sink is given of it\n");
	assert_string_equal(seen, "a line that is longer than the pieces that the sink is given of "
				  "it\nfrom a handler\n");
}

static void test_claimed(void **state)
{
	(void)state;
	forget_seen();
	assert_true(log_claim_console());
	assert_false(log_claim_console());
	pr_err("one\n");
	pr_err("two\n");
	assert_string_equal(seen, "");
	to_log = "three\n";
	log_release_console();
	assert_string_equal(seen, "one\ntwo\nthree\n");
	assert_true(log_claim_console());
	log_seize_console();
	pr_err("last\n");
	assert_string_equal(seen, "one\ntwo\nthree\nlast\n");
}

/* What is overwritten before the console had it is not shown in part. Of 13 bytes one is the level. */
static void test_more_than_the_ring(void **state)
{
	(void)state;
	forget_seen();
	assert_true(log_claim_console());
	for (unsigned int i = 0; i < RING_BYTES / 8; i++)
		pr_err("line %06u\n", i);
	log_release_console();
	assert_true(strlen(seen) < RING_BYTES && strlen(seen) > RING_BYTES / 13 * 12 - 100);
	assert_memory_equal(seen, "line ", 5);
	forget_seen();
	log_replay(sink);
	assert_memory_equal(seen, "line ", 5);
	assert_true(strlen(seen) < RING_BYTES && strlen(seen) > RING_BYTES / 13 * 12 - 100);
}

static void test_quiet(void **state)
{
	const struct boot_param *param;

	(void)state;
	for_each_table_entry(param, boot_params)
		if (strcmp(param->name, "quiet") == 0)
			assert_null(param->parse(NULL));
	forget_seen();
	pr_info("news\n");
	pr_warn("warning\n");
	pr_info("more news\n");
	assert_string_equal(seen, "warning\n");
	forget_seen();
	log_replay(sink);
	assert_non_null(strstr(seen, "more news\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_and_after_attaching),
		cmocka_unit_test(test_long_text_is_cut),
		cmocka_unit_test(test_logged_while_giving),
		cmocka_unit_test(test_claimed),
		cmocka_unit_test(test_more_than_the_ring),
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
