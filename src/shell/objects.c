/* SPDX-License-Identifier: MIT */
/* Commands about caches and objects: what there is, in Linux's formats; whose an address is; and
 * objects of one's own to play with, wrongly too. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arch/linear.h"
#include "kern/symbols.h"
#include "lib/size.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/object_stats.h"
#include "mm/obj/slab.h"
#include "mm/obj/slab_debug.h"
#include "mm/phys/gfp_names.h"
#include "mm/phys/zone.h"
#include "shell/command.h"
#include "shell/stack.h"

/* --- slabinfo: mm/slab_common.c's format ------------------------------------------------------- */

static void print_slabinfo(const struct cache_snapshot *cache)
{
	console_printf("%-17s %6" PRIu32 " %6" PRIu32 " %6" PRIu32 " %4" PRIu32 " %4" PRIu32
		       " : tunables %4" PRIu32 " %4" PRIu32 " %4u : slabdata %6" PRIu32 " %6" PRIu32
		       " %6u\n",
		       cache->name, cache->live, cache->objects, cache->slot_bytes,
		       cache->objects_each, cache->pages_each, cache->magazine_limit,
		       cache->magazine_batch, 0, cache->slabs - cache->empty_slabs, cache->slabs,
		       0);
}

static void slabinfo(int argc, char **argv)
{
	struct cache_snapshot cache;

	(void)argc;
	(void)argv;
	console_printf("slabinfo - version: 2.1\n"
		       "# name            <active_objs> <num_objs> <objsize> <objperslab> "
		       "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
		       "<active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_snapshot(i, &cache))
			print_slabinfo(&cache);
}

SHELL_COMMAND(slabinfo, slabinfo, "", "caches and their objects, as /proc/slabinfo");

/* --- slabtop ------------------------------------------------------------------------------------- */

#define TOP_ROWS 20U

struct top {
	uint8_t order[KMEM_CACHES]; /* entries of the table, what holds most memory first */
	uint32_t pages[KMEM_CACHES];
	unsigned int count;
	uint32_t objects, live, slabs, full_slabs, caches, used_caches, slab_pages;
	uint64_t live_bytes;
};

static void add_to_top(struct top *top, unsigned int index, const struct cache_snapshot *cache)
{
	unsigned int at = top->count++;

	for (; at > 0 && top->pages[top->order[at - 1]] < cache->slab_pages; at--)
		top->order[at] = top->order[at - 1];
	top->order[at] = (uint8_t)index;
	top->pages[index] = cache->slab_pages;
	top->objects += cache->objects;
	top->live += cache->live;
	top->slabs += cache->slabs;
	top->full_slabs += cache->slabs - cache->empty_slabs;
	top->caches++;
	top->used_caches += cache->live != 0;
	top->slab_pages += cache->slab_pages;
	top->live_bytes += (uint64_t)cache->live * cache->slot_bytes;
}

static unsigned int percent(uint64_t part, uint64_t whole)
{
	return whole != 0 ? (unsigned int)(part * 1000 / whole) : 0;
}

static void print_share(const char *name, uint64_t part, uint64_t whole, const char *unit)
{
	unsigned int tenths = percent(part, whole);

	console_printf(" Active / Total %-20s: %" PRIu64 "%s / %" PRIu64 "%s (%u.%u%%)\n", name,
		       part, unit, whole, unit, tenths / 10, tenths % 10);
}

static void slabtop(int argc, char **argv)
{
	static struct top top;
	struct cache_snapshot cache;

	(void)argc;
	(void)argv;
	top = (struct top){ 0 };
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_snapshot(i, &cache))
			add_to_top(&top, i, &cache);
	print_share("Objects (% used)", top.live, top.objects, "");
	print_share("Slabs (% used)", top.full_slabs, top.slabs, "");
	print_share("Caches (% used)", top.used_caches, top.caches, "");
	print_share("Size (% used)", top.live_bytes >> 10,
		    (uint64_t)top.slab_pages << (PAGE_SHIFT - 10), "K");
	console_printf("\n  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME\n");
	for (unsigned int i = 0; i < top.count && i < TOP_ROWS; i++) {
		if (!cache_snapshot(top.order[i], &cache) || cache.slabs == 0)
			continue;
		console_printf("%6" PRIu32 " %6" PRIu32 " %3u%% %8" PRIu32 " %6" PRIu32 " %8" PRIu32
			       " %9" PRIu32 "K %s\n",
			       cache.objects, cache.live, percent(cache.live, cache.objects) / 10,
			       cache.slot_bytes, cache.slabs, cache.objects_each,
			       cache.slab_pages << (PAGE_SHIFT - 10), cache.name);
	}
}

SHELL_COMMAND(slabtop, slabtop, "", "the caches that hold most memory, as slabtop");

/* --- leaks --------------------------------------------------------------------------------------- */

#define USERS_MOST 64U

static void leaks(int argc, char **argv)
{
	static struct object_user users[USERS_MOST];
	uint32_t left;
	unsigned int count = object_users(argc > 1 ? argv[1] : NULL, users, USERS_MOST, &left);

	for (unsigned int i = 0; i < count; i++) {
		console_printf("%8zu bytes in %" PRIu32 " objects of %s, taken by\n",
			       users[i].bytes, users[i].objects, users[i].cache);
		for (uint32_t frame = 0; frame < users[i].taken.frames; frame++)
			console_printf("    %s\n", symbol_text(users[i].taken.pc[frame]));
	}
	if (left != 0)
		console_printf("and %" PRIu32
			       " objects of others, for whom there is no room here\n",
			       left);
	if (count == 0)
		console_printf("leaks: nothing is live in a cache that stores users; boot with "
			       "slab_debug=U, or slab_debug=U,NAME\n");
}

static void offer_caches(struct word_completion *completion)
{
	struct cache_snapshot cache;

	if (completion->argument != 1)
		return;
	for (unsigned int i = 0; i < KMEM_CACHES; i++)
		if (cache_snapshot(i, &cache))
			completion_offer(completion, cache.name);
}

SHELL_COMMAND_COMPLETED(leaks, leaks, "[CACHE]",
			"live objects by who took them; needs slab_debug=U", offer_caches);

/* --- slabcheck ------------------------------------------------------------------------------------- */

static void slabcheck(int argc, char **argv)
{
	uint32_t wrong;
	unsigned int caches = slab_debug_validate_all(argc > 1 ? argv[1] : NULL, &wrong);

	if (caches == 0)
		console_printf("slabcheck: no cache %s is watched; boot with slab_debug=FZPU\n",
			       argc > 1 ? argv[1] : "at all");
	else
		console_printf("slabcheck: %u caches, %" PRIu32 " objects damaged\n", caches,
			       wrong);
}

SHELL_COMMAND_COMPLETED(slabcheck, slabcheck, "[CACHE]",
			"look at every object of the caches that slab_debug= watches",
			offer_caches);

/* --- object -------------------------------------------------------------------------------------- */

static bool parse_address(const char *text, uintptr_t *address)
{
	uint64_t number;

	if (!parse_number(&text, &number) || *text != '\0' || number > UINTPTR_MAX)
		return false;
	*address = (uintptr_t)number;
	return true;
}

static void print_no_object(uintptr_t address, const struct object_info *info)
{
	console_printf("%#" PRIxPTR ": ", address);
	if (info->where == OBJECT_INFO_NO_RAM)
		console_printf("no RAM is there\n");
	else if (info->where == OBJECT_INFO_KMALLOC)
		console_printf("%#" PRIxPTR " bytes into a block of kmalloc, %u KiB at %#" PRIxPTR
			       "\n",
			       address - info->block, 4U << info->order, info->block);
	else
		console_printf("no cache's; its page is %s\n", info->page_type);
}

static void object(int argc, char **argv)
{
	struct object_info info;
	uintptr_t address;

	if (argc != 2 || !parse_address(argv[1], &address)) {
		console_printf("object: expects an address, such as 0x%08x\n",
			       CONFIG_PAGE_OFFSET + SZ_4M);
		return;
	}
	if (!zones_is_lowmem(PFN_DOWN(virt_to_phys((const void *)address)))) {
		console_printf("%#" PRIxPTR ": not in lowmem, where objects are; translate and "
			       "vmallocinfo know other addresses\n",
			       address);
		return;
	}
	object_info(address, &info);
	if (info.where != OBJECT_INFO_SLAB) {
		print_no_object(address, &info);
		return;
	}
	console_printf("%#" PRIxPTR ": cache %s, slab at %#" PRIxPTR ", order %u, %" PRIu32
		       " of %" PRIu32 " objects in it free\n",
		       address, info.cache, info.block, info.order, info.free_objects,
		       info.objects);
	if (info.object == 0) {
		console_printf("  behind the slab's last object\n");
		return;
	}
	console_printf("  object %" PRIu32 " at %#" PRIxPTR ", %" PRIu32 " bytes, offset %" PRId32
		       ": %s\n",
		       info.index, info.object, info.object_bytes, info.offset, info.state);
	print_stack("taken by    ", &info.taken);
	print_stack("given back by", &info.given);
}

SHELL_COMMAND(object, object, "ADDRESS", "which object an address lies in, and whose it is");

/* --- kmalloc, kfree ------------------------------------------------------------------------------ */

static bool parse_bytes(const char *text, uint64_t *bytes)
{
	return parse_size(&text, bytes) && *text == '\0' && *bytes <= UINT32_MAX;
}

/* Not by ksize: who asks that means to use it all, and a red zone would move. */
static void print_memory(uintptr_t address)
{
	struct object_info info;

	object_info(address, &info);
	if (info.where == OBJECT_INFO_SLAB)
		console_printf("%#" PRIxPTR ", of cache %s\n", address, info.cache);
	else if (info.where == OBJECT_INFO_KMALLOC)
		console_printf("%#" PRIxPTR ", a block of %u KiB\n", address, 4U << info.order);
	else
		console_printf("%#" PRIxPTR ", which is no memory\n", address);
}

#define KMALLOC_MOST 1000U /* at a time */

static void kmalloc_command(int argc, char **argv)
{
	gfp_t gfp = GFP_KERNEL;
	uint64_t bytes, count = 1;

	if (argc < 2 || argc > 4 || !parse_bytes(argv[1], &bytes) ||
	    (argc > 2 && !gfp_parse(argv[2], &gfp)) ||
	    (argc > 3 && (!parse_bytes(argv[3], &count) || count == 0 || count > KMALLOC_MOST))) {
		console_printf("kmalloc: expects bytes, flags and how many up to %u, such as "
			       "kmalloc 100 GFP_DMA 3; the last two may be left out\n",
			       KMALLOC_MOST);
		return;
	}
	for (; count > 0; count--) {
		void *memory = kmalloc((size_t)bytes, gfp);

		if (memory == NULL) {
			console_printf("kmalloc: refused\n");
			return;
		}
		print_memory((uintptr_t)memory);
	}
}

SHELL_COMMAND(kmalloc, kmalloc_command, "BYTES ...",
	      "take memory to play with: bytes, flags, how many");

/* Whatever the address is: a wrong one is told and nothing is done. */
static void kfree_command(int argc, char **argv)
{
	uintptr_t address;

	if (argc != 2 || !parse_address(argv[1], &address))
		console_printf("kfree: expects an address, as kmalloc printed it\n");
	else
		kfree((const void *)address);
}

SHELL_COMMAND(kfree, kfree_command, "ADDRESS", "give back what kmalloc took");

/* --- failslab ------------------------------------------------------------------------------------ */

static void failslab(int argc, char **argv)
{
	const char *wrong;

	if (argc == 1) {
		console_printf("%s: %" PRIu32 " requests fit, %" PRIu32 " of them were refused\n",
			       objects_fail ? "on" : "off", object_fail.asked, object_fail.failed);
		return;
	}
	if (argc == 2 && strcmp(argv[1], "off") == 0) {
		objects_fail_set(false);
		return;
	}
	wrong = argc == 2 ? fail_point_parse(&object_fail, argv[1]) : "expects one word";
	if (wrong != NULL)
		console_printf("failslab: %s\n", wrong);
	else
		objects_fail_set(true);
}

static void complete_failslab(struct word_completion *completion)
{
	if (completion->argument == 1)
		completion_offer(completion, "off");
}

SHELL_COMMAND_COMPLETED(failslab, failslab, "[HOW|off]",
			"refuse objects on purpose, as failslab=; alone: how often it did",
			complete_failslab);
