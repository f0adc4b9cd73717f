/* SPDX-License-Identifier: MIT */
/*
 * What the planner's files share: the call's options and one run of the firmware's steps.
 */
#ifndef STRATA_ZONEPLAN_H
#define STRATA_ZONEPLAN_H

#include <stdio.h>

#include "boot/early/tree.h"
#include "boot/plan.h"

/* What the firmware's image takes, rounded up: mem= may not exclude it. */
#define NOMINAL_IMAGE_BYTES (256U * SZ_1K)

struct options {
	const char *split; /* "3G"; NULL while nothing has said which */
	uint32_t page_offset;
	const char *bootargs; /* NULL: the tree's own */
	bool json;
	bool lint;
	const char *file;
	const char *svg;        /* NULL: draw nothing */
	const char *live;       /* NULL: no report of a board's use */
	const char *compare[2]; /* NULL: compare nothing */
	bool all_splits;
};

/* What is wrong with the call, not with the board: said, and the end of the program. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* False when there is no such split. Also in lower case; *split becomes the name as Linux has it. */
bool split_find(const char **split, uint32_t *page_offset);

/* --- run.c: the firmware's steps, once a process: memblock cannot be emptied ----------------- */

struct run {
	struct boot_tree tree;
	struct boot_plan plan;
	void *blob;
	char *bootargs; /* as used, whole; the plan points into another copy */
};

/* Run them. Where the firmware would stop, the process ends after the log so far. */
void run_plan(const struct options *options, struct run *run);
void run_free(struct run *run);

/* The whole file and a NUL behind it, to be freed; one that cannot be read ends the program. */
void *read_file(const char *name, size_t *bytes, const char *remedy);

/* From now on fatal() calls this with its text, before it prints or ends anything. */
void run_on_stop(void (*hook)(const char *why));

/* What the firmware would have logged so far; NULL: nothing. */
const char *run_messages(void);
void run_messages_clear(void);

/* --- apart.c: one plan in a process of its own ----------------------------------------------- */

struct outcome {
	bool stopped; /* the firmware would stop; the plan is meaningless */
	char why[256];
	char split[4];
	char bootargs[512];
	char dma_source[160];
	struct boot_plan plan; /* its pointers into boot arguments are not valid here */
};

/* The call itself being wrong (no such file, ...) ends the program, as with run_plan. */
void plan_apart(const struct options *options, struct outcome *outcome);

/* --- what is printed, a file each ------------------------------------------------------------ */

void print_for_people(const struct options *options, const struct run *run);
void print_json(const struct options *options, const struct run *run);
void print_json_text(const char *text, size_t bytes);
/* What is wrong with the tree, a line each. Returns whether anything is. */
bool print_lint(const struct run *run);
void print_json_findings(const struct run *run);
void print_compare(const struct options *options);
void print_all_splits(const struct options *options);
struct live;
/* With the use that `live` reports, unless it is NULL. */
void draw_svg(const struct options *options, const struct run *run, const struct live *live,
	      FILE *file);

#endif
