/* SPDX-License-Identifier: MIT */
/*
 * The fuzzing: libFuzzer makes inputs up, the sanitizers and the checks of tests/host/plan_harness.h
 * judge what the firmware's code makes of them. One program for each kind of input:
 *
 *	fuzz_tree      a device tree blob
 *	fuzz_cmdline   boot arguments, for a tree that has something for each of them
 *	fuzz_both      both: a length of two bytes, that many bytes of boot arguments, a blob
 *	fuzz_ranges    a description of buses, from which an undamaged tree is made: the walk before
 *	               memory and the questions after it must translate addresses alike
 *
 * What was worth keeping lies in tests/fuzz/corpus/NAME and is run first.
 */
#ifndef STRATA_TESTS_FUZZ_H
#define STRATA_TESTS_FUZZ_H

#include "../host/plan_harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One of the three splits, the same for the same input. */
static inline uint32_t page_offset_for(size_t size)
{
	return 0x40000000U * (1 + (uint32_t)(size % 3));
}

#endif
