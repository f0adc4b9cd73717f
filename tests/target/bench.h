/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks on the target: executed instructions of single calls, under -icount shift=0.
 *
 *	BENCH(pages, hot) { ... bench_begin(&row); BENCH_MEASURE(&row, page = alloc_page(gfp)); ... }
 *
 * What a sample contains is what facts of other systems contain (tests/peers.json): the arguments'
 * moves, the call, the function, the move of its result; one is subtracted for the counter's own read.
 * `bench SUITE` prints one line a row; tools/bench.py reads them.
 */
#ifndef STRATA_TESTS_TARGET_BENCH_H
#define STRATA_TESTS_TARGET_BENCH_H

#include "arch/counter.h"
#include "lib/table.h"
#include "lib/types.h"

struct bench {
	const char *suite;
	const char *name;
	void (*run)(void);
};

TABLE_DECLARE(struct bench, benches);

#define BENCH(suite_, name_)                                                   \
	static void bench_##suite_##_##name_(void);                            \
	TABLE_ENTRY(struct bench, benches, bench_entry_##suite_##_##name_) = { \
		.suite = #suite_,                                              \
		.name = #name_,                                                \
		.run = bench_##suite_##_##name_,                               \
	};                                                                     \
	static void bench_##suite_##_##name_(void)

/* Samples of up to this many instructions are counted one by one; above, all stand for the largest. */
#define BENCH_EXACT 8192U

struct bench_row {
	uint32_t samples, min, max;
	uint64_t sum;
	uint32_t counts[BENCH_EXACT]; /* how many samples had each value */
};

/* Rows have no place in the image: they come from the page allocator. NULL: no memory. */
struct bench_row *bench_row_new(void);
void bench_row_free(struct bench_row *row);

void bench_begin(struct bench_row *row);

static inline void bench_note(struct bench_row *row, uint32_t instructions)
{
	row->samples++;
	row->sum += instructions;
	row->counts[instructions < BENCH_EXACT ? instructions : BENCH_EXACT - 1]++;
	if (instructions < row->min)
		row->min = instructions;
	if (instructions > row->max)
		row->max = instructions;
}

#define BENCH_MEASURE(row, statement)                                \
	do {                                                         \
		uint32_t bench_start_ = cycle_counter(), bench_end_; \
		statement;                                           \
		bench_end_ = cycle_counter();                        \
		bench_note(row, bench_end_ - bench_start_ - 1);      \
	} while (0)

/* "bench TEST.CALL n=... mean=... min=... p50=... p99=... p999=... max=...", if there are samples. */
void bench_print(const struct bench_row *row, const char *test, const char *call);

/* The same of two rows' samples together. */
void bench_print_both(const struct bench_row *first, const struct bench_row *second,
		      const char *test, const char *call);

/* "bench-fact TEST.NAME VALUE" */
void bench_fact(const char *test, const char *name, uint64_t value);

/* The generator and the seed of all recorded traces: xorshift32. */
#define BENCH_SEED 2463534242U

static inline uint32_t bench_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
