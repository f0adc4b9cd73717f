/* SPDX-License-Identifier: MIT */
/* The command dtlint: everything that is wrong with this boot's device tree, a line each. */
#include "boot/dtlint.h"
#include "boot/info.h"
#include "shell/command.h"

static void print(const struct finding *finding, const void *blob, void *context)
{
	char line[FINDING_LINE_MAX];

	(void)context;
	finding_line(finding, blob, line, sizeof(line));
	console_printf("%s\n", line);
}

static void dtlint(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (boot_info.tree.blob_bytes == 0)
		console_printf("there is no device tree\n");
	else if (dtlint_judge(&boot_info.tree, boot_blob(), print, NULL) == 0)
		console_printf("dtlint: nothing to say\n");
}

SHELL_COMMAND(dtlint, dtlint, "", "what is wrong with the device tree, and what follows from it");
