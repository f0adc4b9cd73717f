/* SPDX-License-Identifier: MIT */
/* Time and callouts by this board's own timer. */
#include <string.h>

#include "arch/clock.h"
#include "arch/irqflags.h"
#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/irq.h"
#include "kern/selftest.h"

#define CROWD      60U
#define PATIENT_NS (20 * NS_PER_S) /* whatever the host does meanwhile */

struct item {
	struct callout callout;
	uint64_t called_ns; /* 0: not called */
};

static struct item items[CROWD];
static struct item *in_order[CROWD];
static volatile uint32_t called;

static void note(struct callout *callout)
{
	struct item *item = (struct item *)callout;

	item->called_ns = clock_ns();
	if (called < CROWD)
		in_order[called] = item;
	called++;
}

static void prepare(void)
{
	called = 0;
	for (uint32_t i = 0; i < CROWD; i++) {
		items[i].called_ns = 0;
		callout_init(&items[i].callout, note);
	}
}

static bool comes(uint32_t wanted)
{
	uint64_t end_ns = clock_ns() + PATIENT_NS;

	while (called < wanted && clock_ns() < end_ns)
		;
	return called >= wanted;
}

static uint32_t timer_count(void)
{
	struct irq_snapshot irq;

	for (uint32_t next = 0; irq_snapshot(next, &irq); next = irq.irq + 1)
		if (irq.name != NULL && strcmp(irq.name, "arch_timer") == 0)
			return irq.count;
	EXPECT(!"a line of the timer");
	return 0;
}

/* --- the clock --------------------------------------------------------------------------------- */

SELFTEST(timer, the_clock_goes_on_and_agrees_with_the_counter)
{
	uint64_t ticks = clock_ticks(), ns = clock_ns(), before = ns, after;

	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t now_ns = clock_ns();

		EXPECT(now_ns >= before);
		before = now_ns;
	}
	mdelay(3);
	after = clock_ns();
	ticks = clock_ticks() - ticks;
	/* The counter was read before and after: it saw all that the clock did. */
	EXPECT(ticks * NS_PER_S / clock_frequency() + 2 >= after - ns);
	EXPECT(after - ns >= 3 * NS_PER_MS);
	EXPECT(clock_frequency() >= 1000000);
}

SELFTEST(timer, delays_are_not_short)
{
	static const uint32_t us[] = { 0, 1, 2, 3, 10, 100, 1500 };

	for (uint32_t round = 0; round < 20; round++)
		for (uint32_t i = 0; i < ARRAY_SIZE(us); i++) {
			uint64_t start = clock_ticks();

			udelay(us[i]);
			EXPECT((clock_ticks() - start) * 1000000 >=
			       (uint64_t)us[i] * clock_frequency());
		}
	for (uint32_t ms = 1; ms <= 3; ms++) {
		uint64_t start = clock_ticks();

		mdelay(ms);
		EXPECT((clock_ticks() - start) * 1000 >= (uint64_t)ms * clock_frequency());
	}
}

/* --- callouts ---------------------------------------------------------------------------------- */

/*
 * Ten moments, six callouts each, started in another order than they are due, and all before the first
 * is due: where the host keeps the emulator waiting meanwhile, again with more time.
 */
static bool start_crowd(uint32_t ahead_ms)
{
	uint64_t start_ns = clock_ns() + ahead_ms * NS_PER_MS;

	prepare();
	for (uint32_t i = 0; i < CROWD; i++)
		callout_start(&items[i].callout, start_ns + i * 7 % 10 * 50 * NS_PER_US);
	if (called == 0)
		return true;
	for (uint32_t i = 0; i < CROWD; i++)
		callout_stop(&items[i].callout);
	return false;
}

SELFTEST(timer, callouts_come_in_order_and_not_early)
{
	uint32_t ahead_ms = 1;

	EXPECT(callout_works());
	while (!start_crowd(ahead_ms) && ahead_ms < 500)
		ahead_ms *= 2;
	EXPECT(comes(CROWD));
	EXPECT(called == CROWD);
	for (uint32_t i = 1; i < CROWD && called == CROWD; i++) {
		const struct item *before = in_order[i - 1], *after = in_order[i];

		EXPECT(before->callout.when_ns < after->callout.when_ns ||
		       (before->callout.when_ns == after->callout.when_ns && before < after));
		EXPECT(after->called_ns >= after->callout.when_ns);
		EXPECT(!callout_is_started(&after->callout));
	}
}

/* From the interrupt, not from the start: the starter may hold what the function wants. */
SELFTEST(timer, what_is_past_is_called_when_interrupts_are_let_in)
{
	uint32_t flags;

	prepare();
	flags = local_irq_save();
	callout_start(&items[0].callout, clock_ns() - NS_PER_MS);
	callout_start(&items[1].callout, 0);
	udelay(1);
	EXPECT(called == 0);
	local_irq_restore(flags);
	EXPECT(comes(2));
	EXPECT(in_order[0] == &items[1]);
}

/* The host may keep the emulator waiting for several periods; then calls are missed, never moved. */
SELFTEST(timer, periodic_callouts_do_not_drift)
{
	struct callout *callout = &items[0].callout;
	uint64_t first_ns = clock_ns() + 100 * NS_PER_US, period_ns = 200 * NS_PER_US, next_ns;
	uint32_t flags;

	prepare();
	callout_start_periodic(callout, first_ns, period_ns);
	for (uint32_t n = 1; n <= 40; n++) {
		uint64_t now_ns;

		EXPECT(comes(n));
		flags = local_irq_save();
		now_ns = items[0].called_ns;
		next_ns = callout->when_ns;
		local_irq_restore(flags);
		EXPECT(now_ns >= first_ns + (n - 1) * period_ns);
		EXPECT(next_ns >= first_ns + n * period_ns);
		EXPECT((next_ns - first_ns) % period_ns == 0);
		udelay(n % 7 * 10);
	}
	EXPECT(callout_stop(callout));
	called = 0;
	mdelay(1);
	EXPECT(called == 0);
}

static void stop_self(struct callout *callout)
{
	called++;
	if (called == 3)
		EXPECT(callout_stop(callout));
}

static void start_self(struct callout *callout)
{
	called++;
	if (called < 4)
		callout_start(callout, clock_ns() + 20 * NS_PER_US);
}

SELFTEST(timer, callouts_stop_and_start_themselves)
{
	struct callout *callout = &items[0].callout;

	prepare();
	callout_init(callout, stop_self);
	callout_start_periodic(callout, clock_ns(), 30 * NS_PER_US);
	EXPECT(comes(3));
	udelay(200);
	EXPECT(called == 3 && !callout_is_started(callout));
	called = 0;
	callout_init(callout, start_self);
	callout_start(callout, clock_ns());
	EXPECT(comes(4));
	udelay(200);
	EXPECT(called == 4 && !callout_is_started(callout));
}

/* Every other one, before the first is due; again with more time where the host took it all. */
static bool stop_half(uint32_t ahead_ms)
{
	uint64_t due_ns = clock_ns() + ahead_ms * NS_PER_MS;
	uint32_t stopped = 0;

	prepare();
	for (uint32_t i = 0; i < 20; i++)
		callout_start(&items[i].callout, due_ns + i);
	for (uint32_t i = 0; i < 20; i += 2)
		stopped += callout_stop(&items[i].callout);
	if (called == 0 && stopped == 10)
		return true;
	for (uint32_t i = 0; i < 20; i++)
		callout_stop(&items[i].callout);
	return false;
}

SELFTEST(timer, stopped_callouts_are_not_called)
{
	uint32_t ahead_ms = 1;

	while (!stop_half(ahead_ms) && ahead_ms < 500)
		ahead_ms *= 2;
	EXPECT(comes(10));
	udelay(100);
	EXPECT(called == 10);
	for (uint32_t i = 0; i < 20; i++)
		EXPECT((items[i].called_ns != 0) == (i % 2 == 1));
}

/* What others still have in flight, a thread's time slice for example, is over soon. */
static bool nothing_is_started(void)
{
	struct callout_snapshot snapshot;
	uint64_t end_ns = clock_ns() + PATIENT_NS;

	do
		callout_snapshot(&snapshot);
	while (snapshot.started != 0 && clock_ns() < end_ns);
	return snapshot.started == 0;
}

/* Nothing to call: no interrupt. One: one. */
SELFTEST(timer, there_is_no_tick)
{
	uint32_t before;

	EXPECT(nothing_is_started());
	before = timer_count();
	mdelay(20);
	EXPECT(timer_count() == before);
	prepare();
	callout_start(&items[0].callout, clock_ns() + 5 * NS_PER_MS);
	EXPECT(comes(1));
	mdelay(5);
	EXPECT(called == 1);
	EXPECT(timer_count() == before + 1);
}

/* --- what is interrupted ----------------------------------------------------------------------- */

/* Enough live values that every register is in use. */
static __attribute__((noinline)) uint32_t mix(uint32_t rounds)
{
	uint32_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	for (uint32_t i = 0; i < rounds; i++) {
		a += h ^ (b << 3);
		b ^= a + (c >> 5);
		c += b ^ (d << 7);
		d ^= c + (e >> 9);
		e += d ^ (f << 11);
		f ^= e + (g >> 13);
		g += f ^ (h << 15);
		h ^= g + (a >> 17);
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

SELFTEST(timer, what_is_interrupted_does_not_notice)
{
	uint32_t wanted = mix(30000);

	prepare();
	callout_start_periodic(&items[0].callout, clock_ns(), 5 * NS_PER_US);
	for (uint32_t round = 0; round < 5; round++)
		EXPECT(mix(30000) == wanted);
	EXPECT(comes(6));
	EXPECT(callout_stop(&items[0].callout));
}
