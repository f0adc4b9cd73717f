/* SPDX-License-Identifier: MIT */
/*
 * Calls that are made at a later time, in interrupt context: once, or every so often.
 *
 *	callout_init(&poll, look_again);
 *	callout_start(&poll, clock_ns() + 5 * NS_PER_MS);
 *
 * The struct is its owner's and must stay where it is while it is started; its own call may free it
 * when it is not periodic, or was stopped. Callouts due at the same nanosecond run in the order in
 * which they were started; a periodic one is started anew by each call. It is due at first, first +
 * period, first + 2 * period, ... whatever the delay of each call, so it does not drift; periods that
 * were missed altogether are made up for by one call.
 *
 * There is no tick: the timer is set to the first callout that is due, and off when there is none.
 * CALLOUTS_AT_ONCE run in one interrupt, so that a crowd does not keep others waiting: with
 * a thousand started, taking a periodic one out and putting it in again is 1100 instructions.
 *
 * Starting and stopping cost O(log n) whatever the order (a leftist heap).
 */
#ifndef STRATA_KERN_CALLOUT_H
#define STRATA_KERN_CALLOUT_H

#include "lib/types.h"

#define CALLOUTS_AT_ONCE 1U

struct callout {
	uint64_t when_ns;
	uint64_t period_ns; /* 0: once */
	void (*function)(struct callout *callout);
	/* The heap's. parent of the root is the root itself, so that NULL means: not started. */
	struct callout *parent, *left, *right;
	uint32_t rank;
	uint32_t sequence; /* breaks ties */
};

void callout_init(struct callout *callout, void (*function)(struct callout *callout));

/*
 * Call it once at `when_ns` (clock_ns), or as soon as may be if that is past: not from here, but from
 * the timer's interrupt. One already started is moved. In any context.
 */
void callout_start(struct callout *callout, uint64_t when_ns);

/* Call it at first_ns and every period_ns from then on; period_ns is not 0. */
void callout_start_periodic(struct callout *callout, uint64_t first_ns, uint64_t period_ns);

/*
 * It will not be called any more. True: it was started and not yet called (or is periodic). On this
 * core it is not running on return; it may be called from the callout itself.
 */
bool callout_stop(struct callout *callout);

static inline bool callout_is_started(const struct callout *callout)
{
	return callout->parent != NULL;
}

/* --- for the timer's driver ------------------------------------------------------------------- */

/*
 * The hardware that interrupts: `set` makes it do so when the counter (arch/clock.h) reaches `ticks`, at
 * once if it has; `off` stops it. Called with interrupts masked. The first to register
 * stays; false for the others.
 */
struct clock_event {
	const char *name;
	void (*set)(uint64_t ticks);
	void (*off)(void);
};

bool callout_register_event(const struct clock_event *event);

/* Whether there is one: without it nothing is ever called, and nobody can sleep for a time. */
bool callout_works(void);

/* From the timer's handler: call what is due. */
void callout_run_due(void);

/* --- for people ------------------------------------------------------------------------------- */

struct callout_snapshot {
	const char *event;     /* NULL: none */
	uint32_t started;      /* now */
	uint64_t next_ns;      /* UINT64_MAX: none */
	uint64_t calls;        /* since boot */
	uint64_t late_ns_most; /* how late the latest of them was */
};

void callout_snapshot(struct callout_snapshot *snapshot);

#define CALLOUTS_LISTED 10U /* so that listing them does not mask interrupts for long */

struct callout_entry {
	uint64_t when_ns;
	uint64_t period_ns; /* 0: once */
	void (*function)(struct callout *callout);
};

/* Those that are due first, in their order, at most `most` and CALLOUTS_LISTED; how many they are. */
uint32_t callout_list(struct callout_entry *entries, uint32_t most);

#endif
