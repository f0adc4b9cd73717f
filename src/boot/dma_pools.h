/* SPDX-License-Identifier: MIT */
/* Where bounce pools lie: part of the plan, so the desktop planner knows as well. */
#ifndef STRATA_BOOT_DMA_POOLS_H
#define STRATA_BOOT_DMA_POOLS_H

#include "boot/plan.h"

/*
 * Reserve in memblock the pool that swiotlb= or ZONE_DMA's size asks for, within what every device
 * reaches that reaches the start of RAM; and one for each bus or device of dma_limit= whose windows leave
 * that out, within those. Into plan->pools. Logs a line for each, and for what was bent.
 */
void dma_pools_plan(const struct boot_tree *tree, const void *blob, struct boot_plan *plan);

#endif
