/* SPDX-License-Identifier: MIT */
#include "kern/context.h"

#include "kern/irq.h"
#include "kern/thread.h"

extern char interrupt_stack_top[];

DEFINE_PER_CPU(struct cpu_context, cpu_context);
DEFINE_PER_CPU(uintptr_t, interrupt_stack_pointer);

void (*might_sleep_hook)(const struct sleep_misuse *misuse);

/* The first core's stack is the image's. */
void context_start(void)
{
	*this_cpu_ptr(&interrupt_stack_pointer) = (uintptr_t)interrupt_stack_top;
}

bool interrupt_entry(const struct interrupt_frame *frame)
{
	struct cpu_context *context = this_cpu_context();

	irqsoff_stretch_begins();
	context->preempt_count += PREEMPT_IN_INTERRUPT;
	context->interrupted = frame;
	irq_dispatch();
	context->preempt_count -= PREEMPT_IN_INTERRUPT;
	return context->resched != 0 && context->preempt_count == 0;
}

/* NULL: the caller may wait. */
static const char *why_not(const struct cpu_context *context)
{
	if (context->preempt_count >= PREEMPT_IN_INTERRUPT)
		return "in an interrupt handler";
	if (context->preempt_count != 0)
		return "with preemption disabled";
	return irqs_masked() ? "with interrupts masked" : NULL;
}

bool may_sleep(void)
{
	const struct cpu_context *context = this_cpu_context();

	return context->current != NULL && why_not(context) == NULL;
}

bool tell_sleep_misuse(const char *what, uintptr_t caller)
{
	const struct cpu_context *context = this_cpu_context();
	struct sleep_misuse misuse = { .what = what, .caller = caller };

	if (context->current == NULL)
		return true;
	misuse.why = why_not(context);
	if (misuse.why != NULL && might_sleep_hook != NULL)
		might_sleep_hook(&misuse);
	return misuse.why == NULL;
}
