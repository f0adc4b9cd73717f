/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kern/log.h"

/* As src/shell/memmap.c prints it, and what surrounds it on a console. */
#define HEADER          "memmap: a character is "
#define HEADER_MORE     "  H highatomic"
#define PROMPT          "strata>"
#define BOOT_SPLIT      "Strata vmsplit_"
#define BOOT_ARGS       "Kernel command line: "
#define LINE_CHARACTERS 64U

static const struct {
	const char *name;
	char letter;
} kinds[LIVE_KINDS] = {
	[LIVE_FREE] = { "free", '.' },
	[LIVE_RESERVED] = { "reserved", 'R' },
	[LIVE_UNMOVABLE] = { "unmovable", 'U' },
	[LIVE_MOVABLE] = { "movable", 'M' },
	[LIVE_RECLAIMABLE] = { "reclaimable", 'E' },
	[LIVE_HIGHATOMIC] = { "highatomic", 'H' },
	[LIVE_ISOLATED] = { "isolated", 'I' },
	[LIVE_QUARANTINED] = { "quarantined", 'x' },
	[LIVE_MOSTLY_FREE] = { "mostly free", '\0' },
	[LIVE_NO_RAM] = { "no RAM", ' ' },
};

const char *live_kind_name(enum live_kind kind)
{
	return kinds[kind].name;
}

char live_kind_letter(enum live_kind kind)
{
	return kinds[kind].letter;
}

bool live_is_mostly_free(char letter)
{
	return islower((unsigned char)letter) && letter != kinds[LIVE_QUARANTINED].letter;
}

enum live_kind live_owner(char letter)
{
	char capital = live_is_mostly_free(letter) ? (char)toupper((unsigned char)letter) : letter;
	enum live_kind kind = LIVE_FREE;

	while (kind < LIVE_KINDS && (kind == LIVE_MOSTLY_FREE || kinds[kind].letter != capital))
		kind++;
	return kind;
}

/* --- reading --------------------------------------------------------------------------------- */

enum place {
	OUTSIDE,
	INSIDE,     /* a memmap has begun */
	AFTERWARDS, /* a line came that is none of it; another one of it would be one too many */
	SPOILT,
};

struct reader {
	char *rest;          /* of the text */
	unsigned int number; /* of the line read last */
	enum place place;
	struct live map, whole; /* the one being read, the last good one */
	enum zone_type zone;    /* of the line before; meaningful when map has runs */
	struct live_boot boot;  /* the last one seen */
	unsigned int fault_line;
	char fault[200]; /* the last one */
};

/* The memmap being read is none after all. */
static void spoil(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void spoil(struct reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->fault, sizeof(reader->fault), format, args);
	va_end(args);
	reader->fault_line = reader->number;
	reader->place = SPOILT;
	free(reader->map.runs);
	reader->map.runs = NULL;
}

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* The next line without its end, or NULL. Terminals and captures leave carriage returns at both. */
static char *next_line(struct reader *reader)
{
	char *line = reader->rest, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	reader->rest = end != NULL ? end + 1 : NULL;
	reader->number++;
	if (end == NULL)
		end = line + strlen(line);
	while (end > line && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	*end = '\0';
	return line + strspn(line, "\r");
}

static void add_run(struct reader *reader, uint64_t base, uint64_t end, char letter)
{
	struct live *map = &reader->map;
	struct live_run *last = map->run_count != 0 ? &map->runs[map->run_count - 1] : NULL;

	if (last != NULL && last->zone == reader->zone && last->letter == letter) {
		last->end = end;
		return;
	}
	/* Doubled whenever it is full. */
	if ((map->run_count & (map->run_count - 1)) == 0) {
		map->runs = realloc(map->runs, 2 * (map->run_count + 1) * sizeof(*map->runs));
		if (map->runs == NULL)
			abort();
	}
	map->runs[map->run_count++] = (struct live_run){ base, end, reader->zone, letter };
}

static void end_zone(struct live *map, enum zone_type type, uint64_t end)
{
	map->zones[type].end = end;
	for (unsigned int i = 0; i < map->run_count; i++)
		if (map->runs[i].zone == type && map->runs[i].end > end)
			map->runs[i].end = end;
}

/* Whether a line of this zone may stand here: where the zone was left, or as a zone above. */
static bool check_place(struct reader *reader, enum zone_type type, uint64_t address)
{
	const struct live_zone *before = &reader->map.zones[reader->zone];

	if (address % PAGE_SIZE != 0 || address >= SZ_4G)
		spoil(reader, "%#" PRIx64 " is no address of a page below 4 GiB", address);
	else if (reader->map.run_count == 0)
		return true;
	else if (type == reader->zone && address != before->end)
		spoil(reader,
		      "it begins at 0x%08" PRIx64 ", the line before ends at 0x%08" PRIx64
		      ": lines or characters are missing or out of order",
		      address, before->end);
	else if (type < reader->zone || address <= before->last)
		spoil(reader,
		      "%s at 0x%08" PRIx64 " follows %s up to 0x%08" PRIx64
		      ": lines are out of order",
		      zone_names[type], address, zone_names[reader->zone], before->end);
	return reader->place != SPOILT;
}

static void add_letters(struct reader *reader, enum zone_type type, uint64_t address,
			const char *letters)
{
	struct live *map = &reader->map;
	struct live_zone *zone = &map->zones[type];

	if (map->run_count == 0 || type != reader->zone) {
		if (map->run_count != 0 && map->zones[reader->zone].end > address)
			end_zone(map, reader->zone, address);
		zone->start = address;
	}
	reader->zone = type;
	for (; *letters != '\0'; letters++) {
		zone->last = address;
		zone->end = address - address % map->unit_bytes + map->unit_bytes;
		add_run(reader, address, zone->end, *letters);
		address = zone->end;
	}
	if (address > SZ_4G)
		spoil(reader, "it goes on above 4 GiB");
}

static bool check_letters(struct reader *reader, const char *letters)
{
	size_t length = strlen(letters);

	if (length > LINE_CHARACTERS)
		spoil(reader, "it has %zu characters between the bars, not %u at most", length,
		      LINE_CHARACTERS);
	for (const char *at = letters; *at != '\0' && reader->place != SPOILT; at++)
		if (live_owner(*at) == LIVE_KINDS)
			spoil(reader,
			      isprint((unsigned char)*at) ? "'%c' is none of memmap's letters"
							  : "byte %#x is none of memmap's letters",
			      (unsigned char)*at);
	return reader->place != SPOILT;
}

static bool find_zone(struct reader *reader, const char *name, enum zone_type *type)
{
	for (*type = 0; *type < MAX_NR_ZONES; ++*type)
		if (strcmp(zone_names[*type], name) == 0)
			return true;
	spoil(reader, "its zone is none of DMA, Normal, HighMem and Movable");
	return false;
}

/* "0x40000000 DMA      |r.r...|" */
static void read_map_line(struct reader *reader, char *line)
{
	char *name, *bar = strchr(line, '|'), *last = line + strlen(line) - 1;
	uint64_t address = strtoull(line, &name, 16);
	enum zone_type type;

	if (bar == NULL || *last != '|' || last - bar < 2) {
		spoil(reader, "it is cut: a memmap's line ends in a bar");
		return;
	}
	*last = *bar = '\0';
	name += strspn(name, " ");
	name[strcspn(name, " ")] = '\0';
	if (find_zone(reader, name, &type) && check_letters(reader, bar + 1) &&
	    check_place(reader, type, address))
		add_letters(reader, type, address, bar + 1);
}

/* An address and a blank, whatever follows. */
static bool is_map_line(const char *line)
{
	char *end;

	if (line[0] != '0')
		return false;
	strtoull(line, &end, 16);
	return *end == ' ' || *end == '\0' || *end == '|';
}

static void begin_map(struct reader *reader, const char *line)
{
	char *end;
	uint64_t kib = strtoull(line + strlen(HEADER), &end, 10);

	reader->map = (struct live){ .line = reader->number, .boot = reader->boot };
	reader->place = INSIDE;
	if (kib < 4 || kib > 256 * SZ_1K || (kib & (kib - 1)) != 0 || !begins(end, " KiB"))
		spoil(reader, "a character is a power of two from 4 to 262144 KiB");
	reader->map.unit_bytes = kib << 10;
}

static void end_map(struct reader *reader)
{
	if (reader->place == INSIDE && reader->map.run_count == 0) {
		spoil(reader, "no line of the memmap above it follows");
	} else if (reader->place == INSIDE || reader->place == AFTERWARDS) {
		free(reader->whole.runs);
		reader->whole = reader->map;
	}
	reader->place = OUTSIDE;
}

static void read_boot_split(struct reader *reader, const char *line)
{
	char name[3] = { line[strlen(BOOT_SPLIT)], line[strlen(BOOT_SPLIT) + 1], '\0' };
	const char *split = name;
	uint32_t page_offset;

	reader->boot = (struct live_boot){ 0 };
	if (!split_find(&split, &page_offset))
		return;
	reader->boot.split = split;
	reader->boot.split_line = reader->number;
}

static void read_inside(struct reader *reader, char *line)
{
	if (is_map_line(line) && reader->place == INSIDE)
		read_map_line(reader, line);
	else if (is_map_line(line))
		spoil(reader, "a line of the memmap follows one that is none");
	else if (reader->map.run_count != 0)
		reader->place = AFTERWARDS;
	else if (!begins(line, HEADER_MORE))
		end_map(reader);
}

static void read_line(struct reader *reader, char *line)
{
	bool prompt = begins(line, PROMPT), header = begins(line, HEADER);
	bool split = begins(line, BOOT_SPLIT), bootargs = begins(line, BOOT_ARGS);

	if (prompt || header || split || bootargs)
		end_map(reader);
	if (header) {
		begin_map(reader, line);
	} else if (split) {
		read_boot_split(reader, line);
	} else if (bootargs) {
		reader->boot.bootargs = line + strlen(BOOT_ARGS);
		reader->boot.bootargs_line = reader->number;
	} else if (reader->place == INSIDE || reader->place == AFTERWARDS) {
		read_inside(reader, line);
	}
}

/* A NUL would end the text early, an escape would paint over the terminal that shows it. */
static void defuse(char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (iscntrl((unsigned char)text[i]) && text[i] != '\n' && text[i] != '\r')
			text[i] = '?';
}

void live_read(const char *file, struct live *live)
{
	static struct reader reader; /* what it points to is not lost when the program ends */
	size_t bytes;
	char *text = read_file(file, &bytes, "name a file with what the board's console printed"),
	     *line;

	defuse(text, bytes);
	reader.rest = text;
	while ((line = next_line(&reader)) != NULL)
		read_line(&reader, line);
	end_map(&reader);
	if (reader.whole.run_count == 0 && reader.fault_line == 0)
		die("%s: no memmap in it; enter memmap at the board's prompt and capture what it "
		    "prints",
		    file);
	if (reader.whole.run_count == 0)
		die("%s: line %u: %s; enter memmap again and capture all of it", file,
		    reader.fault_line, reader.fault);
	if (reader.fault_line > reader.whole.line)
		fprintf(stderr, "zoneplan: %s: line %u: %s; the memmap of line %u is taken\n", file,
			reader.fault_line, reader.fault, reader.whole.line);
	*live = reader.whole;
	live->file = file;
	live->text = text;
	/* With `quiet` the log comes from dmesg, maybe later. */
	if (live->boot.bootargs_line == 0)
		live->boot = reader.boot;
}

void live_free(struct live *live)
{
	free(live->runs);
	free(live->text);
}

void live_complete(const struct live *live, struct options *options)
{
	const struct live_boot *boot = &live->boot;
	bool bootargs = options->bootargs == NULL && boot->bootargs_line != 0;
	bool split = options->split == NULL && boot->split_line != 0;

	/* The log cuts a line there, and what was lost may be what places a zone. */
	if (bootargs && strlen(BOOT_ARGS) + strlen(boot->bootargs) >= LOG_TEXT_MAX - 2)
		die("%s: line %u: the boot log cuts so long arguments; give them with --bootargs, "
		    "the board's cmdline prints them whole",
		    live->file, boot->bootargs_line);
	if (bootargs)
		options->bootargs = boot->bootargs;
	if (split)
		options->split = boot->split;
	if (bootargs)
		fprintf(stderr, "zoneplan: %s: line %u: its boot arguments are used: %s\n",
			live->file, boot->bootargs_line, boot->bootargs);
	if (split)
		fprintf(stderr, "zoneplan: %s: line %u: its split is used: VMSPLIT_%s\n",
			live->file, boot->split_line, boot->split);
}

/* --- beside the plan ------------------------------------------------------------------------- */

static void differ(struct live *live, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void differ(struct live *live, const char *format, ...)
{
	size_t used = strlen(live->differences);
	va_list args;

	used += (size_t)snprintf(live->differences + used, sizeof(live->differences) - used, "%s",
				 used != 0 ? "; " : "the report's zones are not the plan's: ");
	va_start(args, format);
	vsnprintf(live->differences + used, sizeof(live->differences) - used, format, args);
	va_end(args);
}

static void settle_zone(struct live *live, enum zone_type type, const struct zone_span *span)
{
	struct live_zone *zone = &live->zones[type];
	uint64_t start = PFN_PHYS(span->start_pfn), end = start + PFN_PHYS(span->spanned_pages);

	if (zone->end == 0 && span->spanned_pages == 0)
		return;
	if (zone->end == 0) {
		differ(live, "%s is missing", zone_names[type]);
		return;
	}
	if (span->spanned_pages == 0) {
		differ(live, "%s is not planned", zone_names[type]);
		return;
	}
	if (zone->start != start)
		differ(live, "%s begins at 0x%08" PRIx64 ", planned 0x%08" PRIx64, zone_names[type],
		       zone->start, start);
	if (zone->last < end && end <= zone->end)
		end_zone(live, type, end);
	else
		differ(live, "%s ends at 0x%08" PRIx64 ", planned 0x%08" PRIx64, zone_names[type],
		       zone->end, end);
}

void live_settle(struct live *live, const struct zone_layout *layout)
{
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		settle_zone(live, type, &layout->zones[type]);
	for (unsigned int i = 0; i < live->run_count; i++) {
		const struct live_run *run = &live->runs[i];
		enum live_kind kind = live_is_mostly_free(run->letter) ? LIVE_MOSTLY_FREE
								       : live_owner(run->letter);

		live->zones[run->zone].bytes[kind] += run->end - run->base;
	}
	if (live->differences[0] != '\0')
		fprintf(stderr,
			"zoneplan: %s: %s; is this the board's tree, are these its boot "
			"arguments and split?\n",
			live->file, live->differences);
}

/* --- in numbers ------------------------------------------------------------------------------ */

/* A page is 0.004. */
static int print_mib(char *text, size_t bytes, uint64_t size)
{
	return size % SZ_1M == 0 ? snprintf(text, bytes, "%" PRIu64, size / SZ_1M)
				 : snprintf(text, bytes, "%.3f", (double)size / SZ_1M);
}

const char *live_totals(const struct live_zone *zone)
{
	static char text[LIVE_KINDS * 32];
	size_t used = 0;

	text[0] = '\0';
	for (enum live_kind kind = 0; kind < LIVE_KINDS; kind++) {
		if (zone->bytes[kind] == 0)
			continue;
		if (used != 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, ", ");
		used += (size_t)print_mib(text + used, sizeof(text) - used, zone->bytes[kind]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " MiB %s",
					 kinds[kind].name);
	}
	return text;
}

static void print_row(const struct live *live, enum live_kind kind)
{
	uint64_t sum = 0;
	char text[32];

	printf("%-12s", kinds[kind].name);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct live_zone *zone = &live->zones[type];

		if (zone->end == 0)
			continue;
		print_mib(text, sizeof(text), zone->bytes[kind]);
		printf("  %10s", text);
		sum += zone->bytes[kind];
	}
	print_mib(text, sizeof(text), sum);
	printf("  %10s\n", text);
}

/* The heads of the columns: names, where the zones begin, their last bytes. */
static void print_heads(const struct live *live)
{
	static const char *const heads[] = { "MiB", "from", "to" };

	for (unsigned int i = 0; i < ARRAY_SIZE(heads); i++) {
		printf("%-12s", heads[i]);
		for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
			const struct live_zone *zone = &live->zones[type];

			if (zone->end != 0 && i == 0)
				printf("  %10s", zone_names[type]);
			else if (zone->end != 0)
				printf("  0x%08" PRIx64, i == 1 ? zone->start : zone->end - 1);
		}
		printf("%s\n", i == 0 ? "       total" : "");
	}
}

void print_live(const struct live *live)
{
	printf("%s: the memmap of line %u, a character is %" PRIu64 " KiB\n\n", live->file,
	       live->line, live->unit_bytes >> 10);
	print_heads(live);
	for (enum live_kind kind = 0; kind < LIVE_KINDS; kind++)
		print_row(live, kind);
	if (live->unit_bytes > PAGE_SIZE)
		printf("\nEach character counts whole: at least half of it is in use, most of that "
		       "as named, or,\nmostly free, less than half. memmap 4K on the board is "
		       "exact.\n");
}
