/* SPDX-License-Identifier: MIT */
/*
 * The boot parameters that steer the zone layout: kernelcore=, movablecore=, vmalloc=, lowmem= and
 * highmem=all.
 *
 * They are only remembered here; zone_layout_compute gets them as arguments and says what became
 * of them. A malformed value leaves what an earlier word said: Linux would take some number out
 * of it (0 for a bare "abc", 800M for "800MB"), Strata does not guess.
 */
#ifndef STRATA_MM_PHYS_ZONE_PARAMS_H
#define STRATA_MM_PHYS_ZONE_PARAMS_H

#include "mm/phys/zone_layout.h"

struct zone_params {
	struct core_size kernelcore;
	struct core_size movablecore; /* never CORE_SIZE_MIRROR */
	uint64_t vmalloc_bytes;       /* as asked for, not yet clamped */
	struct lowmem_size lowmem;    /* of lowmem= and highmem=all the later word */
};

/* Written by boot_params_parse, read once by whoever computes the layout. */
extern struct zone_params zone_params;

/* Forget all that was parsed. For host tools, which look at more than one command line. */
void zone_params_reset(void);

#endif
