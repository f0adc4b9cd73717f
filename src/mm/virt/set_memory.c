/* SPDX-License-Identifier: MIT */
#include "mm/virt/set_memory.h"

#include <errno.h>

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/spinlock.h"
#include "mm/phys/zone_layout.h"
#include "mm/virt/aliases.h"
#include "mm/virt/kmap.h"
#include "mm/virt/page_tables.h"
#include "mm/virt/vmalloc.h"

extern char __image_start[], __image_end[];

/* What becomes of memory with these rights; MEMORY_RIGHTS: it is not allowed. */
struct change {
	enum memory_rights from_read, from_write, from_execute;
};

static enum memory_rights changed(const struct change *change, enum memory_rights rights)
{
	switch (rights) {
	case RIGHTS_READ:
		return change->from_read;
	case RIGHTS_WRITE:
		return change->from_write;
	default:
		return change->from_execute;
	}
}

/* A mapping of the range, cut to it. */
static bool next_piece(uint64_t *at, uint64_t end, struct mapping *piece)
{
	uint64_t piece_end;

	if (*at >= end || !mmu_query_from((uintptr_t)*at, piece) || piece->virt > *at)
		return false;
	piece_end = (uint64_t)piece->virt + piece->bytes;
	if (piece_end > end)
		piece_end = end;
	piece->phys += (phys_addr_t)(*at - piece->virt);
	piece->virt = (uintptr_t)*at;
	piece->bytes = (size_t)(piece_end - *at);
	*at = piece_end;
	return true;
}

/* Executing what another address may write, or writing what another may execute. */
static bool meets(const struct mapping *piece, enum memory_rights rights)
{
	uint64_t at = 0;
	struct mapping other;
	enum memory_rights contrary = rights == RIGHTS_EXECUTE ? RIGHTS_WRITE : RIGHTS_EXECUTE;

	if (rights == RIGHTS_READ || rights == piece->rights)
		return false;
	while (alias_next(&at, piece->phys, piece->bytes, &other))
		if (other.rights == contrary && (other.virt >= piece->virt + piece->bytes ||
						 other.virt + other.bytes <= piece->virt))
			return true;
	return false;
}

static bool overlaps(uintptr_t address, uint64_t end, uintptr_t start, uint64_t stop)
{
	return address < stop && end > start;
}

/* The image; struct pages and kmap's windows, below lowmem; what lies above vmalloc: device tree,
 * fixmap, vectors. */
static bool is_not_ours(uintptr_t address, uint64_t end)
{
	return overlaps(address, end, (uintptr_t)__image_start, (uintptr_t)__image_end) ||
	       overlaps(address, end, VMEMMAP_BASE, CONFIG_PAGE_OFFSET) || end > VMALLOC_END;
}

/* What stands against it, before anything is touched. Nothing executes from a device. */
static int look(uintptr_t address, uint64_t end, const struct change *change)
{
	struct mapping piece;
	uint64_t at = address;

	if (!IS_ALIGNED(address, PAGE_SIZE) || end <= address || end > SZ_4G ||
	    is_not_ours(address, end))
		return -EINVAL;
	while (at < end) {
		enum memory_rights rights;

		if (!next_piece(&at, end, &piece))
			return -EFAULT;
		rights = changed(change, piece.rights);
		if (rights == MEMORY_RIGHTS || meets(&piece, rights) ||
		    (rights == RIGHTS_EXECUTE && piece.kind == MEMORY_DEVICE))
			return -EPERM;
	}
	return 0;
}

/* Interrupts are let in after so many entries; a section is one. */
#define AT_ONCE_BYTES LARGE_PAGE_SIZE

static size_t bytes_at_once(uintptr_t virt, size_t left)
{
	size_t rest = AT_ONCE_BYTES - (virt & (AT_ONCE_BYTES - 1));

	if (IS_ALIGNED(virt, SECTION_SIZE) && left >= SECTION_SIZE)
		return SECTION_SIZE;
	return rest < left ? rest : left;
}

/*
 * Two callers' ranges may share a megabyte, which has one table: one of them at a time. False: there is
 * no memory for a table, which the first part of a piece alone can need; nothing was done.
 */
static bool protect(const struct mapping *piece, enum memory_rights rights)
{
	static struct spinlock lock;
	uintptr_t virt = piece->virt;
	size_t left = piece->bytes;
	bool done = true;

	while (done && left > 0) {
		size_t bytes = bytes_at_once(virt, left);
		uint32_t irq;

		table_prepare();
		irq = spin_lock_irqsave(&lock);
		done = mmu_split(virt, bytes, table_take);
		spin_unlock_irqrestore(&lock, irq);
		irq = spin_lock_irqsave(&lock);
		done = done && mmu_protect(virt, bytes, rights, table_take);
		spin_unlock_irqrestore(&lock, irq);
		table_settle();
		virt += bytes;
		left -= bytes;
	}
	return done;
}

/*
 * Only the first and the last piece can be part of a mapping and need a table, so what lies between
 * cannot fail. The first one is put back when the last one fails.
 */
static int change_rights(uintptr_t address, uint32_t pages, const struct change *change)
{
	uint64_t end = (uint64_t)address + (uint64_t)pages * PAGE_SIZE, at = address;
	int wrong = look(address, end, change);
	struct mapping first, last, piece;

	if (wrong != 0)
		return wrong;
	next_piece(&at, end, &first);
	if (!protect(&first, changed(change, first.rights)))
		return -ENOMEM;
	if (at == end)
		return 0;
	mmu_query((uintptr_t)(end - PAGE_SIZE), &last);
	last.bytes = (size_t)(end - (last.virt > at ? last.virt : at));
	last.virt = (uintptr_t)(end - last.bytes);
	if (!protect(&last, changed(change, last.rights))) {
		protect(&first, first.rights);
		return -ENOMEM;
	}
	while (at < last.virt && next_piece(&at, last.virt, &piece))
		protect(&piece, changed(change, piece.rights));
	return 0;
}

int set_memory_ro(uintptr_t address, uint32_t pages)
{
	return change_rights(address, pages,
			     &(struct change){ RIGHTS_READ, RIGHTS_READ, RIGHTS_EXECUTE });
}

/* Freed areas may execute still, until TLBs are told. */
int set_memory_rw(uintptr_t address, uint32_t pages)
{
	vm_unmap_aliases();
	return change_rights(address, pages,
			     &(struct change){ RIGHTS_WRITE, RIGHTS_WRITE, RIGHTS_WRITE });
}

int set_memory_nx(uintptr_t address, uint32_t pages)
{
	return change_rights(address, pages,
			     &(struct change){ RIGHTS_READ, RIGHTS_WRITE, RIGHTS_READ });
}

/* What was written there as data is what shall be fetched. Kept windows and freed areas may write. */
int set_memory_x(uintptr_t address, uint32_t pages)
{
	int wrong;

	kmap_flush_unused();
	vm_unmap_aliases();
	wrong = change_rights(address, pages,
			      &(struct change){ RIGHTS_EXECUTE, MEMORY_RIGHTS, RIGHTS_EXECUTE });

	if (wrong == 0)
		cpu_sync_instructions(address, (size_t)pages * PAGE_SIZE);
	return wrong;
}
