/* SPDX-License-Identifier: MIT */
/* Shell commands, each declared beside what it shows:
 *
 *	static void zoneinfo(int argc, char **argv) { ... }
 *	SHELL_COMMAND(zoneinfo, zoneinfo, "", "the zones, as /proc/zoneinfo prints them");
 *
 * One whose arguments Tab can complete names a completer (shell/complete.h) as well:
 *
 *	SHELL_COMMAND_COMPLETED(selftest, selftest, "[SUITE]", "run the tests", complete_suite);
 */
#ifndef STRATA_SHELL_COMMAND_H
#define STRATA_SHELL_COMMAND_H

#include "kern/console.h"
#include "lib/table.h"
#include "shell/complete.h"

struct shell_command {
	const char *name;
	void (*run)(int argc, char **argv); /* argv[0] is the name; prints with console_printf */
	const char *arguments;              /* for help */
	const char *help;                   /* one line */
	completer complete;                 /* offers arguments, the first is 1; NULL: none */
};

TABLE_DECLARE(struct shell_command, shell_commands);

#define SHELL_COMMAND_COMPLETED(name_, run_, arguments_, help_, complete_)           \
	TABLE_ENTRY(struct shell_command, shell_commands, shell_command_##name_) = { \
		.name = #name_,                                                      \
		.run = run_,                                                         \
		.arguments = arguments_,                                             \
		.help = help_,                                                       \
		.complete = complete_,                                               \
	}

#define SHELL_COMMAND(name_, run_, arguments_, help_) \
	SHELL_COMMAND_COMPLETED(name_, run_, arguments_, help_, NULL)

/* NULL when there is none of that name. */
const struct shell_command *shell_command_find(const char *name);

/* Offer all names. */
void shell_command_offer(struct word_completion *completion);

#endif
