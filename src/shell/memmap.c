/* SPDX-License-Identifier: MIT */
/* memmap: physical memory as a picture of characters. tools/zoneplan reads it back (--live). */
#include <inttypes.h>
#include <string.h>

#include "lib/bits.h"
#include "lib/size.h"
#include "mm/phys/page_map.h"
#include "mm/phys/zone.h"
#include "shell/command.h"

#define LINE_CHARACTERS 64U

/* A line: its first address, its zone, and a character for each so many pages. */
static uint32_t print_line(uint32_t pfn, uint32_t end_pfn, const char *zone, uint32_t unit_pages)
{
	char text[LINE_CHARACTERS + 1];
	unsigned int length = 0;
	uint32_t at = pfn;

	while (at < end_pfn && length < LINE_CHARACTERS) {
		uint32_t next = min_u32(ALIGN_DOWN(at, unit_pages) + unit_pages, end_pfn);
		struct page_use use;

		page_use_count(at, next, &use);
		text[length++] = page_use_letter(&use);
		at = next;
	}
	text[length] = '\0';
	console_printf("0x%08" PRIx64 " %-8s |%s|\n", (uint64_t)PFN_PHYS(pfn), zone, text);
	return at;
}

static void memmap(int argc, char **argv)
{
	uint64_t unit_bytes = SECTION_SIZE;
	const char *text = argc > 1 ? argv[1] : "1M";

	if (argc > 2 || !parse_size(&text, &unit_bytes) || *text != '\0' ||
	    unit_bytes < PAGE_SIZE || unit_bytes > SZ_256M ||
	    (unit_bytes & (unit_bytes - 1)) != 0) {
		console_printf(
			"memmap: expects what a character stands for, a power of two from 4K "
			"to 256M, such as memmap 64K\n");
		return;
	}
	console_printf(
		"memmap: a character is %" PRIu64 " KiB: . free, R reserved, U unmovable, "
		"M movable, E reclaimable,\n"
		"  H highatomic, I isolated, x quarantined, blank no RAM; small letters: more "
		"than half is free\n",
		unit_bytes >> 10);
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct zone_span *span = &zones[zone].span;
		uint32_t pfn = span->start_pfn, end_pfn = pfn + span->spanned_pages;

		while (pfn < end_pfn)
			pfn = print_line(pfn, end_pfn, zone_names[zone],
					 (uint32_t)(unit_bytes >> PAGE_SHIFT));
	}
}

SHELL_COMMAND(memmap, memmap, "[SIZE]",
	      "draw physical memory: what is free, taken, and of which kind");
