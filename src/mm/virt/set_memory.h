/* SPDX-License-Identifier: MIT */
/*
 * What may be done with memory that is mapped, page by page: any of the kernel's mappings, lowmem
 * included (Linux 6.1 on ARM changes modules only).
 *
 *	set_memory_ro((uintptr_t)table, 4);      four pages of constants from now on
 *	set_memory_x((uintptr_t)code, 1);        refused while they can be written
 *
 * A mapping is read, or read and written, or read and executed; never written and executed, by
 * whatever address. Sections are split where only part of one changes and joined again when it is
 * uniform. The image, struct pages, windows (kmap, fixmap), the device tree and the vectors keep their
 * rights: they are not this interface's.
 *
 * All return 0; -EINVAL (not page-aligned, nothing, wraps, or of those), -EFAULT (part of it is
 * not mapped), -EPERM (execute and write would meet, at this address or at another; a device) or -ENOMEM (no
 * memory for a table); then nothing has changed. May be called with interrupts masked; the range's
 * users are held off by the caller.
 */
#ifndef STRATA_MM_VIRT_SET_MEMORY_H
#define STRATA_MM_VIRT_SET_MEMORY_H

#include "lib/types.h"

int set_memory_ro(uintptr_t address, uint32_t pages); /* what was executable stays so */
int set_memory_rw(uintptr_t address, uint32_t pages); /* and executes no more */
int set_memory_nx(uintptr_t address, uint32_t pages); /* what was writable stays so */
int set_memory_x(uintptr_t address, uint32_t pages);

#endif
