/* SPDX-License-Identifier: MIT */
/*
 * The data caches, for memory that a device reads or writes without seeing them. To the point of
 * coherency: where every master sees the same (ARM DDI 0406C B2.2.6).
 *
 *	clean              what the CPU wrote is in memory; lines stay
 *	invalidate         lines are forgotten: the CPU's next read comes from memory
 *	clean_invalidate   both
 *
 * By address: what is mapped there must be readable, and the range does not wrap. All cores' caches
 * are meant. Complete on return, devices included. bytes of 0: only the barrier.
 *
 * A line that a range covers only in part is cleaned and invalidated by cache_invalidate, so that its
 * other bytes are not lost. It cannot save both: if the device wrote to that line as well, what it wrote
 * there may be overwritten. So a buffer that a device writes to begins and ends with a line.
 */
#ifndef STRATA_ARCH_CACHE_H
#define STRATA_ARCH_CACHE_H

#include "lib/types.h"

/* The smallest line of all data caches (CTR.DminLine): 64 on a Cortex-A7. A power of two. */
size_t cache_line_bytes(void);

void cache_clean(const void *address, size_t bytes);
void cache_invalidate(const void *address, size_t bytes);
void cache_clean_invalidate(const void *address, size_t bytes);

#endif
