/* SPDX-License-Identifier: MIT */
/* The boot parameters that steer watermarks and protection. */
#include "kern/param.h"
#include "lib/size.h"
#include "mm/phys/watermark.h"

struct watermark_settings watermark_settings = WATERMARK_DEFAULTS;

static const char *parse_min_free_kbytes(const char *value)
{
	uint64_t kbytes;

	if (value == NULL || !parse_number(&value, &kbytes) || *value != '\0' || kbytes == 0 ||
	    kbytes > MIN_FREE_KBYTES_MOST)
		return "expects a number of KiB from 1 to 262144, such as min_free_kbytes=4096";
	watermark_settings.min_free_kbytes = (uint32_t)kbytes;
	return NULL;
}
BOOT_PARAM(min_free_kbytes, parse_min_free_kbytes, "KBYTES",
	   "what only atomic requests may use up; by default it grows with the root of lowmem");

static const char *parse_lowmem_reserve_ratio(const char *value)
{
	struct watermark_settings settings = watermark_settings;
	const char *rule = "expects up to four numbers, for DMA, Normal, HighMem and Movable, such "
			   "as lowmem_reserve_ratio=256,32,0,0; 0 protects nothing";
	unsigned int zone = 0;
	uint64_t ratio;

	do {
		if (value == NULL || zone == MAX_NR_ZONES || !parse_number(&value, &ratio) ||
		    ratio > UINT32_MAX)
			return rule;
		settings.lowmem_reserve_ratio[zone++] = (uint32_t)ratio;
	} while (*value == ',' && *++value != '\0');
	if (*value != '\0' || value[-1] == ',')
		return rule;
	watermark_settings = settings;
	return NULL;
}
BOOT_PARAM(lowmem_reserve_ratio, parse_lowmem_reserve_ratio, "DMA[,NORMAL[,HIGHMEM[,MOVABLE]]]",
	   "a zone keeps one page in so many of the zones above back from their requests");
