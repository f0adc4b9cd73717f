/* SPDX-License-Identifier: MIT */
/*
 * The simulated peripheral in the device tree, for the driver, the boot and the desktop planner:
 *
 *	simdma {
 *		compatible = "strata,simdma";
 *		strata,address-bits = <28>;          12 to 32; without it 32
 *	};
 *
 * It has no registers in the map and no interrupt line of the tree. Whatever bus it stands on, its bus
 * address 0 is the first byte of RAM.
 */
#ifndef STRATA_DRIVERS_DMA_SIMDMA_TREE_H
#define STRATA_DRIVERS_DMA_SIMDMA_TREE_H

#include "lib/types.h"

#define SIMDMA_COMPATIBLE  "strata,simdma"
#define SIMDMA_LINES_LEAST 12U /* a page */
#define SIMDMA_LINES_MOST  32U

bool simdma_tree_is(const void *blob, int node);

/* The first that is available, as all nodes above it are; negative: none. A pass over the tree. */
int simdma_tree_find(const void *blob);

/* Its address lines; 0: the property is not one number from 12 to 32. */
uint32_t simdma_tree_lines(const void *blob, int node);

#endif
