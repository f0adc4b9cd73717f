/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables that lie in the image. Everything that must be mapped before memory can
 * be allocated has its second-level table here; all others come from a supplier.
 *
 * Built once by early_tables with the MMU off, changed by arch/arm/mmu.c from then on.
 */
#ifndef STRATA_ARCH_ARM_TABLES_H
#define STRATA_ARCH_ARM_TABLES_H

#include "arch/layout.h"
#include "lib/types.h"

#define L1_ENTRIES 4096U
#define L2_ENTRIES 256U
#define L2_BYTES   (L2_ENTRIES * 4U)

/* Megabytes that the image may touch; the linker script refuses a larger one. */
#define IMAGE_TABLES 2
#define BLOB_TABLES  ((BLOB_WINDOW_END - BLOB_WINDOW) / SECTION_SIZE)

/* A table's base is its address in the first level, so each is aligned to its size. */
struct kernel_tables {
	uint32_t first[L1_ENTRIES];
	uint32_t image[IMAGE_TABLES][L2_ENTRIES];
	uint32_t blob[BLOB_TABLES][L2_ENTRIES];
	uint32_t fixmap[L2_ENTRIES];  /* the megabyte of FIXMAP_BASE */
	uint32_t vectors[L2_ENTRIES]; /* the megabyte of VECTORS_BASE */
};

#pragma GCC visibility push(hidden)
extern struct kernel_tables kernel_tables;
#pragma GCC visibility pop

#endif
