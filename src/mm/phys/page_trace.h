/* SPDX-License-Identifier: MIT */
/*
 * A record of requests and frees, for replaying on the host. Eight bytes an event in one block;
 * when that is full, recording ends and says how many it left out.
 */
#ifndef STRATA_MM_PHYS_PAGE_TRACE_H
#define STRATA_MM_PHYS_PAGE_TRACE_H

#include "mm/phys/gfp.h"

enum trace_kind { TRACE_ALLOC, TRACE_REFUSED, TRACE_FREE };

struct trace_event {
	uint32_t pfn : 20, order : 5, kind : 2;
	gfp_t gfp; /* of a request */
};

/* Room for events. False: there is no memory. What was recorded before is forgotten. */
bool page_trace_start(void);
void page_trace_note(enum trace_kind kind, uint32_t pfn, unsigned int order, gfp_t gfp);

/* Give the room back. The trace must be off. */
void page_trace_forget(void);

/* The events so far, and how many more there were without room. */
const struct trace_event *page_trace_events(uint32_t *count, uint32_t *left_out);

#endif
