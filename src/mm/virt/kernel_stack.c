/* SPDX-License-Identifier: MIT */
#include "mm/virt/kernel_stack.h"

#include "arch/cpu.h"
#include "arch/unwind.h"
#include "mm/virt/vmalloc.h"

void *kernel_stack_alloc(size_t bytes)
{
	return __vmalloc_area(bytes, GFP_KERNEL, VM_GUARD_BEFORE,
			      (uintptr_t)__builtin_return_address(0));
}

void kernel_stack_call(void *stack, size_t bytes, void (*function)(uintptr_t argument),
		       uintptr_t argument)
{
	const struct unwind_range before = unwind_image.stacks[UNWIND_STACKS - 1];
	uintptr_t top = ALIGN_DOWN((uintptr_t)stack + bytes, 8);

	unwind_set_thread_stack((uintptr_t)stack, top);
	cpu_call_on_stack(function, argument, (void *)top);
	unwind_set_thread_stack(before.start, before.end);
}

void kernel_stack_free(void *stack)
{
	vfree(stack);
}
