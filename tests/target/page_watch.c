/* SPDX-License-Identifier: MIT */
#include "page_watch.h"

#include <inttypes.h>
#include <string.h>

#include "kern/console.h"
#include "kern/selftest.h"
#include "mm/obj/object_fail.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/zone.h"
#include "mm/virt/kmap.h"

struct zone_state {
	uint32_t managed_pages;
	uint32_t free_pages;
	uint32_t cached_pages;
	uint32_t blocks[NR_PAGE_ORDERS]; /* free, of all migrate types: joining makes them unique */
};

static struct zone_state state_before[MAX_NR_ZONES];

unsigned int misuses, refusals;
struct page_misuse last_misuse;
struct page_refusal last_refusal;
static void (*misuse_hook_before)(const struct page_misuse *misuse);
static void (*refusal_hook_before)(const struct page_refusal *refusal);

static void note_misuse(const struct page_misuse *misuse)
{
	last_misuse = *misuse;
	misuses++;
}

static void note_refusal(const struct page_refusal *refusal)
{
	last_refusal = *refusal;
	refusals++;
}

void tell_as_usual(void)
{
	if (misuse_hook_before != NULL)
		misuse_hook_before(&last_misuse);
}

void tell_refusal_as_usual(void)
{
	if (refusal_hook_before != NULL)
		refusal_hook_before(&last_refusal);
}

static void read_state(struct zone_state state[MAX_NR_ZONES])
{
	struct zone_snapshot zone;

	magazines_drain_all();
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		state[type] =
			(struct zone_state){ .managed_pages = zone.managed_pages,
					     .free_pages = zone.free_pages + zone.isolated_pages,
					     .cached_pages = zone.cached_pages };
		for (unsigned int order = 0; order < NR_PAGE_ORDERS; order++)
			for (unsigned int migrate = 0; migrate < MIGRATE_TYPES; migrate++)
				state[type].blocks[order] += zone.blocks[migrate][order];
	}
}

/* The first test that leaves something behind is the one to look at. */
bool state_is_as_before(void)
{
	struct zone_state now[MAX_NR_ZONES];

	read_state(now);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		if (now[type].free_pages != state_before[type].free_pages)
			console_printf("    # %s: %" PRIu32 " pages are free, %" PRIu32 " were\n",
				       zone_names[type], now[type].free_pages,
				       state_before[type].free_pages);
	return memcmp(now, state_before, sizeof(now)) == 0;
}

bool pages_are_sound(struct page_check_result *result)
{
	if (page_check(result))
		return true;
	console_printf("    # frame %#" PRIx32 ": %s\n", result->pfn, result->broken);
	return false;
}

/* Every test stands between these two. */
void begin(void)
{
	misuse_hook_before = page_misuse_hook;
	refusal_hook_before = page_refusal_hook;
	page_misuse_hook = note_misuse;
	page_refusal_hook = note_refusal;
	misuses = refusals = 0;
	read_state(state_before);
}

void end(void)
{
	struct page_check_result result;

	EXPECT(misuses == 0);
	EXPECT(state_is_as_before());
	EXPECT(pages_are_sound(&result));
	page_misuse_hook = misuse_hook_before;
	page_refusal_hook = refusal_hook_before;
}

static uint32_t pages_failed;
static bool objects_failed;

void pause_failing(void)
{
	pages_failed = page_debug & PAGE_DEBUG_FAIL;
	objects_failed = objects_fail;
	page_debug_set(pages_failed, false);
	if (objects_failed)
		objects_fail_set(false);
}

void resume_failing(void)
{
	page_debug_set(pages_failed, true);
	if (objects_failed)
		objects_fail_set(true);
}

/* --- patterns --------------------------------------------------------------------------------- */

#define PATTERN_WORDS 16U /* of a page, the first and the last among them, in as many cache lines */

uint32_t pattern_seed = 1;

static uint32_t pattern_place(unsigned int i)
{
	return i * (PAGE_WORDS - 1) / (PATTERN_WORDS - 1);
}

/* At one place no two frames have the same. */
uint32_t pattern_word(uint32_t pfn, uint32_t place)
{
	return (pfn * 0x9e3779b1U) ^ (place * 0x01000193U) ^ pattern_seed;
}

void write_page(struct page *page)
{
	volatile uint32_t *words = kmap_local_page(page);

	for (unsigned int i = 0; i < PATTERN_WORDS; i++)
		words[pattern_place(i)] = pattern_word(page_to_pfn(page), pattern_place(i));
	kunmap_local((const void *)words);
}

bool page_is_as_written(struct page *page)
{
	const volatile uint32_t *words = kmap_local_page(page);
	uint32_t wrong = 0;

	for (unsigned int i = 0; i < PATTERN_WORDS; i++)
		wrong |=
			words[pattern_place(i)] ^ pattern_word(page_to_pfn(page), pattern_place(i));
	kunmap_local((const void *)words);
	return wrong == 0;
}

void write_block(struct page *head, unsigned int order)
{
	for (uint32_t i = 0; i < 1U << order; i++)
		write_page(head + i);
}

bool block_is_as_written(struct page *head, unsigned int order)
{
	bool good = true;

	for (uint32_t i = 0; i < 1U << order; i++)
		good = page_is_as_written(head + i) && good;
	return good;
}

bool page_is_all(struct page *page, uint32_t value)
{
	const uint32_t *words = kmap_local_page(page);
	uint32_t wrong = 0;

	for (unsigned int i = 0; i < PAGE_WORDS; i++)
		wrong |= words[i] ^ value;
	kunmap_local(words);
	return wrong == 0;
}

/* --- zones ------------------------------------------------------------------------------------ */

enum zone_type class_zone_of(gfp_t gfp)
{
	return gfp_classes[gfp & GFP_CLASS_MASK].zone;
}

/* Linux's rule: how many pages of a zone a request must leave. */
uint32_t floor_of(const struct zone_snapshot *zone, gfp_t gfp)
{
	uint32_t pages = zone->marks.min_pages;

	if ((gfp & __GFP_HIGH) != 0)
		pages -= pages / 2;
	if ((gfp & __GFP_ATOMIC) != 0)
		pages -= pages / 4;
	return pages + zone->marks.protection[class_zone_of(gfp)];
}

static uint32_t low_floor_of(const struct zone_snapshot *zone, gfp_t gfp)
{
	return zone->marks.low_pages + zone->marks.protection[class_zone_of(gfp)];
}

static int highest_zone_above(enum zone_type highest, gfp_t gfp,
			      uint32_t (*floor)(const struct zone_snapshot *zone, gfp_t gfp))
{
	struct zone_snapshot zone;

	for (int type = (int)highest; type >= 0; type--) {
		zone_snapshot((enum zone_type)type, &zone);
		if (zone.managed_pages != 0 && zone.free_pages >= floor(&zone, gfp) + 1)
			return type;
	}
	return -1;
}

int expected_zone(enum zone_type highest, gfp_t gfp)
{
	int type = highest_zone_above(highest, gfp, low_floor_of);

	return type >= 0 ? type : highest_zone_above(highest, gfp, floor_of);
}

const gfp_t request_kinds[REQUEST_KINDS] = {
	GFP_KERNEL,
	GFP_ATOMIC,
	GFP_NOWAIT,
	GFP_DMA,
	GFP_USER,
	GFP_HIGHUSER,
	GFP_HIGHUSER_MOVABLE,
	GFP_KERNEL | __GFP_RECLAIMABLE,
	GFP_KERNEL | __GFP_MOVABLE,
	GFP_KERNEL | __GFP_ZERO,
	GFP_KERNEL | __GFP_COMP,
	GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_COMP,
};
