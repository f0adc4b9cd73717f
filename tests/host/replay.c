/* SPDX-License-Identifier: MIT */
/*
 * Replay what a board recorded (`trace dump`) on the allocator of the host, under sanitizers and with
 * the walker looking: what was served there must be served here, what was refused there refused.
 *
 *	replay LOG                           zones as zoneinfo printed them in the same log
 *	replay LOG --zones 1000,3000,2000,0  or of so many managed pages each: DMA to Movable
 *	       --every N                     the walker looks after every N events (1000)
 *	       --hot                         through magazines; else as on the board, where recording
 *	                                     closes them
 *
 * A log may hold anything else as well. Each zone gets as many pages as it managed there, so the
 * watermarks are the same. With a `memmap 4K` in the log each frame is what it was there when
 * recording began. Without, as many are taken; and as nobody knows which, close to the last page a
 * large block may be there on one side and not on the other.
 *
 * Exit status: 0 all as recorded, 1 something was not, 2 the log is no good.
 */
#include "page_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bits.h"
#include "mm/phys/page_why.h"

#define FRAMES (1U << 20)

struct event {
	char kind; /* a, r, f */
	uint32_t pfn;
	unsigned int order;
	gfp_t gfp;
};

/* A zone as the log has it. */
struct seen_zone {
	uint32_t start_pfn, spanned, managed, free, cached, low;
	uint32_t taken_before; /* of the managed ones, when recording began */
};

static struct event *events;
static uint32_t event_count, event_room, left_out;
static bool has_end, has_zones, hot;
static uint32_t walk_every = 1000;
static struct seen_zone seen[MAX_NR_ZONES];

/* By the board's frame: where the block's pages are here. Of a block only the head is set. */
static struct {
	struct page *page;
	uint8_t order;
} blocks[FRAMES];

/* By the board's frame: some event before said what becomes of it. */
static bool known[FRAMES + (1U << PAGE_ORDER_MAX)];

static struct {
	uint32_t served, refused, freed, unknown, other_zone, wrongly_served, wrongly_refused;
} result;

/* By the board's frame: memmap's letter at the end; 0: not known. And whether it was free at first. */
static char letters[FRAMES];
static bool free_at_first[FRAMES + (1U << PAGE_ORDER_MAX)];
static bool has_map;

static void give_up(const char *text)
{
	fprintf(stderr, "replay: %s\n", text);
	exit(2);
}

/* --- the log --------------------------------------------------------------------------------- */

static void add_event(const struct event *event)
{
	if (event_count == event_room) {
		event_room = event_room == 0 ? 4096 : 2 * event_room;
		events = realloc(events, event_room * sizeof(*events));
		if (events == NULL)
			give_up("no memory");
	}
	events[event_count++] = *event;
}

static void read_trace_line(const char *line)
{
	struct event event;
	unsigned int count;

	if (sscanf(line, "trace end %u %u", &count, &left_out) == 2) {
		if (count != event_count)
			give_up("lines of the trace are missing");
		has_end = true;
		return;
	}
	if (sscanf(line, "trace %c %x %u %x", &event.kind, &event.pfn, &event.order, &event.gfp) !=
	    4)
		return;
	if (strchr("arf", event.kind) == NULL || event.pfn >= FRAMES ||
	    event.order > PAGE_ORDER_MAX)
		give_up("an event that cannot be");
	add_event(&event);
}

static void read_zone_line(const char *line, struct seen_zone **zone)
{
	static const struct {
		const char *format;
		size_t offset;
	} figures[] = {
		{ " pages free %u", offsetof(struct seen_zone, free) },
		{ " low %u", offsetof(struct seen_zone, low) },
		{ " spanned %u", offsetof(struct seen_zone, spanned) },
		{ " managed %u", offsetof(struct seen_zone, managed) },
		{ " count: %u", offsetof(struct seen_zone, cached) },
		{ " start_pfn: %u", offsetof(struct seen_zone, start_pfn) },
	};
	char name[16];

	if (sscanf(line, "Node 0, zone %15s", name) == 1) {
		for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
			if (strcmp(name, zone_names[type]) == 0)
				*zone = &seen[type];
		has_zones = true;
	}
	for (unsigned int i = 0; *zone != NULL && i < ARRAY_SIZE(figures); i++)
		sscanf(line, figures[i].format, (uint32_t *)((char *)*zone + figures[i].offset));
}

/* A line of `memmap 4K`: an address, a zone, and a letter a frame. */
static void read_map_line(const char *line)
{
	const char *letter = strchr(line, '|');
	unsigned int unit_kib, address;

	if (sscanf(line, "memmap: a character is %u KiB", &unit_kib) == 1)
		has_map = unit_kib == PAGE_SIZE / 1024;
	if (!has_map || letter == NULL || sscanf(line, "0x%x ", &address) != 1)
		return;
	for (uint32_t pfn = PFN_DOWN(address); *++letter != '|' && *letter != '\0'; pfn++)
		letters[pfn % FRAMES] = *letter;
}

/* `trace dump` and `zoneinfo` are told apart by their lines; the last zoneinfo counts. */
static void read_log(const char *path)
{
	FILE *file = fopen(path, "r");
	struct seen_zone *zone = NULL;
	char line[512];

	if (file == NULL)
		give_up("no such log");
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "trace ", 6) == 0)
			read_trace_line(line);
		else if (strncmp(line, "strata> ", 8) == 0)
			zone = NULL;
		else
			read_zone_line(line, &zone);
		read_map_line(line);
	}
	fclose(file);
	if (!has_end)
		give_up("no whole trace in it: a `trace dump` ends with `trace end`");
}

/* --- what was before ------------------------------------------------------------------------- */

/* The board's zone of a frame. */
static int zone_there(uint32_t pfn)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		if (pfn - seen[type].start_pfn < seen[type].spanned)
			return (int)type;
	return -1;
}

/* Free at the end, and all that moved in between, say what was free in the beginning. */
static void reckon_taken_before(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		seen[type].taken_before = seen[type].managed - seen[type].free - seen[type].cached;
	for (uint32_t i = 0; i < event_count; i++) {
		int zone = events[i].kind == 'r' ? -1 : zone_there(events[i].pfn);

		if (zone >= 0)
			seen[zone].taken_before += events[i].kind == 'a' ? -(1U << events[i].order)
									 : 1U << events[i].order;
	}
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		if (seen[type].taken_before > seen[type].managed)
			give_up("trace and zoneinfo do not fit each other");
}

static void complain_of_marks(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		if (seen[type].low != 0 && zones[type].marks.low_pages != seen[type].low)
			printf("zone %s: low is %u here and %u there\n", zone_names[type],
			       zones[type].marks.low_pages, seen[type].low);
}

/* Of the sizes alone. The first page is always reserved here. */
static void start_by_sizes(void)
{
	struct harness_machine machine = { 0 };
	bool first = true;

	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		if (seen[type].managed != 0) {
			machine.zone_pages[type] = seen[type].managed + first;
			first = false;
		}
	harness_start(&machine);
}

/* --- by the map ------------------------------------------------------------------------------ */

static uint32_t first_pfn, end_pfn;

/* The zones side by side, as the harness makes them. */
static bool find_bounds(void)
{
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		if (seen[type].spanned == 0)
			continue;
		if (end_pfn == 0)
			first_pfn = end_pfn = seen[type].start_pfn;
		if (seen[type].start_pfn != end_pfn)
			return false;
		end_pfn += seen[type].spanned;
	}
	return end_pfn != 0;
}

/* A run of frames that are the same: where it ends. */
static uint32_t run_end(uint32_t pfn, bool (*is)(uint32_t pfn), bool value)
{
	while (pfn < end_pfn && is(pfn) == value)
		pfn++;
	return pfn;
}

static bool is_reserved(uint32_t pfn)
{
	return letters[pfn] == 'R';
}

static bool is_hole(uint32_t pfn)
{
	return letters[pfn] == ' ' || letters[pfn] == '\0';
}

static void add_pieces(struct harness_machine *machine, unsigned int *count,
		       bool (*is)(uint32_t pfn), int kind)
{
	for (uint32_t pfn = first_pfn; pfn < end_pfn;) {
		uint32_t start_pfn = run_end(pfn, is, false);

		pfn = run_end(start_pfn, is, true);
		if (start_pfn == pfn)
			return;
		if (*count == ARRAY_SIZE(machine->pieces))
			give_up("too many reservations");
		machine->pieces[*count].first_page = start_pfn - first_pfn;
		machine->pieces[*count].pages = pfn - start_pfn;
		machine->pieces[(*count)++].kind = kind;
	}
}

static void start_by_map(void)
{
	struct harness_machine machine = { 0 };
	unsigned int pieces = 0;

	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		machine.zone_pages[type] = seen[type].spanned;
	add_pieces(&machine, &pieces, is_reserved, PIECE_RESERVED);
	add_pieces(&machine, &pieces, is_hole, PIECE_HOLE);
	harness_start(&machine);
}

/* From the end backwards: before it was taken it was free, before it was given back it was not. */
static void find_free_at_first(void)
{
	for (uint32_t pfn = first_pfn; pfn < end_pfn; pfn++)
		free_at_first[pfn] = letters[pfn] == '.';
	for (uint32_t i = event_count; i-- > 0;)
		if (events[i].kind != 'r')
			memset(&free_at_first[events[i].pfn], events[i].kind == 'a',
			       1U << events[i].order);
}

static bool is_taken_at_first(uint32_t pfn)
{
	return !free_at_first[pfn] && !is_reserved(pfn) && !is_hole(pfn);
}

static void take_run(uint32_t start_pfn, uint32_t stop_pfn)
{
	uint32_t here = start_pfn - first_pfn + HARNESS_BASE_PFN;

	if (here == HARNESS_BASE_PFN) { /* reserved here */
		here++;
		start_pfn++;
	}
	if (start_pfn < stop_pfn &&
	    alloc_contig_range(here, here + (stop_pfn - start_pfn), NULL) != 0)
		give_up("what was taken at first cannot be taken here");
	for (uint32_t pfn = start_pfn; pfn < stop_pfn; pfn++)
		blocks[pfn].page = pfn_to_page(here++);
}

/* Zone by zone: no range may leave one. */
static void take_by_map(void)
{
	find_free_at_first();
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		uint32_t zone_end = seen[type].start_pfn + seen[type].spanned;

		for (uint32_t pfn = seen[type].start_pfn; pfn < zone_end;) {
			uint32_t start = min_u32(run_end(pfn, is_taken_at_first, false), zone_end);

			pfn = min_u32(run_end(start, is_taken_at_first, true), zone_end);
			if (start < pfn)
				take_run(start, pfn);
		}
	}
}

/* --- by sizes -------------------------------------------------------------------------------- */

/* Out of just this zone. */
static struct page *take_from(enum zone_type zone, unsigned int order)
{
	static const gfp_t first_of[MAX_NR_ZONES] = { GFP_DMA, GFP_NOWAIT, __GFP_HIGHMEM,
						      __GFP_HIGHMEM | __GFP_MOVABLE };
	struct page *page = __alloc_pages(first_of[zone] | __GFP_NOWARN, order);

	if (page == NULL || page_zone_index(page) == zone)
		return page;
	__free_pages(page, order);
	return NULL;
}

static void mark_known(const struct event *event)
{
	memset(&known[event->pfn], true, 1U << event->order);
}

/* Who is given back without having been taken in the trace was taken before. */
static void take_blocks_of_before(void)
{
	for (uint32_t i = 0; i < event_count; i++) {
		const struct event *event = &events[i];
		int zone = zone_there(event->pfn);

		if (event->kind == 'f' && zone >= 0 && !known[event->pfn]) {
			struct page *page = take_from((enum zone_type)zone, event->order);

			blocks[event->pfn].page = page;
			blocks[event->pfn].order = (uint8_t)event->order;
			seen[zone].taken_before -= page != NULL ? 1U << event->order : 0;
		}
		if (event->kind != 'r')
			mark_known(event);
	}
}

static void take_rest_of_before(void)
{
	for (enum zone_type zone = 0; zone < MAX_NR_ZONES; zone++)
		for (int order = PAGE_ORDER_MAX; order >= 0; order--)
			while (seen[zone].taken_before >> order != 0 &&
			       take_from(zone, (unsigned int)order) != NULL)
				seen[zone].taken_before -= 1U << order;
}

/* With no mark in the way: whoever took it on the board may have had other flags. */
static void take_by_sizes(void)
{
	struct zone_watermarks marks[MAX_NR_ZONES];

	reckon_taken_before();
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		marks[zone] = zones[zone].marks;
		zones[zone].marks = (struct zone_watermarks){ 0 };
	}
	magazines_init();
	take_blocks_of_before();
	take_rest_of_before();
	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++)
		zones[zone].marks = marks[zone];
	magazines_init();
	magazines_drain_all();
}

/* --- the events ------------------------------------------------------------------------------ */

static void tell(uint32_t index, const char *what)
{
	const struct event *event = &events[index];

	printf("event %u: order %u, mode %#x, frame %#x: %s\n", index, event->order, event->gfp,
	       event->pfn, what);
}

/* Lists are in another order here than there, so blocks are cut elsewhere. */
static bool in_pieces(const struct event *event)
{
	struct page_why why;
	bool fragmented = false;

	page_why(event->gfp, event->order, &why);
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++)
		fragmented |= why.zones[type].verdict == VERDICT_FRAGMENTED;
	return fragmented;
}

static void replay_request(uint32_t index)
{
	const struct event *event = &events[index];
	struct page *page = __alloc_pages(event->gfp | __GFP_NOWARN, event->order);

	if (page == NULL) {
		result.refused++;
		if (event->kind == 'r')
			return;
		result.wrongly_refused++;
		tell(index, in_pieces(event) ? "served there, refused here: in pieces"
					     : "served there, refused here: too few pages");
		blocks[event->pfn].page = NULL;
		return;
	}
	result.served++;
	if (event->kind == 'r') {
		result.wrongly_served++;
		tell(index, "refused there, served here");
		__free_pages(page, event->order);
		return;
	}
	result.other_zone += (int)page_zone_index(page) != zone_there(event->pfn);
	blocks[event->pfn].page = page;
	blocks[event->pfn].order = (uint8_t)event->order;
}

/* What was taken whole is given back in pieces: single pages from here on. */
static void split_around(uint32_t pfn)
{
	for (unsigned int order = 1; order <= PAGE_ORDER_MAX; order++) {
		uint32_t head = ALIGN_DOWN(pfn, 1U << order);
		struct page *page = blocks[head].page;

		if (page == NULL || blocks[head].order != order)
			continue;
		split_page(page, order);
		for (uint32_t i = 0; i < 1U << order; i++) {
			blocks[head + i].page = page + i;
			blocks[head + i].order = 0;
		}
		return;
	}
}

/* What was taken as one block, or at first, page by page. */
static void replay_free(uint32_t index)
{
	const struct event *event = &events[index];
	uint32_t pfn = event->pfn, end = pfn + (1U << event->order);

	if (blocks[pfn].page == NULL || blocks[pfn].order > event->order)
		split_around(pfn);
	if (blocks[pfn].page == NULL) {
		result.unknown++; /* it was refused here */
		return;
	}
	while (pfn < end && blocks[pfn].page != NULL) {
		struct page *page = blocks[pfn].page;

		blocks[pfn].page = NULL;
		__free_pages(page, blocks[pfn].order);
		pfn += 1U << blocks[pfn].order;
	}
	result.freed++;
}

static bool walk(uint32_t index)
{
	struct page_check_result check;

	if (page_check(&check))
		return true;
	printf("after event %u: frame %#x: %s\n", index, check.pfn, check.broken);
	return false;
}

static bool replay(void)
{
	if (!hot) { /* a condition that never holds: every request takes the slow path */
		fail_point_parse(&page_fail, "nth:4294967295");
		page_debug_set(PAGE_DEBUG_FAIL, true);
	}
	for (uint32_t i = 0; i < event_count; i++) {
		if (events[i].kind == 'f')
			replay_free(i);
		else
			replay_request(i);
		if ((i + 1) % walk_every == 0 && !walk(i))
			return false;
	}
	return walk(event_count) && harness_misuses == 0;
}

/* --- main ------------------------------------------------------------------------------------ */

static void parse_zones(const char *text)
{
	uint32_t pfn = 0;

	if (sscanf(text, "%u,%u,%u,%u", &seen[0].managed, &seen[1].managed, &seen[2].managed,
		   &seen[3].managed) != MAX_NR_ZONES)
		give_up("--zones expects four sizes in pages");
	for (unsigned int type = 0; type < MAX_NR_ZONES; type++) {
		seen[type].start_pfn = pfn;
		seen[type].spanned = seen[type].managed;
		seen[type].free = seen[type].managed;
		pfn += seen[type].managed;
	}
	/* What is still out at the end is not free then. */
	for (uint32_t i = 0; i < event_count; i++) {
		int zone = events[i].kind == 'r' ? -1 : zone_there(events[i].pfn);

		if (zone >= 0)
			seen[zone].free += events[i].kind == 'f' ? 1U << events[i].order
								 : -(1U << events[i].order);
	}
	has_zones = true;
}

static void parse_arguments(int argc, char **argv)
{
	if (argc < 2)
		give_up("usage: replay LOG [--zones DMA,NORMAL,HIGHMEM,MOVABLE] [--every N] "
			"[--hot]");
	read_log(argv[1]);
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--hot") == 0)
			hot = true;
		else if (strcmp(argv[i], "--zones") == 0 && i + 1 < argc)
			parse_zones(argv[++i]);
		else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
			walk_every = (uint32_t)atoi(argv[++i]);
		else
			give_up("an option that there is not");
	}
	if (!has_zones)
		give_up("no zones: let the board print zoneinfo, or say --zones");
}

int main(int argc, char **argv)
{
	bool whole;

	parse_arguments(argc, argv);
	if (has_map && find_bounds()) {
		start_by_map();
		take_by_map();
	} else {
		start_by_sizes();
		take_by_sizes();
	}
	page_refusal_hook = NULL;
	complain_of_marks();
	whole = replay();
	printf("replay: %u events: %u blocks served, %u refused, %u given back; %u in another "
	       "zone\n",
	       event_count, result.served, result.refused, result.freed, result.other_zone);
	printf("replay: %u served there and refused here, %u refused there and served here, "
	       "%u frees of what was not served, %u events left out on the board\n",
	       result.wrongly_refused, result.wrongly_served, result.unknown, left_out);
	printf("replay: %s\n", whole ? "every page is in one place" : "the allocator is damaged");
	free(events);
	return whole && result.wrongly_refused + result.wrongly_served == 0 ? 0 : 1;
}
