/* SPDX-License-Identifier: MIT */
#include "shell/command.h"

#include <string.h>

const struct shell_command *shell_command_find(const char *name)
{
	const struct shell_command *command;

	for_each_table_entry(command, shell_commands)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

void shell_command_offer(struct word_completion *completion)
{
	const struct shell_command *command;

	for_each_table_entry(command, shell_commands)
		completion_offer(completion, command->name);
}
