/* SPDX-License-Identifier: MIT */
/*
 * Who called: one step from a function to its caller, by the tables that the compiler made.
 *
 * Everything is taken for garbage until seen otherwise: no word is read but inside a known stack or
 * the tables, and every step goes up the stack, so that a walk ends.
 */
#ifndef STRATA_ARCH_UNWIND_H
#define STRATA_ARCH_UNWIND_H

#include "arch/exception.h"
#include "lib/types.h"

#define UNWIND_FRAMES_MAX 32

/* r0 to r15. The caller's r0 to r3 and r12 are not known after a step. */
struct unwind_registers {
	uint32_t r[16];
};

enum unwind_result {
	UNWIND_STEPPED,
	UNWIND_STEPPED_BY_LR, /* no table for the interrupted code: lr is a guess */
	UNWIND_END,           /* nobody called this: no table by intent */
	UNWIND_BAD_TABLE,     /* malformed, or of a model that we do not read */
	UNWIND_BAD_STACK,     /* sp or what lies there cannot be */
};

/* Where tables, code and stacks are. unwind_image is the running one; tests bring their own. */
struct unwind_range {
	uintptr_t start;
	uintptr_t end;
};

#define UNWIND_INTERRUPT_STACK 3U
#define UNWIND_STACKS          5 /* boot, exceptions twice, interrupts, the running thread's */

struct unwind_space {
	struct unwind_range text;
	struct unwind_range index; /* .ARM.exidx */
	struct unwind_range table; /* .ARM.extab */
	struct unwind_range stacks[UNWIND_STACKS];
};

extern struct unwind_space unwind_image;

extern const char *const unwind_stack_names[UNWIND_STACKS];

/*
 * Registers become those of the caller, its pc being the return address. `interrupted`: pc is an
 * instruction that an exception stopped, not a return address. Registers are untouched unless
 * stepped.
 */
enum unwind_result unwind_step(const struct unwind_space *space, struct unwind_registers *registers,
			       bool interrupted);

void unwind_from_exception(const struct exception_frame *frame, struct unwind_registers *registers);

/* The running thread's stack: for who walks, as it may be another than the last time. */
static inline void unwind_set_thread_stack(const struct unwind_range *stack)
{
	unwind_image.stacks[UNWIND_STACKS - 1] = *stack;
}

void unwind_from_interrupt(const struct interrupt_frame *frame, struct unwind_registers *registers);

/* The registers here and now, where a return address would be: in the function that this is in. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind_registers *registers)
{
	asm volatile("stmia %0, {r0-r12}\n\t"
		     "str sp, [%0, #52]\n\t"
		     "str lr, [%0, #56]\n\t"
		     "str pc, [%0, #60]"
		     :
		     : "r"(registers)
		     : "memory");
}

#endif
