/* SPDX-License-Identifier: MIT */
#include "page_harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "mm/phys/memblock.h"

#define ARENA_PAGES (256U << 8) /* 256 MiB */

uintptr_t double_vmemmap;
uint32_t double_irq_flags;
void (*double_irq_unmasked)(void);
uintptr_t linear_offset;
struct watermark_settings watermark_settings = WATERMARK_DEFAULTS;

uint32_t harness_refusals, harness_misuses;
struct page_refusal harness_last_refusal;
struct page_misuse harness_last_misuse;

static char *arena;
static uint32_t rubbish_seed = 1;

uint32_t harness_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

void *harness_page_data(const struct page *page)
{
	return arena + (size_t)(page_to_pfn(page) - HARNESS_BASE_PFN) * PAGE_SIZE;
}

/* --- hooks ----------------------------------------------------------------------------------- */

static void note_refusal(const struct page_refusal *refusal)
{
	harness_refusals++;
	harness_last_refusal = *refusal;
}

static void note_misuse(const struct page_misuse *misuse)
{
	harness_misuses++;
	harness_last_misuse = *misuse;
}

static void clear_page(struct page *page)
{
	memset(harness_page_data(page), 0, PAGE_SIZE);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void *map_pages(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

static void map_once(void)
{
	/* Beside the zones: links are 32 bits wide. */
	static char struct_pages[(sizeof(struct page) << 20) + VMEMMAP_ALIGN];

	if (arena != NULL)
		return;
	arena = map_pages((size_t)ARENA_PAGES * PAGE_SIZE);
	double_vmemmap = ALIGN_UP((uintptr_t)struct_pages, VMEMMAP_ALIGN);
	linear_offset = (uintptr_t)arena - PFN_PHYS(HARNESS_BASE_PFN);
}

void harness_dirty_struct_pages(uint32_t seed)
{
	rubbish_seed = seed;
}

/* Only what is backed may hold rubbish: units that touch RAM. */
static void dirty_struct_pages(uint32_t pages)
{
	uint32_t *word = (uint32_t *)pfn_to_page(HARNESS_BASE_PFN);
	size_t words = (size_t)ALIGN_UP(pages, VMEMMAP_UNIT_PAGES) * sizeof(struct page) / 4;

	if (rubbish_seed == 0)
		return;
	memset(pfn_to_page(0), 0, sizeof(struct page) << 20);
	for (size_t i = 0; i < words; i++)
		word[i] = harness_random(&rubbish_seed);
}

/* --- a machine ------------------------------------------------------------------------------- */

static uint32_t total_pages(const struct harness_machine *machine)
{
	uint32_t pages = 0;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += machine->zone_pages[zone];
	return pages;
}

static void fill_memblock(const struct harness_machine *machine)
{
	static struct memblock_region memory[INIT_MEMBLOCK_REGIONS];
	static struct memblock_region reserved[INIT_MEMBLOCK_REGIONS];
	phys_addr_t base = PFN_PHYS(HARNESS_BASE_PFN);

	memset(memory, 0, sizeof(memory));
	memset(reserved, 0, sizeof(reserved));
	memblock.memory = (struct memblock_type){
		.cnt = 1, .max = INIT_MEMBLOCK_REGIONS, .regions = memory, .name = "memory"
	};
	memblock.reserved = (struct memblock_type){
		.cnt = 1, .max = INIT_MEMBLOCK_REGIONS, .regions = reserved, .name = "reserved"
	};
	memblock_add(base, (phys_addr_t)total_pages(machine) * PAGE_SIZE);
	memblock_reserve(base, PAGE_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(machine->pieces); i++) {
		const struct harness_piece *piece = &machine->pieces[i];
		phys_addr_t start = base + (phys_addr_t)piece->first_page * PAGE_SIZE;
		phys_addr_t size = (phys_addr_t)piece->pages * PAGE_SIZE;

		if (piece->kind == PIECE_RESERVED)
			memblock_reserve(start, size);
		else if (piece->kind == PIECE_NO_MAP)
			memblock_mark_nomap(start, size);
		else if (piece->kind == PIECE_HOLE)
			memblock_remove(start, size);
	}
}

static uint32_t present_pages(uint32_t start_pfn, uint32_t end_pfn)
{
	unsigned long start, end;
	uint32_t pages = 0;
	int i;

	for_each_mem_pfn_range(i, MAX_NUMNODES, &start, &end, NULL) {
		uint32_t from = max_u32((uint32_t)start, start_pfn);
		uint32_t to = min_u32((uint32_t)end, end_pfn);

		if (from < to)
			pages += to - from;
	}
	return pages;
}

/* Lowmem is DMA and Normal; Movable is made of the highest zone below it. */
static void make_layout(const struct harness_machine *machine, struct zone_layout *layout)
{
	uint32_t pfn = HARNESS_BASE_PFN;

	*layout = (struct zone_layout){ .movable_zone = machine->zone_pages[ZONE_HIGHMEM] != 0
								? ZONE_HIGHMEM
								: ZONE_NORMAL };
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		uint32_t pages = machine->zone_pages[zone];

		if (pages != 0)
			layout->zones[zone] = (struct zone_span){
				.start_pfn = pfn,
				.spanned_pages = pages,
				.present_pages = present_pages(pfn, pfn + pages),
			};
		pfn += pages;
		if (zone == ZONE_NORMAL ||
		    (zone == ZONE_MOVABLE && layout->movable_zone == ZONE_NORMAL))
			layout->lowmem_end = PFN_PHYS(pfn);
	}
}

void harness_start(const struct harness_machine *machine)
{
	struct zone_layout layout;

	map_once();
	assert_true(total_pages(machine) <= ARENA_PAGES);
	dirty_struct_pages(total_pages(machine));
	memset(&page_magazines, 0, sizeof(page_magazines));
	double_irq_flags = 0;
	double_irq_unmasked = NULL;
	harness_refusals = harness_misuses = 0;
	page_refusal_hook = note_refusal;
	page_misuse_hook = note_misuse;
	page_clear_highmem_hook = clear_page;
	page_reclaim_hook = page_compact_hook = NULL;
	fill_memblock(machine);
	make_layout(machine, &layout);
	zones_init(&layout);
}

void harness_check(struct page_check_result *result)
{
	struct page_check_result own;

	if (result == NULL)
		result = &own;
	assert_int_equal(double_irq_flags, 0);
	if (!page_check(result)) {
		print_error("page_check: frame %#x: %s\n", result->pfn, result->broken);
		fail();
	}
}
