/* SPDX-License-Identifier: MIT */
/* The prompt: read a line, cut it into words, run the command. */
#include "shell/shell.h"

#include <string.h>

#include "arch/cpu.h"
#include "kern/param.h"
#include "shell/command.h"

#define LINE_BYTES 256
#define WORDS_MAX  16
#define PROMPT     "strata> "

#define BACKSPACE  0x08
#define DELETE     0x7f
#define CONTROL_C  0x03
#define CONTROL_U  0x15

static const char *run_text;

static const char *parse_run(const char *value)
{
	if (value == NULL || *value == '\0')
		return "expects commands, such as run=\"zoneinfo;poweroff\"";
	run_text = value;
	return NULL;
}

BOOT_PARAM(run, parse_run, "\"COMMAND;...\"", "commands to run before the prompt");

static const struct shell_command *find_command(const char *name)
{
	const struct shell_command *command;

	for_each_table_entry (command, shell_commands)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

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
	int count = split_words(line, words);
	const struct shell_command *command;

	if (count == 0)
		return;
	command = find_command(words[0]);
	if (command == NULL)
		console_printf("%s: no such command; help lists them\n", words[0]);
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

static void erase(size_t *length)
{
	if (*length == 0)
		return;
	(*length)--;
	console_printf("\b \b");
}

/* One byte typed. True when the line is complete. */
static bool take_byte(char byte, char *line, size_t *length)
{
	switch (byte) {
	case '\r':
	case '\n':
		console_printf("\n");
		return true;
	case BACKSPACE:
	case DELETE:
		erase(length);
		return false;
	case CONTROL_U:
		while (*length != 0)
			erase(length);
		return false;
	case CONTROL_C:
		console_printf("^C\n");
		*length = 0;
		return true;
	}
	if (byte >= ' ' && *length < LINE_BYTES - 1) {
		line[(*length)++] = byte;
		console_printf("%c", byte);
	}
	return false;
}

static void read_line(char *line)
{
	size_t length = 0;
	int byte;

	do {
		while ((byte = console_get()) < 0)
			;
	} while (!take_byte((char)byte, line, &length));
	line[length] = '\0';
}

void shell_run(void)
{
	static char line[LINE_BYTES];

	if (run_text != NULL)
		run_given_text(run_text);
	while (console_current() != NULL) {
		console_printf(PROMPT);
		read_line(line);
		run_line(line);
	}
	cpu_park();
}

static void help(int argc, char **argv)
{
	const struct shell_command *command;

	(void)argc;
	(void)argv;
	for_each_table_entry (command, shell_commands)
		console_printf("%-10s %-10s %s\n", command->name, command->arguments,
			       command->help);
}

SHELL_COMMAND(help, help, "", "this list");
