/* SPDX-License-Identifier: MIT */
/*
 * The plan: memblock and the boot arguments in, zones out, with the lines that say so. The firmware
 * and the desktop planner run the same file.
 */
#ifndef STRATA_BOOT_PLAN_H
#define STRATA_BOOT_PLAN_H

#include "boot/early/tree.h"
#include "mm/phys/dma_limit.h"
#include "mm/phys/zone_layout.h"

#define BOOT_POOLS_MAX 8

/* Memory that bounces what a device does not reach (mm/dma/bounce.h), reserved in memblock. */
struct boot_pool {
	uint64_t base, bytes;
	char name[128]; /* "swiotlb", or whose alone it is */
};

struct boot_plan {
	uint64_t ram_base;
	uint32_t page_offset;
	struct dma_limit dma;
	struct zone_layout layout;
	char lowmem_asked[32]; /* "lowmem=64M", "highmem=all"; empty: neither */
	char lowmem_why[96];   /* why lowmem ends where these two end it */
	struct boot_pool pools[BOOT_POOLS_MAX];
	unsigned int pool_count;
};

/*
 * Compute the plan from memblock as boot_memory_init left it, and mark in memblock what the layout
 * takes away (a lost head becomes no-map). Logs one line for each argument that was bent or had no
 * effect. `blob` may be NULL when there are no windows in the tree.
 */
void boot_plan_compute(const struct boot_tree *tree, const void *blob, uint64_t ram_base,
		       uint32_t page_offset, struct boot_plan *plan);

/* Log Linux's lines: zone ranges, Movable's start, memory node ranges. */
void boot_plan_log_zones(const struct boot_plan *plan);

/* Log the map of kernel addresses. */
void boot_plan_log_addresses(const struct boot_plan *plan);

/* One sentence, without a full stop, on why a zone's or lowmem's boundary lies where it lies. */
const char *boot_plan_reason(const struct boot_plan *plan, enum layout_reason reason);

/* What set the DMA limit, for people: "simdma=", "dma-ranges of /soc", ... In a static buffer. */
const char *boot_plan_dma_source(const struct boot_plan *plan, const void *blob);

#endif
