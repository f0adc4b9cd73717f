/* SPDX-License-Identifier: MIT */
/*
 * The table, as tools/symbols.py writes it:
 *
 *	256 * 2 bytes	what each byte of a name stands for: two more bytes, or (0, byte) for itself
 *	entries		from the start of text, in order:
 *			bytes since the one before, divided by 2, seven bits a byte, lowest first
 *			length of the name in bytes
 *			the name
 *	entry		an empty name: the end of text
 *
 * Names have no zero byte, so a pair that begins with 0 is never meant as two. A pair is made only
 * of bytes that were there before it, so replacing ends; the depth is bounded all the same.
 */
#include "kern/symbols.h"

#include <stdio.h>

#define PAIRS_BYTES 512
#define DEPTH_MAX   16

extern const uint8_t __symbols_start[], __symbols_end[];
extern char __text_start[];

static void expand(uint8_t byte, char *name, unsigned int *length, unsigned int depth)
{
	const uint8_t *pair = &__symbols_start[2 * byte];

	if (pair[0] == 0) {
		if (*length < SYMBOL_NAME_BYTES - 1)
			name[(*length)++] = (char)pair[1];
	} else if (depth < DEPTH_MAX) {
		expand(pair[0], name, length, depth + 1);
		expand(pair[1], name, length, depth + 1);
	}
}

static uint32_t read_distance(const uint8_t **at)
{
	uint32_t distance = 0;
	unsigned int shift = 0;

	while (*at < __symbols_end && shift < 28) {
		uint8_t byte = *(*at)++;

		distance |= (uint32_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			break;
		shift += 7;
	}
	return distance * 2;
}

static void fill(struct symbol *symbol, const uint8_t *name, uint32_t offset, uint32_t size)
{
	unsigned int length = 0;

	for (unsigned int i = 1; i <= name[0]; i++)
		expand(name[i], symbol->name, &length, 0);
	symbol->name[length] = '\0';
	symbol->offset = offset;
	symbol->size = size;
}

bool symbol_lookup(uintptr_t address, struct symbol *symbol)
{
	const uint8_t *at = __symbols_start + PAIRS_BYTES, *name = NULL;
	uintptr_t start = (uintptr_t)__text_start, next = start;

	while (at < __symbols_end) {
		next += read_distance(&at);
		if (at >= __symbols_end)
			break;
		if (address < next && name != NULL) {
			fill(symbol, name, (uint32_t)(address - start), (uint32_t)(next - start));
			return true;
		}
		if (address < next || at[0] == 0)
			break;
		start = next;
		name = at;
		at += 1 + at[0];
	}
	return false;
}

const char *symbol_text(uintptr_t address)
{
	static char text[SYMBOL_NAME_BYTES + 24];
	struct symbol symbol;

	if (symbol_lookup(address, &symbol))
		snprintf(text, sizeof(text), "%s+0x%x/0x%x", symbol.name,
			 (unsigned int)symbol.offset, (unsigned int)symbol.size);
	else
		snprintf(text, sizeof(text), "0x%08x", (unsigned int)address);
	return text;
}
