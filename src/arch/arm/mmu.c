/* SPDX-License-Identifier: MIT */
/*
 * Kernel mappings in short descriptors.
 *
 * Every operation is: make the tables that it will need (the only thing that can fail), then change
 * entries. An entry that was empty needs a barrier before its first use and no TLB maintenance. One
 * that was not is emptied first, the TLBs are told and waited for, and only then is it written
 * again.
 */
#include "arch/mmu.h"
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

static void set_entry(uint32_t *entry, uint32_t value)
{
	*(volatile uint32_t *)entry = value;
	if (walks_miss_the_cache)
		cp15_write_dccmvau((uint32_t)(uintptr_t)entry);
}

static void entries_visible(void)
{
	dsb_ish();
	isb();
}

/* Empty a live entry and wait until nobody holds the translation of virt any more. */
static void break_entry(uint32_t *entry, uintptr_t virt)
{
	set_entry(entry, 0);
	dsb_ish();
	cp15_write_tlbimvaais((uint32_t)ALIGN_DOWN(virt, PAGE_SIZE));
	cp15_write_bpiallis(0);
	dsb_ish();
	isb();
}

static void replace_entry(uint32_t *entry, uintptr_t virt, uint32_t value)
{
	if (*entry == value)
		return;
	if (*entry != 0)
		break_entry(entry, virt);
	set_entry(entry, value);
}

/* --- tables ---------------------------------------------------------------------------------- */

static uint32_t *l1_entry(uintptr_t virt)
{
	return &kernel_tables.first[virt >> SECTION_SHIFT];
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

/* The bytes from virt to the end of its megabyte, or of the range. */
static size_t rest_of_megabyte(uintptr_t virt, size_t left)
{
	size_t rest = SECTION_SIZE - (virt & (SECTION_SIZE - 1));

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

static uint32_t page_bits_of(uint32_t section)
{
	struct mapping mapping;

	/* Every section comes from the table above. */
	return find_attributes(section, true, &mapping)
		       ? attributes[mapping.kind][mapping.rights].page
		       : 0;
}

/* A new table for a megabyte: empty, or with the 256 pages of the section that is there. */
static bool make_table(uintptr_t virt, table_supplier supplier)
{
	uint32_t *first = l1_entry(virt), old = *first;
	phys_addr_t phys = supplier != NULL ? supplier() : 0;
	uint32_t *table;

	if (phys == 0)
		return false;
	table = phys_to_virt(phys);
	for (uint32_t i = 0; i < L2_ENTRIES; i++)
		set_entry(&table[i],
			  old == 0 ? 0
				   : ((old & SECTION_BASE) + i * PAGE_SIZE) | page_bits_of(old));
	dsb_ish(); /* the table is complete before a walk can find it */
	if (old != 0)
		break_entry(first, ALIGN_DOWN(virt, SECTION_SIZE));
	set_entry(first, (uint32_t)phys | L1_TABLE);
	entries_visible();
	return true;
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

/* Every table that the range needs, so that what follows cannot fail. */
static bool make_tables(uintptr_t virt, phys_addr_t phys, size_t bytes, bool sections,
			table_supplier supplier)
{
	size_t done = 0;

	while (done < bytes) {
		uint32_t first = *l1_entry(virt + done);

		if (is_section(first))
			return false; /* in the way */
		if (sections && section_fits(virt + done, phys + done, bytes - done)) {
			done += empty_sections(virt + done, bytes - done) << SECTION_SHIFT;
			continue;
		}
		if (!is_table(first) && !make_table(virt + done, supplier))
			return false;
		done += rest_of_megabyte(virt + done, bytes - done);
	}
	return true;
}

/* Write a row of sections; returns their bytes. Lowmem has thousands of them: boot waits for this. */
static size_t set_sections(uintptr_t virt, uint32_t descriptor, size_t bytes)
{
	size_t count = empty_sections(virt, bytes);
	uint32_t *entry = l1_entry(virt);

	for (uint32_t *end = entry + count; entry < end; entry++, descriptor += SECTION_SIZE)
		set_entry(entry, descriptor);
	return count << SECTION_SHIFT;
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

		if (section_fits(at, phys + done, bytes - done)) {
			done += set_sections(at, (uint32_t)(phys + done) | bits->section,
					     bytes - done);
		} else {
			set_entry(l2_entry(at), (uint32_t)(phys + done) | bits->page);
			done += PAGE_SIZE;
		}
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
		size_t rest = rest_of_megabyte(virt + done, bytes - done);
		uint32_t *page = l2_entry(virt + done);

		for (size_t i = 0; i < rest >> PAGE_SHIFT; i++)
			set_entry(&page[i], entry);
		done += rest;
	}
	entries_visible();
	return true;
}

/* --- changing what is mapped ----------------------------------------------------------------- */

/* Sections that lie only partly in the range become tables: at most the first and the last. */
static bool split_at(uintptr_t virt, table_supplier supplier)
{
	return IS_ALIGNED(virt, SECTION_SIZE) || !is_section(*l1_entry(virt)) ||
	       make_table(virt, supplier);
}

static bool split_ends(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	uintptr_t last = virt + (bytes - 1);

	if (bytes == 0)
		return true;
	return split_at(virt, supplier) &&
	       (IS_ALIGNED(last + 1, SECTION_SIZE) ||
		split_at(ALIGN_DOWN(last, PAGE_SIZE) | PAGE_SIZE, supplier));
}

bool mmu_unmap(uintptr_t virt, size_t bytes, table_supplier supplier)
{
	size_t done = 0;

	if (!split_ends(virt, bytes, supplier))
		return false;
	while (done < bytes) {
		uintptr_t at = virt + done;
		uint32_t *entry = l1_entry(at);
		size_t step = rest_of_megabyte(at, bytes - done);

		if (is_table(*entry)) {
			entry = l2_entry(at);
			step = PAGE_SIZE;
		}
		if (*entry != 0)
			break_entry(entry, at);
		done += step;
	}
	return true;
}

static void protect_entry(uint32_t *entry, uintptr_t virt, bool section, enum memory_rights rights)
{
	uint32_t base = *entry & (section ? SECTION_BASE : PAGE_BASE);
	struct mapping mapping;
	const struct attributes *bits;

	if (*entry == 0 || !find_attributes(*entry, section, &mapping))
		return;
	bits = &attributes[mapping.kind][rights];
	replace_entry(entry, virt, base | (section ? bits->section : bits->page));
}

bool mmu_protect(uintptr_t virt, size_t bytes, enum memory_rights rights, table_supplier supplier)
{
	size_t done = 0;

	if (!split_ends(virt, bytes, supplier))
		return false;
	while (done < bytes) {
		uintptr_t at = virt + done;

		if (is_table(*l1_entry(at))) {
			protect_entry(l2_entry(at), at, false, rights);
			done += PAGE_SIZE;
		} else {
			protect_entry(l1_entry(at), at, true, rights);
			done += rest_of_megabyte(at, bytes - done);
		}
	}
	entries_visible();
	return true;
}

/* --- asking ---------------------------------------------------------------------------------- */

void mmu_descriptors(uintptr_t virt, uint32_t *first, uint32_t *second)
{
	*first = *l1_entry(virt);
	*second = is_table(*first) ? *l2_entry(virt) : 0;
}

bool mmu_query(uintptr_t virt, struct mapping *mapping)
{
	uint32_t first, second, entry, base;
	struct mapping found;

	mmu_descriptors(virt, &first, &second);
	entry = is_table(first) ? second : first;
	base = is_table(first) ? PAGE_BASE : SECTION_BASE;
	if (entry == 0 || !find_attributes(entry, !is_table(first), &found))
		return false;
	found.phys = entry & base;
	found.bytes = is_table(first) ? PAGE_SIZE : SECTION_SIZE;
	found.virt = ALIGN_DOWN(virt, found.bytes);
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

static void drop_identity(uint32_t image_phys, uint32_t image_bytes)
{
	uint32_t first = ALIGN_DOWN(image_phys, SECTION_SIZE);

	for (uint32_t at = first; at < image_phys + image_bytes; at += SECTION_SIZE)
		break_entry(l1_entry(at), at);
}

void mmu_init(uint32_t image_phys, uint32_t image_bytes)
{
	uintptr_t image_virt = CONFIG_PAGE_OFFSET + SZ_2M;

	walks_miss_the_cache = ((cp15_read_id_mmfr3() >> 20) & 15) == 0;
	linear_offset = image_virt - image_phys;
	if (image_virt != image_phys)
		drop_identity(image_phys, image_bytes);
}
