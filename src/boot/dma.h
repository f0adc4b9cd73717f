/* SPDX-License-Identifier: MIT */
/* DMA, from the plan and the tree: pools, and devices as they are asked for. */
#ifndef STRATA_BOOT_DMA_H
#define STRATA_BOOT_DMA_H

#include "boot/plan.h"

/*
 * When vmalloc works, before devices are probed: the plan's pools are in use, dma_debug=1 is watching,
 * drivers get the DMA side of their device, and those that dma_limit= names are known. The tree, the
 * blob and the plan are kept. Logs what there was no memory for.
 */
void boot_dma_init(const struct boot_tree *tree, const void *blob, const struct boot_plan *plan);

/* What mm/dma has to say, in lines of the log. */
void dma_events_attach(void);

#endif
