/* SPDX-License-Identifier: MIT */
/* Allocation flags as people write them: GFP_KERNEL|__GFP_NOWARN. */
#ifndef STRATA_MM_PHYS_GFP_NAMES_H
#define STRATA_MM_PHYS_GFP_NAMES_H

#include "mm/phys/gfp.h"

#define GFP_TEXT_MAX 192

/*
 * Write the flags as Linux does: the longest name that fits first, then the rest one by one, "0" for
 * none. Cut to `bytes`, the NUL included. Returns `text`.
 */
const char *gfp_describe(gfp_t gfp, char *text, size_t bytes);

/*
 * Names separated by '|', with or without the prefix and in either case (kernel|nowarn), or numbers.
 * False, with *gfp untouched, for anything else.
 */
bool gfp_parse(const char *text, gfp_t *gfp);

/* The names, for completion; NULL behind the last. */
const char *gfp_name(unsigned int index);

#endif
