/* SPDX-License-Identifier: MIT */
/*
 * From the tree's table to memblock: what RAM there is and what of it is taken. The firmware and
 * the desktop planner run the same file.
 */
#ifndef STRATA_BOOT_MEMORY_H
#define STRATA_BOOT_MEMORY_H

#include "boot/early/early.h"

/* Where things lie that the tree does not know of. */
struct boot_occupied {
	struct early_range image; /* required: mem= may not exclude it */
	struct early_range blob;  /* size 0: not in this memory (the planner's is on the desktop) */
	struct early_range initrd;
};

/*
 * Fill memblock from an empty state: banks (cut to pages, to [ram_base, 4 GiB)), mem=, then the
 * first page, image, blob, initrd, /memreserve/ and /reserved-memory. One line for each thing that
 * was cut, ignored or refused. `blob` is the tree for whatever the table has only offsets of.
 */
void boot_memory_init(const struct boot_tree *tree, const void *blob,
		      const struct boot_occupied *occupied, uint64_t ram_base);

#endif
