/* SPDX-License-Identifier: MIT */
/* How many lines of one kind are said: who does the same wrong in a loop would say nothing new. */
#ifndef STRATA_BOOT_RATE_H
#define STRATA_BOOT_RATE_H

#include "kern/clock.h"

/* Linux's limit: so many lines in five seconds. */
#define RATE_LINES_MOST 10U
#define RATE_WINDOW_NS  (5 * NS_PER_S)

struct rate {
	uint64_t window_start_ns;
	uint32_t lines;
};

/* Whether one more may be said. Two at the same time may say one too many. */
static inline bool rate_allows(struct rate *rate)
{
	uint64_t now = clock_ns();

	if (rate->lines == 0 || now - rate->window_start_ns > RATE_WINDOW_NS) {
		rate->window_start_ns = now;
		rate->lines = 0;
	}
	return ++rate->lines <= RATE_LINES_MOST;
}

#endif
