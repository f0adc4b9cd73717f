/* SPDX-License-Identifier: MIT */
#include "kern/backtrace.h"

#include "kern/context.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "kern/thread.h"

#define PC 15

/* A return address may lie in the next function: after a call that does not return. */
static void print_frame(uint32_t pc, bool interrupted, const char *remark)
{
	struct symbol symbol;

	if (symbol_lookup(interrupted ? pc : pc - 2, &symbol))
		pr_err("  [<%08x>] %s+0x%x/0x%x%s\n", (unsigned int)pc, symbol.name,
		       (unsigned int)(symbol.offset + (interrupted ? 0 : 2)),
		       (unsigned int)symbol.size, remark);
	else
		pr_err("  [<%08x>] not in the image's text%s\n", (unsigned int)pc, remark);
}

static void print_end(enum unwind_result result)
{
	switch (result) {
	case UNWIND_BAD_TABLE:
		pr_err("  its unwind table is malformed or of an unknown model\n");
		break;
	case UNWIND_BAD_STACK:
		pr_err("  what is on its stack cannot be a caller\n");
		break;
	case UNWIND_END:
		break;
	default:
		pr_err("  ... and more, after %d\n", UNWIND_FRAMES_MAX);
	}
}

static void print_frames(const struct unwind_space *space, struct unwind_registers *registers,
			 bool interrupted)
{
	enum unwind_result result = UNWIND_STEPPED;

	for (unsigned int frame = 0; frame < UNWIND_FRAMES_MAX; frame++) {
		print_frame(registers->r[PC], interrupted,
			    result == UNWIND_STEPPED_BY_LR ? " (taken from lr)" : "");
		result = unwind_step(space, registers, interrupted);
		if (result != UNWIND_STEPPED && result != UNWIND_STEPPED_BY_LR)
			break;
		interrupted = false;
	}
	print_end(result);
}

/*
 * A handler's callers end at the vector, which kept the rest of whoever was interrupted: the
 * registers that a call preserves are as the walk left them.
 */
void backtrace_print(const struct unwind_registers *from, bool interrupted)
{
	const struct cpu_context *context = this_cpu_context();
	struct unwind_registers registers = *from;

	unwind_set_thread_stack(thread_stack());
	pr_err("Backtrace:\n");
	print_frames(&unwind_image, &registers, interrupted);
	if (!in_interrupt() || context->interrupted == NULL)
		return;
	pr_err("Interrupted%s%s:\n", context->current != NULL ? " thread " : "",
	       context->current != NULL ? thread_name(context->current) : "");
	unwind_from_interrupt(context->interrupted, &registers);
	print_frames(&unwind_image, &registers, true);
}

void backtrace_print_thread(const struct thread_snapshot *thread)
{
	struct unwind_space space = unwind_image;
	struct unwind_registers registers = thread->registers;

	space.stacks[UNWIND_STACKS - 1] = thread->stack;
	print_frames(&space, &registers, false);
}

unsigned int backtrace_capture(uintptr_t *pc, unsigned int most, uintptr_t skip_start,
			       uintptr_t skip_end)
{
	struct unwind_registers registers;
	unsigned int found = 0;

	unwind_here(&registers);
	unwind_set_thread_stack(thread_stack());
	while (found < most) {
		enum unwind_result result = unwind_step(&unwind_image, &registers, false);

		if (result != UNWIND_STEPPED && result != UNWIND_STEPPED_BY_LR)
			break;
		if (found > 0 || registers.r[PC] <= skip_start || registers.r[PC] > skip_end)
			pc[found++] = registers.r[PC];
	}
	return found;
}
