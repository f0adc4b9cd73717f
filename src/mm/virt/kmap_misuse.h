/* SPDX-License-Identifier: MIT */
/* What windows have to tell: wrong use of them. */
#ifndef STRATA_MM_VIRT_KMAP_MISUSE_H
#define STRATA_MM_VIRT_KMAP_MISUSE_H

#include "mm/phys/page_owner.h"

enum kmap_misuse_kind {
	/* Of kunmap_local. */
	KMAP_NO_WINDOW,    /* no window of this core lies there */
	KMAP_NOT_OPEN,     /* it is closed already, or was never opened */
	KMAP_OUT_OF_ORDER, /* others were opened after it and are open still */
	/* Of kmap, kunmap. */
	KMAP_NO_PAGE,   /* nobody's page, or no RAM at all */
	KMAP_NOT_SHOWN, /* kunmapped more often than kmapped */
	/* Of whoever frees a block. */
	KMAP_FREED, /* a window to it is in use */
	/* Of the helpers in highmem.h. */
	KMAP_PAST_END, /* the bytes do not lie in one page */
	KMAP_NO_SLOT,  /* all windows of this core are open */
	KMAP_MISUSES,
};

struct kmap_misuse {
	enum kmap_misuse_kind kind;
	uintptr_t address; /* of kunmap_local: as it was passed; else the window's, 0: none */
	uint32_t pfn;      /* of a page: which; of OUT_OF_ORDER: what the window shows */
	uint32_t top_pfn;  /* of OUT_OF_ORDER: what the window shows that should have been closed */
	uintptr_t top;     /* and where; 0: none is open */
	uint32_t users;    /* of FREED */
	uintptr_t caller;  /* 0: not known */
	/* With highmem_debug=1, of the window at `address`; no frames: not known. */
	struct owner_stack opened, closed;
};

/* In the context of the call. May not allocate. */
extern void (*kmap_misuse_hook)(const struct kmap_misuse *misuse);

#endif
