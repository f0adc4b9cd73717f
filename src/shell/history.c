/* SPDX-License-Identifier: MIT */
#include "shell/history.h"

#include <string.h>

static void copy_printable(char *to, const char *from)
{
	size_t i;

	for (i = 0; i < LINE_BYTES - 1 && from[i] != '\0'; i++) {
		to[i] = from[i] == '\t' ? ' ' : from[i];
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
	}
	to[i] = '\0';
}

void history_add(struct history *history, const char *text)
{
	const char *before = history_get(history, 1);
	char *slot = history->lines[history->added % HISTORY_LINES];
	char line[LINE_BYTES];

	copy_printable(line, text);
	if (line[strspn(line, " ")] == '\0' || (before != NULL && strcmp(before, line) == 0))
		return;
	strcpy(slot, line);
	history->added++;
}

const char *history_get(const struct history *history, unsigned int age)
{
	if (age == 0 || age > history_count(history))
		return NULL;
	return history->lines[(history->added - age) % HISTORY_LINES];
}

unsigned int history_count(const struct history *history)
{
	return history->added < HISTORY_LINES ? history->added : HISTORY_LINES;
}
