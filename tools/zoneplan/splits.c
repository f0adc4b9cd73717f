/* SPDX-License-Identifier: MIT */
/*
 * What each split would give a board, as a table, with a sentence of advice where one is clear.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mm/phys/zone_layout.h"
#include "zoneplan.h"

#define SPLITS 3

struct split_result {
	struct outcome outcome;
	uint64_t zone_bytes[MAX_NR_ZONES]; /* present */
	uint64_t lowmem_bytes;             /* present, below the end of lowmem */
	uint64_t highmem_bytes;
	uint64_t vmalloc_area_bytes;
};

static void sum_up(struct split_result *result)
{
	const struct zone_layout *layout = &result->outcome.plan.layout;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &layout->zones[type];
		uint64_t bytes = PFN_PHYS(zone->present_pages);

		/* No zone lies across the end of lowmem: Movable is cut from one zone. */
		result->zone_bytes[type] = bytes;
		if (PFN_PHYS(zone->start_pfn) < layout->lowmem_end)
			result->lowmem_bytes += bytes;
		else
			result->highmem_bytes += bytes;
	}
	if (layout->vmalloc_start < VMALLOC_END)
		result->vmalloc_area_bytes = VMALLOC_END - layout->vmalloc_start;
}

static void plan_splits(const struct options *options, struct split_result *results)
{
	static const char *const names[SPLITS] = { "3G", "2G", "1G" };

	for (unsigned int i = 0; i < SPLITS; i++) {
		struct options own = *options;

		own.split = names[i];
		split_find(&own.split, &own.page_offset);
		plan_apart(&own, &results[i].outcome);
		if (!results[i].outcome.stopped)
			sum_up(&results[i]);
	}
}

/* --- advice ---------------------------------------------------------------------------------- */

static uint64_t mib(uint64_t bytes)
{
	return bytes / SZ_1M;
}

/* The first split, from the one that leaves most to programs, that maps all RAM; NULL: none. */
static const struct split_result *first_without_highmem(const struct split_result *results)
{
	for (unsigned int i = 0; i < SPLITS; i++)
		if (!results[i].outcome.stopped && results[i].highmem_bytes == 0)
			return &results[i];
	return NULL;
}

/* 1G has the most lowmem: an argument that cuts that one short cuts it short in every split. */
static bool is_cut_by_argument(const struct split_result *result)
{
	const struct zone_layout *layout = &result->outcome.plan.layout;

	return layout->lowmem_end < layout->lowmem_most_end;
}

static void advise(const struct split_result *results, char *advice, size_t bytes)
{
	const struct split_result *enough = first_without_highmem(results);
	const struct split_result *least = &results[SPLITS - 1];

	*advice = '\0';
	for (unsigned int i = 0; i < SPLITS; i++)
		if (results[i].outcome.stopped)
			return;
	if (is_cut_by_argument(least))
		snprintf(advice, bytes,
			 "%s keeps RAM out of lowmem in every split; leave it out to choose one.",
			 least->outcome.plan.lowmem_asked);
	else if (enough == NULL)
		snprintf(advice, bytes,
			 "No split maps all RAM: even %s leaves %" PRIu64 " MiB to highmem.",
			 least->outcome.split, mib(least->highmem_bytes));
	else if (enough == results)
		snprintf(advice, bytes,
			 "%.3s: all RAM is lowmem; another split only takes addresses from "
			 "programs.",
			 enough->outcome.split);
	else
		snprintf(advice, bytes,
			 "%s: all RAM is lowmem; %s would leave %" PRIu64 " MiB to highmem.",
			 enough->outcome.split, enough[-1].outcome.split,
			 mib(enough[-1].highmem_bytes));
}

/* --- printing -------------------------------------------------------------------------------- */

static void print_bytes(uint64_t bytes)
{
	if (bytes % SZ_1M == 0)
		printf("  %8" PRIu64 " MiB", mib(bytes));
	else
		printf("  %8" PRIu64 " KiB", bytes >> 10);
}

/* A row of the table: the value at `offset` of each split's result. */
static void print_row(const struct split_result *results, const char *name, size_t offset)
{
	printf("  %-14s", name);
	for (unsigned int i = 0; i < SPLITS; i++)
		if (results[i].outcome.stopped)
			printf("  %12s", "stops");
		else
			print_bytes(*(const uint64_t *)((const char *)&results[i] + offset));
	printf("\n");
}

static void print_table(const struct options *options, const struct split_result *results,
			const char *advice)
{
	printf("%s\n\n  %-14s", options->file, "");
	for (unsigned int i = 0; i < SPLITS; i++)
		printf("  %12s", results[i].outcome.split);
	printf("\n");
	print_row(results, "lowmem", offsetof(struct split_result, lowmem_bytes));
	print_row(results, "highmem", offsetof(struct split_result, highmem_bytes));
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		char name[16];

		snprintf(name, sizeof(name), "zone %s", zone_names[type]);
		print_row(results, name,
			  offsetof(struct split_result, zone_bytes) + type * sizeof(uint64_t));
	}
	print_row(results, "vmalloc area", offsetof(struct split_result, vmalloc_area_bytes));
	for (unsigned int i = 0; i < SPLITS; i++)
		if (results[i].outcome.stopped)
			printf("\n%s: the firmware would stop: %s", results[i].outcome.split,
			       results[i].outcome.why);
	printf("\n%s%s", advice, *advice != '\0' ? "\n" : "");
}

static void print_split_json(const struct split_result *result)
{
	if (result->outcome.stopped) {
		printf("\"stops\": ");
		print_json_text(result->outcome.why, strlen(result->outcome.why));
		return;
	}
	printf("\"lowmem_bytes\": %" PRIu64 ", \"highmem_bytes\": %" PRIu64
	       ", \"vmalloc_area_bytes\": %" PRIu64 ", \"zones\": {",
	       result->lowmem_bytes, result->highmem_bytes, result->vmalloc_area_bytes);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		printf("%s\"%s\": %" PRIu64, type == 0 ? "" : ", ", zone_names[type],
		       result->zone_bytes[type]);
	printf("}");
}

static void print_splits_json(const struct split_result *results, const char *advice)
{
	printf("{\n  \"splits\": [");
	for (unsigned int i = 0; i < SPLITS; i++) {
		printf("%s\n    {\"vmsplit\": \"%s\", ", i == 0 ? "" : ",",
		       results[i].outcome.split);
		print_split_json(&results[i]);
		printf("}");
	}
	printf("],\n  \"advice\": ");
	print_json_text(advice, strlen(advice));
	printf("\n}\n");
}

void print_all_splits(const struct options *options)
{
	static struct split_result results[SPLITS];
	char advice[160];

	plan_splits(options, results);
	advise(results, advice, sizeof(advice));
	if (options->json)
		print_splits_json(results, advice);
	else
		print_table(options, results, advice);
}
