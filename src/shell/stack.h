/* SPDX-License-Identifier: MIT */
/* A way through the program, one function a line, as commands print it. */
#ifndef STRATA_SHELL_STACK_H
#define STRATA_SHELL_STACK_H

#include <inttypes.h>

#include "kern/console.h"
#include "kern/symbols.h"
#include "mm/phys/page_owner.h"

static inline void print_stack(const char *what, const struct owner_stack *stack)
{
	for (uint32_t i = 0; i < stack->frames; i++)
		console_printf("  %s %s\n", i == 0 ? what : "            ",
			       symbol_text(stack->pc[i]));
}

#endif
