/* SPDX-License-Identifier: MIT */
/*
 * The linear map: lowmem at a constant distance from its physical address.
 *
 * linear_offset is virtual minus physical (modulo the width of a pointer), set once before
 * memblock hands out memory. The host sets it to wherever its arena is; zero is a valid choice.
 */
#ifndef STRATA_ARCH_LINEAR_H
#define STRATA_ARCH_LINEAR_H

#include "lib/types.h"

extern uintptr_t linear_offset;

/* Valid for addresses in lowmem only; highmem has no linear address. */
static inline void *phys_to_virt(phys_addr_t phys)
{
	return (void *)((uintptr_t)phys + linear_offset);
}

static inline phys_addr_t virt_to_phys(const void *virt)
{
	return (phys_addr_t)((uintptr_t)virt - linear_offset);
}

#endif
