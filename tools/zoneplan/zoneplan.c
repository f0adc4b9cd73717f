/* SPDX-License-Identifier: MIT */
/*
 * zoneplan: the layout that the firmware would make of a board's device tree, on the desktop.
 *
 * Here: the options. run.c has the firmware's steps, a file each what is printed of them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "live.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "zoneplan: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static void usage(FILE *where, int status)
{
	fprintf(where,
		"usage: zoneplan [--vmsplit 3G|2G|1G] [--bootargs \"...\"] [--json] board.dtb\n"
		"Prints the memory layout that Strata would make of the board, and why.\n"
		"Without --bootargs the tree's own /chosen/bootargs are used.\n"
		"  --lint             what is wrong with the tree; exit status 1 if anything is\n"
		"  --svg FILE         draw it: physical memory beside the kernel's addresses\n"
		"  --live REPORT      what the board uses, from a captured console with a memmap: "
		"a\n"
		"                     table, or with --svg in the picture. Arguments and split "
		"that\n"
		"                     are not given are those of the report's boot log\n"
		"  --compare \"A\" \"B\"  two plans of the tree: what moves, how far and why. A "
		"and B\n"
		"                     are boot arguments; --vmsplit 2G may stand among them\n"
		"  --all-splits       what each split would give the board\n"
		"  --json             for programs; also with --compare and --all-splits\n");
	exit(status);
}

bool split_find(const char **split, uint32_t *page_offset)
{
	static const struct {
		const char *name;
		uint32_t page_offset;
	} splits[] = { { "3G", 0xc0000000 }, { "2G", 0x80000000 }, { "1G", 0x40000000 } };

	for (size_t i = 0; i < ARRAY_SIZE(splits); i++)
		if (strcasecmp(*split, splits[i].name) == 0) {
			*split = splits[i].name;
			*page_offset = splits[i].page_offset;
			return true;
		}
	return false;
}

/* Takes --NAME VALUE and --NAME=VALUE; *at ends on the last word that was used. */
static bool option_value(int argc, char **argv, int *at, const char *name, const char **value)
{
	size_t length = strlen(name);

	if (strncmp(argv[*at], name, length) != 0)
		return false;
	if (argv[*at][length] == '=') {
		*value = argv[*at] + length + 1;
		return true;
	}
	if (argv[*at][length] != '\0' || *at + 1 >= argc)
		return false;
	*value = argv[++*at];
	return true;
}

static void read_options(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			usage(stdout, 0);
		else if (strcmp(argv[i], "--json") == 0)
			options->json = true;
		else if (strcmp(argv[i], "--lint") == 0)
			options->lint = true;
		else if (strcmp(argv[i], "--all-splits") == 0)
			options->all_splits = true;
		else if (strcmp(argv[i], "--compare") == 0 && i + 2 < argc) {
			options->compare[0] = argv[++i];
			options->compare[1] = argv[++i];
		} else if (option_value(argc, argv, &i, "--vmsplit", &options->split) ||
			   option_value(argc, argv, &i, "--bootargs", &options->bootargs) ||
			   option_value(argc, argv, &i, "--svg", &options->svg) ||
			   option_value(argc, argv, &i, "--live", &options->live))
			continue;
		else if (argv[i][0] != '-' && options->file == NULL)
			options->file = argv[i];
		else
			usage(stderr, 2);
	}
	if (options->file == NULL)
		usage(stderr, 2);
	if (options->split != NULL && !split_find(&options->split, &options->page_offset)) {
		fprintf(stderr, "zoneplan: --vmsplit %s: must be 3G, 2G or 1G\n", options->split);
		exit(2);
	}
	/* One question at a time: a picture beside a table would hide which plan it shows. */
	if ((options->svg != NULL) + (options->compare[0] != NULL) + options->all_splits > 1) {
		fprintf(stderr, "zoneplan: --svg, --compare and --all-splits: choose one\n");
		exit(2);
	}
	if (options->live != NULL && (options->compare[0] != NULL || options->all_splits ||
				      options->lint || options->json)) {
		fprintf(stderr, "zoneplan: --live goes with --svg or alone\n");
		exit(2);
	}
}

static void write_svg(const struct options *options, const struct run *run, const struct live *live)
{
	FILE *file = fopen(options->svg, "w");
	bool failed;

	if (file == NULL)
		die("%s: %s", options->svg, strerror(errno));
	draw_svg(options, run, live, file);
	failed = ferror(file) != 0;
	if (fclose(file) != 0 || failed)
		die("%s: could not be written to the end: %s", options->svg, strerror(errno));
}

/* Returns the exit status. */
static int show_one_plan(const struct options *options)
{
	static struct run run;
	int status = 0;

	run_plan(options, &run);
	if (options->svg != NULL)
		write_svg(options, &run, NULL);
	if (options->lint)
		status = print_lint(&run);
	else if (options->json)
		print_json(options, &run);
	else if (options->svg == NULL)
		print_for_people(options, &run);
	run_free(&run);
	return status;
}

static void show_live(const struct options *options, struct live *live)
{
	static struct run run;

	run_plan(options, &run);
	live_settle(live, &run.plan.layout);
	if (options->svg != NULL)
		write_svg(options, &run, live);
	else
		print_live(live);
	run_free(&run);
	live_free(live);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct live live;

	read_options(argc, argv, &options);
	if (options.live != NULL) {
		live_read(options.live, &live);
		live_complete(&live, &options);
	}
	if (options.split == NULL)
		options.split = "3G";
	split_find(&options.split, &options.page_offset);
	if (options.live != NULL)
		show_live(&options, &live);
	else if (options.all_splits)
		print_all_splits(&options);
	else if (options.compare[0] != NULL)
		print_compare(&options);
	else
		return show_one_plan(&options);
	return 0;
}
