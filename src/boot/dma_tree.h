/* SPDX-License-Identifier: MIT */
/*
 * What the device tree says of a device's DMA: the windows of its bus, joined up to the root, whether
 * it sees the caches, and what dma_limit= adds. Used by the firmware and by the desktop planner.
 */
#ifndef STRATA_BOOT_DMA_TREE_H
#define STRATA_BOOT_DMA_TREE_H

#include "boot/early/tree.h"
#include "mm/dma/device.h"

/*
 * Fill in windows, cut_off, coherent and dma_limit='s limits of a device that dma_device_init has made.
 * The windows are those of the nearest bus above that has `dma-ranges`: what the walk of the tree has
 * joined. `dma-coherent` is inherited from buses, up to a `dma-noncoherent`. Rules of dma_limit= that
 * have the device's name are left to dma_device_register; those of its alias or node name apply.
 */
void dma_tree_describe(const struct boot_tree *tree, const void *blob, int node, uint64_t ram_base,
		       struct dma_device *device);

/* The windows of a bus, by the offset of its node. */
void dma_tree_windows(const struct boot_tree *tree, const void *blob, uint32_t bus,
		      struct dma_device *device);

/*
 * A device as dma_limit= names it: of the tree (its name stays `name`), or the simulated one, whose bus
 * address 0 is the first byte of RAM. With all of its limits. False: there is none.
 */
bool dma_tree_named(const struct boot_tree *tree, const void *blob, const char *name,
		    uint64_t ram_base, struct dma_device *device);

#endif
