/* SPDX-License-Identifier: MIT */
/*
 * Completion of the word before the cursor.
 *
 *	static void complete_suite(struct word_completion *completion)
 *	{
 *		if (completion->argument == 1)
 *			completion_offer(completion, "cpu");
 *	}
 *
 * A completer offers all that could stand there, in any order and as often as it likes; what does
 * not begin as the word does is no candidate.
 */
#ifndef STRATA_SHELL_COMPLETE_H
#define STRATA_SHELL_COMPLETE_H

#include "shell/line.h"

struct word_completion {
	unsigned int argument; /* the word's place: 0 is the command, 1 its first argument */

	/* Of completion_offer alone. */
	const char *prefix; /* what is there of the word */
	unsigned int prefix_bytes;
	const char *first;         /* a candidate, NULL: none so far */
	unsigned int common_bytes; /* how far all candidates are alike */
	bool several;
	const char *after, *next; /* the lowest candidate above `after` */
};

typedef void (*completer)(struct word_completion *completion);

/* `candidate` is a word of printable ASCII without blanks, and a constant. */
void completion_offer(struct word_completion *completion, const char *candidate);

/*
 * Complete the word before the cursor: a single candidate wholly and with a blank, several as far
 * as they are alike. `list`: show the candidates, sorted, when there are several and nothing to
 * add.
 */
void complete_word(struct line *line, completer offer_all, bool list);

/* How many words stand before the one that the cursor is at the end of. */
unsigned int complete_argument(const struct line *line);

#endif
