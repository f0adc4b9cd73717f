/* SPDX-License-Identifier: MIT */
#include "thread_double.h"

#include <stdlib.h>

#include "arch/irqflags.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/thread.h"

DEFINE_PER_CPU(struct cpu_context, cpu_context);

bool double_may_sleep, double_others, double_gave_up;
uint32_t double_sleep_misuses, double_waits;
uint64_t double_now_ns;
void (*double_others_turn)(void);

static bool starving;

void double_threads_reset(void)
{
	double_may_sleep = double_others = double_gave_up = starving = false;
	double_sleep_misuses = double_waits = 0;
	double_others_turn = NULL;
	cpu_context = (struct cpu_context){ 0 };
}

/* --- contexts -------------------------------------------------------------------------------- */

bool may_sleep(void)
{
	return double_may_sleep && double_irq_flags == 0 && cpu_context.preempt_count == 0;
}

/* Before a test has threads everybody may. */
bool tell_sleep_misuse(const char *what, uintptr_t caller)
{
	(void)what;
	(void)caller;
	if (!double_may_sleep || may_sleep())
		return true;
	double_sleep_misuses++;
	return false;
}

void preempt_reschedule(void)
{
}

/* --- threads --------------------------------------------------------------------------------- */

bool thread_others_go_on(void)
{
	return double_others;
}

void thread_set_starving(bool on)
{
	if (on == starving)
		abort();
	starving = on;
}

bool thread_gave_up(void)
{
	return double_gave_up;
}

uint64_t clock_ns(void)
{
	return double_now_ns;
}

/* --- waiting: one waiter at most --------------------------------------------------------------- */

void wait_prepare(struct wait_queue *queue, struct waiter *waiter)
{
	if (queue->first != NULL && queue->first != waiter)
		abort();
	queue->first = queue->last = waiter;
	waiter->queue = queue;
}

bool wait_for_waking(struct waiter *waiter, uint64_t deadline_ns)
{
	if (!may_sleep() || !starving)
		abort();
	double_waits++;
	if (double_others_turn != NULL)
		double_others_turn();
	if (waiter->queue != NULL)
		double_now_ns = deadline_ns;
	return waiter->queue == NULL;
}

void wait_finish(struct waiter *waiter)
{
	if (waiter->queue != NULL)
		waiter->queue->first = waiter->queue->last = NULL;
	waiter->queue = NULL;
}

void wake_up_all(struct wait_queue *queue)
{
	if (queue->first != NULL)
		wait_finish(queue->first);
}
