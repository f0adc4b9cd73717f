/* SPDX-License-Identifier: MIT */
/* Ticks and nanoseconds against exact arithmetic of 128 bits, over all of a counter's life. */
#include "kern/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "arch/clock.h"

typedef unsigned __int128 uint128;

/* A Raspberry Pi's crystal, QEMU's counter, ones that do not divide a second, the edges. */
static const uint32_t frequencies[] = { 1,          32768,      1000000,     19200000,  24000000,
					54000000,   62500000,   123456789,   999999999, 1000000000,
					1000000001, 1200000001, 3999999999U, UINT32_MAX };

static uint64_t counter, counter_step, random_state;
static uint32_t told_hz;

uint64_t clock_ticks(void)
{
	counter += counter_step;
	return counter;
}

uint32_t clock_frequency_hz(void)
{
	return told_hz;
}

static uint64_t roll(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* The counter at 0, so that nothing of the frequency before is ahead. */
static void use(uint32_t frequency_hz)
{
	counter = 0;
	counter_step = 0;
	clock_set_frequency(frequency_hz);
}

static int start(void **state)
{
	(void)state;
	random_state = 88172645463325252ULL;
	return 0;
}

/* --- what must hold ---------------------------------------------------------------------------- */

static uint64_t exact_ns(uint64_t ticks, uint32_t frequency_hz)
{
	return (uint64_t)((uint128)ticks * NS_PER_S / frequency_hz);
}

static void check_to_ns(uint64_t ticks, uint32_t frequency_hz)
{
	uint64_t exact = exact_ns(ticks, frequency_hz), got = clock_ticks_to_ns(ticks);

	if (got > exact || exact - got > 1)
		fail_msg("%llu ticks at %u Hz: %llu ns, not %llu", (unsigned long long)ticks,
			 frequency_hz, (unsigned long long)got, (unsigned long long)exact);
}

/* The largest number of ticks whose time fits 64 bits, or all of them. */
static uint64_t most_ticks(uint32_t frequency_hz)
{
	uint128 most = (uint128)UINT64_MAX * frequency_hz / NS_PER_S;

	return most > UINT64_MAX ? UINT64_MAX : (uint64_t)most;
}

/* The ticks reach ns, and one tick less does not. */
static void check_to_ticks(uint64_t ns, uint32_t frequency_hz)
{
	uint64_t ticks = clock_ns_to_ticks(ns);

	if (ticks == UINT64_MAX) /* more than 64 bits of ticks, or of ns: no ticks reach it */
		assert_true(((uint128)ns + 2) * frequency_hz / NS_PER_S >= UINT64_MAX - 1 ||
			    clock_ticks_to_ns(most_ticks(frequency_hz)) < ns);
	else if (clock_ticks_to_ns(ticks) < ns ||
		 (ticks != 0 && clock_ticks_to_ns(ticks - 1) >= ns))
		fail_msg("%llu ns at %u Hz: %llu ticks", (unsigned long long)ns, frequency_hz,
			 (unsigned long long)ticks);
}

/* --- the tests --------------------------------------------------------------------------------- */

static void test_conversions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(frequencies) / sizeof(frequencies[0]); i++) {
		uint32_t hz = frequencies[i];
		uint64_t most = most_ticks(hz);

		use(hz);
		assert_int_equal(clock_frequency(), hz);
		for (int round = 0; round < 20000; round++) {
			uint64_t ticks = roll() >> (roll() % 64);

			check_to_ns(ticks % most, hz);
			check_to_ticks(roll() >> (roll() % 64), hz);
		}
		for (uint64_t near = 0; near < 100; near++) {
			check_to_ns(near, hz);
			check_to_ns(most - near, hz);
			check_to_ticks(near, hz);
			check_to_ticks(near * NS_PER_S, hz);
			check_to_ticks(clock_ticks_to_ns(near), hz);
			check_to_ticks(UINT64_MAX - near, hz);
		}
	}
}

/* What a Raspberry Pi shows after a day, a year and a hundred years, to the nanosecond. */
static void test_years(void **state)
{
	const uint64_t day = 86400, year = 365 * day;

	(void)state;
	use(19200000);
	counter = 19200000 * day;
	assert_in_range(clock_ns(), day * NS_PER_S - 1, day * NS_PER_S);
	counter = 19200000 * year;
	assert_in_range(clock_ns(), year * NS_PER_S - 1, year * NS_PER_S);
	counter = 19200000 * year * 100;
	assert_in_range(clock_ns(), year * 100 * NS_PER_S - 1, year * 100 * NS_PER_S);
}

static void test_never_back(void **state)
{
	uint64_t before = 0;

	(void)state;
	use(999999937);
	for (int i = 0; i < 100000; i++) {
		counter += roll() % 4;
		assert_true(clock_ns() >= before);
		before = clock_ns();
	}
	/* Not when the tree knows another frequency than the firmware, either way. */
	use(10000000);
	counter = 50000000; /* 5 s */
	assert_int_equal(clock_ns(), 5 * NS_PER_S);
	clock_set_frequency(20000000);
	assert_int_equal(clock_ns(), 5 * NS_PER_S);
	counter += 20000000;
	assert_int_equal(clock_ns(), 6 * NS_PER_S);
	assert_int_equal(clock_ticks_at(6 * NS_PER_S), counter);
	assert_int_equal(clock_ticks_at(7 * NS_PER_S), counter + 20000000);
	clock_set_frequency(10000000);
	assert_true(clock_ns() >= 6 * NS_PER_S);
	use(10000000);
	assert_int_equal(clock_ticks_at(1), 1);
}

/* No wait is shorter than asked, by a counter that was read in the middle of a tick. */
static void test_delays(void **state)
{
	uint64_t start_ticks;

	(void)state;
	use(19200000);
	counter_step = 1;
	start_ticks = counter + 1;
	udelay(10); /* 192 ticks, the one that may be nearly over, and one for the rounding */
	assert_in_range(counter - start_ticks, 193, 194);
	start_ticks = counter + 1;
	mdelay(2);
	assert_in_range(counter - start_ticks, 38401, 38402);
	start_ticks = counter + 1;
	ndelay(0);
	assert_int_equal(counter - start_ticks, 1);
	/* Without a rounding: the ticks, and one. */
	use(10000000);
	counter_step = 1;
	start_ticks = counter + 1;
	udelay(10);
	assert_int_equal(counter - start_ticks, 101);
	/* At a counter's wrap as well. */
	use(19200000);
	counter_step = 1;
	counter = UINT64_MAX - 50;
	udelay(10);
	assert_in_range(counter, 143, 144);
}

/* First of all: the frequency is what the firmware wrote down, else the assumed one. */
static void test_unset(void **state)
{
	(void)state;
	told_hz = 0;
	counter = CLOCK_ASSUMED_HZ;
	assert_in_range(clock_ns(), NS_PER_S - 1, NS_PER_S);
	assert_int_equal(clock_frequency(), CLOCK_ASSUMED_HZ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_unset, start),
		cmocka_unit_test_setup(test_conversions, start),
		cmocka_unit_test_setup(test_years, start),
		cmocka_unit_test_setup(test_never_back, start),
		cmocka_unit_test_setup(test_delays, start),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
