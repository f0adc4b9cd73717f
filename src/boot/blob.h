/* SPDX-License-Identifier: MIT */
/*
 * Questions to the device tree that libfdt does not answer, or not safely. Used by the firmware and
 * by the desktop planner. All of them cost passes over the tree: not for the time before memory.
 */
#ifndef STRATA_BOOT_BLOB_H
#define STRATA_BOOT_BLOB_H

#include <libfdt.h>

#include "lib/types.h"

/*
 * A node by path or alias, `length` bytes of it. An alias must lead to a path at once: libfdt would
 * follow aliases of aliases round in circles. Negative (a libfdt error): there is none.
 */
int blob_find_node(const void *blob, const char *name, size_t length);

/* A device as people name it: by path, by alias or by its node's own name, unit address included; the first
 * of several of that name. Negative (a libfdt error): there is none. */
int blob_find_device(const void *blob, const char *name);

/*
 * The CPU address of a node's first register, through the `ranges` of every bus above it. False
 * when a bus on the way does not pass it on, or the tree says no such thing.
 */
bool blob_register_address(const void *blob, int node, uint64_t *address);

/* The same for entry `index` of its `reg`. */
bool blob_register_address_at(const void *blob, int node, unsigned int index, uint64_t *address);

/*
 * #address-cells or #size-cells for what lies below a node. As Linux and the walk have it: what a
 * node does not say its parent says; 1 if nobody does.
 */
int blob_cells(const void *blob, int node, const char *name);

/* The number that some cells hold, its lowest 64 bits. */
uint64_t blob_read_cells(const fdt32_t *cell, int cells);

/* The path of a node, for messages; in a static buffer that the next call overwrites. */
const char *blob_node_path(const void *blob, uint32_t node);

#endif
