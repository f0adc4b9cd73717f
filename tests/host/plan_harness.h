/* SPDX-License-Identifier: MIT */
/*
 * The firmware's way from a tree and its boot arguments to the plan, for host programs that walk it
 * thousands of times: state is reset, fatal() comes back, and what must hold whatever the input
 * says is checked. Used by the memory test and by the fuzzing.
 */
#ifndef STRATA_TESTS_PLAN_HARNESS_H
#define STRATA_TESTS_PLAN_HARNESS_H

#include <setjmp.h>

#include "boot/plan.h"

#define IMAGE_BYTES 0x40000U

/* The tree at hand, in a malloc of exactly its size, and what was made of it. */
extern void *blob;
extern struct boot_tree tree;
extern struct boot_plan plan;

/* All that was logged since the reset, fatal()'s text at the end. */
extern char logged[16384];

/* fatal() jumps here while may_stop is set and is a failure otherwise. */
extern jmp_buf stopped;
extern bool may_stop;

/* The program's own way to fail. */
void harness_failed(const char *file, int line, const char *what) __attribute__((noreturn));

#define HARNESS_CHECK(condition)                                        \
	do {                                                            \
		if (!(condition))                                       \
			harness_failed(__FILE__, __LINE__, #condition); \
	} while (0)

/* Memblock and all boot parameters as at power-on; the log empty. */
void harness_reset(void);

/* Make `built`, a malloc, the tree at hand; the one before is freed. */
void harness_take(void *built);

/* The same with a copy, whose header says no more bytes than there are. */
void harness_take_copy(const void *bytes, size_t count);

/* Parse boot arguments; `length` bytes, no NUL needed. */
void harness_parse(const char *arguments, size_t length);

/* Fill memblock from the tree for an image at RAM base + IMAGE_OFFSET, and check it. */
void harness_fill(uint64_t ram_base);

/* From the blob to the plan, asking the tree whatever anybody asks later. Whether there is one. */
bool harness_plan(const char *arguments, size_t length, uint32_t page_offset);

/* harness_plan from a reset, fatal() being an answer like others. */
enum harness_end { ENDED_WITHOUT_PLAN, ENDED_PLANNED, ENDED_FATAL };
enum harness_end harness_run(const char *arguments, size_t length, uint32_t page_offset);

void harness_check_memblock(void);

/* Zones follow each other, span at least what they have, and have what memblock has. */
void harness_check_layout(void);

/* A tree with something for every rule. */
extern const char kitchen_sink[];

#endif
