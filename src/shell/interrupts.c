/* SPDX-License-Identifier: MIT */
/* What interrupts, and what is called at a time. */
#include <inttypes.h>

#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/irq.h"
#include "kern/symbols.h"
#include "shell/command.h"

/* --- interrupts: Linux's /proc/interrupts of one core ------------------------------------------ */

/* Behind what Linux prints, only when there is something wrong. */
static void print_trouble(const struct irq_snapshot *irq)
{
	if (irq->unhandled != 0)
		console_printf(", %" PRIu32 " nobody's", irq->unhandled);
	if (irq->stormed)
		console_printf(", masked as too many came");
	else if (irq->masked)
		console_printf(", disabled");
}

/* As in Linux, a line that nobody requested is shown only when it has a count. */
static void print_irq(const struct irq_snapshot *irq)
{
	if (irq->name == NULL && irq->count == 0)
		return;
	console_printf("%3" PRIu32 ": %10" PRIu32 "  %8s %3" PRIu32 " %-8s", irq->irq, irq->count,
		       irq->chip, irq->line, irq->trigger == IRQ_LEVEL ? "Level" : "Edge");
	console_printf("  %s", irq->name != NULL ? irq->name : "-");
	print_trouble(irq);
	console_printf("\n");
}

static void interrupts(int argc, char **argv)
{
	struct irq_snapshot irq;

	(void)argc;
	(void)argv;
	console_printf("%11sCPU%-8d\n", "", 0);
	for (uint32_t next = 0; irq_snapshot(next, &irq); next = irq.irq + 1)
		print_irq(&irq);
	console_printf("Err: %10" PRIu32 "\n", irq_spurious_count());
}

SHELL_COMMAND(interrupts, interrupts, "", "interrupts by line, as /proc/interrupts prints them");

/* --- callouts ---------------------------------------------------------------------------------- */

/* Seconds to the microsecond; what is late has a sign. */
static void print_seconds(uint64_t ns, const char *sign)
{
	uint64_t us = ns / NS_PER_US;

	console_printf("%s%" PRIu64 ".%06" PRIu32, sign, us / 1000000, (uint32_t)(us % 1000000));
}

static void print_callout(const struct callout_entry *entry, uint64_t now_ns)
{
	struct symbol symbol;

	console_printf("  in ");
	if (entry->when_ns >= now_ns)
		print_seconds(entry->when_ns - now_ns, "");
	else
		print_seconds(now_ns - entry->when_ns, "-");
	console_printf(" s");
	if (entry->period_ns != 0) {
		console_printf(", every ");
		print_seconds(entry->period_ns, "");
		console_printf(" s");
	}
	if (symbol_lookup((uintptr_t)entry->function, &symbol))
		console_printf(": %s\n", symbol.name);
	else
		console_printf(": %#" PRIxPTR "\n", (uintptr_t)entry->function);
}

static void callouts(int argc, char **argv)
{
	struct callout_entry entries[CALLOUTS_LISTED];
	struct callout_snapshot snapshot;
	uint32_t count;
	uint64_t now_ns;

	(void)argc;
	(void)argv;
	now_ns = clock_ns();
	count = callout_list(entries, CALLOUTS_LISTED);
	callout_snapshot(&snapshot);
	console_printf("timer: %s, %" PRIu32 " Hz\n",
		       snapshot.event != NULL ? snapshot.event : "none, so nothing is ever called",
		       clock_frequency());
	console_printf("callouts: %" PRIu32 " wait, %" PRIu64 " called since boot, at most %" PRIu64
		       " ns late\n",
		       snapshot.started, snapshot.calls, snapshot.late_ns_most);
	for (uint32_t i = 0; i < count; i++)
		print_callout(&entries[i], now_ns);
	if (snapshot.started > count)
		console_printf("  and %" PRIu32 " later\n", snapshot.started - count);
}

SHELL_COMMAND(callouts, callouts, "", "what is called by the timer, and when");
