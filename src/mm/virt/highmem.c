/* SPDX-License-Identifier: MIT */
#include "mm/virt/highmem.h"

#include <string.h>

#include "mm/virt/kmap_debug.h"
#include "mm/virt/kmap_misuse.h"

static void tell(enum kmap_misuse_kind kind, const struct page *page, void *caller)
{
	const struct kmap_misuse misuse = {
		.kind = kind,
		.pfn = page_to_pfn(page),
		.caller = (uintptr_t)caller,
	};

	kmap_tell(&misuse, NULL);
}

/* A piece of a page, to be closed by kunmap_local. NULL: it was told why not. */
static char *open_piece(struct page *page, size_t offset, size_t bytes, void *caller)
{
	char *window;

	if (bytes > PAGE_SIZE || offset > PAGE_SIZE - bytes) {
		tell(KMAP_PAST_END, page, caller);
		return NULL;
	}
	window = kmap_local_page(page);
	if (window == NULL) {
		tell(KMAP_NO_SLOT, page, caller);
		return NULL;
	}
	return window + offset;
}

/* Of no bytes at the end of a page, the piece begins behind it. */
static void close_piece(const char *piece, size_t offset)
{
	kunmap_local(piece - offset);
}

void memcpy_from_page(char *to, struct page *page, size_t offset, size_t bytes)
{
	const char *from = open_piece(page, offset, bytes, __builtin_return_address(0));

	if (from == NULL)
		return;
	memcpy(to, from, bytes);
	close_piece(from, offset);
}

void memcpy_to_page(struct page *page, size_t offset, const char *from, size_t bytes)
{
	char *to = open_piece(page, offset, bytes, __builtin_return_address(0));

	if (to == NULL)
		return;
	memcpy(to, from, bytes);
	close_piece(to, offset);
}

void memcpy_page(struct page *to, size_t to_offset, struct page *from, size_t from_offset,
		 size_t bytes)
{
	void *caller = __builtin_return_address(0);
	const char *source = open_piece(from, from_offset, bytes, caller);
	char *target;

	if (source == NULL)
		return;
	target = open_piece(to, to_offset, bytes, caller);
	if (target != NULL) {
		memcpy(target, source, bytes);
		close_piece(target, to_offset);
	}
	close_piece(source, from_offset);
}

void memset_page(struct page *page, size_t offset, int value, size_t bytes)
{
	char *piece = open_piece(page, offset, bytes, __builtin_return_address(0));

	if (piece == NULL)
		return;
	memset(piece, value, bytes);
	close_piece(piece, offset);
}
