/* SPDX-License-Identifier: MIT */
/*
 * Bounce pools: memory that a device reaches, for the time that it needs what lies where it does not.
 *
 *	buffer, out of reach         pool, within reach
 *	+----------------+   map    +----+----+----+----+----+----+
 *	| bytes          | -------> |    | r  u  n |    |         |    the device works on the run
 *	+----------------+ <------- +----+----+----+----+----+----+
 *	                    unmap
 *
 * A pool is cut into slots of BOUNCE_SLOT_BYTES. A mapping takes a run of neighbours, at most
 * BOUNCE_RUN_MOST; each slot says whose it is, since when and for what, so that one that never comes
 * back has a name.
 *
 * Finding a run and filling it in goes on with interrupts as they are; the lock is held for as long as
 * it takes to look at a run's bits and to set them. Who finds them taken looks on.
 *
 * Invariant: a slot's bit is set exactly while a run has it; used_slots counts them.
 */
#ifndef STRATA_MM_DMA_BOUNCE_H
#define STRATA_MM_DMA_BOUNCE_H

#include "kern/spinlock.h"
#include "mm/dma/map.h"

/* Linux's figures: a slot holds a network packet, a run one large request of a disk. */
#define BOUNCE_SLOT_BYTES 2048U
#define BOUNCE_RUN_MOST   128U

/* swiotlb= within these; without it 1/64 of ZONE_DMA is. */
#define BOUNCE_POOL_LEAST (SZ_1M / 4)
#define BOUNCE_POOL_MOST  SZ_4M

struct bounce_slot {
	uint32_t first; /* of the run that it belongs to, while its bit is set */
	/* Of the first slot of a run. device NULL: being taken, or given back. */
	struct dma_device *device;
	phys_addr_t original;
	size_t bytes;
	uint32_t run_slots;
	enum dma_data_direction direction;
	uintptr_t caller;
	uint64_t taken_ns; /* clock_ns */
};

struct bounce_pool {
	const char *name; /* whose it is, or "swiotlb" */
	phys_addr_t phys;
	size_t bytes;
	uint32_t slot_count;
	struct bounce_slot *slots;
	struct bounce_pool *next;
	uint32_t cursor; /* where to look first; a hint */

	struct spinlock lock;
	/* Guarded by the lock when written. */
	uint32_t *bits; /* a slot each, set: taken */
	uint32_t used_slots, used_slots_most;
	uint32_t taken_runs;   /* since boot */
	uint32_t refused_runs; /* no run was free */
};

/* What a pool of so many bytes needs besides, for its slots' records. */
size_t bounce_pool_record_bytes(size_t bytes);

/*
 * Make a pool of [phys, phys + bytes), which is reserved RAM, of whole pages. The struct and the record
 * memory (zeroed) are given to it until bounce_pool_remove. Devices registered already: dma_device_update. In threads.
 */
void bounce_pool_add(struct bounce_pool *pool, const char *name, phys_addr_t phys, size_t bytes,
		     void *records);

/* Take it away again: no slot is taken, and whoever may bounce through it is updated first thing after. */
void bounce_pool_remove(struct bounce_pool *pool);

/* All pools, through ->next; the one that holds a physical address; the first that a device reaches
 * whole under its streaming mask. NULL: none. */
struct bounce_pool *bounce_pools(void);
struct bounce_pool *bounce_pool_of(uint64_t phys);
struct bounce_pool *bounce_pool_for(const struct dma_device *device);

/* Forget them: for host programs that have more than one machine. */
void bounce_pools_reset(void);

/*
 * Take a run for `bytes` of `original`, not copied yet; from PAGE_SIZE on, it begins with a page. Fills
 * *phys. False: they are more than a run holds, or no run is free. Never waits.
 */
bool bounce_take(struct bounce_pool *pool, const struct bounce_slot *wanted, phys_addr_t *phys);

/* Whether [phys, phys + bytes) is in one run, and the run's first slot. */
const struct bounce_slot *bounce_find(const struct bounce_pool *pool, phys_addr_t phys,
				      size_t bytes);

/* The physical address of a run's first byte. */
phys_addr_t bounce_phys(const struct bounce_pool *pool, const struct bounce_slot *first);

/* Copy a part of a run, from its original or back. False: no window (mm/dma/touch.h). */
bool bounce_fill(const struct bounce_pool *pool, const struct bounce_slot *first, size_t offset,
		 size_t bytes);
bool bounce_drain(const struct bounce_pool *pool, const struct bounce_slot *first, size_t offset,
		  size_t bytes);

/* Give a run back. */
void bounce_give(struct bounce_pool *pool, const struct bounce_slot *first);

/* --- for people ------------------------------------------------------------------------------ */

struct bounce_snapshot {
	uint32_t slots, used_slots, used_slots_most, largest_free_run;
	uint32_t taken_runs, refused_runs;
};

void bounce_snapshot(const struct bounce_pool *pool, struct bounce_snapshot *snapshot);

/* The next run at slot *number or behind; *number becomes the slot after it. False: there is none. */
bool bounce_run_snapshot(const struct bounce_pool *pool, uint32_t *number,
			 struct bounce_slot *first);

/* NULL, or a sentence about a pool whose counts and bits disagree. Nobody may map meanwhile. */
const char *bounce_check(void);

#endif
