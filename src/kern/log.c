/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes. Each text is one byte of level (1 to 3, no printable character) and the text
 * itself. When the ring is full the oldest bytes go; a reader skips to the first whole text.
 */
#include "kern/log.h"

#include <stdio.h>

#include "kern/param.h"

#define RING_BYTES (1U << CONFIG_LOG_BUF_SHIFT)
#define RING_MASK  (RING_BYTES - 1)

static char ring[RING_BYTES];
static uint32_t ring_written; /* bytes ever written; the last RING_BYTES of them are in the ring */
static log_sink console_sink;
static bool quiet;

static const char *parse_quiet(const char *value)
{
	if (value != NULL)
		return "takes no value; write quiet";
	quiet = true;
	return NULL;
}

BOOT_PARAM(quiet, parse_quiet, "", "show only warnings and errors on the console while booting");

bool log_is_quiet(void)
{
	return quiet;
}

static bool is_level(char byte)
{
	return byte >= 1 && byte <= LOG_INFO + 1;
}

static void ring_put(char byte)
{
	ring[ring_written++ & RING_MASK] = byte;
}

static bool passes(enum log_level level)
{
	return !quiet || level < LOG_INFO;
}

/* Escapes would let a device tree paint over the console. */
static void defuse(char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7f)
			*text = '?';
}

void vprintk(enum log_level level, const char *format, va_list args)
{
	char text[LOG_TEXT_MAX];
	int wanted = vsnprintf(text, sizeof(text), format, args);
	size_t bytes = 0;

	if (wanted < 0)
		return;
	if ((size_t)wanted >= sizeof(text) && format[0] != '\0')
		text[sizeof(text) - 2] = '\n';
	defuse(text);
	ring_put((char)(level + 1));
	for (; text[bytes] != '\0'; bytes++)
		ring_put(text[bytes]);
	if (console_sink != NULL && passes(level))
		console_sink(text, bytes);
}

void printk(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintk(level, format, args);
	va_end(args);
}

static void replay(log_sink sink, bool everything)
{
	uint32_t at = ring_written > RING_BYTES ? ring_written - RING_BYTES : 0;
	bool shown = false;

	for (; at != ring_written; at++) {
		char byte = ring[at & RING_MASK];

		if (is_level(byte))
			shown = everything || passes((enum log_level)(byte - 1));
		else if (shown)
			sink(&byte, 1);
	}
}

void log_attach(log_sink sink)
{
	replay(sink, false);
	console_sink = sink;
}

void log_replay(log_sink sink)
{
	replay(sink, true);
}
