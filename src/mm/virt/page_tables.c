/* SPDX-License-Identifier: MIT */
#include "mm/virt/page_tables.h"

#include "arch/irqflags.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "mm/obj/object.h"
#include "mm/obj/slab.h"
#include "mm/phys/page.h"

#define TABLE_BYTES 1024U

static struct kmem_cache *tables;

/* Ready, or given back, between table_prepare and table_settle: linked through their first words. */
static phys_addr_t spares;
static uint32_t preparing;

static void push_spare(phys_addr_t table)
{
	uint32_t irq = local_irq_save();

	*(phys_addr_t *)phys_to_virt(table) = spares;
	spares = table;
	local_irq_restore(irq);
}

static phys_addr_t pop_spare(void)
{
	uint32_t irq = local_irq_save();
	phys_addr_t table = spares;

	if (table != 0)
		spares = *(const phys_addr_t *)phys_to_virt(table);
	local_irq_restore(irq);
	return table;
}

static phys_addr_t take_from_cache(gfp_t gfp)
{
	void *table = kmem_cache_alloc(tables, gfp);

	return table != NULL ? virt_to_phys(table) : 0;
}

void table_prepare(void)
{
	phys_addr_t table = take_from_cache(GFP_ATOMIC);

	__atomic_fetch_add(&preparing, 1, __ATOMIC_RELAXED);
	if (table != 0)
		push_spare(table);
}

void table_settle(void)
{
	phys_addr_t table;

	if (__atomic_sub_fetch(&preparing, 1, __ATOMIC_RELAXED) != 0)
		return;
	while ((table = pop_spare()) != 0)
		kmem_cache_free(tables, phys_to_virt(table));
}

/* Under locks with interrupts masked: it may not wait. */
phys_addr_t table_take(void)
{
	phys_addr_t table = unlikely(spares != 0) ? pop_spare() : 0;

	return table != 0 ? table : take_from_cache(GFP_ATOMIC);
}

/* Static tables and those from memblock lie in pages that no cache has. */
static bool owns_table(phys_addr_t table)
{
	const struct page *page = phys_to_page(table);

	return page_type(page) == PAGE_SLAB && slab_cache_name(page) == kmem_cache_name(tables);
}

static void give_table(phys_addr_t table)
{
	if (unlikely(preparing != 0))
		push_spare(table);
	else
		kmem_cache_free(tables, phys_to_virt(table));
}

void page_tables_init(void)
{
	tables = kmem_cache_create("pgtable", TABLE_BYTES, TABLE_BYTES, SLAB_PANIC, NULL);
	mmu_set_table_owner(owns_table, give_table);
}
