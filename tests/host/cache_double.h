/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/cache.h: a data cache over page_harness's arena, and memory behind it.
 *
 * The arena is what the CPU sees. Devices see another copy, the memory, which only gets what a clean
 * writes there; what a device writes, the CPU only sees after an invalidate. The cache is the worst that
 * the manual allows: it holds every line, all of them dirty at the start, and nothing leaves it by itself.
 *
 *	the test, the code under test        a device of the test
 *	           |  arena                         |  device_reads, device_writes
 *	           +-- clean ------> memory <-------+
 *	           <-- invalidate --
 *
 * A line is dirty when the arena differs from what it was at the last clean or invalidate.
 */
#ifndef STRATA_TESTS_CACHE_DOUBLE_H
#define STRATA_TESTS_CACHE_DOUBLE_H

#include "lib/types.h"

#define CACHE_DOUBLE_LINE 64U

/* All lines dirty, nothing counted. */
void cache_double_start(void);

/* A device's accesses, by physical address. */
void device_reads(uint64_t phys, void *to, size_t bytes);
void device_writes(uint64_t phys, const void *from, size_t bytes);

/* Mistakes since cache_double_start. */
extern unsigned int
	cache_missed_cleans; /* lines that a device read while the CPU had a newer one */
/* Lines that the CPU wrote to while a device had them: seen when the device writes, and when either's
 * bytes are lost by a clean or an invalidate. */
extern unsigned int cache_cpu_writes;

/* Lines that a device wrote to and that the CPU does not see, in all of the arena. */
unsigned int cache_missed_invalidates(void);

/* Nothing of the three. Fails the test. */
void cache_double_check(void);

/* Calls of the three operations, for tests that count. */
extern unsigned int cache_operations;

#endif
