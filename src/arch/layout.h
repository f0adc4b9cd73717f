/* SPDX-License-Identifier: MIT */
/*
 * The kernel's address space. Fixed points; PAGE_OFFSET comes from the split.
 *
 *	0xffff0000              exception vectors
 *	0xffc80000-0xfff00000   fixmap: early device windows, per-CPU kmap_local slots
 *	0xff800000-0xffc00000   the device tree blob, read-only
 *	0xff000000-0xff800000   spare
 *	      ...-0xff000000    vmalloc and ioremap, after a gap of 8 MiB
 *	PAGE_OFFSET-...         linear map of lowmem
 *	PAGE_OFFSET-4M          pkmap: windows of kmap
 *	PAGE_OFFSET-16M         spare
 *	PAGE_OFFSET-32M         vmemmap: struct page of each frame of the 4 GiB space
 *	below                   user space
 */
#ifndef STRATA_ARCH_LAYOUT_H
#define STRATA_ARCH_LAYOUT_H

#include "lib/types.h"

#define VECTORS_BASE    0xffff0000U
#define FIXMAP_BASE     0xffc80000U
#define FIXMAP_END      0xfff00000U
#define BLOB_WINDOW     0xff800000U
#define BLOB_WINDOW_END 0xffc00000U
#define PKMAP_BASE      (CONFIG_PAGE_OFFSET - SZ_4M)
#define VMEMMAP_BASE    (CONFIG_PAGE_OFFSET - SZ_32M)
#define VMEMMAP_END     (CONFIG_PAGE_OFFSET - SZ_16M)
#define VMEMMAP_ALIGN   SZ_16M /* so that the struct pages of a block lie aligned to its size */

#endif
