/* SPDX-License-Identifier: MIT */
#include "mm/phys/magazine.h"

#include "mm/phys/buddy.h"

DEFINE_PER_CPU(struct page_magazines, page_magazines);

/* Behind the last zone of every route. */
static struct magazine_set nothing;

struct route zone_routes[GFP_CLASSES];

static bool diverted;

/* Nesting of magazines_close, by zone. */
static unsigned int closed[MAX_NR_ZONES];

/* --- sizes ----------------------------------------------------------------------------------- */

/*
 * About 80 pages of a kind: Linux's lists grow to the zone's low watermark and keep larger blocks
 * from forming. Of a small zone a 128th for each order at most, so that they do not hold all of it.
 */
static uint32_t limit_of(const struct zone *zone, unsigned int order)
{
	static const uint8_t items[] = { 13, 8, 5, 4 };
	uint32_t limit = min_u32(items[min_u32(order, ARRAY_SIZE(items) - 1)], MAGAZINE_ITEMS);

	if (closed[zone->type] != 0 || diverted)
		return 0;
	return min_u32(limit, zone->managed_pages >> (order + 7));
}

/* A refill fetches 8 or 16 pages: then the visit costs little a page and is still short. */
unsigned int magazine_batch(unsigned int order)
{
	static const uint8_t items[] = { 8, 4, 4, 2 };

	return min_u32(items[min_u32(order, ARRAY_SIZE(items) - 1)], MAGAZINE_ITEMS);
}

/* --- refill ---------------------------------------------------------------------------------- */

/* Cut a block of 2^from pages into an empty magazine's items, the lowest one last so that it is popped first. */
static void carve(struct magazine *magazine, struct page *block, unsigned int from,
		  unsigned int order)
{
	struct page *head = block + (1U << from);
	struct page **item = magazine->items;
	uint32_t flags = magazine->flags;

	do {
		head -= 1U << order;
		head->flags = flags;
		*item++ = head;
	} while (head != block);
	magazine->count = 1U << (from - order);
}

/* One block, as large as what is wanted but not more than the type has whole, cut into items. */
static void take_chunk(struct zone *zone, struct magazine *magazine, unsigned int order,
		       enum migrate_type migrate, uint32_t wanted)
{
	uint32_t fitting = zone->orders[migrate] >> order;
	unsigned int chunk = min_u32(order + highest_bit(wanted), PAGE_ORDER_MAX);
	struct page *block;

	if (fitting != 0)
		chunk = min_u32(chunk, order + lowest_bit(fitting));
	block = buddy_take(zone, chunk, migrate);
	if (block == NULL && chunk > order) {
		chunk = order;
		block = buddy_take(zone, chunk, migrate);
	}
	if (block != NULL)
		carve(magazine, block, chunk, order);
}

/*
 * Blocks of just the right size first, so that larger ones stay whole. Only when there are none, one
 * larger block, and another type's only for want of any of this type.
 */
struct page *magazine_refill(struct magazine *magazine, int32_t pages_most)
{
	struct zone *zone = magazine_zone(magazine);
	unsigned int order = magazine_order(magazine);
	enum migrate_type migrate =
		(enum migrate_type)((magazine->flags >> PAGE_MIGRATE_SHIFT) & PAGE_MIGRATE_MASK);
	uint32_t wanted = min_u32(magazine_batch(order), magazine->limit + 1);

	wanted = max_u32(min_u32(wanted, (uint32_t)pages_most >> order), 1);
	spin_lock(&zone->lock);
	if (zone->orders[migrate] >> order & 1)
		magazine->count = buddy_take_singles(zone, order, migrate, magazine->flags, wanted,
						     magazine->items);
	else
		take_chunk(zone, magazine, order, migrate, wanted);
	spin_unlock(&zone->lock);
	return magazine_pop(magazine);
}

/* --- drain ----------------------------------------------------------------------------------- */

/* The oldest go: what was freed last may still be in the data cache. */
void magazine_drain(struct magazine *magazine)
{
	uint32_t count = magazine->count, left;
	uint32_t drained = min_u32((count + 1) / 2, MAGAZINE_DRAIN_MOST);
	struct zone *zone = magazine_zone(magazine);
	uint32_t flags = (magazine->flags & PAGE_PLACE_MASK) | PAGE_FREE;

	if (drained == 0)
		return;
	spin_lock(&zone->lock);
	for (uint32_t i = 0; i < drained; i++)
		buddy_give(zone, magazine->items[i], flags);
	spin_unlock(&zone->lock);
	left = count - drained;
	for (uint32_t i = 0; i < left; i++)
		magazine->items[i] = magazine->items[i + drained];
	magazine->count = left;
}

static bool set_is_empty(const struct magazine_set *set)
{
	uint32_t counts = 0;

	for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++)
		counts |= set->orders[order].count;
	return counts == 0;
}

/* Interrupts are let in between: each visit has the bound of one. */
static void drain_set(struct magazine_set *set)
{
	for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++)
		for (bool again = true; again;) {
			uint32_t irq = local_irq_save();
			struct magazine *magazine = &set->orders[order];

			magazine_drain(magazine);
			again = magazine->count != 0;
			local_irq_restore(irq);
		}
}

bool magazines_drain_all(void)
{
	struct magazine_set *set = &this_cpu_ptr(&page_magazines)->sets[0][0];
	struct magazine_set *end = set + MIGRATE_PCPTYPES * MAX_NR_ZONES;
	bool drained = false;

	for (; set < end; set++) {
		if (set_is_empty(set))
			continue;
		drain_set(set);
		drained = true;
	}
	return drained;
}

/* --- set-up ---------------------------------------------------------------------------------- */

static void set_limits(struct page_magazines *magazines, const struct zone *zone)
{
	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++) {
			struct magazine *magazine =
				&magazines->sets[migrate][zone->type].orders[order];

			magazine->limit = limit_of(zone, order);
			magazine->flags = page_flags(PAGE_CACHED, order, zone->type,
						     (enum migrate_type)migrate);
		}
}

/* The populated zones of a class, the highest first. */
static void set_route(struct page_magazines *magazines, const struct gfp_class *class,
		      struct route_stop *stop, bool leads_nowhere)
{
	for (int type = (int)class->zone; type >= 0; type--) {
		struct zone *zone = &zones[type];

		if (zone->managed_pages == 0 || !class->valid || leads_nowhere)
			continue;
		stop->set = &magazines->sets[class->migrate][type];
		stop->zone = zone;
		stop->low_pages =
			(int32_t)(zone->marks.low_pages + zone->marks.protection[class->zone]);
		stop++;
	}
	*stop = (struct route_stop){ .set = &nothing };
}

/* Zone by zone and class by class, each good by itself, so that interrupts are not masked for long. */
void magazines_init(void)
{
	uint32_t irq;

	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		irq = local_irq_save();
		set_limits(this_cpu_ptr(&page_magazines), &zones[type]);
		local_irq_restore(irq);
	}
	for (unsigned int i = 0; i < GFP_CLASSES; i++) {
		struct page_magazines *magazines;

		irq = local_irq_save();
		magazines = this_cpu_ptr(&page_magazines);
		set_route(magazines, &gfp_classes[i], magazines->routes[i].stops, diverted);
		set_route(magazines, &gfp_classes[i], zone_routes[i].stops, false);
		local_irq_restore(irq);
	}
}

void magazines_divert(bool on)
{
	if (diverted == on)
		return;
	diverted = on;
	magazines_init();
	magazines_drain_all();
}

static void close_or_reopen(enum zone_type zone, int change)
{
	uint32_t irq = local_irq_save();

	closed[zone] += (unsigned int)change;
	set_limits(this_cpu_ptr(&page_magazines), &zones[zone]);
	local_irq_restore(irq);
}

void magazines_close(enum zone_type zone)
{
	close_or_reopen(zone, 1);
	magazines_drain_all();
}

void magazines_reopen(enum zone_type zone)
{
	close_or_reopen(zone, -1);
}

/* --- asking ---------------------------------------------------------------------------------- */

static uint32_t sum_pages(enum zone_type zone, bool room)
{
	struct page_magazines *magazines = this_cpu_ptr(&page_magazines);
	uint32_t pages = 0;

	for (unsigned int migrate = 0; migrate < MIGRATE_PCPTYPES; migrate++)
		for (unsigned int order = 0; order < MAGAZINE_ORDERS; order++) {
			const struct magazine *magazine =
				&magazines->sets[migrate][zone].orders[order];

			pages += (room ? magazine->limit : magazine->count) << order;
		}
	return pages;
}

uint32_t magazines_cached_pages(enum zone_type zone)
{
	return sum_pages(zone, false);
}

uint32_t magazines_room_pages(enum zone_type zone)
{
	return sum_pages(zone, true);
}
