/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "page_harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "kern/backtrace.h"
#include "kern/symbols.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_trace.h"

#define ARENA_PAGES (3072U << 8) /* 3 GiB, of which the host gives what is written to */

uintptr_t double_vmemmap;
uint32_t double_irq_flags;
void (*double_irq_unmasked)(void);
void (*double_irq_masking)(void);
uintptr_t linear_offset;
struct watermark_settings watermark_settings = WATERMARK_DEFAULTS;

uint32_t harness_refusals, harness_misuses;
struct page_refusal harness_last_refusal;
struct page_misuse harness_last_misuse;

struct owner_stack harness_stack;

void (*harness_more_memory)(void);

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

bool harness_has_frame(uint32_t pfn)
{
	return pfn - HARNESS_BASE_PFN < ARENA_PAGES;
}

/* --- what the firmware has ------------------------------------------------------------------- */

/* What is skipped, the harness's stacks do not have. */
const char __page_text_start[1], __page_text_end[1];

unsigned int backtrace_capture(uintptr_t *pc, unsigned int most, uintptr_t skip_start,
			       uintptr_t skip_end)
{
	(void)skip_start;
	(void)skip_end;
	for (unsigned int i = 0; i < min_u32(most, harness_stack.frames); i++)
		pc[i] = harness_stack.pc[i];
	return min_u32(most, harness_stack.frames);
}

/* Functions of the host have no table: an address is its own name. */
bool symbol_lookup(uintptr_t address, struct symbol *symbol)
{
	snprintf(symbol->name, sizeof(symbol->name), "at_%lx", (unsigned long)address);
	symbol->offset = symbol->size = 0;
	return true;
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

static void *open_window(struct page *page)
{
	return harness_page_data(page);
}

/* --- memory ---------------------------------------------------------------------------------- */

int harness_arena_file = -1;

/*
 * Shared, so that a page can be mapped a second time. The lower halves of its addresses begin as on the
 * target: none of the first GiB is NULL or another number that is no address there.
 */
static void *map_arena(size_t bytes)
{
	void *memory;

	harness_arena_file = memfd_create("arena", 0);
	if (harness_arena_file < 0 || ftruncate(harness_arena_file, (off_t)bytes) != 0)
		abort();
	memory = mmap((void *)DOUBLE_LINEAR, bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, harness_arena_file, 0);
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
	arena = map_arena((size_t)ARENA_PAGES * PAGE_SIZE);
	double_vmemmap = ALIGN_UP((uintptr_t)struct_pages, VMEMMAP_ALIGN);
	linear_offset = (uintptr_t)arena - PFN_PHYS(HARNESS_BASE_PFN);
}

void harness_dirty_struct_pages(uint32_t seed)
{
	rubbish_seed = seed;
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

/* Only what is backed may hold rubbish: units that touch RAM. */
static void dirty_struct_pages(void)
{
	for (uint32_t pfn = HARNESS_BASE_PFN; pfn < HARNESS_BASE_PFN + ARENA_PAGES;
	     pfn += VMEMMAP_UNIT_PAGES) {
		uint32_t *word = (uint32_t *)pfn_to_page(pfn);
		size_t bytes = VMEMMAP_UNIT_PAGES * sizeof(struct page);

		if (present_pages(pfn, pfn + VMEMMAP_UNIT_PAGES) == 0)
			memset(word, 0, bytes);
		else if (rubbish_seed != 0)
			for (size_t i = 0; i < bytes / 4; i++)
				word[i] = harness_random(&rubbish_seed);
	}
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
	/* What the machine before still keeps in its memory: owners, a trace. */
	page_debug_set(UINT32_MAX, false);
	page_trace_forget();
	assert_true(total_pages(machine) <= ARENA_PAGES);
	memset(&page_magazines, 0, sizeof(page_magazines));
	double_irq_flags = 0;
	double_irq_unmasked = NULL;
	double_irq_masking = NULL;
	harness_refusals = harness_misuses = 0;
	harness_stack.frames = 0;
	page_debug = 0;
	page_refusal_hook = note_refusal;
	page_misuse_hook = note_misuse;
	page_window_open_hook = open_window;
	page_window_close_hook = NULL;
	page_reclaim_hook = page_compact_hook = NULL;
	fill_memblock(machine);
	if (harness_more_memory != NULL)
		harness_more_memory();
	harness_more_memory = NULL;
	dirty_struct_pages();
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

void harness_clear_watermarks(void)
{
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		zones[zone].marks = (struct zone_watermarks){ .min_pages = 0 };
	magazines_init();
}

uint32_t harness_spare_pages(enum zone_type zone)
{
	struct zone_snapshot snapshot;

	zone_snapshot(zone, &snapshot);
	return snapshot.free_pages + snapshot.isolated_pages + snapshot.cached_pages;
}
