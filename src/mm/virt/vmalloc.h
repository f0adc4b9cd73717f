/* SPDX-License-Identifier: MIT */
/*
 * Memory in one piece of addresses whose pages lie anywhere, and pages of one's own shown in one
 * piece. Names and edges are Linux 6.1's.
 *
 *	uint32_t *table = vmalloc(300 * 1024);    or vzalloc, or kvmalloc, which tries kmalloc first
 *	vfree(table);
 *
 *	void *both = vmap(pages, 2, MEMORY_NORMAL, RIGHTS_READ);
 *	vunmap(both);
 *
 * Pages come from highmem first. Behind each area lies a guard page that nothing is mapped at.
 *
 * None of these may be called from interrupt handlers, but vfree and kvfree, as in Linux. Called where
 * interrupts are masked or preemption is disabled they do what they should, but are told of
 * (might_sleep_hook): they may have to wait. A request that cannot be served returns NULL and leaves everything
 * as it was; vmalloc_misuse_hook or the page allocator has said why, unless the flags say
 * __GFP_NOWARN.
 *
 * Freed addresses are unmapped at once, but TLBs are told later, for many areas together: until
 * then, or until vm_unmap_aliases, who uses a freed area may read and write what is somebody else's
 * by now. Linux does the same.
 *
 * Wrong use is told to vmalloc_misuse_hook, in every build, and nothing is done.
 */
#ifndef STRATA_MM_VIRT_VMALLOC_H
#define STRATA_MM_VIRT_VMALLOC_H

#include "arch/mmu.h"
#include "mm/phys/gfp.h"

/*
 * Memory of at least so many bytes, aligned to pages, never executable; its contents are as found,
 * vzalloc's are zero. NULL: of nothing, of more than all RAM, no memory, no addresses.
 */
void *vmalloc(size_t bytes);
void *vzalloc(size_t bytes);

/* What vmalloc, vzalloc or __vmalloc_area gave. NULL is ignored. */
void vfree(const void *address);

#define VM_GUARD_BEFORE 1U /* another guard page before the area, for what grows downwards */
#define VM_LOWMEM       2U /* of pages of lowmem, which the boot has seen to answer */

/*
 * The same by flags of one's own; __GFP_HIGHMEM goes without saying, unless they say GFP_DMA. The
 * caller is what vmallocinfo names.
 */
void *__vmalloc_area(size_t bytes, gfp_t gfp, uint32_t flags, uintptr_t caller);

/*
 * Show `count` pages in a row. They stay the caller's, who keeps them until after vunmap; the array
 * is not needed any more. NULL: of nothing, a pointer that is no page, no memory, no addresses, a
 * page is mapped already as memory of another kind, or is to execute and can be written elsewhere.
 */
void *vmap(struct page **pages, unsigned int count, enum memory_kind kind,
	   enum memory_rights rights);

/* What vmap gave. NULL is ignored. */
void vunmap(const void *address);

/* The page behind an address of vmalloc's or vmap's; NULL: nothing is mapped there. */
struct page *vmalloc_to_page(const void *address);

/* Whether an address lies between vmalloc_start and VMALLOC_END, mapped or not. */
bool is_vmalloc_addr(const void *address);

/*
 * Memory by kmalloc, or where that has none and `bytes` is more than a page, by vmalloc; there the
 * flags must allow to wait. kvmalloc(0) is ZERO_SIZE_PTR.
 */
void *kvmalloc(size_t bytes, gfp_t gfp);
void *kvzalloc(size_t bytes, gfp_t gfp);

/* What kvmalloc, kmalloc or vmalloc gave. */
void kvfree(const void *address);

/* Tell TLBs of all areas that were freed by now, and make their addresses free. */
void vm_unmap_aliases(void);

/* Once, when kmalloc works and page_tables_init was called; [start, end) is not mapped. */
void vmalloc_init(uintptr_t start, uintptr_t end);

/* --- what there is --------------------------------------------------------------------------- */

/* What a range of addresses shows. */
enum vmap_kind {
	VMAP_VMALLOC,
	VMAP_VMAP,
	VMAP_IOREMAP,
	VMAP_KINDS,
	VMAP_LINEAR_MAP = VMAP_KINDS, /* in reports: no area, but lowmem's own addresses */
};

struct vmalloc_snapshot {
	uintptr_t start;
	size_t bytes; /* the guard page behind it included, as in Linux */
	uintptr_t caller;
	uint32_t pages;   /* that belong to it */
	phys_addr_t phys; /* of ioremap */
	enum vmap_kind kind;
	enum memory_kind memory;
	bool lazy; /* it was freed, TLBs do not know yet */
};

/* The lowest area that ends above the address, so a walk goes on at start + bytes. False: none. */
bool vmalloc_snapshot(uintptr_t from, struct vmalloc_snapshot *snapshot);

/* Of all addresses: in areas (guard pages included), of those in lazily freed ones, in the largest
 * gap. Linux's VmallocTotal, VmallocUsed, VmallocChunk. */
struct vmalloc_totals {
	size_t bytes, used_bytes, lazy_bytes, largest_gap_bytes;
	uint32_t areas, lazy_areas;
};

void vmalloc_totals(struct vmalloc_totals *totals);

/* --- wrong use ------------------------------------------------------------------------------- */

enum vmalloc_misuse_kind {
	/* Of an address that was to be given back; nothing was done. */
	VMALLOC_NO_AREA,     /* no area has it */
	VMALLOC_MIDDLE,      /* it is not where the area begins */
	VMALLOC_FREED_TWICE, /* the area was given back already */
	VMALLOC_WRONG_KIND,  /* vfree of what ioremap gave, and so on */
	/* Of a request; it was refused. */
	VMALLOC_IN_INTERRUPT, /* by a handler; of vunmap and iounmap, too */
	VMALLOC_NOTHING,      /* of no bytes; of ioremap: or past 4 GiB */
	VMALLOC_TOO_LARGE,    /* of more than all RAM */
	VMALLOC_NO_ADDRESSES, /* no gap is large enough */
	VMALLOC_NO_PAGE,      /* vmap: this pointer is no struct page of RAM */
	VMALLOC_LINEAR_RAM,   /* ioremap of what the linear map shows */
	VMALLOC_CONFLICT,     /* the frame is mapped already as memory of another kind */
	VMALLOC_WRITTEN,      /* vmap: to be executed, but a frame may be written elsewhere */
	VMALLOC_MISUSES,
};

struct vmalloc_misuse {
	enum vmalloc_misuse_kind kind;
	const char *call;  /* "vfree" and so on */
	uintptr_t address; /* passed to it; of NO_PAGE, the pointer; 0: none */
	size_t bytes;      /* asked for */
	phys_addr_t phys;  /* of ioremap: as asked for; of LINEAR_RAM and CONFLICT, the frame */
	enum memory_kind memory; /* asked for */
	/* The area in question: the one that has the address, or the frame. other_start 0: none. */
	uintptr_t other_start;
	size_t other_bytes;
	enum vmap_kind other_kind;
	enum memory_kind other_memory;
	uintptr_t caller;
};

/* In the context of the call. May not allocate. */
extern void (*vmalloc_misuse_hook)(const struct vmalloc_misuse *misuse);

/* Whether this core is in an interrupt handler. NULL: nobody has handlers. */
extern bool (*vmalloc_in_interrupt_hook)(void);

#endif
