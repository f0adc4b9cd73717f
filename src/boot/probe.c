/* SPDX-License-Identifier: MIT */
#include "boot/probe.h"

#include <inttypes.h>

#include "arch/cpu.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/fatal.h"
#include "mm/phys/memblock.h"

/* Written, pushed out of the caches, read again. */
static bool keeps(uintptr_t address, uint32_t value)
{
	uint32_t seen;

	if (!exception_try_write32(address, value, NULL))
		return false;
	cpu_clean_and_drop_line((const volatile void *)address);
	return exception_try_read32(address, &seen, NULL) && seen == value;
}

static bool is_ram(phys_addr_t phys)
{
	uintptr_t address = (uintptr_t)phys_to_virt(phys);
	uint32_t before;

	return exception_try_read32(address, &before, NULL) && keeps(address, ~before) &&
	       keeps(address, before);
}

/* One word, if it lies in [start, end) and is mapped. */
static void probe(uint64_t phys, uint64_t start, uint64_t end)
{
	struct mapping mapping;

	if (phys < start || phys + 4 > end ||
	    !mmu_query((uintptr_t)phys_to_virt((phys_addr_t)phys), &mapping))
		return;
	if (!is_ram((phys_addr_t)phys))
		fatal("the device tree names RAM at %#" PRIx64
		      ", but nothing answers there; correct /memory or leave it out by mem=",
		      phys);
}

void boot_probe_lowmem(uint64_t limit)
{
	phys_addr_t base, last;
	uint64_t i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &base, &last, NULL) {
		uint64_t start = ALIGN_UP((uint64_t)base, 4);
		uint64_t end = ALIGN_DOWN(min_u64(last, limit), 4);

		probe(start, start, end);
		probe(ALIGN_UP(start, SECTION_SIZE), start, end);
		probe(ALIGN_DOWN(end, SECTION_SIZE) - 4, start, end);
		probe(end - 4, start, end);
	}
}
