/* SPDX-License-Identifier: MIT */
/* What mappings have to say, in lines of the log: mm never prints. */
#include <inttypes.h>
#include <stdio.h>

#include "boot/dma.h"
#include "boot/rate.h"
#include "kern/log.h"
#include "kern/symbols.h"
#include "mm/dma/bounce.h"
#include "mm/dma/debug.h"
#include "mm/dma/pool.h"

/* --- refusals -------------------------------------------------------------------------------- */

/* A sentence without a full stop: what stands in the way, and what to do. */
static void explain_pool(const struct dma_refusal *refusal, char *text, size_t size)
{
	const struct bounce_pool *pool = refusal->device->pool;
	struct bounce_snapshot snapshot;

	if (pool == NULL) {
		snprintf(text, size,
			 "out of reach, and no bounce pool is within it; see swiotlb= and "
			 "dma explain");
		return;
	}
	bounce_snapshot(pool, &snapshot);
	if (refusal->reason == DMA_TOO_LARGE)
		snprintf(text, size,
			 "out of reach, and too large to bounce; map %u KiB at a time, or take "
			 "memory within reach",
			 BOUNCE_RUN_MOST * BOUNCE_SLOT_BYTES >> 10);
	else
		snprintf(text, size,
			 "out of reach, and the bounce pool %s has no run of %zu slots: %" PRIu32
			 " of %" PRIu32 " are free, %" PRIu32
			 " at most in a row; dmainfo has who holds them; a larger swiotlb= helps",
			 pool->name, (refusal->bytes + BOUNCE_SLOT_BYTES - 1) / BOUNCE_SLOT_BYTES,
			 snapshot.slots - snapshot.used_slots, snapshot.slots,
			 snapshot.largest_free_run);
}

static const char *const refusal_texts[DMA_REFUSALS] = {
	[DMA_BAD_REQUEST] = "no bytes, past the end of addresses, or no direction",
	[DMA_NOT_LINEAR] =
		"the address is not in lowmem: a stack, vmalloc or highmem; use memory of "
		"kmalloc, or dma_map_page for each page",
	[DMA_NOT_RAM] = "it is not RAM; dma_map_resource is for registers",
	[DMA_IS_RAM] = "it is RAM; use dma_map_page",
	[DMA_COHERENT_SIZE] = "no bytes, or more than 4 MiB",
	[DMA_COHERENT_UNREACHED] =
		"no lowmem is reached in one piece under the coherent mask; dma explain shows what "
		"is reached",
	[DMA_COHERENT_ATOMIC] =
		"the caller may not wait, and no coherent megabyte within reach has room; a larger "
		"coherent_pool= helps",
	[DMA_COHERENT_NO_BLOCK] = "no block of that much memory, or of a megabyte, is free within "
				  "reach; a coherent_pool= takes it at boot",
	[DMA_NO_WINDOW] = "it is highmem, and all windows of this core are open; close some",
};

static void say_mask(const struct dma_refusal *refusal)
{
	pr_warn("%s: mask %#" PRIx64 " refused, from %s: no RAM is at a bus address up to it that "
		"windows and dma_limit= leave; dma explain shows where RAM is for it\n",
		refusal->device->name, refusal->mask, symbol_text(refusal->caller));
}

static void say_coherent(const struct dma_refusal *refusal)
{
	pr_warn("%s: coherent memory of %zu bytes refused, mask %#" PRIx64 ", from %s: %s\n",
		refusal->device->name, refusal->bytes, refusal->mask, symbol_text(refusal->caller),
		refusal_texts[refusal->reason]);
}

static void say_refusal(const struct dma_refusal *refusal)
{
	static struct rate rate;
	char text[200];

	if (!rate_allows(&rate))
		return;
	if (refusal->reason == DMA_MASK_IN_VAIN) {
		say_mask(refusal);
		return;
	}
	if (refusal->reason >= DMA_COHERENT_SIZE) {
		say_coherent(refusal);
		return;
	}
	if (refusal_texts[refusal->reason] != NULL)
		snprintf(text, sizeof(text), "%s", refusal_texts[refusal->reason]);
	else
		explain_pool(refusal, text, sizeof(text));
	pr_warn("%s: mapping of %zu bytes at %#" PRIx64 " refused, from %s: %s\n",
		refusal->device->name, refusal->bytes, refusal->phys, symbol_text(refusal->caller),
		text);
}

/* --- wrong use ------------------------------------------------------------------------------- */

static const char *const misuse_texts[DMA_MISUSES] = {
	[DMA_UNMAP_UNKNOWN] =
		"unmapped, but nothing is mapped there: unmapped twice, or never mapped",
	[DMA_UNMAP_SIZE] = "unmapped with another size than it was mapped with",
	[DMA_UNMAP_DIRECTION] = "unmapped with another direction than it was mapped with",
	[DMA_UNMAP_KIND] = "unmapped by another call's counterpart than it was mapped by",
	[DMA_SYNC_UNKNOWN] = "synced, but nothing is mapped there",
	[DMA_SYNC_RANGE] = "synced past the end of the mapping",
	[DMA_SYNC_DIRECTION] = "synced with another direction than it was mapped with",
	[DMA_SYNC_TWICE] = "synced for whom it is already",
	[DMA_SYNC_MISSING] = "the CPU wrote to it while it was the device's; dma_sync_..._for_cpu "
			     "comes first",
	[DMA_MAP_STACK] = "mapped memory of a stack; use memory of kmalloc",
	[DMA_MAP_FREED] = "mapped memory that nobody has: it is free",
	[DMA_MAP_SHARED_LINE] =
		"mapped, but a cache line of it belongs to another mapping, too; let "
		"buffers begin and end with a line",
	[DMA_WINDOWS_OPEN] = "not copied or cleaned: all windows of this core are open; close some",
	[DMA_LEFT_MAPPED] = "its driver goes, and this is still mapped",
	[DMA_FREE_UNKNOWN] =
		"freed, but no coherent buffer of that device and size is there: freed "
		"twice, or with another size, device or bus address than it has",
	[DMA_NOT_WATCHED] = "not watched from here on: too many mappings for dma_debug=1",
};

static const char *const direction_names[] = {
	[DMA_BIDIRECTIONAL] = "both ways",
	[DMA_TO_DEVICE] = "to the device",
	[DMA_FROM_DEVICE] = "from the device",
	[DMA_NONE] = "in no direction",
};

static const char *const map_names[DMA_MAP_KINDS] = {
	[DMA_MAP_SINGLE] = "dma_map_single",
	[DMA_MAP_PAGE] = "dma_map_page",
	[DMA_MAP_SG] = "dma_map_sg",
	[DMA_MAP_RESOURCE] = "dma_map_resource",
};

static const char *direction_name(enum dma_data_direction direction)
{
	return direction_names[direction < DMA_NONE ? direction : DMA_NONE];
}

static void say_mapping(const struct dma_mapping *mapping)
{
	pr_err("  mapped: bus %#" PRIx32 ", %zu bytes at %#" PRIx64 ", %s, by %s from %s\n",
	       mapping->bus, mapping->bytes, mapping->phys, direction_name(mapping->direction),
	       map_names[mapping->kind], symbol_text(mapping->caller));
}

static void say_misuse(const struct dma_misuse *misuse)
{
	static struct rate rate;
	const struct dma_mapping *call = &misuse->call;

	if (!rate_allows(&rate))
		return;
	if (misuse->kind == DMA_LEFT_MAPPED && misuse->mapping.bytes == 0) {
		pr_err("BUG: DMA of %s: its driver goes and leaves %zu mappings; dma_debug=1 has "
		       "their names\n",
		       call->device->name, call->bytes);
		return;
	}
	if (misuse->kind == DMA_LEFT_COHERENT) {
		pr_err("BUG: DMA of %s: its driver goes and leaves %zu coherent buffers\n",
		       call->device->name, call->bytes);
		return;
	}
	pr_err("BUG: DMA of %s: %s\n", call->device->name, misuse_texts[misuse->kind]);
	if (misuse->kind != DMA_LEFT_MAPPED)
		pr_err("  bus %#" PRIx32 ", %zu bytes, %s, from %s\n", call->bus, call->bytes,
		       direction_name(call->direction), symbol_text(call->caller));
	if (misuse->mapping.bytes != 0)
		say_mapping(&misuse->mapping);
}

static void say_pool_misuse(const struct dma_pool_misuse *misuse)
{
	static struct rate rate;
	static const char *const texts[DMA_POOL_MISUSES] = {
		[DMA_POOL_FOREIGN] = "freed, but it is no block of this pool",
		[DMA_POOL_DOUBLE_FREE] = "freed twice",
		[DMA_POOL_WRONG_BUS] = "freed with another bus address than it has",
	};

	if (!rate_allows(&rate))
		return;
	if (misuse->kind == DMA_POOL_LEFT)
		pr_err("BUG: DMA pool %s of %s: destroyed from %s with %" PRIu32
		       " blocks in use; their pages are lost\n",
		       misuse->name, misuse->device->name, symbol_text(misuse->caller),
		       misuse->blocks);
	else
		pr_err("BUG: DMA pool %s of %s: block %p, bus %#" PRIx32 ", from %s: %s\n",
		       misuse->name, misuse->device->name, misuse->block, misuse->bus,
		       symbol_text(misuse->caller), texts[misuse->kind]);
}

void dma_events_attach(void)
{
	dma_pool_misuse_hook = say_pool_misuse;
	dma_refusal_hook = say_refusal;
	dma_misuse_hook = say_misuse;
}
