/* SPDX-License-Identifier: MIT */
/*
 * The plan for programs: one JSON object.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mm/phys/zone_layout.h"
#include "zoneplan.h"

void print_json_text(const char *text, size_t bytes)
{
	putchar('"');
	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '"' || byte == '\\')
			printf("\\%c", byte);
		else if (byte < ' ' || byte > '~')
			printf("\\u%04x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

static void print_json_messages(void)
{
	const char *messages = run_messages();
	const char *line = messages, *end;

	printf("[");
	while (line != NULL && (end = strchr(line, '\n')) != NULL) {
		printf("%s\n    ", line == messages ? "" : ",");
		print_json_text(line, (size_t)(end - line));
		line = end + 1;
	}
	printf("]");
}

static void print_json_reason(const struct boot_plan *plan, const char *key,
			      enum layout_reason reason)
{
	const char *text = boot_plan_reason(plan, reason);

	printf(", \"%s\": ", key);
	print_json_text(text, strlen(text));
}

static void print_json_zones(const struct boot_plan *plan, bool populated)
{
	bool first = true;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &plan->layout.zones[type];

		if ((zone->present_pages != 0) != populated)
			continue;
		printf("%s\n    {\"name\": \"%s\", \"start_pfn\": %" PRIu32
		       ", \"spanned_pages\": %" PRIu32 ", \"present_pages\": %" PRIu32,
		       first ? "" : ",", zone_names[type], zone->start_pfn, zone->spanned_pages,
		       zone->present_pages);
		print_json_reason(plan, "start_reason", zone->start_reason);
		print_json_reason(plan, "end_reason", zone->end_reason);
		printf("}");
		first = false;
	}
}

void print_json(const struct options *options, const struct run *run)
{
	const struct boot_plan *plan = &run->plan;
	const struct zone_layout *layout = &plan->layout;
	const char *source = boot_plan_dma_source(plan, run->blob);

	printf("{\n  \"vmsplit\": \"%s\",\n  \"page_offset\": %" PRIu32 ",\n", options->split,
	       plan->page_offset);
	printf("  \"ram_base\": %" PRIu64 ",\n  \"lowmem_end\": %" PRIu64, plan->ram_base,
	       layout->lowmem_end);
	print_json_reason(plan, "lowmem_reason", layout->lowmem_reason);
	printf(",\n  \"lowmem_least_end\": %" PRIu64 ", \"lowmem_most_end\": %" PRIu64,
	       layout->lowmem_least_end, layout->lowmem_most_end);
	printf(",\n  \"vmalloc_start\": %" PRIu32 ",\n  \"vmalloc_end\": %" PRIu32
	       ",\n  \"vmalloc_bytes\": %" PRIu64 ",\n",
	       layout->vmalloc_start, VMALLOC_END, layout->vmalloc_bytes);
	printf("  \"dma_limit_bytes\": ");
	if (plan->dma.bytes == DMA_LIMIT_NONE)
		printf("null");
	else
		printf("%" PRIu64, plan->dma.bytes);
	printf(", \"dma_limit_source\": ");
	print_json_text(source, strlen(source));
	printf(",\n  \"zones\": [");
	print_json_zones(plan, true);
	printf("],\n  \"empty_zones\": [");
	print_json_zones(plan, false);
	printf("],\n  \"movable_start_pfn\": %" PRIu32 ",\n  \"messages\": ",
	       layout->movable_start_pfn);
	print_json_messages();
	printf(",\n  \"findings\": ");
	print_json_findings(run);
	printf("\n}\n");
}
