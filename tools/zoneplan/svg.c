/* SPDX-License-Identifier: MIT */
/*
 * The plan as a picture: physical memory on the left, the kernel's addresses on the right, each
 * boundary with its reason. picture.c decides heights, labels.c where texts go; here is the ink.
 *
 * The file stands alone: no script, no font, nothing to fetch. Colours are variables with a second
 * set for dark surroundings; no colour carries a meaning that a text or a pattern does not. Elements
 * have data- attributes with the exact addresses, for programs that read the picture.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "boot/blob.h"
#include "boot/early/early.h"
#include "labels.h"
#include "live.h"
#include "mm/phys/memblock.h"
#include "picture.h"

/* Columns from left to right: labels, windows, banks, zones, the linear map, areas, labels. */
#define WIDTH       1540
#define LEFT_TEXT   398
#define LEFT_ELBOW  420
#define WINDOW_X    440
#define WINDOW_STEP 9
#define WINDOWS_MAX 5
#define BANK_X      488
#define BANK_WIDTH  58
#define ZONE_X      552
#define ZONE_WIDTH  196
#define ZONE_RIGHT  (ZONE_X + ZONE_WIDTH)
#define AREA_X      934
#define AREA_WIDTH  186
#define AREA_RIGHT  (AREA_X + AREA_WIDTH)
#define BAND_MIDDLE ((ZONE_RIGHT + AREA_X - 14) / 2.0)
#define RIGHT_TEXT  1162
#define LABEL_CHARS 56
/* A strip of the zones' column, when a board's use is drawn. */
#define LIVE_WIDTH   36
#define LIVE_X       (ZONE_RIGHT - LIVE_WIDTH)
#define LIVE_MINIMUM 3.5 /* of what is not free */
/* The legend's: three or four to a row, below the columns. */
#define LEGEND_STEP 22

struct drawing {
	FILE *file;
	const struct options *options;
	const struct run *run;
	const struct live *live; /* NULL: none */
	struct picture picture;
	struct labels left, right, head;
	bool lowmem_end_told; /* beside a zone that ends there for the same reason */
	double top;           /* of the columns */
	double bottom;        /* of columns and labels */
	char text[2048];
};

/* --- text ------------------------------------------------------------------------------------ */

/* XML forbids most control characters; bytes that are no ASCII may not be UTF-8 either. */
static void put_escaped(FILE *file, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '<')
			fputs("&lt;", file);
		else if (byte == '>')
			fputs("&gt;", file);
		else if (byte == '&')
			fputs("&amp;", file);
		else if (byte == '"')
			fputs("&quot;", file);
		else if (byte < ' ' || byte > '~')
			fputs("&#xfffd;", file);
		else
			fputc(byte, file);
	}
}

static void put_text(const struct drawing *d, double x, double y, const char *class,
		     const char *text)
{
	fprintf(d->file, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_escaped(d->file, text);
	fputs("</text>\n", d->file);
}

static const char *say(struct drawing *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *say(struct drawing *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->text, sizeof(d->text), format, args);
	va_end(args);
	return d->text;
}

/* "256 KiB", "760 MiB"; two of them may be in one text. */
static const char *size_text(uint64_t bytes)
{
	static char texts[2][32];
	static unsigned int next;
	char *text = texts[next++ % 2];

	if (bytes % SZ_1M == 0)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " MiB", bytes >> 20);
	else if (bytes % SZ_1K == 0)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " KiB", bytes >> 10);
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " bytes", bytes);
	return text;
}

/* Not by say(): a note's text may be waiting there. */
static const char *range_text(uint64_t base, uint64_t end, const char *what)
{
	static char text[160];

	snprintf(text, sizeof(text), "0x%08" PRIx64 "-0x%08" PRIx64 "  %s", base, end - 1, what);
	return text;
}

/* --- what the labels say --------------------------------------------------------------------- */

/* Higher addresses stand higher. */
static unsigned long tie_of(uint64_t address)
{
	return (unsigned long)(2 * SZ_4G - address);
}

static struct label *boundary(struct drawing *d, uint64_t address)
{
	const struct piece *last = &d->picture.pieces[d->picture.piece_count - 1];
	char title[48]; /* not say(): a note's text may be waiting there */

	snprintf(title, sizeof(title), "0x%08" PRIx64 "%s", address,
		 address > last->end ? "  (above what is drawn)" : "");
	return labels_add(&d->left, picture_y(&d->picture, address), tie_of(address), title);
}

/* What the other label at the same address says already. */
static bool is_told_by_neighbour(const struct boot_plan *plan, enum layout_reason reason)
{
	return reason == REASON_ZONE_BELOW || reason == REASON_MOVABLE_START ||
	       (reason == REASON_LOWMEM_END && plan->layout.lowmem_end > plan->ram_base);
}

static void label_zone(struct drawing *d, enum zone_type type)
{
	const struct boot_plan *plan = &d->run->plan;
	const struct zone_span *zone = &plan->layout.zones[type];
	uint64_t start = PFN_PHYS(zone->start_pfn);
	uint64_t end = start + PFN_PHYS(zone->spanned_pages);
	bool lowmem =
		end == plan->layout.lowmem_end && zone->end_reason == plan->layout.lowmem_reason;

	if (zone->present_pages == 0)
		return;
	if (!is_told_by_neighbour(plan, zone->start_reason))
		label_note(&d->left, boundary(d, start),
			   say(d, "%s begins: %s", zone_names[type],
			       boot_plan_reason(plan, zone->start_reason)));
	if (!is_told_by_neighbour(plan, zone->end_reason))
		label_note(&d->left, boundary(d, end),
			   say(d, "%s %s: %s", zone_names[type], lowmem ? "and lowmem end" : "ends",
			       boot_plan_reason(plan, zone->end_reason)));
	d->lowmem_end_told |= lowmem;
}

static void label_limits(struct drawing *d)
{
	const struct boot_plan *plan = &d->run->plan;

	label_note(&d->left, boundary(d, plan->ram_base),
		   "RAM base: the lowest bank, rounded up to 2 MiB");
	if (plan->layout.lowmem_end > plan->ram_base && !d->lowmem_end_told)
		label_note(&d->left, boundary(d, plan->layout.lowmem_end),
			   say(d, "lowmem ends: %s",
			       boot_plan_reason(plan, plan->layout.lowmem_reason)));
	if (plan->dma.bytes != DMA_LIMIT_NONE)
		label_note(&d->left, boundary(d, plan->ram_base + plan->dma.bytes),
			   say(d, "DMA limit: %s from the RAM base, set by %s",
			       size_text(plan->dma.bytes),
			       boot_plan_dma_source(plan, d->run->blob)));
}

static void label_banks(struct drawing *d)
{
	for (uint32_t i = 0; i < d->run->tree.memory_count; i++) {
		const struct tree_bank *bank = &d->run->tree.memory[i];
		const char *path = blob_node_path(d->run->blob, bank->node);

		if (bank->size == 0 || bank->base >= SZ_4G)
			continue;
		label_note(&d->left, boundary(d, bank->base),
			   say(d, "bank of %s begins, %s", path, size_text(bank->size)));
		if (bank->base + bank->size > SZ_4G)
			label_note(&d->left, boundary(d, SZ_4G),
				   say(d, "bank of %s goes on, out of reach without LPAE", path));
		else
			label_note(&d->left, boundary(d, bank->base + bank->size),
				   say(d, "bank of %s ends", path));
	}
}

static void label_range(struct drawing *d, uint64_t base, uint64_t end, const char *what,
			const char *note)
{
	double y = (picture_y(&d->picture, base) + picture_y(&d->picture, end)) / 2;
	struct label *label = labels_add(&d->left, y, tie_of(base), range_text(base, end, what));

	label_note(&d->left, label, note);
}

/* The regions of the tree that touch [base, end), by name; more than fit are cut. */
static void name_regions(const struct drawing *d, uint64_t base, uint64_t end, char *names,
			 size_t bytes)
{
	size_t used = strlen(names);

	for (uint32_t i = 0; i < d->run->tree.reserved_count && used < bytes; i++) {
		const struct tree_reserved *region = &d->run->tree.reserved[i];

		if ((region->flags & RESERVED_DYNAMIC) != 0 || region->base >= end ||
		    region->base + region->size <= base)
			continue;
		used += (size_t)snprintf(names + used, bytes - used, "%s%s", used != 0 ? ", " : "",
					 blob_node_path(d->run->blob, region->node));
	}
}

static void name_occupant(uint64_t base, uint64_t end, uint64_t at, uint64_t size, const char *name,
			  char *names, size_t bytes)
{
	size_t used = strlen(names);

	if (size != 0 && at < end && base < at + size)
		snprintf(names + used, bytes - used, "%s%s", used != 0 ? ", " : "", name);
}

static void label_reserved(struct drawing *d)
{
	const struct boot_tree *tree = &d->run->tree;
	uint64_t ram_base = d->run->plan.ram_base;
	struct memblock_region *region;

	for_each_reserved_mem_region(region) {
		uint64_t base = region->base, end = base + region->size;
		char names[400] = "", what[64];

		if (region->size == 0)
			continue;
		name_occupant(base, end, ram_base, PAGE_SIZE, "first page", names, sizeof(names));
		name_occupant(base, end, ram_base + IMAGE_OFFSET, NOMINAL_IMAGE_BYTES,
			      "firmware image (nominal size)", names, sizeof(names));
		name_occupant(base, end, tree->initrd_start, tree->initrd_end - tree->initrd_start,
			      "initrd", names, sizeof(names));
		name_regions(d, base, end, names, sizeof(names));
		snprintf(what, sizeof(what), "reserved, %s", size_text(region->size));
		label_range(d, base, end, what,
			    names[0] != '\0' ? names
					     : "/memreserve/, or placed by its alloc-ranges");
	}
}

static void label_other_pieces(struct drawing *d)
{
	static const char *const kinds[] = {
		[PIECE_NO_MAP] = "no-map",
		[PIECE_LEFT_OUT] = "left out",
		[PIECE_HOLE] = "hole",
	};
	const struct picture *picture = &d->picture;

	for (unsigned int i = 0, last; i < picture->piece_count; i = last + 1) {
		const struct piece *piece = &picture->pieces[i];
		char names[400] = "", what[64];
		uint64_t end;

		for (last = i; last + 1 < picture->piece_count &&
			       picture->pieces[last + 1].kind == piece->kind;)
			last++;
		end = picture->pieces[last].end;
		if (piece->kind == PIECE_RAM)
			continue;
		snprintf(what, sizeof(what), "%s, %s", kinds[piece->kind],
			 size_text(end - piece->base));
		if (piece->kind == PIECE_NO_MAP)
			name_regions(d, piece->base, end, names, sizeof(names));
		label_range(d, piece->base, end, what,
			    piece->kind == PIECE_HOLE ? "no RAM in the tree"
			    : piece->kind == PIECE_LEFT_OUT
				    ? "RAM that is not used: mem=, or beyond "
				      "what can be a page frame"
			    : names[0] != '\0' ? names
					       : "present, never mapped");
	}
}

/* Windows that are drawn: one bar for each range, however many buses have it. */
static unsigned int choose_windows(const struct boot_tree *tree, const struct dma_window **chosen)
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < tree->window_count && count < WINDOWS_MAX; i++) {
		const struct dma_window *window = &tree->windows[i];
		bool seen = window->base >= window->end;

		for (unsigned int j = 0; j < count; j++)
			seen |= chosen[j]->base == window->base && chosen[j]->end == window->end;
		if (!seen)
			chosen[count++] = window;
	}
	return count;
}

static void label_windows(struct drawing *d)
{
	const struct dma_window *chosen[WINDOWS_MAX];
	unsigned int count = choose_windows(&d->run->tree, chosen);

	for (unsigned int i = 0; i < count; i++) {
		const struct dma_window *window = chosen[i];
		struct label *label = boundary(d, min_u64(window->end, SZ_4G));

		label_note(&d->left, label,
			   say(d,
			       "DMA window of %s ends: 0x%08" PRIx64 "-0x%08" PRIx64
			       ", on the bus from 0x%08" PRIx64,
			       blob_node_path(d->run->blob, window->node), window->base,
			       window->end - 1, window->bus_base));
	}
}

static void label_lowmem_area(struct drawing *d)
{
	const struct boot_plan *plan = &d->run->plan;
	uint64_t bytes = plan->layout.lowmem_end - plan->ram_base;
	double y = (picture_y(&d->picture, plan->ram_base) +
		    picture_y(&d->picture, plan->layout.lowmem_end)) /
		   2;
	struct label *label;
	char what[64];

	if (bytes == 0)
		return;
	snprintf(what, sizeof(what), "lowmem, %s", size_text(bytes));
	label = labels_add(&d->right, y, tie_of(plan->page_offset),
			   range_text(plan->page_offset, plan->page_offset + bytes, what));
	label_note(&d->right, label,
		   say(d, "the linear map: begins at PAGE_OFFSET (VMSPLIT_%s) with the RAM base",
		       d->options->split));
	label_note(&d->right, label,
		   say(d, "ends where physical lowmem ends: %s",
		       boot_plan_reason(plan, plan->layout.lowmem_reason)));
}

/* What a board's zones are used for. */
static void label_live(struct drawing *d)
{
	for (enum zone_type type = 0; d->live != NULL && type < MAX_NR_ZONES; type++) {
		const struct live_zone *zone = &d->live->zones[type];

		if (zone->end != 0)
			label_range(d, zone->start, zone->end, zone_names[type],
				    say(d, "live: %s", live_totals(zone)));
	}
}

static void label_areas(struct drawing *d)
{
	for (unsigned int i = 0; i < d->picture.area_count; i++) {
		const struct area *area = &d->picture.areas[i];
		struct label *label;
		char what[64];

		if (strcmp(area->name, "spare") == 0)
			continue;
		snprintf(what, sizeof(what), "%s, %s", area->name,
			 size_text(area->end - area->start));
		label = labels_add(&d->right, (area->top + area->bottom) / 2, tie_of(area->start),
				   range_text(area->start, area->end, what));
		label_note(&d->right, label, area->why);
	}
	label_lowmem_area(d);
}

static void make_labels(struct drawing *d)
{
	d->left.width_chars = LABEL_CHARS;
	d->right.width_chars = LABEL_CHARS;
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		label_zone(d, type);
	label_limits(d);
	label_banks(d);
	label_windows(d);
	label_other_pieces(d);
	label_reserved(d);
	label_live(d);
	label_areas(d);
}

/* --- shapes ---------------------------------------------------------------------------------- */

static void put_rect(const struct drawing *d, double x, double top, double width, double bottom,
		     const char *class)
{
	fprintf(d->file,
		"<rect x=\"%.1f\" y=\"%.2f\" width=\"%.1f\" height=\"%.2f\" class=\"%s\"/>\n", x,
		top, width, bottom - top, class);
}

/* What is drawn shorter is broken by a zigzag, in its lower part, off the text. */
static void put_break(const struct drawing *d, double x, double top, double width, double bottom)
{
	double y = top + (bottom - top) * 0.75;

	fprintf(d->file, "<path class=\"break\" d=\"M%.1f %.1f", x - 4, y);
	for (int i = 1; i <= 16; i++)
		fprintf(d->file, "L%.1f %.1f", x - 4 + (width + 8) * i / 16,
			y + (i % 2 != 0 ? 4 : -4));
	fputs("\"/>\n", d->file);
}

static void put_scaled(const struct drawing *d, double x, double width, double top, double bottom,
		       enum piece_scale scale, const char *class)
{
	char classes[64];

	snprintf(classes, sizeof(classes), "%s%s", class, scale == TALLER ? " taller" : "");
	put_rect(d, x, top, width, bottom, classes);
	if (scale == SHORTER)
		put_break(d, x, top, width, bottom);
}

static const char *zone_class(enum zone_type type)
{
	static const char *const classes[] = { "dma", "normal", "highmem", "movable", "nobody" };

	return classes[type];
}

static const char *piece_class(const struct drawing *d, const struct piece *piece)
{
	static const char *const classes[] = {
		[PIECE_NO_MAP] = "nomap",
		[PIECE_LEFT_OUT] = "leftout",
		[PIECE_HOLE] = "hole",
	};

	return piece->kind == PIECE_RAM ? zone_class(picture_zone(&d->run->plan, piece))
					: classes[piece->kind];
}

static bool in_lowmem(const struct drawing *d, const struct piece *piece)
{
	return piece->base >= d->run->plan.ram_base && piece->end <= d->run->plan.layout.lowmem_end;
}

/* A piece in its three places: the zones, the band, the linear map. */
static void draw_piece(const struct drawing *d, const struct piece *piece)
{
	static const char *const scales[] = { "exact", "taller", "shorter" };
	static const char *const kinds[] = { "ram", "no-map", "left-out", "hole" };
	const char *class = piece_class(d, piece);

	fprintf(d->file,
		"<g data-piece=\"%s\" data-base=\"%" PRIu64 "\" data-end=\"%" PRIu64
		"\" data-scale=\"%s\">\n",
		kinds[piece->kind], piece->base, piece->end, scales[piece->scale]);
	put_scaled(d, ZONE_X, ZONE_WIDTH, piece->top, piece->bottom, piece->scale, class);
	fputs("</g>\n", d->file);
	if (!in_lowmem(d, piece))
		return;
	if (piece->kind == PIECE_RAM)
		put_rect(d, ZONE_RIGHT, piece->top, AREA_X - ZONE_RIGHT, piece->bottom, "band");
	put_scaled(d, AREA_X, AREA_WIDTH, piece->top, piece->bottom, piece->scale, class);
}

static void draw_bank(const struct drawing *d, const struct tree_bank *bank, unsigned int number)
{
	uint64_t end = min_u64(bank->base + bank->size, SZ_4G);
	double top = picture_y(&d->picture, end), bottom = picture_y(&d->picture, bank->base);

	fprintf(d->file,
		"<g data-bank=\"%u\" data-base=\"%" PRIu64 "\" data-end=\"%" PRIu64 "\">\n", number,
		bank->base, end);
	put_rect(d, BANK_X, top, BANK_WIDTH, bottom, "bank");
	fputs("</g>\n", d->file);
}

static void draw_banks(const struct drawing *d)
{
	const struct boot_tree *tree = &d->run->tree;

	for (uint32_t i = 0; i < tree->memory_count; i++)
		if (tree->memory[i].size != 0 && tree->memory[i].base < SZ_4G)
			draw_bank(d, &tree->memory[i], i);
}

static void draw_reserved(const struct drawing *d)
{
	struct memblock_region *region;

	for_each_reserved_mem_region(region) {
		uint64_t end = (uint64_t)region->base + region->size;
		double top = picture_y(&d->picture, end);
		double bottom = picture_y(&d->picture, region->base);
		bool thin = bottom - top < 2.5;

		if (region->size == 0)
			continue;
		put_rect(d, BANK_X + 6, thin ? bottom - 2.5 : top, BANK_WIDTH - 12, bottom,
			 "reserved");
	}
}

static void draw_windows(const struct drawing *d)
{
	const struct dma_window *chosen[WINDOWS_MAX];
	unsigned int count = choose_windows(&d->run->tree, chosen);

	for (unsigned int i = 0; i < count; i++) {
		double top = picture_y(&d->picture, chosen[i]->end);
		double bottom = picture_y(&d->picture, chosen[i]->base);

		if (bottom > top)
			put_rect(d, WINDOW_X + WINDOW_STEP * i, top, 5, bottom, "window");
	}
}

static void draw_dma_limit(const struct drawing *d)
{
	const struct boot_plan *plan = &d->run->plan;
	double y;

	if (plan->dma.bytes == DMA_LIMIT_NONE)
		return;
	y = picture_y(&d->picture, plan->ram_base + plan->dma.bytes);
	fprintf(d->file, "<path class=\"limit\" d=\"M%d %.1fH%d\"/>\n", WINDOW_X - 6, y,
		ZONE_RIGHT + 10);
}

/* The middle of what a board's use leaves of the zones' column. */
static double zone_middle(const struct drawing *d)
{
	return ZONE_X + (ZONE_WIDTH - (d->live != NULL ? LIVE_WIDTH : 0)) / 2.0;
}

/* The tallest piece of RAM that a zone has; NULL: none. */
static const struct piece *tallest_piece(const struct drawing *d, enum zone_type type)
{
	const struct piece *tallest = NULL;

	for (unsigned int i = 0; i < d->picture.piece_count; i++) {
		const struct piece *piece = &d->picture.pieces[i];

		if (piece->kind == PIECE_RAM && picture_zone(&d->run->plan, piece) == type &&
		    (tallest == NULL ||
		     piece->bottom - piece->top > tallest->bottom - tallest->top))
			tallest = piece;
	}
	return tallest;
}

static void draw_zone_text(struct drawing *d, enum zone_type type)
{
	const struct zone_span *zone = &d->run->plan.layout.zones[type];
	const struct piece *piece = tallest_piece(d, type);
	uint64_t start = PFN_PHYS(zone->start_pfn);
	double x = zone_middle(d), y, height;
	const char *holes = zone->present_pages != zone->spanned_pages ? " and holes" : "";

	if (piece == NULL)
		return;
	height = piece->bottom - piece->top;
	y = (piece->top + piece->bottom) / 2;
	if (height >= 52) {
		put_text(d, x, y - 12, "name mid", zone_names[type]);
		put_text(d, x, y + 4, "mono mid",
			 say(d, "0x%08" PRIx64 "-0x%08" PRIx64, start,
			     start + PFN_PHYS(zone->spanned_pages) - 1));
		put_text(d, x, y + 20, "in mid",
			 say(d, "%s%s", size_text(PFN_PHYS(zone->present_pages)), holes));
	} else if (height >= 16) {
		put_text(d, x, y + 4, "in mid",
			 say(d, "%s, %s%s", zone_names[type],
			     size_text(PFN_PHYS(zone->present_pages)), holes));
	}
}

static bool zone_fits(const struct drawing *d, enum zone_type type)
{
	const struct piece *piece = tallest_piece(d, type);

	return piece != NULL && piece->bottom - piece->top >= 52;
}

/* What has no room in the column says beside it how large it is. */
static void label_small_zones(struct drawing *d)
{
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &d->run->plan.layout.zones[type];
		uint64_t start = PFN_PHYS(zone->start_pfn);
		char what[64];

		if (zone->present_pages == 0 || zone_fits(d, type))
			continue;
		snprintf(what, sizeof(what), "%s", zone_names[type]);
		label_range(d, start, start + PFN_PHYS(zone->spanned_pages), what,
			    say(d, "the zone: %s present of %s spanned",
				size_text(PFN_PHYS(zone->present_pages)),
				size_text(PFN_PHYS(zone->spanned_pages))));
	}
}

static void draw_zone_outline(const struct drawing *d, enum zone_type type)
{
	const struct zone_span *zone = &d->run->plan.layout.zones[type];
	uint64_t start = PFN_PHYS(zone->start_pfn);
	uint64_t end = start + PFN_PHYS(zone->spanned_pages);

	if (zone->present_pages == 0)
		return;
	fprintf(d->file,
		"<g data-zone=\"%s\" data-base=\"%" PRIu64 "\" data-end=\"%" PRIu64 "\">\n",
		zone_names[type], start, end);
	put_rect(d, ZONE_X, picture_y(&d->picture, end), ZONE_WIDTH, picture_y(&d->picture, start),
		 "outline");
	fputs("</g>\n", d->file);
}

static void draw_area(struct drawing *d, const struct area *area)
{
	static const char *const scales[] = { "exact", "taller", "shorter" };
	double height = area->bottom - area->top;
	double y = height > 60 ? area->top + height * 0.5 : area->top + 12.5;

	fprintf(d->file,
		"<g data-area=\"%s\" data-base=\"%" PRIu64 "\" data-end=\"%" PRIu64
		"\" data-scale=\"%s\">\n",
		area->name, area->start, area->end, scales[area->scale]);
	put_scaled(d, AREA_X, AREA_WIDTH, area->top, area->bottom, area->scale,
		   area->used ? "area" : "hole");
	put_text(d, AREA_X + AREA_WIDTH / 2.0, y, area->used ? "in mid" : "note mid", area->name);
	fputs("</g>\n", d->file);
}

static void draw_live_run(const struct drawing *d, const struct live_run *run)
{
	const struct piece *pieces = d->picture.pieces, *last = &pieces[d->picture.piece_count - 1];
	enum live_kind kind = live_owner(run->letter);
	bool pale = live_is_mostly_free(run->letter);
	double top = picture_y(&d->picture, run->end);
	double bottom = picture_y(&d->picture, run->base);
	char class[40], letter[2] = { run->letter, '\0' };

	if (kind == LIVE_NO_RAM || run->end <= pieces[0].base || run->base >= last->end)
		return;
	if (kind != LIVE_FREE && bottom - top < LIVE_MINIMUM) {
		/* Upwards, but not into the zone above. */
		double ceiling = picture_y(&d->picture, d->live->zones[run->zone].end);

		top = bottom - LIVE_MINIMUM < ceiling ? ceiling : bottom - LIVE_MINIMUM;
		bottom = top + LIVE_MINIMUM;
	}
	snprintf(class, sizeof(class), "live %s-pages%s", live_kind_name(kind),
		 pale ? " pale" : "");
	fprintf(d->file,
		"<g data-live=\"%c\" data-base=\"%" PRIu64 "\" data-end=\"%" PRIu64
		"\">\n<title>%s",
		run->letter, run->base, run->end,
		range_text(run->base, run->end, live_kind_name(kind)));
	fprintf(d->file, "%s, %s</title>\n", pale ? ", more than half free" : "",
		size_text(run->end - run->base));
	if (pale) /* not over the zone's colour */
		put_rect(d, LIVE_X, top, LIVE_WIDTH, bottom, "live free-pages");
	put_rect(d, LIVE_X, top, LIVE_WIDTH, bottom, class);
	if (kind != LIVE_FREE && bottom - top >= 13)
		put_text(d, LIVE_X + LIVE_WIDTH / 2.0, (top + bottom) / 2 + 4, "in mid", letter);
	fputs("</g>\n", d->file);
}

/* Free runs first: what is thin and taken stands over them. */
static void draw_live(const struct drawing *d)
{
	for (int free = 1; d->live != NULL && free >= 0; free--)
		for (unsigned int i = 0; i < d->live->run_count; i++)
			if ((live_owner(d->live->runs[i].letter) == LIVE_FREE) == free)
				draw_live_run(d, &d->live->runs[i]);
}

/* lowmem's name goes where the most even ground is. */
static void draw_lowmem_text(struct drawing *d)
{
	const struct boot_plan *plan = &d->run->plan;
	const struct piece *best = NULL;
	double y;

	for (unsigned int i = 0; i < d->picture.piece_count; i++) {
		const struct piece *piece = &d->picture.pieces[i];

		if (piece->kind == PIECE_RAM && in_lowmem(d, piece) &&
		    (best == NULL || piece->bottom - piece->top > best->bottom - best->top))
			best = piece;
	}
	if (best == NULL || best->bottom - best->top < 16)
		return;
	y = (best->top + best->bottom) / 2;
	put_text(d, AREA_X + AREA_WIDTH / 2.0, y + 4, "name mid", "lowmem");
	if (best->bottom - best->top < 40)
		return;
	put_text(d, BAND_MIDDLE, y - 5, "in mid", "linear map: virtual =");
	put_text(d, BAND_MIDDLE, y + 11, "in mid",
		 say(d, "physical %c 0x%08" PRIx64, plan->page_offset >= plan->ram_base ? '+' : '-',
		     plan->page_offset >= plan->ram_base ? plan->page_offset - plan->ram_base
							 : plan->ram_base - plan->page_offset));
}

static const struct area *find_area(const struct drawing *d, const char *name)
{
	for (unsigned int i = 0; i < d->picture.area_count; i++)
		if (strcmp(d->picture.areas[i].name, name) == 0)
			return &d->picture.areas[i];
	return NULL;
}

/* Highmem has no lasting mapping: a dashed line leads to the two windows it is seen through. */
static void draw_highmem_windows(struct drawing *d)
{
	static const char *const names[] = { "fixmap", "pkmap" };
	const struct piece *highest = NULL;
	double y, rail = AREA_X - 12;

	for (unsigned int i = 0; i < d->picture.piece_count; i++)
		if (d->picture.pieces[i].kind == PIECE_RAM &&
		    d->picture.pieces[i].base >= d->run->plan.layout.lowmem_end)
			highest = &d->picture.pieces[i];
	if (highest == NULL)
		return;
	y = (highest->top + highest->bottom) / 2;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		const struct area *area = find_area(d, names[i]);

		if (area != NULL)
			fprintf(d->file, "<path class=\"windows\" d=\"M%d %.1fH%.1fV%.1fH%d\"/>\n",
				ZONE_RIGHT, y, rail, (area->top + area->bottom) / 2, AREA_X);
	}
	put_text(d, ZONE_RIGHT + 8, y - 21, "note", "highmem: not mapped,");
	put_text(d, ZONE_RIGHT + 8, y - 6, "note", "seen through windows");
}

/* --- labels ---------------------------------------------------------------------------------- */

static void draw_label(const struct drawing *d, const struct label *label, bool left)
{
	double y = label->top + 8, from = left ? LEFT_TEXT + 5 : RIGHT_TEXT - 5;
	double elbow = left ? LEFT_ELBOW : RIGHT_TEXT - 18;

	fputs("<g class=\"label\">\n", d->file);
	fprintf(d->file, "<path class=\"leader\" d=\"M%.1f %.1fH%.1fL%d %.1fH%d\"/>\n", from, y,
		elbow, left ? WINDOW_X - 6 : AREA_RIGHT + 6, label->want,
		left ? BANK_X : AREA_RIGHT);
	for (unsigned int i = 0; i < label->line_count; i++) {
		char class[32];

		snprintf(class, sizeof(class), "%s%s", i == 0 ? "mono bold" : "note",
			 left ? " end" : "");
		put_text(d, left ? LEFT_TEXT : RIGHT_TEXT, label->top + 12 + i * LABEL_LINE_PX,
			 class, label->lines[i]);
	}
	fputs("</g>\n", d->file);
}

static void draw_labels(const struct drawing *d)
{
	for (unsigned int i = 0; i < d->left.count; i++)
		draw_label(d, &d->left.all[i], true);
	for (unsigned int i = 0; i < d->right.count; i++)
		draw_label(d, &d->right.all[i], false);
}

/* --- head, legend, style --------------------------------------------------------------------- */

static const char style[] =
	"svg { --back: #ffffff; --ink: #1b1f24; --quiet: #4b5563; --line: #6b7280;\n"
	"  --dma: #ffd2a8; --normal: #b9dcf7; --highmem: #f5e79a; --movable: #e2c4ec;\n"
	"  --area: #bfe6d6; --bank: #e5e7eb; --nomap: #c9cdd3; --reserved: #374151;\n"
	"  --limit: #a33b00; --band: #b9dcf7; --rpages: #aab2bd; --upages: #f08a7a;\n"
	"  --mpages: #7fc97f; --epages: #6fb7e8; --hpages: #c39bf0; --ipages: #e0b341;\n"
	"  --xpages: #ff7ab8 }\n"
	"@media (prefers-color-scheme: dark) {\n"
	"svg { --back: #14181d; --ink: #f3f4f6; --quiet: #c3c9d1; --line: #8b949e;\n"
	"  --dma: #7a3e0a; --normal: #14507f; --highmem: #5f5410; --movable: #61357a;\n"
	"  --area: #135441; --bank: #2f363f; --nomap: #454c55; --reserved: #d1d5db;\n"
	"  --limit: #ff9d66; --band: #14507f; --rpages: #5b6470; --upages: #a63d2f;\n"
	"  --mpages: #2f7a37; --epages: #1f6ea8; --hpages: #7446ad; --ipages: #7d5e0c;\n"
	"  --xpages: #b01f68 } }\n"
	"text { fill: var(--ink); font-family: system-ui, 'Segoe UI', 'DejaVu Sans', Arial,"
	" sans-serif }\n"
	".title { font-size: 22px; font-weight: 600 } .column { font-size: 14px; font-weight: 600 "
	"}\n"
	".name { font-size: 14px; font-weight: 600 } .in { font-size: 12px }\n"
	".note { font-size: 12px; fill: var(--quiet) }\n"
	".mono { font-size: 12px; font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas,"
	" monospace }\n"
	".bold { font-weight: 600 } .mid { text-anchor: middle } .end { text-anchor: end }\n"
	"rect { stroke: var(--line); stroke-width: 1 } .back { fill: var(--back); stroke: none }\n"
	".dma { fill: var(--dma) } .normal { fill: var(--normal) }"
	" .highmem { fill: var(--highmem) }\n"
	".movable { fill: var(--movable) } .nobody { fill: var(--back) }"
	" .area { fill: var(--area) }\n"
	".bank { fill: var(--bank) } .reserved { fill: var(--reserved); stroke: none }\n"
	".nomap { fill: url(#stripes) } .leftout { fill: url(#dots) }\n"
	".hole { fill: none; stroke-dasharray: 1 3 } .outline { fill: none; stroke: var(--ink);"
	" stroke-width: 1.5 }\n"
	".taller { stroke-dasharray: 4 3 } .band { fill: var(--band); opacity: .45; stroke: none "
	"}\n"
	".window { fill: var(--limit); stroke: none; opacity: .75 }\n"
	".limit { stroke: var(--limit); stroke-width: 2; stroke-dasharray: 7 4; fill: none }\n"
	".windows { stroke: var(--quiet); stroke-dasharray: 3 3; fill: none }\n"
	".leader { stroke: var(--line); stroke-width: .8; fill: none }\n"
	".break { fill: none; stroke: var(--quiet); stroke-width: 2 }\n"
	".stripe { stroke: var(--line); stroke-width: 2 } .dot { fill: var(--line) }\n"
	".stripe-back { fill: var(--nomap); stroke: none }\n"
	".live { stroke: none } .pale { opacity: .5 } .free-pages { fill: var(--back) }\n"
	".reserved-pages { fill: var(--rpages) } .unmovable-pages { fill: var(--upages) }\n"
	".movable-pages { fill: var(--mpages) } .reclaimable-pages { fill: var(--epages) }\n"
	".highatomic-pages { fill: var(--hpages) } .isolated-pages { fill: var(--ipages) }\n"
	".quarantined-pages { fill: var(--xpages) }\n";

static const char patterns[] =
	"<defs>\n<pattern id=\"stripes\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\""
	" patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" class=\"stripe-back\"/>"
	"<path d=\"M0 0V7\" class=\"stripe\"/></pattern>\n"
	"<pattern id=\"dots\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\">"
	"<circle cx=\"2\" cy=\"2\" r=\"1\" class=\"dot\"/></pattern>\n</defs>\n";

static const char *board_name(struct drawing *d)
{
	const struct boot_tree *tree = &d->run->tree;

	if (tree->model.bytes == 0)
		return "a board without a model name";
	return say(d, "%.*s", (int)min_u64(tree->model.bytes, 80),
		   (const char *)d->run->blob + tree->model.offset);
}

static void make_live_head(struct drawing *d, struct label *label)
{
	const struct live *live = d->live;

	if (live == NULL)
		return;
	label_note(&d->head, label,
		   say(d, "live: the memmap of line %u in %s, a character is %s", live->line,
		       live->file, size_text(live->unit_bytes)));
	label_note(&d->head, label, live->differences);
}

/* The lines below the title. */
static void make_head(struct drawing *d)
{
	const struct boot_plan *plan = &d->run->plan;
	struct label *label;

	d->head.width_chars = LABEL_LINE_BYTES - 1;
	label = labels_add(&d->head, 0, 0, "");
	label_note(&d->head, label,
		   say(d,
		       "VMSPLIT_%s, PAGE_OFFSET 0x%08" PRIx32 ", RAM base 0x%08" PRIx64 ", file %s",
		       d->options->split, plan->page_offset, plan->ram_base, d->options->file));
	make_live_head(d, label);
	label_note(&d->head, label,
		   say(d, "boot arguments: %s",
		       d->run->bootargs[0] != '\0' ? d->run->bootargs : "none"));
}

static void draw_head(struct drawing *d)
{
	const struct label *lines = &d->head.all[0];
	char title[128];

	snprintf(title, sizeof(title), "Memory of %s", board_name(d));
	put_text(d, 24, 36, "title", title);
	for (unsigned int i = 1; i < lines->line_count; i++)
		put_text(d, 24, 42 + 18.0 * i, "mono", lines->lines[i]);
	put_text(d, BANK_X + BANK_WIDTH / 2.0, d->top - 30, "note mid", "banks");
	put_text(d, BANK_X + BANK_WIDTH / 2.0, d->top - 14, "note mid", "(tree)");
	put_text(d, ZONE_X + ZONE_WIDTH / 2.0, d->top - 30, "column mid", "Physical memory");
	put_text(d, zone_middle(d), d->top - 14, "note mid", "by zone");
	if (d->live != NULL)
		put_text(d, LIVE_X + LIVE_WIDTH / 2.0, d->top - 14, "note mid", "live");
	put_text(d, AREA_X + AREA_WIDTH / 2.0, d->top - 30, "column mid", "Kernel addresses");
	put_text(d, AREA_X + AREA_WIDTH / 2.0, d->top - 14, "note mid", "virtual");
}

static double legend_y(const struct drawing *d, unsigned int number)
{
	return d->bottom + 34 + LEGEND_STEP * (number / 4);
}

static void put_legend(const struct drawing *d, unsigned int number, const char *class,
		       const char *letter, const char *text)
{
	double x = 24 + 365.0 * (number % 4), y = legend_y(d, number);

	put_rect(d, x, y, 24, y + 14, class);
	put_text(d, x + 12, y + 11.5, "in mid", letter);
	put_text(d, x + 32, y + 11.5, "in", text);
}

/* The kinds from entry `first` on, which begins a row, and a row of words. */
static void draw_live_legend(const struct drawing *d, unsigned int first)
{
	char class[40], letter[2] = "";

	if (d->live == NULL)
		return;
	for (enum live_kind kind = 0; kind <= LIVE_QUARANTINED; kind++) {
		snprintf(class, sizeof(class), "%s-pages", live_kind_name(kind));
		letter[0] = live_kind_letter(kind);
		put_legend(d, first + kind, class, letter, live_kind_name(kind));
	}
	put_text(d, 24, legend_y(d, first + LIVE_QUARANTINED + 1) + 11.5, "in",
		 "The last eight are the strip in the zones, live: what each character of memmap "
		 "has most of. Pale, a small letter: more than half of it is free. At least 3.5 px "
		 "each; no RAM, nothing drawn.");
}

/* Rows that draw_live_legend adds. */
static double live_legend_height(const struct drawing *d)
{
	return d->live != NULL ? LEGEND_STEP * ((LIVE_QUARANTINED + 4) / 4 + 1) : 0;
}

static void draw_legend(const struct drawing *d)
{
	static const struct {
		const char *class;
		const char *text;
	} entries[] = {
		{ "dma", "DMA: every device reaches it" },
		{ "normal", "Normal: mapped for good" },
		{ "highmem", "HighMem: mapped on demand" },
		{ "movable", "Movable: pages that can move" },
		{ "area", "an area of kernel addresses" },
		{ "bank", "a bank of the device tree" },
		{ "reserved", "reserved: somebody owns it (at least 2.5 px)" },
		{ "nomap", "no-map: present, never mapped" },
		{ "leftout", "RAM in the tree that is not used" },
		{ "hole", "hole, gap, spare: nothing there" },
		{ "band", "the linear map" },
		{ "window", "a DMA window of the tree; dashed: the limit" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++)
		put_legend(d, i, entries[i].class, "", entries[i].text);
	draw_live_legend(d, ARRAY_SIZE(entries));
}

/* A bar as long as a round number of MiB, and what does not obey it. */
static void draw_scale(struct drawing *d)
{
	double y = d->bottom + 112 + live_legend_height(d), step = 1;

	while (step * d->picture.px_per_mib < 40)
		step *= 2;
	fprintf(d->file, "<path class=\"break\" d=\"M24 %.1fv8m0 -4h%.2fm0 -4v8\"/>\n", y,
		step * d->picture.px_per_mib);
	put_text(d, 34 + step * d->picture.px_per_mib, y + 8, "in",
		 say(d,
		     "%.0f MiB upwards, in both columns. Not to scale: dashed outlines are drawn "
		     "taller than they are, zigzags mark what is drawn shorter.",
		     step));
}

static void draw_description(struct drawing *d)
{
	const struct zone_layout *layout = &d->run->plan.layout;

	fputs("<title>Memory of ", d->file);
	put_escaped(d->file, board_name(d));
	fputs("</title>\n<desc>", d->file);
	fprintf(d->file, "VMSPLIT_%s. Physical memory on the left:", d->options->split);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone_span *zone = &layout->zones[type];
		uint64_t start = PFN_PHYS(zone->start_pfn);

		if (zone->present_pages != 0)
			fprintf(d->file, " %s 0x%08" PRIx64 "-0x%08" PRIx64 ", %s;",
				zone_names[type], start, start + PFN_PHYS(zone->spanned_pages) - 1,
				size_text(PFN_PHYS(zone->present_pages)));
	}
	fprintf(d->file,
		" on the right the kernel's addresses: lowmem from 0x%08" PRIx32
		", vmalloc 0x%08" PRIx32 "-0x%08" PRIx32 ".</desc>\n",
		d->run->plan.page_offset, layout->vmalloc_start, VMALLOC_END - 1);
}

static void draw_columns(struct drawing *d)
{
	for (unsigned int i = 0; i < d->picture.piece_count; i++)
		draw_piece(d, &d->picture.pieces[i]);
	draw_banks(d);
	draw_reserved(d);
	draw_windows(d);
	for (unsigned int i = 0; i < d->picture.area_count; i++)
		draw_area(d, &d->picture.areas[i]);
	draw_live(d);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		draw_zone_outline(d, type);
	draw_dma_limit(d);
	draw_highmem_windows(d);
	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		draw_zone_text(d, type);
	draw_lowmem_text(d);
}

static void arrange(struct drawing *d)
{
	double left, right;

	make_head(d);
	d->top = 42 + 18.0 * d->head.all[0].line_count + 48;
	picture_make(d->run, d->top, &d->picture);
	make_labels(d);
	label_small_zones(d);
	left = labels_place(&d->left, d->top - 30);
	right = labels_place(&d->right, d->top - 30);
	d->bottom = d->picture.bottom > left ? d->picture.bottom : left;
	d->bottom = d->bottom > right ? d->bottom : right;
}

void draw_svg(const struct options *options, const struct run *run, const struct live *live,
	      FILE *file)
{
	static struct drawing drawing;
	struct drawing *d = &drawing;
	double height;

	d->file = file;
	d->options = options;
	d->run = run;
	d->live = live;
	arrange(d);
	height = d->bottom + 140 + live_legend_height(d);
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
		"height=\"%.0f\" role=\"img\" data-px-per-mib=\"%.9f\">\n",
		WIDTH, height, WIDTH, height, d->picture.px_per_mib);
	draw_description(d);
	fprintf(file, "<style>\n%s</style>\n%s", style, patterns);
	put_rect(d, 0, 0, WIDTH, height, "back");
	draw_head(d);
	draw_columns(d);
	draw_labels(d);
	draw_legend(d);
	draw_scale(d);
	fputs("</svg>\n", file);
	labels_free(&d->left);
	labels_free(&d->right);
	labels_free(&d->head);
	picture_free(&d->picture);
}
