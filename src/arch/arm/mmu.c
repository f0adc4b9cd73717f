/* SPDX-License-Identifier: MIT */
/*
 * Kernel mappings in short descriptors.
 *
 * Duties (ARM DDI 0406C B3.10.1): a new entry needs a barrier before its first use, no TLB
 * maintenance; an entry that goes needs TLB maintenance by address and a barrier after it. Walks
 * are cacheable; a core whose walks do not look in the data cache (ID_MMFR3) needs the entry
 * cleaned.
 */
#include "arch/mmu.h"
#include "arch/linear.h"
#include "arch/arm/cp15.h"
#include "arch/arm/descriptor.h"
#include "arch/layout.h"

#define L1_ENTRIES 4096U
#define L2_ENTRIES 256U
#define L2_BYTES   1024U

extern uint32_t first_table[L1_ENTRIES];

uintptr_t linear_offset;

static uint32_t fixmap_table[L2_ENTRIES] __attribute__((aligned(1024)));

struct attributes {
	uint32_t section;
	uint32_t page;
};

/* Our kinds of memory by our rights. Writable never executes, device memory neither. */
static const struct attributes attributes[MEMORY_KINDS][MEMORY_RIGHTS] = {
	[MEMORY_NORMAL] = {
		[RIGHTS_READ] = { SECTION_NORMAL | SECTION_AP_RO | SECTION_XN,
				  PAGE_NORMAL | PAGE_AP_RO | PAGE_XN },
		[RIGHTS_WRITE] = { SECTION_NORMAL | SECTION_XN, PAGE_NORMAL | PAGE_XN },
		[RIGHTS_EXECUTE] = { SECTION_NORMAL | SECTION_AP_RO, PAGE_NORMAL | PAGE_AP_RO },
	},
	[MEMORY_NONCACHED] = {
		[RIGHTS_READ] = { SECTION_NONCACHE | SECTION_AP_RO | SECTION_XN,
				  PAGE_NONCACHE | PAGE_AP_RO | PAGE_XN },
		[RIGHTS_WRITE] = { SECTION_NONCACHE | SECTION_XN, PAGE_NONCACHE | PAGE_XN },
		[RIGHTS_EXECUTE] = { SECTION_NONCACHE | SECTION_AP_RO,
				     PAGE_NONCACHE | PAGE_AP_RO },
	},
	[MEMORY_DEVICE] = {
		[RIGHTS_READ] = { SECTION_DEVICE | SECTION_AP_RO | SECTION_XN,
				  PAGE_DEVICE | PAGE_AP_RO | PAGE_XN },
		[RIGHTS_WRITE] = { SECTION_DEVICE | SECTION_XN, PAGE_DEVICE | PAGE_XN },
		[RIGHTS_EXECUTE] = { SECTION_DEVICE | SECTION_AP_RO | SECTION_XN,
				     PAGE_DEVICE | PAGE_AP_RO | PAGE_XN },
	},
};

/* ID_MMFR3[23:20] is 0: walks read memory at the point of unification, past the L1 cache. */
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

/* The entry is zero already; wait until nobody holds the old translation any more. */
static void forget_translation(uintptr_t virt)
{
	dsb_ish();
	cp15_write_tlbimvaais((uint32_t)virt & PAGE_MASK);
	cp15_write_bpiallis(0);
	dsb_ish();
	isb();
}

static uint32_t *l2_of(uint32_t l1_entry)
{
	return phys_to_virt((phys_addr_t)(l1_entry & TABLE_BASE));
}

/* The second-level table that covers virt, made if there is none. */
static uint32_t *l2_for(uintptr_t virt, table_supplier supplier)
{
	uint32_t *entry = &first_table[virt >> SECTION_SHIFT];
	phys_addr_t phys;
	uint32_t *table;

	if ((*entry & DESCRIPTOR_KIND) == L1_TABLE)
		return l2_of(*entry);
	phys = supplier != NULL ? supplier() : 0;
	if (phys == 0)
		return NULL;
	table = phys_to_virt(phys);
	for (unsigned int i = 0; i < L2_ENTRIES; i++)
		set_entry(&table[i], 0);
	dsb_ish(); /* the table is empty before a walk can find it */
	set_entry(entry, (uint32_t)phys | L1_TABLE);
	return table;
}

static bool section_fits(uintptr_t virt, phys_addr_t phys, size_t bytes)
{
	return IS_ALIGNED(virt, SECTION_SIZE) && IS_ALIGNED(phys, SECTION_SIZE) &&
	       bytes >= SECTION_SIZE && first_table[virt >> SECTION_SHIFT] == 0;
}

/* First every table that the range needs, so that what follows cannot fail. */
static bool make_tables(uintptr_t virt, phys_addr_t phys, size_t bytes, table_supplier supplier)
{
	size_t done = 0;

	while (done < bytes) {
		size_t step = SECTION_SIZE - ((virt + done) & (SECTION_SIZE - 1));

		if (!section_fits(virt + done, phys + done, bytes - done) &&
		    l2_for(virt + done, supplier) == NULL)
			return false;
		done += step;
	}
	return true;
}

bool mmu_map(uintptr_t virt, phys_addr_t phys, size_t bytes, enum memory_kind kind,
	     enum memory_rights rights, table_supplier supplier)
{
	const struct attributes *bits = &attributes[kind][rights];
	size_t done = 0;

	if (!make_tables(virt, phys, bytes, supplier))
		return false;
	while (done < bytes) {
		uintptr_t at = virt + done;

		if (section_fits(at, phys + done, bytes - done)) {
			set_entry(&first_table[at >> SECTION_SHIFT],
				  (uint32_t)(phys + done) | bits->section);
			done += SECTION_SIZE;
		} else {
			uint32_t *table = l2_of(first_table[at >> SECTION_SHIFT]);

			set_entry(&table[(at >> PAGE_SHIFT) & (L2_ENTRIES - 1)],
				  (uint32_t)(phys + done) | bits->page);
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
	uint32_t *table = NULL;

	for (uintptr_t at = virt; at - virt < bytes; at += PAGE_SIZE) {
		if (table == NULL || IS_ALIGNED(at, SECTION_SIZE))
			table = l2_for(at, supplier);
		if (table == NULL)
			return false;
		set_entry(&table[(at >> PAGE_SHIFT) & (L2_ENTRIES - 1)], entry);
	}
	entries_visible();
	return true;
}

void mmu_unmap(uintptr_t virt, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		uintptr_t at = virt + done;
		uint32_t *entry = &first_table[at >> SECTION_SHIFT];

		if ((*entry & DESCRIPTOR_KIND) == L1_TABLE) {
			entry = &l2_of(*entry)[(at >> PAGE_SHIFT) & (L2_ENTRIES - 1)];
			done += PAGE_SIZE;
		} else {
			done += SECTION_SIZE;
		}
		if (*entry != 0) {
			set_entry(entry, 0);
			forget_translation(at);
		}
	}
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

static void drop_identity(uint32_t image_phys, uint32_t image_bytes)
{
	uint32_t first = ALIGN_DOWN(image_phys, SECTION_SIZE);

	for (uint32_t at = first; at < image_phys + image_bytes; at += SECTION_SIZE)
		mmu_unmap(at, SECTION_SIZE);
}

void mmu_init(uint32_t image_phys, uint32_t image_bytes)
{
	uintptr_t image_virt = CONFIG_PAGE_OFFSET + SZ_2M;

	walks_miss_the_cache = ((cp15_read_id_mmfr3() >> 20) & 15) == 0;
	linear_offset = image_virt - image_phys;
	if (image_virt != image_phys)
		drop_identity(image_phys, image_bytes);
	set_entry(&first_table[FIXMAP_BASE >> SECTION_SHIFT],
		  (uint32_t)virt_to_phys(fixmap_table) | L1_TABLE);
	entries_visible();
}
