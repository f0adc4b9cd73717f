/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <inttypes.h>
#include <string.h>

#include "mm/phys/page_alloc.h"
#include "shell/command.h"

struct bench_row *bench_row_new(void)
{
	return (struct bench_row *)__get_free_pages(GFP_KERNEL,
						    get_order(sizeof(struct bench_row)));
}

void bench_row_free(struct bench_row *row)
{
	free_pages((uintptr_t)row, get_order(sizeof(*row)));
}

void bench_begin(struct bench_row *row)
{
	memset(row, 0, sizeof(*row));
	row->min = UINT32_MAX;
}

/* The smallest value that so many thousandths of the samples do not exceed. */
static uint32_t quantile(const struct bench_row *row, uint32_t thousandths)
{
	uint64_t wanted = ((uint64_t)row->samples * thousandths + 999) / 1000, seen = 0;

	for (uint32_t value = 0; value < BENCH_EXACT - 1; value++) {
		seen += row->counts[value];
		if (seen >= wanted)
			return value;
	}
	return row->max;
}

void bench_print(const struct bench_row *row, const char *test, const char *call)
{
	uint64_t mean_thousandths;

	if (row->samples == 0)
		return;
	mean_thousandths = (row->sum * 1000 + row->samples / 2) / row->samples;
	console_printf("bench %s.%s n=%" PRIu32 " mean=%" PRIu64 ".%03u min=%" PRIu32
		       " p50=%" PRIu32 " p99=%" PRIu32 " p999=%" PRIu32 " max=%" PRIu32 "\n",
		       test, call, row->samples, mean_thousandths / 1000,
		       (unsigned int)(mean_thousandths % 1000), row->min, quantile(row, 500),
		       quantile(row, 990), quantile(row, 999), row->max);
}

void bench_print_both(const struct bench_row *first, const struct bench_row *second,
		      const char *test, const char *call)
{
	struct bench_row *both = bench_row_new();

	if (both == NULL)
		return;
	*both = *first;
	both->samples += second->samples;
	both->sum += second->sum;
	if (second->min < both->min)
		both->min = second->min;
	if (second->max > both->max)
		both->max = second->max;
	for (uint32_t value = 0; value < BENCH_EXACT; value++)
		both->counts[value] += second->counts[value];
	bench_print(both, test, call);
	bench_row_free(both);
}

void bench_fact(const char *test, const char *name, uint64_t value)
{
	console_printf("bench-fact %s.%s %" PRIu64 "\n", test, name, value);
}

static void bench(int argc, char **argv)
{
	const struct bench *entry;
	unsigned int ran = 0;

	cycle_counter_start();
	for_each_table_entry(entry, benches) {
		if (argc > 1 && strcmp(argv[1], entry->suite) != 0)
			continue;
		entry->run();
		ran++;
	}
	if (ran == 0)
		console_printf("bench: no suite named %s\n", argv[1]);
}

static void complete_bench(struct word_completion *completion)
{
	const struct bench *entry;

	if (completion->argument != 1)
		return;
	for_each_table_entry(entry, benches)
		completion_offer(completion, entry->suite);
}

SHELL_COMMAND_COMPLETED(bench, bench, "[SUITE]",
			"count the instructions of calls; right under make bench only",
			complete_bench);
