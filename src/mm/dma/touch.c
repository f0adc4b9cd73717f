/* SPDX-License-Identifier: MIT */
#include "mm/dma/touch.h"

#include "arch/cache.h"
#include "lib/copy.h"
#include "kern/context.h"
#include "mm/virt/kmap.h"

/* How much of [phys, phys + bytes) has addresses in a row. */
static size_t piece_bytes(phys_addr_t phys, size_t bytes)
{
	phys_addr_t highmem = page_to_phys(kmap_highmem);
	size_t most =
		phys < highmem ? (size_t)(highmem - phys) : PAGE_SIZE - (size_t)(phys % PAGE_SIZE);

	return bytes < most ? bytes : most;
}

/*
 * Windows are this core's: whoever has one open may not be preempted by another that opens some. Of
 * lowmem there is none, and a piece may be long.
 */
static char *open_piece(phys_addr_t phys)
{
	struct page *page = phys_to_page(phys);
	char *address;

	if (page >= kmap_highmem)
		preempt_disable();
	address = kmap_local_page(page);
	if (address != NULL)
		return address + phys % PAGE_SIZE;
	preempt_enable();
	return NULL;
}

static void close_piece(phys_addr_t phys, const char *address)
{
	kunmap_local(address);
	if (phys_to_page(phys) >= kmap_highmem)
		preempt_enable();
}

bool dma_touch(phys_addr_t phys, size_t bytes, dma_toucher *touch, void *context)
{
	while (bytes != 0) {
		size_t piece = piece_bytes(phys, bytes);
		char *address = open_piece(phys);

		if (address == NULL)
			return false;
		touch(address, piece, context);
		close_piece(phys, address);
		phys += piece;
		bytes -= piece;
	}
	return true;
}

static void clean(const void *address, size_t bytes, void *context)
{
	(void)context;
	cache_clean(address, bytes);
}

/* Pages end with a line, so only the range's own ends can be parts of one. */
static void invalidate(const void *address, size_t bytes, void *context)
{
	(void)context;
	cache_invalidate(address, bytes);
}

bool dma_touch_clean(phys_addr_t phys, size_t bytes)
{
	return dma_touch(phys, bytes, clean, NULL);
}

bool dma_touch_invalidate(phys_addr_t phys, size_t bytes)
{
	return dma_touch(phys, bytes, invalidate, NULL);
}

bool dma_touch_copy(phys_addr_t to, phys_addr_t from, size_t bytes)
{
	while (bytes != 0) {
		size_t piece = piece_bytes(to, piece_bytes(from, bytes));
		char *source = open_piece(from), *target;

		if (source == NULL)
			return false;
		target = open_piece(to);
		if (target != NULL) {
			copy_bytes(target, source, piece);
			close_piece(to, target);
		}
		close_piece(from, source);
		if (target == NULL)
			return false;
		to += piece;
		from += piece;
		bytes -= piece;
	}
	return true;
}
