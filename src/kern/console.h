/* SPDX-License-Identifier: MIT */
/*
 * The console: whatever device a person sits at. A UART driver attaches itself from above; the log
 * and the shell write and read here and know no device.
 */
#ifndef STRATA_KERN_CONSOLE_H
#define STRATA_KERN_CONSOLE_H

#include "lib/types.h"

struct console {
	const char *name;       /* for people: "pl011@9000000" */
	void (*put)(char byte); /* waits until the device takes it */
	int (*get)(void);       /* the next byte received, or -1 when there is none */
	void (*flush)(void);    /* waits until the last byte is on the wire */
	/* Whether the device interrupts and calls console_received; NULL: never. */
	bool (*interrupts)(void);
	uint32_t (*overruns)(void); /* how often bytes came and were lost; NULL: not known */
};

/* Make this the console. The log's ring is shown on it. The struct must live for ever. */
void console_attach(const struct console *console);

/* NULL until there is one. */
const struct console *console_current(void);

/* Text to the console alone, not into the log; "\n" becomes "\r\n". Lost without a console. */
void console_write(const char *text, size_t bytes);
void console_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wait until everything written has left the device: before the power goes. */
void console_flush(void);

/* The next byte typed, or -1 when there is none. One thread reads, with all of these. */
int console_get(void);

/*
 * The next byte typed. Others run until there is one; the core sleeps if there are none. Says first
 * what handlers have noted and could not say. In a thread; there must be a console.
 */
char console_wait(void);

/*
 * Whether Ctrl-C was typed since the last reading, for what takes long and can stop: then it is gone with
 * what was typed before it. Else what was typed ahead stays to be read; behind 256 bytes of it Ctrl-C is
 * not seen.
 */
bool console_interrupted(void);

/* There is something to get, says the device's handler. In any context. */
void console_received(void);

#endif
