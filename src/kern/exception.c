/* SPDX-License-Identifier: MIT */
/* An exception that nobody expects: say everything that the core knew, then stop. */
#include "arch/cpu.h"
#include "arch/exception.h"
#include "kern/fatal.h"
#include "kern/log.h"

static const char *const exception_names[] = {
	[EXCEPTION_UNDEFINED] = "undefined instruction",
	[EXCEPTION_SVC] = "supervisor call",
	[EXCEPTION_PREFETCH_ABORT] = "prefetch abort",
	[EXCEPTION_DATA_ABORT] = "data abort",
	[EXCEPTION_IRQ] = "interrupt",
	[EXCEPTION_FIQ] = "fast interrupt",
};

static void report_registers(const struct exception_frame *frame)
{
	for (int i = 0; i < 12; i += 4)
		pr_err("  r%-2d %08x %08x %08x %08x\n", i, (unsigned int)frame->r[i],
		       (unsigned int)frame->r[i + 1], (unsigned int)frame->r[i + 2],
		       (unsigned int)frame->r[i + 3]);
	pr_err("  r12 %08x  sp %08x  lr %08x  pc %08x  cpsr %08x\n", (unsigned int)frame->r[12],
	       (unsigned int)frame->sp, (unsigned int)frame->lr, (unsigned int)frame->pc,
	       (unsigned int)frame->cpsr);
}

/* What faults in here comes back once, finds the door closed and parks. */
void exception_report(enum exception_kind kind, const struct exception_frame *frame)
{
	static bool reporting;

	if (reporting)
		cpu_park();
	reporting = true;
	report_registers(frame);
	if (kind == EXCEPTION_DATA_ABORT || kind == EXCEPTION_PREFETCH_ABORT)
		fatal("%s at pc %08x: address %08x, fault status %03x", exception_names[kind],
		      (unsigned int)frame->pc, (unsigned int)frame->fault_address,
		      (unsigned int)frame->fault_status);
	fatal("%s at pc %08x", exception_names[kind], (unsigned int)frame->pc);
}
