/* SPDX-License-Identifier: MIT */
/* Waiting for what is typed. */
#include <inttypes.h>

#include "kern/clock.h"
#include "kern/console.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "kern/thread.h"
#include "kern/wait.h"

/* How long a UART without interrupts may go unread: less than a PL011 takes to fill 16 bytes. */
#define POLL_NS NS_PER_MS

static struct wait_queue readers;
static uint32_t overruns_told;

static void say_what_was_noted(const struct console *console)
{
	uint32_t overruns = console->overruns != NULL ? console->overruns() : 0;

	irq_report_storms();
	if (overruns == overruns_told)
		return;
	pr_warn("%s: bytes came faster than they were taken and are lost: %" PRIu32 " times\n",
		console->name, overruns - overruns_told);
	overruns_told = overruns;
}

char console_wait(void)
{
	const struct console *console = console_current();
	int byte = console_get();

	while (byte < 0) {
		say_what_was_noted(console);
		if (console->interrupts != NULL && console->interrupts())
			wait_event(&readers, (byte = console_get()) >= 0);
		else if ((byte = console_get()) < 0)
			thread_sleep_ns(POLL_NS);
	}
	return (char)byte;
}

void console_received(void)
{
	wake_up(&readers);
}
