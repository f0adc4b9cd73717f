/* SPDX-License-Identifier: MIT */
/*
 * The areas behind vmalloc, vmap and ioremap; for the files of this room.
 *
 *	|guard| mapped pages          |guard|      guard pages are part of the area; the one before it
 *	start  vmap_area_address             end   only with guard_before
 *
 * An area goes through these states:
 *
 *	vmap_area_take ──▶ CHANGING ──vmap_area_publish──▶ LIVE ──vmap_area_claim──▶ CHANGING
 *	                      │                                                         │
 *	               vmap_area_drop: as it was             vmap_area_release: unmapped ▼
 *	                                  gone ◀── purge: TLBs are told ────────────── LAZY
 *
 * While CHANGING it belongs to the call that has it. One lock guards the tree, the states and the page
 * tables, which areas share by megabytes; it is held with interrupts masked for one walk of the tree,
 * one megabyte of mappings or one purge.
 */
#ifndef STRATA_MM_VIRT_VMAP_AREA_H
#define STRATA_MM_VIRT_VMAP_AREA_H

#include "kern/context.h"
#include "mm/virt/area_tree.h"
#include "mm/virt/vmalloc.h"

enum vmap_state { VMAP_CHANGING, VMAP_LIVE, VMAP_LAZY, VMAP_FLUSHED /* by a purge that runs */ };

struct vmap_area {
	struct area_node node; /* first */
	size_t bytes;          /* mapped */
	uintptr_t caller;
	phys_addr_t phys;       /* of ioremap */
	uint32_t pages;         /* of vmalloc: that belong to it, */
	struct page *blocks;    /* in blocks linked by LINK_NEXT, the last one to itself */
	struct vmap_area *lazy; /* while LAZY or FLUSHED: the next one */
	uint8_t kind, memory, state, lead_pages;
};

struct vmap_request {
	const char *call;
	uintptr_t caller;
	size_t bytes; /* a multiple of PAGE_SIZE, not 0 */
	enum area_alignment alignment;
	enum vmap_kind kind;
	enum memory_kind memory;
	phys_addr_t phys;
	bool guard_before;
	bool lowmem; /* of vmalloc: its pages are to be */
	bool quiet;  /* do not tell when there are no addresses */
};

static inline uintptr_t vmap_area_address(const struct vmap_area *area)
{
	return area->node.start + area->lead_pages * PAGE_SIZE;
}

/*
 * Addresses, aligned as asked for where a gap allows it, even if only after a purge; aligned to
 * pages elsewhere. NULL: refused.
 */
struct vmap_area *vmap_area_take(const struct vmap_request *request);

/*
 * Map a piece of the area, aligned to pages, by as few entries as the addresses allow. False: no
 * memory for tables; what was mapped before stays so.
 */
bool vmap_area_map(struct vmap_area *area, uintptr_t virt, phys_addr_t phys, size_t bytes,
		   enum memory_rights rights);

/* It is whole: others may find it. */
void vmap_area_publish(struct vmap_area *area);

/* It is not to be: whatever of it is mapped is unmapped, and its addresses are free at once. */
void vmap_area_drop(struct vmap_area *area);

/* The live area that begins at an address, to be given back. NULL: there is none, it was told. */
struct vmap_area *vmap_area_claim(uintptr_t address, enum vmap_kind kind, const char *call,
				  uintptr_t caller);

/* Unmap what was claimed; call before its pages go, and release the addresses after that. */
void vmap_area_unmap(struct vmap_area *area);
void vmap_area_release(struct vmap_area *area);

/*
 * One step over all that areas of another kind of memory than `memory` map: whatever is mapped at
 * *at or above it in the same area. `piece->bytes` is 0 where nothing is. *at moves on. False: the end.
 */
bool vmap_area_step(uintptr_t *at, enum memory_kind memory, struct mapping *piece,
		    enum vmap_kind *kind);

/*
 * Whether a frame in question is mapped already as memory of another kind, by an area; told. The frames
 * are those of [phys, phys + bytes), or of `pages`.
 */
struct vmap_frames {
	const struct vmap_request *request;
	uint64_t phys, end; /* physical; of pages: what they all lie in */
	struct page *const *pages;
	unsigned int count;
};

bool vmap_frames_conflict(const struct vmap_frames *frames);

/* Whether a handler calls; told. Nobody else may call either who may not wait: also told, and done. */
bool vmap_tell_interrupt(const char *call, uintptr_t address, uintptr_t caller);

static inline bool vmap_in_interrupt(const char *call, uintptr_t address, uintptr_t caller)
{
	if (vmalloc_in_interrupt_hook != NULL && vmalloc_in_interrupt_hook())
		return vmap_tell_interrupt(call, address, caller);
	might_sleep_from(call, caller);
	return false;
}

void vmap_tell(const struct vmalloc_misuse *misuse);

/* What a request's report says of it. */
struct vmalloc_misuse vmap_misuse_of(const struct vmap_request *request,
				     enum vmalloc_misuse_kind kind);

/* Once. */
void vmap_areas_init(uintptr_t start, uintptr_t end);

#endif
