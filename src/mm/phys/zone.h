/* SPDX-License-Identifier: MIT */
/*
 * The zones as they are: the layout's spans, what of each is managed, and its watermarks.
 */
#ifndef STRATA_MM_PHYS_ZONE_H
#define STRATA_MM_PHYS_ZONE_H

#include "mm/phys/watermark.h"
#include "mm/phys/zone_layout.h"

/* What zoneinfo shows of a zone. Invariant: free <= managed <= present <= spanned. */
struct zone_snapshot {
	const char *name;
	struct zone_span span;
	uint32_t managed_pages;
	uint32_t free_pages;
	struct zone_watermarks marks;
};

/*
 * Make the zones of a layout, counting as managed every whole page that memblock has free. To be
 * called once, when memblock's reservations are complete; what is allocated later shows as not
 * free.
 */
void zones_init(const struct zone_layout *layout);

void zone_snapshot(enum zone_type zone, struct zone_snapshot *snapshot);

/* min_free_kbytes as the watermarks were computed from. */
uint32_t zones_min_free_kbytes(void);

#endif
