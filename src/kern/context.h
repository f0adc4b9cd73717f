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

#include "arch/irqflags.h"
#include "kern/percpu.h"

#define PREEMPT_IN_INTERRUPT 0x10000U

struct thread;

struct cpu_context {
	uint32_t preempt_count;
	uint32_t resched; /* not 0: another thread should run as soon as it may */
	struct thread *current; /* NULL until the threads are started */
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

/* Whether the caller may wait: it is a thread with nothing masked, and threads have started. */
bool may_sleep(void);

/*
 * To be called by what may wait, before it does anything: when the caller may not, it is told
 * (might_sleep_hook), once for each caller. Before the threads are started everybody may.
 */
void might_sleep(const char *what);

struct sleep_misuse {
	const char *what;  /* the call that may wait */
	const char *why;   /* "in an interrupt handler", "with interrupts masked", "with preemption disabled" */
	uintptr_t caller;
};

/* Set by the boot; in the context of the call. */
extern void (*might_sleep_hook)(const struct sleep_misuse *misuse);

#endif
