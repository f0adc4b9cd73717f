/* SPDX-License-Identifier: MIT */
#include "mm/phys/gfp.h"

#define CLASS(flags, zone_, migrate_) \
	[flags] = { .valid = true, .zone = zone_, .migrate = migrate_ }

/* The three migrate types that a zone's requests can have. */
#define CLASSES_OF(flags, zone)                                        \
	CLASS(flags, zone, MIGRATE_UNMOVABLE),                         \
		CLASS((flags) | __GFP_MOVABLE, zone, MIGRATE_MOVABLE), \
		CLASS((flags) | __GFP_RECLAIMABLE, zone, MIGRATE_RECLAIMABLE)

const struct gfp_class gfp_classes[GFP_CLASSES] = {
	CLASSES_OF(0, ZONE_NORMAL),
	CLASSES_OF(__GFP_DMA, ZONE_DMA),
	/* Only what is movable and may be highmem may be in Movable. */
	CLASS(__GFP_HIGHMEM, ZONE_HIGHMEM, MIGRATE_UNMOVABLE),
	CLASS(__GFP_HIGHMEM | __GFP_MOVABLE, ZONE_MOVABLE, MIGRATE_MOVABLE),
	CLASS(__GFP_HIGHMEM | __GFP_RECLAIMABLE, ZONE_HIGHMEM, MIGRATE_RECLAIMABLE),
};
