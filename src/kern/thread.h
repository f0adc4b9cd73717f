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

#include "arch/unwind.h"
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
#define THREAD_SLICE_NS        (10 * NS_PER_MS) /* a tick of Linux with HZ=100 */
#define THREAD_STACK_BYTES     CONFIG_STACK_SIZE

enum thread_state {
	THREAD_RUNNING,  /* runs, or is ready to */
	THREAD_SLEEPING, /* waits: in a wait queue, for a time, or both */
	THREAD_ENDED,    /* returned; nobody has joined it yet */
};

struct thread;

/*
 * Make a thread, ready to run. NULL: no memory for a stack, or threads have not started. priority 1 to
 * THREAD_PRIORITIES - 1. The name is copied, cut to fit. May wait.
 */
struct thread *thread_run(const char *name, unsigned int priority, int (*function)(void *argument),
			  void *argument);

/* Ask it to return, and wake it once, whatever it waits for: conditions ask thread_should_stop(). */
void thread_stop(struct thread *thread);
bool thread_should_stop(void);

/* Wait until it has returned; free it. What it returned; -EDEADLK: it is the caller itself. */
int thread_join(struct thread *thread);

/* The running one; NULL before threads are started. */
static inline struct thread *thread_current(void)
{
	return this_cpu_context()->current;
}

const char *thread_name(const struct thread *thread);

/* The running one's; empty before threads are started. */
const struct unwind_range *thread_stack(void);

/* Let others of the same priority run, if there are any. */
void thread_yield(void);

/*
 * Wait for at least so long; thread_stop ends it. Without a timer, and before threads are started, the
 * time is spent: nobody could wake it.
 */
void thread_sleep_ns(uint64_t ns);

static inline void msleep(uint32_t ms)
{
	thread_sleep_ns(ms * NS_PER_MS);
}

/* From 1 to THREAD_PRIORITIES - 1, as for thread_run; what is not is refused, and nothing changes. */
bool thread_set_priority(struct thread *thread, unsigned int priority);

/*
 * Off: a thread runs until it waits, yields or ends. For measuring; preempt=off at boot. Returns what
 * it was.
 */
bool thread_set_preemption(bool on);

/* --- waiting, for wait.c ------------------------------------------------------------------------ */

/*
 * The running thread waits until thread_wake or until clock_ns reaches deadline_ns (WAIT_FOREVER: no
 * end). Interrupts masked by the caller, and again on return. False: the time was up.
 */
bool thread_block(uint64_t deadline_ns);

/* Make it ready if it waits. Interrupts masked. thread_preempt_restore follows at the end. */
void thread_wake(struct thread *thread);

/* local_irq_restore, and let a thread that was made ready run at once if it may. */
void thread_preempt_restore(uint32_t irq);

/* --- starving ------------------------------------------------------------------------------------
 *
 * A thread that waits for memory waits for other threads. When the last of these waits too, nobody will
 * ever free any: then the youngest of those that starve is woken and told to give up, and perhaps what
 * it frees on its way back is enough for the others. Who waits for a time goes on by itself; who waits
 * for anything else is taken to wait for ever.
 */

/* Whether another thread goes on: it is worth waiting. In a thread. */
bool thread_others_go_on(void);

/* The running thread starves from now on, until it says no. */
void thread_set_starving(bool starving);

/* Whether the running thread was chosen to give up, since it began to starve. */
bool thread_gave_up(void);

/* --- start, and for the boot -------------------------------------------------------------------- */

/* Where others' stacks come from: kern knows no memory. `alloc` gives `bytes` between guards, 8 aligned. */
struct thread_stacks {
	void *(*alloc)(size_t bytes);
	void (*free)(void *stack);
};

/*
 * Who calls becomes the first thread, of that name; an idle thread is made beside it, of no memory but the
 * image's. Interrupts are let in. Once.
 */
void threads_start(const char *name, const struct thread_stacks *stacks);

/*
 * Called at a switch away from a thread while *word is not `idle`: something of it must be put away, and
 * back when it goes on. `put_away` does so, with go_on() between the two. Interrupts masked.
 */
struct thread_switch_watch {
	uintptr_t *word;
	uintptr_t idle;
	void (*put_away)(void (*go_on)(void));
};

void thread_set_switch_watch(const struct thread_switch_watch *watch);

/* --- for people --------------------------------------------------------------------------------- */

struct thread_snapshot {
	uint32_t number; /* in the order of making, from 1; the idle thread has 0 */
	char name[THREAD_NAME_BYTES];
	unsigned int priority;
	enum thread_state state;
	bool running; /* it is the one that asks */
	bool timed;   /* it waits with a time limit */
	bool starving;
	uint32_t stack_bytes; /* what frames may use */
	uint32_t used_bytes;  /* of these, ever: the high-water mark */
	uint64_t run_ns;
	uint32_t switches; /* how often it went on */
	struct unwind_registers
		registers; /* where it waits; for backtraces. Not of the running one */
	struct unwind_range stack;
};

/* The first thread whose number is `number` or more; false: there are no more. */
bool thread_snapshot(uint32_t number, struct thread_snapshot *snapshot);

/*
 * Of the thread whose stack, or a guard page beside it, holds an address: its name; NULL: of none. Takes
 * nothing for granted: for reports.
 */
const char *thread_name_by_stack(uintptr_t address, bool *overflow);

/* Bytes of the interrupt stack that were ever used, and that there are. */
void interrupt_stack_use(uint32_t *used_bytes, uint32_t *stack_bytes);

#endif
