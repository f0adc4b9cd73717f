/* SPDX-License-Identifier: MIT */
/*
 * What a board uses its memory for: the memmap in a captured console, read back.
 *
 * A report is whatever was captured: boot log, other commands, carriage returns, several memmaps.
 * The last whole memmap counts, and the boot that it belongs to tells arguments and split.
 */
#ifndef STRATA_ZONEPLAN_LIVE_H
#define STRATA_ZONEPLAN_LIVE_H

#include "zoneplan.h"

enum live_kind {
	LIVE_FREE,
	LIVE_RESERVED,
	LIVE_UNMOVABLE,
	LIVE_MOVABLE,
	LIVE_RECLAIMABLE,
	LIVE_HIGHATOMIC,
	LIVE_ISOLATED,
	LIVE_QUARANTINED,
	LIVE_MOSTLY_FREE, /* small letters: in use, but less than half */
	LIVE_NO_RAM,
	LIVE_KINDS,
};

/* Equal characters of a zone, one after the other. */
struct live_run {
	uint64_t base, end;
	enum zone_type zone;
	char letter;
};

/*
 * [start, end); both 0 when the report has no such zone. A character at a zone's edge may stand for
 * less than the others, so that of its end only this is sure: it lies above `last`, where the last
 * character begins, and not above `end`.
 */
struct live_zone {
	uint64_t start, last, end;
	uint64_t bytes[LIVE_KINDS]; /* live_settle; their sum is end - start */
};

/* What the boot log says; each line number is 0 when it does not. */
struct live_boot {
	const char *split; /* "3G" */
	const char *bootargs;
	unsigned int split_line, bootargs_line;
};

struct live {
	const char *file;
	char *text;        /* the report; bootargs points into it */
	unsigned int line; /* of the memmap's first line */
	uint64_t unit_bytes;
	struct live_boot boot;
	struct live_zone zones[MAX_NR_ZONES];
	struct live_run *runs; /* ascending */
	unsigned int run_count;
	char differences[640]; /* live_settle: from the plan, as a sentence; empty: none */
};

/* Read a report. One without a whole memmap ends the program with a line that says why. */
void live_read(const char *file, struct live *live);
void live_free(struct live *live);

/* Let the report's boot answer what the call left open, and say so on stderr. */
void live_complete(const struct live *live, struct options *options);

/* Compare with the plan, end each zone where the plan does if that can be, count its bytes. */
void live_settle(struct live *live, const struct zone_layout *layout);

/* Whose a character is, a small one as its capital, and whether it is mostly free. */
enum live_kind live_owner(char letter);
bool live_is_mostly_free(char letter);

/* "movable". The kinds up to LIVE_QUARANTINED have a letter. */
const char *live_kind_name(enum live_kind kind);
char live_kind_letter(enum live_kind kind);

/* "253 MiB free, 3 MiB mostly free": what there is of it. In a static buffer. */
const char *live_totals(const struct live_zone *zone);

void print_live(const struct live *live);

#endif
