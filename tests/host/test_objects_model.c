/* SPDX-License-Identifier: MIT */
/*
 * The object allocator against a naive model over random operations.
 *
 *	test_objects_model [operations [seed]]      or OBJECTS_MODEL_OPS, OBJECTS_MODEL_SEED
 *	OBJECTS_MODEL_TRACE=n                       print each operation from number n on
 *
 * The model is an array of what is live, and an owner for every 8 bytes of RAM: no two live things
 * overlap, be they objects or blocks of pages. It knows nothing of slabs, lists and magazines; what
 * it asks the allocator's own structures is where a free object keeps its mark and link, so that it
 * can write to them, and what a page says that it is, for the answer that a wrong pointer must get.
 *
 * A free object that was written to is a "damage". The walkers would complain of it, so it is put
 * right while they look. It must be told exactly once, by its own address, and nobody may get the
 * object any more; it may go untold only when its slab went back to the page allocator.
 *
 * A refusal must be justified: failslab= wanted it, or the page allocator refuses the same pages.
 *
 * With a handler that allocates and frees between any two instructions that let interrupts in, all
 * of that is exact still, but for refusals during which the handler did something: what it
 * allocated may have brought more than it took.
 *
 * Operations are numbered through the whole run and the seed is printed: the same two arguments
 * repeat a failure.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "lib/bits.h"
#include "object_harness.h"

#define ARENA_PAGES    8192U /* more than any machine here has */
#define ARENA_BYTES    (ARENA_PAGES * PAGE_SIZE)
#define GRANULE        8U
#define PAGE_GRANULES  (PAGE_SIZE / GRANULE)
#define KMALLOC_CACHES (KMALLOC_KINDS * KMALLOC_SIZES)
#define NO_CACHE       UINT32_MAX
#define DEBUG_FLAGS    (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* --- what is going on, for whoever reads of a failure ---------------------------------------- */

static struct {
	uint32_t operations, seed, trace_from;
	uint32_t random;
	uint32_t number; /* of the operation */
	const char *scenario, *machine, *phase, *name;
	uint64_t a, b, c; /* the operation's figures */
	bool in_handler;
	bool finished, failed;
} run;

static void print_run(void)
{
	printf("seed %u operation %u: %s, %s, %s%s: %s %#llx %#llx %#llx\n", run.seed, run.number,
	       run.scenario, run.machine, run.phase, run.in_handler ? ", in the handler" : "",
	       run.name, (unsigned long long)run.a, (unsigned long long)run.b,
	       (unsigned long long)run.c);
	fflush(stdout);
}

static void on_abort(int signal)
{
	(void)signal;
	if (run.scenario != NULL && !run.finished)
		print_run();
	_Exit(1);
}

/* So that what a sanitizer finds comes by on_abort, with the operation. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "abort_on_error=1:handle_segv=1";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1";
}

static __attribute__((noreturn)) void broken(int line, const char *condition, const char *sentence)
{
	printf("%s:%d: %s (%s)\n", __FILE__, line, sentence, condition);
	print_run();
	run.failed = true;
	double_irq_unmasked = NULL;
	fail();
	abort();
}

#define expect(condition, sentence)                             \
	do {                                                    \
		if (!(condition))                               \
			broken(__LINE__, #condition, sentence); \
	} while (0)

static uint32_t roll(uint32_t sides)
{
	return harness_random(&run.random) % sides;
}

static bool chance(uint32_t percent)
{
	return roll(100) < percent;
}

/* --- whose memory is whose ------------------------------------------------------------------- */

#define NOBODY      0U
#define QUARANTINED UINT32_MAX /* nobody's for good */

/* Owners are numbers of things, plus 1. Whole pages have one entry, all else one each granule. */
static uint32_t page_owners[ARENA_PAGES];
static uint32_t granule_owners[ARENA_PAGES * PAGE_GRANULES];
static uint16_t granules_owned[ARENA_PAGES];

/* What krealloc was given, while it runs: a handler may get that memory once it was freed. */
static struct {
	uintptr_t address;
	uint32_t bytes; /* 0: nothing is under way */
	bool dissolved;
} transit;

static uint32_t arena_offset(uintptr_t address)
{
	return (uint32_t)(address - linear_offset - PFN_PHYS(HARNESS_BASE_PFN));
}

static uintptr_t arena_address(uint32_t page)
{
	return linear_offset + PFN_PHYS((uintptr_t)HARNESS_BASE_PFN + page);
}

static bool is_in_arena(uintptr_t address)
{
	return address - arena_address(0) < ARENA_BYTES;
}

/*
 * On a host an address that is not RAM may have the low half of one that is, and look like it where
 * the hot paths see 32 bits, as all that there are on the target.
 */
static bool looks_like_ram(uintptr_t address)
{
	return !is_in_arena(address) && arena_offset(address) < ARENA_BYTES;
}

static bool is_whole_pages(uintptr_t address, uint32_t bytes)
{
	return IS_ALIGNED(address, PAGE_SIZE) && bytes % PAGE_SIZE == 0;
}

/* The first owner of any of these bytes. */
static uint32_t owner_of(uintptr_t address, uint32_t bytes)
{
	uint32_t offset = arena_offset(address), end = offset + bytes;

	while (offset < end) {
		uint32_t page = offset / PAGE_SIZE;

		if (page_owners[page] != NOBODY)
			return page_owners[page];
		if (granules_owned[page] == 0) {
			offset = (page + 1) * PAGE_SIZE;
			continue;
		}
		if (granule_owners[offset / GRANULE] != NOBODY)
			return granule_owners[offset / GRANULE];
		offset = ALIGN_DOWN(offset, GRANULE) + GRANULE;
	}
	return NOBODY;
}

static void set_granule(uint32_t granule, uint32_t owner)
{
	granules_owned[granule / PAGE_GRANULES] +=
		(owner != NOBODY) - (granule_owners[granule] != NOBODY);
	granule_owners[granule] = owner;
}

static void set_owner(uintptr_t address, uint32_t bytes, uint32_t owner)
{
	uint32_t offset = arena_offset(address);

	if (is_whole_pages(address, bytes)) {
		for (uint32_t page = offset / PAGE_SIZE; page < (offset + bytes) / PAGE_SIZE;
		     page++)
			page_owners[page] = owner;
		return;
	}
	for (uint32_t i = offset / GRANULE; i < (offset + bytes + GRANULE - 1) / GRANULE; i++)
		set_granule(i, owner);
}

static void claim(uintptr_t address, uint32_t bytes, uint32_t owner)
{
	expect(is_in_arena(address) && is_in_arena(address + bytes - 1), "memory outside of RAM");
	if (owner_of(address, bytes) != NOBODY && transit.bytes != 0 && !transit.dissolved) {
		set_owner(transit.address, transit.bytes, NOBODY);
		transit.dissolved = true;
	}
	if (owner_of(address, bytes) == QUARANTINED)
		broken(__LINE__, "claim", "what was written to while free was handed out");
	expect(owner_of(address, bytes) == NOBODY, "memory that somebody else has");
	set_owner(address, bytes, owner);
}

/* --- what is live ---------------------------------------------------------------------------- */

#define THINGS_MOST 0x10000U

/* An object, or a block of pages. */
struct thing {
	uintptr_t address;
	uint32_t bytes;    /* nobody else may have them */
	uint32_t asked;    /* kmalloc was asked for, or krealloc, or all of it after ksize */
	uint32_t used;     /* hold the pattern */
	uint32_t zero_end; /* from `used` to here all is zero, as far as is known */
	uint32_t pattern;
	uint32_t cache; /* number; NO_CACHE: whole pages */
	bool is_kmalloc;
	bool is_compound;   /* pages whose tails stand for their head */
	unsigned int order; /* of pages */
	uintptr_t taken;    /* who allocated it, for slab_debug=U */
	/* Where it stands. */
	struct crowd *crowd;
	uint32_t place;
};

static struct thing things[THINGS_MOST];
static uint32_t spare_things[THINGS_MOST], nr_spare_things;

/* The handler's are its own; hogs are pages that fill memory. */
static struct crowd {
	uint32_t count, numbers[THINGS_MOST];
} mine, handlers, hogs;

static uint32_t patterns, owned_pages;

static struct model_cache {
	struct kmem_cache *cache; /* NULL: does not exist */
	uint32_t size, align, flags;
	bool constructed;
	uint32_t watch; /* what of DEBUG_FLAGS it has */
	uint32_t live, quarantined;
	char name[2 * CACHE_NAME_BYTES];
} caches[KMEM_CACHES];

/* What was freed last, for wrong use. */
#define HISTORY 512U
static struct freed {
	uintptr_t address;
	uint32_t cache;
} history[HISTORY];
static uint32_t nr_history;

static void start_things(void)
{
	mine.count = handlers.count = hogs.count = 0;
	nr_spare_things = 0;
	for (uint32_t i = THINGS_MOST; i > 0; i--)
		spare_things[nr_spare_things++] = i - 1;
	owned_pages = nr_history = 0;
	memset(&transit, 0, sizeof(transit));
	memset(page_owners, 0, sizeof(page_owners));
	memset(granules_owned, 0, sizeof(granules_owned));
	memset(granule_owners, 0, sizeof(granule_owners));
}

static const struct cache_store *store_of(uint32_t cache)
{
	return &cache_stores[cache];
}

static bool is_watched(uint32_t cache, uint32_t flag)
{
	return cache != NO_CACHE && (caches[cache].watch & flag) != 0;
}

/* --- contents -------------------------------------------------------------------------------- */

static uint8_t pattern_byte(uint32_t pattern, uint32_t offset)
{
	return (uint8_t)((pattern ^ offset * 0x9e3779b1U) >> 15);
}

/* Every byte of small ones and of the ends, some between. */
static uint32_t next_offset(uint32_t offset, uint32_t bytes)
{
	if (bytes <= 768 || offset < 64 || offset >= bytes - 64)
		return offset + 1;
	return min_u32(offset + 61, bytes - 64);
}

static void fill(uintptr_t address, uint32_t bytes, uint32_t pattern)
{
	uint8_t *data = (uint8_t *)address;

	for (uint32_t i = 0; i < bytes; i = next_offset(i, bytes))
		data[i] = pattern_byte(pattern, i);
}

static bool holds(uintptr_t address, uint32_t bytes, uint32_t pattern, uint32_t most)
{
	const uint8_t *data = (const uint8_t *)address;

	for (uint32_t i = 0; i < bytes && i < most; i = next_offset(i, bytes))
		if (data[i] != pattern_byte(pattern, i))
			return false;
	return true;
}

static bool is_zero(uintptr_t address, uint32_t from, uint32_t end)
{
	const uint8_t *data = (const uint8_t *)address;

	for (uint32_t i = from; i < end; i++)
		if (data[i] != 0)
			return false;
	return true;
}

static uint32_t constructed_pattern(uintptr_t address)
{
	return arena_offset(address) * 2654435761U ^ 0x5eed;
}

/* It knows its cache by the page: slabs are of their cache before their objects are. */
static void construct(void *object)
{
	uint32_t cache = virt_to_page(object)->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;

	expect(cache < KMEM_CACHES && caches[cache].cache != NULL && caches[cache].constructed,
	       "a constructor runs where no object of its cache is");
	expect(owner_of((uintptr_t)object, caches[cache].size) == NOBODY || transit.bytes != 0,
	       "a constructor runs on what somebody has");
	fill((uintptr_t)object, caches[cache].size, constructed_pattern((uintptr_t)object));
}

static void check_contents(const struct thing *thing)
{
	expect(holds(thing->address, thing->used, thing->pattern, UINT32_MAX),
	       "contents did not survive");
}

static void write_contents(struct thing *thing)
{
	thing->pattern = patterns += 0x9e370001U;
	fill(thing->address, thing->used, thing->pattern);
}

/* --- damages --------------------------------------------------------------------------------- */

/* Bytes of a free object, or of what belongs to it, that were written to. */
struct damage {
	uintptr_t object;
	uint32_t cache;
	enum object_misuse_kind kind;
	uint8_t *bytes, flips[8];
	uint32_t count;
	bool offset_known; /* the report says where the first wrong byte is */
	bool link;         /* what lies behind it on the list is lost as well */
	uint32_t nr_lost;
	uint16_t lost[SLAB_OBJECTS_MOST]; /* slots' numbers */
};

#define DAMAGES_MOST 6U
static struct damage damages[DAMAGES_MOST];
static uint32_t nr_damages, damages_made;
static bool validating;

static void flip(const struct damage *damage)
{
	for (uint32_t i = 0; i < damage->count; i++)
		damage->bytes[i] ^= damage->flips[i];
}

static void flip_all(void)
{
	for (uint32_t i = 0; i < nr_damages; i++)
		flip(&damages[i]);
}

static struct damage *find_damage(uintptr_t object)
{
	for (uint32_t i = 0; i < nr_damages; i++)
		if (damages[i].object == object)
			return &damages[i];
	return NULL;
}

static void forget_damage(struct damage *damage)
{
	*damage = damages[--nr_damages];
}

static struct page *head_at(uintptr_t address)
{
	return page_block_head(HARNESS_BASE_PFN + arena_offset(address) / PAGE_SIZE);
}

/* Of a slab's page; a number that is no cache's for all others. */
static uint32_t cache_at(uintptr_t address)
{
	const struct page *head = head_at(address);

	if (head == NULL || page_type(head) != PAGE_SLAB)
		return NO_CACHE;
	return head->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK;
}

static void quarantine(uint32_t cache, uintptr_t object)
{
	expect(owner_of(object, caches[cache].size) == NOBODY, "a live object was quarantined");
	set_owner(object, caches[cache].size, QUARANTINED);
	caches[cache].quarantined++;
}

/* Told: from now on its object and what lies behind it are nobody's. */
static void settle_damage(struct damage *damage)
{
	const struct page *head = head_at(damage->object);

	expect(cache_at(damage->object) == damage->cache, "told of what is in no slab any more");
	/* Whoever only looks puts poison right, and the object stays on its list. */
	if (damage->kind == OBJECT_WRITTEN_AFTER_FREE && (damage->link || !validating))
		quarantine(damage->cache, damage->object);
	for (uint32_t i = 0; i < damage->nr_lost; i++)
		quarantine(damage->cache,
			   slab_object(store_of(damage->cache), head, damage->lost[i]));
	forget_damage(damage);
}

/* Those whose slabs went back to the page allocator, or out of use for good. */
static void forget_vanished(void)
{
	for (uint32_t i = nr_damages; i > 0; i--)
		if (cache_at(damages[i - 1].object) != damages[i - 1].cache)
			forget_damage(&damages[i - 1]);
	for (uint32_t i = 0; i < nr_damages; i++)
		expect(owner_of(damages[i].object, caches[damages[i].cache].size) == NOBODY,
		       "an object that was written to while free was handed out");
}

/* --- what is told ---------------------------------------------------------------------------- */

#define REPORTS_MOST 32U
static struct object_misuse reports[REPORTS_MOST];
static uint32_t nr_reports;
static uint32_t page_misuses; /* that the operations so far have made */

static bool is_damage_report(const struct object_misuse *misuse)
{
	struct damage *damage = find_damage(misuse->address);

	if (damage == NULL || damage->kind != misuse->kind)
		return false;
	expect(misuse->object == misuse->address &&
		       strcmp(misuse->cache, caches[damage->cache].name) == 0 &&
		       misuse->bytes == caches[damage->cache].size,
	       "a report names another object");
	/* Marks and links are looked at under the cache's lock; what watched ones have besides is not. */
	expect(double_irq_flags == DOUBLE_IRQ_MASKED || validating ||
		       caches[damage->cache].watch != 0,
	       "told of a free object with interrupts let in");
	if (damage->offset_known) {
		uintptr_t first = (uintptr_t)damage->bytes;

		for (uint32_t i = 0; damage->flips[i] == 0; i++)
			first++;
		expect((uintptr_t)misuse->offset == first - misuse->object,
		       "a report's offset is not where the first wrong byte is");
		expect((uint8_t)(misuse->found[0] ^ misuse->expected[0]) ==
			       damage->flips[first - (uintptr_t)damage->bytes],
		       "a report's bytes are not those that are wrong");
	}
	settle_damage(damage);
	return true;
}

static void note_report(const struct object_misuse *misuse)
{
	if (is_damage_report(misuse))
		return;
	if (nr_reports == REPORTS_MOST || run.in_handler) {
		run.b = misuse->address;
		run.c = misuse->kind;
		broken(__LINE__, "kind is the last figure", "something was told that is not so");
	}
	reports[nr_reports++] = *misuse;
}

/* Exactly this was told. */
static void expect_report(enum object_misuse_kind kind, uintptr_t address)
{
	if (nr_reports != 1 || reports[0].kind != kind) {
		printf("reports: %u, the first of kind %d, expected %d\n", nr_reports,
		       nr_reports != 0 ? (int)reports[0].kind : -1, (int)kind);
		broken(__LINE__, "one report", "wrong use was not told, or as something else");
	}
	expect(reports[0].address == address, "wrong use was told of another address");
	nr_reports = 0;
}

/* --- checks ---------------------------------------------------------------------------------- */

static struct {
	uint32_t spare_pages;     /* at the start */
	uint32_t lost_pages;      /* quarantined with their caches */
	uint32_t dma_pages;       /* from the arena's start */
	uint32_t normal_end_page; /* where highmem begins */
	bool dma_is_empty;
} machine_facts;

static uint32_t spare_pages(void)
{
	uint32_t pages = 0;

	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		pages += harness_spare_pages(zone);
	return pages;
}

/* cache.h's counting equation, with the model's figures. */
static void check_cache_counts(void)
{
	for (uint32_t i = 0; i < KMEM_CACHES; i++) {
		const struct cache_store *store = store_of(i);

		expect(!spin_is_locked(&store->lock), "a cache's lock is still held");
		expect((store->name[0] != '\0') == (caches[i].cache != NULL),
		       "a cache exists, or does not, and should not");
		if (caches[i].cache == NULL)
			continue;
		expect(store->quarantined == caches[i].quarantined,
		       "quarantined objects are not as many as were told");
		expect(store->objects - store->free_objects - magazine_count(&kmem_caches[i]) ==
			       caches[i].live + caches[i].quarantined,
		       "objects are not free + in magazines + live + quarantined");
		/* Frees of a watched one come one by one; a handler may have made one more slab. */
		expect(caches[i].watch == 0 || store->empty_slabs <= store->keep_empty + 1U,
		       "a cache keeps more empty slabs than it should");
	}
}

static void check_walkers(struct object_check_result *result)
{
	struct page_check_result pages;
	uint32_t quarantined = 0;

	if (!page_check(&pages)) {
		run.a = pages.pfn;
		broken(__LINE__, "page_check", pages.broken);
	}
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		quarantined += pages.zones[zone].quarantined_pages;
	expect(quarantined == machine_facts.lost_pages, "quarantined pages are not as many");
	if (!object_check(result)) {
		run.a = result->address;
		printf("cache %s\n", result->cache != NULL ? result->cache : "none");
		broken(__LINE__, "object_check", result->broken);
	}
}

/* Nothing is wrong with any object of a watched cache. */
static void check_watched(void)
{
	for (uint32_t i = 0; i < KMEM_CACHES && nr_damages == 0; i++)
		if (caches[i].cache != NULL && caches[i].watch != 0 && store_of(i)->slabs != 0)
			expect(slab_debug_validate(caches[i].cache) == 0 && nr_reports == 0,
			       "a watched cache has something wrong");
}

static void check_everything(void)
{
	struct object_check_result result;
	uint32_t live = 0, quarantined = 0;

	flip_all();
	check_walkers(&result);
	flip_all();
	check_watched();
	for (uint32_t i = 0; i < KMEM_CACHES; i++) {
		live += caches[i].live;
		quarantined += caches[i].cache != NULL ? caches[i].quarantined : 0;
	}
	expect(result.live == live, "live objects are not as many as the model has");
	expect(result.quarantined == quarantined, "quarantined objects are not as many");
	expect(spare_pages() + result.slab_pages + owned_pages + machine_facts.lost_pages ==
		       machine_facts.spare_pages,
	       "pages are lost, or counted twice");
}

static void check_some_contents(void)
{
	for (unsigned int i = 0; i < 3 && mine.count != 0; i++)
		check_contents(&things[mine.numbers[roll(mine.count)]]);
	if (handlers.count != 0)
		check_contents(&things[handlers.numbers[roll(handlers.count)]]);
}

/* --- owning and giving ----------------------------------------------------------------------- */

static unsigned int pages_order(uint32_t bytes)
{
	unsigned int order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

/* Inside one block of lowmem, which is a slab of this cache, or the thing's alone. */
static void check_place(const struct thing *thing)
{
	struct page *head = head_at(thing->address);
	const struct page *first = virt_to_page((const void *)thing->address);
	const struct page *last = virt_to_page((const void *)(thing->address + thing->bytes - 1));

	expect(head != NULL && head == head_at(thing->address + thing->bytes - 1),
	       "it does not lie in one block");
	if (thing->cache == NO_CACHE) {
		expect(page_type(head) == PAGE_ALLOCATED && page_order(head) == thing->order &&
			       head == first,
		       "pages are not a block of their own");
		return;
	}
	expect(cache_at(thing->address) == thing->cache, "an object is of another cache");
	expect(first->flags == head->flags && last->flags == head->flags,
	       "a slab's struct pages differ");
	expect(arena_offset(thing->address) / PAGE_SIZE < machine_facts.normal_end_page,
	       "an object is in highmem");
}

/* Where its class says: zone and migrate type. */
static void check_class(uintptr_t address, bool dma, bool reclaimable)
{
	const struct page *head = head_at(address);
	bool in_dma = arena_offset(address) / PAGE_SIZE < machine_facts.dma_pages;
	enum migrate_type migrate = page_migrate_type(head);

	expect((page_zone_index(head) == ZONE_DMA) == in_dma, "a page's zone is not its place's");
	expect(in_dma || !dma, "not in ZONE_DMA");
	expect(migrate == (reclaimable ? MIGRATE_RECLAIMABLE : MIGRATE_UNMOVABLE) ||
		       migrate == MIGRATE_HIGHATOMIC,
	       "pages of a wrong migrate type");
}

static void join(struct crowd *crowd, uint32_t number)
{
	things[number].crowd = crowd;
	things[number].place = crowd->count;
	crowd->numbers[crowd->count++] = number;
}

static void leave(uint32_t number)
{
	struct crowd *crowd = things[number].crowd;
	uint32_t last = crowd->numbers[--crowd->count];

	crowd->numbers[things[number].place] = last;
	things[last].place = things[number].place;
}

static struct thing *own(struct crowd *crowd, const struct thing *thing)
{
	uint32_t number;

	expect(nr_spare_things > 0, "the model has no room");
	number = spare_things[--nr_spare_things];
	things[number] = *thing;
	claim(thing->address, thing->bytes, number + 1);
	check_place(thing);
	join(crowd, number);
	if (thing->cache == NO_CACHE)
		owned_pages += 1U << thing->order;
	else
		caches[thing->cache].live++;
	write_contents(&things[number]);
	return &things[number];
}

/* Right before it is freed: a handler may have its memory at once. */
static struct thing disown(struct thing *thing)
{
	uint32_t number = (uint32_t)(thing - things);

	set_owner(thing->address, thing->bytes, NOBODY);
	leave(number);
	if (thing->cache == NO_CACHE)
		owned_pages -= 1U << thing->order;
	else
		caches[thing->cache].live--;
	spare_things[nr_spare_things++] = number;
	history[nr_history++ % HISTORY] = (struct freed){ thing->address, thing->cache };
	return *thing;
}

static struct thing *random_thing(struct crowd *crowd)
{
	return crowd->count != 0 ? &things[crowd->numbers[roll(crowd->count)]] : NULL;
}

/* The last of some that it looks at which is of this kind; NULL: none of them is. */
static struct thing *random_object(void)
{
	for (unsigned int i = 0; i < 8 && mine.count != 0; i++) {
		struct thing *thing = random_thing(&mine);

		if (thing->cache != NO_CACHE)
			return thing;
	}
	return NULL;
}

/* --- operations: numbered, and checked at their end ------------------------------------------- */

static bool handler_on, handler_busy;
static uint32_t handler_acts;           /* how often the handler did something */
static uint32_t handler_not = NO_CACHE; /* a cache that it must leave alone */

/* What the counters said when the operation began. */
static struct {
	uint32_t refusals, asked, failed, acts;
} before;

static void operation(const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	run.number++;
	run.name = name;
	run.a = a;
	run.b = b;
	run.c = c;
	if (run.number >= run.trace_from)
		print_run();
	before.refusals = harness_refusals;
	before.asked = object_fail.asked;
	before.failed = object_fail.failed;
	before.acts = handler_acts;
	harness_stack.frames = 1;
	harness_stack.pc[0] = run.number;
}

static void finish(void)
{
	static const uint32_t interval = 256;
	bool busy = handler_busy;

	handler_busy = true; /* even a snapshot lets interrupts in */
	expect(nr_reports == 0, "something was told that is not so");
	expect(harness_misuses == page_misuses, "the page allocator was misused");
	expect(double_irq_flags == 0, "interrupts are still masked");
	forget_vanished();
	check_cache_counts();
	check_some_contents();
	if (run.number % interval == 0)
		check_everything();
	handler_busy = busy;
}

/* --- refusals -------------------------------------------------------------------------------- */

/* What a cache's smallest slab is: where slots are powers of two, what holds one of them. */
static unsigned int smallest_order(uint32_t cache)
{
	uint32_t slot_bytes = store_of(cache)->slot_bytes;

	return (slot_bytes & (slot_bytes - 1)) == 0 ? pages_order(slot_bytes)
						    : store_of(cache)->order;
}

/* Whoever asked for pages in vain had all that caches could spare. */
static void check_nothing_spare(gfp_t gfp)
{
	for (uint32_t i = 0; i < KMEM_CACHES; i++) {
		expect(store_of(i)->empty_slabs == 0, "refused, and there is an empty slab");
		expect((gfp & __GFP_DIRECT_RECLAIM) == 0 || caches[i].cache == NULL ||
			       magazine_count(&kmem_caches[i]) == 0,
		       "refused, and there is something in a magazine");
	}
}

/* The page allocator refused these pages: it does so again. */
static void check_pages_refused(gfp_t gfp, unsigned int order)
{
	bool busy = handler_busy;

	expect(harness_refusals - before.refusals == ((gfp & __GFP_NOWARN) == 0),
	       "a refusal was told when it should not, or not told");
	if (handler_acts != before.acts)
		return;
	handler_busy = true;
	expect(alloc_pages(gfp | __GFP_NOWARN, order) == NULL, "refused, and there are pages");
	/* Nothing is given up for who only tries. */
	if (((gfp & __GFP_DMA) == 0 || !machine_facts.dma_is_empty) &&
	    (order == 0 || (gfp & (__GFP_DIRECT_RECLAIM | __GFP_NORETRY)) != __GFP_NORETRY))
		check_nothing_spare(gfp);
	handler_busy = busy;
}

static gfp_t slab_gfp(uint32_t cache, gfp_t gfp)
{
	uint32_t flags = caches[cache].flags;

	return (gfp & ~(GFP_CLASS_MASK | __GFP_ZERO | __GFP_COMP)) |
	       ((flags & SLAB_CACHE_DMA) != 0 ? __GFP_DMA : 0) |
	       ((flags & SLAB_RECLAIM_ACCOUNT) != 0 ? __GFP_RECLAIMABLE : 0);
}

static bool failed_on_purpose(void)
{
	return object_fail.failed != before.failed;
}

static void check_object_refused(uint32_t cache, gfp_t gfp)
{
	if (failed_on_purpose()) {
		expect(objects_fail, "a request failed on purpose while that is off");
		expect(harness_refusals == before.refusals, "failed on purpose, and told of pages");
		return;
	}
	check_pages_refused(slab_gfp(cache, gfp), smallest_order(cache));
	if (handler_acts == before.acts)
		expect(store_of(cache)->free_objects == 0 &&
			       magazine_count(&kmem_caches[cache]) == 0,
		       "refused, and the cache has free objects");
}

/* One request for an object, or for pages, was served. */
static void check_served(uint32_t cache)
{
	expect(harness_refusals == before.refusals, "served, and told of a refusal");
	expect(!failed_on_purpose(), "served, and failed on purpose");
	if (objects_fail && cache != NO_CACHE)
		expect(object_fail.asked == before.asked + 1, "a request passed failslab by");
}

/* --- kmalloc --------------------------------------------------------------------------------- */

static const uint32_t kmalloc_sizes[KMALLOC_SIZES] = { 64,   128,  192,  256, 512,
						       1024, 2048, 4096, 8192 };

/* Which of the caches must serve it; NO_CACHE: whole pages. */
static uint32_t kmalloc_cache(size_t bytes, gfp_t gfp)
{
	uint32_t kind = KMALLOC_NORMAL, i = 0;

	if (bytes > 8192)
		return NO_CACHE;
	if ((gfp & __GFP_DMA) != 0)
		kind = KMALLOC_DMA;
	else if ((gfp & __GFP_RECLAIMABLE) != 0)
		kind = KMALLOC_RECLAIM;
	while (kmalloc_sizes[i] < bytes)
		i++;
	return kind * KMALLOC_SIZES + i;
}

/* What ksize must say. */
static uint32_t usable_bytes(uint32_t cache, uint32_t bytes)
{
	return cache == NO_CACHE ? (uint32_t)PAGE_SIZE << pages_order(bytes) : caches[cache].size;
}

static uint32_t random_bytes(void)
{
	uint32_t which = roll(1000);

	if (which < 500)
		return 1 + roll(512);
	if (which < 700)
		return kmalloc_sizes[roll(KMALLOC_SIZES)] - 1 + roll(3);
	if (which < 800)
		return 1 + roll(2048);
	if (which < 900)
		return 1 + roll(8192);
	if (which < 970)
		return 8193 + roll(3 * PAGE_SIZE);
	if (which < 980)
		return 0;
	if (which < 987)
		return 1 + roll(KMALLOC_MAX_SIZE);
	if (which < 988)
		return KMALLOC_MAX_SIZE;
	if (which < 992)
		return KMALLOC_MAX_SIZE + 1 + (chance(50) ? roll(PAGE_SIZE) : roll(1U << 31));
	return 1 + roll(64);
}

static gfp_t random_gfp(void)
{
	static const gfp_t bases[] = { GFP_KERNEL, GFP_KERNEL, GFP_KERNEL, GFP_ATOMIC,
				       GFP_ATOMIC, GFP_NOWAIT, GFP_USER,   0 };
	gfp_t gfp = bases[roll(ARRAY_SIZE(bases))];

	if (chance(8))
		gfp |= __GFP_DMA;
	if (chance(10))
		gfp |= __GFP_RECLAIMABLE;
	if (chance(20))
		gfp |= __GFP_ZERO;
	if (chance(50))
		gfp |= __GFP_NOWARN;
	if (chance(5))
		gfp |= __GFP_NORETRY;
	if (chance(8))
		gfp |= __GFP_COMP;
	return gfp;
}

/* Alignment, place and zeros of what kmalloc gave, and its thing. */
static struct thing *own_kmalloced(struct crowd *crowd, void *object, uint32_t bytes, gfp_t gfp)
{
	uint32_t cache = kmalloc_cache(bytes, gfp), usable = usable_bytes(cache, bytes);
	uintptr_t address = (uintptr_t)object;
	struct thing thing = { .address = address,
			       .bytes = usable,
			       .asked = bytes,
			       .used = bytes,
			       .zero_end = bytes,
			       .cache = cache,
			       .is_kmalloc = true,
			       .order = pages_order(bytes),
			       .taken = harness_stack.pc[0] };

	expect(address % 64 == 0, "kmalloc's is not aligned to 64");
	expect((usable & (usable - 1)) != 0 || virt_to_phys(object) % usable == 0,
	       "kmalloc's is not aligned to its size");
	if ((gfp & __GFP_ZERO) != 0) {
		thing.zero_end = is_watched(cache, SLAB_RED_ZONE) ? bytes : usable;
		expect(is_zero(address, 0, thing.zero_end), "__GFP_ZERO, and not zero");
	}
	crowd = crowd != NULL ? crowd : &mine;
	own(crowd, &thing);
	check_class(address, (gfp & __GFP_DMA) != 0,
		    (gfp & __GFP_RECLAIMABLE) != 0 &&
			    (cache == NO_CACHE || (gfp & __GFP_DMA) == 0));
	return &things[crowd->numbers[crowd->count - 1]];
}

/* Whoever asks how much there is may use it all. */
static void use_all(struct thing *thing)
{
	size_t usable = ksize((const void *)thing->address);

	expect(usable == thing->bytes, "ksize is not right");
	expect(is_zero(thing->address, thing->used, thing->zero_end),
	       "what was zero behind an object's contents is not any more");
	check_contents(thing);
	thing->asked = thing->used = thing->zero_end = thing->bytes;
	write_contents(thing);
}

/* The compiler may know the size, the flags, both, or nothing. */
enum form {
	RUN_TIME,
	CONSTANT_KERNEL,
	CONSTANT_ATOMIC,
	CONSTANT_100,
	CONSTANT_DMA,
	CONSTANT_ZERO,
	KREALLOC, /* of nothing */
	FORMS,
};

static void *call_kmalloc(enum form form, size_t bytes, gfp_t gfp)
{
	switch (form) {
	case CONSTANT_KERNEL:
		return kmalloc(bytes, GFP_KERNEL);
	case CONSTANT_ATOMIC:
		return kmalloc(bytes, GFP_ATOMIC);
	case CONSTANT_100:
		return kmalloc(100, GFP_KERNEL);
	case CONSTANT_DMA:
		return kmalloc(1000, GFP_KERNEL | GFP_DMA);
	case CONSTANT_ZERO:
		return kzalloc(bytes, GFP_KERNEL);
	case KREALLOC:
		return krealloc(bytes % 2 == 0 ? NULL : ZERO_SIZE_PTR, bytes, gfp);
	default:
		return kmalloc(bytes, gfp);
	}
}

static gfp_t form_gfp(enum form form, gfp_t gfp)
{
	static const gfp_t gfps[FORMS] = { [CONSTANT_KERNEL] = GFP_KERNEL,
					   [CONSTANT_ATOMIC] = GFP_ATOMIC,
					   [CONSTANT_100] = GFP_KERNEL,
					   [CONSTANT_DMA] = GFP_KERNEL | GFP_DMA,
					   [CONSTANT_ZERO] = GFP_KERNEL | __GFP_ZERO };

	return form == RUN_TIME || form == KREALLOC ? gfp : gfps[form];
}

static enum form random_form(void)
{
	return chance(60) ? RUN_TIME : (enum form)roll(FORMS);
}

/* What needs no memory. True: that was it. */
static bool is_no_request(const void *object, size_t bytes, gfp_t gfp)
{
	if (bytes == 0) {
		expect(object == ZERO_SIZE_PTR, "kmalloc(0) is not ZERO_SIZE_PTR");
		return true;
	}
	if (bytes <= KMALLOC_MAX_SIZE)
		return false;
	expect(object == NULL, "kmalloc of too much was served");
	if ((gfp & __GFP_NOWARN) == 0)
		expect_report(KMALLOC_TOO_LARGE, 0);
	return true;
}

/* Of kmalloc(bytes): what became of the request. False: it was refused. */
static bool check_kmalloc(const void *object, uint32_t bytes, gfp_t gfp)
{
	uint32_t cache = kmalloc_cache(bytes, gfp);

	if (object != NULL)
		check_served(cache);
	else if (cache == NO_CACHE)
		check_pages_refused(gfp, pages_order(bytes));
	else
		check_object_refused(cache, gfp);
	return object != NULL;
}

static void op_kmalloc(void)
{
	enum form form = random_form();
	size_t bytes = form == CONSTANT_100 ? 100 : form == CONSTANT_DMA ? 1000 : random_bytes();
	gfp_t gfp = form_gfp(form, random_gfp());
	gfp_t wrong = form == RUN_TIME && bytes != 0 && bytes <= KMALLOC_MAX_SIZE && chance(1)
			      ? 1U << (1 + 2 * roll(2))
			      : 0;
	void *object;

	operation("kmalloc", bytes, gfp | wrong, form);
	object = call_kmalloc(form, bytes, gfp | wrong);
	if (wrong != 0)
		expect_report(OBJECT_GFP, 0);
	if (!is_no_request(object, bytes, gfp) && check_kmalloc(object, (uint32_t)bytes, gfp)) {
		struct thing *thing = own_kmalloced(NULL, object, (uint32_t)bytes, gfp);

		if (chance(40))
			use_all(thing);
	}
	finish();
}

static void op_kstrdup(void)
{
	char text[300], *copy;
	uint32_t length = roll(sizeof(text));
	gfp_t gfp = random_gfp();

	memset(text, 'a', sizeof(text));
	text[length] = '\0';
	operation("kstrdup", length, gfp, 0);
	expect(kstrdup(NULL, gfp) == NULL, "a copy of nothing");
	if (!looks_like_ram(0)) {
		kfree(NULL);
		kfree(ZERO_SIZE_PTR);
	}
	expect(ksize(NULL) == 0 && ksize(ZERO_SIZE_PTR) == 0, "a size of nothing");
	expect(kmalloc_array(SIZE_MAX / 2, 3, gfp) == NULL, "an array that overflows");
	copy = kstrdup(text, gfp);
	if (check_kmalloc(copy, length + 1, gfp)) {
		expect(strcmp(copy, text) == 0, "a copied string is another");
		own_kmalloced(NULL, copy, length + 1, gfp & ~__GFP_ZERO);
	}
	finish();
}

/* --- freeing --------------------------------------------------------------------------------- */

/* Who has it, by slab_debug=U. */
static void check_tracks(const struct thing *thing)
{
	struct owner_stack taken, given;

	if (!is_watched(thing->cache, SLAB_STORE_USER))
		return;
	slab_debug_tracks(store_of(thing->cache), thing->address, &taken, &given);
	expect(taken.frames == 1 && taken.pc[0] == thing->taken,
	       "an object was taken by somebody else");
}

/* All of it is looked at; a constructed one is left constructed. The rest is the caller's. */
static struct thing let_go(struct thing *thing)
{
	check_contents(thing);
	check_place(thing);
	check_tracks(thing);
	if (thing->cache != NO_CACHE && caches[thing->cache].constructed)
		fill(thing->address, caches[thing->cache].size,
		     constructed_pattern(thing->address));
	return disown(thing);
}

/* `how`: random. */
static void give_back(struct thing *thing, uint32_t how)
{
	struct thing old = let_go(thing);
	struct page *head = virt_to_page((const void *)old.address);

	if (old.cache != NO_CACHE && (how % 2 == 0 || !old.is_kmalloc) && how % 5 != 0)
		kmem_cache_free(caches[old.cache].cache, (void *)old.address);
	else if (old.cache != NO_CACHE || old.is_kmalloc)
		kfree((const void *)old.address);
	else if (how % 3 == 0)
		put_page(old.is_compound ? head + how % (1U << old.order) : head);
	else
		__free_pages(head, old.order);
}

static void free_thing(struct thing *thing)
{
	uint32_t how = roll(30);

	operation("free", thing->address, thing->cache, how);
	give_back(thing, how);
	finish();
}

static void op_free(void)
{
	struct thing *thing = random_thing(&mine);

	if (thing != NULL)
		free_thing(thing);
}

/* Pages of kmalloc that somebody holds: kfree lets go of them once, and they are plain pages. */
static void op_hold(void)
{
	struct thing *thing = NULL, old;
	struct page *head;

	for (unsigned int i = 0; i < 32 && mine.count != 0; i++) {
		thing = random_thing(&mine);
		if (thing->cache == NO_CACHE && thing->is_kmalloc)
			break;
	}
	if (thing == NULL || thing->cache != NO_CACHE || !thing->is_kmalloc)
		return;
	operation("kfree of pages that are held", thing->address, thing->order, 0);
	head = virt_to_page((const void *)thing->address);
	get_page(head + roll(1U << thing->order));
	old = *thing;
	kfree((const void *)old.address);
	expect(page_count(head) == 1 && page_count(head + (1U << thing->order) - 1) == 1,
	       "held pages were freed, or count wrong");
	check_contents(thing);
	thing->is_kmalloc = false;
	thing->is_compound = true;
	kfree((const void *)old.address);
	expect_report(OBJECT_NOT_OWNED, old.address);
	finish();
}

/* --- krealloc -------------------------------------------------------------------------------- */

/* What is known to be zero behind the contents once it has another size. */
static uint32_t zero_end_after(const struct thing *old, uint32_t bytes, gfp_t gfp, bool moved,
			       uint32_t cache)
{
	bool zero = (gfp & __GFP_ZERO) != 0;

	if (bytes < old->used)
		return bytes;
	/* A red zone follows the size, and what comes out of it is zeroed if that was asked for. */
	if (is_watched(old->cache, SLAB_RED_ZONE))
		return zero && old->zero_end >= min_u32(bytes, old->asked) ? bytes : old->used;
	if (!moved)
		return old->zero_end;
	/* From the old ksize on. */
	if (zero && old->zero_end == old->bytes)
		return is_watched(cache, SLAB_RED_ZONE) ? bytes : usable_bytes(cache, bytes);
	return old->zero_end;
}

/* Beyond the old ksize all is zero, whatever lay below. */
static void check_zero_tail(const struct thing *old, uintptr_t address, uint32_t bytes, gfp_t gfp)
{
	uint32_t from = is_watched(old->cache, SLAB_RED_ZONE) ? old->asked : old->bytes;

	if ((gfp & __GFP_ZERO) != 0 && bytes > from)
		expect(is_zero(address, from, bytes), "krealloc, __GFP_ZERO, and not zero");
}

static void own_reallocated(const struct thing *old, void *object, uint32_t bytes, gfp_t gfp)
{
	bool moved = (uintptr_t)object != old->address;
	uint32_t cache = moved ? kmalloc_cache(bytes, gfp) : old->cache;
	struct thing thing = *old, *new;

	expect(moved == (bytes > old->bytes), "krealloc moved it, or not, and should not");
	expect(holds((uintptr_t)object, old->used, old->pattern, bytes),
	       "krealloc lost the contents");
	check_zero_tail(old, (uintptr_t)object, bytes, gfp);
	thing.zero_end = zero_end_after(old, bytes, gfp, moved, cache);
	expect(is_zero((uintptr_t)object, min_u32(old->used, bytes),
		       min_u32(thing.zero_end, bytes)),
	       "krealloc lost the zeros");
	if (moved) {
		new = own_kmalloced(NULL, object, bytes, gfp & ~__GFP_ZERO);
		new->zero_end = max_u32(thing.zero_end, bytes);
	} else {
		thing.asked = thing.used = bytes;
		thing.zero_end = max_u32(thing.zero_end, bytes);
		new = own(&mine, &thing);
	}
	/* Behind the contents only where that is still the object's own. */
	if (is_watched(new->cache, SLAB_RED_ZONE))
		new->zero_end = bytes;
	if (chance(40))
		use_all(new);
}

/* The old one is not the model's while krealloc runs: a handler may get its memory at once. */
static void *call_krealloc(struct thing *thing, size_t bytes, gfp_t gfp)
{
	struct thing old = let_go(thing);
	void *object;

	nr_history--;
	set_owner(old.address, old.bytes, THINGS_MOST + 1);
	transit.address = old.address;
	transit.bytes = old.bytes;
	transit.dissolved = false;
	object = krealloc((const void *)old.address, bytes, gfp);
	if (transit.dissolved)
		expect(object != NULL && (uintptr_t)object != old.address,
		       "krealloc kept what it freed");
	else
		set_owner(old.address, old.bytes, NOBODY);
	transit.bytes = 0;
	return object;
}

static bool is_slab_of_constructed(const struct thing *thing)
{
	return thing->cache != NO_CACHE && caches[thing->cache].constructed;
}

/* Of whatever kfree takes but what has a constructor, for that must be left as it is. */
static void op_krealloc(void)
{
	struct thing *thing = random_thing(&mine), old;
	uint32_t bytes = random_bytes();
	gfp_t gfp = random_gfp();
	void *object;

	if (thing == NULL || is_slab_of_constructed(thing) ||
	    (thing->cache == NO_CACHE && !thing->is_kmalloc) || bytes > KMALLOC_MAX_SIZE)
		return;
	if (chance(50))
		bytes = 1 + roll(min_u32(2 * thing->bytes, KMALLOC_MAX_SIZE));
	operation("krealloc", thing->address, bytes, gfp);
	old = *thing;
	object = call_krealloc(thing, bytes, gfp);
	if (bytes == 0) {
		expect(object == ZERO_SIZE_PTR, "krealloc to nothing is not ZERO_SIZE_PTR");
		history[nr_history++ % HISTORY] = (struct freed){ old.address, old.cache };
	} else if (bytes <= old.bytes) {
		expect(object == (void *)old.address, "krealloc moved it without need");
		own_reallocated(&old, object, bytes, gfp);
	} else if (check_kmalloc(object, bytes, gfp)) {
		own_reallocated(&old, object, bytes, gfp);
	} else {
		expect(holds(old.address, old.used, old.pattern, UINT32_MAX),
		       "krealloc refused, and lost the contents");
		own(&mine, &old);
	}
	finish();
}

/* --- caches' objects ------------------------------------------------------------------------- */

/* Caches that were made, and now and then one of kmalloc's. NO_CACHE: there is none. */
static uint32_t random_cache(void)
{
	uint32_t start = KMALLOC_CACHES + roll(KMEM_CACHES - KMALLOC_CACHES), cache;

	/* Watched ones look for the mark elsewhere than kmem_cache_alloc does. */
	if (chance(15)) {
		cache = roll(KMALLOC_CACHES);
		return is_watched(cache, DEBUG_FLAGS) ? NO_CACHE : cache;
	}
	for (uint32_t i = 0; i < KMEM_CACHES - KMALLOC_CACHES; i++) {
		cache = start + i;
		if (cache >= KMEM_CACHES)
			cache -= KMEM_CACHES - KMALLOC_CACHES;
		if (caches[cache].cache != NULL)
			return cache;
	}
	return NO_CACHE;
}

static struct thing *own_object(struct crowd *crowd, uint32_t cache, void *object, gfp_t gfp)
{
	const struct model_cache *its = &caches[cache];
	uintptr_t address = (uintptr_t)object;
	const struct thing thing = { .address = address,
				     .bytes = its->size,
				     .asked = its->size,
				     .used = its->size,
				     .zero_end = its->size,
				     .cache = cache,
				     .taken = harness_stack.pc[0] };

	expect(virt_to_phys(object) % its->align == 0, "an object is not aligned");
	if (its->constructed)
		expect(holds(address, its->size, constructed_pattern(address), UINT32_MAX),
		       "an object is not as constructed");
	if ((gfp & __GFP_ZERO) != 0)
		expect(is_zero(address, 0, its->size), "__GFP_ZERO, and not zero");
	own(crowd, &thing);
	check_class(address, (its->flags & SLAB_CACHE_DMA) != 0,
		    (its->flags & (SLAB_RECLAIM_ACCOUNT)) != 0);
	return &things[crowd->numbers[crowd->count - 1]];
}

/* Flags that a cache must do without; told. True: the request is refused for them. */
static bool check_flags(uint32_t cache, gfp_t gfp)
{
	const struct model_cache *its = &caches[cache];
	bool refused = ((gfp & __GFP_DMA) != 0 && (its->flags & SLAB_CACHE_DMA) == 0) ||
		       ((gfp & __GFP_ZERO) != 0 && its->constructed);

	if (refused || (gfp & SLAB_GFP_WRONG) != 0)
		expect_report(OBJECT_GFP, 0);
	return refused;
}

static void *call_alloc(enum form form, struct kmem_cache *cache, gfp_t gfp)
{
	switch (form) {
	case CONSTANT_KERNEL:
		return kmem_cache_alloc(cache, GFP_KERNEL);
	case CONSTANT_ATOMIC:
		return kmem_cache_alloc(cache, GFP_ATOMIC);
	case CONSTANT_100:
		return (gfp & __GFP_ZERO) != 0 ? kmem_cache_zalloc(cache, GFP_KERNEL)
					       : kmem_cache_alloc(cache, GFP_KERNEL);
	default:
		return kmem_cache_alloc(cache, gfp);
	}
}

static gfp_t random_cache_gfp(uint32_t cache)
{
	gfp_t gfp = random_gfp();

	if (caches[cache].constructed && !chance(2))
		gfp &= ~__GFP_ZERO;
	if ((caches[cache].flags & SLAB_CACHE_DMA) == 0 && !chance(2))
		gfp &= ~__GFP_DMA;
	if (chance(1))
		gfp |= chance(50) ? __GFP_HIGHMEM : __GFP_MOVABLE;
	return gfp;
}

static void alloc_from(uint32_t cache)
{
	static const enum form forms[] = { RUN_TIME, CONSTANT_KERNEL, CONSTANT_ATOMIC,
					   CONSTANT_100 };
	enum form form = chance(50) ? RUN_TIME : forms[roll(ARRAY_SIZE(forms))];
	gfp_t gfp = random_cache_gfp(cache);
	void *object;

	if (form == CONSTANT_100)
		gfp = GFP_KERNEL | (gfp & __GFP_ZERO);
	else
		gfp = form_gfp(form, gfp);
	operation("kmem_cache_alloc", cache, gfp, form);
	object = call_alloc(form, caches[cache].cache, gfp);
	if (check_flags(cache, gfp))
		expect(object == NULL, "flags that make no sense were served");
	else if (object == NULL)
		check_object_refused(cache, gfp);
	else
		check_served(cache), own_object(&mine, cache, object, gfp);
	finish();
}

static void op_cache_alloc(void)
{
	uint32_t cache = random_cache();

	if (cache != NO_CACHE)
		alloc_from(cache);
}

/* --- many at a time -------------------------------------------------------------------------- */

#define BULK_MOST 96U

/* One by one there must be fewer, too. */
static void check_bulk_refused(uint32_t cache, gfp_t gfp, uint32_t count)
{
	static void *singles[BULK_MOST];
	bool busy = handler_busy;
	uint32_t served = 0;

	if (objects_fail) {
		expect(failed_on_purpose() || harness_refusals != before.refusals ||
			       (gfp & __GFP_NOWARN) != 0,
		       "refused for nothing");
		return;
	}
	expect(harness_refusals - before.refusals == ((gfp & __GFP_NOWARN) == 0),
	       "a refusal was told when it should not, or not told");
	if (handler_acts != before.acts)
		return;
	handler_busy = true;
	gfp = (gfp | __GFP_NOWARN) & ~(GFP_CLASS_MASK | __GFP_ZERO);
	while (served < count) {
		singles[served] = kmem_cache_alloc(caches[cache].cache, gfp);
		if (singles[served] == NULL)
			break;
		served++;
	}
	expect(served < count, "many were refused, and one by one they are served");
	while (served > 0)
		kmem_cache_free(caches[cache].cache, singles[--served]);
	handler_busy = busy;
}

static void bulk_alloc(uint32_t cache, uint32_t count)
{
	static void *objects[BULK_MOST];
	gfp_t gfp = random_cache_gfp(cache);
	size_t served;

	operation("kmem_cache_alloc_bulk", cache, gfp, count);
	for (uint32_t i = 0; i < BULK_MOST; i++)
		objects[i] = &objects[i];
	served = kmem_cache_alloc_bulk(caches[cache].cache, gfp, count, objects);
	if (check_flags(cache, gfp)) {
		expect(served == 0, "flags that make no sense were served");
	} else if (served == 0 && count != 0) {
		check_bulk_refused(cache, gfp, count);
	} else {
		expect(served == count, "neither all nor none");
		expect(harness_refusals == before.refusals && !failed_on_purpose(),
		       "served, and refused");
	}
	for (uint32_t i = 0; i < served; i++)
		own_object(&mine, cache, objects[i], gfp);
	for (uint32_t i = (uint32_t)served; served != 0 && i < BULK_MOST; i++)
		expect(objects[i] == &objects[i], "more than asked for");
	finish();
}

static void bulk_free(uint32_t cache, uint32_t most)
{
	static void *objects[BULK_MOST];
	uint32_t count = 0, tries = 4 * most;
	bool by_cache = chance(50);

	operation("kmem_cache_free_bulk", cache, most, by_cache);
	while (count < most && mine.count != 0 && tries-- > 0) {
		struct thing *thing = random_thing(&mine);

		if (thing->cache == NO_CACHE ? by_cache || !thing->is_kmalloc
					     : by_cache && thing->cache != cache)
			continue;
		objects[count++] = (void *)let_go(thing).address;
	}
	kmem_cache_free_bulk(by_cache ? caches[cache].cache : NULL, count, objects);
	finish();
}

static void op_bulk(void)
{
	uint32_t cache = random_cache(), count = roll(BULK_MOST + 1);

	if (cache == NO_CACHE)
		return;
	if (caches[cache].size > 1024)
		count /= 16;
	if (chance(50))
		bulk_alloc(cache, count);
	else
		bulk_free(cache, count);
}

/* --- pages beside ---------------------------------------------------------------------------- */

static bool take_pages(struct crowd *crowd, gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp, order);
	struct thing thing = { .bytes = (uint32_t)PAGE_SIZE << order,
			       .cache = NO_CACHE,
			       .order = order };

	if (page == NULL)
		return false;
	thing.address = (uintptr_t)harness_page_data(page);
	thing.asked = thing.used = thing.zero_end = thing.bytes;
	if ((gfp & __GFP_ZERO) != 0)
		expect(is_zero(thing.address, 0, thing.bytes), "__GFP_ZERO, and not zero");
	own(crowd, &thing);
	return true;
}

static void op_pages(void)
{
	unsigned int order = chance(90) ? roll(3) : roll(NR_PAGE_ORDERS);
	gfp_t gfp = random_gfp() & ~__GFP_ZERO;

	if (chance(30))
		gfp = (gfp & ~GFP_CLASS_MASK) | (chance(50) ? __GFP_HIGHMEM : __GFP_MOVABLE);
	operation("alloc_pages", gfp, order, 0);
	if (take_pages(&mine, gfp, order))
		expect(harness_refusals == before.refusals, "served, and told of a refusal");
	else
		check_pages_refused(gfp, order);
	finish();
}

/* --- making and giving up caches -------------------------------------------------------------- */

/* What slab_debug= says, and what it means. */
static const struct watch {
	const char *text; /* NULL: nothing */
	const char *prefixes[3];
	uint32_t named, others;
} * watch;

static uint32_t watch_flags(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(watch->prefixes); i++)
		if (watch->prefixes[i] != NULL &&
		    strncmp(name, watch->prefixes[i], strlen(watch->prefixes[i])) == 0)
			return watch->named;
	return watch->others;
}

static uint32_t model_alignment(uint32_t size, uint32_t align, uint32_t flags)
{
	uint32_t line = 8;

	if ((flags & SLAB_HWCACHE_ALIGN) != 0)
		line = size > 32 ? 64 : size > 16 ? 32 : size > 8 ? 16 : 8;
	return max_u32(line, align);
}

static void note_cache(uint32_t index, const char *name, uint32_t size, uint32_t align,
		       uint32_t flags, bool constructed)
{
	struct model_cache *cache = &caches[index];

	*cache = (struct model_cache){ .cache = &kmem_caches[index],
				       .size = size,
				       .align = model_alignment(size, align, flags),
				       .flags = flags,
				       .constructed = constructed };
	strncpy(cache->name, name, CACHE_NAME_BYTES - 1);
	cache->watch = (flags & DEBUG_FLAGS) | watch_flags(cache->name);
	if (constructed)
		cache->watch &= ~SLAB_POISON;
	expect((store_of(index)->flags & DEBUG_FLAGS) == cache->watch,
	       "a cache is watched otherwise than slab_debug= says");
	expect(kmem_cache_size(cache->cache) == size, "kmem_cache_size is not right");
	expect(strcmp(kmem_cache_name(cache->cache), cache->name) == 0,
	       "kmem_cache_name is not right");
}

static uint32_t count_made(void)
{
	uint32_t count = 0;

	for (uint32_t i = KMALLOC_CACHES; i < KMEM_CACHES; i++)
		count += caches[i].cache != NULL;
	return count;
}

static uint32_t random_size(void)
{
	uint32_t which = roll(100);

	if (which < 40)
		return 1 + roll(64);
	if (which < 75)
		return 1 + roll(600);
	if (which < 80)
		return 8U << roll(8);
	if (which < 92)
		return 1 + roll(4096);
	if (which < 98)
		return 1 + roll(12000);
	return 1 + roll(min_u32(KMALLOC_MAX_SIZE / 2, 100000) - 9000);
}

static uint32_t random_cache_flags(void)
{
	static const uint32_t letters[] = { SLAB_CONSISTENCY_CHECKS, SLAB_RED_ZONE, SLAB_POISON,
					    SLAB_STORE_USER };

	return (chance(20) ? SLAB_HWCACHE_ALIGN : 0) | (chance(12) ? SLAB_CACHE_DMA : 0) |
	       (chance(15) ? SLAB_RECLAIM_ACCOUNT : 0) |
	       (chance(5) ? letters[roll(ARRAY_SIZE(letters))] : 0);
}

/* One that is refused: what is wrong with it is told. */
static void create_wrong(void)
{
	static const struct {
		const char *name;
		size_t size, align;
		uint32_t flags;
	} wrong[] = {
		{ NULL, 8, 0, 0 },      { "", 8, 0, 0 },
		{ "nothing", 0, 0, 0 }, { "large", (size_t)KMALLOC_MAX_SIZE + 1, 0, 0 },
		{ "odd", 8, 24, 0 },    { "wide", 8, 16384, 0 },
		{ "strange", 8, 0, 1 },
	};
	uint32_t which = roll(ARRAY_SIZE(wrong));

	operation("kmem_cache_create, wrong", which, 0, 0);
	expect(kmem_cache_create(wrong[which].name, wrong[which].size, wrong[which].align,
				 wrong[which].flags, NULL) == NULL,
	       "a cache that cannot be was made");
	expect_report(CACHE_REFUSED, 0);
	finish();
}

static void create(uint32_t size, uint32_t align, uint32_t flags, bool constructed)
{
	static const char *const prefixes[] = { "request", "inode",
						"a-name-that-is-cut-at-the-end" };
	struct kmem_cache *cache;
	char name[64];

	snprintf(name, sizeof(name), "%s-%u", prefixes[roll(ARRAY_SIZE(prefixes))], run.number + 1);
	operation("kmem_cache_create", size, align | (uint64_t)constructed << 32, flags);
	cache = kmem_cache_create(name, size, align, flags, constructed ? construct : NULL);
	if (count_made() == KMEM_CACHES - KMALLOC_CACHES) {
		expect(cache == NULL, "more caches than there is room for");
		expect_report(CACHE_REFUSED, 0);
	} else {
		uintptr_t offset = (uintptr_t)cache - (uintptr_t)kmem_caches;
		uint32_t index = (uint32_t)(offset / sizeof(*cache));

		expect(cache != NULL && nr_reports == 0, "a cache was refused");
		expect(index >= KMALLOC_CACHES && index < KMEM_CACHES &&
			       cache == &kmem_caches[index] && caches[index].cache == NULL,
		       "a cache took another's place");
		note_cache(index, name, size, align, flags, constructed);
	}
	finish();
}

static void op_create(void)
{
	uint32_t align = chance(60) ? 0 : chance(90) ? 1U << roll(8) : 1U << roll(14);

	if (chance(20))
		create_wrong();
	else
		create(random_size(), align, random_cache_flags(), chance(30));
}

/* Refused while something is live; the report names the first few. */
static void check_still_live(uint32_t cache)
{
	expect(nr_reports == 1 + min_u32(caches[cache].live, 8) && nr_reports > 1,
	       "live objects are not named");
	for (uint32_t i = 0; i < nr_reports; i++) {
		expect(reports[i].kind == CACHE_STILL_LIVE && reports[i].live == caches[cache].live,
		       "a live object is not told as one");
		if (i > 0) {
			uint32_t owner = owner_of(reports[i].address, 1);

			expect(owner != NOBODY && owner != QUARANTINED &&
				       things[owner - 1].address == reports[i].address &&
				       things[owner - 1].cache == cache,
			       "what is named as live is not");
		}
	}
	nr_reports = 0;
}

/* What a cache leaves behind is nobody's: the pages that hold what was quarantined. */
static void lose_pages(uint32_t cache)
{
	for (uint32_t page = 0; page < machine_facts.normal_end_page; page++) {
		uintptr_t address = arena_address(page);
		bool lost = page_owners[page] == QUARANTINED;

		if (head_at(address) == NULL || page_type(head_at(address)) != PAGE_QUARANTINED ||
		    lost)
			continue;
		for (uint32_t i = 0; i < PAGE_GRANULES; i++)
			set_granule(page * PAGE_GRANULES + i, NOBODY);
		page_owners[page] = QUARANTINED;
		machine_facts.lost_pages++;
	}
	caches[cache].cache = NULL;
}

/* Slabs that hold something of the model's. */
static uint32_t count_needed_slabs(uint32_t cache)
{
	uint32_t slabs = 0;

	for (uint32_t page = 0; page < machine_facts.normal_end_page;) {
		const struct page *head = page_block_head(HARNESS_BASE_PFN + page);
		uint32_t pages = head != NULL ? 1U << page_order(head) : 1;

		if (cache_at(arena_address(page)) == cache)
			slabs += owner_of(arena_address(page), pages * (uint32_t)PAGE_SIZE) !=
				 NOBODY;
		page += pages;
	}
	return slabs;
}

static void destroy(uint32_t cache)
{
	uint32_t quarantined = caches[cache].quarantined, lost = machine_facts.lost_pages;

	operation("kmem_cache_destroy", cache, caches[cache].live, quarantined);
	handler_not = cache;
	kmem_cache_destroy(caches[cache].cache);
	handler_not = NO_CACHE;
	if (caches[cache].live != 0) {
		check_still_live(cache);
	} else {
		lose_pages(cache);
		expect((machine_facts.lost_pages != lost) == (caches[cache].quarantined != 0),
		       "pages were lost, or given back, and should not");
		expect(cache_stores[cache].name[0] == '\0', "a cache was not destroyed");
	}
	finish();
}

static void free_all_of(uint32_t cache)
{
	for (uint32_t i = mine.count; i > 0; i--) {
		struct thing *thing = &things[mine.numbers[min_u32(i, mine.count) - 1]];

		if (thing->cache == cache)
			free_thing(thing);
	}
}

static void op_destroy(void)
{
	uint32_t cache = random_cache();

	if (cache == NO_CACHE || cache < KMALLOC_CACHES)
		return;
	if (chance(60))
		free_all_of(cache);
	destroy(cache);
}

/* --- giving memory back ---------------------------------------------------------------------- */

static void op_shrink(void)
{
	uint32_t cache = random_cache(), slabs;
	bool released;

	if (cache == NO_CACHE)
		return;
	operation("kmem_cache_shrink", cache, caches[cache].live, 0);
	slabs = store_of(cache)->slabs;
	released = kmem_cache_shrink(caches[cache].cache);
	if (!handler_on) {
		expect(released == (store_of(cache)->slabs != slabs), "shrunk, or not, and untrue");
		expect(store_of(cache)->slabs == count_needed_slabs(cache) &&
			       magazine_count(&kmem_caches[cache]) == 0,
		       "shrunk, and there is memory without a live object");
	}
	finish();
}

static void op_shrink_all(void)
{
	gfp_t gfp = chance(50) ? GFP_KERNEL : GFP_ATOMIC;
	uint32_t pages = spare_pages();
	bool released;

	operation("caches_shrink", gfp, 0, 0);
	released = caches_shrink(gfp, 0);
	if (!handler_on) {
		expect(released == (spare_pages() != pages), "shrunk, or not, and untrue");
		check_nothing_spare(gfp);
	}
	finish();
}

/* --- failing on purpose ---------------------------------------------------------------------- */

static void op_fail(void)
{
	static const char *const texts[] = { "probability:10", "every:7", "nth:30",
					     "probability:50", "every:3,times:5" };
	uint32_t which = roll(ARRAY_SIZE(texts));

	operation("failslab", !objects_fail, which, 0);
	if (!objects_fail)
		expect(fail_point_parse(&object_fail, texts[which]) == NULL, "failslab= is wrong");
	objects_fail_set(!objects_fail);
	before.asked = before.failed = 0;
	for (uint32_t i = 0; i < KMEM_CACHES; i++)
		if (caches[i].cache != NULL && objects_fail)
			expect(magazine_count(&kmem_caches[i]) == 0 && store_of(i)->limit == 0,
			       "objects fail, and there are magazines");
	finish();
}

static void stop_failing(void)
{
	if (objects_fail)
		op_fail();
}

/* --- the handler ----------------------------------------------------------------------------- */

#define HANDLERS_MOST 48U

static void handler_allocates(void)
{
	uint32_t cache = chance(50) ? random_cache() : NO_CACHE, bytes = 1 + roll(3000);
	gfp_t gfp = GFP_ATOMIC | __GFP_NOWARN;
	void *object;

	if (cache == handler_not)
		cache = NO_CACHE;
	if (chance(10)) {
		take_pages(&handlers, gfp, roll(2));
	} else if (cache != NO_CACHE) {
		object = kmem_cache_alloc(caches[cache].cache, gfp);
		if (object != NULL)
			own_object(&handlers, cache, object, gfp);
	} else {
		gfp |= chance(10) ? __GFP_RECLAIMABLE : 0;
		object = kmalloc(bytes, gfp);
		if (object != NULL)
			own_kmalloced(&handlers, object, bytes, gfp);
	}
}

static void handler_does_something(void)
{
	uint32_t asked = object_fail.asked, failed = object_fail.failed;
	struct thing *thing = random_thing(&handlers);

	if (handlers.count < HANDLERS_MOST &&
	    chance(handlers.count < HANDLERS_MOST / 2 ? 60 : 40)) {
		handler_allocates();
	} else if (thing != NULL && thing->cache != handler_not) {
		give_back(thing, roll(30));
	}
	before.asked += object_fail.asked - asked;
	before.failed += object_fail.failed - failed;
}

/* Interrupts were let in: as on the target, they are masked while the handler runs. */
static void handler(void)
{
	if (!handler_on || handler_busy || !chance(25))
		return;
	handler_busy = run.in_handler = true;
	double_irq_flags = DOUBLE_IRQ_MASKED;
	handler_acts++;
	handler_does_something();
	expect(double_irq_flags == DOUBLE_IRQ_MASKED, "the handler's mask was lifted");
	double_irq_flags = 0;
	handler_busy = run.in_handler = false;
}

static void set_handler(bool on)
{
	handler_on = on;
	double_irq_unmasked = on ? handler : NULL;
}

static void free_handlers(void)
{
	while (handlers.count > 0)
		free_thing(&things[handlers.numbers[handlers.count - 1]]);
}

/* --- wrong use: frees ------------------------------------------------------------------------- */

/* What freeing this must be told as; negative: nothing, or nobody can know. NO_CACHE: of any. */
static int wrong_kind(uint32_t wanted, uintptr_t address)
{
	const struct cache_store *store;
	uint32_t cache, offset;

	if (!is_in_arena(address) || cache_at(address) == NO_CACHE)
		return OBJECT_NOT_OWNED;
	cache = cache_at(address);
	if (wanted != NO_CACHE && wanted != cache)
		return OBJECT_WRONG_CACHE;
	store = store_of(cache);
	offset = (uint32_t)(address - slab_address(head_at(address)));
	if (offset % store->slot_bytes != store->left_bytes ||
	    offset / store->slot_bytes >= slab_objects(store, head_at(address)))
		return OBJECT_MIDDLE;
	/* One whose mark was written to cannot be told from a live one. */
	if (find_damage(address) != NULL)
		return -1;
	return owner_of(address, 1) == NOBODY || owner_of(address, 1) == QUARANTINED
		       ? OBJECT_FREED_TWICE
		       : -1;
}

/* Pages of kmalloc, which kfree would free. */
static bool is_kmalloced_pages(uintptr_t address)
{
	uint32_t owner = is_in_arena(address) ? owner_of(address, 1) : NOBODY;

	return owner != NOBODY && owner != QUARANTINED && things[owner - 1].address == address &&
	       things[owner - 1].cache == NO_CACHE && things[owner - 1].is_kmalloc;
}

/* Free what must not be freed, in one of the ways that there are. */
static void free_wrong(uintptr_t address, uint32_t wanted)
{
	uint32_t way = roll(8);
	int kind = wrong_kind(wanted, address);
	void *pointer = (void *)address;

	if (kind < 0 || (wanted == NO_CACHE && is_kmalloced_pages(address)))
		return;
	if ((wanted == NO_CACHE && address <= 16) || looks_like_ram(address))
		return;
	operation("wrong free", address, wanted, (uint64_t)kind | (uint64_t)way << 32);
	if (wanted != NO_CACHE && way == 0)
		kmem_cache_free_bulk(caches[wanted].cache, 1, &pointer);
	else if (wanted != NO_CACHE)
		kmem_cache_free(caches[wanted].cache, pointer);
	else if (way == 1)
		expect(ksize(pointer) == 0, "ksize of nothing");
	else if (way == 2)
		expect(krealloc(pointer, 100, GFP_KERNEL) == NULL, "krealloc of nothing");
	else if (way == 3)
		kmem_cache_free_bulk(NULL, 1, &pointer);
	else
		kfree(pointer);
	if (kind == OBJECT_WRONG_CACHE && nr_reports == 1 && reports[0].wanted != NULL)
		expect(strcmp(reports[0].wanted, caches[wanted].name) == 0,
		       "a report names another cache as wanted");
	expect_report((enum object_misuse_kind)kind, address);
	finish();
}

static uintptr_t random_freed(void)
{
	return nr_history != 0 ? history[roll(min_u32(nr_history, HISTORY))].address : 0;
}

/* Where one more object of its slab would be, if there is room for its start; 0: there is none. */
static uintptr_t behind_last(const struct thing *thing)
{
	const struct page *head = head_at(thing->address);
	const struct cache_store *store = store_of(thing->cache);
	uintptr_t object = slab_object(store, head, slab_objects(store, head));

	return object - slab_address(head) < PAGE_SIZE << page_order(head) ? object : 0;
}

/* Inside a live object, or right behind it, or behind the last one of a slab. */
static uintptr_t random_middle(void)
{
	const struct thing *thing = random_thing(&mine);

	if (thing != NULL && thing->cache != NO_CACHE && chance(20))
		return behind_last(thing);

	if (thing == NULL)
		return 0;
	return thing->address + 1 +
	       (chance(50) ? roll(thing->bytes) : 8 * roll(thing->bytes / 8 + 1));
}

/* Of a page that is somebody's, or nobody's; or of no page at all. */
static uintptr_t random_wild(void)
{
	static const uintptr_t wild[] = { 8, 17, 4096, 0x80000000U, UINTPTR_MAX, UINTPTR_MAX - 63 };

	if (chance(30))
		return wild[roll(ARRAY_SIZE(wild))];
	if (chance(10))
		return (uintptr_t)&wild[0];
	return arena_address(roll(ARENA_PAGES)) + (chance(50) ? 0 : 64 * roll(64));
}

static void op_wrong_free(void)
{
	uint32_t which = roll(4), wanted = chance(50) ? random_cache() : NO_CACHE;
	struct thing *thing = random_object();
	uintptr_t address = which == 0   ? random_freed()
			    : which == 1 ? random_middle()
					 : random_wild();

	if (which == 2) {
		/* A live object, as one of another cache. */
		if (thing == NULL || wanted == NO_CACHE || wanted == thing->cache)
			return;
		address = thing->address;
	} else if (which == 0 && chance(50) && is_in_arena(address)) {
		wanted = cache_at(address);
	}
	if (address != 0 || wanted != NO_CACHE)
		free_wrong(address, wanted);
}

/* Twice, at once: the second time it is in the magazine, or its slab. */
static void op_free_twice(void)
{
	struct thing *thing = random_object();
	uint32_t cache = thing != NULL ? thing->cache : NO_CACHE;
	uintptr_t address = thing != NULL ? thing->address : 0;

	if (thing == NULL)
		return;
	free_thing(thing);
	free_wrong(address, chance(50) ? cache : NO_CACHE);
}

/* A slab's pages, freed as pages. */
static void op_free_slab(void)
{
	struct thing *thing = random_object();
	struct page *page;

	if (thing == NULL)
		return;
	page = virt_to_page((const void *)thing->address);
	operation("__free_pages of a slab", thing->address, page_order(page), 0);
	if (chance(50))
		put_page(page);
	else
		__free_pages(page, page_order(page));
	page_misuses++;
	expect(harness_misuses == page_misuses && harness_last_misuse.kind == MISUSE_SLAB,
	       "a slab was freed as pages, and not told");
	finish();
}

/* --- wrong use: of caches --------------------------------------------------------------------- */

static struct kmem_cache *no_cache(void)
{
	uint32_t index = KMALLOC_CACHES + roll(KMEM_CACHES - KMALLOC_CACHES);

	return caches[index].cache == NULL ? &kmem_caches[index] : NULL;
}

/* One that was destroyed: each request is told, and none changes anything. */
static void alloc_from_none(struct kmem_cache *cache)
{
	uint32_t requests = cache->store != NULL ? 1 + roll(12) : 0;
	void *objects[3];

	kmem_cache_destroy(NULL);
	while (requests-- > 0) {
		expect(chance(70) ? kmem_cache_alloc(cache, GFP_KERNEL) == NULL
				  : kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, objects) == 0,
		       "an object of no cache");
		expect_report(CACHE_UNKNOWN, (uintptr_t)cache);
	}
}

/* Caches that were destroyed, or never were, and those that nobody may destroy. */
static void op_wrong_cache(void)
{
	struct kmem_cache *cache = no_cache();
	uint32_t which = roll(5);

	operation("wrong cache", (uintptr_t)cache, which, 0);
	if (which == 0 || cache == NULL) {
		cache = &kmem_caches[roll(KMALLOC_CACHES)];
		kmem_cache_destroy(cache);
	} else if (which == 1) {
		kmem_cache_destroy(cache);
	} else if (which == 2) {
		expect(!kmem_cache_shrink(cache), "no cache was shrunk");
	} else if (which == 3) {
		cache = (struct kmem_cache *)((uintptr_t)kmem_caches + 8 +
					      sizeof(kmem_caches) * roll(2));
		expect(!kmem_cache_shrink(cache), "no cache was shrunk");
	} else {
		alloc_from_none(cache);
		cache = NULL;
	}
	if (cache != NULL)
		expect_report(CACHE_UNKNOWN, (uintptr_t)cache);
	finish();
}

/* --- writes after free ------------------------------------------------------------------------ */

static bool slab_has_damage(const struct page *head, bool link_only)
{
	for (uint32_t i = 0; i < nr_damages; i++)
		if (head_at(damages[i].object) == head && (damages[i].link || !link_only))
			return true;
	return false;
}

/* What is on the list behind this one. The list up to here grows at its front only. */
static void find_lost(struct damage *damage)
{
	const struct cache_store *store = store_of(damage->cache);
	const struct page *head = head_at(damage->object);
	uintptr_t object = damage->object;

	for (;;) {
		uint32_t next = slab_next_free(store, object,
					       mark_value(&kmem_caches[damage->cache], object));

		if (next == SLAB_NO_INDEX)
			return;
		expect(next < slab_objects(store, head) && damage->nr_lost < SLAB_OBJECTS_MOST,
		       "a link leads nowhere");
		damage->lost[damage->nr_lost++] = (uint16_t)next;
		object = slab_object(store, head, next);
	}
}

/* Something of `count` bytes changes somewhere. */
static void set_flips(struct damage *damage, uintptr_t address, uint32_t count)
{
	damage->bytes = (uint8_t *)address;
	damage->count = count;
	for (uint32_t i = 0; i < count; i++)
		damage->flips[i] = (uint8_t)roll(256);
	damage->flips[roll(count)] |= 1;
}

/* A link that leads out of the slab: others cannot be told. */
static void damage_link(struct damage *damage, uintptr_t mark, bool with_mark)
{
	damage->link = true;
	set_flips(damage, with_mark ? mark : mark + 4, with_mark ? 8 : 4);
	damage->flips[damage->count - 1] |= 0x80;
	find_lost(damage);
}

static bool damage_watched(struct damage *damage)
{
	const struct cache_store *store = store_of(damage->cache);
	uint32_t size = caches[damage->cache].size;

	damage->offset_known = true;
	if (is_watched(damage->cache, SLAB_POISON) && chance(50)) {
		set_flips(damage, damage->object + (chance(30) ? size - 1 : roll(size)), 1);
		return true;
	}
	if (!is_watched(damage->cache, SLAB_RED_ZONE))
		return false;
	if (chance(50)) {
		damage->kind = OBJECT_LEFT_RED_ZONE;
		set_flips(damage, damage->object - 1 - roll(store->left_bytes), 1);
	} else {
		damage->kind = OBJECT_RIGHT_RED_ZONE;
		set_flips(damage, damage->object + size + roll(store->mark_bytes - size), 1);
	}
	return true;
}

/* What may be written to there without breaking what is damaged already. False: nothing. */
static bool choose_damage(struct damage *damage, enum object_state state)
{
	struct page *head = head_at(damage->object);
	uintptr_t mark = damage->object + store_of(damage->cache)->mark_bytes;

	damage->kind = OBJECT_WRITTEN_AFTER_FREE;
	if ((state != OBJECT_LISTED && state != OBJECT_CACHED) || slab_has_damage(head, true))
		return false;
	if (chance(40) && state == OBJECT_LISTED && damage_watched(damage))
		return true;
	if (state == OBJECT_LISTED && chance(40) && !slab_has_damage(head, false)) {
		damage->offset_known = false;
		damage_link(damage, mark, chance(30));
		return true;
	}
	damage->offset_known = true;
	set_flips(damage, mark, 4);
	return true;
}

static bool damage_one(void)
{
	const struct freed *freed = &history[roll(min_u32(nr_history, HISTORY))];
	struct damage *damage = &damages[nr_damages];
	struct object_place place;

	if (wrong_kind(NO_CACHE, freed->address) != OBJECT_FREED_TWICE)
		return false;
	object_find(freed->address, &place);
	/* A handler may have the slab released, and the model would not know. */
	if (handler_on && object_state_of(&place) != OBJECT_CACHED)
		return false;
	*damage = (struct damage){ .object = freed->address, .cache = cache_at(freed->address) };
	if (!choose_damage(damage, object_state_of(&place)))
		return false;
	operation("write after free", damage->object, (uintptr_t)damage->bytes - damage->object,
		  damage->link);
	flip(damage);
	nr_damages++;
	damages_made++;
	return true;
}

/* A link in a magazine means nothing: whoever gives it to a slab writes it anew. */
static bool scribble_on_one(void)
{
	const struct freed *freed = &history[roll(HISTORY)];
	struct object_place place;

	if (wrong_kind(NO_CACHE, freed->address) != OBJECT_FREED_TWICE)
		return false;
	object_find(freed->address, &place);
	if (object_state_of(&place) != OBJECT_CACHED)
		return false;
	operation("write to a link in a magazine", freed->address, 0, 0);
	mark_of(place.store, freed->address)[1] ^= harness_random(&run.random);
	return true;
}

/* From the look at an object to the write no handler may take it. */
static void undisturbed(bool (*write_to_one)(void))
{
	bool written;

	handler_busy = true;
	written = write_to_one();
	handler_busy = false;
	if (written)
		finish();
}

static void op_damage(void)
{
	if (nr_history != 0 && nr_damages < DAMAGES_MOST && damages_made < 60)
		undisturbed(damage_one);
}

static void op_scribble(void)
{
	if (nr_history >= HISTORY)
		undisturbed(scribble_on_one);
}

static bool is_mark_alone(const struct damage *damage)
{
	return !damage->link &&
	       (uintptr_t)damage->bytes == damage->object + store_of(damage->cache)->mark_bytes;
}

/* All of a watched cache is looked at, marks excepted: what is wrong is told and put right. */
static void op_validate(void)
{
	uint32_t cache, wrong = 0, left, found;

	if (nr_damages == 0)
		return;
	cache = damages[roll(nr_damages)].cache;
	for (uint32_t i = 0; i < nr_damages && caches[cache].watch != 0; i++)
		wrong += damages[i].cache == cache && !is_mark_alone(&damages[i]);
	left = nr_damages - wrong;
	operation("slab_debug_validate", cache, wrong, left);
	validating = true;
	found = slab_debug_validate(caches[cache].cache);
	validating = false;
	expect(found == wrong, "what is wrong was not found, or found and is not");
	expect(nr_damages == left, "what was found was not told");
	finish();
}

/* --- writes beside a live object -------------------------------------------------------------- */

/* Where a watched object's neighbours begin: one byte of that, and what it must be told as. */
static uint8_t *choose_overrun(const struct thing *thing, enum object_misuse_kind *kind)
{
	const struct cache_store *store = store_of(thing->cache);
	uint32_t which = roll(3);
	uint32_t record =
		store->record_bytes + (is_watched(thing->cache, SLAB_STORE_USER)
					       ? 8 + 2 * (uint32_t)sizeof(struct owner_stack)
					       : 8);
	uint32_t slot_end = store->slot_bytes - store->left_bytes;

	if (which == 0 && is_watched(thing->cache, SLAB_POISON) && record < slot_end) {
		*kind = OBJECT_PADDING;
		return (uint8_t *)thing->address + record + roll(slot_end - record);
	}
	if (!is_watched(thing->cache, SLAB_RED_ZONE))
		return NULL;
	if (which == 1) {
		*kind = OBJECT_LEFT_RED_ZONE;
		return (uint8_t *)thing->address - 1 - roll(store->left_bytes);
	}
	*kind = OBJECT_RIGHT_RED_ZONE;
	return (uint8_t *)thing->address + thing->asked + roll(store->mark_bytes - thing->asked);
}

/* It is told when the object is freed, which goes on; ksize tells of red zones, too. */
static void op_overrun(void)
{
	struct thing *thing = random_object();
	enum object_misuse_kind kind = OBJECT_PADDING;
	uintptr_t address;
	uint8_t *byte;

	if (thing == NULL || (byte = choose_overrun(thing, &kind)) == NULL)
		return;
	address = thing->address;
	operation("write beside an object", address, (uintptr_t)byte - address, kind);
	*byte ^= (uint8_t)(1 + roll(255));
	if (kind != OBJECT_PADDING && chance(30)) {
		expect(ksize((const void *)address) == thing->bytes, "ksize is not right");
		thing->asked = thing->bytes;
	} else {
		give_back(thing, roll(30));
	}
	expect(nr_reports == 1 && reports[0].wrong_bytes == 1 &&
		       address + (uintptr_t)(intptr_t)reports[0].offset == (uintptr_t)byte,
	       "a report does not say which byte is wrong");
	expect_report(kind, address);
	finish();
}

/* --- phases ---------------------------------------------------------------------------------- */

/* One object of any cache, kmalloc's own way from its caches. */
static void take_one(uint32_t cache)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	uint32_t size = caches[cache].size;
	void *taken;

	if (cache >= KMALLOC_CACHES) {
		taken = kmem_cache_alloc(caches[cache].cache, gfp);
		if (taken != NULL)
			own_object(&mine, cache, taken, gfp);
		return;
	}
	if ((caches[cache].flags & SLAB_CACHE_DMA) != 0)
		gfp |= __GFP_DMA;
	if ((caches[cache].flags & SLAB_RECLAIM_ACCOUNT) != 0)
		gfp |= __GFP_RECLAIMABLE;
	taken = kmalloc(size, gfp);
	if (taken != NULL)
		own_kmalloced(NULL, taken, size, gfp);
}

/* All that was written to is told when all that is free is taken. */
static void flush_damage(struct damage *damage)
{
	uint32_t cache = damage->cache, first = mine.count;
	uint32_t left = store_of(cache)->free_objects + magazine_count(&kmem_caches[cache]);
	uintptr_t object = damage->object;
	bool busy = handler_busy;

	handler_busy = true;
	for (; left > 0 && find_damage(object) != NULL && nr_spare_things > 64; left--) {
		operation("take what was written to", object, cache, left);
		take_one(cache);
		finish();
	}
	expect(find_damage(object) == NULL, "a write to a free object was never told");
	while (mine.count > first)
		free_thing(&things[mine.numbers[mine.count - 1]]);
	handler_busy = busy;
}

static void flush_damages(void)
{
	stop_failing();
	while (nr_damages > 0)
		flush_damage(&damages[0]);
}

/* Many of one cache, then as many frees: newest first, or in any order. */
static void op_burst(void)
{
	uint32_t cache = random_cache(), count = 1 + roll(120), first;

	if (cache == NO_CACHE || caches[cache].size > 4096)
		return;
	for (uint32_t i = 0; i < count; i++)
		alloc_from(cache);
	first = mine.count > count ? mine.count - count : 0;
	while (mine.count > first)
		free_thing(&things[mine.numbers[chance(50) ? mine.count - 1
							   : first + roll(mine.count - first)]]);
}

static const struct {
	void (*run)(void);
	uint32_t weight; /* of 1000; the rest allocates and frees */
} operations[] = {
	{ op_pages, 40 },     { op_krealloc, 70 },    { op_bulk, 25 },       { op_shrink, 8 },
	{ op_shrink_all, 4 }, { op_create, 14 },      { op_destroy, 9 },     { op_fail, 5 },
	{ op_damage, 45 },    { op_scribble, 15 },    { op_wrong_free, 60 }, { op_free_twice, 15 },
	{ op_free_slab, 5 },  { op_wrong_cache, 10 }, { op_overrun, 15 },    { op_kstrdup, 8 },
	{ op_hold, 10 },      { op_burst, 3 },        { op_validate, 4 },
};

/* percent: how many of the ordinary operations allocate. */
static void mix(const char *phase, uint32_t count, uint32_t percent)
{
	uint32_t end = run.number + count;

	run.phase = phase;
	while (run.number < end) {
		uint32_t which = roll(1000), op = 0;
		bool crowded = nr_spare_things < THINGS_MOST / 4;

		while (op < ARRAY_SIZE(operations) && which >= operations[op].weight)
			which -= operations[op++].weight;
		if (op < ARRAY_SIZE(operations))
			operations[op].run();
		else if (crowded || !chance(percent))
			op_free();
		else if (chance(50))
			op_kmalloc();
		else
			op_cache_alloc();
	}
}

/* Pages are taken until few are left, so that objects are what the rest goes to. */
static void hog(uint32_t leave)
{
	run.phase = "hogs";
	for (int order = min_u32(6, PAGE_ORDER_MAX); order >= 0; order--) {
		bool more = true;

		while (more && spare_pages() > leave + (1U << order)) {
			operation("hog", spare_pages(), (uint64_t)order, 0);
			more = take_pages(&hogs, GFP_HIGHUSER | __GFP_NOWARN, (unsigned int)order);
			finish();
		}
	}
}

static void free_hogs(void)
{
	while (hogs.count > 0)
		free_thing(&things[hogs.numbers[hogs.count - 1]]);
}

static void free_all(void)
{
	run.phase = "freeing all";
	while (mine.count > 0)
		free_thing(random_thing(&mine));
}

/* --- lives ----------------------------------------------------------------------------------- */

/* With watermarks, and without. */
static const struct machine {
	const char *name;
	struct harness_machine machine;
	bool no_marks;
} machines[] = {
	{ "three zones", { .zone_pages = { 700, 2400, 300, 0 } }, false },
	{ "DMA only", { .zone_pages = { 1500, 0, 0, 0 } }, false },
	{ "no marks, reserved pieces, holes",
	  { .zone_pages = { 400, 3400, 0, 0 },
	    .pieces = { { 100, 20, PIECE_RESERVED },
			{ 900, 77, PIECE_HOLE },
			{ 2000, 1100, PIECE_HOLE } } },
	  true },
	{ "Normal only", { .zone_pages = { 0, 2500, 500, 0 } }, true },
};

static void note_kmalloc_caches(void)
{
	static const char *const prefixes[KMALLOC_KINDS] = { "kmalloc-", "dma-kmalloc-",
							     "kmalloc-rcl-" };
	static const uint32_t flags[KMALLOC_KINDS] = { 0, SLAB_CACHE_DMA, SLAB_RECLAIM_ACCOUNT };

	memset(caches, 0, sizeof(caches));
	for (uint32_t i = 0; i < KMALLOC_CACHES; i++) {
		uint32_t size = kmalloc_sizes[i % KMALLOC_SIZES], kind = i / KMALLOC_SIZES;
		char name[CACHE_NAME_BYTES];

		snprintf(name, sizeof(name), "%s%u%s", prefixes[kind],
			 size < 1024 ? size : size / 1024, size < 1024 ? "" : "k");
		note_cache(i, name, size, size & -size, flags[kind], false);
	}
}

static void start(const struct machine *machine)
{
	run.machine = machine->name;
	run.phase = "start";
	set_handler(false);
	harness_dirty_struct_pages(harness_random(&run.random));
	objects_start(&machine->machine, watch->text);
	if (machine->no_marks)
		harness_clear_watermarks();
	object_misuse_hook = note_report;
	nr_reports = nr_damages = damages_made = page_misuses = 0;
	start_things();
	machine_facts.lost_pages = 0;
	machine_facts.spare_pages = spare_pages();
	machine_facts.dma_pages = machine->machine.zone_pages[ZONE_DMA];
	machine_facts.dma_is_empty = machine_facts.dma_pages == 0;
	machine_facts.normal_end_page =
		machine_facts.dma_pages + machine->machine.zone_pages[ZONE_NORMAL];
	operation("start", machine_facts.spare_pages, 0, 0);
	note_kmalloc_caches();
	check_everything();
	for (unsigned int i = 0; i < 4; i++)
		op_create();
}

/* The slabs that are left hold something that is quarantined. */
static void check_rest(void)
{
	uint32_t slab_pages = 0;

	for (uint32_t i = 0; i < KMALLOC_CACHES; i++) {
		expect(store_of(i)->slabs == count_needed_slabs(i),
		       "all is free, and slabs that hold nothing are left");
		slab_pages += store_of(i)->slab_pages;
	}
	expect(spare_pages() + slab_pages + machine_facts.lost_pages == machine_facts.spare_pages,
	       "all is free, and pages are missing");
}

static void end(void)
{
	flush_damages();
	set_handler(false);
	free_hogs();
	free_handlers();
	free_all();
	flush_damages();
	check_everything();
	run.phase = "end";
	for (uint32_t i = KMALLOC_CACHES; i < KMEM_CACHES; i++)
		if (caches[i].cache != NULL)
			destroy(i);
	operation("shrink all", 0, 0, 0);
	objects_shrink_all();
	finish();
	check_everything();
	check_rest();
}

static void live(uint32_t count)
{
	mix("growing", count * 2 / 10, 62);
	mix("steady", count / 10, 50);
	flush_damages();
	hog(100 + roll(200));
	mix("growing when full", count * 2 / 10, 65);
	mix("steady when full", count / 10, 50);
	mix("shrinking when full", count / 20, 25);
	free_hogs();
	mix("shrinking", count / 20, 25);
	flush_damages();
	set_handler(true);
	mix("growing beside the handler", count / 10, 60);
	handler_busy = true;
	hog(60);
	handler_busy = false;
	mix("steady when full, beside the handler", count / 10, 55);
	free_hogs();
	mix("shrinking beside the handler", count / 10, 30);
	end();
}

static const struct watch scenarios[] = {
	{ .text = NULL },
	{ .text = "FZPU", .others = DEBUG_FLAGS },
	{ .text = NULL },
	{ .text = "FZ,kmalloc-*,inode*;P",
	  .prefixes = { "kmalloc-", "inode" },
	  .named = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE,
	  .others = SLAB_POISON },
	{ .text = "ZU,request*;-",
	  .prefixes = { "request" },
	  .named = SLAB_RED_ZONE | SLAB_STORE_USER },
	{ .text = "PU,dma-*,request*;F,nobody",
	  .prefixes = { "dma-", "request" },
	  .named = SLAB_POISON | SLAB_STORE_USER },
};

#define LIFE 5000U

static void test_scenario(void **state)
{
	uint32_t number = (uint32_t)((const struct watch *)*state - scenarios);
	uint32_t count = run.operations / ARRAY_SIZE(scenarios), end_number = run.number + count;

	if (run.failed)
		skip();
	watch = *state;
	run.scenario = watch->text != NULL ? watch->text : "ordinary";
	run.finished = false;
	while (run.number < end_number) {
		start(&machines[number++ % ARRAY_SIZE(machines)]);
		live(min_u32(LIFE, end_number - min_u32(run.number, end_number)));
	}
	run.finished = true;
}

/* A signal or an assertion of somebody else's gets here, too. */
static int tear_down(void **state)
{
	(void)state;
	double_irq_unmasked = NULL;
	if (!run.finished && !run.failed && run.scenario != NULL)
		print_run();
	run.failed |= !run.finished;
	return 0;
}

static uint32_t number_of(const char *argument, const char *variable, uint32_t otherwise)
{
	const char *text = argument != NULL ? argument : getenv(variable);

	return text != NULL ? (uint32_t)strtoul(text, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios)];

	run.operations = number_of(argc > 1 ? argv[1] : NULL, "OBJECTS_MODEL_OPS", 500000);
	run.seed = number_of(argc > 2 ? argv[2] : NULL, "OBJECTS_MODEL_SEED", 20240607);
	run.trace_from = number_of(NULL, "OBJECTS_MODEL_TRACE", UINT32_MAX);
	run.random = run.seed != 0 ? run.seed : 1;
	printf("# %s %u %u: operations, seed\n", argv[0], run.operations, run.seed);
	signal(SIGABRT, on_abort);
	for (unsigned int i = 0; i < ARRAY_SIZE(scenarios); i++)
		tests[i] = (struct CMUnitTest){
			.name = scenarios[i].text != NULL ? scenarios[i].text : "ordinary caches",
			.test_func = test_scenario,
			.teardown_func = tear_down,
			.initial_state = (void *)&scenarios[i],
		};
	return cmocka_run_group_tests_name("objects_model", tests, NULL, NULL);
}
