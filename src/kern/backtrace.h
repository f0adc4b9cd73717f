/* SPDX-License-Identifier: MIT */
/* Who called whom, to the log. */
#ifndef STRATA_KERN_BACKTRACE_H
#define STRATA_KERN_BACKTRACE_H

#include "arch/unwind.h"

/*
 * A line for each function from the one that the registers are in to the first, at most
 * UNWIND_FRAMES_MAX, and a line when the walk ended for a reason worth knowing. `interrupted` as in
 * unwind_step. In an interrupt handler the same follows for whom it interrupted. Never faults, whatever
 * the registers and the stack say.
 */
void backtrace_print(const struct unwind_registers *from, bool interrupted);

/* The same of a thread that does not run at this moment, without a heading. */
struct thread_snapshot;
void backtrace_print_thread(const struct thread_snapshot *thread);

/*
 * The return addresses from here upwards, the first in the function that calls this. Those on top that lie in (skip_start,
 * skip_end] are left out, however many: the ways through a part of the image, which depend on the
 * compiler (0, 0: none). Returns how many were found, at most `most`.
 */
unsigned int backtrace_capture(uintptr_t *pc, unsigned int most, uintptr_t skip_start,
			       uintptr_t skip_end);

#endif
