/* SPDX-License-Identifier: MIT */
#include "mm/virt/aliases.h"

bool alias_next(uint64_t *at, phys_addr_t phys, size_t bytes, struct mapping *mapping)
{
	while (*at < SZ_4G && mmu_query_from((uintptr_t)*at, mapping)) {
		*at = (uint64_t)mapping->virt + mapping->bytes;
		if ((uint64_t)mapping->phys < (uint64_t)phys + bytes &&
		    (uint64_t)phys < (uint64_t)mapping->phys + mapping->bytes)
			return true;
	}
	return false;
}

bool alias_has_rights(phys_addr_t phys, size_t bytes, enum memory_rights rights)
{
	struct mapping mapping;
	uint64_t at = 0;

	while (alias_next(&at, phys, bytes, &mapping))
		if (mapping.rights == rights)
			return true;
	return false;
}
