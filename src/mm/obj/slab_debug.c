/* SPDX-License-Identifier: MIT */
#include "mm/obj/slab_debug.h"

#include <string.h>

#include "kern/backtrace.h"
#include "kern/param.h"
#include "mm/obj/cache.h"
#include "mm/obj/object_walk.h"

/* Behind each object of a watched cache; the tracks only with SLAB_STORE_USER. */
struct object_record {
	uint32_t asked_bytes;
	uint32_t asked_inverted; /* or the record was written to, and all was asked for */
	struct owner_stack taken, given;
};

#define RECORD_BYTES_WITHOUT_TRACKS offsetof(struct object_record, taken)

/* This room's text: who called it is the first one outside. */
extern const char __object_text_start[], __object_text_end[];

/* --- which caches ----------------------------------------------------------------------------- */

#define ALL_LETTERS (SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define TEXT_BYTES  128

static char wanted[TEXT_BYTES];

static const char rule[] =
	"expects letters of F, Z, P, U (or - for none), then names of caches with "
	"commas before each, a * at the end matches anything; further such groups "
	"after semicolons; 127 characters in all";

static uint32_t flag_of(char letter)
{
	switch (letter) {
	case 'F':
	case 'f':
		return SLAB_CONSISTENCY_CHECKS;
	case 'Z':
	case 'z':
		return SLAB_RED_ZONE;
	case 'P':
	case 'p':
		return SLAB_POISON;
	case 'U':
	case 'u':
		return SLAB_STORE_USER;
	default:
		return 0;
	}
}

/* A group's letters, as many as there are; false: one of them is none. */
static bool parse_letters(const char *group, uint32_t *flags)
{
	size_t length = strcspn(group, ",;");

	*flags = length == 0 ? ALL_LETTERS : 0;
	if (length == 1 && group[0] == '-')
		return true;
	for (size_t i = 0; i < length; i++) {
		if (flag_of(group[i]) == 0)
			return false;
		*flags |= flag_of(group[i]);
	}
	return true;
}

const char *slab_debug_parse(const char *text)
{
	uint32_t flags;

	if (text == NULL || *text == '\0')
		text = "FZPU";
	if (strlen(text) >= sizeof(wanted))
		return rule;
	for (const char *group = text;; group++) {
		if (!parse_letters(group, &flags))
			return rule;
		group += strcspn(group, ";");
		if (*group == '\0')
			break;
	}
	strcpy(wanted, text);
	return NULL;
}
BOOT_PARAM(
	slab_debug, slab_debug_parse, "[FZPU][,CACHE...]",
	"watch objects: F sanity, Z red zones, P poison, U users; for all caches or those named");
BOOT_PARAM(slub_debug, slab_debug_parse, "[FZPU][,CACHE...]", "Linux's name of slab_debug=");

static bool matches(const char *pattern, size_t length, const char *name)
{
	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strlen(name) == length && strncmp(pattern, name, length) == 0;
}

/* A group without names means all. */
static bool group_names(const char *group, const char *name)
{
	const char *end = group + strcspn(group, ";");
	const char *word = group + strcspn(group, ",;");

	if (word == end)
		return true;
	while (word < end) {
		size_t length = strcspn(++word, ",;");

		if (matches(word, length, name))
			return true;
		word += length;
	}
	return false;
}

/* The first group that names the cache counts; for all others the last one without names, as in Linux. */
uint32_t slab_debug_flags(const char *name, bool has_constructor)
{
	uint32_t flags = 0, others = 0;

	for (const char *group = wanted; *group != '\0';) {
		size_t length = strcspn(group, ";");
		bool for_all = length != 0 && strcspn(group, ",;") == length;

		parse_letters(group, &flags);
		if (for_all)
			others = flags;
		else if (length != 0 && group_names(group, name))
			break;
		group += length;
		if (*group == '\0' || *++group == '\0') {
			flags = others;
			break;
		}
	}
	return has_constructor ? flags & ~SLAB_POISON : flags;
}

/* --- places ---------------------------------------------------------------------------------- */

static bool has(const struct cache_store *store, uint32_t flag)
{
	return (store->flags & flag) != 0;
}

static struct object_record *record_of(const struct cache_store *store, uintptr_t object)
{
	return (struct object_record *)(object + store->record_bytes);
}

void slab_debug_layout(struct cache_store *store)
{
	uint32_t record = has(store, SLAB_STORE_USER) ? (uint32_t)sizeof(struct object_record)
						      : (uint32_t)RECORD_BYTES_WITHOUT_TRACKS;
	uint32_t zone = has(store, SLAB_RED_ZONE) ? 8 : 0;

	if (store->constructor != NULL)
		store->flags &= ~SLAB_POISON;
	store->left_bytes = ALIGN_UP(zone, store->align);
	store->mark_bytes = ALIGN_UP(store->object_bytes + zone, 8);
	store->record_bytes = store->mark_bytes + 8;
	store->slot_bytes =
		ALIGN_UP(store->left_bytes + store->record_bytes + record, store->align);
}

static uint8_t *behind_record(const struct cache_store *store, uintptr_t object)
{
	return (uint8_t *)record_of(store, object) + (has(store, SLAB_STORE_USER)
							      ? sizeof(struct object_record)
							      : RECORD_BYTES_WITHOUT_TRACKS);
}

/* --- painting and looking --------------------------------------------------------------------- */

/* Bytes that are not as painted: told, and painted again. False: there were some. */
static bool check(const struct cache_store *store, uintptr_t object, enum object_misuse_kind kind,
		  uint8_t *bytes, uint32_t count, uint8_t value)
{
	uint8_t expected[64];

	memset(expected, value, sizeof(expected));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t shown = min_u32(count - i, sizeof(expected));

		if (likely(bytes[i] == value))
			continue;
		object_tell_bytes(kind, store, object, bytes + i, expected, shown);
		memset(bytes + i, value, count - i);
		return false;
	}
	return true;
}

/* Where the right red zone begins. The record lies in memory that anybody may have written to. */
static uint32_t used_bytes(const struct cache_store *store, uintptr_t object, uint8_t value)
{
	const struct object_record *record = record_of(store, object);

	return value == RED_ZONE_FREE || record->asked_inverted != ~record->asked_bytes
		       ? store->object_bytes
		       : min_u32(record->asked_bytes, store->object_bytes);
}

static void paint_zones(const struct cache_store *store, uintptr_t object, uint8_t value)
{
	uint32_t asked = used_bytes(store, object, value);

	if (!has(store, SLAB_RED_ZONE))
		return;
	memset((void *)(object - store->left_bytes), value, store->left_bytes);
	memset((void *)(object + asked), value, store->mark_bytes - asked);
}

static bool check_zones(const struct cache_store *store, uintptr_t object, uint8_t value)
{
	uint32_t asked = used_bytes(store, object, value);
	bool left, right;

	if (!has(store, SLAB_RED_ZONE))
		return true;
	left = check(store, object, OBJECT_LEFT_RED_ZONE, (uint8_t *)object - store->left_bytes,
		     store->left_bytes, value);
	right = check(store, object, OBJECT_RIGHT_RED_ZONE, (uint8_t *)object + asked,
		      store->mark_bytes - asked, value);
	return left && right;
}

static void paint_poison(const struct cache_store *store, uintptr_t object)
{
	if (!has(store, SLAB_POISON))
		return;
	memset((void *)object, POISON_FREE, store->object_bytes - 1);
	((uint8_t *)object)[store->object_bytes - 1] = POISON_END;
}

static bool check_poison(const struct cache_store *store, uintptr_t object)
{
	uint32_t last = store->object_bytes - 1;

	bool body, end;

	if (!has(store, SLAB_POISON))
		return true;
	body = check(store, object, OBJECT_WRITTEN_AFTER_FREE, (uint8_t *)object, last,
		     POISON_FREE);
	end = check(store, object, OBJECT_WRITTEN_AFTER_FREE, (uint8_t *)object + last, 1,
		    POISON_END);
	return body && end;
}

/* From the record to the next slot. */
static uint32_t padding_bytes(const struct cache_store *store, uintptr_t object)
{
	uintptr_t end = object - store->left_bytes + store->slot_bytes;

	return (uint32_t)(end - (uintptr_t)behind_record(store, object));
}

static bool check_padding(const struct cache_store *store, uintptr_t object)
{
	return !has(store, SLAB_POISON) ||
	       check(store, object, OBJECT_PADDING, behind_record(store, object),
		     padding_bytes(store, object), POISON_PADDING);
}

void slab_debug_free_pattern(struct cache_store *store, uintptr_t object)
{
	paint_zones(store, object, RED_ZONE_FREE);
	paint_poison(store, object);
	memset(record_of(store, object), 0,
	       (uintptr_t)behind_record(store, object) - (uintptr_t)record_of(store, object));
	if (has(store, SLAB_POISON))
		memset(behind_record(store, object), POISON_PADDING, padding_bytes(store, object));
}

/* What lies behind a slab's last slot. */
static uint8_t *rest(const struct cache_store *store, const struct page *head, uint32_t *bytes)
{
	uint32_t used = slab_objects(store, head) * store->slot_bytes;

	*bytes = (PAGE_SIZE << page_order(head)) - used;
	return (uint8_t *)slab_address(head) + used;
}

void slab_debug_rest_pattern(struct cache_store *store, struct page *head)
{
	uint32_t bytes;
	uint8_t *start = rest(store, head, &bytes);

	if (has(store, SLAB_POISON))
		memset(start, POISON_PADDING, bytes);
}

bool slab_debug_check_rest(struct cache_store *store, struct page *head)
{
	uint32_t bytes;
	uint8_t *start = rest(store, head, &bytes);

	return !has(store, SLAB_POISON) ||
	       check(store, slab_object(store, head, slab_objects(store, head) - 1), OBJECT_PADDING,
		     start, bytes, POISON_PADDING);
}

/* --- who ------------------------------------------------------------------------------------- */

static void note(const struct cache_store *store, struct owner_stack *stack)
{
	if (!has(store, SLAB_STORE_USER))
		return;
	stack->frames = backtrace_capture(stack->pc, OWNER_FRAMES, (uintptr_t)__object_text_start,
					  (uintptr_t)__object_text_end);
}

void slab_debug_tracks(const struct cache_store *store, uintptr_t object, struct owner_stack *taken,
		       struct owner_stack *given)
{
	taken->frames = given->frames = 0;
	if (!has(store, SLAB_STORE_USER))
		return;
	*taken = record_of(store, object)->taken;
	*given = record_of(store, object)->given;
	/* They lie in memory that anybody may have written to. */
	taken->frames = min_u32(taken->frames, OWNER_FRAMES);
	given->frames = min_u32(given->frames, OWNER_FRAMES);
}

/* --- taking ---------------------------------------------------------------------------------- */

/* Off its slab's list, and free still by its mark. 0: there is none without a new slab. */
static uintptr_t take_one(struct kmem_cache *cache)
{
	struct cache_store *store = cache->store;
	uint32_t irq = spin_lock_irqsave(&store->lock);
	uintptr_t object = 0;

	while (store->partial.count != 0 && has(store, SLAB_CONSISTENCY_CHECKS))
		if (slab_check_list(cache, page_list_next(&store->partial)))
			break;
	slab_take(cache, 1, &object);
	spin_unlock_irqrestore(&store->lock, irq);
	return object;
}

static bool is_as_left(const struct cache_store *store, uintptr_t object)
{
	check_zones(store, object, RED_ZONE_FREE);
	check_padding(store, object);
	return check_poison(store, object);
}

/* Its mark says still that it is free, and will. */
static void keep_out_of_use(struct cache_store *store)
{
	uint32_t irq = spin_lock_irqsave(&store->lock);

	store->quarantined++;
	spin_unlock_irqrestore(&store->lock, irq);
}

static void set_asked(const struct cache_store *store, uintptr_t object, size_t bytes)
{
	record_of(store, object)->asked_bytes = (uint32_t)bytes;
	record_of(store, object)->asked_inverted = ~(uint32_t)bytes;
}

/* What takes long is done with interrupts let in: nobody else has the object. */
void *slab_debug_alloc(struct kmem_cache *cache, gfp_t gfp, size_t bytes)
{
	struct cache_store *store = cache->store;
	uintptr_t object;

	for (;;) {
		object = take_one(cache);
		if (object != 0 && is_as_left(store, object))
			break;
		if (object != 0)
			keep_out_of_use(store);
		else if (!slab_grow(cache, gfp))
			return NULL;
	}
	*mark_of(store, object) = 0;
	set_asked(store, object, bytes != 0 ? bytes : store->object_bytes);
	paint_zones(store, object, RED_ZONE_ALLOCATED);
	note(store, &record_of(store, object)->taken);
	return (void *)object;
}

/* --- giving ---------------------------------------------------------------------------------- */

/*
 * The mark first, so that whoever frees it as well sees that; on its slab's list last, so that nobody
 * gets it before it is painted. What takes long is done in between, with interrupts let in.
 */
bool slab_debug_free(struct kmem_cache *cache, uintptr_t object, uint32_t irq)
{
	struct cache_store *store = cache->store;
	uint32_t *mark = mark_of(store, object);
	bool free_already;

	spin_lock(&store->lock);
	free_already = *mark == mark_value(cache, object);
	*mark = mark_value(cache, object);
	spin_unlock_irqrestore(&store->lock, irq);
	if (free_already)
		return false;
	note(store, &record_of(store, object)->given);
	check_zones(store, object, RED_ZONE_ALLOCATED);
	check_padding(store, object);
	paint_zones(store, object, RED_ZONE_FREE);
	paint_poison(store, object);
	irq = spin_lock_irqsave(&store->lock);
	if (has(store, SLAB_CONSISTENCY_CHECKS) &&
	    slab_free_objects(slab_head(virt_to_page((const void *)object))) != 0)
		slab_check_list(cache, slab_head(virt_to_page((const void *)object)));
	slab_give(cache, object);
	spin_unlock_irqrestore(&store->lock, irq);
	return true;
}

size_t slab_debug_asked(const struct cache_store *store, uintptr_t object)
{
	return used_bytes(store, object, RED_ZONE_ALLOCATED);
}

void slab_debug_ask(struct cache_store *store, uintptr_t object, size_t bytes)
{
	uint32_t irq = spin_lock_irqsave(&store->lock);

	check_zones(store, object, RED_ZONE_ALLOCATED);
	set_asked(store, object, bytes);
	paint_zones(store, object, RED_ZONE_ALLOCATED);
	spin_unlock_irqrestore(&store->lock, irq);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void validate(const struct object_place *place, enum object_state state, void *context)
{
	const struct cache_store *store = place->store;
	uint32_t *wrong = context;
	bool live = state == OBJECT_LIVE;
	bool good = check_zones(store, place->object, live ? RED_ZONE_ALLOCATED : RED_ZONE_FREE);

	good = check_padding(store, place->object) && good;
	if (state == OBJECT_LISTED)
		good = check_poison(store, place->object) && good;
	if (!good)
		++*wrong;
}

uint32_t slab_debug_validate(struct kmem_cache *cache)
{
	struct page *head = NULL;
	uint32_t wrong = 0;

	if (!cache_is_watched(cache->store))
		return 0;
	while ((head = slab_next(cache->store, head)) != NULL) {
		uint32_t irq = spin_lock_irqsave(&cache->store->lock);
		bool still = slab_is_of(cache->store, head);

		if (still && slab_free_objects(head) != 0 && !slab_check_list(cache, head))
			wrong++;
		if (still && !slab_debug_check_rest(cache->store, head))
			wrong++;
		spin_unlock_irqrestore(&cache->store->lock, irq);
	}
	object_walk(cache->store, validate, &wrong);
	return wrong;
}

unsigned int slab_debug_validate_all(const char *name, uint32_t *wrong)
{
	unsigned int caches = 0;

	*wrong = 0;
	for (unsigned int i = 0; i < KMEM_CACHES; i++) {
		const struct cache_store *store = &cache_stores[i];

		if (store->name[0] == '\0' || !cache_is_watched(store) ||
		    (name != NULL && strcmp(name, store->name) != 0))
			continue;
		caches++;
		*wrong += slab_debug_validate(&kmem_caches[i]);
	}
	return caches;
}
