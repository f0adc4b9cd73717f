/* SPDX-License-Identifier: MIT */
/*
 * dmatest: is what a DMA device copies what was meant? As Linux's module of that name: threads that copy
 * between random places of their buffers, painted before and looked at afterwards, guards on both sides
 * included, and a line of sums at the end in Linux's format.
 *
 * Buffers come from every zone, so some are mapped as they are and some bounced; half of the copies are
 * scatter lists. A seed gives the same copies again, in the same order under -icount.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arch/cache.h"
#include "drivers/dma/simdma.h"
#include "kern/clock.h"
#include "kern/thread.h"
#include "lib/size.h"
#include "mm/obj/slab.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/kmap.h"
#include "shell/command.h"

#define THREADS_MOST    8U
#define ITERATIONS_MOST 1000000U
#define BUFFER_ORDER    2U /* Linux's test_buf_size, 16 KiB */
#define BUFFER_BYTES    (PAGE_SIZE << BUFFER_ORDER)
#define PIECES_MOST     4U
#define LOOK_MS         20U            /* how often the console is looked at */
#define TIMEOUT_NS      (3 * NS_PER_S) /* Linux's */

struct options {
	uint32_t iterations, threads, seed;
};

/* Where buffers are, one each way. Some machines have no such zone, and a request goes lower. */
static const gfp_t kinds[] = { GFP_DMA, GFP_KERNEL, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE };

#define KINDS ARRAY_SIZE(kinds)

struct worker {
	struct simdma *simdma;
	struct thread *thread;
	char name[THREAD_NAME_BYTES];
	uint32_t iterations, random;
	struct page *from[KINDS], *to[KINDS]; /* NULL: there is no memory of that kind */
	uint32_t tests, failures;
	uint64_t bytes, copying_ns;
	int status; /* why it stopped early */
	bool ended;
};

/* One copy, and what became of it. */
struct copy {
	struct page *from, *to;
	uint32_t from_at, to_at, bytes, pieces; /* pieces: at most, on either side */
};

/* --- what bytes should be ------------------------------------------------------------------------ */

/* The upper bits say whose a byte is, the lower ones where it belongs. */
enum paint { PAINT_GUARD = 0x20, PAINT_SOURCE = 0x80, PAINT_OLD = 0x40, PAINT_PLACE = 0x1f };

static uint8_t painted(enum paint paint, uint32_t place)
{
	return (uint8_t)(paint | ((place ^ place >> 5 ^ place >> 10) & PAINT_PLACE));
}

static void paint(struct page *page, uint32_t at, uint32_t end, enum paint paint, uint32_t place)
{
	while (at < end) {
		uint32_t stop = (uint32_t)min_u64(end, ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE);
		uint8_t *window = kmap_local_page(page + at / PAGE_SIZE);

		for (; at < stop; at++)
			window[at % PAGE_SIZE] = painted(paint, place++);
		kunmap_local(window);
	}
}

/* How many bytes are not as painted. */
static uint32_t count_wrong(struct page *page, uint32_t at, uint32_t end, enum paint paint,
			    uint32_t place)
{
	uint32_t wrong = 0;

	while (at < end) {
		uint32_t stop = (uint32_t)min_u64(end, ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE);
		const uint8_t *window = kmap_local_page(page + at / PAGE_SIZE);

		for (; at < stop; at++)
			wrong += window[at % PAGE_SIZE] != painted(paint, place++);
		kunmap_local(window);
	}
	return wrong;
}

static void paint_all(const struct copy *copy)
{
	uint32_t from_end = copy->from_at + copy->bytes, to_end = copy->to_at + copy->bytes;

	paint(copy->from, 0, copy->from_at, PAINT_GUARD, 0);
	paint(copy->from, copy->from_at, from_end, PAINT_SOURCE, 0);
	paint(copy->from, from_end, BUFFER_BYTES, PAINT_GUARD, from_end);
	paint(copy->to, 0, copy->to_at, PAINT_GUARD, 0);
	paint(copy->to, copy->to_at, to_end, PAINT_OLD, 0);
	paint(copy->to, to_end, BUFFER_BYTES, PAINT_GUARD, to_end);
}

static uint32_t count_all_wrong(const struct copy *copy)
{
	uint32_t from_end = copy->from_at + copy->bytes, to_end = copy->to_at + copy->bytes;

	return count_wrong(copy->from, 0, copy->from_at, PAINT_GUARD, 0) +
	       count_wrong(copy->from, copy->from_at, from_end, PAINT_SOURCE, 0) +
	       count_wrong(copy->from, from_end, BUFFER_BYTES, PAINT_GUARD, from_end) +
	       count_wrong(copy->to, 0, copy->to_at, PAINT_GUARD, 0) +
	       count_wrong(copy->to, copy->to_at, to_end, PAINT_SOURCE, 0) +
	       count_wrong(copy->to, to_end, BUFFER_BYTES, PAINT_GUARD, to_end);
}

/* --- one copy ------------------------------------------------------------------------------------ */

/* Marsaglia's xorshift: never 0. */
static uint32_t roll(struct worker *worker, uint32_t below)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 17;
	worker->random ^= worker->random << 5;
	return worker->random % below;
}

static struct page *choose(struct worker *worker, struct page *const *buffers)
{
	uint32_t kind = roll(worker, KINDS);

	while (buffers[kind] == NULL)
		kind = (kind + 1) % KINDS;
	return buffers[kind];
}

static void choose_copy(struct worker *worker, struct copy *copy)
{
	uint32_t most = (uint32_t)min_u64(BUFFER_BYTES, dma_max_mapping_size(worker->simdma->dma));

	copy->from = choose(worker, worker->from);
	copy->to = choose(worker, worker->to);
	copy->bytes = 1 + roll(worker, most);
	copy->from_at = roll(worker, BUFFER_BYTES - copy->bytes + 1);
	copy->to_at = roll(worker, BUFFER_BYTES - copy->bytes + 1);
	copy->pieces = roll(worker, 2) == 0 ? 1 : 2 + roll(worker, PIECES_MOST - 1);
}

/* Cut at random, at multiples of `grain`; how many pieces, at most so many. */
static uint32_t cut(struct worker *worker, struct scatterlist *list, uint32_t most,
		    struct page *page, uint32_t at, uint32_t bytes, uint32_t grain)
{
	uint32_t count = 0;

	while (bytes != 0) {
		uint32_t end = at + bytes, cut_at = ALIGN_UP(at + 1 + roll(worker, bytes), grain);

		if (++count < most)
			end = (uint32_t)min_u64(end, cut_at);
		sg_set_page(list++, page + at / PAGE_SIZE, end - at, at % PAGE_SIZE);
		bytes -= end - at;
		at = end;
	}
	return count;
}

static int make_copy(struct worker *worker, const struct copy *copy)
{
	struct scatterlist from[PIECES_MOST], to[PIECES_MOST];
	uint32_t from_pieces, to_pieces;
	uint64_t start;
	int error;

	from_pieces = cut(worker, from, copy->pieces, copy->from, copy->from_at, copy->bytes, 1);
	/* Two mappings that the device writes to share no cache line. */
	to_pieces = cut(worker, to, copy->pieces, copy->to, copy->to_at, copy->bytes,
			(uint32_t)cache_line_bytes());
	start = clock_ns();
	error = simdma_copy_sg(worker->simdma, to, to_pieces, from, from_pieces, TIMEOUT_NS);
	worker->copying_ns += clock_ns() - start;
	return error;
}

static void say_failure(const struct worker *worker, const struct copy *copy, const char *what,
			int32_t number)
{
	console_printf("dmatest: %s: result #%" PRIu32 ": '%s' with src_off=0x%" PRIx32
		       " dst_off=0x%" PRIx32 " len=0x%" PRIx32 " (%" PRId32 ")\n",
		       worker->name, worker->tests, what, copy->from_at, copy->to_at, copy->bytes,
		       number);
}

static const char *error_text(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "test timed out";
	case -EFAULT:
		return "mapping refused";
	default:
		return "copy failed";
	}
}

static void test_once(struct worker *worker)
{
	struct copy copy;
	uint32_t wrong;
	int error;

	choose_copy(worker, &copy);
	paint_all(&copy);
	worker->tests++;
	error = make_copy(worker, &copy);
	wrong = error == 0 ? count_all_wrong(&copy) : 0;
	if (error != 0)
		say_failure(worker, &copy, error_text(error), error);
	else if (wrong != 0)
		say_failure(worker, &copy, "data error", (int32_t)wrong);
	if (error != 0 || wrong != 0)
		worker->failures++;
	else
		worker->bytes += copy.bytes;
}

/* --- a thread -------------------------------------------------------------------------------------- */

static void free_buffers(struct worker *worker)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		if (worker->from[i] != NULL)
			__free_pages(worker->from[i], BUFFER_ORDER);
		if (worker->to[i] != NULL)
			__free_pages(worker->to[i], BUFFER_ORDER);
	}
}

/* False: no memory of any kind for either side. */
static bool take_buffers(struct worker *worker)
{
	bool from = false, to = false;

	for (uint32_t i = 0; i < KINDS; i++) {
		worker->from[i] = alloc_pages(kinds[i] | __GFP_NOWARN, BUFFER_ORDER);
		worker->to[i] = alloc_pages(kinds[i] | __GFP_NOWARN, BUFFER_ORDER);
		from |= worker->from[i] != NULL;
		to |= worker->to[i] != NULL;
	}
	return from && to;
}

static int work(void *argument)
{
	struct worker *worker = argument;

	if (!take_buffers(worker))
		worker->status = -ENOMEM;
	while (worker->status == 0 && worker->tests < worker->iterations && !thread_should_stop())
		test_once(worker);
	free_buffers(worker);
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
	return worker->status;
}

/* --- sums ------------------------------------------------------------------------------------------ */

static uint64_t per_second(uint64_t count, uint64_t ns)
{
	return ns != 0 ? count * NS_PER_S / ns : 0;
}

static void say_summary(const struct worker *worker)
{
	uint64_t iops = per_second(100ULL * worker->tests, worker->copying_ns);

	console_printf("dmatest: %s: summary %" PRIu32 " tests, %" PRIu32 " failures %" PRIu64
		       ".%02" PRIu64 " iops %" PRIu64 " KB/s (%d)\n",
		       worker->name, worker->tests, worker->failures, iops / 100, iops % 100,
		       per_second(worker->bytes, worker->copying_ns) >> 10, worker->status);
}

static bool all_ended(const struct worker *workers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (workers[i].thread != NULL &&
		    !__atomic_load_n(&workers[i].ended, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

/* Until they have ended, or Ctrl-C has asked them to after the copy at hand. */
static void wait_for_all(const struct worker *workers, uint32_t count)
{
	bool stopped = false;

	while (!stopped && !all_ended(workers, count)) {
		msleep(LOOK_MS);
		stopped = console_interrupted();
	}
	if (stopped)
		console_printf("dmatest: stopped by Ctrl-C\n");
	for (uint32_t i = 0; stopped && i < count; i++)
		if (workers[i].thread != NULL)
			thread_stop(workers[i].thread);
}

static void run(struct simdma *simdma, const struct options *options)
{
	struct worker *workers = kcalloc(options->threads, sizeof(*workers), GFP_KERNEL);

	if (workers == NULL) {
		console_printf("dmatest: no memory for its threads\n");
		return;
	}
	for (uint32_t i = 0; i < options->threads; i++) {
		struct worker *worker = &workers[i];

		worker->simdma = simdma;
		worker->iterations = options->iterations;
		worker->random = (options->seed * THREADS_MOST + i) * 2654435761U | 1;
		snprintf(worker->name, sizeof(worker->name), "simdma-copy%u",
			 (unsigned int)i % THREADS_MOST);
		worker->thread = thread_run(worker->name, THREAD_PRIORITY_NORMAL, work, worker);
		if (worker->thread == NULL)
			worker->status = -ENOMEM;
	}
	wait_for_all(workers, options->threads);
	for (uint32_t i = 0; i < options->threads; i++) {
		if (workers[i].thread != NULL)
			thread_join(workers[i].thread);
		say_summary(&workers[i]);
	}
	kfree(workers);
}

/* --- the command ----------------------------------------------------------------------------------- */

static bool parse(struct options *options, const char *word)
{
	const struct {
		const char *name;
		uint32_t *value, least, most;
	} rows[] = {
		{ "iterations=", &options->iterations, 1, ITERATIONS_MOST },
		{ "threads=", &options->threads, 1, THREADS_MOST },
		{ "seed=", &options->seed, 0, UINT32_MAX },
	};
	uint64_t number;

	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = word + strlen(rows[i].name);

		if (strncmp(word, rows[i].name, strlen(rows[i].name)) != 0)
			continue;
		if (!parse_number(&text, &number) || *text != '\0' || number < rows[i].least ||
		    number > rows[i].most)
			return false;
		*rows[i].value = (uint32_t)number;
		return true;
	}
	return false;
}

static void dmatest(int argc, char **argv)
{
	struct options options = { .iterations = 100, .threads = 2, .seed = 1 };

	for (int i = 1; i < argc; i++)
		if (!parse(&options, argv[i])) {
			console_printf("dmatest: %s: expects iterations= up to %u, threads= up to "
				       "%u, seed= of 32 bits\n",
				       argv[i], ITERATIONS_MOST, THREADS_MOST);
			return;
		}
	if (simdma_found() == NULL)
		console_printf(
			"dmatest: there is no DMA device that copies: boot with simdma=28, or see "
			"dmesg for why it is not used\n");
	else
		run(simdma_found(), &options);
}

static void complete_dmatest(struct word_completion *completion)
{
	completion_offer(completion, "iterations=");
	completion_offer(completion, "threads=");
	completion_offer(completion, "seed=");
}

SHELL_COMMAND_COMPLETED(dmatest, dmatest, "[NAME=N]",
			"copies by DMA between all zones, verified: iterations=, threads=, seed=",
			complete_dmatest);
