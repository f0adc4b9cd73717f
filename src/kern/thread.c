/* SPDX-License-Identifier: MIT */
/*
 * One core's ready threads are in a list for each priority, the highest first (that is what a level is:
 * THREAD_PRIORITIES - 1 less the priority), and a word says which lists are not empty:
 * the next one is found by one count-leading-zeros. The running thread is in none of them.
 *
 * There is no tick. While a thread runs and another of its priority is ready, a callout comes every
 * THREAD_SLICE_NS; who has run for half of that since it went on stands back. So a slice is between
 * a half and one and a half.
 *
 * Everything here is this core's and touched with interrupts masked. Other cores come with run queues
 * and locks of their own.
 */
#include "kern/thread.h"

#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/context.h"
#include "kern/callout.h"
#include "kern/fatal.h"
#include "kern/param.h"
#include "lib/bits.h"
#include "lib/size.h"

#define PAINT 0x57ac6e9dU /* Linux's STACK_END_MAGIC */

struct thread {
	/* What a switch touches. */
	uintptr_t sp;
	struct thread *next_ready;
	struct unwind_range stack;
	uint64_t run_ticks;     /* while it runs: less what the counter showed when it went on */
	uint32_t went_on_ticks; /* the low half of that */
	uint32_t switches;
	uint8_t level; /* THREAD_PRIORITIES - 1 less its priority */
	uint8_t state;
	bool timed_out, timed, stopping, poked, starving, gave_up;

	uint32_t number;
	struct thread *older, *younger; /* of all, by number */
	char name[THREAD_NAME_BYTES];
	int (*function)(void *argument);
	void *argument;
	int result;
	struct wait_queue joiners;
	struct callout timer;
};

struct ready_list {
	struct thread *first, *last;
};

struct run_queue {
	uint32_t ready; /* bit 31 - n: lists[n] is not empty */
	struct ready_list lists[THREAD_PRIORITIES];
	struct callout slice;
	bool slicing; /* it is started, or preemption is off and nobody wants it */
};

static DEFINE_PER_CPU(struct run_queue, run_queue);

static inline uint8_t level_of(unsigned int priority)
{
	return (uint8_t)(THREAD_PRIORITIES - 1 - priority);
}

static inline uint32_t bit_of(unsigned int level)
{
	return 0x80000000U >> level;
}

/* THREAD_PRIORITIES: no thread is ready. */
static inline unsigned int first_level(const struct run_queue *queue)
{
	return queue->ready != 0 ? (unsigned int)__builtin_clz(queue->ready) : THREAD_PRIORITIES;
}

static inline struct run_queue *queue_of(const struct cpu_context *context)
{
	return context->queue;
}

/* The first thread has the boot stack, the idle thread one of the image: both need no memory. */
static struct thread first_thread, idle_thread;

#define IDLE_STACK_BYTES 2048U /* between a guard page (ldscripts/strata.ld) and variables */
static char idle_stack[IDLE_STACK_BYTES] __attribute__((aligned(8), section(".bss.idle_stack")));
static struct thread *oldest, *youngest;
static uint32_t next_number = 1, starving_threads;
static struct thread_stacks stacks;
static bool preemption = true;

static uintptr_t nothing_watched;
static struct thread_switch_watch watch = { .word = &nothing_watched };

static const char *parse_preempt(const char *value)
{
	return parse_switch(value, &preemption);
}

BOOT_PARAM(preempt, parse_preempt, "on|off",
	   "off: a thread runs until it waits, yields or ends; for measuring");

/* --- the ready lists ------------------------------------------------------------------------- */

static inline void push_last(struct run_queue *queue, struct thread *thread)
{
	struct ready_list *list = &queue->lists[thread->level];

	thread->next_ready = NULL;
	if (list->first == NULL)
		list->first = thread;
	else
		list->last->next_ready = thread;
	list->last = thread;
	queue->ready |= bit_of(thread->level);
}

/* Who was preempted goes on with its turn before its equals. */
static void push_first(struct run_queue *queue, struct thread *thread)
{
	struct ready_list *list = &queue->lists[thread->level];

	thread->next_ready = list->first;
	if (list->first == NULL)
		list->last = thread;
	list->first = thread;
	queue->ready |= bit_of(thread->level);
}

/* The idle thread is always ready when it does not run. */
static inline struct thread *pop_highest(struct run_queue *queue)
{
	unsigned int level = first_level(queue);
	struct ready_list *list = &queue->lists[level];
	struct thread *thread = list->first;

	list->first = thread->next_ready;
	if (list->first == NULL)
		queue->ready &= ~bit_of(level);
	return thread;
}

static void take_out(struct run_queue *queue, struct thread *thread)
{
	struct ready_list *list = &queue->lists[thread->level];
	struct thread **link = &list->first, *before = NULL;

	while (*link != thread) {
		before = *link;
		link = &before->next_ready;
	}
	*link = thread->next_ready;
	if (list->last == thread)
		list->last = before;
	if (list->first == NULL)
		queue->ready &= ~bit_of(thread->level);
}

/* --- switching ------------------------------------------------------------------------------- */

static void slice_over(struct callout *slice)
{
	struct run_queue *queue = this_cpu_ptr(&run_queue);
	struct thread *current = thread_current();
	uint64_t ran_ns = clock_ticks_to_ns((uint32_t)clock_ticks() - current->went_on_ticks);

	queue->slicing = !preemption;
	if ((queue->ready & bit_of(current->level)) == 0 || !preemption)
		return; /* nobody waits for the turn any more; the next switch looks again */
	queue->slicing = true;
	if (ran_ns >= THREAD_SLICE_NS / 2)
		this_cpu_context()->resched = 1;
	callout_start(slice, clock_ns() + THREAD_SLICE_NS);
}

static __attribute__((noinline)) void start_slice(struct run_queue *queue)
{
	queue->slicing = true;
	if (preemption)
		callout_start(&queue->slice, clock_ns() + THREAD_SLICE_NS);
}

/* The running thread has this level: if another that is ready has it too, they take turns. */
static inline void look_for_contention(struct run_queue *queue, unsigned int level)
{
	if (!queue->slicing && (queue->ready & bit_of(level)) != 0)
		start_slice(queue);
}

/* From the running thread, which is in a list or waits, to the highest that is ready. */
static inline void switch_to_next(struct cpu_context *context)
{
	struct run_queue *queue = queue_of(context);
	struct thread *previous = context->current, *next = pop_highest(queue);
	uint64_t now_ticks = clock_ticks_about();

	context->resched = 0;
	look_for_contention(queue, next->level);
	if (next == previous)
		return;
	previous->run_ticks += now_ticks;
	next->run_ticks -= now_ticks;
	next->went_on_ticks = (uint32_t)now_ticks;
	next->switches++;
	context->current = next;
	context_switch(&previous->sp, next->sp);
}

static void switch_plainly(void)
{
	switch_to_next(this_cpu_context());
}

/* Interrupts masked. Comes back when the thread goes on. */
static inline void reschedule(struct cpu_context *context)
{
	if (unlikely(*watch.word != watch.idle))
		watch.put_away(switch_plainly);
	else
		switch_to_next(context);
}

void thread_set_switch_watch(const struct thread_switch_watch *wanted)
{
	watch = *wanted;
}

/* At the end of an interrupt, or where preemption was let in again: the running one stands back. */
static void preempt(struct cpu_context *context)
{
	struct run_queue *queue = queue_of(context);
	struct thread *current = context->current;

	if (first_level(queue) < current->level)
		push_first(queue, current);
	else
		push_last(queue, current);
	reschedule(context);
}

void interrupt_switch(void)
{
	preempt(this_cpu_context());
}

void preempt_reschedule(void)
{
	uint32_t irq = local_irq_save();

	thread_preempt_restore(irq);
}

void thread_preempt_restore(uint32_t irq)
{
	struct cpu_context *context = this_cpu_context();

	if (context->resched != 0 && context->preempt_count == 0 && !irqs_masked_flags(irq))
		preempt(context);
	local_irq_restore(irq);
}

void thread_yield(void)
{
	uint32_t irq = local_irq_save();
	struct cpu_context *context = this_cpu_context();

	if (likely(context->current != NULL && context->preempt_count == 0)) {
		push_last(queue_of(context), context->current);
		reschedule(context);
	}
	local_irq_restore(irq);
}

bool thread_set_preemption(bool on)
{
	uint32_t irq = local_irq_save();
	struct cpu_context *context = this_cpu_context();
	bool before = preemption;

	preemption = on;
	this_cpu_ptr(&run_queue)->slicing =
		!on || callout_is_started(&this_cpu_ptr(&run_queue)->slice);
	/* What became ready meanwhile was not noted. */
	if (on && context->current != NULL &&
	    first_level(this_cpu_ptr(&run_queue)) <= context->current->level)
		context->resched = 1;
	thread_preempt_restore(irq);
	return before;
}

/* The lowest is the idle thread's alone. */
static bool is_priority(unsigned int priority)
{
	return priority != THREAD_PRIORITY_IDLE && priority < THREAD_PRIORITIES;
}

bool thread_set_priority(struct thread *thread, unsigned int priority)
{
	struct run_queue *queue;
	uint32_t irq;
	bool ready;

	if (!is_priority(priority))
		return false;
	irq = local_irq_save();
	queue = this_cpu_ptr(&run_queue);
	ready = thread->state == THREAD_RUNNING && thread != thread_current();
	if (ready)
		take_out(queue, thread);
	thread->level = level_of(priority);
	if (ready)
		push_last(queue, thread);
	if (preemption && first_level(queue) < thread_current()->level)
		this_cpu_context()->resched = 1;
	look_for_contention(queue, thread_current()->level);
	thread_preempt_restore(irq);
	return true;
}

/* --- starving -------------------------------------------------------------------------------- */

/* Who starves and was woken looks again: he may be served, and then he goes on. */
static bool goes_on(const struct thread *thread)
{
	if (thread == &idle_thread)
		return false;
	return thread->state == THREAD_RUNNING ||
	       (thread->state == THREAD_SLEEPING && thread->timed && !thread->starving);
}

static bool somebody_goes_on(const struct thread *but)
{
	for (const struct thread *thread = oldest; thread != NULL; thread = thread->younger)
		if (thread != but && goes_on(thread))
			return true;
	return false;
}

/* The last one that went on is about to wait or has ended. */
static __attribute__((noinline)) void feed_the_starving(void)
{
	struct thread *thread = youngest;

	if (somebody_goes_on(NULL))
		return;
	while (thread != NULL && !(thread->starving && !thread->gave_up))
		thread = thread->older;
	if (thread == NULL)
		return;
	thread->gave_up = true;
	thread_wake(thread);
}

bool thread_others_go_on(void)
{
	uint32_t irq = local_irq_save();
	bool others = somebody_goes_on(thread_current());

	local_irq_restore(irq);
	return others;
}

void thread_set_starving(bool starving)
{
	uint32_t irq = local_irq_save();
	struct thread *current = thread_current();

	starving_threads += (uint32_t)starving - (uint32_t)current->starving;
	current->starving = starving;
	current->gave_up = false;
	local_irq_restore(irq);
}

bool thread_gave_up(void)
{
	return thread_current()->gave_up;
}

/* --- waiting --------------------------------------------------------------------------------- */

void thread_wake(struct thread *thread)
{
	struct cpu_context *context = this_cpu_context();

	if (thread->state != THREAD_SLEEPING)
		return;
	thread->state = THREAD_RUNNING;
	push_last(this_cpu_ptr(&run_queue), thread);
	if (thread->level == context->current->level)
		look_for_contention(this_cpu_ptr(&run_queue), thread->level);
	else if (thread->level < context->current->level &&
		 (preemption || context->current == &idle_thread))
		context->resched = 1;
}

static void time_is_up(struct callout *timer)
{
	struct thread *thread =
		(struct thread *)((uintptr_t)timer - offsetof(struct thread, timer));

	thread->timed_out = true;
	thread_wake(thread);
}

bool thread_block(uint64_t deadline_ns)
{
	struct cpu_context *context = this_cpu_context();
	struct thread *current = context->current;

	if (unlikely(context->preempt_count != 0))
		fatal("thread %s must wait, %s: nobody can run in between", current->name,
		      in_interrupt() ? "in an interrupt handler that interrupted it"
				     : "with preemption disabled");
	if (current->poked) {
		current->poked = false;
		return true;
	}
	current->timed = deadline_ns != WAIT_FOREVER;
	current->timed_out = false;
	if (current->timed)
		callout_start(&current->timer, deadline_ns);
	current->state = THREAD_SLEEPING;
	if (unlikely(starving_threads != 0))
		feed_the_starving();
	if (current->state == THREAD_RUNNING) /* it was the youngest, and stands in a list */
		take_out(this_cpu_ptr(&run_queue), current);
	else
		reschedule(context);
	if (current->timed)
		callout_stop(&current->timer);
	current->timed = current->poked = false;
	return !current->timed_out;
}

void thread_sleep_ns(uint64_t ns)
{
	uint64_t deadline_ns = wait_deadline(ns);
	uint32_t irq;

	might_sleep("sleep");
	if (thread_current() == NULL) {
		ndelay(ns);
		return;
	}
	while (!callout_works() && clock_ns() < deadline_ns)
		thread_yield();
	irq = local_irq_save();
	while (clock_ns() < deadline_ns && !thread_current()->stopping)
		thread_block(deadline_ns);
	local_irq_restore(irq);
}

/* --- making and ending ----------------------------------------------------------------------- */

static void link_youngest(struct thread *thread)
{
	thread->number = next_number++;
	thread->older = youngest;
	thread->younger = NULL;
	if (youngest != NULL)
		youngest->younger = thread;
	else
		oldest = thread;
	youngest = thread;
}

static void unlink_thread(struct thread *thread)
{
	if (thread->older != NULL)
		thread->older->younger = thread->younger;
	else
		oldest = thread->younger;
	if (thread->younger != NULL)
		thread->younger->older = thread->older;
	else
		youngest = thread->older;
}

static void set_name(struct thread *thread, const char *name)
{
	size_t bytes = strnlen(name, THREAD_NAME_BYTES - 1);

	memset(thread->name, 0, THREAD_NAME_BYTES);
	memcpy(thread->name, name, bytes);
}

static void paint(uintptr_t start, uintptr_t end)
{
	for (uint32_t *word = (uint32_t *)start; word < (uint32_t *)end; word++)
		*word = PAINT;
}

static void thread_main(void *argument)
{
	struct thread *thread = argument;

	thread->result = thread->function(thread->argument);
	local_irq_save();
	thread->state = THREAD_ENDED;
	wake_up_all(&thread->joiners);
	if (starving_threads != 0)
		feed_the_starving();
	reschedule(this_cpu_context());
	fatal("thread %s went on after its end", thread->name);
}

/* It is not in any list yet. */
static void prepare_thread(struct thread *thread, const struct unwind_range *stack,
			   const char *name, unsigned int priority, int (*function)(void *argument),
			   void *argument)
{
	paint(stack->start, stack->end);
	*thread = (struct thread){
		.stack = *stack,
		.level = level_of(priority),
		.function = function,
		.argument = argument,
	};
	set_name(thread, name);
	callout_init(&thread->timer, time_is_up);
	thread->sp = context_prepare(stack->end, thread_main, thread);
}

/* On a new stack, at its upper end. */
static struct thread *make_thread(const char *name, unsigned int priority,
				  int (*function)(void *argument), void *argument)
{
	char *stack = stacks.alloc(THREAD_STACK_BYTES);
	uintptr_t top = (uintptr_t)stack + THREAD_STACK_BYTES;
	struct thread *thread = (struct thread *)ALIGN_DOWN(top - sizeof(struct thread), 64);

	if (stack == NULL)
		return NULL;
	prepare_thread(thread, &(struct unwind_range){ (uintptr_t)stack, (uintptr_t)thread }, name,
		       priority, function, argument);
	return thread;
}

struct thread *thread_run(const char *name, unsigned int priority, int (*function)(void *argument),
			  void *argument)
{
	struct thread *thread;
	uint32_t irq;

	might_sleep("thread_run");
	if (thread_current() == NULL || !is_priority(priority))
		return NULL;
	thread = make_thread(name, priority, function, argument);
	if (thread == NULL)
		return NULL;
	irq = local_irq_save();
	link_youngest(thread);
	thread->state = THREAD_SLEEPING;
	thread_wake(thread);
	thread_preempt_restore(irq);
	return thread;
}

void thread_stop(struct thread *thread)
{
	uint32_t irq = local_irq_save();

	thread->stopping = true;
	thread->poked = thread->state != THREAD_SLEEPING;
	thread_wake(thread);
	thread_preempt_restore(irq);
}

bool thread_should_stop(void)
{
	const struct thread *current = thread_current();

	return current != NULL && current->stopping;
}

int thread_join(struct thread *thread)
{
	uint32_t irq;
	int result;

	might_sleep("thread_join");
	if (thread == thread_current())
		return -EDEADLK;
	wait_event(&thread->joiners, thread->state == THREAD_ENDED);
	irq = local_irq_save();
	unlink_thread(thread);
	local_irq_restore(irq);
	result = thread->result;
	stacks.free((void *)thread->stack.start);
	return result;
}

const struct unwind_range *thread_stack(void)
{
	static const struct unwind_range none;
	const struct thread *current = thread_current();

	return current != NULL ? &current->stack : &none;
}

const char *thread_name(const struct thread *thread)
{
	return thread->name;
}

/* --- start ----------------------------------------------------------------------------------- */

/* An interrupt that makes somebody ready between the look and the wait ends the wait. */
static int idle(void *unused)
{
	(void)unused;
	for (;;) {
		struct run_queue *queue;

		local_irq_disable();
		queue = this_cpu_ptr(&run_queue);
		if (queue->ready != 0) {
			push_last(queue, thread_current());
			reschedule(this_cpu_context());
		} else {
			context_wait_for_interrupt();
		}
		local_irq_enable();
	}
	return 0;
}

/* What lies below sp is nobody's; a little is left for this very function. */
static __attribute__((noinline)) void paint_own_stack(const struct unwind_range *stack)
{
	paint(stack->start, ALIGN_DOWN((uintptr_t)__builtin_frame_address(0) - 256, 4));
}

void threads_start(const char *name, const struct thread_stacks *from)
{
	const struct unwind_range idle_range = { (uintptr_t)idle_stack,
						 (uintptr_t)idle_stack + IDLE_STACK_BYTES };
	struct cpu_context *context = this_cpu_context();
	struct run_queue *queue = this_cpu_ptr(&run_queue);

	stacks = *from;
	context_start();
	paint(unwind_image.stacks[UNWIND_INTERRUPT_STACK].start,
	      unwind_image.stacks[UNWIND_INTERRUPT_STACK].end);
	callout_init(&queue->slice, slice_over);
	prepare_thread(&idle_thread, &idle_range, "idle", THREAD_PRIORITY_IDLE, idle, NULL);
	push_last(queue, &idle_thread);
	first_thread.stack = unwind_image.stacks[0];
	first_thread.level = level_of(THREAD_PRIORITY_NORMAL);
	first_thread.run_ticks -= clock_ticks();
	set_name(&first_thread, name);
	callout_init(&first_thread.timer, time_is_up);
	link_youngest(&first_thread);
	paint_own_stack(&first_thread.stack);
	queue->slicing = !preemption;
	context->queue = queue;
	context->current = &first_thread;
	local_irq_enable();
}

/* --- for people ------------------------------------------------------------------------------ */

static uint32_t painted_bytes(const struct unwind_range *stack)
{
	const uint32_t *word = (const uint32_t *)stack->start;

	while (word < (const uint32_t *)stack->end && *word == PAINT)
		word++;
	return (uint32_t)((uintptr_t)word - stack->start);
}

void interrupt_stack_use(uint32_t *used_bytes, uint32_t *stack_bytes)
{
	const struct unwind_range *stack = &unwind_image.stacks[UNWIND_INTERRUPT_STACK];

	*stack_bytes = (uint32_t)(stack->end - stack->start);
	*used_bytes = *stack_bytes - painted_bytes(stack);
}

static void describe(const struct thread *thread, struct thread_snapshot *snapshot)
{
	bool running = thread == thread_current();
	uint64_t ticks = thread->run_ticks + (running ? clock_ticks() : 0);

	*snapshot = (struct thread_snapshot){
		.number = thread->number,
		.priority = THREAD_PRIORITIES - 1 - thread->level,
		.state = (enum thread_state)thread->state,
		.running = running,
		.timed = thread->timed,
		.starving = thread->starving,
		.stack_bytes = (uint32_t)(thread->stack.end - thread->stack.start),
		.run_ns = clock_ticks_to_ns(ticks),
		.switches = thread->switches,
		.stack = thread->stack,
	};
	memcpy(snapshot->name, thread->name, THREAD_NAME_BYTES);
	if (!running && thread->state != THREAD_ENDED)
		context_registers(thread->sp, &snapshot->registers);
}

/* While nobody else runs, nobody joins the thread and frees it. */
bool thread_snapshot(uint32_t number, struct thread_snapshot *snapshot)
{
	const struct thread *thread;

	preempt_disable();
	thread = number == 0 ? &idle_thread : oldest;
	while (thread != NULL && thread->number < number)
		thread = thread->younger;
	if (thread != NULL) {
		describe(thread, snapshot);
		snapshot->used_bytes = snapshot->stack_bytes - painted_bytes(&snapshot->stack);
	}
	preempt_enable();
	return thread != NULL;
}

const char *thread_name_by_stack(uintptr_t address, bool *overflow)
{
	const struct thread *thread = &idle_thread;

	while (thread != NULL &&
	       (address < thread->stack.start - PAGE_SIZE || address >= thread->stack.end))
		thread = thread == &idle_thread ? oldest : thread->younger;
	if (thread == NULL)
		return NULL;
	*overflow = address < thread->stack.start;
	return thread->name;
}
