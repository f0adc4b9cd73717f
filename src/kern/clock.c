/* SPDX-License-Identifier: MIT */
/*
 * Ticks into nanoseconds and back by multiplication: a rate is a number of 32 bits and a fraction of
 * 64, rounded down. So the error over all of a 64-bit counter's life is less than one unit, and
 * nothing adds up.
 */
#include "kern/clock.h"

#include "arch/clock.h"

struct rate {
	uint32_t whole;
	uint64_t fraction; /* in units of 2^-64 */
};

static uint32_t frequency; /* 0: nobody asked yet */
static struct rate ns_per_tick, ticks_per_ns;
static uint64_t ahead_ns; /* what clock_ns had gone too fast before the frequency was known */

/* numerator / denominator. Long division, 32 bits at a time. */
static struct rate rate_of(uint32_t numerator, uint32_t denominator)
{
	uint64_t rest = (uint64_t)(numerator % denominator) << 32;
	uint32_t high = (uint32_t)(rest / denominator);

	rest = rest % denominator << 32;
	return (struct rate){ numerator / denominator,
			      ((uint64_t)high << 32) | (uint32_t)(rest / denominator) };
}

/* The upper 64 bits of the product. */
static inline uint64_t multiply_high(uint64_t a, uint64_t b)
{
	uint32_t a_low = (uint32_t)a, a_high = (uint32_t)(a >> 32);
	uint32_t b_low = (uint32_t)b, b_high = (uint32_t)(b >> 32);
	uint64_t low = (uint64_t)a_low * b_low;
	uint64_t middle = (uint64_t)a_high * b_low + (low >> 32);
	uint64_t other = (uint64_t)a_low * b_high + (uint32_t)middle;

	return (uint64_t)a_high * b_high + (middle >> 32) + (other >> 32);
}

static inline uint64_t apply(const struct rate *rate, uint64_t number)
{
	return number * rate->whole + multiply_high(number, rate->fraction);
}

static void use_frequency(uint32_t frequency_hz)
{
	ns_per_tick = rate_of((uint32_t)NS_PER_S, frequency_hz);
	ticks_per_ns = rate_of(frequency_hz, (uint32_t)NS_PER_S);
	frequency = frequency_hz;
}

uint32_t clock_frequency(void)
{
	if (frequency == 0) {
		uint32_t told = clock_frequency_hz();

		use_frequency(told != 0 ? told : CLOCK_ASSUMED_HZ);
	}
	return frequency;
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	clock_frequency();
	return apply(&ns_per_tick, ticks);
}

uint64_t clock_ns(void)
{
	return ahead_ns + clock_ticks_to_ns(clock_ticks());
}

/* Both rates are rounded down: the product is no more than wanted, and the time of 2 ns less at most. */
uint64_t clock_ns_to_ticks(uint64_t ns)
{
	uint64_t ticks, reached;

	clock_frequency();
	if (__builtin_mul_overflow(ns, ticks_per_ns.whole, &ticks) ||
	    __builtin_add_overflow(ticks, multiply_high(ns, ticks_per_ns.fraction), &ticks))
		return UINT64_MAX;
	reached = apply(&ns_per_tick, ticks);
	while (reached < ns) {
		uint64_t next = apply(&ns_per_tick, ++ticks);

		if (next < reached)
			return UINT64_MAX; /* clock_ns has wrapped by then */
		reached = next;
	}
	return ticks;
}

uint64_t clock_ticks_at(uint64_t ns)
{
	return ns > ahead_ns ? clock_ns_to_ticks(ns - ahead_ns) : 0;
}

void clock_set_frequency(uint32_t frequency_hz)
{
	uint64_t ticks = clock_ticks();
	uint64_t before = ahead_ns + clock_ticks_to_ns(ticks), after;

	use_frequency(frequency_hz);
	after = clock_ticks_to_ns(ticks);
	ahead_ns = before > after ? before - after : 0;
}

/* One tick more: the first may be nearly over. */
void ndelay(uint64_t ns)
{
	uint64_t start = clock_ticks(), ticks = clock_ns_to_ticks(ns);

	while (clock_ticks() - start <= ticks)
		;
}

void udelay(uint32_t us)
{
	ndelay(us * NS_PER_US);
}

void mdelay(uint32_t ms)
{
	ndelay(ms * NS_PER_MS);
}
