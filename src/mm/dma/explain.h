/* SPDX-License-Identifier: MIT */
/* Why memory is, or is not, within a device's reach: for people. */
#ifndef STRATA_MM_DMA_EXPLAIN_H
#define STRATA_MM_DMA_EXPLAIN_H

#include "mm/dma/device.h"

/* The first thing that stands in the way of reaching a range. */
enum dma_obstacle {
	DMA_REACHED,
	DMA_CUT_OFF,        /* the buses above pass nothing on */
	DMA_NO_SUCH_WINDOW, /* no window shows its first byte */
	DMA_WINDOW_ENDS,    /* the window that does ends before the range, and none goes on */
	DMA_BELOW_LIMIT,    /* of dma_limit= */
	DMA_ABOVE_LIMIT,
	DMA_ABOVE_MASK,
	DMA_BUS_TOO_WIDE, /* its bus address has more than 32 bits, or is the one that means an error */
	DMA_OBSTACLES,
};

enum dma_verdict {
	DMA_MAPPED_DIRECTLY,
	DMA_MAPPED_BOUNCED,
	DMA_REFUSED_NO_POOL,
	DMA_REFUSED_TOO_LARGE, /* for a run of slots */
	DMA_REFUSED_NOT_RAM,   /* and so it cannot be bounced */
	DMA_VERDICTS,
};

struct dma_explanation {
	enum dma_obstacle obstacle;
	enum dma_verdict verdict;
	bool is_ram;       /* all of it */
	int32_t window;    /* that shows its first byte; -1: none does, or there are none */
	uint64_t bus;      /* of its first byte, where a window shows it, or there are none */
	uint64_t last_bus; /* of its last byte, if the window went on */
};

/* [phys, phys + bytes) under the streaming mask; bytes is not 0 and the range does not wrap. A free slot
 * is assumed. */
void dma_explain(const struct dma_device *device, uint64_t phys, uint64_t bytes,
		 struct dma_explanation *explanation);

/* What becomes of so many bytes of RAM that are not reached. */
enum dma_verdict dma_verdict_beyond(const struct dma_device *device, uint64_t bytes);

#endif
