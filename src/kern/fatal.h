/* SPDX-License-Identifier: MIT */
#ifndef STRATA_KERN_FATAL_H
#define STRATA_KERN_FATAL_H

/*
 * Say one line, "fatal: " and the text (which names the thing, the rule and the remedy), and who
 * called, and stop for good. The lines reach the console if there is one, or one that the hook
 * below can find. A second call while the first is at work says its line and stops.
 */
void fatal(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Called by fatal() before it prints: the last chance to find a console. Set by the boot. */
extern void (*fatal_console_hook)(void);

/* Call the hook, once. For whoever reports like fatal(). */
void fatal_find_console(void);

#define FATAL_EXIT_STATUS 70 /* EX_SOFTWARE of sysexits.h */

/* End the emulator with FATAL_EXIT_STATUS where one listens, else park. */
void fatal_stop(void) __attribute__((noreturn));

#endif
