/* SPDX-License-Identifier: MIT */
/*
 * What runs between the boot loader's jump and the linked address: reading the tree, choosing and
 * taking the image's place, the first page tables. Called from head.S with the MMU and the data
 * cache off, at whatever address the image was loaded.
 *
 * Such code is compiled position-independent. It reaches its data relative to the program counter,
 * so it may not keep a pointer in a table, and it may not read unaligned words: with the MMU off
 * all memory is Strongly-ordered (ARM DDI 0406C A3.2.1).
 */
#ifndef STRATA_BOOT_EARLY_EARLY_H
#define STRATA_BOOT_EARLY_EARLY_H

#include "boot/early/tree.h"

#pragma GCC visibility push(hidden)

/* From RAM base to the image; the linker script says the same. */
#define IMAGE_OFFSET SZ_2M

/* Why the image did not go to RAM base + 2 MiB. */
enum place_outcome {
	PLACE_AS_PLANNED,
	PLACE_NO_TREE,  /* no usable tree, or none of its banks: RAM base was guessed */
	PLACE_NOT_RAM,  /* RAM base + 2 MiB, for the image's length, is not RAM */
	PLACE_SILENT,   /* nothing keeps what is written there, whatever the tree says */
	PLACE_NO_MAP,   /* a no-map region lies there */
	PLACE_TOO_HIGH, /* it would reach into the kernel's windows below 4 GiB */
	PLACE_NO_ROOM,  /* nowhere to put what lies in the way, or the image itself on its way */
};

/* Facts of the boot, gathered early and read by everybody later. */
struct boot_info {
	uint32_t entry_r1;
	uint32_t entry_r2;
	uint32_t entry_cpsr;
	uint32_t load_phys;  /* where the boot loader had put the image */
	uint32_t image_phys; /* where it runs: ram_base + IMAGE_OFFSET */
	uint32_t image_bytes;
	uint32_t ram_base;  /* of the linear map */
	uint32_t place;     /* enum place_outcome; when not PLACE_AS_PLANNED the boot must stop */
	uint32_t blob_phys; /* 0 bytes in tree.blob_bytes: none */
	uint32_t blob_from; /* where it was before it had to move; equal to blob_phys if it did not
			     */
	uint32_t initrd_phys;
	uint32_t initrd_bytes;
	uint32_t initrd_from;
	uint32_t hops; /* how often the image moved */
	struct boot_tree tree;
};

extern struct boot_info boot_info;

/* A range of physical addresses that something occupies. */
struct early_range {
	uint64_t base;
	uint64_t size;
};

/*
 * The lowest page-aligned place for `size` bytes in the tree's banks, at or above `from` and below
 * 4 GiB, that overlaps neither a region that the tree reserves nor any of busy[0..busy_count).
 * UINT64_MAX: there is none.
 */
uint64_t early_find_place(const struct boot_tree *tree, const void *blob,
			  const struct early_range *busy, unsigned int busy_count, uint64_t from,
			  uint64_t size);

/*
 * Read the tree (at r2, or for a boot without r2 at the start of RAM), choose the image's place and
 * move blob and initrd out of it. Fills boot_info.
 */
void early_read(uint32_t load_phys, uint32_t r1, uint32_t r2, uint32_t cpsr);

/* Where the image, now at `here`, goes next; `here` itself when it has arrived. */
uint32_t early_next_place(uint32_t here);

/*
 * Build kernel_tables for the image at `here`: the image where it is linked and, for the jump there,
 * where it is; the blob's window; vectors and fixmap. Returns their physical address.
 */
uint32_t early_tables(uint32_t here);

#pragma GCC visibility pop

#endif
