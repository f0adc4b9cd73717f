/* SPDX-License-Identifier: MIT */
/* Devices that memory is mapped for: known here from their registration on. */
#include "mm/dma/device.h"

#include <string.h>

#include "kern/driver.h"
#include "kern/spinlock.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/options.h"
#include "mm/phys/dma_limit.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"

struct dma_device *(*dma_device_of_node_hook)(const void *blob, int node);
struct dma_device *(*dma_device_by_name_hook)(const char *name);

static struct dma_device *devices;
static struct spinlock devices_lock;

/* --- registering ----------------------------------------------------------------------------- */

static void apply_rules(struct dma_device *device)
{
	struct dma_limit_rule rule;

	for (unsigned int i = 0; dma_limit_rule(i, &rule); i++)
		if (strcmp(rule.name, device->name) == 0)
			dma_device_limit(device, &rule, memblock_start_of_DRAM());
}

/* The largest piece of lowmem that one window shows. */
static void find_direct(struct dma_device *device)
{
	uint64_t phys, end, bus;
	dma_addr_t direct_bus = 0;
	size_t direct_bytes = 0;

	/* A handler that maps meanwhile takes the slow way. */
	__atomic_store_n(&device->direct_bytes, 0, __ATOMIC_SEQ_CST);
	if (!device->coherent || dma_debug)
		return;
	for (uint32_t i = 0; i < max_u64(device->window_count, 1); i++) {
		phys = memblock_start_of_DRAM();
		end = PFN_PHYS(zones_lowmem_end_pfn());
		if (!dma_window_part(device, i, dma_streaming_mask(device), &phys, &end, &bus))
			continue;
		end -= bus + (end - phys) > DMA_MAPPING_ERROR; /* that is no address */
		if (end - phys <= direct_bytes)
			continue;
		direct_bytes = (size_t)(end - phys);
		direct_bus = (dma_addr_t)bus;
		device->direct_phys = (phys_addr_t)phys;
	}
	device->direct_bus = direct_bus;
	__atomic_store_n(&device->direct_bytes, direct_bytes, __ATOMIC_SEQ_CST);
}

void dma_device_update(struct dma_device *device)
{
	device->pool = bounce_pool_for(device);
	find_direct(device);
}

static bool is_listed(const struct dma_device *wanted)
{
	for (const struct dma_device *device = devices; device != NULL; device = device->next)
		if (device == wanted)
			return true;
	return false;
}

/* At the end, so that reports have them in the order of their coming. */
static void list(struct dma_device *device)
{
	struct dma_device **place = &devices;
	uint32_t irq = spin_lock_irqsave(&devices_lock);

	while (*place != NULL)
		place = &(*place)->next;
	device->next = NULL;
	*place = device;
	spin_unlock_irqrestore(&devices_lock, irq);
}

void dma_device_register(struct dma_device *device)
{
	if (!dma_options.coherent_allowed)
		device->coherent = false;
	apply_rules(device);
	dma_device_tidy(device);
	dma_device_update(device);
	if (!is_listed(device))
		list(device);
}

void dma_device_unregister(struct dma_device *device)
{
	const struct dma_mapping left = { .device = device, .bytes = device->live_coherent };
	struct dma_device **place = &devices;
	uint32_t irq;

	if (left.bytes != 0)
		dma_tell(DMA_LEFT_COHERENT, &left, NULL);
	dma_debug_device_gone(device);
	irq = spin_lock_irqsave(&devices_lock);
	while (*place != NULL && *place != device)
		place = &(*place)->next;
	if (*place == device)
		*place = device->next;
	spin_unlock_irqrestore(&devices_lock, irq);
}

/* --- finding --------------------------------------------------------------------------------- */

struct dma_device *dma_devices(void)
{
	return devices;
}

struct dma_device *dma_device_of(const struct device *device)
{
	return dma_device_of_node_hook != NULL ? dma_device_of_node_hook(device->blob, device->node)
					       : NULL;
}

struct dma_device *dma_device_find(const char *name)
{
	for (struct dma_device *device = devices; device != NULL; device = device->next)
		if (strcmp(device->name, name) == 0)
			return device;
	return dma_device_by_name_hook != NULL ? dma_device_by_name_hook(name) : NULL;
}
