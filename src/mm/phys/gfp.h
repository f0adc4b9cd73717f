/* SPDX-License-Identifier: MIT */
/*
 * What a request for pages says of itself: get-free-pages flags, names and values of Linux 6.1.
 *
 * Four of the bits, the class, say which zones may serve and which migrate type the pages are; the
 * table gfp_classes has the answer for each combination:
 *
 *	DMA HIGHMEM MOVABLE RECLAIMABLE   zone of the class   migrate type
 *	 -     -       -        -          Normal              Unmovable      GFP_KERNEL, GFP_USER
 *	 x     -       -        -          DMA                 Unmovable      GFP_DMA
 *	 -     x       -        -          HighMem             Unmovable      GFP_HIGHUSER
 *	 -     x       x        -          Movable             Movable        GFP_HIGHUSER_MOVABLE
 *	 -     -       x        -          Normal              Movable
 *	 -     -       -        x          Normal              Reclaimable    GFP_KERNEL | __GFP_RECLAIMABLE
 *
 * A request may use its class's zone and all below it, the highest first. DMA with HIGHMEM, and
 * MOVABLE with RECLAIMABLE, contradict themselves: a compile error where the compiler sees it, a
 * refusal elsewhere.
 */
#ifndef STRATA_MM_PHYS_GFP_H
#define STRATA_MM_PHYS_GFP_H

#include "mm/phys/page.h"
#include "mm/phys/zone_layout.h"

typedef uint32_t gfp_t;

#define __GFP_DMA            0x01U
#define __GFP_HIGHMEM        0x02U
#define __GFP_MOVABLE        0x08U
#define __GFP_RECLAIMABLE    0x10U
#define __GFP_HIGH           0x20U /* may go to half of the min watermark */
#define __GFP_IO             0x40U
#define __GFP_FS             0x80U
#define __GFP_ZERO           0x100U
#define __GFP_ATOMIC         0x200U /* may not wait, so may take another quarter */
#define __GFP_DIRECT_RECLAIM 0x400U /* the caller may wait */
#define __GFP_KSWAPD_RECLAIM 0x800U
#define __GFP_NOWARN         0x2000U  /* no line when refused */
#define __GFP_NORETRY        0x10000U /* nothing dear is tried before refusing */
#define __GFP_COMP           0x40000U /* the block's tails stand for its head */
#define __GFP_HARDWALL       0x100000U

#define __GFP_RECLAIM        (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)

#define GFP_ATOMIC           (__GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL           (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_NOWAIT           __GFP_KSWAPD_RECLAIM
#define GFP_USER             (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_DMA              __GFP_DMA
#define GFP_HIGHUSER         (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)

#define GFP_CLASS_MASK       (__GFP_DMA | __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_RECLAIMABLE)
#define GFP_CLASSES          (GFP_CLASS_MASK + 1)

struct gfp_class {
	bool valid;          /* false: the flags contradict each other, or are not a class's */
	enum zone_type zone; /* the highest that may serve */
	enum migrate_type migrate;
};

extern const struct gfp_class gfp_classes[GFP_CLASSES];

/* Whether the flags contradict each other. For a constant the answer is one. */
static inline __attribute__((always_inline)) bool gfp_is_contradictory(gfp_t gfp)
{
	return (gfp & (__GFP_DMA | __GFP_HIGHMEM)) == (__GFP_DMA | __GFP_HIGHMEM) ||
	       (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) == (__GFP_MOVABLE | __GFP_RECLAIMABLE);
}

#endif
