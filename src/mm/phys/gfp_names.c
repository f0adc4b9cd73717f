/* SPDX-License-Identifier: MIT */
#include "mm/phys/gfp_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/size.h"

/* A flag that is part of a longer entry comes after it. */
static const struct {
	const char *name;
	gfp_t gfp;
} names[] = {
	{ "GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE },
	{ "GFP_HIGHUSER", GFP_HIGHUSER },
	{ "GFP_USER", GFP_USER },
	{ "GFP_KERNEL", GFP_KERNEL },
	{ "GFP_ATOMIC", GFP_ATOMIC },
	{ "GFP_NOWAIT", GFP_NOWAIT },
	{ "GFP_DMA", GFP_DMA },
	{ "__GFP_RECLAIM", __GFP_RECLAIM },
	{ "__GFP_HIGHMEM", __GFP_HIGHMEM },
	{ "__GFP_MOVABLE", __GFP_MOVABLE },
	{ "__GFP_RECLAIMABLE", __GFP_RECLAIMABLE },
	{ "__GFP_HIGH", __GFP_HIGH },
	{ "__GFP_ATOMIC", __GFP_ATOMIC },
	{ "__GFP_IO", __GFP_IO },
	{ "__GFP_FS", __GFP_FS },
	{ "__GFP_ZERO", __GFP_ZERO },
	{ "__GFP_DIRECT_RECLAIM", __GFP_DIRECT_RECLAIM },
	{ "__GFP_KSWAPD_RECLAIM", __GFP_KSWAPD_RECLAIM },
	{ "__GFP_NOWARN", __GFP_NOWARN },
	{ "__GFP_NORETRY", __GFP_NORETRY },
	{ "__GFP_COMP", __GFP_COMP },
	{ "__GFP_HARDWALL", __GFP_HARDWALL },
};

const char *gfp_name(unsigned int index)
{
	return index < ARRAY_SIZE(names) ? names[index].name : NULL;
}

static void append(char *text, size_t bytes, const char *name)
{
	size_t used = strlen(text);

	snprintf(text + used, bytes - used, "%s%s", used != 0 ? "|" : "", name);
}

const char *gfp_describe(gfp_t gfp, char *text, size_t bytes)
{
	char number[16];

	text[0] = '\0';
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if ((gfp & names[i].gfp) == names[i].gfp) {
			append(text, bytes, names[i].name);
			gfp &= ~names[i].gfp;
		}
	if (gfp != 0 || text[0] == '\0') {
		snprintf(number, sizeof(number), gfp != 0 ? "%#x" : "%u", (unsigned int)gfp);
		append(text, bytes, number);
	}
	return text;
}

/* Whether the word names the entry: whole, or without GFP_ or __GFP_. */
static bool is_name(const char *word, size_t length, const char *name)
{
	const char *tail = strstr(name, "GFP_") + 4;

	return (strlen(name) == length && strncasecmp(word, name, length) == 0) ||
	       (strlen(tail) == length && strncasecmp(word, tail, length) == 0);
}

static bool parse_word(const char *word, size_t length, gfp_t *gfp)
{
	const char *rest = word;
	uint64_t number;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (is_name(word, length, names[i].name)) {
			*gfp |= names[i].gfp;
			return true;
		}
	if (!parse_number(&rest, &number) || rest != word + length || number > UINT32_MAX)
		return false;
	*gfp |= (gfp_t)number;
	return true;
}

bool gfp_parse(const char *text, gfp_t *gfp)
{
	gfp_t parsed = 0;

	for (;;) {
		size_t length = strcspn(text, "|");

		if (!parse_word(text, length, &parsed))
			return false;
		text += length;
		if (*text == '\0')
			break;
		text++;
	}
	*gfp = parsed;
	return true;
}
