/* SPDX-License-Identifier: MIT */
#include "mm/virt/vmap_area.h"

#include "kern/context.h"
#include "kern/spinlock.h"
#include "lib/bits.h"
#include "mm/obj/slab.h"
#include "mm/virt/page_tables.h"

/* How much may be freed and not yet flushed: Linux's 32 MiB, and so many areas that a purge stays short. */
#define LAZY_BYTES_MOST SZ_32M
#define LAZY_AREAS_MOST 64U

void (*vmalloc_misuse_hook)(const struct vmalloc_misuse *misuse);
bool (*vmalloc_in_interrupt_hook)(void);

static struct kmem_cache *area_cache;

static struct address_space {
	struct spinlock lock;
	/* Guarded by the lock. */
	struct area_tree tree;
	struct vmap_area *lazy; /* the last one freed first */
	size_t lazy_bytes;
	uint32_t areas, lazy_areas; /* areas: all, lazy ones included */
	size_t used_bytes;
	/* Fixed. */
	uintptr_t start, end;
} space;

static struct vmap_area *area_of(struct area_node *node)
{
	return (struct vmap_area *)node;
}

static size_t addresses_of(const struct vmap_area *area)
{
	return area->node.end - area->node.start;
}

/* --- telling ----------------------------------------------------------------------------------- */

void vmap_tell(const struct vmalloc_misuse *misuse)
{
	if (vmalloc_misuse_hook != NULL)
		vmalloc_misuse_hook(misuse);
}

struct vmalloc_misuse vmap_misuse_of(const struct vmap_request *request,
				     enum vmalloc_misuse_kind kind)
{
	return (struct vmalloc_misuse){
		.kind = kind,
		.call = request->call,
		.bytes = request->bytes,
		.phys = request->phys,
		.memory = request->memory,
		.caller = request->caller,
	};
}

bool vmap_tell_interrupt(const char *call, uintptr_t address, uintptr_t caller)
{
	vmap_tell(&(struct vmalloc_misuse){
		.kind = VMALLOC_IN_INTERRUPT, .call = call, .address = address, .caller = caller });
	return true;
}

/* --- purging ------------------------------------------------------------------------------------- */

/* Under the lock. The struct is the caller's to free. */
static void remove_area(struct vmap_area *area)
{
	area_tree_remove(&space.tree, &area->node);
	space.areas--;
	space.used_bytes -= addresses_of(area);
}

/* All that was freed, with the addresses that it lies in. What is freed from now on joins none of it. */
static struct vmap_area *take_lazy(uintptr_t *low, uintptr_t *high)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	struct vmap_area *first = space.lazy;

	*low = space.end;
	*high = space.start;
	for (struct vmap_area *area = first; area != NULL; area = area->lazy) {
		area->state = VMAP_FLUSHED;
		if (area->node.start < *low)
			*low = area->node.start;
		if (area->node.end > *high)
			*high = area->node.end;
	}
	space.lazy = NULL;
	space.lazy_bytes = 0;
	space.lazy_areas = 0;
	spin_unlock_irqrestore(&space.lock, irq);
	return first;
}

/* Each megabyte is looked at, so after so many interrupts are let in. */
#define FLUSH_BYTES_MOST SZ_16M

static void flush(uintptr_t low, uintptr_t high)
{
	phys_addr_t tables = 0;

	for (uintptr_t at = low; at < high;) {
		size_t bytes = high - at < FLUSH_BYTES_MOST ? high - at : FLUSH_BYTES_MOST;
		uint32_t irq = spin_lock_irqsave(&space.lock);

		tables = mmu_flush_part(at, bytes, tables);
		spin_unlock_irqrestore(&space.lock, irq);
		at += bytes;
	}
	mmu_flush_whole(low, high - low, tables);
}

/*
 * One flush for all that was freed (LAZY_AREAS_MOST areas at most); then its addresses are free. Another
 * thread that lacks addresses should not see those that are between the two, so there is none.
 * False: nothing was freed.
 */
static __attribute__((noinline)) bool purge(void)
{
	struct vmap_area *area, *next;
	uintptr_t low, high;
	bool any;

	preempt_disable();
	area = take_lazy(&low, &high);
	any = area != NULL;
	if (any)
		flush(low, high);
	for (; area != NULL; area = next) {
		uint32_t irq = spin_lock_irqsave(&space.lock);

		next = area->lazy;
		remove_area(area);
		spin_unlock_irqrestore(&space.lock, irq);
		kmem_cache_free(area_cache, area);
	}
	preempt_enable();
	return any;
}

void vm_unmap_aliases(void)
{
	purge();
}

/* --- taking and mapping ------------------------------------------------------------------------ */

static bool insert(struct vmap_area *area, size_t bytes, enum area_alignment alignment)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	uintptr_t start = area_tree_find_gap(&space.tree, bytes, alignment);

	if (likely(start != 0)) {
		area->node.start = start;
		area->node.end = start + bytes;
		area_tree_insert(&space.tree, &area->node);
		space.areas++;
		space.used_bytes += bytes;
	}
	spin_unlock_irqrestore(&space.lock, irq);
	return start != 0;
}

/* Where it should be; where it should be once all that was freed is free; or anywhere. */
static bool insert_somewhere(struct vmap_area *area, size_t bytes, enum area_alignment alignment)
{
	return likely(insert(area, bytes, alignment)) ||
	       (purge() && insert(area, bytes, alignment)) || insert(area, bytes, AREA_4K);
}

static void tell_no_addresses(const struct vmap_request *request)
{
	struct vmalloc_misuse misuse = vmap_misuse_of(request, VMALLOC_NO_ADDRESSES);

	if (!request->quiet)
		vmap_tell(&misuse);
}

static inline void fill_area(struct vmap_area *area, const struct vmap_request *request)
{
	area->bytes = request->bytes;
	area->caller = request->caller;
	area->phys = request->phys;
	area->pages = 0;
	area->blocks = NULL;
	area->kind = (uint8_t)request->kind;
	area->memory = (uint8_t)request->memory;
	area->state = VMAP_CHANGING;
	area->lead_pages = request->guard_before ? 1 : 0;
}

static struct vmap_area *new_area(bool quiet)
{
	return unlikely(quiet) ? __kmem_cache_alloc(area_cache, GFP_KERNEL | __GFP_NOWARN)
			       : kmem_cache_alloc(area_cache, GFP_KERNEL);
}

struct vmap_area *vmap_area_take(const struct vmap_request *request)
{
	struct vmap_area *area = new_area(request->quiet);
	size_t guards = request->guard_before ? 2 * PAGE_SIZE : PAGE_SIZE;

	if (unlikely(area == NULL))
		return NULL;
	fill_area(area, request);
	/* No gap has as many bytes as all that a pointer can name. */
	if (likely(request->bytes < space.end - space.start &&
		   insert_somewhere(area, request->bytes + guards, request->alignment)))
		return area;
	kmem_cache_free(area_cache, area);
	tell_no_addresses(request);
	return NULL;
}

/* Interrupts stay masked for a section, or for this many entries of pages; whole large pages. */
#define PIECE_BYTES (4 * LARGE_PAGE_SIZE)

static size_t piece_bytes(uintptr_t virt, size_t left)
{
	size_t rest = PIECE_BYTES - (virt & (PIECE_BYTES - 1));

	if (IS_ALIGNED(virt, SECTION_SIZE) && left >= SECTION_SIZE)
		return SECTION_SIZE;
	return rest < left ? rest : left;
}

bool vmap_area_map(struct vmap_area *area, uintptr_t virt, phys_addr_t phys, size_t bytes,
		   enum memory_rights rights)
{
	bool mapped = true;

	while (mapped && bytes > 0) {
		size_t piece = piece_bytes(virt, bytes);
		uint32_t irq = spin_lock_irqsave(&space.lock);

		mapped = mmu_map(virt, phys, piece, (enum memory_kind)area->memory, rights,
				 table_take);
		spin_unlock_irqrestore(&space.lock, irq);
		virt += piece;
		phys += piece;
		bytes -= piece;
	}
	return mapped;
}

void vmap_area_publish(struct vmap_area *area)
{
	__atomic_store_n(&area->state, VMAP_LIVE, __ATOMIC_RELEASE);
}

void vmap_area_drop(struct vmap_area *area)
{
	uint32_t irq;

	vmap_area_unmap(area);
	irq = spin_lock_irqsave(&space.lock);
	mmu_flush(area->node.start, addresses_of(area));
	remove_area(area);
	spin_unlock_irqrestore(&space.lock, irq);
	kmem_cache_free(area_cache, area);
}

/* --- giving back ------------------------------------------------------------------------------- */

/* What is wrong with giving this area back by this address as this kind; negative: nothing. */
static int find_misuse(const struct vmap_area *area, uintptr_t address, enum vmap_kind kind)
{
	if (area == NULL)
		return VMALLOC_NO_AREA;
	if (area->state != VMAP_LIVE)
		return VMALLOC_FREED_TWICE;
	if (area->kind != kind)
		return VMALLOC_WRONG_KIND;
	return address != vmap_area_address(area) ? VMALLOC_MIDDLE : -1;
}

static struct vmalloc_misuse misuse_of_address(enum vmalloc_misuse_kind kind,
					       const struct vmap_area *area)
{
	struct vmalloc_misuse misuse = { .kind = kind };

	if (area != NULL) {
		misuse.other_start = vmap_area_address(area);
		misuse.other_bytes = area->bytes;
		misuse.other_kind = (enum vmap_kind)area->kind;
		misuse.other_memory = (enum memory_kind)area->memory;
	}
	return misuse;
}

struct vmap_area *vmap_area_claim(uintptr_t address, enum vmap_kind kind, const char *call,
				  uintptr_t caller)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	struct vmap_area *area = area_of(area_tree_find(&space.tree, address));
	int wrong = find_misuse(area, address, kind);
	struct vmalloc_misuse misuse;

	if (likely(wrong < 0))
		area->state = VMAP_CHANGING;
	else
		misuse = misuse_of_address((enum vmalloc_misuse_kind)wrong, area);
	spin_unlock_irqrestore(&space.lock, irq);
	if (likely(wrong < 0))
		return area;
	misuse.call = call;
	misuse.address = address;
	misuse.caller = caller;
	vmap_tell(&misuse);
	return NULL;
}

/* A megabyte at once only if it is a section. */
static size_t piece_to_clear(uintptr_t virt, size_t left)
{
	size_t piece = piece_bytes(virt, left);
	struct mapping mapping;

	if (piece == SECTION_SIZE && (!mmu_query(virt, &mapping) || mapping.bytes < SECTION_SIZE))
		piece = PIECE_BYTES;
	return piece;
}

/*
 * TLBs are not told yet: who still uses these addresses may reach the pages when they are somebody
 * else's. Linux gives the pages back before its flush just so; what it buys is one flush for many areas.
 */
void vmap_area_unmap(struct vmap_area *area)
{
	uintptr_t virt = vmap_area_address(area);
	size_t left = area->bytes;

	while (left > 0) {
		size_t piece = piece_to_clear(virt, left);
		uint32_t irq = spin_lock_irqsave(&space.lock);

		mmu_clear(virt, piece);
		spin_unlock_irqrestore(&space.lock, irq);
		virt += piece;
		left -= piece;
	}
}

/* The lazy area before this one, with no more than what alignment costs in between; or NULL. */
static struct vmap_area *lazy_before(const struct vmap_area *area)
{
	struct vmap_area *before;

	if (area->node.start - area->node.below >= SECTION_SIZE)
		return NULL;
	before = area_of(area_tree_above(&space.tree, area->node.below - 1));
	return before != area && before->state == VMAP_LAZY ? before : NULL;
}

/*
 * Lazy areas in a row become one, with the gaps between them, so that there is less to walk, and less
 * to purge. The struct that is not needed then, for the caller to free; or NULL.
 */
static struct vmap_area *make_lazy(struct vmap_area *area)
{
	struct vmap_area *before = lazy_before(area);

	space.lazy_areas++;
	space.lazy_bytes += addresses_of(area);
	if (before != NULL) {
		space.used_bytes += area->node.start - area->node.below;
		area_tree_join(&space.tree, &before->node, &area->node);
		space.areas--;
		return area;
	}
	area->state = VMAP_LAZY;
	area->lazy = space.lazy;
	space.lazy = area;
	return NULL;
}

void vmap_area_release(struct vmap_area *area)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	struct vmap_area *spare = make_lazy(area);
	bool many = space.lazy_areas >= LAZY_AREAS_MOST || space.lazy_bytes > LAZY_BYTES_MOST;

	spin_unlock_irqrestore(&space.lock, irq);
	if (spare != NULL)
		kmem_cache_free(area_cache, spare);
	/* A handler does not wait for all that others freed. */
	if (unlikely(many) && (vmalloc_in_interrupt_hook == NULL || !vmalloc_in_interrupt_hook()))
		purge();
}

/* --- looking ----------------------------------------------------------------------------------- */

static bool step_in_area(const struct vmap_area *area, uintptr_t *at, struct mapping *piece)
{
	uintptr_t first = vmap_area_address(area), end = first + area->bytes;

	if (*at < first)
		*at = first;
	if (*at >= end) {
		*at = area->node.end;
		return false;
	}
	if (!mmu_query(*at, piece)) {
		*at += PAGE_SIZE;
		return false;
	}
	*at = piece->virt + piece->bytes;
	return true;
}

bool vmap_area_step(uintptr_t *at, enum memory_kind memory, struct mapping *piece,
		    enum vmap_kind *kind)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	const struct vmap_area *area = area_of(area_tree_above(&space.tree, *at));
	bool more = area != NULL;

	if (more) {
		*kind = (enum vmap_kind)area->kind;
		if (area->memory == memory || area->state >= VMAP_LAZY)
			*at = area->node.end;
		if (*at == area->node.end || !step_in_area(area, at, piece))
			piece->bytes = 0;
	}
	spin_unlock_irqrestore(&space.lock, irq);
	return more;
}

static void fill_snapshot(const struct vmap_area *area, struct vmalloc_snapshot *snapshot)
{
	*snapshot = (struct vmalloc_snapshot){
		.start = area->node.start,
		.bytes = addresses_of(area),
		.caller = area->caller,
		.pages = area->pages,
		.phys = area->phys,
		.kind = (enum vmap_kind)area->kind,
		.memory = (enum memory_kind)area->memory,
		.lazy = area->state >= VMAP_LAZY,
	};
}

bool vmalloc_snapshot(uintptr_t from, struct vmalloc_snapshot *snapshot)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);
	const struct vmap_area *area = area_of(area_tree_above(&space.tree, from));

	if (area != NULL)
		fill_snapshot(area, snapshot);
	spin_unlock_irqrestore(&space.lock, irq);
	return area != NULL;
}

void vmalloc_totals(struct vmalloc_totals *totals)
{
	uint32_t irq = spin_lock_irqsave(&space.lock);

	*totals = (struct vmalloc_totals){
		.bytes = space.end - space.start,
		.used_bytes = space.used_bytes,
		.lazy_bytes = space.lazy_bytes,
		.largest_gap_bytes = area_tree_largest_gap(&space.tree),
		.areas = space.areas,
		.lazy_areas = space.lazy_areas,
	};
	spin_unlock_irqrestore(&space.lock, irq);
}

bool is_vmalloc_addr(const void *address)
{
	return (uintptr_t)address - space.start < space.end - space.start;
}

void vmap_areas_init(uintptr_t start, uintptr_t end)
{
	space = (struct address_space){ .start = start, .end = end };
	area_tree_init(&space.tree, start, end);
	area_cache = kmem_cache_create("vmap_area", sizeof(struct vmap_area), 0, SLAB_PANIC, NULL);
}
