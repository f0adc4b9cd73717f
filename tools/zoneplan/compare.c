/* SPDX-License-Identifier: MIT */
/*
 * Two plans of one tree beside each other: for each boundary where it lies in both, how far it
 * moves and why it lies there. Rows are made once; the table and the JSON print the same ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/phys/zone_layout.h"
#include "zoneplan.h"

#define ROWS_MAX     32
#define ABSENT       UINT64_MAX /* an empty zone has no boundaries, no limit has no end */
#define REASON_BYTES 200

enum row_kind { ROW_ADDRESS, ROW_SIZE };

struct row {
	char name[24];
	enum row_kind kind;
	uint64_t at[2];
	char why[2][REASON_BYTES];
};

struct comparison {
	struct outcome side[2];
	struct row rows[ROWS_MAX];
	unsigned int row_count;
};

/* --- rows ------------------------------------------------------------------------------------ */

static struct row *add_row(struct comparison *comparison, enum row_kind kind, const char *name,
			   const char *what)
{
	struct row *row = &comparison->rows[comparison->row_count++];

	row->kind = kind;
	snprintf(row->name, sizeof(row->name), "%s%s%s", name, *what != '\0' ? " " : "", what);
	return row;
}

static void set(struct row *row, unsigned int side, uint64_t at, const char *why)
{
	row->at[side] = at;
	snprintf(row->why[side], REASON_BYTES, "%s", why);
}

static void set_limit(struct row *row, unsigned int side, const struct outcome *outcome)
{
	const struct boot_plan *plan = &outcome->plan;
	bool none = plan->dma.bytes == DMA_LIMIT_NONE;
	char why[REASON_BYTES];

	snprintf(why, sizeof(why), "%s%s", none ? "" : "set by ", outcome->dma_source);
	set(row, side, none ? ABSENT : plan->ram_base + plan->dma.bytes, why);
}

static void set_vmalloc(struct row *bytes, struct row *start, unsigned int side,
			const struct zone_layout *layout)
{
	static const char *const whys[] = {
		[VMALLOC_AS_ASKED] = "vmalloc=, or 240 MiB without it",
		[VMALLOC_RAISED] = "vmalloc= was below the minimum",
		[VMALLOC_LOWERED] = "vmalloc= would leave less than 32 MiB of lowmem",
	};

	set(bytes, side, layout->vmalloc_bytes, whys[layout->vmalloc_outcome]);
	set(start, side, layout->vmalloc_start,
	    "the end of lowmem, a gap of 8 MiB, rounded down to 8 MiB");
}

static void add_limits(struct comparison *comparison)
{
	struct row *split = add_row(comparison, ROW_ADDRESS, "PAGE_OFFSET", "");
	struct row *lowmem = add_row(comparison, ROW_ADDRESS, "lowmem", "end");
	struct row *asked = add_row(comparison, ROW_SIZE, "vmalloc", "asked for");
	struct row *vmalloc = add_row(comparison, ROW_ADDRESS, "vmalloc", "start");
	struct row *dma = add_row(comparison, ROW_ADDRESS, "DMA limit", "");

	for (unsigned int side = 0; side < 2; side++) {
		const struct outcome *outcome = &comparison->side[side];
		const struct boot_plan *plan = &outcome->plan;
		char why[REASON_BYTES];

		snprintf(why, sizeof(why), "VMSPLIT_%s", outcome->split);
		set(split, side, plan->page_offset, why);
		set(lowmem, side, plan->layout.lowmem_end,
		    boot_plan_reason(plan, plan->layout.lowmem_reason));
		set_vmalloc(asked, vmalloc, side, &plan->layout);
		set_limit(dma, side, outcome);
	}
}

static void add_zone(struct comparison *comparison, enum zone_type type)
{
	struct row *start = add_row(comparison, ROW_ADDRESS, zone_names[type], "start");
	struct row *end = add_row(comparison, ROW_ADDRESS, zone_names[type], "end");
	struct row *present = add_row(comparison, ROW_SIZE, zone_names[type], "present");

	for (unsigned int side = 0; side < 2; side++) {
		const struct boot_plan *plan = &comparison->side[side].plan;
		const struct zone_span *zone = &plan->layout.zones[type];
		bool empty = zone->present_pages == 0; /* a span of holes is none */

		set(start, side, empty ? ABSENT : PFN_PHYS(zone->start_pfn),
		    boot_plan_reason(plan, zone->start_reason));
		set(end, side,
		    empty ? ABSENT : PFN_PHYS((uint64_t)zone->start_pfn + zone->spanned_pages),
		    boot_plan_reason(plan, zone->end_reason));
		set(present, side, PFN_PHYS(zone->present_pages), "");
	}
}

static void add_rows(struct comparison *comparison)
{
	add_limits(comparison);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		add_zone(comparison, type);
}

/* --- what the two ask for -------------------------------------------------------------------- */

/* Words of `arguments` that are the planner's own go into *options, the rest into `bootargs`. */
static void read_side(const char *arguments, struct options *options, char *bootargs)
{
	char *copy = strdup(arguments), *word, *rest = copy;
	char *written = bootargs;
	bool split_follows = false;
	static char split[8];

	if (copy == NULL)
		abort();
	while ((word = strsep(&rest, " \t\n")) != NULL) {
		bool glued = strncmp(word, "--vmsplit=", 10) == 0;

		if (*word == '\0')
			continue;
		if (split_follows || glued) {
			snprintf(split, sizeof(split), "%s", glued ? word + 10 : word);
			options->split = split;
			split_follows = false;
		} else if (strcmp(word, "--vmsplit") == 0) {
			split_follows = true;
		} else {
			written += sprintf(written, "%s%s", written == bootargs ? "" : " ", word);
		}
	}
	free(copy);
	if (split_follows || !split_find(&options->split, &options->page_offset))
		die("--compare \"%s\": --vmsplit must be 3G, 2G or 1G", arguments);
	if (written != bootargs)
		options->bootargs = bootargs;
}

static void plan_side(const struct options *options, unsigned int side, struct outcome *outcome)
{
	struct options own = *options;
	char *bootargs = calloc(1, strlen(options->compare[side]) + 1);

	if (bootargs == NULL)
		abort();
	read_side(options->compare[side], &own, bootargs);
	plan_apart(&own, outcome);
	free(bootargs);
}

/* --- printing -------------------------------------------------------------------------------- */

static void print_at(const struct row *row, unsigned int side)
{
	uint64_t at = row->at[side];

	if (at == ABSENT)
		printf("  %13s", "none");
	else if (row->kind == ROW_ADDRESS)
		printf("     0x%08" PRIx64, at);
	else
		printf("  %9" PRIu64 " %s", at % SZ_1M == 0 ? at >> 20 : at >> 10,
		       at % SZ_1M == 0 ? "MiB" : "KiB");
}

static void print_moved(const struct row *row)
{
	uint64_t a = row->at[0], b = row->at[1], by = a < b ? b - a : a - b;
	char text[32];

	if (a == b)
		snprintf(text, sizeof(text), "=");
	else if (a == ABSENT || b == ABSENT)
		snprintf(text, sizeof(text), "%s", a == ABSENT ? "comes" : "goes");
	else
		snprintf(text, sizeof(text), "%c%" PRIu64 " %s", a < b ? '+' : '-',
			 by % SZ_1M == 0 ? by >> 20 : by >> 10, by % SZ_1M == 0 ? "MiB" : "KiB");
	printf("  %12s", text);
}

static void print_why(const struct row *row)
{
	bool moved = row->at[0] != row->at[1];

	if (strcmp(row->why[0], row->why[1]) != 0)
		printf("  A: %s; B: %s", row->why[0], row->why[1]);
	else if (moved && row->why[0][0] != '\0')
		printf("  %s", row->why[0]);
	printf("\n");
}

static void print_table(const struct options *options, const struct comparison *comparison)
{
	printf("%s\n", options->file);
	for (unsigned int side = 0; side < 2; side++)
		printf("  %c: VMSPLIT_%s %s\n", 'A' + side, comparison->side[side].split,
		       comparison->side[side].bootargs);
	printf("\n%-18s  %13s  %13s  %12s  why\n", "", "A", "B", "moved");
	for (unsigned int i = 0; i < comparison->row_count; i++) {
		const struct row *row = &comparison->rows[i];

		printf("%-18s", row->name);
		print_at(row, 0);
		print_at(row, 1);
		print_moved(row);
		print_why(row);
	}
}

static void print_json_string(const char *key, const char *text)
{
	printf("\"%s\": ", key);
	print_json_text(text, strlen(text));
}

static void print_json_at(const char *key, uint64_t at)
{
	if (at == ABSENT)
		printf(", \"%s\": null", key);
	else
		printf(", \"%s\": %" PRIu64, key, at);
}

static void print_json_row(const struct row *row)
{
	print_json_string("name", row->name);
	printf(", \"unit\": \"%s\"", row->kind == ROW_ADDRESS ? "address" : "bytes");
	print_json_at("a", row->at[0]);
	print_json_at("b", row->at[1]);
	if (row->at[0] == ABSENT || row->at[1] == ABSENT)
		printf(", \"moved_bytes\": %s", row->at[0] == row->at[1] ? "0" : "null");
	else
		printf(", \"moved_bytes\": %" PRId64, (int64_t)(row->at[1] - row->at[0]));
	printf(", ");
	print_json_string("a_reason", row->why[0]);
	printf(", ");
	print_json_string("b_reason", row->why[1]);
}

static void print_json_side(const char *key, const struct outcome *outcome)
{
	printf("  \"%s\": {", key);
	print_json_string("vmsplit", outcome->split);
	printf(", ");
	print_json_string("bootargs", outcome->bootargs);
	printf("},\n");
}

static void print_rows_json(const struct comparison *comparison)
{
	printf("{\n");
	print_json_side("a", &comparison->side[0]);
	print_json_side("b", &comparison->side[1]);
	printf("  \"rows\": [");
	for (unsigned int i = 0; i < comparison->row_count; i++) {
		printf("%s\n    {", i == 0 ? "" : ",");
		print_json_row(&comparison->rows[i]);
		printf("}");
	}
	printf("]\n}\n");
}

void print_compare(const struct options *options)
{
	static struct comparison comparison;

	for (unsigned int side = 0; side < 2; side++) {
		struct outcome *outcome = &comparison.side[side];

		plan_side(options, side, outcome);
		if (outcome->stopped)
			die("%c: the firmware would stop: %s", 'A' + side, outcome->why);
	}
	add_rows(&comparison);
	if (options->json)
		print_rows_json(&comparison);
	else
		print_table(options, &comparison);
}
