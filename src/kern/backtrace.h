/* SPDX-License-Identifier: MIT */
/* Who called whom, to the log. */
#ifndef STRATA_KERN_BACKTRACE_H
#define STRATA_KERN_BACKTRACE_H

#include "arch/unwind.h"

/*
 * A line for each function from the one that the registers are in to the first, at most
 * UNWIND_FRAMES_MAX, and a line when the walk ended for a reason worth knowing. `interrupted` as in
 * unwind_step. Never faults, whatever the registers and the stack say.
 */
void backtrace_print(const struct unwind_registers *from, bool interrupted);

/* Leave out what lies in the page allocator's own text, however deep it is in there. */
#define BACKTRACE_SKIP_PAGES 0xffffffffU

/*
 * The return addresses from here upwards, `skip` of them left out (0: the first lies in the function
 * that calls this). Returns how many were found, at most `most`.
 */
unsigned int backtrace_capture(uintptr_t *pc, unsigned int most, unsigned int skip);

#endif
