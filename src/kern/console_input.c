/* SPDX-License-Identifier: MIT */
/* What is typed: waiting for it, and looking whether Ctrl-C is in it. */
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

/* --- typed ahead ----------------------------------------------------------------------------- */

#define CTRL_C 3

/* What console_interrupted has looked at and left for the reader. */
static char ahead[256];
static uint32_t ahead_in, ahead_out;

static int get_from_device(void)
{
	const struct console *console = console_current();

	return console != NULL ? console->get() : -1;
}

int console_get(void)
{
	if (ahead_out != ahead_in)
		return (unsigned char)ahead[ahead_out++];
	ahead_in = ahead_out = 0;
	return get_from_device();
}

bool console_interrupted(void)
{
	int byte = 0;

	while (ahead_in < sizeof(ahead) && (byte = get_from_device()) >= 0) {
		if (byte == CTRL_C) {
			ahead_in = ahead_out = 0;
			return true;
		}
		ahead[ahead_in++] = (char)byte;
	}
	return false;
}

/* --- waiting --------------------------------------------------------------------------------- */

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
