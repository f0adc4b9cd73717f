/* SPDX-License-Identifier: MIT */
/* Bits and powers of two. All arguments that must not be 0 are never 0 by the caller's word. */
#ifndef STRATA_LIB_BITS_H
#define STRATA_LIB_BITS_H

#include "lib/types.h"

/* The number of the lowest bit that is set; bits is not 0. */
static inline unsigned int lowest_bit(uint32_t bits)
{
	return (unsigned int)__builtin_ctz(bits);
}

/* The number of the highest bit that is set; bits is not 0. */
static inline unsigned int highest_bit(uint32_t bits)
{
	return 31U - (unsigned int)__builtin_clz(bits);
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
