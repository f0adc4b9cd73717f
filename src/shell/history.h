/* SPDX-License-Identifier: MIT */
/* The lines that were entered, newest first: age 1 is the last one. */
#ifndef STRATA_SHELL_HISTORY_H
#define STRATA_SHELL_HISTORY_H

#include "lib/types.h"

#define HISTORY_LINES 32

/* A line of the shell with its zero byte. */
#define LINE_BYTES 256

/* All zero: empty. */
struct history {
	char lines[HISTORY_LINES][LINE_BYTES];
	unsigned int added; /* ever; the line of number n lies at n % HISTORY_LINES */
};

/*
 * Keep a copy of a line of less than LINE_BYTES characters, the oldest one goes when there is no
 * room. A blank line and one that equals the line before are left out. What cannot be shown in one
 * column (run= may hold anything) is kept as a question mark, a tab as a blank.
 */
void history_add(struct history *history, const char *text);

/* The line of that age, or NULL where there is none. */
const char *history_get(const struct history *history, unsigned int age);

/* How many are kept. */
unsigned int history_count(const struct history *history);

#endif
