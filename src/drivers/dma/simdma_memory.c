/* SPDX-License-Identifier: MIT */
/*
 * How the simulated peripheral reaches this machine's RAM: through windows of its own, never through
 * linear addresses, which highmem has not. They are Normal cached memory, as all windows are: this device
 * finds what the CPU wrote whether it was cleaned or not. So nothing here tells whether a driver maintains
 * caches rightly; the host tests do, with a model of a cache in this place. Coherent memory is not
 * cached, and no page may be cached and uncached at a time: it is reached at the one address it has.
 */
#include "drivers/dma/simdma_engine.h"

#include "arch/linear.h"
#include "arch/mmu.h"
#include "lib/copy.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"
#include "mm/virt/kmap.h"

static bool is_uncached(phys_addr_t phys)
{
	struct mapping mapping;

	return zones_is_lowmem(PFN_DOWN(phys)) &&
	       mmu_query((uintptr_t)phys_to_virt(phys), &mapping) &&
	       mapping.kind == MEMORY_NONCACHED;
}

static enum simdma_access open_window(uint64_t phys, char **address)
{
	char *window;

	if (phys > PHYS_ADDR_MAX || !memblock_is_map_memory((phys_addr_t)phys))
		return SIMDMA_NOBODY_THERE;
	if (is_uncached((phys_addr_t)phys)) {
		*address = phys_to_virt((phys_addr_t)phys);
		return SIMDMA_MOVED_ALL;
	}
	window = kmap_local_pfn(PFN_DOWN(phys));
	if (window == NULL)
		return SIMDMA_NOT_NOW;
	*address = window + phys % PAGE_SIZE;
	return SIMDMA_MOVED_ALL;
}

static enum simdma_access read_ram(uint64_t phys, void *to, size_t bytes)
{
	char *address;
	enum simdma_access access = open_window(phys, &address);

	if (access != SIMDMA_MOVED_ALL)
		return access;
	copy_bytes(to, address, bytes);
	kunmap_local(address);
	return SIMDMA_MOVED_ALL;
}

static enum simdma_access write_ram(uint64_t phys, const void *from, size_t bytes)
{
	char *address;
	enum simdma_access access = open_window(phys, &address);

	if (access != SIMDMA_MOVED_ALL)
		return access;
	copy_bytes(address, from, bytes);
	kunmap_local(address);
	return SIMDMA_MOVED_ALL;
}

const struct simdma_memory simdma_memory = { read_ram, write_ram };
