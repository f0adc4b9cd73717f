/* SPDX-License-Identifier: MIT */
#include "kern/wait.h"

#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/thread.h"

/* --- queues ---------------------------------------------------------------------------------- */

static void append(struct wait_queue *queue, struct waiter *waiter)
{
	waiter->queue = queue;
	waiter->next = NULL;
	waiter->previous = queue->last;
	if (queue->last != NULL)
		queue->last->next = waiter;
	else
		queue->first = waiter;
	queue->last = waiter;
}

static void take_out(struct waiter *waiter)
{
	struct wait_queue *queue = waiter->queue;

	if (waiter->previous != NULL)
		waiter->previous->next = waiter->next;
	else
		queue->first = waiter->next;
	if (waiter->next != NULL)
		waiter->next->previous = waiter->previous;
	else
		queue->last = waiter->previous;
	waiter->queue = NULL;
}

/* Out of the queue is what says "woken": a thread that does not wait yet will not begin to. */
static void wake_first(struct wait_queue *queue)
{
	struct waiter *waiter = queue->first;

	take_out(waiter);
	thread_wake(waiter->thread);
}

void wake_up(struct wait_queue *queue)
{
	uint32_t irq = local_irq_save();

	if (queue->first != NULL)
		wake_first(queue);
	thread_preempt_restore(irq);
}

/* Interrupts are let in between: however many wait, the stretch is that of one. */
void wake_up_all(struct wait_queue *queue)
{
	uint32_t irq = local_irq_save();
	const struct waiter *last = queue->last, *first = NULL;

	while (queue->first != NULL && first != last) {
		first = queue->first;
		wake_first(queue);
		local_irq_restore(irq);
		irq = local_irq_save();
	}
	thread_preempt_restore(irq);
}

/* --- waiting --------------------------------------------------------------------------------- */

uint64_t wait_deadline(uint64_t timeout_ns)
{
	uint64_t now_ns = clock_ns();

	return timeout_ns >= WAIT_FOREVER - now_ns ? WAIT_FOREVER : now_ns + timeout_ns;
}

uint64_t wait_begin(uint64_t timeout_ns)
{
	might_sleep("wait_event");
	return wait_deadline(timeout_ns);
}

void wait_prepare(struct wait_queue *queue, struct waiter *waiter)
{
	uint32_t irq = local_irq_save();

	waiter->thread = thread_current();
	if (waiter->queue == NULL && waiter->thread != NULL)
		append(queue, waiter);
	local_irq_restore(irq);
}

bool wait_for_waking(struct waiter *waiter, uint64_t deadline_ns)
{
	bool woken = true;
	uint32_t irq;

	/* Nobody to switch to, or to say that the time is up: look again and again. */
	if (waiter->thread == NULL || (deadline_ns != WAIT_FOREVER && !callout_works())) {
		thread_yield();
		return clock_ns() < deadline_ns;
	}
	irq = local_irq_save();
	if (waiter->queue != NULL)
		woken = clock_ns() < deadline_ns && thread_block(deadline_ns);
	local_irq_restore(irq);
	return woken;
}

void wait_finish(struct waiter *waiter)
{
	uint32_t irq = local_irq_save();

	if (waiter->queue != NULL)
		take_out(waiter);
	local_irq_restore(irq);
}

/* --- completion ------------------------------------------------------------------------------ */

void complete(struct completion *completion)
{
	uint32_t irq = local_irq_save();

	if (completion->done < COMPLETION_ALL - 1)
		completion->done++;
	local_irq_restore(irq);
	wake_up(&completion->queue);
}

void complete_all(struct completion *completion)
{
	completion->done = COMPLETION_ALL;
	wake_up_all(&completion->queue);
}

bool try_wait_for_completion(struct completion *completion)
{
	uint32_t irq = local_irq_save();
	bool done = completion->done != 0;

	if (done && completion->done != COMPLETION_ALL)
		completion->done--;
	local_irq_restore(irq);
	return done;
}

/* A waking that comes as the time is up is passed on: it may have been meant for somebody else. */
bool wait_for_completion_timeout(struct completion *completion, uint64_t timeout_ns)
{
	return wait_event_timeout(&completion->queue, try_wait_for_completion(completion),
				  timeout_ns);
}

void wait_for_completion(struct completion *completion)
{
	wait_for_completion_timeout(completion, WAIT_FOREVER);
}
