/* SPDX-License-Identifier: MIT */
/*
 * Copying bytes that may begin anywhere. memcpy goes byte by byte when the two are not as far from a word's
 * start, for it may be called for Device memory; what devices are given seldom is aligned.
 */
#ifndef STRATA_LIB_COPY_H
#define STRATA_LIB_COPY_H

#include <string.h>

#include "lib/types.h"

/* Wherever they begin: ARMv7 loads words of Normal memory from any address. */
struct __attribute__((packed, may_alias)) copy_chunk {
	uint32_t words[8];
};

/* Normal memory; the two do not overlap. */
static inline void copy_bytes(void *to, const void *from, size_t bytes)
{
	char *target = to;
	const char *source = from;

	for (; bytes >= sizeof(struct copy_chunk); bytes -= sizeof(struct copy_chunk)) {
		*(struct copy_chunk *)target = *(const struct copy_chunk *)source;
		target += sizeof(struct copy_chunk);
		source += sizeof(struct copy_chunk);
		__asm__ volatile("" ::: "memory"); /* or the loop becomes a call of memcpy */
	}
	memcpy(target, source, bytes);
}

#endif
