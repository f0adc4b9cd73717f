/* SPDX-License-Identifier: MIT */
/* Memory for second-level page tables once the boot is over: objects of a cache of their own. */
#ifndef STRATA_MM_VIRT_PAGE_TABLES_H
#define STRATA_MM_VIRT_PAGE_TABLES_H

#include "lib/types.h"

/* Make the cache, and tell the MMU whose tables are given back here. Once kmalloc works. */
void page_tables_init(void);

/* A second-level table, contents as found; 0: no memory. For mmu_map and the like. */
phys_addr_t table_take(void);

#endif
