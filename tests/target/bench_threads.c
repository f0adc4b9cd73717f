/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and threads: from the instruction that lets an interrupt in to the handler's first, and
 * on to the interrupted one; from one thread's call to the next one's return from its own.
 */
#include "arch/irqflags.h"
#include "kern/callout.h"
#include "kern/irq.h"
#include "kern/mutex.h"
#include "kern/thread.h"
#include "mm/virt/vmalloc.h"

#include "bench.h"

#define ROUNDS 1016U
#define WARM   16U

static struct bench_row *row, *other_row;

static bool begin(void)
{
	row = bench_row_new();
	other_row = bench_row_new();
	if (row == NULL || other_row == NULL) {
		bench_fact("rows", "no_memory_for_them", 1);
		return false;
	}
	bench_begin(row);
	bench_begin(other_row);
	return true;
}

static void end(void)
{
	bench_row_free(other_row);
	bench_row_free(row);
}

static void start_after_warming(uint32_t round)
{
	if (round != WARM)
		return;
	bench_begin(row);
	bench_begin(other_row);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static volatile uint32_t handler_cycles;

static enum irq_return note_cycles(uint32_t irq, void *data)
{
	(void)irq;
	(void)data;
	handler_cycles = cycle_counter();
	return IRQ_HANDLED;
}

BENCH(threads, interrupt)
{
	uint32_t irq = software_irq(0), start, flags;

	if (!begin())
		return;
	if (request_irq(irq, note_cycles, "bench", NULL) != 0)
		bench_fact("interrupt", "no_software_irq", 1);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		start_after_warming(round);
		flags = local_irq_save();
		raise_irq(irq);
		start = cycle_counter();
		local_irq_restore(flags); /* it comes behind this one */
		bench_note(other_row, cycle_counter() - start - 1);
		/* Less the counter's read and the instruction that let it in. */
		bench_note(row, handler_cycles - start - 2);
	}
	free_irq(irq, NULL);
	bench_print(row, "interrupt", "to_handler");
	bench_print(other_row, "interrupt", "and_back");
	end();
}

/* --- switching ------------------------------------------------------------------------------- */

static uint32_t left_at;

static int yield_often(void *unused)
{
	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		left_at = cycle_counter();
		thread_yield();
		bench_note(row, cycle_counter() - left_at - 1);
		start_after_warming(round);
	}
	return 0;
}

/* Two that do nothing but stand back for each other. */
BENCH(threads, yield)
{
	bool before = thread_set_preemption(false);
	struct thread *a, *b;

	if (!begin())
		return;
	a = thread_run("bench-a", THREAD_PRIORITY_HIGH, yield_often, NULL);
	b = thread_run("bench-b", THREAD_PRIORITY_HIGH, yield_often, NULL);
	if (a == NULL || b == NULL)
		bench_fact("thread", "no_memory_for_them", 1);
	thread_join(a);
	thread_join(b);
	bench_print(row, "thread", "switch");
	end();
	thread_set_preemption(before);
}

static struct wait_queue queue;
static uint32_t tokens;

static int take_tokens(void *unused)
{
	(void)unused;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		wait_event(&queue, tokens != 0);
		bench_note(row, cycle_counter() - left_at - 1);
		tokens = 0;
		start_after_warming(round);
	}
	return 0;
}

/* From wake_up to the one who waited, of a higher priority: it runs at once. */
BENCH(threads, wake)
{
	bool before = thread_set_preemption(true);
	struct thread *waiter;

	if (!begin())
		return;
	waiter = thread_run("bench-wait", THREAD_PRIORITY_HIGH, take_tokens, NULL);
	if (waiter == NULL)
		bench_fact("thread", "no_memory_for_it", 1);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		tokens = 1;
		left_at = cycle_counter();
		wake_up(&queue);
	}
	thread_join(waiter);
	bench_print(row, "thread", "wake");
	end();
	thread_set_preemption(before);
}

static struct mutex mutex;

BENCH(threads, mutex)
{
	if (!begin())
		return;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		start_after_warming(round);
		BENCH_MEASURE(row, mutex_lock(&mutex));
		BENCH_MEASURE(other_row, mutex_unlock(&mutex));
	}
	bench_print(row, "mutex", "lock");
	bench_print(other_row, "mutex", "unlock");
	end();
}

/* --- time ------------------------------------------------------------------------------------ */

static void nothing(struct callout *callout)
{
	(void)callout;
}

BENCH(threads, callouts)
{
	struct callout callout;

	if (!begin())
		return;
	callout_init(&callout, nothing);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t when_ns = clock_ns() + NS_PER_S;

		start_after_warming(round);
		BENCH_MEASURE(row, callout_start(&callout, when_ns));
		BENCH_MEASURE(other_row, callout_stop(&callout));
	}
	bench_print(row, "callout", "start");
	bench_print(other_row, "callout", "stop");
	end();
}

/* The same among others, and what the timer's interrupt does about one of many that are due. */
#define CROWD 1000U

static void crowd_of(struct callout *crowd, uint32_t count, uint32_t *random, const char *test)
{
	uint32_t flags = local_irq_save();
	uint64_t now_ns = clock_ns();

	bench_begin(row);
	bench_begin(other_row);
	for (uint32_t i = 0; i < count; i++) {
		callout_init(&crowd[i], nothing);
		callout_start(&crowd[i],
			      now_ns + NS_PER_S + bench_next(random) % (uint32_t)NS_PER_S);
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct callout *callout = &crowd[bench_next(random) % count];
		uint64_t when_ns = now_ns + NS_PER_S + bench_next(random) % (uint32_t)NS_PER_S;

		BENCH_MEASURE(other_row, callout_stop(callout));
		BENCH_MEASURE(row, callout_start(callout, when_ns));
	}
	bench_print(row, test, "start");
	bench_print(other_row, test, "stop");

	bench_begin(row);
	for (uint32_t i = 0; i < count; i++)
		callout_start_periodic(&crowd[i], now_ns + bench_next(random) % (uint32_t)NS_PER_MS,
				       NS_PER_S + bench_next(random) % (uint32_t)NS_PER_S);
	now_ns += NS_PER_MS;
	while (clock_ns() < now_ns)
		;
	for (uint32_t i = 0; i < count; i++)
		BENCH_MEASURE(row, callout_run_due());
	bench_print(row, test, "run");
	for (uint32_t i = 0; i < count; i++)
		callout_stop(&crowd[i]);
	local_irq_restore(flags);
}

BENCH(threads, crowds)
{
	struct callout *crowd = vmalloc(CROWD * sizeof(*crowd));
	uint32_t random = BENCH_SEED;

	if (crowd == NULL || !begin()) {
		vfree(crowd);
		bench_fact("crowd", "no_memory_for_it", 1);
		return;
	}
	crowd_of(crowd, 1, &random, "callout_of_1");
	crowd_of(crowd, 100, &random, "callout_of_100");
	crowd_of(crowd, CROWD, &random, "callout_of_1000");
	end();
	vfree(crowd);
}
