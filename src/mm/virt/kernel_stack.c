/* SPDX-License-Identifier: MIT */
#include "mm/virt/kernel_stack.h"

#include "mm/virt/vmalloc.h"

void *kernel_stack_alloc(size_t bytes)
{
	return __vmalloc_area(bytes, GFP_KERNEL, VM_GUARD_BEFORE | VM_LOWMEM,
			      (uintptr_t)__builtin_return_address(0));
}

void kernel_stack_free(void *stack)
{
	vfree(stack);
}
