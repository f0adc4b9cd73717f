/* SPDX-License-Identifier: MIT */
/*
 * Two neighbouring words with one instruction, LDRD (ARM DDI 0406C A8.8.72), which the compiler does
 * not use by itself for words that it wants one by one.
 *
 *	LOAD_PAIR(top, key, &mine->stack, "r2", "r3");
 *
 * declares top and key. The registers are an even one and the next; two pairs that live at the same
 * time have different ones. None of them may be the index register of the address, which the core does
 * not define and the assembler warns of: warnings are errors (Makefile).
 */
#ifndef STRATA_ARCH_PAIR_H
#define STRATA_ARCH_PAIR_H

#include "lib/types.h"

struct word_pair {
	uintptr_t first, second;
} __attribute__((aligned(2 * sizeof(uintptr_t))));

#define LOAD_PAIR(first_, second_, pair_, even_, odd_) \
	register uintptr_t first_ __asm__(even_);      \
	register uintptr_t second_ __asm__(odd_);      \
	__asm__("ldrd %0, %1, %2" : "=r"(first_), "=r"(second_) : "Uq"(*(pair_)))

/*
 * A value that the compiler knows nothing about from here on, above all not that it equals another
 * that it would then use instead, at the price of an instruction.
 */
#define OPAQUE(value_) __asm__("" : "+r"(value_))

#endif
