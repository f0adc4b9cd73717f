/* SPDX-License-Identifier: MIT */
/*
 * zoneplan: the layout that the firmware would make of a board's device tree, on the desktop.
 *
 * Everything that decides is the firmware's own source: the tree's walk, the boot parameters,
 * memblock, the zone layout. This file reads a file, calls them in the firmware's order and prints.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arch/linear.h"
#include "boot/dtlint.h"
#include "boot/memory.h"
#include "boot/plan.h"
#include "boot/tree_report.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "kern/param.h"
#include "mm/phys/memblock.h"

/* What the firmware's image takes, rounded up: mem= may not exclude it. */
#define NOMINAL_IMAGE_BYTES (256U * SZ_1K)

/* memblock hands out addresses only; nothing is ever read through them here. */
uintptr_t linear_offset;

/* Parsers may point into it, so it lives as long as the program. */
static char *bootargs_copy;

struct options {
	const char *split; /* "3G" */
	uint32_t page_offset;
	const char *bootargs; /* NULL: the tree's own */
	bool json;
	bool lint;
	const char *file;
};

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

/* What is wrong with the call, not with the board. */
static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "zoneplan: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* --- findings -------------------------------------------------------------------------------- */

/* Known as soon as the tree is read: where the firmware would stop there are findings as well. */
static struct boot_tree tree;
static const void *linted_blob;
static bool lint_wanted;

static void print_finding(const struct finding *finding, const void *blob, void *context)
{
	char line[FINDING_LINE_MAX];

	(void)context;
	finding_line(finding, blob, line, sizeof(line));
	printf("%s\n", line);
}

static bool lint(void)
{
	return dtlint_judge(&tree, linted_blob, print_finding, NULL) != 0;
}

/* Where the firmware would stop the planner stops too, after what the boot log would have said. */
void fatal(const char *format, ...)
{
	va_list args;

	if (lint_wanted)
		lint();
	else if (messages != NULL)
		fprintf(stderr, "%s", messages);
	va_start(args, format);
	fprintf(stderr, "zoneplan: the firmware would stop: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* The shell's parameter, which means nothing here but is not unknown either. */
static const char *parse_run(const char *value)
{
	return value == NULL || *value == '\0' ? "expects commands" : NULL;
}

BOOT_PARAM(run, parse_run, "\"COMMAND;...\"", "commands to run before the prompt");

/* --- the firmware's steps -------------------------------------------------------------------- */

static void *read_file(const char *name, size_t *bytes)
{
	FILE *file = fopen(name, "rb");
	uint8_t *content = NULL;
	size_t room = 0, got;

	*bytes = 0;
	if (file == NULL)
		die("%s: %s; name a compiled tree (.dtb)", name, strerror(errno));
	do {
		room += SZ_1M;
		content = realloc(content, room);
		if (content == NULL)
			abort();
		got = fread(content + *bytes, 1, room - *bytes, file);
		*bytes += got;
	} while (*bytes == room);
	fclose(file);
	return content;
}

/* A header that promises more than the file has would be read past the end. */
static void *load_tree(const char *name, struct boot_tree *tree)
{
	size_t bytes;
	uint8_t *blob = read_file(name, &bytes);

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

static void parse_bootargs(const struct options *options, const struct boot_tree *tree,
			   const void *blob)
{
	const char *text = options->bootargs;
	size_t length = 0;

	if (text != NULL) {
		length = strlen(text);
	} else if (tree->bootargs.bytes != 0) {
		text = (const char *)blob + tree->bootargs.offset;
		length = strnlen(text, tree->bootargs.bytes);
	}
	bootargs_copy = calloc(1, length + 1);
	if (bootargs_copy == NULL)
		abort();
	if (length != 0)
		memcpy(bootargs_copy, text, length);
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

static void *make_plan(const struct options *options, struct boot_plan *plan)
{
	void *blob = load_tree(options->file, &tree);
	uint64_t ram_base = boot_tree_ram_base(&tree);
	struct boot_occupied occupied;

	log_attach(collect);
	linted_blob = blob;
	lint_wanted = options->lint;
	tree_report(&tree, blob);
	dtlint_tree(&tree, blob);
	parse_bootargs(options, &tree, blob);
	if (ram_base >= SZ_4G)
		fatal("%s: no RAM: the device tree has no usable memory below 4 GiB",
		      options->file);
	occupied = fill_memblock(&tree, blob, ram_base);
	boot_plan_compute(&tree, blob, ram_base, options->page_offset, plan);
	dtlint_places(&tree, blob, &occupied, plan);
	return blob;
}

/* --- printing -------------------------------------------------------------------------------- */

static void print_json_text(const char *text, size_t bytes)
{
	putchar('"');
	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '"' || byte == '\\')
			printf("\\%c", byte);
		else if (byte < ' ' || byte > '~')
			printf("\\u%04x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

static void print_json_messages(void)
{
	const char *line = messages, *end;

	printf("[");
	while (line != NULL && (end = strchr(line, '\n')) != NULL) {
		printf("%s\n    ", line == messages ? "" : ",");
		print_json_text(line, (size_t)(end - line));
		line = end + 1;
	}
	printf("]");
}

static void print_json_finding(const struct finding *finding, const void *blob, void *context)
{
	bool *first = context;
	char line[FINDING_LINE_MAX];

	finding_line(finding, blob, line, sizeof(line));
	printf("%s\n    ", *first ? "" : ",");
	print_json_text(line, strlen(line));
	*first = false;
}

static void print_json_findings(void)
{
	bool first = true;

	printf("[");
	dtlint_judge(&tree, linted_blob, print_json_finding, &first);
	printf("]");
}

static void print_json_reason(const struct boot_plan *plan, const char *key,
			      enum layout_reason reason)
{
	const char *text = boot_plan_reason(plan, reason);

	printf(", \"%s\": ", key);
	print_json_text(text, strlen(text));
}

static void print_json_zones(const struct boot_plan *plan, bool populated)
{
	bool first = true;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &plan->layout.zones[type];

		if ((zone->present_pages != 0) != populated)
			continue;
		printf("%s\n    {\"name\": \"%s\", \"start_pfn\": %" PRIu32
		       ", \"spanned_pages\": %" PRIu32 ", \"present_pages\": %" PRIu32,
		       first ? "" : ",", zone_names[type], zone->start_pfn, zone->spanned_pages,
		       zone->present_pages);
		print_json_reason(plan, "start_reason", zone->start_reason);
		print_json_reason(plan, "end_reason", zone->end_reason);
		printf("}");
		first = false;
	}
}

static void print_json(const struct options *options, const struct boot_plan *plan,
		       const void *blob)
{
	const struct zone_layout *layout = &plan->layout;
	const char *source = boot_plan_dma_source(plan, blob);

	printf("{\n  \"vmsplit\": \"%s\",\n  \"page_offset\": %" PRIu32 ",\n", options->split,
	       plan->page_offset);
	printf("  \"ram_base\": %" PRIu64 ",\n  \"lowmem_end\": %" PRIu64, plan->ram_base,
	       layout->lowmem_end);
	print_json_reason(plan, "lowmem_reason", layout->lowmem_reason);
	printf(",\n  \"vmalloc_start\": %" PRIu32 ",\n  \"vmalloc_end\": %" PRIu32
	       ",\n  \"vmalloc_bytes\": %" PRIu64 ",\n",
	       layout->vmalloc_start, VMALLOC_END, layout->vmalloc_bytes);
	printf("  \"dma_limit_bytes\": ");
	if (plan->dma.bytes == DMA_LIMIT_NONE)
		printf("null");
	else
		printf("%" PRIu64, plan->dma.bytes);
	printf(", \"dma_limit_source\": ");
	print_json_text(source, strlen(source));
	printf(",\n  \"zones\": [");
	print_json_zones(plan, true);
	printf("],\n  \"empty_zones\": [");
	print_json_zones(plan, false);
	printf("],\n  \"movable_start_pfn\": %" PRIu32 ",\n  \"messages\": ",
	       layout->movable_start_pfn);
	print_json_messages();
	printf(",\n  \"findings\": ");
	print_json_findings();
	printf("\n}\n");
}

static void print_size(uint64_t bytes)
{
	if (bytes % SZ_1M == 0)
		printf("%6" PRIu64 " MiB", bytes >> 20);
	else
		printf("%6" PRIu64 " KiB", bytes >> 10);
}

static void print_zone(const struct boot_plan *plan, enum zone_type type)
{
	const struct zone_span *zone = &plan->layout.zones[type];
	uint64_t start = PFN_PHYS(zone->start_pfn);
	uint64_t end = start + PFN_PHYS(zone->spanned_pages);

	if (zone->spanned_pages == 0) {
		printf("  %-8s  empty\n", zone_names[type]);
		return;
	}
	printf("  %-8s  0x%08" PRIx64 "-0x%08" PRIx64 "  ", zone_names[type], start, end - 1);
	print_size(PFN_PHYS(zone->present_pages));
	printf(" present");
	if (zone->present_pages != zone->spanned_pages) {
		printf(", ");
		print_size(PFN_PHYS(zone->spanned_pages - zone->present_pages));
		printf(" of holes");
	}
	printf("\n            from: %s\n              to: %s\n",
	       boot_plan_reason(plan, zone->start_reason),
	       boot_plan_reason(plan, zone->end_reason));
}

static void print_line(const char *text, size_t bytes)
{
	fwrite(text, 1, bytes, stdout);
}

static void print_for_people(const struct options *options, const struct boot_plan *plan,
			     const void *blob)
{
	const struct zone_layout *layout = &plan->layout;

	printf("%s with VMSPLIT_%s\n\n", options->file, options->split);
	printf("RAM base    0x%08" PRIx64 "  (the lowest memory bank, rounded up to 2 MiB)\n",
	       plan->ram_base);
	printf("lowmem end  0x%08" PRIx64 "  ", layout->lowmem_end);
	print_size(layout->lowmem_end - plan->ram_base);
	printf(": %s\n", boot_plan_reason(plan, layout->lowmem_reason));
	printf("vmalloc     0x%08" PRIx32 "-0x%08" PRIx32 "\n", layout->vmalloc_start,
	       VMALLOC_END - 1);
	printf("DMA limit   ");
	if (plan->dma.source != DMA_LIMIT_FROM_NOTHING) {
		print_size(plan->dma.bytes);
		printf(" from the RAM base, set by ");
	}
	printf("%s\n\nZones\n", boot_plan_dma_source(plan, blob));
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		print_zone(plan, type);
	if (messages != NULL)
		printf("\nThe boot log would say\n%s", messages);
	free(messages);
	messages = NULL;
	message_bytes = 0;
	boot_plan_log_addresses(plan);
	printf("\n");
	print_line(messages, message_bytes);
}

/* --- options --------------------------------------------------------------------------------- */

static void usage(FILE *where, int status)
{
	fprintf(where,
		"usage: zoneplan [--vmsplit 3G|2G|1G] [--bootargs \"...\"] [--json|--lint] "
		"board.dtb\n"
		"Prints the memory layout that Strata would make of the board, and why.\n"
		"--lint: what is wrong with the tree instead; exit status 1 if anything is.\n"
		"Without --bootargs the tree's own /chosen/bootargs are used.\n");
	exit(status);
}

/* Also in lower case; *split becomes the name as Linux writes it. */
static uint32_t page_offset_of(const char **split)
{
	static const struct {
		const char *name;
		uint32_t page_offset;
	} splits[] = { { "3G", 0xc0000000 }, { "2G", 0x80000000 }, { "1G", 0x40000000 } };

	for (size_t i = 0; i < ARRAY_SIZE(splits); i++)
		if (strcasecmp(*split, splits[i].name) == 0) {
			*split = splits[i].name;
			return splits[i].page_offset;
		}
	fprintf(stderr, "zoneplan: --vmsplit %s: must be 3G, 2G or 1G\n", *split);
	exit(2);
}

static void read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc;

		if (strcmp(argv[i], "--help") == 0)
			usage(stdout, 0);
		else if (strcmp(argv[i], "--json") == 0)
			options->json = true;
		else if (strcmp(argv[i], "--lint") == 0)
			options->lint = true;
		else if (strcmp(argv[i], "--vmsplit") == 0 && has_value)
			options->split = argv[++i];
		else if (strncmp(argv[i], "--vmsplit=", 10) == 0)
			options->split = argv[i] + 10;
		else if (strncmp(argv[i], "--bootargs=", 11) == 0)
			options->bootargs = argv[i] + 11;
		else if (strcmp(argv[i], "--bootargs") == 0 && has_value)
			options->bootargs = argv[++i];
		else if (argv[i][0] != '-' && options->file == NULL)
			options->file = argv[i];
		else
			usage(stderr, 2);
	}
	if (options->file == NULL)
		usage(stderr, 2);
	options->page_offset = page_offset_of(&options->split);
}

int main(int argc, char **argv)
{
	struct options options = { .split = "3G" };
	int status = 0;
	static struct boot_plan plan;
	void *blob;

	read_options(argc, argv, &options);
	blob = make_plan(&options, &plan);
	if (options.lint)
		status = lint();
	else if (options.json)
		print_json(&options, &plan, blob);
	else
		print_for_people(&options, &plan, blob);
	free(messages);
	free(bootargs_copy);
	free(blob);
	return status;
}
