/* SPDX-License-Identifier: MIT */
/*
 * What the code that runs at this moment may do.
 *
 *	a thread                     may wait
 *	  with preemption disabled   may not
 *	  with interrupts masked     may not
 *	an interrupt handler         may not
 *
 * One word for each core says it: handlers count in its upper half, preempt_disable in its lower.
 */
#ifndef STRATA_KERN_CONTEXT_H
#define STRATA_KERN_CONTEXT_H

#include "arch/exception.h"
#include "arch/irqflags.h"
#include "kern/percpu.h"

#define PREEMPT_IN_INTERRUPT 0x10000U

struct thread;
struct run_queue;

struct cpu_context {
	uint32_t preempt_count;
	uint32_t resched;        /* not 0: another thread should run as soon as it may */
	struct thread *current;  /* NULL until the threads are started */
	struct run_queue *queue; /* thread.c's */
	const struct interrupt_frame *interrupted; /* of the handler that runs, else stale */
};

extern struct cpu_context cpu_context; /* per-CPU */

static inline struct cpu_context *this_cpu_context(void)
{
	return this_cpu_ptr(&cpu_context);
}

static inline bool in_interrupt(void)
{
	return this_cpu_context()->preempt_count >= PREEMPT_IN_INTERRUPT;
}

/* Let no other thread of this core run until preempt_enable; interrupts go on. They nest. */
static inline void preempt_disable(void)
{
	this_cpu_context()->preempt_count++;
	__asm__ volatile("" ::: "memory");
}

void preempt_reschedule(void);

static inline void preempt_enable(void)
{
	struct cpu_context *context = this_cpu_context();

	__asm__ volatile("" ::: "memory");
	context->preempt_count--;
	if (context->preempt_count == 0 && context->resched != 0)
		preempt_reschedule();
}

/* Once, on the first core: interrupts have a stack from then on. */
void context_start(void);

/* Whether the caller may wait: it is a thread with nothing masked, and threads have started. */
bool may_sleep(void);

bool tell_sleep_misuse(const char *what, uintptr_t caller);

/*
 * To be called first of all by what may wait: when the caller may not, it is told (might_sleep_hook).
 * Whether it may. Before the threads are started everybody may, for nobody waits.
 */
static inline bool might_sleep_from(const char *what, uintptr_t caller)
{
	return (this_cpu_context()->preempt_count == 0 && !irqs_masked()) ||
	       tell_sleep_misuse(what, caller);
}

#define might_sleep(what_) might_sleep_from(what_, (uintptr_t)__builtin_return_address(0))

struct sleep_misuse {
	const char *what; /* the call that may wait: "mutex_lock" */
	const char *why;  /* "in an interrupt handler" and the like */
	uintptr_t caller;
};

/* Set by the boot; in the context of the call. */
extern void (*might_sleep_hook)(const struct sleep_misuse *misuse);

#endif
