/* SPDX-License-Identifier: MIT */
#include "mm/dma/coherent_map.h"

#include "lib/bits.h"

#define WORD_BITS  32U
#define WORD_ORDER 5U

/* Where runs of an order may begin in a word. */
static const uint32_t places[WORD_ORDER + 1] = {
	0xffffffffU, 0x55555555U, 0x11111111U, 0x01010101U, 0x00010001U, 0x00000001U,
};

static uint32_t word_at(const struct coherent_map *map, uint32_t word)
{
	return __atomic_load_n(&map->used[word], __ATOMIC_RELAXED);
}

/* Bits whose 2^order pages from there on are all free. */
static uint32_t free_places(uint32_t used, unsigned int order)
{
	uint32_t is_free = ~used;

	for (unsigned int i = 0; i < order; i++)
		is_free &= is_free >> (1U << i);
	return is_free & places[order];
}

uint32_t coherent_map_find(const struct coherent_map *map, unsigned int order)
{
	uint32_t step = order > WORD_ORDER ? 1U << (order - WORD_ORDER) : 1;

	for (uint32_t word = 0; word < COHERENT_WORDS; word += step) {
		uint32_t used = 0, found;

		for (uint32_t i = 0; i < step; i++)
			used |= word_at(map, word + i);
		found = free_places(used, order < WORD_ORDER ? order : WORD_ORDER);
		if (found != 0)
			return word * WORD_BITS + lowest_bit(found);
	}
	return COHERENT_PAGES;
}

/* The bits of [page, end) that lie in the word of `page`. */
static uint32_t mask_of(uint32_t page, uint32_t end)
{
	uint32_t count = min_u32(end - page, WORD_BITS - page % WORD_BITS);

	return (count == WORD_BITS ? ~0U : (1U << count) - 1) << (page % WORD_BITS);
}

static uint32_t next_word(uint32_t page)
{
	return ALIGN_DOWN(page, WORD_BITS) + WORD_BITS;
}

static bool test(const uint32_t *bits, uint32_t page)
{
	return (bits[page / WORD_BITS] >> (page % WORD_BITS) & 1U) != 0;
}

static void flip(struct coherent_map *map, uint32_t first, uint32_t end)
{
	map->firsts[first / WORD_BITS] ^= 1U << (first % WORD_BITS);
	for (uint32_t page = first; page < end; page = next_word(page))
		map->used[page / WORD_BITS] ^= mask_of(page, end);
}

bool coherent_map_claim(struct coherent_map *map, uint32_t first, uint32_t pages)
{
	uint32_t end = first + pages;

	for (uint32_t page = first; page < end; page = next_word(page))
		if ((map->used[page / WORD_BITS] & mask_of(page, end)) != 0)
			return false;
	flip(map, first, end);
	return true;
}

/* All in use, begun at its first page and nowhere else, and ended at its end. */
static bool is_run(const struct coherent_map *map, uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page = next_word(page)) {
		uint32_t word = page / WORD_BITS, mask = mask_of(page, end);
		uint32_t begun = page == first ? 1U << (first % WORD_BITS) : 0;

		if ((map->used[word] & mask) != mask || (map->firsts[word] & mask) != begun)
			return false;
	}
	return end == COHERENT_PAGES || !test(map->used, end) || test(map->firsts, end);
}

bool coherent_map_release(struct coherent_map *map, uint32_t first, uint32_t pages)
{
	if (pages == 0 || first >= COHERENT_PAGES || pages > COHERENT_PAGES - first ||
	    !is_run(map, first, first + pages))
		return false;
	flip(map, first, first + pages);
	return true;
}
