/* SPDX-License-Identifier: MIT */
/* Shell commands, each declared beside what it shows:
 *
 *	static void zoneinfo(int argc, char **argv) { ... }
 *	SHELL_COMMAND(zoneinfo, zoneinfo, "", "the zones, as /proc/zoneinfo prints them");
 */
#ifndef STRATA_SHELL_COMMAND_H
#define STRATA_SHELL_COMMAND_H

#include "kern/console.h"
#include "lib/table.h"

struct shell_command {
	const char *name;
	void (*run)(int argc, char **argv); /* argv[0] is the name; prints with console_printf */
	const char *arguments;              /* for help */
	const char *help;                   /* one line */
};

TABLE_DECLARE(struct shell_command, shell_commands);

#define SHELL_COMMAND(name_, run_, arguments_, help_)                                \
	TABLE_ENTRY(struct shell_command, shell_commands, shell_command_##name_) = { \
		.name = #name_,                                                      \
		.run = run_,                                                         \
		.arguments = arguments_,                                             \
		.help = help_,                                                       \
	}

#endif
