/* SPDX-License-Identifier: MIT */
/*
 * Boot arguments: how they are cut, each parameter's parser, and what they make of the memory of one
 * tree. They go through kern/cmdline.c, as in the firmware.
 */
#include <libfdt.h>
#include <string.h>

#include "../host/fdt_builder.h"
#include "fuzz.h"
#include "kern/cmdline.h"
#include "kern/param.h"

/* Whatever was accepted or not, help can show it. */
static void check_words(void)
{
	unsigned int count;
	const struct boot_param_word *words = boot_param_words(&count);

	for (unsigned int i = 0; i < count; i++) {
		HARNESS_CHECK(strlen(words[i].name) < CMDLINE_BYTES);
		HARNESS_CHECK(words[i].value == NULL || strlen(words[i].value) < CMDLINE_BYTES);
		HARNESS_CHECK(words[i].objection == NULL || strlen(words[i].objection) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *sound;

	if (sound == NULL)
		sound = fdt_build(kitchen_sink);
	harness_reset();
	cmdline_parse((const char *)data, size);
	HARNESS_CHECK(strlen(cmdline_text()) <= size);
	check_words();
	harness_take_copy(sound, fdt_totalsize(sound));
	harness_run((const char *)data, size, page_offset_for(size));
	return 0;
}
