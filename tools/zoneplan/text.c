/* SPDX-License-Identifier: MIT */
/*
 * The plan for people: each boundary with its reason, then what the boot log would say.
 */
#include <inttypes.h>
#include <stdio.h>

#include "mm/phys/zone_layout.h"
#include "zoneplan.h"

static void print_size(uint64_t bytes)
{
	if (bytes % SZ_1M == 0)
		printf("%6" PRIu64 " MiB", bytes >> 20);
	else
		printf("%6" PRIu64 " KiB", bytes >> 10);
}

static void print_zone(const struct boot_plan *plan, enum zone_type type)
{
	const struct zone_span *zone = &plan->layout.zones[type];
	uint64_t start = PFN_PHYS(zone->start_pfn);
	uint64_t end = start + PFN_PHYS(zone->spanned_pages);

	if (zone->spanned_pages == 0) {
		printf("  %-8s  empty\n", zone_names[type]);
		return;
	}
	printf("  %-8s  0x%08" PRIx64 "-0x%08" PRIx64 "  ", zone_names[type], start, end - 1);
	print_size(PFN_PHYS(zone->present_pages));
	printf(" present");
	if (zone->present_pages != zone->spanned_pages) {
		printf(", ");
		print_size(PFN_PHYS(zone->spanned_pages - zone->present_pages));
		printf(" of holes");
	}
	printf("\n            from: %s\n              to: %s\n",
	       boot_plan_reason(plan, zone->start_reason),
	       boot_plan_reason(plan, zone->end_reason));
}

void print_for_people(const struct options *options, const struct run *run)
{
	const struct boot_plan *plan = &run->plan;
	const struct zone_layout *layout = &plan->layout;

	printf("%s with VMSPLIT_%s\n\n", options->file, options->split);
	printf("RAM base    0x%08" PRIx64 "  (the lowest memory bank, rounded up to 2 MiB)\n",
	       plan->ram_base);
	printf("lowmem end  0x%08" PRIx64 "  ", layout->lowmem_end);
	print_size(layout->lowmem_end - plan->ram_base);
	printf(": %s\n", boot_plan_reason(plan, layout->lowmem_reason));
	printf("vmalloc     0x%08" PRIx32 "-0x%08" PRIx32 "\n", layout->vmalloc_start,
	       VMALLOC_END - 1);
	printf("DMA limit   ");
	if (plan->dma.source != DMA_LIMIT_FROM_NOTHING) {
		print_size(plan->dma.bytes);
		printf(" from the RAM base, set by ");
	}
	printf("%s\n\nZones\n", boot_plan_dma_source(plan, run->blob));
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		print_zone(plan, type);
	if (run_messages() != NULL)
		printf("\nThe boot log would say\n%s", run_messages());
	run_messages_clear();
	boot_plan_log_addresses(plan);
	printf("\n%s", run_messages());
}
