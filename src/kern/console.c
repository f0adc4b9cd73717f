/* SPDX-License-Identifier: MIT */
#include "kern/console.h"

#include <stdarg.h>
#include <stdio.h>

#include "kern/log.h"
#include "kern/thread.h"

static const struct console *current;

const struct console *console_current(void)
{
	return current;
}

static void put(char byte)
{
	if (current == NULL)
		return;
	if (byte == '\n')
		current->put('\r');
	current->put(byte);
}

/* The log's sink: whoever calls has claimed the console. */
static void write_bytes(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		put(text[i]);
}

void console_attach(const struct console *console)
{
	current = console;
	log_attach(write_bytes);
}

/*
 * Wait until it is the caller's. Who may not wait writes into somebody's line rather than not at all:
 * false then.
 */
static bool claim(void)
{
	bool mine = log_claim_console();

	while (!mine && may_sleep()) {
		msleep(1);
		mine = log_claim_console();
	}
	return mine;
}

void console_write(const char *text, size_t bytes)
{
	bool mine = claim();

	write_bytes(text, bytes);
	if (mine)
		log_release_console();
}

void console_flush(void)
{
	if (current != NULL)
		current->flush();
}

/* picolibc's printf writes through a FILE with a put function; no buffer, so no length limit. */
static int file_put(char byte, FILE *file)
{
	(void)file;
	put(byte);
	return 0;
}

static FILE console_file = FDEV_SETUP_STREAM(file_put, NULL, NULL, _FDEV_SETUP_WRITE);

void console_printf(const char *format, ...)
{
	bool mine = claim();
	va_list args;

	va_start(args, format);
	vfprintf(&console_file, format, args);
	va_end(args);
	if (mine)
		log_release_console();
}
