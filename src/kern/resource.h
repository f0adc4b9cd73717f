/* SPDX-License-Identifier: MIT */
/*
 * Physical addresses that have a name: what iomem shows beside RAM itself. A register for people;
 * nothing is allocated or protected by it.
 */
#ifndef STRATA_KERN_RESOURCE_H
#define STRATA_KERN_RESOURCE_H

#include "lib/types.h"

#define RESOURCES_MAX 32

struct resource {
	uint64_t base;
	uint64_t end; /* half-open */
	const char *name;
};

/* Remember a range; size 0 is ignored. The name must live for ever. False: the register is full. */
bool resource_add(uint64_t base, uint64_t bytes, const char *name);

/* The ranges, sorted by base; *count says how many. */
const struct resource *resource_list(unsigned int *count);

#endif
