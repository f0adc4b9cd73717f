/* SPDX-License-Identifier: MIT */
/*
 * What Linux's memblock tests need from the machine: an identity linear map and, for builds whose
 * physical addresses are 32 bits wide on a 64-bit host, memory that has such addresses. Those link
 * without -pie, so that a static array lies below 4 GiB, and rename the tests' malloc and free.
 */
#include "arch/linear.h"

uintptr_t linear_offset;

void *low_malloc(size_t size);
void low_free(void *memory);

/* One block at a time, as the tests use it. */
static char low_memory[SZ_16K] __attribute__((aligned(SZ_4K)));
static bool low_memory_taken;

void *low_malloc(size_t size)
{
	if (low_memory_taken || size > sizeof(low_memory))
		return NULL;
	low_memory_taken = true;
	return low_memory;
}

void low_free(void *memory)
{
	if (memory == low_memory)
		low_memory_taken = false;
}
