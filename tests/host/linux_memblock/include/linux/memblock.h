/* SPDX-License-Identifier: MIT */
/* Stand-in: the memblock under test is Strata's. */
#ifndef LINUX_MEMBLOCK_MEMBLOCK_H
#define LINUX_MEMBLOCK_MEMBLOCK_H

#include <linux/types.h>
#include "mm/phys/memblock.h"

#endif
