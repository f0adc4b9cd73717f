/* SPDX-License-Identifier: MIT */
/*
 * Stacks for threads: between two guard pages, so that running over either end is a fault, which is
 * reported on the exception stack.
 */
#ifndef STRATA_MM_VIRT_KERNEL_STACK_H
#define STRATA_MM_VIRT_KERNEL_STACK_H

#include "lib/types.h"

/*
 * A stack of whole pages of at least so many bytes; its lowest address, 8 aligned as the procedure call
 * standard wants the top. NULL: no memory, no addresses. Not from interrupt handlers.
 */
void *kernel_stack_alloc(size_t bytes);

/* Nobody may be on it. NULL is ignored. */
void kernel_stack_free(void *stack);

#endif
