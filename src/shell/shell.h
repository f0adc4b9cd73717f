/* SPDX-License-Identifier: MIT */
#ifndef STRATA_SHELL_SHELL_H
#define STRATA_SHELL_SHELL_H

/*
 * Run the commands of run= as if they were typed, then prompt for ever. Without a console it only
 * runs the commands, for what they do.
 */
void shell_run(void) __attribute__((noreturn));

#endif
