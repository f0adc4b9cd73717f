/* SPDX-License-Identifier: MIT */
/* The linear map of lowmem and the vmemmap, built once from memblock. */
#ifndef STRATA_MM_VIRT_LINEAR_MAP_H
#define STRATA_MM_VIRT_LINEAR_MAP_H

#include "lib/types.h"

/*
 * Map all memory below lowmem_end that is not no-map, in two steps. First whole sections, which need
 * no memory for tables: afterwards the caller may look whether the RAM is there. Then small pages
 * where a megabyte is not wholly mappable or holds the image, which keeps its own rights, with
 * tables from the longest run of the first step. After both, memblock allocates below lowmem_end and
 * its arrays may grow. False: no memory for tables, some of lowmem is not mapped.
 */
void linear_map_sections(uint64_t lowmem_end, uint32_t image_phys, uint32_t image_bytes);
bool linear_map_rest(uint64_t lowmem_end, uint32_t image_phys, uint32_t image_bytes);

/*
 * Back the struct pages of every 4 MiB that touches RAM with memory from memblock, the rest with a
 * page of zeros. Backed struct pages hold whatever RAM held. False: lowmem is too small for them.
 */
bool vmemmap_init(void);

#endif
