/* SPDX-License-Identifier: MIT */
#include "mm/virt/page_tables.h"

#include "arch/linear.h"
#include "arch/mmu.h"
#include "mm/obj/object.h"
#include "mm/obj/slab.h"
#include "mm/phys/page.h"

#define TABLE_BYTES 1024U

static struct kmem_cache *tables;

phys_addr_t table_take(void)
{
	/* Under locks with interrupts masked: it may not wait. */
	void *table = kmem_cache_alloc(tables, GFP_ATOMIC);

	return table != NULL ? virt_to_phys(table) : 0;
}

/* Static tables and those from memblock lie in pages that no cache has. */
static bool owns_table(phys_addr_t table)
{
	const struct page *page = phys_to_page(table);

	return page_type(page) == PAGE_SLAB && slab_cache_name(page) == kmem_cache_name(tables);
}

static void give_table(phys_addr_t table)
{
	kmem_cache_free(tables, phys_to_virt(table));
}

void page_tables_init(void)
{
	tables = kmem_cache_create("pgtable", TABLE_BYTES, TABLE_BYTES, SLAB_PANIC, NULL);
	mmu_set_table_owner(owns_table, give_table);
}
