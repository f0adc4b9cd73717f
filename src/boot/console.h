/* SPDX-License-Identifier: MIT */
/* Which UART a person sits at. */
#ifndef STRATA_BOOT_CONSOLE_H
#define STRATA_BOOT_CONSOLE_H

/*
 * Attach the PL011 that /chosen/stdout-path names; failing that the first PL011 of the tree, with a
 * line that says so; failing that one where the core's peripheral base hints at a known board.
 * Without any, nothing: the log keeps its text. Does nothing when a console is attached already.
 */
void boot_console_init(void);

#endif
