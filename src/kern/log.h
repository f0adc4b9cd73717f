/* SPDX-License-Identifier: MIT */
/*
 * The log: text from anybody who may print (never mm), kept in a ring for dmesg and given to a sink
 * once there is one. What was logged before the sink came is given to it on arrival.
 *
 * In any context. The sink is slow, so it is given text with interrupts as they are, by one at a time:
 * who logs meanwhile, in a handler or in a thread that took over, leaves the text in the ring for
 * that one to go on with.
 */
#ifndef STRATA_KERN_LOG_H
#define STRATA_KERN_LOG_H

#include <stdarg.h>
#include "lib/types.h"

enum log_level {
	LOG_ERR,     /* something is wrong and was not done */
	LOG_WARNING, /* something is wrong and was worked round; the line says how */
	LOG_INFO,    /* news; not shown on the console after `quiet` */
};

#define LOG_TEXT_MAX 256

/*
 * Log one formatted text; its own newline included, as printk. Longer than LOG_TEXT_MAX - 1 bytes
 * is cut. Control characters but newline and tab become '?': text from a device tree may say
 * anything.
 */
void printk(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vprintk(enum log_level level, const char *format, va_list args);

#define pr_err(...)  printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) printk(LOG_WARNING, __VA_ARGS__)
#define pr_info(...) printk(LOG_INFO, __VA_ARGS__)

/* Takes `bytes` bytes of text. Called from printk, so it may not log. */
typedef void (*log_sink)(const char *text, size_t bytes);

/* Give everything kept so far, as far as `quiet` lets it pass, and from now on each new text. */
void log_attach(log_sink sink);

/*
 * The sink's device is the caller's, until it is released; what was logged meanwhile is shown then. False:
 * somebody else has it, and is interrupted by the caller or waits for its turn.
 */
bool log_claim_console(void);
void log_release_console(void);

/* For the last report of all: whoever has the device will not go on. */
void log_seize_console(void);

/* Give everything kept, whatever its level, to `sink`, which may not log. */
void log_replay(log_sink sink);

/* Whether `quiet` was given. */
bool log_is_quiet(void);

#endif
