/* SPDX-License-Identifier: MIT */
/* Commands about pages: what is free in which size and kind, in the formats of Linux's /proc; and
 * blocks of one's own to play with. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kern/symbols.h"
#include "lib/size.h"
#include "mm/obj/object.h"
#include "mm/obj/object_check.h"
#include "mm/obj/object_stats.h"
#include "mm/phys/gfp_names.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_check.h"
#include "mm/phys/page_owner.h"
#include "mm/phys/page_why.h"
#include "mm/phys/zone.h"
#include "shell/command.h"
#include "shell/stack.h"

/* --- buddyinfo, pagetypeinfo: mm/vmstat.c's formats ------------------------------------------ */

static void buddyinfo(int argc, char **argv)
{
	struct zone_snapshot zone;

	(void)argc;
	(void)argv;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		if (zone.span.present_pages == 0)
			continue;
		console_printf("Node 0, zone %8s ", zone.name);
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++) {
			uint32_t blocks = 0;

			for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
				blocks += zone.blocks[migrate][order];
			console_printf("%6" PRIu32 " ", blocks);
		}
		console_printf("\n");
	}
}

SHELL_COMMAND(buddyinfo, buddyinfo, "", "free blocks by zone and order, as /proc/buddyinfo");

static void print_free_types(const struct zone_snapshot *zone)
{
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++) {
		console_printf("Node    0, zone %8s, type %12s ", zone->name,
			       migrate_type_names[migrate]);
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
			console_printf("%6" PRIu32 " ", zone->blocks[migrate][order]);
		console_printf("\n");
	}
}

static void print_pageblocks(enum zone_type type, const char *name)
{
	uint32_t counts[MIGRATE_TYPES];

	zone_count_pageblocks(type, counts);
	console_printf("Node 0, zone %8s ", name);
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		console_printf("%12" PRIu32 " ", counts[migrate]);
	console_printf("\n");
}

static void pagetypeinfo(int argc, char **argv)
{
	struct zone_snapshot zone;

	(void)argc;
	(void)argv;
	console_printf("Page block order: %d\nPages per block:  %u\n\n", PAGE_ORDER_MAX,
		       1U << PAGE_ORDER_MAX);
	console_printf("%-43s ", "Free pages count per migrate type at order ");
	for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
		console_printf("%6u ", order);
	console_printf("\n");
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		if (zone.span.present_pages != 0)
			print_free_types(&zone);
	}
	console_printf("\n%-23s", "Number of blocks type ");
	for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
		console_printf("%12s ", migrate_type_names[migrate]);
	console_printf("\n");
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		if (zones[type].span.present_pages != 0)
			print_pageblocks(type, zone_names[type]);
}

SHELL_COMMAND(pagetypeinfo, pagetypeinfo, "",
	      "free blocks and pageblocks by migrate type, as /proc/pagetypeinfo");

/* --- meminfo: fs/proc/meminfo.c's format ----------------------------------------------------- */

static void print_kib(const char *name, uint32_t pages)
{
	console_printf("%-16s%8" PRIu32 " kB\n", name, pages << (PAGE_SHIFT - 10));
}

struct memory_sums {
	uint32_t total_pages, free_pages, high_total_pages, high_free_pages;
};

static struct memory_sums sum_zones(void)
{
	struct memory_sums sums = { 0 };
	struct zone_snapshot zone;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		uint32_t free_pages;

		zone_snapshot(type, &zone);
		free_pages = zone.free_pages + zone.isolated_pages + zone.cached_pages;
		sums.total_pages += zone.managed_pages;
		sums.free_pages += free_pages;
		if (zone.highmem) {
			sums.high_total_pages += zone.managed_pages;
			sums.high_free_pages += free_pages;
		}
	}
	return sums;
}

/*
 * One number for all that is free misleads: highmem does not help a driver. So right below it stands
 * what is free for each kind of request, above what the zones keep back from it.
 */
static void meminfo(int argc, char **argv)
{
	const struct memory_sums sums = sum_zones();
	uint32_t slab_pages, reclaimable_pages;

	(void)argc;
	(void)argv;
	print_kib("MemTotal:", sums.total_pages);
	print_kib("MemFree:", sums.free_pages);
	print_kib("MemAvailable:", zones_available_pages(ZONE_MOVABLE));
	print_kib("FreeForKernel:", zones_available_pages(ZONE_NORMAL));
	print_kib("FreeForDMA:", zones_available_pages(ZONE_DMA));
	print_kib("FreeForUser:", zones_available_pages(ZONE_HIGHMEM));
	print_kib("FreeForMovable:", zones_available_pages(ZONE_MOVABLE));
	print_kib("HighTotal:", sums.high_total_pages);
	print_kib("HighFree:", sums.high_free_pages);
	print_kib("LowTotal:", sums.total_pages - sums.high_total_pages);
	print_kib("LowFree:", sums.free_pages - sums.high_free_pages);
	slab_pages_count(&slab_pages, &reclaimable_pages);
	print_kib("Slab:", slab_pages);
	print_kib("SReclaimable:", reclaimable_pages);
	print_kib("SUnreclaim:", slab_pages - reclaimable_pages);
}

SHELL_COMMAND(meminfo, meminfo, "",
	      "how much memory there is and for whom it is free, as /proc/meminfo");

/* --- mmcheck --------------------------------------------------------------------------------- */

static void mmcheck(int argc, char **argv)
{
	struct page_check_result result;
	struct object_check_result objects;

	(void)argc;
	(void)argv;
	if (!page_check(&result))
		console_printf("mmcheck: frame %#" PRIx32 ": %s\n", result.pfn, result.broken);
	console_printf("zone         free  per-CPU  allocated  reserved  quarantined    present\n");
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		const struct page_tally *tally = &result.zones[type];

		if (zones[type].span.present_pages != 0)
			console_printf("%-8s %8" PRIu32 " %8" PRIu32 " %10" PRIu32 " %9" PRIu32
				       " %12" PRIu32 " %10" PRIu32 "\n",
				       zone_names[type], tally->free_pages, tally->cached_pages,
				       tally->allocated_pages, tally->reserved_pages,
				       tally->quarantined_pages, zones[type].span.present_pages);
	}
	if (result.broken == NULL)
		console_printf("mmcheck: every page is in one place\n");
	if (object_check(&objects))
		console_printf("mmcheck: every object is in one place: %" PRIu32 " = %" PRIu32
			       " live + %" PRIu32 " in slabs + %" PRIu32 " in magazines + %" PRIu32
			       " quarantined\n",
			       objects.objects, objects.live, objects.listed, objects.cached,
			       objects.quarantined);
	else
		console_printf("mmcheck: cache %s, %#" PRIxPTR ": %s\n",
			       objects.cache != NULL ? objects.cache : "none", objects.address,
			       objects.broken);
}

SHELL_COMMAND(mmcheck, mmcheck, "", "check that every page and every object is in one place");

/* --- pageinfo -------------------------------------------------------------------------------- */

static bool parse_pfn(const char *text, uint32_t *pfn)
{
	uint64_t number;

	if (!parse_number(&text, &number) || *text != '\0' || number >= 1U << 20)
		return false;
	*pfn = (uint32_t)number;
	return true;
}

static void print_place(uint32_t pfn)
{
	const struct page *page = pfn_to_page(pfn);

	console_printf("page %#" PRIx32 " at 0x%08" PRIx64 ": ", pfn, (uint64_t)PFN_PHYS(pfn));
	if (page_address(page) != NULL)
		console_printf("linear address %p, ", page_address(page));
	else
		console_printf("no linear address, ");
	console_printf("struct page %p\n", (const void *)page);
}

static void print_block(const struct page *head, uint32_t pfn)
{
	uint32_t head_pfn = page_to_pfn(head);
	enum page_type type = page_type(head);

	console_printf("  block %#" PRIx32 "-%#" PRIx32 ", order %u: %s", head_pfn,
		       head_pfn + (1U << page_order(head)) - 1, page_order(head),
		       page_type_name(head->flags));
	if (type != PAGE_HOLE)
		console_printf(", zone %s", zone_names[page_zone_index(head)]);
	if (type == PAGE_FREE || type == PAGE_CACHED || type == PAGE_ALLOCATED || type == PAGE_SLAB)
		console_printf(", %s", page_migrate_name(head->flags));
	if (type == PAGE_SLAB)
		console_printf(", cache %s", slab_cache_name(head));
	if (type == PAGE_ALLOCATED)
		console_printf(", count %u%s", page_count(pfn_to_page(head_pfn)),
			       (head->flags & PAGE_COMPOUND) != 0 ? ", compound" : "");
	console_printf("\n  %s; pageblock %s, flags %#010" PRIx32 "\n",
		       head_pfn == pfn ? "this page is the head" : "this page is a tail",
		       migrate_type_names[pageblock_type(head)], head->flags);
}

static void print_owners(uint32_t pfn)
{
	struct page_owner owner;
	char text[GFP_TEXT_MAX];

	if (!page_owner_get(pfn, &owner))
		return;
	console_printf("  last asked for with %s\n", gfp_describe(owner.gfp, text, sizeof(text)));
	print_stack("taken by    ", &owner.taken);
	print_stack("given back by", &owner.given);
}

static void pageinfo(int argc, char **argv)
{
	const struct page *head;
	uint32_t pfn;

	if (argc != 2 || !parse_pfn(argv[1], &pfn)) {
		console_printf("pageinfo: expects a frame number below 0x100000, such as %#x\n",
			       (unsigned int)zones_lowmem_end_pfn() - 1);
		return;
	}
	print_place(pfn);
	head = page_block_head(pfn);
	if (head == NULL)
		console_printf("  nothing: no RAM within 4 MiB\n");
	else
		print_block(head, pfn);
	print_owners(pfn);
}

SHELL_COMMAND(pageinfo, pageinfo, "PFN", "what is known of a page frame and of its block");

/* "gfp=X" and "X" are the same. */
static const char *after_name(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : word;
}

static bool parse_small(const char *text, uint64_t most, unsigned int *number)
{
	uint64_t value;

	if (!parse_number(&text, &value) || *text != '\0' || value > most)
		return false;
	*number = (unsigned int)value;
	return true;
}

/* --- why, extfrag ---------------------------------------------------------------------------- */

static void print_why(const struct page_why *why)
{
	char text[WHY_TEXT_MAX > GFP_TEXT_MAX ? WHY_TEXT_MAX : GFP_TEXT_MAX];

	console_printf("order %u, %s: ", why->order, gfp_describe(why->gfp, text, sizeof(text)));
	console_printf("%s\n", page_why_remedy_text(why, text, sizeof(text)));
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES && why->remedy != REMEDY_FLAGS; zone++)
		console_printf("  %-8s %s\n", zone_names[zone],
			       page_why_zone_text(why, zone, text, sizeof(text)));
}

static void complete_gfp(struct word_completion *completion)
{
	const char *name;

	if (completion->argument != 1)
		return;
	for (unsigned int i = 0; (name = gfp_name(i)) != NULL; i++)
		completion_offer(completion, name);
}

static void why_command(int argc, char **argv)
{
	gfp_t gfp = GFP_KERNEL;
	unsigned int order = 0;
	struct page_why why;

	if (argc > 3 || (argc > 1 && !gfp_parse(after_name(argv[1], "gfp"), &gfp)) ||
	    (argc > 2 && !parse_small(after_name(argv[2], "order"), 31, &order))) {
		console_printf(
			"why: expects flags and an order, such as why gfp=GFP_KERNEL order=3\n");
		return;
	}
	page_why(gfp, order, &why);
	print_why(&why);
}

SHELL_COMMAND_COMPLETED(why, why_command, "[GFP [N]]",
			"whether a request would be served, zone by zone, and what would help",
			complete_gfp);

/* Thousandths as Linux prints them. */
static void print_thousandths(int value)
{
	console_printf("%s%d.%03d ", value < 0 ? "-" : "", abs(value) / 1000, abs(value) % 1000);
}

static void print_indexes(bool unusable)
{
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++) {
		if (zones[zone].span.present_pages == 0)
			continue;
		console_printf("Node 0, zone %8s ", zone_names[zone]);
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
			print_thousandths(unusable ? (int)page_unusable_index(zone, order)
						   : page_fragmentation_index(zone, order));
		console_printf("\n");
	}
}

static void extfrag(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	console_printf("extfrag_index: a refusal would be for want of memory (0) or for "
		       "fragmentation (1); -1: served\n");
	print_indexes(false);
	console_printf("unusable_index: part of the free pages that is in too small blocks\n");
	print_indexes(true);
}

SHELL_COMMAND(extfrag, extfrag, "", "fragmentation by zone and order, as debugfs extfrag/");

/* --- alloc, free ----------------------------------------------------------------------------- */

#define OWN_BLOCKS 64

static struct {
	struct page *head;
	unsigned int order;
} own[OWN_BLOCKS];

static int free_slot(void)
{
	for (int i = 0; i < OWN_BLOCKS; i++)
		if (own[i].head == NULL)
			return i;
	return -1;
}

/* False when it was refused, which the log says why. */
static bool alloc_one(gfp_t gfp, unsigned int order)
{
	int slot = free_slot();
	struct page *page;

	if (slot < 0) {
		console_printf("alloc: %d blocks are out already; free some first\n", OWN_BLOCKS);
		return false;
	}
	page = alloc_pages(gfp, order);
	if (page == NULL) {
		console_printf("alloc: refused\n");
		return false;
	}
	own[slot].head = page;
	own[slot].order = order;
	console_printf("page %#" PRIx32 ", order %u, zone %s, %s\n", page_to_pfn(page), order,
		       zone_names[page_zone_index(page)], page_migrate_name(page->flags));
	return true;
}

static void alloc(int argc, char **argv)
{
	gfp_t gfp = GFP_KERNEL;
	unsigned int order = 0, count = 1;

	if (argc > 4 || (argc > 1 && !gfp_parse(after_name(argv[1], "gfp"), &gfp)) ||
	    (argc > 2 && !parse_small(after_name(argv[2], "order"), 31, &order)) ||
	    (argc > 3 && !parse_small(argv[3], OWN_BLOCKS, &count))) {
		console_printf("alloc: expects flags, an order and how many up to %d, such as "
			       "alloc GFP_HIGHUSER|__GFP_ZERO 3 2; all may be left out\n",
			       OWN_BLOCKS);
		return;
	}
	while (count-- > 0 && alloc_one(gfp, order))
		;
}

SHELL_COMMAND_COMPLETED(alloc, alloc, "[GFP ...]",
			"take pages to play with: flags, order, how many blocks", complete_gfp);

static void list_own(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < OWN_BLOCKS; i++)
		if (own[i].head != NULL) {
			console_printf("page %#" PRIx32 ", order %u\n", page_to_pfn(own[i].head),
				       own[i].order);
			count++;
		}
	console_printf("%u blocks are out; free PFN or free all\n", count);
}

/* Give back the block of that frame, or with `all` every one; how many it were. */
static unsigned int give_back(uint32_t pfn, bool all)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < OWN_BLOCKS; i++)
		if (own[i].head != NULL && (all || page_to_pfn(own[i].head) == pfn)) {
			__free_pages(own[i].head, own[i].order);
			own[i].head = NULL;
			count++;
		}
	return count;
}

static void free_command(int argc, char **argv)
{
	bool all = argc == 2 && strcmp(argv[1], "all") == 0;
	uint32_t pfn = 0;

	if (argc == 1)
		list_own();
	else if (argc != 2 || (!all && !parse_pfn(argv[1], &pfn)))
		console_printf("free: expects the frame that alloc named, or all\n");
	else if (give_back(pfn, all) == 0)
		console_printf("free: no such block is out; free lists them\n");
}

static void complete_free(struct word_completion *completion)
{
	if (completion->argument == 1)
		completion_offer(completion, "all");
}

SHELL_COMMAND_COMPLETED(free, free_command, "[PFN|all]",
			"give back what alloc took; alone: list it", complete_free);
