/* SPDX-License-Identifier: MIT */
/*
 * What a device can reach: the one answer that mapping, coherent memory, pools and the reports ask for.
 *
 * A device puts bus addresses on its bus. Two things limit them, and an access must pass both:
 *
 *	windows   what its bus leads where: `dma-ranges` of the tree from the device up to the root, joined;
 *	          none: bus address and CPU address are the same
 *	mask      the address lines that the device itself has: the highest bus address it can name
 *
 *	CPU physical   40000000 ---- RAM ---- 80000000
 *	                    \ window: + 80000000
 *	bus            c0000000 ------------ 100000000
 *	mask                ...dfffffff                  reached: 40000000 to 5fffffff
 *
 * `N bits` in dma_limit= and simdma= means 2^N bytes counted from the bus address of the first byte of
 * RAM; a mask set by a driver, and SIZE@BUSADDR, are absolute.
 */
#ifndef STRATA_MM_DMA_DEVICE_H
#define STRATA_MM_DMA_DEVICE_H

#include "lib/types.h"

typedef uint32_t dma_addr_t; /* a bus address; what lies above 4 GiB no 32-bit RAM is seen at */
#define DMA_MAPPING_ERROR ((dma_addr_t)~0U)
#define DMA_BIT_MASK(n)   ((n) >= 64 ? ~0ULL : (1ULL << (n)) - 1)

#define DMA_WINDOWS_MOST  8U

struct dma_reach_window {
	uint64_t phys; /* CPU address of its first byte */
	uint64_t bytes;
	uint64_t bus; /* bus address of its first byte */
};

struct bounce_pool;
struct device;

struct dma_device {
	const char *name; /* the node's path, or the driver's word; lives as long as the device */

	/* Set before dma_device_register, or by dma_set_mask and its kin. */
	uint64_t mask; /* for streaming mappings; highest bus address as 2^n - 1, or any number */
	uint64_t coherent_mask; /* for dma_alloc_coherent and dma_pool */

	/* Set before dma_device_register. */
	bool coherent;         /* it sees the caches: no maintenance, cached memory */
	bool cut_off;          /* no bus above passes anything on: it reaches nothing */
	uint32_t window_count; /* 0: no translation */
	struct dma_reach_window windows[DMA_WINDOWS_MOST];
	/* Limits pretended by dma_limit=: a narrower mask, and a window of bus addresses. */
	uint64_t limit_first_bus, limit_last_bus; /* 0 and UINT64_MAX: none */

	/* Kept by mm/dma. */
	struct dma_device *next;               /* of all registered */
	uint32_t live_mappings, live_coherent; /* changed by atomic operations */
	/*
	 * Lowmem that the device reaches under its mask and that needs nothing else done: the piece that
	 * most mappings lie in. 0 bytes where there is always something to do.
	 */
	phys_addr_t direct_phys;
	size_t direct_bytes;
	dma_addr_t direct_bus;
	struct bounce_pool *pool; /* the one that it reaches whole under its mask; NULL: none */
};

/* --- devices --------------------------------------------------------------------------------- */

/* A device of this name: masks of 32 bits, no window, no limit, not coherent, not registered. */
void dma_device_init(struct dma_device *device, const char *name);

/*
 * Make a device known: what dma_limit= says of its name and dma_coherent=off take effect, its mappings
 * are counted, reports show it. The struct is the caller's and stays until dma_device_unregister. May
 * be repeated after windows or pools changed. In threads.
 */
void dma_device_register(struct dma_device *device);

/* The driver goes: what it still has mapped is told to dma_misuse_hook (mm/dma/debug.h). */
void dma_device_unregister(struct dma_device *device);

/* The DMA side of a device of the tree, during its probe or later by its path, alias or node name (of
 * registered ones, by their names too). NULL: there is none of that name, or no memory. In threads. */
struct dma_device *dma_device_of(const struct device *device);
struct dma_device *dma_device_find(const char *name);

/* Who can read the tree: src/boot sets them. The second of a name; each registers what it makes. */
extern struct dma_device *(*dma_device_of_node_hook)(const void *blob, int node);
extern struct dma_device *(*dma_device_by_name_hook)(const char *name);

/* All registered ones, through ->next. Changes only when one is registered or unregistered. */
struct dma_device *dma_devices(void);

/*
 * dma_limit=DEVICE: said this of the device: narrow it. RAM's first byte, for lines that count from
 * there. Before dma_device_register, which does it for rules that have the device's own name.
 */
struct dma_limit_rule;
void dma_device_limit(struct dma_device *device, const struct dma_limit_rule *rule,
		      uint64_t ram_base);

/* Windows that end past 2^64 on either side are cut, empty ones go. dma_device_register does it. */
void dma_device_tidy(struct dma_device *device);

/* What depends on mask, windows, pools and options, anew: for this room. */
void dma_device_update(struct dma_device *device);

/* The mask for streaming mappings, as far as dma_addr_t goes. */
static inline uint64_t dma_streaming_mask(const struct dma_device *device)
{
	return device->mask < DMA_BIT_MASK(32) ? device->mask : DMA_BIT_MASK(32);
}

/* --- reach ----------------------------------------------------------------------------------- */

/*
 * Whether the device reaches every byte of [phys, phys + bytes) with bus addresses up to `mask`, in one
 * piece: neighbouring windows that do not continue each other's bus addresses do not join. On true
 * *bus is the bus address of the first byte. Of no bytes, or of a range that wraps: false.
 */
bool dma_reaches(const struct dma_device *device, uint64_t phys, uint64_t bytes, uint64_t mask,
		 uint64_t *bus);

/* Whether it reaches all RAM in [start, end): every piece whole; holes between banks need not be reached. */
bool dma_reaches_ram(const struct dma_device *device, uint64_t start, uint64_t end, uint64_t mask);

/* The way back: the CPU address of a bus address; false: no window shows it. */
bool dma_phys_of_bus(const struct dma_device *device, uint64_t bus, uint64_t *phys);

/* What the device would put on its bus for a CPU address, whatever it reaches; false: no window has it. */
bool dma_bus_of_phys(const struct dma_device *device, uint64_t phys, uint64_t *bus);

/*
 * The highest zone whose every page the device reaches under `mask`, with all zones below, as GFP
 * flags (0, __GFP_DMA or __GFP_HIGHMEM); -1: not even the lowest zone is reached whole, so pages must
 * be taken by range (dma_reach_range gives the lowest range of lowmem that is reached in one piece).
 */
int dma_zone_for(const struct dma_device *device, uint64_t mask);
bool dma_reach_range(const struct dma_device *device, uint64_t mask, uint64_t *first_phys,
		     uint64_t *end_phys);

/* The part of [phys, end) that one window shows under the mask; window 0 where there is none. False:
 * nothing, or no such window. *bus is of the part's first byte. */
bool dma_window_part(const struct dma_device *device, uint32_t window, uint64_t mask,
		     uint64_t *phys, uint64_t *end, uint64_t *bus);

#endif
