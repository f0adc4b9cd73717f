/* SPDX-License-Identifier: MIT */
/* Commands about threads, and about who keeps interrupts out. */
#include <inttypes.h>
#include <string.h>

#include "kern/backtrace.h"
#include "kern/irqsoff.h"
#include "kern/symbols.h"
#include "kern/thread.h"
#include "lib/size.h"
#include "shell/command.h"

#define PC          15
#define FRAMES_MOST 8

/* --- ps ------------------------------------------------------------------------------------------ */

/* Around the functions that wait on behalf of their callers; Linux's names. */
extern char __sched_text_start[], __sched_text_end[];

static bool is_waiting_function(uintptr_t pc)
{
	return pc >= (uintptr_t)__sched_text_start && pc < (uintptr_t)__sched_text_end;
}

/* Who waits: the first function outside those that wait for others. */
static uintptr_t waiting_in(const struct thread_snapshot *thread)
{
	struct unwind_space space = unwind_image;
	struct unwind_registers registers = thread->registers;

	space.stacks[UNWIND_STACKS - 1] = thread->stack;
	for (unsigned int i = 0; i < FRAMES_MOST && is_waiting_function(registers.r[PC]); i++)
		if (unwind_step(&space, &registers, false) != UNWIND_STEPPED)
			return 0;
	return registers.r[PC];
}

/* Linux's letters: R runs or is ready to, S waits, Z has ended and is to be joined. */
static char state_letter(const struct thread_snapshot *thread)
{
	static const char letters[] = {
		[THREAD_RUNNING] = 'R', [THREAD_SLEEPING] = 'S', [THREAD_ENDED] = 'Z'
	};

	return letters[thread->state];
}

static const char *function_name(const struct thread_snapshot *thread, struct symbol *symbol)
{
	if (thread->running || thread->state != THREAD_SLEEPING)
		return "-";
	return symbol_lookup(waiting_in(thread), symbol) ? symbol->name : "?";
}

static void print_thread(const struct thread_snapshot *thread)
{
	uint64_t us = thread->run_ns / NS_PER_US;
	struct symbol symbol;

	console_printf("%5" PRIu32 " %c%c %3u %6" PRIu64 ".%06" PRIu32 " %8" PRIu32 " %5" PRIu32
		       "/%-5" PRIu32 " %-22s %s\n",
		       thread->number, state_letter(thread), thread->starving ? 'M' : ' ',
		       thread->priority, us / 1000000, (uint32_t)(us % 1000000), thread->switches,
		       thread->used_bytes, thread->stack_bytes, function_name(thread, &symbol),
		       thread->name);
}

static void print_threads(void)
{
	struct thread_snapshot thread;
	uint32_t used_bytes, stack_bytes;

	console_printf(
		"  PID S  PRI          TIME SWITCHES STACK USED  WCHAN                  COMMAND\n");
	for (uint32_t number = 0; thread_snapshot(number, &thread); number = thread.number + 1)
		print_thread(&thread);
	interrupt_stack_use(&used_bytes, &stack_bytes);
	console_printf("interrupt stack: %" PRIu32 " of %" PRIu32 " bytes were used at most\n",
		       used_bytes, stack_bytes);
}

/* By its name, or its number. */
static bool find_thread(const char *name, struct thread_snapshot *thread)
{
	const char *rest = name;
	uint64_t wanted;

	if (!parse_number(&rest, &wanted) || *rest != '\0')
		wanted = UINT64_MAX;
	for (uint32_t number = 0; thread_snapshot(number, thread); number = thread->number + 1)
		if (strcmp(name, thread->name) == 0 || wanted == thread->number)
			return true;
	return false;
}

static void ps(int argc, char **argv)
{
	struct thread_snapshot thread;

	if (argc > 2) {
		console_printf("ps: expects a thread's number or name, or nothing\n");
		return;
	}
	if (argc < 2) {
		print_threads();
		return;
	}
	if (!find_thread(argv[1], &thread)) {
		console_printf("ps: no thread %s; ps lists them\n", argv[1]);
		return;
	}
	print_thread(&thread);
	if (!thread.running && thread.state != THREAD_ENDED)
		backtrace_print_thread(&thread);
}

static void complete_thread(struct word_completion *completion)
{
	struct thread_snapshot thread;

	if (completion->argument != 1)
		return;
	for (uint32_t number = 0; thread_snapshot(number, &thread); number = thread.number + 1)
		completion_offer(completion, thread.name);
}

SHELL_COMMAND_COMPLETED(
	ps, ps, "[PID|NAME]",
	"threads, where they wait, how much of its stack each ever used; of one, its "
	"backtrace",
	complete_thread);

/* --- irqsoff ---------------------------------------------------------------------------------- */

static void print_longest(void)
{
	struct irqsoff_snapshot snapshot;

	irqsoff_snapshot(&snapshot);
	if (!snapshot.on) {
		console_printf("irqsoff: not measured; irqsoff on starts\n");
		return;
	}
	console_printf("irqsoff: %" PRIu32 " stretches, the longest in cycles (instructions under "
		       "-icount shift=0):\n",
		       snapshot.stretches);
	for (unsigned int i = 0; i < IRQSOFF_PLACES && snapshot.longest[i].began != 0; i++) {
		console_printf("%8" PRIu32 " from %s", snapshot.longest[i].cycles,
			       symbol_text(snapshot.longest[i].began));
		console_printf(" to %s\n", symbol_text(snapshot.longest[i].ended));
	}
}

static void irqsoff(int argc, char **argv)
{
	bool on = argc > 1 && strcmp(argv[1], "on") == 0;

	if (argc > 2 || (argc == 2 && !on && strcmp(argv[1], "off") != 0)) {
		console_printf(
			"irqsoff: expects on, off, or nothing to show the longest stretch\n");
		return;
	}
	if (argc == 1)
		print_longest();
	else if (!irqsoff_set(on))
		console_printf("irqsoff: no window of kmap to patch the image through\n");
}

static void complete_on_off(struct word_completion *completion)
{
	if (completion->argument != 1)
		return;
	completion_offer(completion, "on");
	completion_offer(completion, "off");
}

SHELL_COMMAND_COMPLETED(irqsoff, irqsoff, "[on|off]",
			"the longest stretch with interrupts masked, and where; on begins anew",
			complete_on_off);
