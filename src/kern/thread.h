/* SPDX-License-Identifier: MIT */
/*
 * Threads: functions that run beside each other on this core, each on a stack of its own.
 *
 *	thread = thread_run("scanner", THREAD_PRIORITY_NORMAL, scan, zone);
 *	...
 *	thread_stop(thread);                 asks; scan looks at thread_should_stop()
 *	result = thread_join(thread);        waits until it has returned, and frees it
 *
 * The ready thread of the highest priority runs; among equals each in its turn, for
 * THREAD_SLICE_NS at most (round robin). A thread that becomes ready preempts a lower one at once,
 * unless preemption is off (preempt=off, thread_set_preemption) or disabled (kern/context.h); then it
 * waits until the running one waits, yields or ends.
 *
 * Every thread is joined once, by somebody else. A stack lies between guard pages, so an overflow is a
 * fault, whose report names the thread. The struct lives at the stack's upper end, where an overflow
 * does not reach it: a thread is one allocation.
 *
 *	 guard | ........ unused, painted ........ | frames | struct thread | guard
 *	       stack                               sp       top
 */
#ifndef STRATA_KERN_THREAD_H
#define STRATA_KERN_THREAD_H

#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/wait.h"
#include "lib/types.h"

#define THREAD_NAME_BYTES      16U /* Linux's TASK_COMM_LEN */
#define THREAD_PRIORITIES      32U
#define THREAD_PRIORITY_IDLE   0U /* the idle thread's alone */
#define THREAD_PRIORITY_LOW    8U
#define THREAD_PRIORITY_NORMAL 16U
#define THREAD_PRIORITY_HIGH   24U
#define THREAD_SLICE_NS        (10 * NS_PER_MS)
#define THREAD_STACK_BYTES     CONFIG_STACK_SIZE

enum thread_state {
	THREAD_RUNNING, /* runs, or is ready to */
	THREAD_SLEEPING, /* waits: in a wait queue, for a time, or both */
	THREAD_ENDED,    /* returned; nobody has joined it yet */
};

struct thread;

/*
 * Make a thread, ready to run. NULL: no memory for a stack. priority 1 to THREAD_PRIORITIES - 1. The
 * name is copied, cut to fit. May wait.
 */
struct thread *thread_run(const char *name, unsigned int priority, int (*function)(void *argument),
			  void *argument);

/* Ask it to return, and end any wait of it that asks to be (thread_should_stop in wait_event). */
void thread_stop(struct thread *thread);
bool thread_should_stop(void);

/* Wait until it has returned; free it. What it returned. */
int thread_join(struct thread *thread);

/* The running one; NULL before threads are started. */
struct thread *thread_current(void);
const char *thread_name(const struct thread *thread);

/* Let others of the same priority run, if there are any. */
void thread_yield(void);

/* Wait for at least so long. False at once where there is no timer: then nobody can wake it. */
bool thread_sleep_ns(uint64_t ns);
static inline void msleep(uint32_t ms)
{
	thread_sleep_ns((uint64_t)ms * NS_PER_MS);
}

void thread_set_priority(struct thread *thread, unsigned int priority);

/* Off: a thread runs until it waits, yields or ends. For measuring. Returns what it was. */
bool thread_set_preemption(bool on);

#endif
