/* SPDX-License-Identifier: MIT */
/* A buffer in pieces, as Linux's struct scatterlist without chains: an array of them is the list. */
#ifndef STRATA_MM_DMA_SCATTERLIST_H
#define STRATA_MM_DMA_SCATTERLIST_H

#include "mm/dma/device.h"
#include "mm/phys/page.h"

struct scatterlist {
	struct page *page; /* that the first byte lies in */
	uint32_t offset;   /* of it there; may be more than a page */
	uint32_t length;   /* bytes, in one piece of physical memory */
	/* Filled by dma_map_sg. */
	dma_addr_t dma_address;
	uint32_t dma_length; /* 0: not mapped */
};

#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg)     ((sg)->dma_length)

static inline void sg_set_page(struct scatterlist *sg, struct page *page, uint32_t length,
			       uint32_t offset)
{
	*sg = (struct scatterlist){ .page = page, .offset = offset, .length = length };
}

/* Of lowmem. */
static inline void sg_set_buf(struct scatterlist *sg, const void *address, uint32_t length)
{
	sg_set_page(sg, virt_to_page(address), length, (uint32_t)((uintptr_t)address % PAGE_SIZE));
}

static inline phys_addr_t sg_phys(const struct scatterlist *sg)
{
	return page_to_phys(sg->page) + sg->offset;
}

#endif
