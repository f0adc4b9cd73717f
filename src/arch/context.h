/* SPDX-License-Identifier: MIT */
/* A thread of execution as the core knows it: a stack, with what a call keeps on top of it. */
#ifndef STRATA_ARCH_CONTEXT_H
#define STRATA_ARCH_CONTEXT_H

#include "arch/unwind.h"
#include "lib/types.h"

/*
 * Leave this stack for another: what a function must keep is pushed, *saved_sp says where; the
 * same is popped at sp, and the function that left it there goes on. Interrupts masked.
 */
void context_switch(uintptr_t *saved_sp, uintptr_t sp);

/*
 * An sp for context_switch below `top` (a multiple of 8): interrupts are let in and function(argument)
 * is called, which never returns.
 */
uintptr_t context_prepare(uintptr_t top, void (*function)(void *argument), void *argument);

/* The registers of a context that was left at sp: where it will go on. For reports. */
void context_registers(uintptr_t sp, struct unwind_registers *registers);

/* Until something interrupts: interrupts are masked, one that comes ends the wait all the same. */
void context_wait_for_interrupt(void);

#endif
