/* SPDX-License-Identifier: MIT */
/*
 * memblock: what physical memory there is and which of it is taken, before there is a page
 * allocator; and the allocator of that time.
 *
 * Two lists of ranges: `memory` (all RAM that was announced) and `reserved` (what is in use, RAM or
 * not). Free is what lies in the first and not in the second. Names, fields and behaviour are those
 * of Linux 6.1's memblock, so knowledge and tests carry over; the code is its own.
 *
 * What it is not: no locks (one core, before threads), no printing, no objects below a byte range,
 * and no hand-over to the page allocator; that one walks the iterators below by itself.
 *
 * Units. Addresses and sizes are physical bytes of any alignment. Ranges are half-open, and none
 * reaches past PHYS_ADDR_MAX: a size that would is cut, so the very last byte of the address space
 * cannot be described (nor can the last page of 4 GiB be allocated). Alignments are powers of two.
 *
 * Always true, for each of the two types (memblock_validate walks them):
 * - regions[0..cnt) are sorted by base, disjoint and not empty;
 * - two that touch differ in flags or node, otherwise they would have been merged;
 * - total_size is the sum of their sizes;
 * - 1 <= cnt <= max; a type without ranges has cnt 1 and an all-zero regions[0];
 * - an array that outgrew its first INIT_MEMBLOCK_REGIONS entries is itself reserved.
 *
 * Failure. Calls that return int give 0 or a negative errno; the only one is -ENOMEM: the array is
 * full and must not grow (see memblock_allow_resize) or there is no memory to grow into. Calls that
 * return an address give 0 or NULL. Whatever failed has changed nothing.
 */
#ifndef STRATA_MM_PHYS_MEMBLOCK_H
#define STRATA_MM_PHYS_MEMBLOCK_H

#include "lib/types.h"

/* Entries of the first arrays, as in Linux; they grow. A test may want fewer. */
#ifndef INIT_MEMBLOCK_REGIONS
#define INIT_MEMBLOCK_REGIONS 128
#endif

/* Nodes: one, unless the build says otherwise as Linux's CONFIG_NUMA builds do. */
#ifndef MAX_NUMNODES
#ifdef CONFIG_NODES_SHIFT
#define MAX_NUMNODES (1 << CONFIG_NODES_SHIFT)
#else
#define MAX_NUMNODES 1
#endif
#endif
#ifndef NUMA_NO_NODE
#define NUMA_NO_NODE (-1)
#endif

/*
 * Default alignment of an allocation: a line of the Cortex-A7's data cache. Elsewhere what Linux's
 * memblock tests are written for; they need a line that is smaller than their 64-byte pieces.
 */
#ifndef SMP_CACHE_BYTES
#ifdef __arm__
#define SMP_CACHE_BYTES 64
#else
#define SMP_CACHE_BYTES 32
#endif
#endif

/* What memblock_alloc_low stays below. */
#ifndef ARCH_LOW_ADDRESS_LIMIT
#define ARCH_LOW_ADDRESS_LIMIT 0xffffffffUL
#endif

/* Upper bounds with a meaning; any other value is an address. */
#define MEMBLOCK_ALLOC_ANYWHERE    (~(phys_addr_t)0)
#define MEMBLOCK_ALLOC_ACCESSIBLE  0 /* memblock.current_limit */
#define MEMBLOCK_ALLOC_NOLEAKTRACE 1 /* the same: nothing traces leaks here */

#define MEMBLOCK_LOW_LIMIT         0

enum memblock_flags {
	MEMBLOCK_NONE = 0x0,
	MEMBLOCK_HOTPLUG = 0x1,        /* may be unplugged */
	MEMBLOCK_MIRROR = 0x2,         /* held twice by the hardware */
	MEMBLOCK_NOMAP = 0x4,          /* RAM that must stay out of the linear map */
	MEMBLOCK_DRIVER_MANAGED = 0x8, /* announced by a driver: not for general use */
};

struct memblock_region {
	phys_addr_t base;
	phys_addr_t size;
	enum memblock_flags flags;
	int nid; /* ignored while MAX_NUMNODES is 1; kept so that a region is 16 bytes */
};

struct memblock_type {
	unsigned long cnt;      /* regions in use, at least 1 */
	unsigned long max;      /* room in the array */
	phys_addr_t total_size; /* bytes in all regions */
	struct memblock_region *regions;
	const char *name;
};

struct memblock {
	bool bottom_up;            /* allocate from low addresses; from high ones otherwise */
	phys_addr_t current_limit; /* MEMBLOCK_ALLOC_ACCESSIBLE ends here */
	struct memblock_type memory;
	struct memblock_type reserved;
};

/* Read freely; change only through the calls below. */
extern struct memblock memblock;

/*
 * Two switches that Linux keeps elsewhere, false unless somebody defines or sets them:
 * movable_node_enabled keeps allocations out of hotpluggable memory; without mirrored_kernelcore
 * memblock_mark_mirror does nothing.
 */
extern bool movable_node_enabled;
extern bool mirrored_kernelcore;

static inline bool memblock_is_hotpluggable(const struct memblock_region *region)
{
	return region->flags & MEMBLOCK_HOTPLUG;
}

static inline bool memblock_is_mirror(const struct memblock_region *region)
{
	return region->flags & MEMBLOCK_MIRROR;
}

static inline bool memblock_is_nomap(const struct memblock_region *region)
{
	return region->flags & MEMBLOCK_NOMAP;
}

static inline bool memblock_is_driver_managed(const struct memblock_region *region)
{
	return region->flags & MEMBLOCK_DRIVER_MANAGED;
}

static inline void memblock_set_region_node(struct memblock_region *region, int nid)
{
	if (MAX_NUMNODES > 1)
		region->nid = nid;
}

static inline int memblock_get_region_node(const struct memblock_region *region)
{
	return MAX_NUMNODES > 1 ? region->nid : 0;
}

/*
 * --- Describing memory -------------------------------------------------------------------------
 *
 * An added range may overlap what is there: only the missing parts are added, with the flags and
 * node given; parts already present keep theirs. Without a node the node is MAX_NUMNODES.
 */
int memblock_add(phys_addr_t base, phys_addr_t size);
int memblock_add_node(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags);
int memblock_reserve(phys_addr_t base, phys_addr_t size);

/* Forget the range in `memory` or in `reserved`. What was never there does not matter. */
int memblock_remove(phys_addr_t base, phys_addr_t size);
int memblock_phys_free(phys_addr_t base, phys_addr_t size);

/* memblock_phys_free by linear address; NULL does nothing. A failure leaves the range reserved. */
void memblock_free(void *ptr, size_t size);

/*
 * Set or clear a flag on those parts of the range that are memory, splitting regions at its ends
 * and merging where neighbours have become alike.
 */
int memblock_mark_hotplug(phys_addr_t base, phys_addr_t size);
int memblock_clear_hotplug(phys_addr_t base, phys_addr_t size);
int memblock_mark_mirror(phys_addr_t base, phys_addr_t size);
int memblock_mark_nomap(phys_addr_t base, phys_addr_t size);
int memblock_clear_nomap(phys_addr_t base, phys_addr_t size);

/* The same for the node; with one node it does nothing. type: &memblock.memory or .reserved. */
int memblock_set_node(phys_addr_t base, phys_addr_t size, struct memblock_type *type, int nid);

/* Shrink every memory region to whole multiples of align; what becomes empty is removed. */
void memblock_trim_memory(phys_addr_t align);

/*
 * mem=: keep the lowest `limit` bytes of memory (no-map counts) and drop what lies above, from both
 * types. 0, or more than there is, changes nothing.
 */
void memblock_enforce_memory_limit(phys_addr_t limit);

/* The same, but no-map memory above stays. */
void memblock_mem_limit_remove_map(phys_addr_t limit);

/*
 * Drop all memory outside the range except no-map memory, which stays whole, and all reservations
 * outside it. Size 0, or no memory at all, changes nothing.
 */
void memblock_cap_memory_range(phys_addr_t base, phys_addr_t size);

/*
 * From now on a full array is replaced by one of twice the size (or more), whose page-aligned
 * memory memblock takes from itself, below current_limit and, as a rule, outside the range that is
 * being added, removed or marked. To be called once every range that must not be overwritten is
 * reserved and memory up to current_limit can be written through phys_to_virt.
 */
void memblock_allow_resize(void);

/*
 * What is free belongs to the page allocator from now on: every allocation fails, the arrays do not
 * grow any more. The lists stay as they are, for whoever asks.
 */
void memblock_hand_over(void);

/*
 * --- Allocating ---------------------------------------------------------------------------------
 *
 * An allocation is a reserved piece of free memory: [start, end) bounds it, the direction is
 * memblock.bottom_up, align 0 means SMP_CACHE_BYTES. Never chosen: the first page of the address
 * space, no-map and driver-managed memory, hotpluggable memory under movable_node_enabled. A node
 * other than NUMA_NO_NODE is preferred; mirrored memory is preferred once some was marked. Size 0
 * gives an address and reserves nothing. The caller owns the memory until it frees the range.
 */
static inline void memblock_set_bottom_up(bool enable)
{
	memblock.bottom_up = enable;
}

static inline bool memblock_bottom_up(void)
{
	return memblock.bottom_up;
}

void memblock_set_current_limit(phys_addr_t limit);
phys_addr_t memblock_get_current_limit(void);

/* Physical address, contents as found; 0: nothing fits. exact_nid: no other node will do. */
phys_addr_t memblock_alloc_range_nid(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				     phys_addr_t end, int nid, bool exact_nid);
phys_addr_t memblock_phys_alloc_range(phys_addr_t size, phys_addr_t align, phys_addr_t start,
				      phys_addr_t end);
phys_addr_t memblock_phys_alloc_try_nid(phys_addr_t size, phys_addr_t align, int nid);

static inline phys_addr_t memblock_phys_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_phys_alloc_range(size, align, 0, MEMBLOCK_ALLOC_ACCESSIBLE);
}

/*
 * Linear address, never above current_limit; NULL: nothing fits. When nothing fits above min_addr,
 * that bound is given up. The _raw calls leave the contents as found, the others zero them.
 */
void *memblock_alloc_try_nid(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
			     phys_addr_t max_addr, int nid);
void *memblock_alloc_try_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				 phys_addr_t max_addr, int nid);
void *memblock_alloc_exact_nid_raw(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr,
				   phys_addr_t max_addr, int nid);

static inline void *memblock_alloc(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_raw(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid_raw(size, align, MEMBLOCK_LOW_LIMIT,
					  MEMBLOCK_ALLOC_ACCESSIBLE, NUMA_NO_NODE);
}

static inline void *memblock_alloc_from(phys_addr_t size, phys_addr_t align, phys_addr_t min_addr)
{
	return memblock_alloc_try_nid(size, align, min_addr, MEMBLOCK_ALLOC_ACCESSIBLE,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_low(phys_addr_t size, phys_addr_t align)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, ARCH_LOW_ADDRESS_LIMIT,
				      NUMA_NO_NODE);
}

static inline void *memblock_alloc_node(phys_addr_t size, phys_addr_t align, int nid)
{
	return memblock_alloc_try_nid(size, align, MEMBLOCK_LOW_LIMIT, MEMBLOCK_ALLOC_ACCESSIBLE,
				      nid);
}

/*
 * --- Asking ---------------------------------------------------------------------------------- */

phys_addr_t memblock_phys_mem_size(void); /* bytes of memory, no-map included */
phys_addr_t memblock_reserved_size(void);
phys_addr_t memblock_start_of_DRAM(void); /* 0 without memory */
phys_addr_t memblock_end_of_DRAM(void);

bool memblock_is_memory(phys_addr_t addr);
bool memblock_is_map_memory(phys_addr_t addr); /* memory and not no-map */
bool memblock_is_reserved(phys_addr_t addr);

/* The whole range lies in one memory region; parts with different flags are different regions. */
bool memblock_is_region_memory(phys_addr_t base, phys_addr_t size);
/* Some part of the range is reserved. */
bool memblock_is_region_reserved(phys_addr_t base, phys_addr_t size);

/* An empty range overlaps what it lies strictly inside of. */
unsigned long memblock_addrs_overlap(phys_addr_t base1, phys_addr_t size1, phys_addr_t base2,
				     phys_addr_t size2);
bool memblock_overlaps_region(struct memblock_type *type, phys_addr_t base, phys_addr_t size);

/* The region that holds the page: its node and, rounded down, its ends. -1, nothing written: none.
 */
int memblock_search_pfn_nid(unsigned long pfn, unsigned long *start_pfn, unsigned long *end_pfn);

/* NULL, or a sentence that names the first broken rule of the list at the top of this file. */
const char *memblock_validate(void);

/*
 * --- Walking -----------------------------------------------------------------------------------
 *
 * Whole pages of a region: outwards for a reservation, inwards for memory (an end below the start
 * means: not one whole page).
 */
static inline unsigned long memblock_pfn_down(phys_addr_t addr)
{
	return (unsigned long)(addr >> PAGE_SHIFT);
}

static inline unsigned long memblock_pfn_up(phys_addr_t addr)
{
	return memblock_pfn_down(addr) + ((addr & (PAGE_SIZE - 1)) != 0);
}

static inline unsigned long memblock_region_memory_base_pfn(const struct memblock_region *region)
{
	return memblock_pfn_up(region->base);
}

static inline unsigned long memblock_region_memory_end_pfn(const struct memblock_region *region)
{
	return memblock_pfn_down(region->base + region->size);
}

static inline unsigned long memblock_region_reserved_base_pfn(const struct memblock_region *region)
{
	return memblock_pfn_down(region->base);
}

static inline unsigned long memblock_region_reserved_end_pfn(const struct memblock_region *region)
{
	return memblock_pfn_up(region->base + region->size);
}

/* The regions themselves, ascending; a type without ranges shows its one empty region. */
#define for_each_mem_region(region)              \
	for ((region) = memblock.memory.regions; \
	     (region) < memblock.memory.regions + memblock.memory.cnt; (region)++)

#define for_each_reserved_mem_region(region)       \
	for ((region) = memblock.reserved.regions; \
	     (region) < memblock.reserved.regions + memblock.reserved.cnt; (region)++)

/*
 * The ranges of type_a that are not in type_b (NULL: all of them), ascending or descending. i is a
 * 64-bit unsigned cursor of the caller's, p_start, p_end and p_nid are where a range goes (each may
 * be NULL). Memory is filtered: by nid, unless NUMA_NO_NODE; no-map and driver-managed memory (and
 * hotpluggable memory under movable_node_enabled) is shown only when flags names it; flags with
 * MEMBLOCK_MIRROR shows mirrored memory only. No range is empty. A whole walk visits each region
 * once. Changing a type while walking it may skip or repeat ranges.
 */
#define __for_each_mem_range(i, type_a, type_b, nid, flags, p_start, p_end, p_nid)            \
	for ((i) = memblock_next_range(0, nid, flags, type_a, type_b, p_start, p_end, p_nid); \
	     (i) != MEMBLOCK_WALK_END;                                                        \
	     (i) = memblock_next_range(i, nid, flags, type_a, type_b, p_start, p_end, p_nid))

#define __for_each_mem_range_rev(i, type_a, type_b, nid, flags, p_start, p_end, p_nid)             \
	for ((i) = memblock_next_range_rev(MEMBLOCK_WALK_END, nid, flags, type_a, type_b, p_start, \
					   p_end, p_nid);                                          \
	     (i) != MEMBLOCK_WALK_END;                                                             \
	     (i) = memblock_next_range_rev(i, nid, flags, type_a, type_b, p_start, p_end, p_nid))

/* Memory, reserved or not, but not no-map. */
#define for_each_mem_range(i, p_start, p_end)                         \
	__for_each_mem_range(i, &memblock.memory, NULL, NUMA_NO_NODE, \
			     MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, p_start, p_end, NULL)

#define for_each_mem_range_rev(i, p_start, p_end)                         \
	__for_each_mem_range_rev(i, &memblock.memory, NULL, NUMA_NO_NODE, \
				 MEMBLOCK_HOTPLUG | MEMBLOCK_DRIVER_MANAGED, p_start, p_end, NULL)

#define for_each_reserved_mem_range(i, p_start, p_end)                                          \
	__for_each_mem_range(i, &memblock.reserved, NULL, NUMA_NO_NODE, MEMBLOCK_NONE, p_start, \
			     p_end, NULL)

/* Memory that is not reserved. */
#define for_each_free_mem_range(i, nid, flags, p_start, p_end, p_nid)                             \
	__for_each_mem_range(i, &memblock.memory, &memblock.reserved, nid, flags, p_start, p_end, \
			     p_nid)

#define for_each_free_mem_range_reverse(i, nid, flags, p_start, p_end, p_nid)                  \
	__for_each_mem_range_rev(i, &memblock.memory, &memblock.reserved, nid, flags, p_start, \
				 p_end, p_nid)

/*
 * Whole pages of memory regions, ascending, regions without one left out; nid MAX_NUMNODES means
 * any node. i is an int of the caller's.
 */
#define for_each_mem_pfn_range(i, nid, p_start, p_end, p_nid)                            \
	for ((i) = -1, __next_mem_pfn_range(&(i), nid, p_start, p_end, p_nid); (i) >= 0; \
	     __next_mem_pfn_range(&(i), nid, p_start, p_end, p_nid))

/*
 * One step of the walks above. The cursor goes in and comes out by value: the caller's variable may
 * be any 64-bit unsigned type. It holds an index into type_a (low half) and one into the gaps of
 * type_b.
 */
#define MEMBLOCK_WALK_END UINT64_MAX

uint64_t memblock_next_range(uint64_t cursor, int nid, enum memblock_flags flags,
			     const struct memblock_type *type_a, const struct memblock_type *type_b,
			     phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid);
uint64_t memblock_next_range_rev(uint64_t cursor, int nid, enum memblock_flags flags,
				 const struct memblock_type *type_a,
				 const struct memblock_type *type_b, phys_addr_t *out_start,
				 phys_addr_t *out_end, int *out_nid);
void __next_mem_pfn_range(int *idx, int nid, unsigned long *out_start_pfn,
			  unsigned long *out_end_pfn, int *out_nid);

/* The same steps under Linux's names and with its pointer. */
static inline void __next_mem_range(uint64_t *idx, int nid, enum memblock_flags flags,
				    struct memblock_type *type_a, struct memblock_type *type_b,
				    phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	*idx = memblock_next_range(*idx, nid, flags, type_a, type_b, out_start, out_end, out_nid);
}

static inline void __next_mem_range_rev(uint64_t *idx, int nid, enum memblock_flags flags,
					struct memblock_type *type_a, struct memblock_type *type_b,
					phys_addr_t *out_start, phys_addr_t *out_end, int *out_nid)
{
	*idx = memblock_next_range_rev(*idx, nid, flags, type_a, type_b, out_start, out_end,
				       out_nid);
}

#endif
