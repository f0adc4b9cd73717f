/* SPDX-License-Identifier: MIT */
/*
 * The firmware's steps, on the desktop: read a tree, obey the boot arguments, fill memblock, plan.
 *
 * Everything that decides is the firmware's own source. This file calls it in the firmware's order
 * and keeps what it would log. Once a process: memblock cannot be emptied (see apart.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/linear.h"
#include "boot/dtlint.h"
#include "boot/memory.h"
#include "boot/plan.h"
#include "boot/tree_report.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/memblock.h"
#include "zoneplan.h"

/* memblock hands out addresses only; nothing is ever read through them here. */
uintptr_t linear_offset;

/* Parsers may point into it, so it lives as long as the program. */
static char *bootargs_copy;

/* --- messages: the lines that the firmware would log ----------------------------------------- */

static char *messages; /* the text so far, lines ended by '\n' */
static size_t message_bytes;

static void collect(const char *text, size_t bytes)
{
	messages = realloc(messages, message_bytes + bytes + 1);
	if (messages == NULL)
		abort();
	memcpy(messages + message_bytes, text, bytes);
	message_bytes += bytes;
	messages[message_bytes] = '\0';
}

const char *run_messages(void)
{
	return messages;
}

void run_messages_clear(void)
{
	free(messages);
	messages = NULL;
	message_bytes = 0;
}

static void (*stop_hook)(const char *why);

void run_on_stop(void (*hook)(const char *why))
{
	stop_hook = hook;
}

/* --lint: what the findings are about, from the moment the tree is read. */
static const struct run *linted;

/* Where the firmware would stop the planner stops too, after what the boot log would have said. */
void fatal(const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (stop_hook != NULL)
		stop_hook(why);
	if (linted != NULL)
		print_lint(linted);
	else if (messages != NULL)
		fprintf(stderr, "%s", messages);
	fprintf(stderr, "zoneplan: the firmware would stop: %s\n", why);
	exit(1);
}

/* The shell's parameter, which means nothing here but is not unknown either. */
static const char *parse_run(const char *value)
{
	return value == NULL || *value == '\0' ? "expects commands" : NULL;
}

BOOT_PARAM(run, parse_run, "\"COMMAND;...\"", "commands to run before the prompt");

/* --- the firmware's steps -------------------------------------------------------------------- */

void *read_file(const char *name, size_t *bytes, const char *remedy)
{
	FILE *file = fopen(name, "rb");
	char *content = NULL;
	size_t room = 0, got;
	int error;

	*bytes = 0;
	if (file == NULL)
		die("%s: %s; %s", name, strerror(errno), remedy);
	do {
		room += SZ_1M;
		content = realloc(content, room + 1);
		if (content == NULL)
			abort();
		got = fread(content + *bytes, 1, room - *bytes, file);
		*bytes += got;
	} while (*bytes == room);
	error = ferror(file) != 0 ? errno : 0;
	fclose(file);
	if (error != 0) {
		free(content);
		die("%s: %s; %s", name, strerror(error), remedy);
	}
	content[*bytes] = '\0';
	return content;
}

/* A header that promises more than the file has would be read past the end. */
static void *load_tree(const char *name, struct boot_tree *tree)
{
	size_t bytes;
	uint8_t *blob = read_file(name, &bytes, "name a compiled tree (.dtb)");

	if (bytes < FDT_V17_SIZE || fdt_magic(blob) != FDT_MAGIC)
		die("%s: not a device tree blob (no 0xd00dfeed)", name);
	if (fdt_totalsize(blob) > bytes)
		die("%s: the header says %u bytes, the file has %zu; it is cut off", name,
		    fdt_totalsize(blob), bytes);
	boot_tree_scan(blob, tree);
	boot_tree_seal(blob, tree);
	if (tree->state != TREE_WHOLE && tree->state != TREE_TRUNCATED)
		die("%s: %s", name, tree_state_text(tree->state));
	return blob;
}

static void parse_bootargs(const struct options *options, struct run *run)
{
	const char *text = options->bootargs;
	size_t length = 0;

	if (text != NULL) {
		length = strlen(text);
	} else if (run->tree.bootargs.bytes != 0) {
		text = (const char *)run->blob + run->tree.bootargs.offset;
		length = strnlen(text, run->tree.bootargs.bytes);
	}
	run->bootargs = calloc(1, length + 1);
	bootargs_copy = calloc(1, length + 1);
	if (run->bootargs == NULL || bootargs_copy == NULL)
		abort();
	if (length != 0) {
		memcpy(run->bootargs, text, length);
		memcpy(bootargs_copy, text, length);
	}
	boot_params_parse(bootargs_copy);
}

static struct boot_occupied fill_memblock(const struct boot_tree *tree, const void *blob,
					  uint64_t ram_base)
{
	struct boot_occupied occupied = {
		.image = { ram_base + IMAGE_OFFSET, NOMINAL_IMAGE_BYTES },
	};

	if (!boot_tree_is_ram(tree, occupied.image.base, occupied.image.size))
		fatal("the image's place at RAM base + 2 MiB (%#" PRIx64 ") is not RAM",
		      occupied.image.base);
	if (boot_tree_is_ram(tree, tree->initrd_start, tree->initrd_end - tree->initrd_start)) {
		occupied.initrd.base = tree->initrd_start;
		occupied.initrd.size = tree->initrd_end - tree->initrd_start;
	}
	boot_memory_init(tree, blob, &occupied, ram_base);
	return occupied;
}

void run_plan(const struct options *options, struct run *run)
{
	struct boot_occupied occupied;
	uint64_t ram_base;

	run->blob = load_tree(options->file, &run->tree);
	ram_base = boot_tree_ram_base(&run->tree);
	log_attach(collect);
	linted = options->lint ? run : NULL;
	tree_report(&run->tree, run->blob);
	dtlint_tree(&run->tree, run->blob);
	parse_bootargs(options, run);
	if (ram_base >= SZ_4G)
		fatal("%s: no RAM: the device tree has no usable memory below 4 GiB",
		      options->file);
	occupied = fill_memblock(&run->tree, run->blob, ram_base);
	boot_plan_compute(&run->tree, run->blob, ram_base, options->page_offset, &run->plan);
	dtlint_places(&run->tree, run->blob, &occupied, &run->plan);
}

void run_free(struct run *run)
{
	run_messages_clear();
	free(bootargs_copy);
	bootargs_copy = NULL;
	free(run->bootargs);
	free(run->blob);
}
