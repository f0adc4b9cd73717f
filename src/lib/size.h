/* SPDX-License-Identifier: MIT */
/*
 * Numbers and sizes as people type them.
 */
#ifndef STRATA_LIB_SIZE_H
#define STRATA_LIB_SIZE_H

#include "lib/types.h"

/*
 * Read an unsigned number at *text: decimal, 0x… hexadecimal or 0… octal (as Linux's memparse),
 * and move *text behind it. False, with *text and *value untouched, when there is no digit or the
 * number does not fit 64 bits.
 */
bool parse_number(const char **text, uint64_t *value);

/*
 * The same with an optional suffix K, M, G, T, P or E in either case: powers of 1024. False, with
 * nothing changed, also when the product does not fit 64 bits.
 */
bool parse_size(const char **text, uint64_t *bytes);

/*
 * A whole text that must be one size, or "Nbits" meaning 2^N bytes (N from 0 to 63). False for
 * anything else, trailing characters included, with *bytes untouched.
 */
bool parse_size_or_bits(const char *text, uint64_t *bytes);

/*
 * What turns something on or off: nothing (NULL, a bare word), 1 or on; 0 or off. NULL, or the rule that
 * a text breaks, with *on untouched.
 */
const char *parse_switch(const char *text, bool *on);

#endif
