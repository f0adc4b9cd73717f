/* SPDX-License-Identifier: MIT */
#include "mm/dma/explain.h"

#include "mm/dma/map.h"
#include "mm/phys/memblock.h"

static int32_t window_of(const struct dma_device *device, uint64_t phys)
{
	for (uint32_t i = 0; i < device->window_count; i++)
		if (phys - device->windows[i].phys < device->windows[i].bytes)
			return (int32_t)i;
	return -1;
}

/* The one of several through which it is reached. */
static int32_t window_at(const struct dma_device *device, uint64_t phys, uint64_t bus)
{
	for (uint32_t i = 0; i < device->window_count; i++) {
		uint64_t offset = phys - device->windows[i].phys;

		if (offset < device->windows[i].bytes && device->windows[i].bus + offset == bus)
			return (int32_t)i;
	}
	return -1;
}

/* Where it is not reached, the first of several windows that show it is told about. */
static enum dma_obstacle find_obstacle(const struct dma_device *device, uint64_t phys,
				       uint64_t bytes, struct dma_explanation *known)
{
	uint64_t bus;

	if (dma_reaches(device, phys, bytes, dma_streaming_mask(device), &bus)) {
		known->bus = bus;
		known->last_bus = bus + (bytes - 1);
		known->window = window_at(device, phys, bus);
		return bus == DMA_MAPPING_ERROR ? DMA_BUS_TOO_WIDE : DMA_REACHED;
	}
	if (device->cut_off)
		return DMA_CUT_OFF;
	if (device->window_count != 0 && known->window < 0)
		return DMA_NO_SUCH_WINDOW;
	if (known->bus < device->limit_first_bus)
		return DMA_BELOW_LIMIT;
	if (known->last_bus > device->limit_last_bus)
		return DMA_ABOVE_LIMIT;
	if (known->last_bus > device->mask)
		return DMA_ABOVE_MASK;
	return known->last_bus > DMA_BIT_MASK(32) ? DMA_BUS_TOO_WIDE : DMA_WINDOW_ENDS;
}

enum dma_verdict dma_verdict_beyond(const struct dma_device *device, uint64_t bytes)
{
	if (device->pool == NULL)
		return DMA_REFUSED_NO_POOL;
	return bytes > dma_max_mapping_size(device) ? DMA_REFUSED_TOO_LARGE : DMA_MAPPED_BOUNCED;
}

static enum dma_verdict judge(const struct dma_device *device, uint64_t bytes,
			      const struct dma_explanation *known)
{
	if (known->obstacle == DMA_REACHED)
		return DMA_MAPPED_DIRECTLY;
	return known->is_ram ? dma_verdict_beyond(device, bytes) : DMA_REFUSED_NOT_RAM;
}

void dma_explain(const struct dma_device *device, uint64_t phys, uint64_t bytes,
		 struct dma_explanation *explanation)
{
	*explanation = (struct dma_explanation){
		.is_ram = phys + (bytes - 1) < SZ_4G &&
			  memblock_is_region_memory((phys_addr_t)phys, (phys_addr_t)bytes),
		.window = window_of(device, phys),
		.bus = phys,
	};
	dma_bus_of_phys(device, phys, &explanation->bus);
	explanation->last_bus = explanation->bus + (bytes - 1);
	explanation->obstacle = find_obstacle(device, phys, bytes, explanation);
	explanation->verdict = judge(device, bytes, explanation);
}
