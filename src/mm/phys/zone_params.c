/* SPDX-License-Identifier: MIT */
/*
 * The boot parameters that steer the zone layout.
 *
 * A later word replaces an earlier one, with two exceptions that Linux has: mirror stays once it
 * was said, and "0%" after a size leaves the size.
 */
#include <string.h>

#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/zone_params.h"

struct zone_params zone_params = { .vmalloc_bytes = VMALLOC_DEFAULT_BYTES };

void zone_params_reset(void)
{
	zone_params = (struct zone_params){ .vmalloc_bytes = VMALLOC_DEFAULT_BYTES };
}

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

static bool parse_core_size(const char *text, struct core_size *size)
{
	if (parse_percent(text, &size->value))
		size->kind = CORE_SIZE_PERCENT;
	else if (parse_whole_size(text, &size->value))
		size->kind = CORE_SIZE_BYTES;
	else
		return false;
	return true;
}

static void replace_core_size(struct core_size *current, struct core_size given)
{
	bool zero_percent = given.kind == CORE_SIZE_PERCENT && given.value == 0;

	if (current->kind == CORE_SIZE_MIRROR)
		return;
	if (current->kind == CORE_SIZE_BYTES && zero_percent)
		return;
	*current = given;
}

static const char *parse_kernelcore(const char *value)
{
	struct core_size size = { .kind = CORE_SIZE_MIRROR };

	if (!value || (strcmp(value, "mirror") != 0 && !parse_core_size(value, &size)))
		return "the value must be a size such as 512M or 0x20000000, a percentage such as "
		       "40%, or mirror";
	replace_core_size(&zone_params.kernelcore, size);
	return NULL;
}
BOOT_PARAM(kernelcore, parse_kernelcore, "SIZE[KMGTPE] | N% | mirror",
	   "memory that stays out of ZONE_MOVABLE, counted from the bottom");

static const char *parse_movablecore(const char *value)
{
	struct core_size size;

	if (!value || !parse_core_size(value, &size))
		return "the value must be a size such as 128M or 0x8000000, or a percentage such "
		       "as 25%";
	replace_core_size(&zone_params.movablecore, size);
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
