/* SPDX-License-Identifier: MIT */
/* The double of arch/pair.h for the host: two loads. */
#ifndef STRATA_ARCH_PAIR_H
#define STRATA_ARCH_PAIR_H

#include "lib/types.h"

struct word_pair {
	uintptr_t first, second;
} __attribute__((aligned(2 * sizeof(uintptr_t))));

#define LOAD_PAIR(first_, second_, pair_, even_, odd_) \
	uintptr_t first_ = (pair_)->first;             \
	uintptr_t second_ = (pair_)->second

#define OPAQUE(value_) ((void)(value_))

#endif
