/* SPDX-License-Identifier: MIT */
#include "boot/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arch/layout.h"
#include "boot/blob.h"
#include "boot/dma_pools.h"
#include "boot/dma_tree.h"
#include "boot/finding.h"
#include "drivers/dma/simdma_tree.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone_params.h"

#define PLAN_RANGES_MAX 512
#define PLAN_FREE_MAX   (2 * INIT_MEMBLOCK_REGIONS) /* nothing has grown memblock's arrays yet */

/* --- what dma_limit= names ------------------------------------------------------------------- */

/* dma_limit's question has no room for the tree, so it waits here while the plan is computed. */
static const struct boot_tree *asked_tree;
static const void *asked_blob;

static uint64_t bus_of_ram_base(const char *device, uint64_t ram_base)
{
	uint64_t bus = ram_base;
	struct dma_device reach;

	if (!dma_tree_named(asked_tree, asked_blob, device, ram_base, &reach))
		pr_warn("dma_limit=%s: no such device in the tree; taken as one without "
			"dma-ranges\n",
			device);
	else
		dma_bus_of_phys(&reach, ram_base, &bus);
	return bus;
}

/* --- computing ------------------------------------------------------------------------------- */

static unsigned int collect_ranges(struct layout_range *ranges)
{
	struct memblock_region *region;
	unsigned int count = 0;

	for_each_mem_region(region) {
		if (region->size == 0)
			continue;
		if (count == PLAN_RANGES_MAX) {
			pr_warn("more than %d pieces of RAM: those from %#" PRIx64
				" on are left out; join banks or reservations\n",
				PLAN_RANGES_MAX, (uint64_t)region->base);
			break;
		}
		ranges[count].base = region->base;
		ranges[count].end = (uint64_t)region->base + region->size;
		ranges[count].no_map = memblock_is_nomap(region);
		count++;
	}
	return count;
}

/* Pieces beyond the array's end do not count as free: that can only ask for more lowmem. */
static unsigned int collect_free(struct layout_range *ranges)
{
	unsigned int count = 0;
	phys_addr_t base, end;
	uint64_t i;

	for_each_free_mem_range(i, NUMA_NO_NODE, MEMBLOCK_NONE, &base, &end, NULL)
		if (count < PLAN_FREE_MAX)
			ranges[count++] = (struct layout_range){ .base = base, .end = end };
	return count;
}

/* The simulated peripheral of the tree, if it has one: what simdma= says is then nothing. */
static void find_simdma(const void *blob, struct dma_limit_input *input)
{
	int node = blob != NULL ? simdma_tree_find(blob) : -1;
	unsigned int asked = dma_limit_simdma_bits();

	if (node < 0)
		return;
	input->simdma_node = (uint32_t)node;
	input->simdma_bits = simdma_tree_lines(blob, node);
	if (input->simdma_bits == 0) {
		pr_warn("%s: strata,address-bits must be one number from %u to %u: taken as %u\n",
			blob_node_path(blob, (uint32_t)node), SIMDMA_LINES_LEAST, SIMDMA_LINES_MOST,
			SIMDMA_LINES_MOST);
		input->simdma_bits = SIMDMA_LINES_MOST;
	}
	if (asked != 0)
		pr_info("simdma=%u: the tree has %s with %u address lines, which is used instead\n",
			asked, blob_node_path(blob, (uint32_t)node), input->simdma_bits);
}

static void compute_dma_limit(const struct boot_tree *tree, const void *blob,
			      struct boot_plan *plan)
{
	struct dma_limit_input input = {
		.windows = tree->windows,
		.window_count = tree->window_count,
		.ram_base = plan->ram_base,
		.ram_end = memblock_end_of_DRAM(),
		.bus_of_ram_base = bus_of_ram_base,
	};

	find_simdma(blob, &input);
	asked_tree = tree;
	asked_blob = blob;
	dma_limit_compute(&input, &plan->dma);
	asked_tree = NULL;
	asked_blob = NULL;
}

/* Of a source in the tree, in a static buffer. */
static const char *source_text(const struct dma_limit *dma, enum dma_limit_source source,
			       const void *blob)
{
	static char text[160];

	switch (source) {
	case DMA_LIMIT_FROM_DMA_ZONE:
		return "dma_zone=";
	case DMA_LIMIT_FROM_CONFIG:
		return "CONFIG_DMA_ZONE_SIZE";
	case DMA_LIMIT_FROM_DMA_RANGES:
		snprintf(text, sizeof(text), "dma-ranges of %s",
			 blob_node_path(blob, dma->reach.node));
		return text;
	case DMA_LIMIT_FROM_SIMDMA:
		if (dma->reach.node != 0)
			snprintf(text, sizeof(text), "address lines of %s",
				 blob_node_path(blob, dma->reach.node));
		else
			snprintf(text, sizeof(text), "simdma=%u", dma_limit_simdma_bits());
		return text;
	case DMA_LIMIT_FROM_DEVICE:
		snprintf(text, sizeof(text), "dma_limit=%s", dma->reach.device);
		return text;
	default:
		return "nothing: every device reaches all RAM";
	}
}

static void say_dma_limit(const struct boot_plan *plan, const void *blob)
{
	const struct dma_limit *dma = &plan->dma;

	for (unsigned int i = 0; i < dma->missing_node_count; i++)
		finding_raise_at(blob, FINDING_DMA_NOT_BASE, dma->missing_nodes[i], plan->ram_base,
				 0);
	for (unsigned int i = 0; i < dma->missing_device_count; i++)
		pr_warn("dma_limit=%s: leaves out the start of RAM: no limit taken from it\n",
			dma->missing_devices[i]);
	if (dma->reach.bytes < dma->bytes)
		pr_warn("%s is wider than what %s reaches, %" PRIu64
			" KiB from RAM base: pages for that are taken by range, not by zone\n",
			source_text(dma, dma->source, blob),
			source_text(dma, dma->reach.source, blob), dma->reach.bytes >> 10);
	if (dma->source != DMA_LIMIT_FROM_NOTHING)
		pr_info("DMA limit: %" PRIu64 " KiB from RAM base, set by %s\n", dma->bytes >> 10,
			boot_plan_dma_source(plan, blob));
}

static void say_movable(const struct zone_layout *layout)
{
	switch (layout->movable_outcome) {
	case MOVABLE_MIRROR:
		pr_warn("kernelcore=mirror: this machine has no mirrored memory: no Movable "
			"zone\n");
		break;
	case MOVABLE_ASKED_ZERO:
		pr_warn("kernelcore=/movablecore=: less than one page: no Movable zone; ask for "
			"more\n");
		break;
	case MOVABLE_CORE_ZERO:
		pr_warn("kernelcore=/movablecore=: nothing would be left to the kernel: no Movable "
			"zone\n");
		break;
	case MOVABLE_CORE_ALL:
		pr_info("kernelcore=/movablecore=: the kernel's share covers all memory: no "
			"Movable zone\n");
		break;
	case MOVABLE_PAST_END:
		pr_info("kernelcore=/movablecore=: what is left is below 4 MiB of alignment: no "
			"Movable zone\n");
		break;
	default:
		break;
	}
}

static void say_vmalloc(const struct zone_layout *layout)
{
	if (layout->vmalloc_outcome == VMALLOC_RAISED)
		pr_warn("vmalloc=: below the minimum: raised to %" PRIu64 " MiB\n",
			layout->vmalloc_bytes >> 20);
	else if (layout->vmalloc_outcome == VMALLOC_LOWERED)
		pr_warn("vmalloc=: would leave less than 32 MiB of lowmem: lowered to %" PRIu64
			" MiB\n",
			layout->vmalloc_bytes >> 20);
}

/* As a person would type it. */
static void put_size(char *text, size_t room, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0;

	for (; bytes != 0 && bytes % 1024 == 0 && unit < sizeof(units) - 1; unit++)
		bytes /= 1024;
	snprintf(text, room, "%" PRIu64 "%.1s", bytes, unit != 0 ? &units[unit - 1] : "");
}

/* The words for what was asked for and for the reason, which need more than the layout knows. */
static void describe_lowmem(const struct lowmem_size *lowmem, struct boot_plan *plan)
{
	bool least = plan->layout.lowmem_reason == REASON_LOWMEM_LEAST;
	char size[24];

	put_size(size, sizeof(size), lowmem->bytes);
	plan->lowmem_asked[0] = plan->lowmem_why[0] = '\0';
	if (lowmem->kind == LOWMEM_LEAST)
		snprintf(plan->lowmem_asked, sizeof(plan->lowmem_asked), "highmem=all");
	else if (lowmem->kind == LOWMEM_SIZE)
		snprintf(plan->lowmem_asked, sizeof(plan->lowmem_asked), "lowmem=%s", size);
	if (!least)
		strcpy(plan->lowmem_why, plan->lowmem_asked);
	else if (lowmem->kind == LOWMEM_LEAST)
		strcpy(plan->lowmem_why, "highmem=all: the least that the boot needs");
	else
		snprintf(plan->lowmem_why, sizeof(plan->lowmem_why),
			 "the least that the boot needs, which is more than %s",
			 plan->lowmem_asked);
}

static void say_lowmem(const struct boot_plan *plan)
{
	const struct zone_layout *layout = &plan->layout;
	uint64_t kib = (layout->lowmem_end - plan->ram_base) >> 10;

	switch (layout->lowmem_outcome) {
	case LOWMEM_AS_ASKED:
		pr_info("Lowmem: %" PRIu64 " KiB from RAM base, set by %s\n", kib,
			plan->lowmem_why);
		break;
	case LOWMEM_RAISED:
		pr_warn("%s: the boot needs lowmem for the image, page tables, struct pages and "
			"%u MiB to work with: raised to %" PRIu64
			" KiB; ask for that or more, or use less RAM, by mem=\n",
			plan->lowmem_asked, LOWMEM_WORK_BYTES >> 20, kib);
		break;
	case LOWMEM_NO_EFFECT:
		pr_info("%s: no effect, lowmem is %" PRIu64 " KiB without it; the least that can "
			"be asked for is %" PRIu64 " KiB\n",
			plan->lowmem_asked, kib, (layout->lowmem_least_end - plan->ram_base) >> 10);
		break;
	default:
		break;
	}
}

static uint32_t bank_node(const struct boot_tree *tree, uint64_t address)
{
	for (uint32_t i = 0; i < tree->memory_count; i++)
		if (address - tree->memory[i].base < tree->memory[i].size)
			return tree->memory[i].node;
	return FINDING_MEMORY;
}

void boot_plan_compute(const struct boot_tree *tree, const void *blob, uint64_t ram_base,
		       uint32_t page_offset, struct boot_plan *plan)
{
	static struct layout_range ranges[PLAN_RANGES_MAX], free_ranges[PLAN_FREE_MAX];
	struct zone_layout_input input = { .ranges = ranges, .free_ranges = free_ranges };

	plan->ram_base = ram_base;
	plan->page_offset = page_offset;
	compute_dma_limit(tree, blob, plan);
	say_dma_limit(plan, blob);

	input.range_count = collect_ranges(ranges);
	input.free_count = collect_free(free_ranges);
	input.ram_base = ram_base;
	input.page_offset = page_offset;
	input.vmalloc_bytes = zone_params.vmalloc_bytes;
	input.lowmem = zone_params.lowmem;
	input.dma_limit_bytes = plan->dma.bytes;
	input.kernelcore = zone_params.kernelcore;
	input.movablecore = zone_params.movablecore;
	zone_layout_compute(&input, &plan->layout);

	if (plan->layout.lost_head_size != 0) {
		finding_raise_at(blob, FINDING_BANK_HEAD,
				 bank_node(tree, plan->layout.lost_head_base),
				 plan->layout.lost_head_base, plan->layout.lost_head_size);
		if (memblock_mark_nomap((phys_addr_t)plan->layout.lost_head_base,
					(phys_addr_t)plan->layout.lost_head_size) != 0)
			fatal("more than %d separate pieces of RAM in the device tree; join some",
			      INIT_MEMBLOCK_REGIONS);
	}
	/* Pages that are RAM only in part belong to nobody; memblock must not give out their bytes. */
	memblock_trim_memory(PAGE_SIZE);
	dma_pools_plan(tree, blob, plan);
	say_vmalloc(&plan->layout);
	describe_lowmem(&input.lowmem, plan);
	say_lowmem(plan);
	say_movable(&plan->layout);
}

/* --- telling --------------------------------------------------------------------------------- */

const char *boot_plan_dma_source(const struct boot_plan *plan, const void *blob)
{
	return source_text(&plan->dma, plan->dma.source, blob);
}

const char *boot_plan_reason(const struct boot_plan *plan, enum layout_reason reason)
{
	static const char *const reasons[] = {
		[REASON_NOTHING] = "the zone is empty",
		[REASON_RAM_START] = "the first page of RAM",
		[REASON_RAM_END] = "the end of RAM",
		[REASON_DMA_LIMIT] = "the DMA limit, counted from the RAM base",
		[REASON_VMALLOC_LIMIT] = "what vmalloc leaves of the kernel's addresses",
		[REASON_BANK_END] = "the end of the last bank that starts below the vmalloc limit",
		[REASON_NO_MAP] = "a no-map region touches the vmalloc limit and pulls it down",
		[REASON_LOWMEM_END] = "the end of lowmem",
		[REASON_ZONE_BELOW] = "the end of the zone below",
		[REASON_MOVABLE_START] = "Movable takes over",
		[REASON_KERNELCORE] = "kernelcore= is used up there, rounded up to 4 MiB",
		[REASON_MOVABLECORE] = "movablecore= counted from the top, rounded up to 4 MiB",
	};

	/* Below an asked limit the vmalloc limit is not what counts. */
	if (plan->layout.lowmem_limit < plan->layout.vmalloc_limit) {
		if (reason == REASON_BANK_END)
			return "the end of the last bank that starts below the limit of lowmem=";
		if (reason == REASON_NO_MAP)
			return "a no-map region touches the limit of lowmem= and pulls it down";
	}
	if (reason == REASON_LOWMEM_ASKED || reason == REASON_LOWMEM_LEAST)
		return plan->lowmem_why;
	return reasons[reason];
}

static void log_zone_range(const struct zone_layout *layout, enum zone_type zone)
{
	uint64_t start = PFN_PHYS(layout->arch_start_pfn[zone]);
	uint64_t end = PFN_PHYS(layout->arch_end_pfn[zone]);

	if (start == end)
		pr_info("  %-8s empty\n", zone_names[zone]);
	else
		pr_info("  %-8s [mem 0x%016" PRIx64 "-0x%016" PRIx64 "]\n", zone_names[zone], start,
			end - 1);
}

void boot_plan_log_zones(const struct boot_plan *plan)
{
	const struct zone_layout *layout = &plan->layout;
	struct memblock_region *region;

	pr_info("Zone ranges:\n");
	for (enum zone_type zone = 0; zone < ZONE_MOVABLE; zone++)
		log_zone_range(layout, zone);
	pr_info("Movable zone start for each node\n");
	if (layout->movable_start_pfn != 0)
		pr_info("  Node 0: 0x%016" PRIx64 "\n", PFN_PHYS(layout->movable_start_pfn));
	pr_info("Early memory node ranges\n");
	for_each_mem_region(region)
		pr_info("  node   0: [mem 0x%016" PRIx64 "-0x%016" PRIx64 "]\n",
			(uint64_t)region->base, (uint64_t)region->base + region->size - 1);
}

/* Sizes as the old Linux table gave them: the largest unit that divides evenly. */
static void log_area(const char *name, uint64_t start, uint64_t end)
{
	uint64_t bytes = end - start;
	bool mega = bytes >= SZ_1M && bytes % SZ_1M == 0;

	pr_info("    %-8s: 0x%08" PRIx64 " - 0x%08" PRIx64 "   (%4" PRIu64 " %s)\n", name, start,
		end, mega ? bytes >> 20 : bytes >> 10, mega ? "MB" : "kB");
}

void boot_plan_log_addresses(const struct boot_plan *plan)
{
	const struct zone_layout *layout = &plan->layout;
	uint64_t page_offset = plan->page_offset;

	pr_info("Virtual kernel memory layout:\n");
	log_area("vector", VECTORS_BASE, (uint64_t)VECTORS_BASE + PAGE_SIZE);
	log_area("fixmap", FIXMAP_BASE, FIXMAP_END);
	log_area("fdt", BLOB_WINDOW, BLOB_WINDOW_END);
	log_area("vmalloc", layout->vmalloc_start, VMALLOC_END);
	log_area("lowmem", page_offset, page_offset + (layout->lowmem_end - plan->ram_base));
	log_area("pkmap", page_offset - SZ_4M, page_offset);
	log_area("vmemmap", page_offset - SZ_32M, page_offset - SZ_16M);
}
