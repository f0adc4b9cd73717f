/* SPDX-License-Identifier: MIT */
#include "kern/console.h"

#include <stdarg.h>
#include <stdio.h>

#include "kern/log.h"

static const struct console *current;

void console_attach(const struct console *console)
{
	current = console;
	log_attach(console_write);
}

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

void console_write(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		put(text[i]);
}

void console_flush(void)
{
	if (current != NULL)
		current->flush();
}

int console_get(void)
{
	return current != NULL ? current->get() : -1;
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
	va_list args;

	va_start(args, format);
	vfprintf(&console_file, format, args);
	va_end(args);
}
