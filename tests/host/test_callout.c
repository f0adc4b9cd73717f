/* SPDX-License-Identifier: MIT */
/* Callouts on a clock that the test turns, against a list that is searched for the first one. */
#include "kern/callout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "kern/clock.h"

#define CALLOUTS 200U
#define ROUNDS   200000U
#define NEVER    UINT64_MAX

/* A tick is a nanosecond here. */
static uint64_t now_ns, event_ns = NEVER;
static uint32_t event_changes, random_state;
uint32_t double_irq_flags;
void (*double_irq_unmasked)(void), (*double_irq_masking)(void);

/* --- the machine ------------------------------------------------------------------------------- */

uint64_t clock_ns(void)
{
	return now_ns;
}

uint64_t clock_ticks_at(uint64_t ns)
{
	return ns;
}

static void event_set(uint64_t ticks)
{
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	event_ns = ticks;
	event_changes++;
}

static void event_off(void)
{
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	event_ns = NEVER;
	event_changes++;
}

static const struct clock_event event = { "test-timer", event_set, event_off };

/* As the core does it. */
static void interrupt(void)
{
	double_irq_flags = DOUBLE_IRQ_MASKED;
	callout_run_due();
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	double_irq_flags = 0;
}

/* Let time go by; the timer interrupts when it is due, at once and as often as it is. */
static void run_until(uint64_t ns)
{
	while (event_ns <= ns) {
		if (event_ns > now_ns)
			now_ns = event_ns;
		interrupt();
	}
	if (ns > now_ns)
		now_ns = ns;
}

static uint32_t roll(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

/* --- what was called --------------------------------------------------------------------------- */

struct item {
	struct callout callout;
	/* What the model knows of it. */
	bool started;
	uint64_t when_ns, period_ns, order;
};

static struct item items[CALLOUTS];
static uint64_t next_order;
static struct {
	struct item *item;
	uint64_t ns;
} called[4 * CALLOUTS];
static uint32_t called_count;

static void note(struct callout *callout)
{
	assert_true(called_count < 4 * CALLOUTS);
	called[called_count].item = (struct item *)callout;
	called[called_count++].ns = now_ns;
}

static int start(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CALLOUTS; i++) {
		callout_stop(&items[i].callout);
		memset(&items[i], 0, sizeof(items[i]));
		callout_init(&items[i].callout, note);
	}
	callout_register_event(&event);
	called_count = 0;
	now_ns = 1000000;
	random_state = 2463534242U;
	assert_int_equal(event_ns, NEVER);
	return 0;
}

static uint32_t started_now(void)
{
	struct callout_snapshot snapshot;

	callout_snapshot(&snapshot);
	return snapshot.started;
}

/* --- the heap ---------------------------------------------------------------------------------- */

static uint32_t check_heap(const struct callout *callout)
{
	uint32_t left = 0, right = 0;

	if (callout == NULL)
		return 0;
	for (int side = 0; side < 2; side++) {
		const struct callout *child = side == 0 ? callout->left : callout->right;

		if (child == NULL)
			continue;
		assert_ptr_equal(child->parent, callout);
		assert_true(child->when_ns >= callout->when_ns);
		*(side == 0 ? &left : &right) = check_heap(child);
	}
	assert_true(left >= right);
	assert_int_equal(callout->rank, right + 1);
	return right + 1;
}

static void check_all(void)
{
	uint32_t count = 0;
	const struct callout *root = NULL;

	for (uint32_t i = 0; i < CALLOUTS; i++) {
		if (!callout_is_started(&items[i].callout))
			continue;
		count++;
		if (items[i].callout.parent == &items[i].callout) {
			assert_null(root);
			root = &items[i].callout;
		}
	}
	assert_int_equal(count, started_now());
	assert_int_equal(root != NULL, count != 0);
	check_heap(root);
	assert_true(root == NULL ? event_ns == NEVER : event_ns == root->when_ns);
}

/* --- the tests --------------------------------------------------------------------------------- */

/* Runs first: nothing is called before there is a timer, and what was started then is not lost. */
static void test_no_timer(void **state)
{
	struct callout_snapshot snapshot;
	static const struct clock_event other = { "other", event_set, event_off };

	(void)state;
	callout_init(&items[0].callout, note);
	assert_false(callout_works());
	callout_start(&items[0].callout, 100);
	callout_snapshot(&snapshot);
	assert_null(snapshot.event);
	assert_int_equal(snapshot.next_ns, 100);
	assert_int_equal(event_changes, 0);
	assert_true(callout_register_event(&event));
	assert_true(callout_works());
	assert_int_equal(event_ns, 100);
	assert_false(callout_register_event(&other));
	callout_snapshot(&snapshot);
	assert_string_equal(snapshot.event, "test-timer");
	run_until(150);
	assert_int_equal(called_count, 1);
	assert_int_equal(called[0].ns, 100);
}

static void test_order(void **state)
{
	(void)state;
	callout_start(&items[0].callout, now_ns + 30);
	callout_start(&items[1].callout, now_ns + 10);
	callout_start(&items[2].callout, now_ns + 20);
	check_all();
	run_until(now_ns + 100);
	assert_int_equal(called_count, 3);
	assert_ptr_equal(called[0].item, &items[1]);
	assert_ptr_equal(called[1].item, &items[2]);
	assert_ptr_equal(called[2].item, &items[0]);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(called[i].ns, 1000000 + 10 * (i + 1));
	/* No tick while there is nothing to do. */
	assert_int_equal(event_ns, NEVER);
	assert_false(callout_is_started(&items[0].callout));
}

/* Due at the same moment: in the order of starting, over the sequence's wrap and many interrupts. */
static void test_ties(void **state)
{
	uint64_t due = now_ns + 50;

	(void)state;
	for (uint32_t i = 0; i < CALLOUTS; i++)
		callout_start(&items[i].callout, due);
	callout_start(&items[7].callout, due); /* moved to the end */
	check_all();
	run_until(due + 10);
	assert_int_equal(called_count, CALLOUTS);
	for (uint32_t i = 0, at = 0; i < CALLOUTS; i++)
		if (i != 7)
			assert_ptr_equal(called[at++].item, &items[i]);
	assert_ptr_equal(called[CALLOUTS - 1].item, &items[7]);
}

static void test_at_once(void **state)
{
	uint64_t due = now_ns + 5;

	(void)state;
	for (uint32_t i = 0; i < 2 * CALLOUTS_AT_ONCE + 1; i++)
		callout_start(&items[i].callout, due);
	now_ns = due;
	interrupt();
	assert_int_equal(called_count, CALLOUTS_AT_ONCE);
	assert_int_equal(event_ns, due); /* past: the timer comes again at once */
	interrupt();
	assert_int_equal(called_count, 2 * CALLOUTS_AT_ONCE);
	interrupt();
	assert_int_equal(called_count, 2 * CALLOUTS_AT_ONCE + 1);
	assert_int_equal(event_ns, NEVER);
	interrupt(); /* a timer that interrupts without need */
	assert_int_equal(called_count, 2 * CALLOUTS_AT_ONCE + 1);
}

/* Started for a time that is past: by the timer, not from callout_start. */
static void test_past(void **state)
{
	(void)state;
	callout_start(&items[0].callout, now_ns - 500);
	assert_int_equal(called_count, 0);
	assert_true(event_ns <= now_ns);
	run_until(now_ns);
	assert_int_equal(called_count, 1);
	assert_true(callout_stop(&items[0].callout) == false);
}

static void test_stop(void **state)
{
	(void)state;
	assert_false(callout_stop(&items[0].callout));
	for (uint32_t i = 0; i < 50; i++)
		callout_start(&items[i].callout, now_ns + 100 + i);
	for (uint32_t i = 0; i < 50; i += 2) {
		assert_true(callout_stop(&items[i].callout));
		check_all();
	}
	assert_int_equal(event_ns, now_ns + 101);
	run_until(now_ns + 1000);
	assert_int_equal(called_count, 25);
	for (uint32_t i = 0; i < 25; i++)
		assert_ptr_equal(called[i].item, &items[2 * i + 1]);
}

/* The hardware is told only when the first one changed. */
static void test_event_changes(void **state)
{
	uint32_t before;

	(void)state;
	callout_start(&items[0].callout, now_ns + 100);
	before = event_changes;
	for (uint32_t i = 1; i < 20; i++)
		callout_start(&items[i].callout, now_ns + 100 + i);
	for (uint32_t i = 1; i < 20; i++)
		assert_true(callout_stop(&items[i].callout));
	assert_int_equal(event_changes, before);
	callout_start(&items[0].callout, now_ns + 200); /* the same one, moved */
	assert_int_equal(event_ns, now_ns + 200);
	callout_start(&items[1].callout, now_ns + 150);
	callout_start(&items[1].callout, now_ns + 300); /* moved from the front */
	assert_int_equal(event_ns, now_ns + 200);
}

/* However late each call was, the next is due where it always was. */
static void test_no_drift(void **state)
{
	uint64_t first = now_ns + 1000;

	(void)state;
	callout_start_periodic(&items[0].callout, first, 1000);
	for (uint32_t n = 0; n < 500; n++) {
		now_ns = first + n * 1000 + roll(1000);
		interrupt();
		assert_int_equal(called_count, n + 1);
		assert_int_equal(event_ns, first + (n + 1) * 1000);
	}
	/* Five periods missed: one call, and the next is where it would have been. */
	now_ns = first + 505 * 1000 + 1;
	interrupt();
	assert_int_equal(called_count, 501);
	assert_int_equal(event_ns, first + 506 * 1000);
	/* Exactly at the next one's time counts as missed as well: it is due, once. */
	now_ns = first + 507 * 1000;
	interrupt();
	assert_int_equal(called_count, 502);
	assert_int_equal(event_ns, first + 508 * 1000);
	assert_true(callout_stop(&items[0].callout));
	assert_int_equal(event_ns, NEVER);
}

static void stop_self(struct callout *callout)
{
	note(callout);
	callout_stop(callout);
}

static void start_self(struct callout *callout)
{
	note(callout);
	if (called_count < 5)
		callout_start(callout, now_ns + 7);
}

static void stop_next(struct callout *callout)
{
	note(callout);
	assert_true(callout_stop(&items[1].callout));
}

/* Its owner may have freed it by the time of the return. */
static void destroy_self(struct callout *callout)
{
	note(callout);
	memset(callout, 0xff, sizeof(*callout));
}

static void test_within_the_call(void **state)
{
	(void)state;
	callout_init(&items[0].callout, stop_self);
	callout_start_periodic(&items[0].callout, now_ns + 10, 10);
	run_until(now_ns + 100);
	assert_int_equal(called_count, 1);
	assert_false(callout_is_started(&items[0].callout));

	called_count = 0;
	callout_init(&items[0].callout, start_self);
	callout_start(&items[0].callout, now_ns + 10);
	run_until(now_ns + 100);
	assert_int_equal(called_count, 5);
	assert_int_equal(called[4].ns - called[0].ns, 4 * 7);

	called_count = 0;
	callout_init(&items[0].callout, stop_next);
	callout_start(&items[0].callout, now_ns + 10);
	callout_start(&items[1].callout, now_ns + 10);
	run_until(now_ns + 100);
	assert_int_equal(called_count, 1);

	callout_init(&items[0].callout, destroy_self);
	callout_start(&items[0].callout, now_ns + 10);
	callout_start(&items[1].callout, now_ns + 10);
	run_until(now_ns + 100);
	assert_int_equal(called_count, 3);
	memset(&items[0], 0, sizeof(items[0]));
}

/* The end of time is no reason to go round. */
static void test_far_future(void **state)
{
	(void)state;
	callout_start_periodic(&items[0].callout, UINT64_MAX - 5, 100);
	callout_start_periodic(&items[1].callout, now_ns + 10, UINT64_MAX);
	run_until(now_ns + 20);
	assert_int_equal(called_count, 1);
	assert_int_equal(event_ns, UINT64_MAX - 5);
	now_ns = UINT64_MAX - 5;
	interrupt();
	assert_int_equal(called_count, 2);
	assert_int_equal(items[0].callout.when_ns, UINT64_MAX);
}

static void test_snapshot(void **state)
{
	struct callout_snapshot before, after;

	(void)state;
	callout_snapshot(&before);
	callout_start(&items[0].callout, now_ns + 10);
	callout_start(&items[1].callout, now_ns + 20);
	now_ns += 10 + 123456789;
	interrupt();
	interrupt(); /* one callout each */
	callout_start(&items[2].callout, now_ns + 99);
	callout_snapshot(&after);
	assert_int_equal(after.calls - before.calls, 2);
	assert_int_equal(after.late_ns_most, 123456789);
	assert_int_equal(after.started, 1);
	assert_int_equal(after.next_ns, now_ns + 99);
}

static void test_list(void **state)
{
	struct callout_entry entries[CALLOUTS_LISTED + 1];
	struct callout *periodic = &items[100].callout;

	(void)state;
	assert_int_equal(callout_list(entries, CALLOUTS_LISTED), 0);
	for (uint32_t i = 0; i < 100; i++)
		callout_start(&items[i].callout, now_ns + 10 * (i * 37 % 100));
	callout_init(periodic, stop_self);
	callout_start_periodic(periodic, now_ns, 5); /* after the one that was started before */
	memset(entries, 0xa5, sizeof(entries));
	assert_int_equal(callout_list(entries, UINT32_MAX), CALLOUTS_LISTED);
	for (uint32_t i = 0; i < CALLOUTS_LISTED; i++) {
		assert_int_equal(entries[i].when_ns, now_ns + (i < 2 ? 0 : 10 * (i - 1)));
		assert_true(entries[i].function == (i == 1 ? stop_self : note));
		assert_int_equal(entries[i].period_ns, i == 1 ? 5 : 0);
	}
	memset(entries, 0, sizeof(entries));
	assert_int_equal(callout_list(entries, 2), 2);
	assert_null(entries[2].function);
	for (uint32_t i = 3; i < 101; i++)
		callout_stop(&items[i].callout);
	assert_int_equal(callout_list(entries, CALLOUTS_LISTED), 3);
}

/* --- at random, against the list ---------------------------------------------------------------- */

static struct item *model_first(void)
{
	struct item *first = NULL;

	for (uint32_t i = 0; i < CALLOUTS; i++)
		if (items[i].started &&
		    (first == NULL || items[i].when_ns < first->when_ns ||
		     (items[i].when_ns == first->when_ns && items[i].order < first->order)))
			first = &items[i];
	return first;
}

static void model_start(struct item *item, uint64_t when_ns, uint64_t period_ns)
{
	item->started = true;
	item->when_ns = when_ns;
	item->period_ns = period_ns;
	item->order = next_order++;
}

/* Called by the callouts: this one, and now. */
static void check_call(struct callout *callout)
{
	struct item *item = (struct item *)callout;

	assert_ptr_equal(item, model_first());
	assert_true(item->when_ns <= now_ns);
	item->started = false;
	called_count++;
	if (item->period_ns == 0)
		return;
	do
		item->when_ns += item->period_ns;
	while (item->when_ns <= now_ns);
	item->started = true;
	item->order = next_order++;
}

static void test_model(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CALLOUTS; i++)
		callout_init(&items[i].callout, check_call);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct item *item = &items[roll(CALLOUTS)];
		uint64_t when_ns = now_ns + roll(300) - 20;

		switch (roll(4)) {
		case 0:
			callout_start(&item->callout, when_ns);
			model_start(item, when_ns, 0);
			break;
		case 1: {
			uint64_t period_ns = 1 + roll(500);

			callout_start_periodic(&item->callout, when_ns, period_ns);
			model_start(item, when_ns, period_ns);
			break;
		}
		case 2:
			assert_true(callout_stop(&item->callout) == item->started);
			item->started = false;
			break;
		default:
			now_ns += roll(10);
			if (roll(2) == 0)
				run_until(now_ns);
		}
		assert_true(callout_is_started(&item->callout) == item->started);
		if (round % 64 == 0)
			check_all();
	}
	assert_true(called_count > ROUNDS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_timer),
		cmocka_unit_test_setup(test_order, start),
		cmocka_unit_test_setup(test_ties, start),
		cmocka_unit_test_setup(test_at_once, start),
		cmocka_unit_test_setup(test_past, start),
		cmocka_unit_test_setup(test_stop, start),
		cmocka_unit_test_setup(test_event_changes, start),
		cmocka_unit_test_setup(test_no_drift, start),
		cmocka_unit_test_setup(test_within_the_call, start),
		cmocka_unit_test_setup(test_far_future, start),
		cmocka_unit_test_setup(test_snapshot, start),
		cmocka_unit_test_setup(test_list, start),
		cmocka_unit_test_setup(test_model, start),
	};

	return cmocka_run_group_tests_name("callout", tests, NULL, NULL);
}
