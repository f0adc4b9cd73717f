/* SPDX-License-Identifier: MIT */
/*
 * Short descriptors (ARM DDI 0406C B3.5.1), the bits that Strata uses.
 *
 *	        31       20 19 18 17 16 15   14 12 11 10 9 8    5  4  3 2 1 0
 *	section | base     | 0| 0|nG| S|AP2| TEX  | AP  |0|domain|XN| C|B|1|0|
 *	table   | base                           10|   0 |domain| 0| 0|0|0|1|
 *
 *	        31             12 11 10  9  8  6 5  4  3 2 1  0
 *	page    | base           |nG| S|AP2| TEX | AP | C|B|1|XN|
 *
 *	        31       16 15 14   12 11 10  9  8  6 5  4  3 2 1 0
 *	large   | base     |XN| TEX   |nG| S|AP2|  0 | AP | C|B|0|1|
 *
 * A large page is sixteen of these in a row, all the same, in entries aligned to sixteen.
 * AP2:AP = 001 privileged read-write, 101 privileged read-only; user mode gets nothing.
 */
#ifndef STRATA_ARCH_ARM_DESCRIPTOR_H
#define STRATA_ARCH_ARM_DESCRIPTOR_H

#define DESCRIPTOR_KIND 3U
#define L1_TABLE        1U
#define L1_SECTION      2U
#define L2_LARGE        1U
#define L2_PAGE         2U /* bit 0 is XN */

#define SECTION_B       (1U << 2)
#define SECTION_C       (1U << 3)
#define SECTION_XN      (1U << 4)
#define SECTION_AP_PL1  (1U << 10)
#define SECTION_TEX(n)  ((uint32_t)(n) << 12)
#define SECTION_AP_RO   (1U << 15)
#define SECTION_S       (1U << 16)
#define SECTION_BASE    0xfff00000U

#define PAGE_XN         (1U << 0)
#define PAGE_B          (1U << 2)
#define PAGE_C          (1U << 3)
#define PAGE_AP_PL1     (1U << 4)
#define PAGE_TEX(n)     ((uint32_t)(n) << 6)
#define PAGE_AP_RO      (1U << 9)
#define PAGE_S          (1U << 10)
#define PAGE_BASE       0xfffff000U
#define TABLE_BASE      0xfffffc00U

#define LARGE_XN        (1U << 15)
#define LARGE_TEX(n)    ((uint32_t)(n) << 12)
#define LARGE_BASE      0xffff0000U
#define L2_SAME         0xe3cU /* nG, S, AP2, AP, C, B: at the same place in both sizes of page */

/* TEX, C, B without TEX remap (B3.8.2). */
#define SECTION_NORMAL \
	(L1_SECTION | SECTION_TEX(1) | SECTION_C | SECTION_B | SECTION_S | SECTION_AP_PL1)
#define SECTION_NONCACHE (L1_SECTION | SECTION_TEX(1) | SECTION_S | SECTION_AP_PL1)
#define SECTION_DEVICE   (L1_SECTION | SECTION_B | SECTION_S | SECTION_AP_PL1)
#define PAGE_NORMAL      (L2_PAGE | PAGE_TEX(1) | PAGE_C | PAGE_B | PAGE_S | PAGE_AP_PL1)
#define PAGE_NONCACHE    (L2_PAGE | PAGE_TEX(1) | PAGE_S | PAGE_AP_PL1)
#define PAGE_DEVICE      (L2_PAGE | PAGE_B | PAGE_S | PAGE_AP_PL1)

#endif
