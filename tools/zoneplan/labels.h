/* SPDX-License-Identifier: MIT */
/*
 * Texts beside a column, each wanting to stand at the height of what it explains. Those that would
 * overlap are pushed apart, as little as can be; a leader line shows whose each one is.
 */
#ifndef STRATA_ZONEPLAN_LABELS_H
#define STRATA_ZONEPLAN_LABELS_H

#define LABEL_LINES      8
#define LABEL_LINE_BYTES 160
#define LABEL_LINE_PX    15.0

struct label {
	double want;        /* the height of what it explains */
	unsigned long tie;  /* smaller stands higher when two want the same */
	double top, height; /* labels_place */
	char lines[LABEL_LINES][LABEL_LINE_BYTES]; /* the first is the title */
	unsigned int line_count;
};

struct labels {
	struct label *all;
	unsigned int count;
	unsigned int width_chars;
};

/* The label that was added with this height, tie and title, or a new one. */
struct label *labels_add(struct labels *labels, double want, unsigned long tie, const char *title);

/* Add a text below the title, broken into lines; one that is there already is not repeated. */
void label_note(const struct labels *labels, struct label *label, const char *text);

/* Choose the heights, none above `top`. Returns the end of the lowest. Sorts the labels. */
double labels_place(struct labels *labels, double top);

void labels_free(struct labels *labels);

#endif
