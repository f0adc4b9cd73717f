/* SPDX-License-Identifier: MIT */
#include "kern/cmdline.h"

#include <string.h>

#include "kern/log.h"
#include "kern/param.h"

static char given[CMDLINE_BYTES];
static char cut[CMDLINE_BYTES]; /* in words, where parsers' values stay */

void cmdline_parse(const char *text, size_t length)
{
	if (length >= CMDLINE_BYTES) {
		pr_warn("bootargs: %u characters: only the first %d are used\n",
			(unsigned int)length, CMDLINE_BYTES - 1);
		length = CMDLINE_BYTES - 1;
	}
	memcpy(given, text, length);
	memcpy(cut, given, length);
	given[length] = cut[length] = '\0';
	pr_info("Kernel command line: %s\n", given);
	boot_params_parse(cut);
}

const char *cmdline_text(void)
{
	return given;
}
