/* SPDX-License-Identifier: MIT */
#include "labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_GAP_PX 7.0

struct label *labels_add(struct labels *labels, double want, unsigned long tie, const char *title)
{
	struct label *label;

	for (unsigned int i = 0; i < labels->count; i++)
		if (labels->all[i].tie == tie && strcmp(labels->all[i].lines[0], title) == 0)
			return &labels->all[i];
	labels->all = realloc(labels->all, (labels->count + 1) * sizeof(*labels->all));
	if (labels->all == NULL)
		abort();
	label = &labels->all[labels->count++];
	memset(label, 0, sizeof(*label));
	label->want = want;
	label->tie = tie;
	snprintf(label->lines[0], LABEL_LINE_BYTES, "%s", title);
	label->line_count = 1;
	return label;
}

/* How many bytes of `text` make a line: up to the last blank that fits, or as many as fit. */
static size_t line_length(const char *text, size_t width)
{
	size_t length = strlen(text), blank;

	if (length <= width)
		return length;
	for (blank = width; blank > width / 2; blank--)
		if (text[blank] == ' ')
			return blank;
	return width;
}

void label_note(const struct labels *labels, struct label *label, const char *text)
{
	for (unsigned int i = 1; i < label->line_count; i++)
		if (strncmp(label->lines[i], text, strlen(label->lines[i])) == 0)
			return;
	while (*text != '\0' && label->line_count < LABEL_LINES) {
		size_t length = line_length(text, labels->width_chars);

		snprintf(label->lines[label->line_count++], LABEL_LINE_BYTES, "%.*s", (int)length,
			 text);
		text += length;
		text += *text == ' ';
	}
	/* A text that is cut says so. */
	if (*text != '\0')
		strcpy(&label->lines[LABEL_LINES - 1][labels->width_chars - 3], "...");
}

static int order(const void *a, const void *b)
{
	const struct label *left = a, *right = b;

	if (left->want != right->want)
		return left->want < right->want ? -1 : 1;
	return left->tie < right->tie ? -1 : left->tie > right->tie;
}

/* Labels that touch move as one block, to the mean of what they want. */
struct block {
	unsigned int first;
	double top, height, wanted_sum; /* of the tops that its labels would give the block */
	unsigned int count;
};

static void join(struct block *upper, const struct block *lower)
{
	upper->wanted_sum += lower->wanted_sum - lower->count * upper->height;
	upper->height += lower->height;
	upper->count += lower->count;
}

static void settle(struct block *block, double top)
{
	block->top = block->wanted_sum / block->count;
	if (block->top < top)
		block->top = top;
}

static unsigned int make_blocks(const struct labels *labels, struct block *blocks, double top)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < labels->count; i++) {
		const struct label *label = &labels->all[i];
		double height = label->height + LABEL_GAP_PX;

		blocks[count++] = (struct block){ i, 0, height, label->want - height / 2, 1 };
		settle(&blocks[count - 1], top);
		while (count > 1 &&
		       blocks[count - 2].top + blocks[count - 2].height > blocks[count - 1].top) {
			join(&blocks[count - 2], &blocks[count - 1]);
			count--;
			settle(&blocks[count - 1], top);
		}
	}
	return count;
}

double labels_place(struct labels *labels, double top)
{
	struct block *blocks = calloc(labels->count + 1, sizeof(*blocks));
	double y = top;
	unsigned int count;

	if (blocks == NULL)
		abort();
	for (unsigned int i = 0; i < labels->count; i++)
		labels->all[i].height = labels->all[i].line_count * LABEL_LINE_PX;
	if (labels->count != 0)
		qsort(labels->all, labels->count, sizeof(*labels->all), order);
	count = make_blocks(labels, blocks, top);
	for (unsigned int i = 0; i < count; i++) {
		y = blocks[i].top;
		for (unsigned int j = blocks[i].first; j < blocks[i].first + blocks[i].count; j++) {
			labels->all[j].top = y;
			y += labels->all[j].height + LABEL_GAP_PX;
		}
	}
	free(blocks);
	return y;
}

void labels_free(struct labels *labels)
{
	free(labels->all);
}
