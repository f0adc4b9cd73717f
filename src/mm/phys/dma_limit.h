/* SPDX-License-Identifier: MIT */
/*
 * How far into RAM every bus master can reach: the number that sizes ZONE_DMA.
 *
 * dma_zone= decides if it is given; else CONFIG_DMA_ZONE_SIZE if it is not 0; else the smallest of
 * what dma-ranges, simdma= and dma_limit= say, among those that do not cover all RAM anyway.
 * Limits count from the RAM base: 2^28 for a device of 28 address lines is 256 MiB of RAM wherever
 * RAM begins.
 */
#ifndef STRATA_MM_PHYS_DMA_LIMIT_H
#define STRATA_MM_PHYS_DMA_LIMIT_H

#include "lib/types.h"

#define DMA_LIMIT_DEVICES_MAX 8
#define DMA_LIMIT_MISSES_MAX  16

/* CPU addresses [base, end) that masters below a node with dma-ranges can reach. */
struct dma_window {
	uint64_t base;
	uint64_t end;
	uint64_t bus_base; /* the bus address that base has there, lowest 64 bits */
	uint32_t node;     /* offset in the device tree; windows of one node stand together */
};

enum dma_limit_source {
	DMA_LIMIT_FROM_NOTHING, /* everything reaches all RAM */
	DMA_LIMIT_FROM_DMA_ZONE,
	DMA_LIMIT_FROM_CONFIG,
	DMA_LIMIT_FROM_DMA_RANGES,
	DMA_LIMIT_FROM_SIMDMA,
	DMA_LIMIT_FROM_DEVICE, /* dma_limit=DEVICE:... */
};

struct dma_limit_input {
	const struct dma_window *windows;
	unsigned int window_count;
	uint64_t ram_base;
	uint64_t ram_end; /* end of the RAM in use, half-open */
	/* The bus address at which a device sees ram_base; NULL: the CPU's address, for all. */
	uint64_t (*bus_of_ram_base)(const char *device, uint64_t ram_base);
	/* Address lines of the simulated peripheral in the tree, and its node; 0: there is none. */
	unsigned int simdma_bits;
	uint32_t simdma_node;
};

/* How far, and who says so. */
struct dma_limit_candidate {
	uint64_t bytes; /* from ram_base, or DMA_LIMIT_NONE */
	enum dma_limit_source source;
	uint32_t node;      /* DMA_LIMIT_FROM_DMA_RANGES: whose; FROM_SIMDMA: the tree's, else 0 */
	const char *device; /* DMA_LIMIT_FROM_DEVICE: whose; valid as long as the boot arguments */
};

struct dma_limit {
	uint64_t bytes; /* from ram_base, or DMA_LIMIT_NONE */
	enum dma_limit_source source;
	/* What the devices alone say, whatever dma_zone= and CONFIG_DMA_ZONE_SIZE do. */
	struct dma_limit_candidate reach;

	/* Windows that leave out the RAM base set no limit; the caller says so, once for each. */
	uint32_t missing_nodes[DMA_LIMIT_MISSES_MAX];
	unsigned int missing_node_count;
	const char *missing_devices[DMA_LIMIT_DEVICES_MAX];
	unsigned int missing_device_count;
};

/* What dma_limit= says of a device. */
struct dma_limit_rule {
	const char *name; /* a path, an alias or a node's name, as it was given */
	bool is_bits;     /* lines counted from the bus address of the first byte of RAM: bytes */
	uint64_t bytes;   /* else bus addresses [first_bus, last_bus] */
	uint64_t first_bus;
	uint64_t last_bus;
};

/* One after the other, from index 0. False: there are no more. */
bool dma_limit_rule(unsigned int index, struct dma_limit_rule *rule);

/* Decide. Uses the boot parameters dma_zone=, simdma= and dma_limit= as they are at the moment. */
void dma_limit_compute(const struct dma_limit_input *input, struct dma_limit *limit);

/* Address lines of the simulated peripheral that simdma= asks for, 0: for none. */
unsigned int dma_limit_simdma_bits(void);

/* Forget the boot parameters: for host programs that plan more than once. */
void dma_limit_reset(void);

#endif
