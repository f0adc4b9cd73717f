/* SPDX-License-Identifier: MIT */
/*
 * A ring of bytes. Each text is one byte of level (1 to 3, no printable character) and the text
 * itself. When the ring is full the oldest bytes go; a reader skips to the first whole text.
 */
#include "kern/log.h"

#include <stdio.h>
#include <string.h>

#include "arch/irqflags.h"
#include "kern/param.h"

#define RING_BYTES (1U << CONFIG_LOG_BUF_SHIFT)
#define RING_MASK  (RING_BYTES - 1)

static char ring[RING_BYTES];
static uint32_t ring_written; /* bytes ever written; the last RING_BYTES of them are in the ring */
static log_sink console_sink;
static uint32_t console_given; /* bytes of the ring that it was given, or that were not for it */
static bool console_shown;     /* what it was given last is a text that passes */
static bool console_claimed;   /* somebody gives it text */
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

/* Copied, not written byte by byte: interrupts are masked meanwhile. At most LOG_TEXT_MAX bytes. */
static void ring_put(const char *bytes, size_t count)
{
	uint32_t at = ring_written & RING_MASK;
	size_t before_end = count < RING_BYTES - at ? count : RING_BYTES - at;

	memcpy(ring + at, bytes, before_end);
	memcpy(ring, bytes + before_end, count - before_end);
	ring_written += (uint32_t)count;
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

/* --- to the console -------------------------------------------------------------------------- */

#define PIECE_BYTES 32U

/* The next bytes for the sink, with interrupts masked as anybody may write to the ring. */
static size_t next_piece(char *piece)
{
	size_t bytes = 0;

	if (ring_written - console_given > RING_BYTES) {
		console_given = ring_written - RING_BYTES;
		console_shown = false;
	}
	for (unsigned int looks = 0; looks < PIECE_BYTES && console_given != ring_written;
	     looks++) {
		char byte = ring[console_given++ & RING_MASK];

		if (is_level(byte))
			console_shown = passes((enum log_level)(byte - 1));
		else if (console_shown)
			piece[bytes++] = byte;
	}
	return bytes;
}

bool log_claim_console(void)
{
	return !__atomic_exchange_n(&console_claimed, true, __ATOMIC_ACQUIRE);
}

/* That nothing is left is seen, and the claim given up, in one stretch: else a text could stay behind. */
void log_release_console(void)
{
	char piece[PIECE_BYTES];
	bool done;

	do {
		uint32_t irq = local_irq_save();
		size_t bytes = console_sink != NULL ? next_piece(piece) : 0;

		done = console_sink == NULL || console_given == ring_written;
		if (done && bytes == 0)
			__atomic_store_n(&console_claimed, false, __ATOMIC_RELEASE);
		local_irq_restore(irq);
		if (bytes != 0)
			console_sink(piece, bytes);
		done = done && bytes == 0;
	} while (!done);
}

void log_seize_console(void)
{
	console_claimed = false;
}

/* --- logging --------------------------------------------------------------------------------- */

void vprintk(enum log_level level, const char *format, va_list args)
{
	char bytes[1 + LOG_TEXT_MAX], *text = bytes + 1;
	bool masked = irqs_masked();
	uint32_t irq;
	int wanted;

	if (masked)
		irqsoff_stretch_ends();
	wanted = vsnprintf(text, LOG_TEXT_MAX, format, args);
	if (wanted < 0)
		text[0] = '\0';
	if (wanted >= LOG_TEXT_MAX && format[0] != '\0')
		text[LOG_TEXT_MAX - 2] = '\n';
	defuse(text);
	bytes[0] = (char)(level + 1);
	irq = local_irq_save();
	ring_put(bytes, 1 + strlen(text));
	local_irq_restore(irq);
	if (log_claim_console())
		log_release_console();
	if (masked)
		irqsoff_stretch_begins();
}

void printk(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintk(level, format, args);
	va_end(args);
}

void log_attach(log_sink sink)
{
	console_sink = sink;
	console_given = ring_written > RING_BYTES ? ring_written - RING_BYTES : 0;
	console_shown = false;
	if (log_claim_console())
		log_release_console();
}

void log_replay(log_sink sink)
{
	uint32_t at = ring_written > RING_BYTES ? ring_written - RING_BYTES : 0;
	bool started = false;

	for (; at != ring_written; at++) {
		char byte = ring[at & RING_MASK];

		if (is_level(byte))
			started = true;
		else if (started)
			sink(&byte, 1);
	}
}
