/* SPDX-License-Identifier: MIT */
/* Commands about memory: what mm's snapshots say, in the formats of Linux's /proc and debugfs. */
#include <inttypes.h>

#include "kern/resource.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone.h"
#include "shell/command.h"

/* --- zoneinfo: mm/vmstat.c's format ---------------------------------------------------------- */

static void print_pages(const char *name, uint32_t pages)
{
	console_printf("        %-8s %" PRIu32 "\n", name, pages);
}

static void print_zone(const struct zone_snapshot *zone)
{
	const struct zone_watermarks *marks = &zone->marks;

	console_printf("Node 0, zone %8s\n", zone->name);
	console_printf("  pages free     %" PRIu32 "\n", zone->free_pages);
	print_pages("boost", 0);
	print_pages("min", marks->min_pages);
	print_pages("low", marks->low_pages);
	print_pages("high", marks->high_pages);
	print_pages("spanned", zone->span.spanned_pages);
	print_pages("present", zone->span.present_pages);
	print_pages("managed", zone->managed_pages);
	print_pages("cma", 0);
	console_printf("        protection: (%" PRIu32, marks->protection[0]);
	for (int i = 1; i < MAX_NR_ZONES; i++)
		console_printf(", %" PRIu32, marks->protection[i]);
	console_printf(")\n");
	/* Of an unpopulated zone Linux says no more. */
	if (zone->span.present_pages == 0)
		return;
	console_printf("      nr_free_pages %" PRIu32 "\n", zone->free_pages);
	console_printf("  pagesets\n    cpu: 0\n              count: %" PRIu32 "\n"
		       "              high:  %" PRIu32 "\n              batch: %" PRIu32 "\n",
		       zone->cached_pages, zone->cached_pages_most, zone->batch_pages);
	console_printf("  node_unreclaimable:  0\n  start_pfn:           %" PRIu32 "\n",
		       zone->span.start_pfn);
}

static void zoneinfo(int argc, char **argv)
{
	struct zone_snapshot zone;

	(void)argc;
	(void)argv;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		print_zone(&zone);
	}
}

SHELL_COMMAND(zoneinfo, zoneinfo, "", "the zones, as /proc/zoneinfo");

/* --- memblock: debugfs memblock/memory and memblock/reserved --------------------------------- */

static void print_type(const struct memblock_type *type)
{
	console_printf("%s\n", type->name);
	for (unsigned long i = 0; i < type->cnt; i++) {
		const struct memblock_region *region = &type->regions[i];

		if (region->size == 0)
			continue;
		console_printf("%4lu: 0x%08" PRIx64 "..0x%08" PRIx64 "%s\n", i,
			       (uint64_t)region->base, (uint64_t)region->base + region->size - 1,
			       memblock_is_nomap(region) ? " NOMAP" : "");
	}
}

static void memblock_command(int argc, char **argv)
{
	const char *broken = memblock_validate();

	(void)argc;
	(void)argv;
	print_type(&memblock.memory);
	print_type(&memblock.reserved);
	if (broken != NULL)
		console_printf("memblock is broken: %s\n", broken);
}

SHELL_COMMAND(memblock, memblock_command, "", "RAM and what of it is taken, as debugfs memblock/");

/* --- iomem ----------------------------------------------------------------------------------- */

static void print_resource(int depth, uint64_t base, uint64_t end, const char *name)
{
	if (base < end)
		console_printf("%*s%08" PRIx64 "-%08" PRIx64 " : %s\n", 2 * depth, "", base,
			       end - 1, name);
}

/* One reservation: the named things in it by their names, what lies between as "reserved". */
static void print_reserved(uint64_t base, uint64_t end)
{
	unsigned int count;
	const struct resource *named = resource_list(&count);

	for (unsigned int i = 0; i < count; i++) {
		uint64_t from = max_u64(named[i].base, base), to = min_u64(named[i].end, end);

		if (from >= to)
			continue;
		print_resource(1, base, from, "reserved");
		print_resource(1, from, to, named[i].name);
		base = to;
	}
	print_resource(1, base, end, "reserved");
}

static void print_ram(const struct memblock_region *ram)
{
	uint64_t base = ram->base, end = base + ram->size;
	const struct memblock_region *region;

	print_resource(0, base, end, memblock_is_nomap(ram) ? "reserved (no-map)" : "System RAM");
	for_each_reserved_mem_region(region)
		print_reserved(max_u64(region->base, base),
			       min_u64((uint64_t)region->base + region->size, end));
}

/* What lies outside RAM: devices, between `from` and `to`. */
static void print_devices(uint64_t from, uint64_t to)
{
	unsigned int count;
	const struct resource *named = resource_list(&count);

	for (unsigned int i = 0; i < count; i++)
		if (named[i].base >= from && named[i].base < to)
			print_resource(0, named[i].base, named[i].end, named[i].name);
}

static void iomem(int argc, char **argv)
{
	const struct memblock_region *region;
	uint64_t from = 0;

	(void)argc;
	(void)argv;
	for_each_mem_region(region) {
		print_devices(from, region->base);
		print_ram(region);
		from = (uint64_t)region->base + region->size;
	}
	print_devices(from, UINT64_MAX);
}

SHELL_COMMAND(iomem, iomem, "", "physical addresses and what is there, as /proc/iomem");
