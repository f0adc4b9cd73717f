/* SPDX-License-Identifier: MIT */
/*
 * Where each thing of a plan stands in its picture: addresses into heights, on both sides.
 *
 * One scale holds for both columns, and lowmem stands at the same height in both, so the linear map
 * is a level band. Two exceptions, each marked on its piece: what would be too thin to see is drawn
 * TALLER, long emptiness is drawn SHORTER. Inside a piece the scale is even. y grows downwards,
 * addresses grow upwards.
 */
#ifndef STRATA_ZONEPLAN_PICTURE_H
#define STRATA_ZONEPLAN_PICTURE_H

#include "zoneplan.h"

enum piece_scale { TO_SCALE, TALLER, SHORTER };

enum piece_kind {
	PIECE_RAM,
	PIECE_NO_MAP,   /* RAM that is present and never mapped */
	PIECE_LEFT_OUT, /* in a bank of the tree, not used */
	PIECE_HOLE,
};

/* Physical: cut wherever a bank, a no-map region, a zone or lowmem begins or ends. */
struct piece {
	uint64_t base, end;
	enum piece_kind kind;
	enum piece_scale scale;
	double top, bottom;
};

/* Virtual. The linear map's own pieces are the physical ones. */
struct area {
	const char *name;
	const char *why;
	uint64_t start, end;
	bool used;
	enum piece_scale scale;
	double top, bottom;
};

#define AREAS_MAX 16

struct picture {
	double px_per_mib;
	struct piece *pieces;
	unsigned int piece_count;
	struct area areas[AREAS_MAX];
	unsigned int area_count;
	double top, bottom;
};

void picture_make(const struct run *run, double top, struct picture *picture);
void picture_free(struct picture *picture);

/* The height of a physical address; outside the picture the nearest edge. */
double picture_y(const struct picture *picture, uint64_t address);

/* The zone that has the piece, or MAX_NR_ZONES. */
enum zone_type picture_zone(const struct boot_plan *plan, const struct piece *piece);

#endif
