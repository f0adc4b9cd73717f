/* SPDX-License-Identifier: MIT */
#include "mm/phys/page.h"

#include "mm/phys/zone.h"

_Static_assert((VMEMMAP_ALIGN & (VMEMMAP_ALIGN - 1)) == 0 &&
		       VMEMMAP_ALIGN >= sizeof(struct page) << PAGE_ORDER_MAX,
	       "page_buddy flips a bit of the address");
_Static_assert(1U << PAGE_ORDER_MAX <= VMEMMAP_UNIT_PAGES, "a block never leaves what is backed");
_Static_assert(NR_PAGE_ORDERS <= FREE_LISTS && PAGE_ORDER_MAX <= PAGE_ORDER_MASK,
	       "an order fits its field");

uint32_t page_boot_number;
uint8_t pageblock_types[1U << (20 - PAGE_ORDER_MAX)];

const char *const migrate_type_names[MIGRATE_TYPES] = {
	[MIGRATE_UNMOVABLE] = "Unmovable",     [MIGRATE_MOVABLE] = "Movable",
	[MIGRATE_RECLAIMABLE] = "Reclaimable", [MIGRATE_HIGHATOMIC] = "HighAtomic",
	[MIGRATE_ISOLATE] = "Isolate",
};

static const char *const page_type_names[PAGE_TYPES] = {
	[PAGE_NONE] = "nothing",      [PAGE_HOLE] = "hole",
	[PAGE_RESERVED] = "reserved", [PAGE_FREE] = "free",
	[PAGE_CACHED] = "per-CPU",    [PAGE_ALLOCATED] = "allocated",
	[PAGE_SLAB] = "slab",         [PAGE_QUARANTINED] = "quarantined",
};

const char *page_type_name(uint32_t flags)
{
	uint32_t type = flags & PAGE_TYPE_MASK;

	return type < PAGE_TYPES ? page_type_names[type] : "damaged";
}

const char *page_migrate_name(uint32_t flags)
{
	uint32_t migrate = (flags >> PAGE_MIGRATE_SHIFT) & PAGE_MIGRATE_MASK;

	return migrate < MIGRATE_TYPES ? migrate_type_names[migrate] : "damaged";
}

void *page_address(const struct page *page)
{
	uint32_t pfn = page_to_pfn(page);

	return zones_is_lowmem(pfn) ? phys_to_virt((phys_addr_t)PFN_PHYS(pfn)) : NULL;
}

struct page *page_block_head(uint32_t pfn)
{
	struct page *head = pfn_to_page(ALIGN_DOWN(pfn, 1U << PAGE_ORDER_MAX));

	if (page_type(head) == PAGE_NONE)
		return NULL;
	for (unsigned int order = PAGE_ORDER_MAX; page_order(head) < order; order--)
		if (pfn & (1U << (order - 1)))
			head = pfn_to_page(ALIGN_DOWN(pfn, 1U << (order - 1)));
	return head;
}
