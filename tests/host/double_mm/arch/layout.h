/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/layout.h for the host: vmemmap is where the harness put it, aligned as on the
 * target. Struct pages of all 4 GiB are there; those that the firmware would not back are zero. Windows
 * are above the linear map, as the fixmap is on the target.
 */
#ifndef STRATA_ARCH_LAYOUT_H
#define STRATA_ARCH_LAYOUT_H

#include "lib/types.h"

extern uintptr_t double_vmemmap;

#define VMEMMAP_BASE  double_vmemmap
#define VMEMMAP_ALIGN SZ_16M
#define DOUBLE_LINEAR 0x2000c0000000UL
#define FIXMAP_BASE   0x300000080000UL
#define FIXMAP_END    0x300000100000UL
#define PKMAP_BASE    0x300000400000UL

#endif
