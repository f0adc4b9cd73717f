/* SPDX-License-Identifier: MIT */
/*
 * Waiting for something that another thread or a handler brings about.
 *
 *	wait_event(&queue, ring_count != 0);          the other side: ring_count++; wake_up(&queue);
 *
 * The condition is looked at again after each waking, and a waking between the look and the wait is
 * not lost. Those who wait are woken in the order of their coming.
 */
#ifndef STRATA_KERN_WAIT_H
#define STRATA_KERN_WAIT_H

#include "lib/types.h"

struct thread;
struct waiter;

struct wait_queue {
	struct waiter *first, *last;
};

/* One thread in one queue; lives on its stack. */
struct waiter {
	struct thread *thread;
	struct wait_queue *queue; /* NULL: not in a queue (any more) */
	struct waiter *next, *previous;
};

#define WAIT_FOREVER UINT64_MAX

/* Wake the first, or all, that wait. In any context. */
void wake_up(struct wait_queue *queue);
void wake_up_all(struct wait_queue *queue);

static inline bool wait_queue_is_empty(const struct wait_queue *queue)
{
	return queue->first == NULL;
}

/* --- what the macros below are made of --------------------------------------------------------- */

/* Into the queue; from now on a waking is not lost. */
void wait_prepare(struct wait_queue *queue, struct waiter *waiter);

/* Wait until woken or until clock_ns reaches deadline_ns. False: the time was up. */
bool wait_for_waking(struct waiter *waiter, uint64_t deadline_ns);

/* Out of the queue, if it is still in. */
void wait_finish(struct waiter *waiter);

uint64_t wait_deadline(uint64_t timeout_ns);

/* The same, and whoever calls it where he may not wait is told, even if he will not have to. */
uint64_t wait_begin(uint64_t timeout_ns);

/* True when the condition came true; false: the time was up and it was still not. */
#define wait_event_timeout(queue_, condition_, timeout_ns_)                 \
	({                                                                  \
		struct waiter waiter_ = { 0 };                              \
		uint64_t deadline_ = wait_begin(timeout_ns_);               \
		bool true_;                                                 \
                                                                            \
		for (;;) {                                                  \
			wait_prepare((queue_), &waiter_);                   \
			true_ = (condition_);                               \
			if (true_ || !wait_for_waking(&waiter_, deadline_)) \
				break;                                      \
		}                                                           \
		wait_finish(&waiter_);                                      \
		true_ || (condition_);                                      \
	})

#define wait_event(queue_, condition_) ((void)wait_event_timeout(queue_, condition_, WAIT_FOREVER))

/* --- completion: something is done, once for each complete() -------------------------------------- */

struct completion {
	uint32_t done; /* COMPLETION_ALL: for everybody, for ever */
	struct wait_queue queue;
};

#define COMPLETION_ALL UINT32_MAX

static inline void init_completion(struct completion *completion)
{
	*completion = (struct completion){ 0 };
}

/* In any context. */
void complete(struct completion *completion);
void complete_all(struct completion *completion);

void wait_for_completion(struct completion *completion);
bool wait_for_completion_timeout(struct completion *completion, uint64_t timeout_ns);

/* Take one if there is one. In any context. */
bool try_wait_for_completion(struct completion *completion);

#endif
