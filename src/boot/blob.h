/* SPDX-License-Identifier: MIT */
/*
 * Questions to the device tree that libfdt does not answer, or not safely. Used by the firmware and
 * by the desktop planner. All of them cost passes over the tree: not for the time before memory.
 */
#ifndef STRATA_BOOT_BLOB_H
#define STRATA_BOOT_BLOB_H

#include "lib/types.h"

/*
 * A node by path or alias, `length` bytes of it. An alias must lead to a path at once: libfdt would
 * follow aliases of aliases round in circles. Negative (a libfdt error): there is none.
 */
int blob_find_node(const void *blob, const char *name, size_t length);

/*
 * The CPU address of a node's first register, through the `ranges` of every bus above it. False
 * when a bus on the way does not pass it on, or the tree says no such thing.
 */
bool blob_register_address(const void *blob, int node, uint64_t *address);

/* The path of a node, for messages; in a static buffer that the next call overwrites. */
const char *blob_node_path(const void *blob, uint32_t node);

#endif
