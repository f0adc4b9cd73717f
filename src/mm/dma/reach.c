/* SPDX-License-Identifier: MIT */
/*
 * Reach as arithmetic on one device; the desktop planner compiles it, too. Ends are inclusive in here: a
 * window may end at 2^64.
 */
#include "mm/dma/device.h"

#include "mm/phys/dma_limit.h"
#include "mm/phys/memblock.h"

void dma_device_init(struct dma_device *device, const char *name)
{
	*device = (struct dma_device){
		.name = name,
		.mask = DMA_BIT_MASK(32),
		.coherent_mask = DMA_BIT_MASK(32),
		.limit_last_bus = UINT64_MAX,
	};
}

/* Several rules narrow each other. */
void dma_device_limit(struct dma_device *device, const struct dma_limit_rule *rule,
		      uint64_t ram_base)
{
	uint64_t bus = ram_base;
	uint64_t first = rule->first_bus, last = rule->last_bus;

	if (rule->is_bits) {
		dma_bus_of_phys(device, ram_base, &bus);
		first = 0;
		last = bus + rule->bytes - 1 < bus ? UINT64_MAX : bus + rule->bytes - 1;
	}
	device->limit_first_bus = max_u64(device->limit_first_bus, first);
	device->limit_last_bus = min_u64(device->limit_last_bus, last);
}

/* Windows that end past 2^64 on one side are cut, empty ones go. */
void dma_device_tidy(struct dma_device *device)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < device->window_count; i++) {
		struct dma_reach_window window = device->windows[i];
		uint64_t most = min_u64(UINT64_MAX - window.phys, UINT64_MAX - window.bus);

		window.bytes = min_u64(window.bytes, most);
		if (window.bytes != 0)
			device->windows[kept++] = window;
	}
	device->cut_off |= device->window_count != 0 && kept == 0;
	device->window_count = kept;
}

/* A device without windows has one: everything, shown as it is. */
static bool window_of(const struct dma_device *device, uint32_t number,
		      struct dma_reach_window *window)
{
	if (device->cut_off)
		return false;
	if (device->window_count == 0 && number == 0) {
		*window = (struct dma_reach_window){ .bytes = UINT64_MAX };
		return true;
	}
	if (number >= device->window_count)
		return false;
	*window = device->windows[number];
	return window->bytes != 0;
}

/* The highest bus address that mask and dma_limit= leave. */
static uint64_t last_bus_of(const struct dma_device *device, uint64_t mask)
{
	return min_u64(mask, device->limit_last_bus);
}

bool dma_bus_of_phys(const struct dma_device *device, uint64_t phys, uint64_t *bus)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++)
		if (phys - window.phys < window.bytes) {
			*bus = window.bus + (phys - window.phys);
			return true;
		}
	return false;
}

bool dma_phys_of_bus(const struct dma_device *device, uint64_t bus, uint64_t *phys)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++)
		if (bus - window.bus < window.bytes) {
			*phys = window.phys + (bus - window.bus);
			return true;
		}
	return false;
}

/* The last CPU address of the window, from phys up, that shows phys at bus. False: none does. */
static bool show_at(const struct dma_device *device, uint64_t phys, uint64_t bus, uint64_t *last)
{
	struct dma_reach_window window;

	for (uint32_t i = 0; window_of(device, i, &window); i++) {
		uint64_t offset = phys - window.phys;

		if (offset < window.bytes && window.bus + offset == bus) {
			*last = window.phys + (window.bytes - 1);
			return true;
		}
	}
	return false;
}

/* Whether [phys, last] is shown from bus on without a break: by this window, or others that go on. */
static bool is_shown(const struct dma_device *device, uint64_t phys, uint64_t last, uint64_t bus)
{
	uint64_t end;

	while (show_at(device, phys, bus, &end)) {
		if (end >= last)
			return true;
		bus += end - phys + 1;
		phys = end + 1;
	}
	return false;
}

bool dma_reaches(const struct dma_device *device, uint64_t phys, uint64_t bytes, uint64_t mask,
		 uint64_t *bus)
{
	uint64_t most = last_bus_of(device, mask), last = phys + (bytes - 1);
	struct dma_reach_window window;

	if (bytes == 0 || last < phys)
		return false;
	for (uint32_t i = 0; window_of(device, i, &window); i++) {
		uint64_t start = window.bus + (phys - window.phys);

		if (phys - window.phys >= window.bytes || start < device->limit_first_bus ||
		    start > most || bytes - 1 > most - start)
			continue;
		if (is_shown(device, phys, last, start)) {
			*bus = start;
			return true;
		}
	}
	return false;
}

/* Each piece of RAM in one piece, since a buffer may lie anywhere in it. */
bool dma_reaches_ram(const struct dma_device *device, uint64_t start, uint64_t end, uint64_t mask)
{
	struct memblock_region *region;

	for_each_mem_region(region) {
		uint64_t from = max_u64(start, region->base);
		uint64_t to = min_u64(end, (uint64_t)region->base + region->size);
		uint64_t bus;

		if (from < to && !memblock_is_nomap(region) &&
		    !dma_reaches(device, from, to - from, mask, &bus))
			return false;
	}
	return true;
}

bool dma_window_part(const struct dma_device *device, uint32_t number, uint64_t mask,
		     uint64_t *phys, uint64_t *end, uint64_t *bus)
{
	uint64_t most = last_bus_of(device, mask), first, last;
	struct dma_reach_window window;

	if (*end <= *phys || !window_of(device, number, &window))
		return false;
	first = max_u64(window.bus, device->limit_first_bus);
	last = min_u64(window.bus + (window.bytes - 1), most);
	if (first > last)
		return false;
	*bus = first;
	first = window.phys + (first - window.bus);
	last = window.phys + (last - window.bus);
	if (first < *phys) {
		*bus += *phys - first;
		first = *phys;
	}
	last = min_u64(last, *end - 1);
	if (first > last)
		return false;
	*phys = first;
	*end = last + 1;
	return true;
}
