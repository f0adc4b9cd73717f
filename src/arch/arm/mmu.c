/* SPDX-License-Identifier: MIT */
/*
 * Kernel mappings in short descriptors.
 *
 * Every operation is: make the tables that it will need (the only thing that can fail), then change
 * entries. An entry that was empty needs a barrier before its first use and no TLB maintenance. One
 * that was not is emptied first, the TLBs are told and waited for, and only then is it written
 * again; in between interrupts are masked, for a handler may use what is missing.
 *
 * What replaces entries works by 64 KiB blocks, the sixteen entries that a large page takes: it
 * thinks of a block as sixteen small pages, changes those, looks whether they can be one large page
 * and writes what differs. Splitting and joining are the same step.
 */
#include "arch/mmu.h"
#include "arch/cache.h"
#include "arch/irqflags.h"
#include "arch/linear.h"
#include "arch/arm/cp15.h"
#include "arch/arm/descriptor.h"
#include "arch/arm/tables.h"

uintptr_t linear_offset;

struct attributes {
	uint32_t section;
	uint32_t page;
};

#define BOTH(kind, rights)                                                     \
	{                                                                      \
		SECTION_##kind | SECTION_##rights, PAGE_##kind | PAGE_##rights \
	}
#define SECTION_READ    (SECTION_AP_RO | SECTION_XN)
#define SECTION_WRITE   SECTION_XN
#define SECTION_EXECUTE SECTION_AP_RO
#define PAGE_READ       (PAGE_AP_RO | PAGE_XN)
#define PAGE_WRITE      PAGE_XN
#define PAGE_EXECUTE    PAGE_AP_RO

/* Our kinds of memory by our rights: this table is the truth. */
static const struct attributes attributes[MEMORY_KINDS][MEMORY_RIGHTS] = {
	[MEMORY_NORMAL] = { [RIGHTS_READ] = BOTH(NORMAL, READ),
			    [RIGHTS_WRITE] = BOTH(NORMAL, WRITE),
			    [RIGHTS_EXECUTE] = BOTH(NORMAL, EXECUTE) },
	[MEMORY_NONCACHED] = { [RIGHTS_READ] = BOTH(NONCACHE, READ),
			       [RIGHTS_WRITE] = BOTH(NONCACHE, WRITE),
			       [RIGHTS_EXECUTE] = BOTH(NONCACHE, EXECUTE) },
	/* Nothing executes from a device, not even speculatively. */
	[MEMORY_DEVICE] = { [RIGHTS_READ] = BOTH(DEVICE, READ),
			    [RIGHTS_WRITE] = BOTH(DEVICE, WRITE),
			    [RIGHTS_EXECUTE] = BOTH(DEVICE, READ) },
};

/* --- single entries -------------------------------------------------------------------------- */

/* ID_MMFR3[23:20] is 0: walks read memory at the point of unification, past the L1 data cache. */
static bool walks_miss_the_cache;

static void clean_entries(const uint32_t *entry, size_t count)
{
	for (const uint32_t *end = entry + count; entry < end; entry++)
		cp15_write_dccmvau((uint32_t)(uintptr_t)entry);
}

/* A walk may read an entry at any time, so each is written by one whole store. */
static void set_entry(uint32_t *entry, uint32_t value)
{
	*(volatile uint32_t *)entry = value;
	if (walks_miss_the_cache)
		clean_entries(entry, 1);
}

/* A row of entries, each `step` more than the one before. */
static void set_entries(uint32_t *entry, uint32_t value, uint32_t step, size_t count)
{
	volatile uint32_t *at = entry;

#pragma GCC unroll 4
	for (size_t i = 0; i < count; i++, value += step)
		at[i] = value;
	if (walks_miss_the_cache)
		clean_entries(entry, count);
}

static __attribute__((noinline)) size_t count_empty(const uint32_t *entry, size_t count)
{
	size_t empty = 0;

	for (size_t i = 0; i < count; i++)
		empty += entry[i] == 0;
	return empty;
}

/* Whether eight entries are small pages, as they mostly are: then none is empty. */
static bool are_small(const uint32_t *entry)
{
	return (entry[0] & entry[1] & entry[2] & entry[3] & entry[4] & entry[5] & entry[6] &
		entry[7] & L2_PAGE) != 0;
}

/* Returns how many were not empty. */
static size_t empty_entries(uint32_t *entry, size_t count)
{
	size_t empty = 0;
	uint32_t *at = entry, *end = entry + count;

	for (uint32_t *last = entry + (count & ~(size_t)7); at < last; at += 8) {
		if (!are_small(at))
			empty += count_empty(at, 8);
#pragma GCC unroll 8
		for (unsigned int i = 0; i < 8; i++)
			((volatile uint32_t *)at)[i] = 0;
	}
	for (; at < end; at++) {
		empty += *at == 0;
		*(volatile uint32_t *)at = 0;
	}
	if (walks_miss_the_cache)
		clean_entries(entry, count);
	return count - empty;
}

static void entries_visible(void)
{
	dsb_ish();
	isb();
}

/* Telling of more pages one by one costs more than refilling the TLBs of a Cortex-A7 does. */
#define TELL_PAGES 64

/*
 * Wait until nobody holds a translation of the range, whose entries were emptied, or a way to the
 * tables that they were in. A core may hold a large page or a section in pieces, down to 4 KiB.
 */
static void tell_tlbs(uintptr_t virt, size_t bytes)
{
	dsb_ish();
	if (bytes <= TELL_PAGES * PAGE_SIZE)
		for (size_t done = 0; done < bytes; done += PAGE_SIZE)
			cp15_write_tlbimvaais((uint32_t)(virt + done));
	else
		cp15_write_tlbiallis(0);
	cp15_write_bpiallis(0);
	dsb_ish();
	isb();
}

/* --- large pages ----------------------------------------------------------------------------- */

#define BLOCK_ENTRIES (LARGE_PAGE_SIZE / PAGE_SIZE)

static bool is_large(uint32_t entry)
{
	return (entry & DESCRIPTOR_KIND) == L2_LARGE;
}

/* The large page that has the base and the attributes of a small one. */
static uint32_t large_of(uint32_t page)
{
	uint32_t tex = (page & PAGE_TEX(7)) / PAGE_TEX(1);

	return (page & (LARGE_BASE | L2_SAME)) | LARGE_TEX(tex) |
	       ((page & PAGE_XN) != 0 ? LARGE_XN : 0) | L2_LARGE;
}

/* The small page that entry `index` of a table is, or is a part of; an empty one stays empty. */
static uint32_t page_of(uint32_t entry, uint32_t index)
{
	uint32_t tex = (entry & LARGE_TEX(7)) / LARGE_TEX(1);

	if (!is_large(entry))
		return entry;
	return (entry & (LARGE_BASE | L2_SAME)) | (index % BLOCK_ENTRIES * PAGE_SIZE) |
	       PAGE_TEX(tex) | ((entry & LARGE_XN) != 0 ? PAGE_XN : 0) | L2_PAGE;
}

/* --- tables ---------------------------------------------------------------------------------- */

/*
 * How many entries of a megabyte's table are not empty; without a table the number means nothing. A
 * table that stays in place for good is not counted: those in the image, and those whose entries were
 * handed out as windows.
 */
static uint16_t entries_used[L1_ENTRIES];
#define TABLE_STAYS 0xffffU

static bool (*owns_table)(phys_addr_t table);
static void (*give_table)(phys_addr_t table);

void mmu_set_table_owner(bool (*owns)(phys_addr_t table), void (*give)(phys_addr_t table))
{
	owns_table = owns;
	give_table = give;
}

static uint32_t *l1_entry(uintptr_t virt)
{
	return &kernel_tables.first[virt >> SECTION_SHIFT];
}

static uint16_t *used_of(uintptr_t virt)
{
	return &entries_used[virt >> SECTION_SHIFT];
}

/* `count` is negative when entries were emptied. */
static void count_entries(uintptr_t virt, int count)
{
	uint16_t *used = used_of(virt);

	if (*used != TABLE_STAYS)
		*used = (uint16_t)(*used + count);
}

static bool is_table(uint32_t l1)
{
	return (l1 & DESCRIPTOR_KIND) == L1_TABLE;
}

static bool is_section(uint32_t l1)
{
	return (l1 & DESCRIPTOR_KIND) == L1_SECTION;
}

/* Of an address whose first level has a table. */
static uint32_t *l2_entry(uintptr_t virt)
{
	uint32_t *table = phys_to_virt((phys_addr_t)(*l1_entry(virt) & TABLE_BASE));

	return &table[(virt >> PAGE_SHIFT) & (L2_ENTRIES - 1)];
}

/* The bytes from virt to the end of the unit (a megabyte, a block) that it is in, or of the range. */
static size_t rest_of(size_t unit, uintptr_t virt, size_t left)
{
	size_t rest = unit - (virt & (unit - 1));

	return rest < left ? rest : left;
}

static bool find_attributes(uint32_t entry, bool section, struct mapping *mapping)
{
	uint32_t base = section ? SECTION_BASE : PAGE_BASE;

	for (enum memory_kind kind = 0; kind < MEMORY_KINDS; kind++)
		for (enum memory_rights rights = 0; rights < MEMORY_RIGHTS; rights++) {
			const struct attributes *bits = &attributes[kind][rights];

			if ((entry & ~base) == (section ? bits->section : bits->page)) {
				mapping->kind = kind;
				mapping->rights = rights;
				return true;
			}
		}
	return false;
}

/* The attributes of a page or section in both forms. Every entry comes from the table above. */
static const struct attributes *attributes_of(uint32_t entry, bool section)
{
	struct mapping mapping = { .kind = MEMORY_DEVICE, .rights = RIGHTS_READ };

	find_attributes(entry, section, &mapping);
	return &attributes[mapping.kind][mapping.rights];
}

/* --- tables come and go ---------------------------------------------------------------------- */

/* Other contents for a live first-level entry. */
static void replace_first(uintptr_t virt, uint32_t value)
{
	uintptr_t megabyte = ALIGN_DOWN(virt, SECTION_SIZE);
	uint32_t flags = local_irq_save();

	set_entry(l1_entry(virt), 0);
	tell_tlbs(megabyte, SECTION_SIZE);
	set_entry(l1_entry(virt), value);
	entries_visible();
	local_irq_restore(flags);
}

static phys_addr_t take_table(table_supplier supplier)
{
	return supplier != NULL ? supplier() : 0;
}

/* An empty table for a megabyte that has nothing. */
static bool make_table(uintptr_t virt, table_supplier supplier)
{
	phys_addr_t phys = take_table(supplier);

	if (phys == 0)
		return false;
	set_entries(phys_to_virt(phys), 0, 0, L2_ENTRIES);
	dsb_ish(); /* the table is complete before a walk can find it */
	*used_of(virt) = 0;
	set_entry(l1_entry(virt), (uint32_t)phys | L1_TABLE);
	entries_visible();
	return true;
}

/*
 * A table can be written only where it is mapped, so the block that it lies in, if that is in its own
 * megabyte, is never a large page: changing one page of it would take the table away in between.
 */
static bool holds_table(uintptr_t block, const uint32_t *table)
{
	return ALIGN_DOWN((uintptr_t)table, LARGE_PAGE_SIZE) == block;
}

/* A table in place of the section that holds virt: sixteen large pages. */
static bool split_section(uintptr_t virt, table_supplier supplier)
{
	phys_addr_t phys = take_table(supplier);
	uint32_t section = *l1_entry(virt), *table;
	uint32_t page = (section & SECTION_BASE) | attributes_of(section, true)->page;

	if (phys == 0)
		return false;
	table = phys_to_virt(phys);
	for (uint32_t i = 0; i < L2_ENTRIES; i += BLOCK_ENTRIES) {
		uintptr_t block = ALIGN_DOWN(virt, SECTION_SIZE) + i * PAGE_SIZE;
		bool small = holds_table(block, table);

		set_entries(&table[i], small ? page : large_of(page), small ? PAGE_SIZE : 0,
			    BLOCK_ENTRIES);
		page += LARGE_PAGE_SIZE;
	}
	*used_of(virt) = L2_ENTRIES;
	replace_first(virt, (uint32_t)phys | L1_TABLE); /* has the barrier for the table, too */
	return true;
}

static bool is_owned(phys_addr_t table)
{
	return owns_table != NULL && owns_table(table);
}

/*
 * Take the empty tables of a range out of the first level. They are listed through their first words:
 * a walk that still finds one reads the address of another, whose low bits say that nothing is mapped.
 */
static phys_addr_t detach_empty(uintptr_t virt, size_t bytes, phys_addr_t list)
{
	for (size_t done = 0; done < bytes;
	     done += rest_of(SECTION_SIZE, virt + done, bytes - done)) {
		uint32_t *first = l1_entry(virt + done);
		phys_addr_t table = *first & TABLE_BASE;

		if (!is_table(*first) || *used_of(virt + done) != 0 || !is_owned(table))
			continue;
		set_entry(first, 0);
		*(uint32_t *)phys_to_virt(table) = (uint32_t)list;
		list = table;
	}
	return list;
}

/* Once the TLBs were told. */
static void give_back(phys_addr_t list)
{
	while (list != 0) {
		phys_addr_t next = *(const uint32_t *)phys_to_virt(list);

		give_table(list);
		list = next;
	}
}

/* One section for a table that is a megabyte of one kind in a row. */
static void join_megabyte(uintptr_t virt)
{
	uint32_t first = *l1_entry(virt);
	const uint32_t *table;
	uint32_t page;

	if (!is_table(first) || *used_of(virt) != L2_ENTRIES || !is_owned(first & TABLE_BASE))
		return;
	table = l2_entry(ALIGN_DOWN(virt, SECTION_SIZE));
	page = page_of(table[0], 0);
	if (!IS_ALIGNED(page & PAGE_BASE, SECTION_SIZE))
		return;
	/* Of a large page's sixteen entries, that are alike, the first says all. */
	for (uint32_t i = 0; i < L2_ENTRIES; i += is_large(table[i]) ? BLOCK_ENTRIES : 1)
		if (page_of(table[i], i) != page + i * PAGE_SIZE)
			return;
	replace_first(virt, (page & SECTION_BASE) | attributes_of(page, false)->section);
	give_table((phys_addr_t)(first & TABLE_BASE));
}

/* --- mapping --------------------------------------------------------------------------------- */

static bool section_fits(uintptr_t virt, phys_addr_t phys, size_t bytes)
{
	return IS_ALIGNED(virt, SECTION_SIZE) && IS_ALIGNED(phys, SECTION_SIZE) &&
	       bytes >= SECTION_SIZE && *l1_entry(virt) == 0;
}

/* How many sections in a row begin at virt, whole and in empty entries. */
static size_t empty_sections(uintptr_t virt, size_t bytes)
{
	const uint32_t *first = l1_entry(virt), *entry = first,
		       *end = first + (bytes >> SECTION_SHIFT);

	while (entry < end && *entry == 0)
		entry++;
	return (size_t)(entry - first);
}

/* Tables that were made for what is not done after all go back. */
static bool give_up(uintptr_t virt, size_t bytes)
{
	phys_addr_t tables = detach_empty(virt, bytes, 0);

	if (tables != 0)
		tell_tlbs(virt, bytes);
	give_back(tables);
	return false;
}

/* Every table that the range needs, so that what follows cannot fail. */
static bool make_tables(uintptr_t virt, phys_addr_t phys, size_t bytes, bool sections,
			table_supplier supplier)
{
	size_t done = 0;

	while (done < bytes) {
		uint32_t first = *l1_entry(virt + done);

		if (is_section(first))
			return give_up(virt, done); /* in the way */
		if (sections && section_fits(virt + done, phys + done, bytes - done)) {
			done += empty_sections(virt + done, bytes - done) << SECTION_SHIFT;
			continue;
		}
		if (!is_table(first) && !make_table(virt + done, supplier))
			return give_up(virt, done);
		done += rest_of(SECTION_SIZE, virt + done, bytes - done);
	}
	return true;
}

/* Write a row of sections; returns their bytes. Lowmem has thousands of them: boot waits for this. */
static size_t set_sections(uintptr_t virt, uint32_t descriptor, size_t bytes)
{
	size_t count = empty_sections(virt, bytes);

	set_entries(l1_entry(virt), descriptor, SECTION_SIZE, count);
	return count << SECTION_SHIFT;
}

/* Entries of one table from virt's on: large pages where they fit, small ones before and after. */
static void set_pages(uintptr_t virt, uint32_t page, size_t bytes)
{
	bool large = IS_ALIGNED((virt ^ page) & PAGE_BASE, LARGE_PAGE_SIZE);
	uint32_t *entry = l2_entry(virt);

	while (bytes != 0) {
		size_t step = large ? rest_of(LARGE_PAGE_SIZE, virt, bytes) : bytes;
		bool whole = large && step == LARGE_PAGE_SIZE;

		set_entries(entry, whole ? large_of(page) : page, whole ? 0 : PAGE_SIZE,
			    step >> PAGE_SHIFT);
		entry += step >> PAGE_SHIFT;
		virt += step;
		page += (uint32_t)step;
		bytes -= step;
	}
}

bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier)
{
	const struct attributes *bits = &attributes[kind][rights];
	size_t done = 0;

	if (!make_tables(virt, phys, bytes, true, supplier))
		return false;
	while (done < bytes) {
		uintptr_t at = virt + done;
		size_t step = rest_of(SECTION_SIZE, at, bytes - done);

		if (section_fits(at, phys + done, bytes - done)) {
			step = set_sections(at, (uint32_t)(phys + done) | bits->section,
					    bytes - done);
		} else {
			set_pages(at, (uint32_t)(phys + done) | bits->page, step);
			count_entries(at, (int)(step >> PAGE_SHIFT));
		}
		done += step;
	}
	entries_visible();
	return true;
}

bool mmu_map_repeated(uintptr_t virt, phys_addr_t frame, size_t bytes, enum memory_kind kind,
		      enum memory_rights rights, table_supplier supplier)
{
	uint32_t entry = (uint32_t)frame | attributes[kind][rights].page;
	size_t done = 0;

	if (!make_tables(virt, frame, bytes, false, supplier))
		return false;
	while (done < bytes) {
		size_t rest = rest_of(SECTION_SIZE, virt + done, bytes - done);

		set_entries(l2_entry(virt + done), entry, 0, rest >> PAGE_SHIFT);
		count_entries(virt + done, (int)(rest >> PAGE_SHIFT));
		done += rest;
	}
	entries_visible();
	return true;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* Write what differs of a block's sixteen entries. */
static void replace_block(uintptr_t block, const uint32_t *wanted)
{
	uint32_t *entry = l2_entry(block);
	uint32_t first = BLOCK_ENTRIES, end = 0, flags;

	for (uint32_t i = 0; i < BLOCK_ENTRIES; i++)
		if (entry[i] != wanted[i]) {
			first = i < first ? i : first;
			end = i + 1;
		}
	if (first >= end)
		return;
	flags = local_irq_save();
	for (uint32_t i = first; i < end; i++)
		if (entry[i] != wanted[i])
			set_entry(&entry[i], 0);
	tell_tlbs(block + first * PAGE_SIZE, (end - first) * PAGE_SIZE);
	for (uint32_t i = first; i < end; i++)
		if (entry[i] != wanted[i])
			set_entry(&entry[i], wanted[i]);
	entries_visible();
	local_irq_restore(flags);
}

/* A block as sixteen small pages. */
static void read_block(uintptr_t block, uint32_t *pages)
{
	const uint32_t *entry = l2_entry(block);

	for (uint32_t i = 0; i < BLOCK_ENTRIES; i++)
		pages[i] = page_of(entry[i], i);
}

/* If sixteen small pages can be one large page they are made its entries. */
static void join_block(uint32_t *pages)
{
	uint32_t page = pages[0];

	if (page == 0 || !IS_ALIGNED(page & PAGE_BASE, LARGE_PAGE_SIZE))
		return;
	for (uint32_t i = 1; i < BLOCK_ENTRIES; i++)
		if (pages[i] != page + i * PAGE_SIZE)
			return;
	for (uint32_t i = 0; i < BLOCK_ENTRIES; i++)
		pages[i] = large_of(page);
}

/* Small pages that execute this code may not be joined: the image's tables are among those that stay. */
static bool may_join(uintptr_t block)
{
	const uint32_t *entry = l2_entry(block);

	return is_large(*entry) || (*used_of(block) != TABLE_STAYS && !holds_table(block, entry));
}

/* --- changing what is mapped ----------------------------------------------------------------- */

/* A section with a boundary at virt becomes a table. */
static bool split_section_at(uintptr_t virt, table_supplier supplier)
{
	return IS_ALIGNED(virt, SECTION_SIZE) || !is_section(*l1_entry(virt)) ||
	       split_section(virt, supplier);
}

/* Sections that lie only partly in the range: at most the first and the last. */
static bool split_sections(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	bool was_section = is_section(*l1_entry(virt));

	if (!split_section_at(virt, supplier))
		return false;
	if (split_section_at(virt + bytes, supplier))
		return true;
	if (was_section)
		join_megabyte(virt);
	return false;
}

/* A large page with a boundary at virt becomes small ones. */
static void split_large_at(uintptr_t virt)
{
	uint32_t pages[BLOCK_ENTRIES];

	if (IS_ALIGNED(virt, LARGE_PAGE_SIZE) || !is_table(*l1_entry(virt)) ||
	    !is_large(*l2_entry(virt)))
		return;
	read_block(ALIGN_DOWN(virt, LARGE_PAGE_SIZE), pages);
	replace_block(ALIGN_DOWN(virt, LARGE_PAGE_SIZE), pages);
}

/* Returns how many entries were not empty. */
static size_t empty_range(uintptr_t virt, size_t bytes)
{
	size_t done = 0, emptied = 0;

	while (done < bytes) {
		uintptr_t at = virt + done;
		size_t step = rest_of(SECTION_SIZE, at, bytes - done), used;

		if (is_table(*l1_entry(at))) {
			used = empty_entries(l2_entry(at), step >> PAGE_SHIFT);
			count_entries(at, -(int)used);
		} else {
			used = empty_entries(l1_entry(at), 1);
		}
		emptied += used;
		done += step;
	}
	return emptied;
}

void mmu_clear(uintptr_t virt, size_t bytes)
{
	empty_range(virt, bytes);
}

phys_addr_t mmu_flush_part(uintptr_t virt, size_t bytes, phys_addr_t tables)
{
	return detach_empty(virt, bytes, tables);
}

void mmu_flush_whole(uintptr_t virt, size_t bytes, phys_addr_t tables)
{
	tell_tlbs(virt, bytes);
	give_back(tables);
}

void mmu_flush(uintptr_t virt, size_t bytes)
{
	mmu_flush_whole(virt, bytes, detach_empty(virt, bytes, 0));
}

bool mmu_unmap(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	if (bytes == 0)
		return true;
	if (!split_sections(virt, bytes, supplier))
		return false;
	split_large_at(virt);
	split_large_at(virt + bytes);
	if (empty_range(virt, bytes) != 0)
		mmu_flush(virt, bytes);
	return true;
}

static uint32_t page_with_rights(uint32_t page, enum memory_rights rights)
{
	struct mapping mapping;

	if (page == 0 || !find_attributes(page, false, &mapping))
		return page;
	return (page & PAGE_BASE) | attributes[mapping.kind][rights].page;
}

static void protect_section(uintptr_t virt, enum memory_rights rights)
{
	uint32_t section = *l1_entry(virt), changed;
	struct mapping mapping;

	if (section == 0 || !find_attributes(section, true, &mapping))
		return;
	changed = (section & SECTION_BASE) | attributes[mapping.kind][rights].section;
	if (changed != section)
		replace_first(virt, changed);
}

/* What of the range is in one block. */
static void protect_block(uintptr_t virt, size_t bytes, enum memory_rights rights)
{
	uintptr_t block = ALIGN_DOWN(virt, LARGE_PAGE_SIZE);
	uint32_t first = (uint32_t)((virt - block) >> PAGE_SHIFT), pages[BLOCK_ENTRIES];
	uint32_t before = 0, after = 0;

	read_block(block, pages);
	/* Most are as the one before them was. */
	for (uint32_t i = first; i < first + (bytes >> PAGE_SHIFT); i++) {
		if ((pages[i] & ~PAGE_BASE) != before || before == 0) {
			before = pages[i] & ~PAGE_BASE;
			after = page_with_rights(pages[i], rights) & ~PAGE_BASE;
		}
		pages[i] = (pages[i] & PAGE_BASE) | after;
	}
	if (may_join(block))
		join_block(pages);
	replace_block(block, pages);
}

bool mmu_split(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	return bytes == 0 || split_sections(virt, bytes, supplier);
}

bool mmu_protect(uintptr_t virt, size_t bytes, enum memory_rights rights, table_supplier supplier)
{
	size_t done = 0, step;

	if (bytes == 0)
		return true;
	if (!split_sections(virt, bytes, supplier))
		return false;
	for (; done < bytes; done += step) {
		uintptr_t at = virt + done;

		if (is_table(*l1_entry(at))) {
			step = rest_of(LARGE_PAGE_SIZE, at, bytes - done);
			protect_block(at, step, rights);
		} else {
			step = rest_of(SECTION_SIZE, at, bytes - done);
			protect_section(at, rights);
		}
	}
	for (done = 0; done < bytes; done += rest_of(SECTION_SIZE, virt + done, bytes - done))
		join_megabyte(virt + done);
	return true;
}

/*
 * Before, so that no dirty line of the old kind can be written over what is written past the caches;
 * after, because a core may have fetched lines speculatively until the TLBs had forgotten the old kind
 * (ARM DDI 0406C A3.5.7, B2.2.2): those are clean, and go.
 */
bool mmu_section_kind(uintptr_t virt, enum memory_kind kind)
{
	uint32_t section = *l1_entry(virt);
	struct mapping mapping;

	if (!IS_ALIGNED(virt, SECTION_SIZE) || kind == MEMORY_DEVICE || !is_section(section) ||
	    !find_attributes(section, true, &mapping) || mapping.rights != RIGHTS_WRITE ||
	    mapping.kind == MEMORY_DEVICE)
		return false;
	if (mapping.kind == kind)
		return true;
	cache_clean_invalidate((const void *)virt, SECTION_SIZE);
	replace_first(virt, (section & SECTION_BASE) | attributes[kind][RIGHTS_WRITE].section);
	cache_clean_invalidate((const void *)virt, SECTION_SIZE);
	return true;
}

/* --- windows --------------------------------------------------------------------------------- */

uint32_t *mmu_window_entry(uintptr_t virt)
{
	*used_of(virt) = TABLE_STAYS;
	return l2_entry(virt);
}

void mmu_window_open(uint32_t *entry, phys_addr_t phys)
{
	set_entry(entry, (uint32_t)phys | PAGE_NORMAL | PAGE_WRITE);
	entries_visible();
}

/* Nothing ever executed there, so no branch predictor knows of it. */
void mmu_window_close(uint32_t *entry, uintptr_t virt)
{
	set_entry(entry, 0);
	dsb_ish();
	cp15_write_tlbimvaais((uint32_t)virt);
	entries_visible();
}

void mmu_window_clear(uint32_t *entry)
{
	set_entry(entry, 0);
}

/* --- asking ---------------------------------------------------------------------------------- */

void mmu_descriptors(uintptr_t virt, uint32_t *first, uint32_t *second)
{
	*first = *l1_entry(virt);
	*second = is_table(*first) ? *l2_entry(virt) : 0;
}

bool mmu_query(uintptr_t virt, struct mapping *mapping)
{
	uint32_t first, second, entry;
	struct mapping found;
	bool section;

	mmu_descriptors(virt, &first, &second);
	section = !is_table(first);
	entry = section ? first : page_of(second, (uint32_t)(virt >> PAGE_SHIFT));
	if (entry == 0 || !find_attributes(entry, section, &found))
		return false;
	found.bytes = section ? SECTION_SIZE : is_large(second) ? LARGE_PAGE_SIZE : PAGE_SIZE;
	found.virt = ALIGN_DOWN(virt, found.bytes);
	found.phys = ALIGN_DOWN(entry & PAGE_BASE, (uint32_t)found.bytes);
	*mapping = found;
	return true;
}

bool mmu_query_from(uintptr_t virt, struct mapping *mapping)
{
	uint64_t at = ALIGN_DOWN(virt, PAGE_SIZE);

	while (at < SZ_4G) {
		uint32_t first = *l1_entry((uintptr_t)at);

		if (first != 0 && mmu_query((uintptr_t)at, mapping))
			return true;
		at += is_table(first) ? PAGE_SIZE : SECTION_SIZE - (at & (SECTION_SIZE - 1));
	}
	return false;
}

bool mmu_translate(uintptr_t virt, bool write, phys_addr_t *phys)
{
	uint32_t par;

	if (write)
		cp15_write_ats1cpw((uint32_t)virt);
	else
		cp15_write_ats1cpr((uint32_t)virt);
	isb();
	par = cp15_read_par();
	if ((par & 1) != 0)
		return false;
	*phys = (par & PAGE_BASE) | (virt & (PAGE_SIZE - 1));
	return true;
}

/* --- start ----------------------------------------------------------------------------------- */

/* Tables in the image stay where they are. Which of them are in use early_tables decided. */
static void keep_tables(uintptr_t virt, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (is_table(*l1_entry(virt + i * SECTION_SIZE)))
			*used_of(virt + i * SECTION_SIZE) = TABLE_STAYS;
}

static void drop_identity(uint32_t image_phys, uint32_t image_bytes)
{
	uint32_t first = ALIGN_DOWN(image_phys, SECTION_SIZE);
	uint32_t bytes = ALIGN_UP(image_phys + image_bytes, SECTION_SIZE) - first;

	empty_entries(l1_entry(first), bytes >> SECTION_SHIFT);
	tell_tlbs(first, bytes);
}

void mmu_init(uint32_t image_phys, uint32_t image_bytes)
{
	uintptr_t image_virt = CONFIG_PAGE_OFFSET + SZ_2M;

	walks_miss_the_cache = ((cp15_read_id_mmfr3() >> 20) & 15) == 0;
	linear_offset = image_virt - image_phys;
	if (image_virt != image_phys)
		drop_identity(image_phys, image_bytes);
	keep_tables(image_virt, IMAGE_TABLES);
	keep_tables(BLOB_WINDOW, BLOB_TABLES);
	keep_tables(FIXMAP_BASE, 1);
	keep_tables(VECTORS_BASE, 1);
}
