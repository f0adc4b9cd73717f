/* SPDX-License-Identifier: MIT */
/*
 * The page allocator on the host: a machine of a few MiB made of the firmware's own files.
 *
 * Physical memory is an arena from HARNESS_RAM_BASE on; its pages can be written through their linear
 * address, highmem's through harness_page_data. Struct pages start out as rubbish, as after a reset.
 */
#ifndef STRATA_TESTS_PAGE_HARNESS_H
#define STRATA_TESTS_PAGE_HARNESS_H

#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_check.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/page_owner.h"
#include "mm/phys/zone.h"

#define HARNESS_BASE_PFN 0x40000U

/* Zones' sizes in pages, from HARNESS_BASE_PFN up; need not be aligned to anything. */
struct harness_machine {
	uint32_t zone_pages[MAX_NR_ZONES];
	/* Pieces of it that are reserved, no-map or no RAM: first page (from the base), pages. */
	struct harness_piece {
		uint32_t first_page;
		uint32_t pages;
		enum { PIECE_RESERVED = 1, PIECE_NO_MAP, PIECE_HOLE } kind;
	} pieces[64];
};

/*
 * Make this machine and hand its memory to the page allocator: every static of it as at power-on,
 * hooks recording, watermarks by the formulas (change watermark_settings before). The first page is
 * always reserved. At most 3 GiB in all.
 */
void harness_start(const struct harness_machine *machine);

/* What pieces cannot say, such as odd bytes: called once memblock has them, unset by the start. */
extern void (*harness_more_memory)(void);

/* No watermarks and no protection from now on: everything may be used up. */
void harness_clear_watermarks(void);

/* Struct pages before the next harness_start: rubbish from this seed; 0: as the last run left them. */
void harness_dirty_struct_pages(uint32_t seed);

/* The bytes of a page, highmem or not. */
void *harness_page_data(const struct page *page);

/*
 * Whether the machine may have this frame, and the file that the frames' bytes are: who maps it at an
 * offset from HARNESS_BASE_PFN shows the same memory at another address.
 */
bool harness_has_frame(uint32_t pfn);
extern int harness_arena_file;

/* What the hooks were told since harness_start. */
extern uint32_t harness_refusals, harness_misuses;
extern struct page_refusal harness_last_refusal;
extern struct page_misuse harness_last_misuse;

/* What a backtrace finds from now on: nothing, unless a test says so. */
extern struct owner_stack harness_stack;

/* Run the walker; a broken rule fails the test with its sentence. Fills *result if given. */
void harness_check(struct page_check_result *result);

/* Pages of a zone that nobody has: on its lists, set aside or in magazines. */
uint32_t harness_spare_pages(enum zone_type zone);

/* Numbers that look random: xorshift32 from a seed that is not 0. */
uint32_t harness_random(uint32_t *state);

#endif
