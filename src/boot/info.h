/* SPDX-License-Identifier: MIT */
/* Facts of this boot, at the linked address. */
#ifndef STRATA_BOOT_INFO_H
#define STRATA_BOOT_INFO_H

#include "arch/layout.h"
#include "boot/early/early.h"

/* The blob, read-only, in its window; only while boot_info.tree.blob_bytes is not 0. */
static inline const void *boot_blob(void)
{
	return (const void *)(uintptr_t)(BLOB_WINDOW + (boot_info.blob_phys & (SECTION_SIZE - 1)));
}

/* The clock when alloc_pages had served its first page. */
extern uint64_t boot_first_page_ticks;

/* Linker script: the parts of the image. */
extern char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __image_end[];

#endif
