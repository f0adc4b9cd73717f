/* SPDX-License-Identifier: MIT */
/*
 * Nothing is gathered: the completer runs once to learn what the candidates have in common, and
 * once more for each one listed, which finds the next in order. There are dozens, not thousands.
 */
#include "shell/complete.h"

#include <string.h>

static unsigned int common_bytes(const char *a, const char *b)
{
	unsigned int count = 0;

	while (a[count] != '\0' && a[count] == b[count])
		count++;
	return count;
}

static void note_next(struct word_completion *completion, const char *candidate)
{
	if (completion->after != NULL && strcmp(candidate, completion->after) <= 0)
		return;
	if (completion->next == NULL || strcmp(candidate, completion->next) < 0)
		completion->next = candidate;
}

void completion_offer(struct word_completion *completion, const char *candidate)
{
	unsigned int common;

	if (strncmp(candidate, completion->prefix, completion->prefix_bytes) != 0)
		return;
	if (completion->first == NULL) {
		completion->first = candidate;
		completion->common_bytes = (unsigned int)strlen(candidate);
	}
	common = common_bytes(completion->first, candidate);
	if (common < completion->common_bytes)
		completion->common_bytes = common;
	/* Alike to the last byte: the same candidate once more. */
	completion->several |= strcmp(completion->first, candidate) != 0;
	note_next(completion, candidate);
}

static unsigned int word_start(const struct line *line)
{
	unsigned int at = line->cursor;

	while (at > 0 && line->text[at - 1] != ' ')
		at--;
	return at;
}

unsigned int complete_argument(const struct line *line)
{
	unsigned int count = 0, end = word_start(line);

	for (unsigned int i = 0; i < end; i++)
		count += line->text[i] != ' ' && line->text[i + 1] == ' ';
	return count;
}

/* In rows as wide as the line, two blanks between words. */
static void list_candidates(struct line *line, struct word_completion *completion,
			    completer offer_all)
{
	unsigned int column = 0;

	line_suspend(line);
	for (;;) {
		unsigned int bytes;

		completion->next = NULL;
		offer_all(completion);
		if (completion->next == NULL)
			break;
		bytes = (unsigned int)strlen(completion->next);
		if (column != 0 && column + 2 + bytes >= LINE_COLUMNS) {
			line->write("\n", 1);
			column = 0;
		}
		line->write("  ", column != 0 ? 2 : 0);
		line->write(completion->next, bytes);
		column += bytes + (column != 0 ? 2 : 0);
		completion->after = completion->next;
	}
	line->write("\n", 1);
	line_resume(line);
}

/* The blank after a whole word; one that is there already is stepped over. */
static bool finish_word(struct line *line)
{
	if (line->text[line->cursor] != ' ')
		return line_insert(line, " ", 1);
	line->cursor++;
	return true;
}

void complete_word(struct line *line, completer offer_all, bool list)
{
	unsigned int start = word_start(line);
	struct word_completion completion = {
		.argument = complete_argument(line),
		.prefix = line->text + start,
		.prefix_bytes = line->cursor - start,
	};
	unsigned int more;
	bool done;

	offer_all(&completion);
	if (completion.first == NULL) {
		line_ring(line);
		return;
	}
	more = completion.common_bytes - completion.prefix_bytes;
	if (completion.several && more == 0 && list) {
		list_candidates(line, &completion, offer_all);
		return;
	}
	done = line_insert(line, completion.first + completion.prefix_bytes, more);
	if (done && !completion.several)
		done = finish_word(line);
	if (!done || (completion.several && more == 0))
		line_ring(line);
}
