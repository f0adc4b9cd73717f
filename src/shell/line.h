/* SPDX-License-Identifier: MIT */
/*
 * One line, edited while it is typed.
 *
 * Bytes go in through line_feed, drawing comes out through a callback; there is no hardware and no
 * clock in between. The keys are those of readline's Emacs mode as far as most people know them.
 *
 * Drawing asks nothing of the terminal but backspace: a picture of what is shown is kept, and only
 * the cells that differ are written. To move right, cells are written again as they are. As
 * backspace does not climb a wrapped line, nothing ever wraps: a text that is longer than the
 * window, which ends one column before LINE_COLUMNS, is scrolled sideways, and '<' and '>' stand
 * where it goes on.
 *
 *	strata> <ockinfo; a long line of which the middle is shown, with the cur>
 */
#ifndef STRATA_SHELL_LINE_H
#define STRATA_SHELL_LINE_H

#include "shell/history.h"
#include "shell/keys.h"

/* No terminal in use is narrower, and a wider one is no harm. */
#define LINE_COLUMNS 80

enum line_status {
	LINE_OPEN,        /* go on feeding */
	LINE_ENTERED,     /* line->text is the line; the cursor is on the next row */
	LINE_INTERRUPTED, /* Ctrl-C: line->text is empty; the cursor is on the next row */
};

/*
 * Who makes one fills in the first four fields and leaves the rest zero. The text is
 * zero-terminated at all times and holds printable ASCII only, at most LINE_BYTES - 1 of it.
 */
struct line {
	const char *prompt;                            /* of less than LINE_COLUMNS / 2 */
	void (*write)(const char *text, size_t bytes); /* "\n" starts a new row */
	void (*complete)(struct line *line,
			 bool again);  /* for Tab; again: pressed twice; or NULL */
	const struct history *history; /* to look through, or NULL */

	char text[LINE_BYTES];
	unsigned int length;
	unsigned int cursor; /* 0 to length: what is typed goes before this character */

	struct key_decoder decoder;
	bool tab_before;

	/* Looking through the history: 0 is the line being typed, which waits in draft meanwhile. */
	unsigned int age;
	char draft[LINE_BYTES];

	/* What the terminal shows right of the prompt. */
	char shown[LINE_COLUMNS];
	unsigned int shown_cursor;
	unsigned int first; /* character of the text in the window's first cell */
};

/* Write the prompt and begin with an empty line. */
void line_begin(struct line *line);

/* Take one byte typed and draw what it changes. After LINE_ENTERED only line_begin may follow. */
enum line_status line_feed(struct line *line, unsigned char byte);

/* Width of the window that the text is seen through. */
unsigned int line_window(const struct line *line);

/* For completers, which run inside line_feed; it draws when they are done. */

/* Insert at the cursor. False, and nothing is done, when there is no room for all of it. */
bool line_insert(struct line *line, const char *text, unsigned int bytes);

void line_ring(struct line *line);

/* Between these two anything may be written, whole rows of it; the line then stands below. */
void line_suspend(struct line *line);
void line_resume(struct line *line);

#endif
