/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a megabyte are in use, for mm/dma/coherent.c. A run begins at a multiple of the power of
 * two that holds it. Its first page has a second bit, so that a wrong free is seen.
 */
#ifndef STRATA_MM_DMA_COHERENT_MAP_H
#define STRATA_MM_DMA_COHERENT_MAP_H

#include "lib/types.h"

#define COHERENT_PAGES 256U
#define COHERENT_WORDS (COHERENT_PAGES / 32)

struct coherent_map {
	uint32_t used[COHERENT_WORDS];
	uint32_t firsts[COHERENT_WORDS];
};

/* A place for 2^order pages, order 0 to 8; COHERENT_PAGES: there is none. */
uint32_t coherent_map_find(const struct coherent_map *map, unsigned int order);

/* Take a run; false: a page of it is in use, and nothing was done. */
bool coherent_map_claim(struct coherent_map *map, uint32_t first, uint32_t pages);

/* Give a run as it was taken; false: it is none, and nothing was done. */
bool coherent_map_release(struct coherent_map *map, uint32_t first, uint32_t pages);

#endif
