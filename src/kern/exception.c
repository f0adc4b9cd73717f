/* SPDX-License-Identifier: MIT */
/* An exception that nobody expects: say everything that the core knew, then stop. */
#include "kern/exception.h"

#include <inttypes.h>
#include <stdio.h>

#include "arch/mmu.h"
#include "kern/backtrace.h"
#include "kern/context.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "kern/thread.h"

extern char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __image_end[];

const char *(*exception_area_hook)(uintptr_t address);
void (*exception_place_hook)(uintptr_t address);

static const char *const kind_names[] = {
	[EXCEPTION_UNDEFINED] = "undefined instruction",
	[EXCEPTION_SVC] = "supervisor call",
	[EXCEPTION_PREFETCH_ABORT] = "prefetch abort",
	[EXCEPTION_DATA_ABORT] = "data abort",
	[EXCEPTION_FIQ] = "fast interrupt",
};

static const char *const access_names[] = {
	[ACCESS_READ] = "read from",
	[ACCESS_WRITE] = "write to",
	[ACCESS_EXECUTE] = "fetch from",
};

static const char *const level_names[] = {
	[FAULT_NO_LEVEL] = "",
	[FAULT_SECTION] = ", section",
	[FAULT_PAGE] = ", page",
};

/* --- in words -------------------------------------------------------------------------------- */

static bool is_abort(const struct exception_info *info)
{
	return info->kind == EXCEPTION_DATA_ABORT || info->kind == EXCEPTION_PREFETCH_ABORT;
}

const char *exception_text(const struct exception_info *info)
{
	static char text[160];
	char where[24] = "somewhere";

	if (info->address_known)
		snprintf(where, sizeof(where), "%08" PRIx32, info->address);
	if (!is_abort(info))
		snprintf(text, sizeof(text), "%s at %s", kind_names[info->kind], where);
	else
		snprintf(text, sizeof(text), "%s, %s %s: %s%s (status %03" PRIx32 ")",
			 kind_names[info->kind], access_names[info->access], where,
			 fault_cause_text(info->cause), level_names[info->level], info->status);
	return text;
}

static bool within(uintptr_t address, const char *start, const char *end)
{
	return address >= (uintptr_t)start && address < (uintptr_t)end;
}

static const char *image_part(uintptr_t address)
{
	if (within(address, __text_start, __text_end))
		return "the image's text";
	if (within(address, __rodata_start, __rodata_end))
		return "the image's constants";
	for (unsigned int i = 0; i < UNWIND_STACKS; i++) {
		const struct unwind_range *stack = &unwind_image.stacks[i];

		if (address >= stack->start && address < stack->end)
			return unwind_stack_names[i];
		if (address < stack->start && stack->start - address <= PAGE_SIZE)
			return i == 0                        ? "directly below the boot stack"
			       : i == UNWIND_INTERRUPT_STACK ? "directly below the interrupt stack"
							     : "directly below an exception stack";
	}
	return "the image's data";
}

/* Of the image we know more than whoever laid out the address space. */
static const char *area_of(uintptr_t address)
{
	if (within(address, __image_start, __image_end))
		return image_part(address);
	return exception_area_hook != NULL ? exception_area_hook(address) : "somewhere";
}

/* --- the report ------------------------------------------------------------------------------ */

/* What the hardware says of the place now: the fault may have come of rights, not of absence. */
static void report_place(uint32_t address)
{
	phys_addr_t phys;
	bool readable = mmu_translate(address, false, &phys);

	if (!readable)
		pr_err("  %08x: %s, nothing mapped\n", (unsigned int)address, area_of(address));
	else
		pr_err("  %08x: %s, physical %08x, %s\n", (unsigned int)address, area_of(address),
		       (unsigned int)phys,
		       mmu_translate(address, true, &phys) ? "writable" : "read-only");
	if (exception_place_hook != NULL)
		exception_place_hook(address);
}

static void report_fault(const struct exception_info *info)
{
	uint32_t instruction;

	if (info->kind == EXCEPTION_UNDEFINED && IS_ALIGNED(info->pc, 4) &&
	    exception_try_read32(info->pc, &instruction, NULL))
		pr_err("  instruction %08x\n", (unsigned int)instruction);
	if (!is_abort(info))
		return;
	pr_err("  %s, domain %u\n", exception_text(info), (unsigned int)info->domain);
	if (info->address_known)
		report_place(info->address);
}

static const char *mode_name(uint32_t cpsr)
{
	static const char *const names[16] = {
		[0] = "USR", [1] = "FIQ",  [2] = "IRQ",  [3] = "SVC", [6] = "MON",
		[7] = "ABT", [10] = "HYP", [11] = "UND", [15] = "SYS"
	};
	const char *name = names[cpsr & 0xf];

	return (cpsr & 0x10) != 0 && name != NULL ? name : "no mode";
}

static void report_registers(const struct exception_frame *frame)
{
	for (int i = 0; i < 12; i += 4)
		pr_err("  r%-2d %08x  r%-2d %08x  r%-2d %08x  r%-2d %08x\n", i,
		       (unsigned int)frame->r[i], i + 1, (unsigned int)frame->r[i + 1], i + 2,
		       (unsigned int)frame->r[i + 2], i + 3, (unsigned int)frame->r[i + 3]);
	pr_err("  r12 %08x  sp  %08x  lr  %08x  pc  %08x\n", (unsigned int)frame->r[12],
	       (unsigned int)frame->sp, (unsigned int)frame->lr, (unsigned int)frame->pc);
	pr_err("  cpsr %08x: %s mode, %s code, masked:%s%s%s\n", (unsigned int)frame->cpsr,
	       mode_name(frame->cpsr), (frame->cpsr & 0x20) != 0 ? "Thumb" : "ARM",
	       (frame->cpsr & 0x100) != 0 ? " asynchronous aborts" : "",
	       (frame->cpsr & 0x80) != 0 ? " IRQ" : "", (frame->cpsr & 0x40) != 0 ? " FIQ" : "");
}

static const char *current_name(void)
{
	const struct thread *current = thread_current();

	return current != NULL ? thread_name(current) : "none";
}

/* Below each stack lies a guard page; frames of some pages may step over it. */
static bool report_overflow(uint32_t sp)
{
	for (unsigned int i = 0; i < UNWIND_STACKS; i++) {
		const struct unwind_range *stack = &unwind_image.stacks[i];

		if (sp >= stack->start || stack->start - sp > 4 * PAGE_SIZE)
			continue;
		pr_err("  sp is %u bytes below the %s: stack overflow%s%s\n",
		       (unsigned int)(stack->start - sp), unwind_stack_names[i],
		       i == 0 || i == UNWIND_STACKS - 1 ? " of thread " : "",
		       i == 0 || i == UNWIND_STACKS - 1 ? current_name() : "");
		return true;
	}
	return false;
}

/* Whose fault it was. */
static void report_context(void)
{
	const struct cpu_context *context = this_cpu_context();

	if (context->current != NULL)
		pr_err("  in %sthread %s\n",
		       in_interrupt() ? "an interrupt handler, which interrupted " : "",
		       current_name());
}

static void report_stack(uint32_t sp)
{
	for (unsigned int i = 0; i < UNWIND_STACKS; i++) {
		const struct unwind_range *stack = &unwind_image.stacks[i];

		if (sp >= stack->start && sp <= stack->end) {
			pr_err("  sp is on the %s, %u of %u bytes left\n", unwind_stack_names[i],
			       (unsigned int)(sp - stack->start),
			       (unsigned int)(stack->end - stack->start));
			return;
		}
	}
	if (!report_overflow(sp))
		pr_err("  sp is on no known stack\n");
}

/*
 * IRQ mode lasts until the vector has put two words on the interrupted stack: what faulted in it was
 * that, and the address says where the stack had got to.
 */
#define CPSR_MODE 0x1f
#define MODE_IRQ  0x12

/* While the first report is being made: as little as helps, and nothing that reads memory. */
static void report_nested(const struct exception_info *info, const struct exception_frame *frame)
{
	pr_err("fatal: another exception while reporting: %s\n", exception_text(info));
	pr_err("  at %s\n", symbol_text(frame->pc));
	report_registers(frame);
}

void exception_report(const struct exception_info *info, const struct exception_frame *frame,
		      bool nested)
{
	struct unwind_registers registers;

	log_seize_console();
	unwind_set_thread_stack(thread_stack());
	if (nested) {
		report_nested(info, frame);
		fatal_stop();
	}
	fatal_find_console();
	pr_err("fatal: %s at pc %08x, %s\n", kind_names[info->kind], (unsigned int)frame->pc,
	       symbol_text(frame->pc));
	report_context();
	report_fault(info);
	report_registers(frame);
	report_stack((frame->cpsr & CPSR_MODE) == MODE_IRQ ? info->address : frame->sp);
	unwind_from_exception(frame, &registers);
	backtrace_print(&registers, true);
	fatal_stop();
}
