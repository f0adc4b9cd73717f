/* SPDX-License-Identifier: MIT */
/* Memory for second-level page tables once the boot is over: objects of a cache of their own. */
#ifndef STRATA_MM_VIRT_PAGE_TABLES_H
#define STRATA_MM_VIRT_PAGE_TABLES_H

#include "lib/types.h"

/* Make the cache, and tell the MMU whose tables are given back here. Once kmalloc works. */
void page_tables_init(void);

/*
 * Around a lock under which tables are taken and given back: from table_prepare on, one is ready, and
 * those that are given back are kept, so that the cache does not go to its slabs while interrupts are
 * masked. They nest.
 */
void table_prepare(void);
void table_settle(void);

/* A second-level table, contents as found; 0: no memory. For mmu_map and the like. */
phys_addr_t table_take(void);

#endif
