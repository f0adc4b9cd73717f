/* SPDX-License-Identifier: MIT */
/*
 * Which page frame belongs to which zone: a pure function.
 *
 * The firmware calls it at boot, the desktop planner compiles the same file, the tests compare it
 * with what Linux 6.1 printed for hundreds of recorded inputs. It touches nothing but its
 * arguments: the caller turns the answer into memblock marks, log lines and zones.
 *
 *	ram_base                  dma end              lowmem end                       RAM end
 *	   |--------- DMA ------------|------ Normal -------|---- HighMem ----|--- Movable ---|
 *
 * Each zone begins where the one below ends; holes and no-map pieces count in spanned, no-map
 * pieces also in present. Nothing is aligned but Movable's start (4 MiB).
 */
#ifndef STRATA_MM_PHYS_ZONE_LAYOUT_H
#define STRATA_MM_PHYS_ZONE_LAYOUT_H

#include "lib/types.h"

enum zone_type { ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, MAX_NR_ZONES };

/* Fixed points of the kernel's address space; VMALLOC_END as in the kernels with 760/1784/2808. */
#define VMALLOC_END           0xff000000U
#define VMALLOC_GAP_BYTES     SZ_8M /* between the end of lowmem and vmalloc: catches overruns */
#define VMALLOC_DEFAULT_BYTES (240U * SZ_1M)
#define VMALLOC_MIN_BYTES     SZ_16M
#define LOWMEM_MIN_BYTES      SZ_32M /* vmalloc= leaves at least this much */
#define PAGEBLOCK_PAGES       1024U  /* 4 MiB; Movable begins on a multiple */

/*
 * What lowmem= and highmem=all leave besides struct pages and page tables. The first 4 MiB hold the
 * first page and the image, 2 MiB above the RAM base; they count whole, so that the planner, which
 * does not know how large the image is, comes to the same. To work with there are four blocks of the
 * largest order: with less, a kmalloc of 4 MiB fails as soon as a page lies in each.
 */
#define LOWMEM_IMAGE_BYTES SZ_4M
#define LOWMEM_WORK_BYTES  SZ_16M

#define DMA_LIMIT_NONE     UINT64_MAX

/*
 * A piece of RAM. Pieces are sorted and disjoint; neighbours may touch. A page that no piece has
 * whole, because an odd no-map region begins or ends in it, is not present: a hole.
 */
struct layout_range {
	uint64_t base;
	uint64_t end;
	bool no_map;
};

enum core_size_kind {
	CORE_SIZE_NONE,    /* not given */
	CORE_SIZE_BYTES,   /* kernelcore=512M */
	CORE_SIZE_PERCENT, /* kernelcore=40% */
	CORE_SIZE_MIRROR,  /* kernelcore=mirror: no such memory on ARM */
};

struct core_size {
	enum core_size_kind kind;
	uint64_t value; /* bytes or percent */
};

enum lowmem_kind {
	LOWMEM_MOST,  /* not given: all that split and vmalloc= allow */
	LOWMEM_SIZE,  /* lowmem=64M */
	LOWMEM_LEAST, /* highmem=all: as little as the boot can do with */
};

struct lowmem_size {
	enum lowmem_kind kind;
	uint64_t bytes; /* from the RAM base */
};

struct zone_layout_input {
	const struct layout_range *ranges;
	unsigned int range_count;
	/* Usable RAM that nobody has reserved, sorted and disjoint: what the boot can take its own
	 * memory from. Only for the least of lowmem; pieces that touch do not make a block. */
	const struct layout_range *free_ranges;
	unsigned int free_count;
	uint64_t ram_base;      /* start of the lowest /memory range, rounded up to 2 MiB */
	uint32_t page_offset;   /* CONFIG_PAGE_OFFSET: the split */
	uint64_t vmalloc_bytes; /* as asked for; VMALLOC_DEFAULT_BYTES otherwise */
	struct lowmem_size lowmem;
	uint64_t dma_limit_bytes; /* counted from ram_base, or DMA_LIMIT_NONE */
	struct core_size kernelcore;
	struct core_size movablecore;
};

/* Why a boundary lies where it lies. */
enum layout_reason {
	REASON_NOTHING,       /* the zone is empty */
	REASON_RAM_START,     /* first page of RAM */
	REASON_RAM_END,       /* last page of RAM */
	REASON_DMA_LIMIT,     /* RAM base + DMA limit */
	REASON_VMALLOC_LIMIT, /* what the vmalloc area leaves of kernel addresses */
	REASON_LOWMEM_ASKED,  /* lowmem= */
	REASON_LOWMEM_LEAST,  /* the least that the boot needs: highmem=all, or lowmem= was less */
	REASON_BANK_END,      /* the last bank that starts below the limit of lowmem ends there */
	REASON_NO_MAP,        /* usable RAM below the limit of lowmem ends at a no-map piece */
	REASON_LOWMEM_END,    /* where lowmem ends */
	REASON_ZONE_BELOW,    /* where the zone below ends */
	REASON_MOVABLE_START, /* ZONE_MOVABLE takes over */
	REASON_KERNELCORE,    /* kernelcore= used up, rounded up to 4 MiB */
	REASON_MOVABLECORE,   /* movablecore= counted from the top, rounded up to 4 MiB */
};

/* What became of kernelcore= and movablecore=. */
enum movable_outcome {
	MOVABLE_NOT_ASKED,
	MOVABLE_PLACED,
	MOVABLE_MIRROR,     /* kernelcore=mirror: none, this machine has no mirrored memory */
	MOVABLE_CORE_ZERO,  /* nothing would be left to the kernel: none */
	MOVABLE_ASKED_ZERO, /* what was asked for comes to less than a page, as if not asked: none
			     */
	MOVABLE_CORE_ALL,   /* the kernel's share covers all memory: none */
	MOVABLE_PAST_END,   /* the rounded start lies at or past the end of the zone to be cut: none
			     */
};

enum vmalloc_outcome {
	VMALLOC_AS_ASKED,
	VMALLOC_RAISED,  /* to VMALLOC_MIN_BYTES */
	VMALLOC_LOWERED, /* so that LOWMEM_MIN_BYTES and the gap remain */
};

/* What became of lowmem= and highmem=all. */
enum lowmem_outcome {
	LOWMEM_NOT_ASKED,
	LOWMEM_AS_ASKED,
	LOWMEM_NO_EFFECT, /* lowmem ends there or lower without it */
	LOWMEM_RAISED,    /* to what the boot needs, or to all there is when that is less */
};

struct zone_span {
	uint32_t start_pfn;     /* meaningful when spanned_pages > 0; 0 otherwise */
	uint32_t spanned_pages; /* holes included */
	uint32_t present_pages; /* holes not, no-map pieces included */
	enum layout_reason start_reason;
	enum layout_reason end_reason;
};

struct zone_layout {
	uint64_t vmalloc_bytes; /* as granted */
	enum vmalloc_outcome vmalloc_outcome;
	uint64_t vmalloc_limit; /* physical: lowmem never reaches above */
	uint64_t lowmem_limit;  /* physical: nor above this; less than that one only if asked for */
	enum lowmem_outcome lowmem_outcome;
	uint64_t lowmem_end; /* physical, half-open */
	enum layout_reason lowmem_reason;
	uint64_t lowmem_most_end;  /* where it would end without lowmem= and highmem=all */
	uint64_t lowmem_least_end; /* what the boot needs lies below; on 4 MiB or lowmem_most_end */
	uint32_t vmalloc_start;    /* virtual */

	/* The piece at the start of usable RAM that is lost because it does not begin on 2 MiB;
	 * size 0: none. The caller marks it no-map: it stays present and spanned, it is never
	 * managed. It may lie over no-map pieces and holes. */
	uint64_t lost_head_base;
	uint64_t lost_head_size;

	/* Limits before Movable is cut out ("Zone ranges" of the boot log), [start, end) as pfn. */
	uint32_t arch_start_pfn[MAX_NR_ZONES];
	uint32_t arch_end_pfn[MAX_NR_ZONES];

	struct zone_span zones[MAX_NR_ZONES];
	uint32_t movable_start_pfn; /* 0: no Movable */
	enum movable_outcome movable_outcome;
	enum zone_type movable_zone; /* the zone that Movable is cut from */
};

/* The name that Linux gives a zone: DMA, Normal, HighMem, Movable. */
extern const char *const zone_names[MAX_NR_ZONES];

/*
 * Compute the layout. Every field of *layout is written. With no usable RAM at all every zone is
 * empty and lowmem_end equals ram_base; with usable RAM but none below the vmalloc limit
 * lowmem_end equals ram_base and all is HighMem. Rules: Linux 6.1 arch/arm/mm/mmu.c and
 * mm/page_alloc.c as observed (see docs/layout.md), percentages without Linux's 32-bit wrap.
 */
void zone_layout_compute(const struct zone_layout_input *input, struct zone_layout *layout);

#endif
