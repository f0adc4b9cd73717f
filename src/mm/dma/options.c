/* SPDX-License-Identifier: MIT */
#include "mm/dma/options.h"

#include "kern/param.h"
#include "lib/size.h"

#define DEFAULTS                                                  \
	{                                                         \
		.coherent_allowed = true, .coherent_megabytes = 1 \
	}

struct dma_options dma_options = DEFAULTS;

void dma_options_reset(void)
{
	dma_options = (struct dma_options)DEFAULTS;
}

static const char *parse_dma_coherent(const char *value)
{
	return parse_switch(value, &dma_options.coherent_allowed);
}

BOOT_PARAM(dma_coherent, parse_dma_coherent, "on|off",
	   "off: no device is taken to see the caches, whatever the tree says");

static const char *parse_dma_check(const char *value)
{
	bool checked = !dma_options.unchecked;
	const char *wrong = parse_switch(value, &checked);

	dma_options.unchecked = !checked;
	return wrong;
}

BOOT_PARAM(dma_check, parse_dma_check, "on|off",
	   "off: give devices addresses that they do not reach, to see what becomes of it");

static const char *parse_dma_debug(const char *value)
{
	return parse_switch(value, &dma_options.debug);
}

BOOT_PARAM(dma_debug, parse_dma_debug, "0|1",
	   "remember each DMA mapping, and tell wrong use of it");

static const char *parse_swiotlb(const char *value)
{
	const char *text = value;
	uint64_t bytes;

	if (value == NULL || !parse_size(&text, &bytes) || *text != '\0' || bytes > SZ_4G ||
	    (bytes != 0 && bytes < PAGE_SIZE))
		return "expects a size of 4K or more, such as 1M; or 0, for none";
	dma_options.swiotlb_given = true;
	dma_options.swiotlb_bytes = ALIGN_DOWN(bytes, PAGE_SIZE);
	return NULL;
}

BOOT_PARAM(swiotlb, parse_swiotlb, "SIZE",
	   "size of the pool that bounces what devices do not reach; 0: none");

static const char *parse_coherent_pool(const char *value)
{
	const char *text = value;
	uint64_t bytes;

	if (value == NULL || !parse_size(&text, &bytes) || *text != '\0' || bytes > SZ_4G)
		return "expects a size, such as 2M, of at most 4G; or 0, for none";
	dma_options.coherent_megabytes = (uint32_t)((bytes + SZ_1M - 1) / SZ_1M);
	return NULL;
}

BOOT_PARAM(coherent_pool, parse_coherent_pool, "SIZE",
	   "coherent DMA memory made at boot and kept, in megabytes; default 1M");
