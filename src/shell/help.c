/* SPDX-License-Identifier: MIT */
/* help: the commands by name, one command, or the boot parameters with what this boot gave them. */
#include <string.h>

#include "kern/param.h"
#include "shell/command.h"

/* Where a command's arguments and its sentence begin; what is too long moves the sentence down. */
#define NAME_COLUMNS      12
#define ARGUMENTS_COLUMNS 10

/* The entry with the lowest name above `after`; NULL stands for below the first, above the last. */
static const struct shell_command *command_after(const char *after)
{
	const struct shell_command *command, *next = NULL;

	for_each_table_entry(command, shell_commands)
		if ((after == NULL || strcmp(command->name, after) > 0) &&
		    (next == NULL || strcmp(command->name, next->name) < 0))
			next = command;
	return next;
}

static const struct boot_param *param_after(const char *after)
{
	const struct boot_param *param, *next = NULL;

	for_each_table_entry(param, boot_params)
		if ((after == NULL || strcmp(param->name, after) > 0) &&
		    (next == NULL || strcmp(param->name, next->name) < 0))
			next = param;
	return next;
}

static void print_command(const struct shell_command *command)
{
	console_printf("%-*s %-*s ", NAME_COLUMNS, command->name, ARGUMENTS_COLUMNS,
		       command->arguments);
	if (strlen(command->name) > NAME_COLUMNS || strlen(command->arguments) > ARGUMENTS_COLUMNS)
		console_printf("\n%*s", NAME_COLUMNS + 1 + ARGUMENTS_COLUMNS + 1, "");
	console_printf("%s\n", command->help);
}

static void help_all(void)
{
	const struct shell_command *command = NULL;

	while ((command = command_after(command != NULL ? command->name : NULL)) != NULL)
		print_command(command);
}

static void help_one(const char *name)
{
	const struct shell_command *command = shell_command_find(name);

	if (command == NULL)
		console_printf("help: no command %s; help lists them\n", name);
	else
		print_command(command);
}

/* --- boot parameters ------------------------------------------------------------------------- */

/* Arguments come from a device tree, which may say anything. */
static void print_clean(const char *text)
{
	for (; *text != '\0'; text++)
		console_printf("%c", *text >= ' ' && *text <= '~' ? *text : '?');
}

/* As it was given; quotes around a value were taken off and come back where they are needed. */
static void print_word(const struct boot_param_word *word)
{
	const char *quote = "";

	print_clean(word->name);
	if (word->value == NULL)
		return;
	if (*word->value == '\0' || strpbrk(word->value, " \t\n\v\f\r") != NULL)
		quote = "\"";
	console_printf("=%s", quote);
	print_clean(word->value);
	console_printf("%s", quote);
}

/* All words of one parameter, or with NULL those of none. Returns how many there are. */
static unsigned int print_words(const struct boot_param *param, const char *before)
{
	unsigned int count, shown = 0;
	const struct boot_param_word *words = boot_param_words(&count);

	for (unsigned int i = 0; i < count; i++) {
		if (words[i].param != param)
			continue;
		shown++;
		console_printf("%s", before);
		print_word(&words[i]);
		if (words[i].objection != NULL)
			console_printf(" (refused: %s)", words[i].objection);
		console_printf("\n");
	}
	return shown;
}

static void print_param(const struct boot_param *param)
{
	console_printf("%s%s%s\n    %s\n", param->name, *param->values != '\0' ? "=" : "",
		       param->values, param->help);
	if (print_words(param, "    this boot: ") == 0)
		console_printf("    this boot: -\n");
}

static void help_boot(void)
{
	const struct boot_param *param = NULL;

	while ((param = param_after(param != NULL ? param->name : NULL)) != NULL)
		print_param(param);
	print_words(NULL, "not a parameter: ");
	if (boot_param_words_left_out() != 0)
		console_printf("and %u more words of this boot, which are not listed\n",
			       boot_param_words_left_out());
}

/* --- the command ----------------------------------------------------------------------------- */

static void help(int argc, char **argv)
{
	if (argc == 1)
		help_all();
	else if (strcmp(argv[1], "boot") == 0)
		help_boot();
	else
		help_one(argv[1]);
}

static void complete_help(struct word_completion *completion)
{
	if (completion->argument != 1)
		return;
	shell_command_offer(completion);
	completion_offer(completion, "boot");
}

SHELL_COMMAND_COMPLETED(help, help, "[COMMAND]",
			"this list, one command, or boot: the boot parameters", complete_help);
