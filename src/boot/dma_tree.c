/* SPDX-License-Identifier: MIT */
#include "boot/dma_tree.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#include "boot/blob.h"
#include "drivers/dma/simdma_tree.h"
#include "kern/log.h"

/* --- windows --------------------------------------------------------------------------------- */

/* As the walk of the tree has it: a dma-ranges that cannot be read counts as none, an empty one too. */
static bool has_windows(const void *blob, int node)
{
	int bytes, parent = fdt_parent_offset(blob, node);
	const void *value = fdt_getprop(blob, node, "dma-ranges", &bytes);
	int size_cells = blob_cells(blob, node, "#size-cells"), entry_bytes;

	if (value == NULL || bytes == 0 || parent < 0 || size_cells == 0)
		return false;
	entry_bytes = 4 * (blob_cells(blob, node, "#address-cells") +
			   blob_cells(blob, parent, "#address-cells") + size_cells);
	return bytes % entry_bytes == 0;
}

/* An entry that goes on where the last one ends, on both sides, is one with it. */
static bool join(struct dma_device *device, const struct dma_reach_window *window)
{
	struct dma_reach_window *last;

	if (device->window_count == 0)
		return false;
	last = &device->windows[device->window_count - 1];
	if (last->phys + last->bytes != window->phys || last->bus + last->bytes != window->bus)
		return false;
	last->bytes += window->bytes;
	return true;
}

/* What has no room is not reached: too little is safe. */
static void add_window(struct dma_device *device, const struct dma_reach_window *window)
{
	if (join(device, window))
		return;
	if (device->window_count == DMA_WINDOWS_MOST) {
		pr_warn("%s: its bus has more than %u windows for DMA: memory from %#" PRIx64
			" on is taken as out of its reach; join some in dma-ranges\n",
			device->name, DMA_WINDOWS_MOST, window->phys);
		return;
	}
	device->windows[device->window_count++] = *window;
}

/* The simulated peripheral's, whatever bus it stands on. */
static void add_simulated_window(uint64_t ram_base, struct dma_device *device)
{
	add_window(device,
		   &(struct dma_reach_window){ .phys = ram_base, .bytes = SZ_4G - ram_base });
}

void dma_tree_windows(const struct boot_tree *tree, const void *blob, uint32_t bus,
		      struct dma_device *device)
{
	(void)blob;
	for (uint32_t i = 0; i < tree->window_count; i++) {
		const struct dma_window *window = &tree->windows[i];

		if (window->node == bus)
			add_window(device,
				   &(struct dma_reach_window){ .phys = window->base,
							       .bytes = window->end - window->base,
							       .bus = window->bus_base });
	}
	/* The buses above it pass on nothing of what it asks for. */
	device->cut_off = device->window_count == 0;
	dma_device_tidy(device);
}

/* --- the device ------------------------------------------------------------------------------ */

static bool is_coherent(const void *blob, int node)
{
	for (; node >= 0; node = fdt_parent_offset(blob, node)) {
		if (fdt_getprop(blob, node, "dma-coherent", NULL) != NULL)
			return true;
		if (fdt_getprop(blob, node, "dma-noncoherent", NULL) != NULL)
			return false;
	}
	return false;
}

static void apply_rules(const void *blob, int node, uint64_t ram_base, struct dma_device *device)
{
	struct dma_limit_rule rule;

	for (unsigned int i = 0; dma_limit_rule(i, &rule); i++)
		if (strcmp(rule.name, device->name) != 0 &&
		    blob_find_device(blob, rule.name) == node)
			dma_device_limit(device, &rule, ram_base);
}

void dma_tree_describe(const struct boot_tree *tree, const void *blob, int node, uint64_t ram_base,
		       struct dma_device *device)
{
	int bus = fdt_parent_offset(blob, node);

	while (bus > 0 && !has_windows(blob, bus))
		bus = fdt_parent_offset(blob, bus);
	if (simdma_tree_is(blob, node))
		add_simulated_window(ram_base, device);
	else if (bus > 0)
		dma_tree_windows(tree, blob, (uint32_t)bus, device);
	device->coherent = is_coherent(blob, node);
	apply_rules(blob, node, ram_base, device);
}

bool dma_tree_named(const struct boot_tree *tree, const void *blob, const char *name,
		    uint64_t ram_base, struct dma_device *device)
{
	int node = blob != NULL ? blob_find_device(blob, name) : -1;
	struct dma_limit_rule rule;

	if (node < 0 && strcmp(name, "simdma") != 0)
		return false;
	dma_device_init(device, name);
	if (node >= 0)
		dma_tree_describe(tree, blob, node, ram_base, device);
	else
		add_simulated_window(ram_base, device);
	for (unsigned int i = 0; dma_limit_rule(i, &rule); i++)
		if (strcmp(rule.name, name) == 0)
			dma_device_limit(device, &rule, ram_base);
	return true;
}
