/* SPDX-License-Identifier: MIT */
/*
 * DMA on the host: page_harness's machine with kmalloc, windows to highmem, a cache in front of memory,
 * and what the hooks are told.
 */
#ifndef STRATA_TESTS_DMA_HARNESS_H
#define STRATA_TESTS_DMA_HARNESS_H

#include "cache_double.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/map.h"
#include "object_harness.h"

#define RAM_BASE     PFN_PHYS(HARNESS_BASE_PFN)
#define DMA_BYTES    (16ULL << 20)
#define NORMAL_BYTES (16ULL << 20)
#define HIGH_BYTES   (8ULL << 20)
#define RAM_BYTES    (DMA_BYTES + NORMAL_BYTES + HIGH_BYTES)

/* That machine, nothing registered, no pool, no dma_debug, the options as without arguments. */
void dma_start(void);

/* A pool of so many bytes at the end of ZONE_DMA, or anywhere. */
struct bounce_pool *dma_pool_at(uint64_t phys, size_t bytes);
struct bounce_pool *dma_pool_low(size_t bytes);

/* A device that reaches the first 2^bits bytes of RAM, seen from bus address 0; registered. */
void dma_make_device(struct dma_device *device, unsigned int bits, bool coherent);

/* Give a boot parameter this value. False: it was refused. */
bool dma_param(const char *name, const char *value);

/* What was told since dma_start. */
extern unsigned int dma_refusals_told, dma_misuses_told;
extern struct dma_refusal dma_last_refusal;
extern struct dma_misuse dma_last_misuse;

/* Exactly one refusal (misuse) of this kind since the last look. */
void dma_expect_refusal(enum dma_refusal_reason reason);
void dma_expect_misuse(enum dma_misuse_kind kind);

/* Nothing is mapped, no slot is taken, nothing was told, no mistake with the cache, no window open. */
void dma_check_idle(const struct dma_device *device);

#endif
