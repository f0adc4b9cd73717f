/* SPDX-License-Identifier: MIT */
#ifndef STRATA_BOOT_PROBE_H
#define STRATA_BOOT_PROBE_H

#include "lib/types.h"

/*
 * Touch the ends of each free range of RAM below `limit`, as far as they are mapped, through the
 * linear map and past the caches: a tree that names RAM which the board does not have stops the boot with a line here,
 * not with an abort somewhere. What was in the words stays.
 */
void boot_probe_lowmem(uint64_t limit);

#endif
