/* SPDX-License-Identifier: MIT */
/*
 * Names of the image's functions, from a table that tools/symbols.py makes of the linked image.
 */
#ifndef STRATA_KERN_SYMBOLS_H
#define STRATA_KERN_SYMBOLS_H

#include "lib/types.h"

#define SYMBOL_NAME_BYTES 64 /* the NUL included; longer names are cut */

struct symbol {
	char name[SYMBOL_NAME_BYTES];
	uint32_t offset; /* of the address from the start of the function */
	uint32_t size;   /* bytes from there to the next one */
};

/* The function that holds an address. False outside the image's text. Walks the whole table. */
bool symbol_lookup(uintptr_t address, struct symbol *symbol);

/* "name+0x10/0x24", or the bare number. The text lives until the next call. */
const char *symbol_text(uintptr_t address);

#endif
