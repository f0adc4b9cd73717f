/* SPDX-License-Identifier: MIT */
/*
 * mem=SIZE[@START]: use only this much RAM. The first one replaces the tree's map, each adds a
 * range; START defaults to the RAM base. What is not RAM in the tree stays no RAM.
 */
#ifndef STRATA_BOOT_MEM_PARAM_H
#define STRATA_BOOT_MEM_PARAM_H

#include "boot/early/early.h"

/*
 * Cut memblock.memory to what mem= asked for, if it was given. Refused with a line, changing
 * nothing, when the image would lie outside.
 */
void mem_param_apply(const struct early_range *image, uint64_t ram_base);

/* Forget mem=: for host programs that plan more than once. */
void mem_param_reset(void);

#endif
