/* SPDX-License-Identifier: MIT */
#include "arch/context.h"

#include "arch/irqflags.h"

#include <string.h>

/* What context.S pushes, from sp up. */
struct saved_context {
	uint32_t r3;
	uint32_t r4_to_r11[8];
	uint32_t lr;
};

extern char context_begin[];

uintptr_t context_prepare(uintptr_t top, void (*function)(void *argument), void *argument)
{
	struct saved_context *saved = (struct saved_context *)top - 1;

	*saved = (struct saved_context){
		.r4_to_r11 = { (uint32_t)(uintptr_t)function, (uint32_t)(uintptr_t)argument },
		.lr = (uint32_t)(uintptr_t)context_begin,
	};
	return (uintptr_t)saved;
}

void context_registers(uintptr_t sp, struct unwind_registers *registers)
{
	const struct saved_context *saved = (const struct saved_context *)sp;

	memset(registers, 0, sizeof(*registers));
	memcpy(&registers->r[4], saved->r4_to_r11, sizeof(saved->r4_to_r11));
	registers->r[13] = (uint32_t)(uintptr_t)(saved + 1);
	registers->r[15] = saved->lr;
}

void context_wait_for_interrupt(void)
{
	irqsoff_stretch_ends();
	asm volatile("dsb sy\n\twfi" ::: "memory");
	irqsoff_stretch_begins();
}
