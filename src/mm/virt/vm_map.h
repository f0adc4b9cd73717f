/* SPDX-License-Identifier: MIT */
/*
 * The kernel's address space by areas: what each stretch of addresses is for, whether or not
 * anything is mapped there. For people and for fault reports; nothing is decided by it.
 */
#ifndef STRATA_MM_VIRT_VM_MAP_H
#define STRATA_MM_VIRT_VM_MAP_H

#include "lib/types.h"

struct vm_area {
	uintptr_t start;
	uint64_t end; /* half-open; 2^32 for the last */
	const char *name;
};

/* Say where lowmem ends and vmalloc begins (virtual), once the layout stands. */
void vm_map_init(uintptr_t lowmem_end, uintptr_t vmalloc_start);

/* The areas, ascending, without gaps between 0 and 2^32. */
unsigned int vm_map_count(void);
struct vm_area vm_map_area(unsigned int index);

/* The area that holds an address. */
struct vm_area vm_map_find(uintptr_t virt);

#endif
