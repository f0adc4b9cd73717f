/* SPDX-License-Identifier: MIT */
/*
 * Fixmap: windows of one page at addresses known when compiling, for devices that are needed before
 * ioremap works.
 */
#ifndef STRATA_MM_VIRT_FIXMAP_H
#define STRATA_MM_VIRT_FIXMAP_H

#include "lib/types.h"

#define FIXMAP_SLOT_BYTES (2 * PAGE_SIZE) /* a guard page behind each window */

#define KMAP_LOCAL_DEPTH  8
#define KMAP_OWN_DEPTH    2 /* the page allocator's own: whom a handler interrupts, the handler */
#define KMAP_SLOTS        (KMAP_LOCAL_DEPTH + KMAP_OWN_DEPTH)

enum fixmap_slot {
	FIX_CONSOLE, /* the console's UART, as long as the system runs */
	FIX_PROBE,   /* closed again after each look */
	FIX_POWER,   /* the device that switches the board off */
	FIX_KMAP,    /* kmap_local_page: KMAP_SLOTS for each core */
	FIX_KMAP_END = FIX_KMAP + CONFIG_NR_CPUS * KMAP_SLOTS - 1,
	FIXMAP_SLOTS,
};

/*
 * Open a slot on the device page that holds phys, read-write, and return the address of phys in it.
 * What the slot showed before is unmapped first. Cannot fail.
 */
volatile void *fixmap_open(enum fixmap_slot slot, phys_addr_t phys);

/* The same for a page of RAM that no other mapping shows as anything but ordinary memory. */
void *fixmap_open_memory(enum fixmap_slot slot, phys_addr_t phys);

/* Close a slot; closing a closed one is harmless. */
void fixmap_close(enum fixmap_slot slot);

/* Where a slot's page is, for who opens and closes it by itself, and for people. */
uintptr_t fixmap_address(enum fixmap_slot slot);

/* What an open slot shows. False: it is closed, and *phys is untouched. */
bool fixmap_shows(enum fixmap_slot slot, phys_addr_t *phys);

/* "console" and so on; whether it stays open as long as the system runs. */
const char *fixmap_name(enum fixmap_slot slot);
bool fixmap_stays_open(enum fixmap_slot slot);

#endif
