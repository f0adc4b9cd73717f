/* SPDX-License-Identifier: MIT */
#include "boot/virt_events.h"

#include <inttypes.h>
#include <stdio.h>

#include "kern/log.h"
#include "kern/symbols.h"
#include "mm/virt/vmalloc.h"

static const char *const kinds[] = {
	[VMAP_VMALLOC] = "vmalloc",
	[VMAP_VMAP] = "vmap",
	[VMAP_IOREMAP] = "ioremap",
	[VMAP_LINEAR_MAP] = "the linear map",
};

static const char *const free_calls[] = {
	[VMAP_VMALLOC] = "vfree",
	[VMAP_VMAP] = "vunmap",
	[VMAP_IOREMAP] = "iounmap",
};

static const char *const memories[MEMORY_KINDS] = {
	[MEMORY_NORMAL] = "ordinary, cached memory",
	[MEMORY_NONCACHED] = "memory that is not cached",
	[MEMORY_DEVICE] = "device memory",
};

static void say_from(const struct vmalloc_misuse *misuse)
{
	pr_err("  nothing was done; from %s\n", symbol_text(misuse->caller));
}

/* Of an address that was given back: what is wrong with it, and what to do. */
static void describe_address(const struct vmalloc_misuse *misuse, char *text, size_t size)
{
	const char *area = kinds[misuse->other_kind];

	switch (misuse->kind) {
	case VMALLOC_NO_AREA:
		snprintf(text, size, "no area has it; give back what the call that maps returned");
		break;
	case VMALLOC_FREED_TWICE:
		snprintf(text, size,
			 "the area at %#" PRIxPTR ", %zu bytes of %s, was given back already",
			 misuse->other_start, misuse->other_bytes, area);
		break;
	case VMALLOC_MIDDLE:
		snprintf(text, size,
			 "the area of %s begins at %#" PRIxPTR "; give back that address", area,
			 misuse->other_start);
		break;
	default:
		snprintf(text, size, "the area, %zu bytes, is of %s; %s gives it back",
			 misuse->other_bytes, area, free_calls[misuse->other_kind]);
	}
}

static void say_address(const struct vmalloc_misuse *misuse)
{
	char text[160];

	describe_address(misuse, text, sizeof(text));
	pr_err("BUG: %s(%#" PRIxPTR "): %s\n", misuse->call, misuse->address, text);
	say_from(misuse);
}

static void say_no_addresses(const struct vmalloc_misuse *misuse)
{
	struct vmalloc_totals totals;

	vmalloc_totals(&totals);
	pr_warn("%s of %zu bytes refused: the largest gap in the %zu MiB of vmalloc has %zu; "
		"enlarge them by vmalloc=, at the cost of lowmem; from %s\n",
		misuse->call, misuse->bytes, totals.bytes >> 20, totals.largest_gap_bytes,
		symbol_text(misuse->caller));
}

static void say_conflict(const struct vmalloc_misuse *misuse)
{
	pr_err("BUG: %s of frame %#" PRIx64 " as %s: %s shows it at %#" PRIxPTR
	       " as %s; a frame has one kind at a time, unmap it there first or ask for the same\n",
	       misuse->call, (uint64_t)misuse->phys, memories[misuse->memory],
	       kinds[misuse->other_kind], misuse->other_start, memories[misuse->other_memory]);
	say_from(misuse);
}

/* Of a request, but for those above. */
static void describe_request(const struct vmalloc_misuse *misuse, char *text, size_t size)
{
	switch (misuse->kind) {
	case VMALLOC_IN_INTERRUPT:
		snprintf(text, size, "called by an interrupt handler; do it before or after");
		break;
	case VMALLOC_NOTHING:
		snprintf(text, size, "%zu bytes at %#" PRIx64 " are nothing, or end past 4 GiB",
			 misuse->bytes, (uint64_t)misuse->phys);
		break;
	case VMALLOC_TOO_LARGE:
		snprintf(text, size, "%zu bytes are more than all RAM; ask for less",
			 misuse->bytes);
		break;
	case VMALLOC_WRITTEN:
		snprintf(text, size,
			 "what shall execute can be written at another address; make "
			 "it read-only there first (aliases shows where)");
		break;
	case VMALLOC_NO_PAGE:
		snprintf(text, size,
			 "%#" PRIxPTR " is no struct page of RAM; pages come from alloc_pages",
			 misuse->address);
		break;
	default:
		snprintf(text, size,
			 "%#" PRIx64 " is RAM that the linear map shows; use phys_to_virt, or keep "
			 "it out of the map by no-map in the device tree",
			 (uint64_t)misuse->phys);
	}
}

static void say_request(const struct vmalloc_misuse *misuse)
{
	char text[160];

	describe_request(misuse, text, sizeof(text));
	pr_err("BUG: %s: %s\n", misuse->call, text);
	say_from(misuse);
}

static void say(const struct vmalloc_misuse *misuse)
{
	switch (misuse->kind) {
	case VMALLOC_NO_AREA:
	case VMALLOC_MIDDLE:
	case VMALLOC_FREED_TWICE:
	case VMALLOC_WRONG_KIND:
		say_address(misuse);
		break;
	case VMALLOC_NO_ADDRESSES:
		say_no_addresses(misuse);
		break;
	case VMALLOC_CONFLICT:
		say_conflict(misuse);
		break;
	default:
		say_request(misuse);
	}
}

void virt_events_attach(void)
{
	vmalloc_misuse_hook = say;
}
