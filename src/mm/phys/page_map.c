/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_map.h"

#include "lib/bits.h"

static uint32_t *counter_of(const struct page *head, struct page_use *use)
{
	switch (page_type(head)) {
	case PAGE_FREE:
	case PAGE_CACHED:
		return &use->free_pages;
	case PAGE_ALLOCATED:
	case PAGE_SLAB:
		return &use->allocated_pages[min_u32(page_migrate_type(head), MIGRATE_ISOLATE)];
	case PAGE_QUARANTINED:
		return &use->quarantined_pages;
	case PAGE_RESERVED:
		return &use->reserved_pages;
	default:
		return &use->hole_pages;
	}
}

void page_use_count(uint32_t start_pfn, uint32_t end_pfn, struct page_use *use)
{
	*use = (struct page_use){ 0 };
	for (uint32_t pfn = start_pfn; pfn < end_pfn;) {
		const struct page *head = page_block_head(pfn);
		uint32_t block_end =
			head != NULL ? page_to_pfn(head) + (1U << page_order(head))
				     : ALIGN_DOWN(pfn, VMEMMAP_UNIT_PAGES) + VMEMMAP_UNIT_PAGES;
		uint32_t end = min_u32(block_end, end_pfn);

		if (head != NULL)
			*counter_of(head, use) += end - pfn;
		else
			use->hole_pages += end - pfn;
		pfn = end;
	}
}

char page_use_letter(const struct page_use *use)
{
	static const char letters[MIGRATE_TYPES] = { 'U', 'M', 'E', 'H', 'I' };
	uint32_t used = use->reserved_pages, most = used;
	char letter = 'R';

	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++) {
		used += use->allocated_pages[migrate];
		if (use->allocated_pages[migrate] > most) {
			most = use->allocated_pages[migrate];
			letter = letters[migrate];
		}
	}
	if (use->quarantined_pages != 0)
		return 'x';
	if (used == 0)
		return use->free_pages != 0 ? '.' : ' ';
	return used >= use->free_pages ? letter : (char)(letter + ('a' - 'A'));
}
