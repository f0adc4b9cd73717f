/* SPDX-License-Identifier: MIT */
#ifndef STRATA_KERN_FATAL_H
#define STRATA_KERN_FATAL_H

/*
 * Say one line, "fatal: " and the text (which names the thing, the rule and the remedy), and stop
 * for good. The line reaches the console if there is one, or one that the hook below can find.
 */
void fatal(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Called by fatal() before it prints: the last chance to find a console. Set by the boot. */
extern void (*fatal_console_hook)(void);

#endif
