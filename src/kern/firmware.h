/* SPDX-License-Identifier: MIT */
/* What the boot firmware itself says, where a driver can ask it. boot compares it with the tree. */
#ifndef STRATA_KERN_FIRMWARE_H
#define STRATA_KERN_FIRMWARE_H

#include "lib/types.h"

/* The memory that is left to the ARM cores. */
struct firmware_memory {
	bool known;
	uint64_t base;
	uint64_t bytes;
	/* The answer is about memory below this only; the firmware has no words for what is above. */
	uint64_t speaks_below;
};

/* Filled by a driver's probe. */
extern struct firmware_memory firmware_memory;

#endif
