/* SPDX-License-Identifier: MIT */
/*
 * Findings: what is wrong with a device tree, by code.
 *
 * boot/findings.def words each one once. Whoever sees one while booting raises it: it becomes a
 * line of the boot log and is remembered, so that dtlint shows it again without having been told
 * twice and without the boot paying for the checks of dtlint.
 */
#ifndef STRATA_BOOT_FINDING_H
#define STRATA_BOOT_FINDING_H

#include "boot/early/tree.h"

enum finding_code {
#define FINDING(code, name, severity, sentence) FINDING_##code,
#include "boot/findings.def"
#undef FINDING
	FINDING_CODES,
};

/* In place of a node; other values are offsets in the blob. */
#define FINDING_MEMRESERVE  UINT32_MAX
#define FINDING_DEVICE_TREE (UINT32_MAX - 1)
#define FINDING_MEMORY      (UINT32_MAX - 2)
#define FINDING_CHOSEN      (UINT32_MAX - 3)

#define FINDINGS_MAX        96
#define FINDING_LINE_MAX    512

struct finding {
	enum finding_code code;
	uint32_t node;
	uint64_t a, b;    /* what $a and $b stand for */
	const char *name; /* what $n stands for; NULL where there is none; lives as the blob */
};

/* Log it as a warning and remember it, up to FINDINGS_MAX. */
void finding_raise(const void *blob, const struct finding *finding);

/* The usual kind: two numbers. */
void finding_raise_at(const void *blob, enum finding_code code, uint32_t node, uint64_t a,
		      uint64_t b);

/* Those that were remembered, in their order. */
const struct finding *finding_list(unsigned int *count);

/* How many came after those: they were logged only. */
unsigned int finding_list_left_out(void);

/* Forget them: for host programs that boot more than once. */
void finding_reset(void);

/* "PATH: SENTENCE", without newline, cut to `bytes`. Control characters become '?'. */
void finding_text(const struct finding *finding, const void *blob, char *text, size_t bytes);

/* "SEVERITY: PATH: SENTENCE [NAME]", the line of dtlint. */
void finding_line(const struct finding *finding, const void *blob, char *line, size_t bytes);

#endif
