/* SPDX-License-Identifier: MIT */
/*
 * All addresses that show a frame. The tables themselves are the register, so nothing can be missing
 * from it; looking takes time that grows with what is mapped.
 */
#ifndef STRATA_MM_VIRT_ALIASES_H
#define STRATA_MM_VIRT_ALIASES_H

#include "arch/mmu.h"

/*
 * The next mapping, from *at on, that shows part of [phys, phys + bytes); *at is where to go on. False:
 * there is none.
 *
 *	uint64_t at = 0;
 *
 *	while (alias_next(&at, phys, PAGE_SIZE, &mapping))
 */
bool alias_next(uint64_t *at, phys_addr_t phys, size_t bytes, struct mapping *mapping);

/* Whether some address shows part of it with these rights. */
bool alias_has_rights(phys_addr_t phys, size_t bytes, enum memory_rights rights);

#endif
