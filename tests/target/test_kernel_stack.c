/* SPDX-License-Identifier: MIT */
/* Stacks between guard pages: all of one can be used, and nothing beside it. */
#include "kern/exception.h"
#include "kern/selftest.h"
#include "mm/obj/cache.h"
#include "mm/virt/kernel_stack.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#include "insist.h"

#define STACK_BYTES (2 * PAGE_SIZE)

SELFTEST(kernel_stack, all_of_it_and_no_more)
{
	char *stack;
	uint32_t value;

	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
	begin();
	stack = INSIST(kernel_stack_alloc(STACK_BYTES), NULL);
	if (stack == NULL) {
		EXPECT(refused_on_purpose());
		caches_shrink(GFP_KERNEL, 0);
		end();
		return;
	}
	EXPECT(IS_ALIGNED((uintptr_t)stack, PAGE_SIZE));
	for (size_t at = 0; at < STACK_BYTES; at += 4)
		*(volatile uint32_t *)(stack + at) = 0x57ac57ac;
	EXPECT(!exception_try_read32((uintptr_t)stack - 4, &value, NULL));
	EXPECT(!exception_try_write32((uintptr_t)stack - 4, 0, NULL));
	EXPECT(!exception_try_read32((uintptr_t)stack + STACK_BYTES, &value, NULL));
	EXPECT(!exception_try_execute((uintptr_t)stack, 0, NULL));
	kernel_stack_free(stack);
	vm_unmap_aliases();
	EXPECT(!exception_try_read32((uintptr_t)stack, &value, NULL));
	caches_shrink(GFP_KERNEL, 0);
	end();
}
