/* SPDX-License-Identifier: MIT */
/*
 * Boot parameters of the board that change nothing of what is planned: known here, so that the planner
 * calls none of them unknown. Their values are for the board to judge.
 */
#include <stddef.h>

#include "kern/param.h"

static const char *accept_anything(const char *value)
{
	(void)value;
	return NULL;
}

#define BOARD_PARAM(name) BOOT_PARAM(name, accept_anything, "", "for the board")

BOARD_PARAM(alloc_timeout);
BOARD_PARAM(debug_atomic_sleep);
BOARD_PARAM(fail_page_alloc);
BOARD_PARAM(failslab);
BOARD_PARAM(highmem_debug);
BOARD_PARAM(init_on_alloc);
BOARD_PARAM(init_on_free);
BOARD_PARAM(irqsoff);
BOARD_PARAM(lowmem_reserve_ratio);
BOARD_PARAM(min_free_kbytes);
BOARD_PARAM(page_owner);
BOARD_PARAM(page_poison);
BOARD_PARAM(preempt);
BOARD_PARAM(slab_debug);
BOARD_PARAM(slub_debug);
