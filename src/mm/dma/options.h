/* SPDX-License-Identifier: MIT */
/* What boot arguments say of DMA beside zones (mm/phys/dma_limit.h). The desktop planner has them, too. */
#ifndef STRATA_MM_DMA_OPTIONS_H
#define STRATA_MM_DMA_OPTIONS_H

#include "lib/types.h"

struct dma_options {
	bool coherent_allowed;       /* dma_coherent=off: false */
	bool unchecked;              /* dma_check=off: addresses out of reach are let through */
	bool debug;                  /* dma_debug=1 */
	bool swiotlb_given;          /* swiotlb=SIZE */
	uint64_t swiotlb_bytes;      /* whole pages; 0: no pool */
	uint32_t coherent_megabytes; /* coherent_pool=SIZE */
};

extern struct dma_options dma_options;

/* As without arguments: for host programs. */
void dma_options_reset(void);

#endif
