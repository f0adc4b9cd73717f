/* SPDX-License-Identifier: MIT */
/*
 * The permission matrix: what each right allows, of a page, of 64 KiB and of a megabyte of lowmem;
 * and that what lies beside keeps what it had.
 */
#include <errno.h>

#include "arch/mmu.h"
#include "kern/exception.h"
#include "kern/selftest.h"
#include "mm/obj/cache.h"
#include "mm/virt/aliases.h"
#include "mm/virt/set_memory.h"

#include "page_watch.h"

#include "insist.h"

#define BX_LR 0xe12fff1eU

extern char __image_start[];

/* Whether a word can be read, written with what it holds, and called; each as a digit. */
static unsigned int allowed_data(uintptr_t address)
{
	unsigned int bits = 0;
	uint32_t value = 0;

	if (exception_try_read32(address, &value, NULL))
		bits |= 4;
	if (exception_try_write32(address, value, NULL))
		bits |= 2;
	return bits;
}

static unsigned int allowed(uintptr_t address)
{
	return allowed_data(address) | (exception_try_execute(address, 0, NULL) ? 1 : 0);
}

/* Tables come from a cache, which keeps some memory for the next ones. */
static void tables_begin(void)
{
	caches_shrink(GFP_KERNEL, 0);
	begin();
}

static void tables_end(void)
{
	caches_shrink(GFP_KERNEL, 0);
	end();
}

enum { NOTHING = 0, R = 4, RW = 6, RX = 5 };

/*
 * Each page of a block by its first and last word. Only the first is called: QEMU's raspi2b looks up
 * translated code by KiB, and maintenance by a page's address makes it forget the first of four.
 */
static bool all_allowed(uintptr_t start, size_t bytes, unsigned int inside)
{
	bool right = true;

	for (size_t at = 0; at < bytes; at += PAGE_SIZE)
		right = right && allowed(start + at) == inside &&
			allowed_data(start + at + PAGE_SIZE - 4) == (inside & 6);
	return right;
}

static void fill_with_returns(uint32_t *word, size_t bytes)
{
	for (size_t i = 0; i < bytes / 4; i++)
		word[i] = BX_LR;
}

static const struct {
	int (*change)(uintptr_t address, uint32_t pages);
	unsigned int after;
} steps[] = {
	{ set_memory_ro, R },  { set_memory_x, RX }, { set_memory_nx, R },  { set_memory_rw, RW },
	{ set_memory_nx, RW }, { set_memory_ro, R }, { set_memory_ro, R },  { set_memory_x, RX },
	{ set_memory_ro, RX }, { set_memory_x, RX }, { set_memory_rw, RW },
};

/* `bytes` in the middle of a block of three times as much or more, with every right in turn. */
static void try_matrix(unsigned int order, size_t offset, size_t bytes)
{
	uintptr_t block = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, order), part = block + offset;
	size_t all = (size_t)PAGE_SIZE << order;

	if (block == 0)
		return;
	fill_with_returns((uint32_t *)block, all);
	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		EXPECT(INSIST(steps[i].change(part, (uint32_t)(bytes / PAGE_SIZE)), -ENOMEM) == 0);
		EXPECT(all_allowed(part, bytes, steps[i].after));
		EXPECT(offset == 0 || allowed(part - PAGE_SIZE) == RW);
		EXPECT(offset + bytes == all || allowed(part + bytes) == RW);
	}
	free_pages(block, order);
}

/* A section again, as long as nothing else splits it: the image and the edges of RAM have tables. */
static void expect_whole_again(uintptr_t address, size_t bytes_before)
{
	struct mapping mapping;

	EXPECT(mmu_query(address, &mapping) && mapping.bytes == bytes_before &&
	       mapping.rights == RIGHTS_WRITE);
}

SELFTEST(set_memory, matrix)
{
	static const struct {
		unsigned int order;
		size_t offset, bytes;
	} parts[] = {
		{ 0, 0, PAGE_SIZE },
		{ 3, 3 * PAGE_SIZE, PAGE_SIZE },
		{ 6, 0x10000, 0x10000 },
		{ 6, 0x10000 - PAGE_SIZE, 0x12000 },
		{ 10, SECTION_SIZE, SECTION_SIZE },
		{ 10, SECTION_SIZE - 0x10000, SECTION_SIZE + 0x20000 },
		{ 10, 0, 4 * SECTION_SIZE },
	};

	tables_begin();
	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		try_matrix(parts[i].order, parts[i].offset, parts[i].bytes);
	tables_end();
}

SELFTEST(set_memory, a_section_is_whole_again)
{
	uintptr_t block;
	struct mapping before;

	tables_begin();
	block = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, 8);
	if (block != 0 && mmu_query(block, &before)) {
		EXPECT(INSIST(set_memory_ro(block + PAGE_SIZE, 1), -ENOMEM) == 0);
		EXPECT(INSIST(set_memory_ro(block + 7 * PAGE_SIZE, 30), -ENOMEM) == 0);
		EXPECT(INSIST(set_memory_rw(block + 7 * PAGE_SIZE, 30), -ENOMEM) == 0);
		EXPECT(INSIST(set_memory_rw(block + PAGE_SIZE, 1), -ENOMEM) == 0);
		expect_whole_again(block, before.bytes);
	}
	free_pages(block, 8);
	tables_end();
}

SELFTEST(set_memory, refused)
{
	uintptr_t page;

	tables_begin();
	page = __get_free_page(GFP_KERNEL);
	EXPECT(set_memory_x(page, 1) == -EPERM); /* it can be written */
	EXPECT(set_memory_ro(page + 4, 1) == -EINVAL);
	EXPECT(set_memory_ro(page, 0) == -EINVAL);
	EXPECT(set_memory_ro(0xfffff000U, 2) == -EINVAL);
	EXPECT(set_memory_rw((uintptr_t)__image_start, 1) == -EINVAL);
	EXPECT(set_memory_ro(0x1000, 1) == -EFAULT);
	EXPECT(allowed(page) == RW && allowed(0x1000) == NOTHING);
	free_page(page);
	tables_end();
}

/* Seen by two addresses, it may not be written by one and executed by the other. */
SELFTEST(set_memory, aliases_count)
{
	struct mapping mapping;
	unsigned int found = 0;
	uintptr_t page;
	uint64_t at = 0;

	tables_begin();
	page = __get_free_page(GFP_KERNEL);
	while (alias_next(&at, virt_to_phys((void *)page), PAGE_SIZE, &mapping))
		found += mapping.virt <= page && page < mapping.virt + mapping.bytes;
	EXPECT(found == 1);
	EXPECT(alias_has_rights(virt_to_phys((void *)page), PAGE_SIZE, RIGHTS_WRITE));
	EXPECT(!alias_has_rights(virt_to_phys((void *)page), PAGE_SIZE, RIGHTS_EXECUTE));
	free_page(page);
	tables_end();
}
