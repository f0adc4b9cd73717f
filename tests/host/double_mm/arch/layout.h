/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/layout.h for the host: vmemmap is where the harness put it, aligned as on the
 * target. Struct pages of all 4 GiB are there; those that the firmware would not back are zero.
 */
#ifndef STRATA_ARCH_LAYOUT_H
#define STRATA_ARCH_LAYOUT_H

#include "lib/types.h"

extern uintptr_t double_vmemmap;

#define VMEMMAP_BASE  double_vmemmap
#define VMEMMAP_ALIGN SZ_16M

#endif
