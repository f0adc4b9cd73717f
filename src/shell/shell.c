/* SPDX-License-Identifier: MIT */
/* The prompt: read a line, cut it into words, run the command. */
#include "shell/shell.h"

#include <string.h>

#include "arch/cpu.h"
#include "kern/param.h"
#include "shell/command.h"
#include "shell/complete.h"
#include "shell/history.h"
#include "shell/line.h"

#define WORDS_MAX 16
#define PROMPT    "strata> "

static struct history entered;
static const char *run_text;

static const char *parse_run(const char *value)
{
	if (value == NULL || *value == '\0')
		return "expects commands, such as run=\"zoneinfo;poweroff\"";
	run_text = value;
	return NULL;
}

BOOT_PARAM(run, parse_run, "\"COMMAND;...\"", "commands to run before the prompt");

/* --- running --------------------------------------------------------------------------------- */

/* Cut at blanks, in place. Words past the last are left out: no command takes so many. */
static int split_words(char *line, char **words)
{
	int count = 0;

	while (count < WORDS_MAX) {
		line += strspn(line, " \t");
		if (*line == '\0')
			break;
		words[count++] = line;
		line += strcspn(line, " \t");
		if (*line != '\0')
			*line++ = '\0';
	}
	return count;
}

static void run_line(char *line)
{
	char *words[WORDS_MAX];
	const struct shell_command *command;
	int count;

	history_add(&entered, line);
	count = split_words(line, words);
	if (count == 0)
		return;
	command = shell_command_find(words[0]);
	if (command == NULL)
		console_printf("%s: no such command; help lists them\n", words[0]);
	else if (count > 1 && *command->arguments == '\0')
		console_printf("%s: takes no arguments\n", command->name);
	else
		command->run(count, words);
}

/* What run= says, a command at a time, looking as if it had been typed. */
static void run_given_text(const char *text)
{
	char line[LINE_BYTES];

	while (*text != '\0') {
		size_t length = strcspn(text, ";");

		if (length >= sizeof(line)) {
			console_printf("run=: a command has more than %d characters: left out\n",
				       LINE_BYTES - 1);
		} else {
			memcpy(line, text, length);
			line[length] = '\0';
			console_printf(PROMPT "%s\n", line);
			run_line(line);
		}
		text += length;
		text += *text == ';';
	}
}

/* --- typing ---------------------------------------------------------------------------------- */

/* The command that the line names; NULL when it names none. */
static const struct shell_command *command_of(const struct line *line)
{
	const char *start = line->text + strspn(line->text, " ");
	size_t bytes = strcspn(start, " ");
	const struct shell_command *command;

	for_each_table_entry(command, shell_commands)
		if (strlen(command->name) == bytes && memcmp(command->name, start, bytes) == 0)
			return command;
	return NULL;
}

static void complete(struct line *line, bool again)
{
	completer offer_all = shell_command_offer;

	if (complete_argument(line) > 0) {
		const struct shell_command *command = command_of(line);

		offer_all = command != NULL ? command->complete : NULL;
	}
	if (offer_all == NULL)
		line_ring(line);
	else
		complete_word(line, offer_all, again);
}

static enum line_status read_line(struct line *line)
{
	enum line_status status;

	line_begin(line);
	do {
		status = line_feed(line, (unsigned char)console_wait());
	} while (status == LINE_OPEN);
	return status;
}

void shell_run(void)
{
	static struct line line = {
		.prompt = PROMPT,
		.write = console_write,
		.complete = complete,
		.history = &entered,
	};

	if (run_text != NULL)
		run_given_text(run_text);
	while (console_current() != NULL)
		if (read_line(&line) == LINE_ENTERED)
			run_line(line.text);
	cpu_park();
}

static void history(int argc, char **argv)
{
	unsigned int count = history_count(&entered);

	(void)argc;
	(void)argv;
	for (unsigned int age = count; age > 0; age--)
		console_printf("%5u  %s\n", entered.added - age + 1, history_get(&entered, age));
}

SHELL_COMMAND(history, history, "", "the lines entered so far; Up and Down fetch them back");
