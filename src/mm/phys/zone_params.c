/* SPDX-License-Identifier: MIT */
/*
 * The boot parameters that steer the zone layout.
 *
 * A later word replaces an earlier one as in Linux, which keeps size and percentage apart: a size
 * forgets the percentage, a percentage above 0 goes before the size, so "0%" brings an earlier size
 * back; and mirror stays once it was said.
 */
#include <string.h>

#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/zone_params.h"

struct zone_params zone_params = { .vmalloc_bytes = VMALLOC_DEFAULT_BYTES };

/* The whole text must be "N%". More than 100 is accepted: it asks for all there is. */
static bool parse_percent(const char *text, uint64_t *percent)
{
	uint64_t number;

	if (!parse_number(&text, &number) || text[0] != '%' || text[1])
		return false;
	*percent = number;
	return true;
}

/* The whole text must be one size. */
static bool parse_whole_size(const char *text, uint64_t *bytes)
{
	uint64_t number;

	if (!parse_size(&text, &number) || *text)
		return false;
	*bytes = number;
	return true;
}

/* What the words so far said, kept apart. */
struct core_words {
	bool mirror;
	bool has_bytes;
	bool has_percent;
	uint64_t bytes;
	uint64_t percent;
};

static struct core_words kernelcore_words, movablecore_words;

void zone_params_reset(void)
{
	zone_params = (struct zone_params){ .vmalloc_bytes = VMALLOC_DEFAULT_BYTES };
	kernelcore_words = movablecore_words = (struct core_words){ 0 };
}

static struct core_size resolve(const struct core_words *words)
{
	if (words->mirror)
		return (struct core_size){ .kind = CORE_SIZE_MIRROR };
	if (words->has_percent && (words->percent != 0 || !words->has_bytes))
		return (struct core_size){ CORE_SIZE_PERCENT, words->percent };
	if (words->has_bytes)
		return (struct core_size){ CORE_SIZE_BYTES, words->bytes };
	return (struct core_size){ .kind = CORE_SIZE_NONE };
}

static bool parse_core_size(const char *text, struct core_words *words)
{
	if (parse_percent(text, &words->percent)) {
		words->has_percent = true;
	} else if (parse_whole_size(text, &words->bytes)) {
		words->has_bytes = true;
		words->has_percent = false;
	} else {
		return false;
	}
	return true;
}

static const char *parse_kernelcore(const char *value)
{
	bool mirror = value && strcmp(value, "mirror") == 0;

	if (!value || (!mirror && !parse_core_size(value, &kernelcore_words)))
		return "the value must be a size such as 512M or 0x20000000, a percentage such as "
		       "40%, or mirror";
	kernelcore_words.mirror = kernelcore_words.mirror || mirror;
	zone_params.kernelcore = resolve(&kernelcore_words);
	return NULL;
}
BOOT_PARAM(kernelcore, parse_kernelcore, "SIZE[KMGTPE] | N% | mirror",
	   "memory that stays out of ZONE_MOVABLE, counted from the bottom");

static const char *parse_movablecore(const char *value)
{
	if (!value || !parse_core_size(value, &movablecore_words))
		return "the value must be a size such as 128M or 0x8000000, or a percentage such "
		       "as 25%";
	zone_params.movablecore = resolve(&movablecore_words);
	return NULL;
}
BOOT_PARAM(movablecore, parse_movablecore, "SIZE[KMGTPE] | N%",
	   "memory for ZONE_MOVABLE, counted from the top");

static const char *parse_vmalloc(const char *value)
{
	if (!value || !parse_whole_size(value, &zone_params.vmalloc_bytes))
		return "the value must be a size such as 128M; 16M is the least";
	return NULL;
}
BOOT_PARAM(vmalloc, parse_vmalloc, "SIZE[KMGTPE]",
	   "bytes of kernel addresses for vmalloc and ioremap; lowmem gets the rest (240M)");

static const char *parse_lowmem(const char *value)
{
	uint64_t bytes;

	if (!value || !parse_whole_size(value, &bytes))
		return "the value must be a size such as 64M; what the boot needs is the least";
	zone_params.lowmem = (struct lowmem_size){ LOWMEM_SIZE, bytes };
	return NULL;
}
BOOT_PARAM(lowmem, parse_lowmem, "SIZE[KMGTPE]",
	   "lowmem ends this far above the RAM base at the most; the rest is highmem");

/* Linux has highmem=SIZE on other machines, none on ARM: a size is refused, not guessed at. */
static const char *parse_highmem(const char *value)
{
	if (!value || strcmp(value, "all") != 0)
		return "the value must be all; for a size say where lowmem ends, by lowmem=SIZE";
	zone_params.lowmem = (struct lowmem_size){ .kind = LOWMEM_LEAST };
	return NULL;
}
BOOT_PARAM(highmem, parse_highmem, "all",
	   "lowmem is the least that the boot needs, all other RAM is highmem");
