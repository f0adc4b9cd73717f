/* SPDX-License-Identifier: MIT */
/*
 * Stand-in for the header of this name that Linux's memblock tests include: Strata's own types.
 */
#ifndef LINUX_MEMBLOCK_TYPES_H
#define LINUX_MEMBLOCK_TYPES_H

#include "lib/types.h"

#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif

#endif
