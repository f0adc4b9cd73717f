/* SPDX-License-Identifier: MIT */
/* dma explain, dmainfo: what devices reach, and what is mapped for them. */
#include <inttypes.h>
#include <string.h>

#include "kern/clock.h"
#include "kern/symbols.h"
#include "lib/size.h"
#include "mm/dma/bounce.h"
#include "mm/dma/coherent.h"
#include "mm/dma/debug.h"
#include "mm/dma/explain.h"
#include "mm/dma/options.h"
#include "mm/dma/pool.h"
#include "mm/phys/gfp.h"
#include "mm/phys/zone.h"
#include "shell/command.h"

/* --- a device -------------------------------------------------------------------------------- */

static void print_windows(const struct dma_device *device)
{
	if (device->cut_off)
		console_printf("  no window: the buses above it pass nothing on\n");
	else if (device->window_count == 0)
		console_printf("  no dma-ranges: bus addresses are the CPU's\n");
	for (uint32_t i = 0; i < device->window_count; i++) {
		const struct dma_reach_window *window = &device->windows[i];

		console_printf("  window %" PRIu32 ": bus %#" PRIx64 "-%#" PRIx64 " shows %#" PRIx64
			       "-%#" PRIx64 "\n",
			       i, window->bus, window->bus + (window->bytes - 1), window->phys,
			       window->phys + (window->bytes - 1));
	}
	if (device->limit_first_bus != 0 || device->limit_last_bus != UINT64_MAX)
		console_printf("  dma_limit=: bus %#" PRIx64 "-%#" PRIx64 "\n",
			       device->limit_first_bus, device->limit_last_bus);
}

static const char *pages_text(const struct dma_device *device)
{
	switch (dma_zone_for(device, dma_streaming_mask(device))) {
	case 0:
		return "from Normal and below";
	case (int)__GFP_DMA:
		return "from DMA";
	case (int)__GFP_HIGHMEM:
		return "from anywhere";
	default:
		return "by range, no zone is reached whole";
	}
}

static void print_device(const struct dma_device *device)
{
	console_printf("%s: mask %#" PRIx64 ", coherent mask %#" PRIx64 ", %s the caches\n",
		       device->name, device->mask, device->coherent_mask,
		       device->coherent ? "sees" : "does not see");
	print_windows(device);
	console_printf("  pages: %s; bounced through: %s\n", pages_text(device),
		       device->pool != NULL ? device->pool->name : "nothing");
}

/* --- dma explain ----------------------------------------------------------------------------- */

/* Why not. */
static void print_obstacle(const struct dma_device *device, const struct dma_explanation *why)
{
	static const char *const texts[DMA_OBSTACLES] = {
		[DMA_CUT_OFF] = "the buses above the device pass nothing on",
		[DMA_NO_SUCH_WINDOW] = "no window shows it",
		[DMA_BUS_TOO_WIDE] = "its bus address does not fit 32 bits",
	};

	if (why->obstacle == DMA_WINDOW_ENDS)
		console_printf("window %" PRId32 " ends before it, and none goes on", why->window);
	else if (why->obstacle == DMA_BELOW_LIMIT || why->obstacle == DMA_ABOVE_LIMIT)
		console_printf("dma_limit= leaves bus %#" PRIx64 "-%#" PRIx64,
			       device->limit_first_bus, device->limit_last_bus);
	else if (why->obstacle == DMA_ABOVE_MASK)
		console_printf("the mask ends at bus %#" PRIx64, device->mask);
	else
		console_printf("%s", texts[why->obstacle]);
}

static void print_verdict(const struct dma_device *device, enum dma_verdict verdict)
{
	static const char *const texts[DMA_VERDICTS] = {
		[DMA_MAPPED_DIRECTLY] = "mapped as it is",
		[DMA_REFUSED_NO_POOL] = "refused, no bounce pool is within reach; see swiotlb=",
		[DMA_REFUSED_TOO_LARGE] = "refused, too large to bounce in one piece",
		[DMA_REFUSED_NOT_RAM] = "refused, what is not RAM cannot be bounced",
	};

	if (verdict == DMA_MAPPED_BOUNCED)
		console_printf("bounced through %s, %#" PRIx64 "-%#" PRIx64, device->pool->name,
			       (uint64_t)device->pool->phys,
			       (uint64_t)device->pool->phys + device->pool->bytes - 1);
	else
		console_printf("%s", texts[verdict]);
	if (dma_options.unchecked && verdict != DMA_MAPPED_DIRECTLY)
		console_printf("; but with dma_check=off mapped at the wrong address");
	console_printf("\n");
}

static const char *zone_of(uint64_t phys)
{
	const struct page *head = phys < SZ_4G ? page_block_head(PFN_DOWN(phys)) : NULL;

	if (head == NULL || page_type(head) == PAGE_NONE || page_type(head) == PAGE_HOLE)
		return NULL;
	return zone_names[page_zone_index(head)];
}

static void explain_address(const struct dma_device *device, uint64_t phys)
{
	struct dma_explanation why;
	const char *zone = zone_of(phys);

	dma_explain(device, phys, 1, &why);
	console_printf("%#" PRIx64 ": %s%s", phys, zone != NULL ? "zone " : "not RAM",
		       zone != NULL ? zone : "");
	if (why.window >= 0 || (device->window_count == 0 && !device->cut_off))
		console_printf(", bus %#" PRIx64, why.bus);
	if (why.obstacle == DMA_REACHED) {
		console_printf(", reached");
		if (why.window >= 0)
			console_printf(" through window %" PRId32, why.window);
	} else {
		console_printf(", not reached: ");
		print_obstacle(device, &why);
	}
	console_printf("; ");
	print_verdict(device, why.verdict);
}

/* What would become of a buffer of so many bytes that lies in this zone. */
static void explain_zone(const struct dma_device *device, enum zone_type type, uint64_t bytes)
{
	uint64_t start = PFN_PHYS(zones[type].span.start_pfn);
	uint64_t zone_bytes = PFN_PHYS(zones[type].span.spanned_pages);
	struct dma_explanation why;

	if (zone_bytes == 0)
		return;
	console_printf("  in %-8s ", zone_names[type]);
	if (bytes > zone_bytes) {
		console_printf("no room\n");
	} else if (dma_reaches_ram(device, start, start + zone_bytes, dma_streaming_mask(device))) {
		console_printf("mapped as it is\n");
	} else {
		dma_explain(device, start, zone_bytes, &why);
		console_printf("not all is reached: ");
		print_obstacle(device, &why);
		console_printf("; beyond that ");
		print_verdict(device, dma_verdict_beyond(device, bytes));
	}
}

static void explain_size(const struct dma_device *device, uint64_t bytes)
{
	uint64_t first, end;

	console_printf("%" PRIu64 " bytes:\n", bytes);
	for (enum zone_type type = ZONE_DMA; type < MAX_NR_ZONES; type++)
		explain_zone(device, type, bytes);
	if (dma_zone_for(device, dma_streaming_mask(device)) >= 0)
		return;
	if (dma_reach_range(device, dma_streaming_mask(device), &first, &end))
		console_printf("  lowmem within reach: %#" PRIx64 "-%#" PRIx64 "\n", first,
			       end - 1);
	else
		console_printf("  no lowmem is within reach\n");
}

/* An address is hexadecimal, a size is not: 0x48000000, 64K, 1500. */
static bool explain(const struct dma_device *device, const char *text)
{
	bool is_address = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
	uint64_t number;

	if (!parse_size(&text, &number) || *text != '\0' || (!is_address && number == 0))
		return false;
	print_device(device);
	if (is_address)
		explain_address(device, number);
	else
		explain_size(device, number);
	return true;
}

static void dma(int argc, char **argv)
{
	const struct dma_device *device;

	if (argc != 4 || strcmp(argv[1], "explain") != 0) {
		console_printf("dma: expects explain, a device's path, alias or node name, and an "
			       "address (0x...) or a size (64K)\n");
		return;
	}
	device = dma_device_find(argv[2]);
	if (device == NULL)
		console_printf("dma explain: no device %s in the tree, nor one of that name among "
			       "those of dmainfo\n",
			       argv[2]);
	else if (!explain(device, argv[3]))
		console_printf("dma explain: %s: expects an address (0x48000000) or a size (64K)\n",
			       argv[3]);
}

static void complete_dma(struct word_completion *completion)
{
	if (completion->argument == 1)
		completion_offer(completion, "explain");
	if (completion->argument == 2)
		for (const struct dma_device *device = dma_devices(); device != NULL;
		     device = device->next)
			completion_offer(completion, device->name);
}

SHELL_COMMAND_COMPLETED(
	dma, dma, "WHAT ...",
	"explain DEVICE ADDRESS|SIZE: whether the device reaches it, bounced or not, why",
	complete_dma);

/* --- dmainfo --------------------------------------------------------------------------------- */

static void print_run(uint32_t after, const struct bounce_slot *first)
{
	if (first->device == NULL) /* given back while we looked */
		return;
	console_printf("  slot %5" PRIu32 ": %3" PRIu32 " for %s, %zu bytes of %#" PRIx64
		       ", since %" PRIu64 " ms, by %s\n",
		       after - first->run_slots, first->run_slots, first->device->name,
		       first->bytes, (uint64_t)first->original,
		       (clock_ns() - first->taken_ns) / NS_PER_MS, symbol_text(first->caller));
}

static void print_pool(const struct bounce_pool *pool)
{
	struct bounce_snapshot snapshot;
	struct bounce_slot first;
	uint32_t number = 0;

	bounce_snapshot(pool, &snapshot);
	console_printf("pool %s: %#" PRIx64 "-%#" PRIx64 ", %" PRIu32 " slots of %u: %" PRIu32
		       " used, %" PRIu32 " at most, %" PRIu32 " free in a row; %" PRIu32
		       " runs taken, %" PRIu32 " refused\n",
		       pool->name, (uint64_t)pool->phys, (uint64_t)pool->phys + pool->bytes - 1,
		       snapshot.slots, BOUNCE_SLOT_BYTES, snapshot.used_slots,
		       snapshot.used_slots_most, snapshot.largest_free_run, snapshot.taken_runs,
		       snapshot.refused_runs);
	while (bounce_run_snapshot(pool, &number, &first))
		print_run(number, &first);
}

static void print_mappings(void)
{
	struct dma_mapping mapping;
	uint32_t number = 0;

	if (!dma_debug) {
		console_printf("mappings one by one: dma_debug=1\n");
		return;
	}
	while (dma_debug_snapshot(&number, &mapping))
		console_printf("  %s: bus %#" PRIx32 ", %zu bytes of %#" PRIx64 ", by %s\n",
			       mapping.device->name, mapping.bus, mapping.bytes, mapping.phys,
			       symbol_text(mapping.caller));
}

static void print_coherent(void)
{
	struct coherent_counts counts;
	struct coherent_snapshot block;
	uint32_t number = 0;

	coherent_counts(&counts);
	console_printf("coherent: %" PRIu32 " buffers taken, %" PRIu32 " refused; %" PRIu32
		       " blocks of megabytes made, %" PRIu32 " given back\n",
		       counts.taken, counts.refused, counts.grown, counts.returned);
	while (coherent_snapshot(&number, &block))
		console_printf("  %p, %#" PRIx64 "-%#" PRIx64 ": %" PRIu32 " of %" PRIu32
			       " pages used%s\n",
			       block.base, (uint64_t)block.phys,
			       (uint64_t)block.phys + (uint64_t)block.pages * PAGE_SIZE - 1,
			       block.used_pages, block.pages, block.kept ? ", kept" : "");
}

static void print_dma_pools(void)
{
	struct dma_pool_snapshot pool;

	for (uint32_t number = 0; dma_pool_snapshot(number, &pool); number++)
		console_printf("dma_pool %s of %s: blocks of %zu, %" PRIu32 " of %" PRIu32
			       " used, in %" PRIu32 " chunks\n",
			       pool.name, pool.device->name, pool.block_bytes, pool.used_blocks,
			       pool.blocks, pool.chunks);
}

static void dmainfo(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (dma_devices() == NULL)
		console_printf("no devices: no driver uses DMA, and dma_limit= names none\n");
	for (const struct dma_device *device = dma_devices(); device != NULL;
	     device = device->next) {
		print_device(device);
		console_printf("  live: %" PRIu32 " mappings, %" PRIu32 " coherent buffers\n",
			       device->live_mappings, device->live_coherent);
	}
	print_mappings();
	if (bounce_pools() == NULL)
		console_printf("no bounce pool\n");
	for (const struct bounce_pool *pool = bounce_pools(); pool != NULL; pool = pool->next)
		print_pool(pool);
	print_coherent();
	print_dma_pools();
}

SHELL_COMMAND(dmainfo, dmainfo, "", "devices and what they reach, live mappings, pools");
