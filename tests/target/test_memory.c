/* SPDX-License-Identifier: MIT */
/* memset and memcpy of arch/arm/memory.S: every alignment, every length up to some blocks. */
#include <string.h>

#include "kern/selftest.h"
#include "lib/types.h"

#define MOST  200U
#define GUARD 8U
#define ROOM  (GUARD + 4 + MOST + GUARD)

static uint8_t target[ROOM] __attribute__((aligned(8)));
static uint8_t source[ROOM] __attribute__((aligned(8)));

/* Through a volatile pointer, or the compiler knows better than to call them. */
static void *(*volatile set)(void *to, int value, size_t bytes) = memset;
static void *(*volatile copy)(void *to, const void *from, size_t bytes) = memcpy;

static void paint(void)
{
	for (uint32_t i = 0; i < ROOM; i++) {
		target[i] = 0xa5;
		source[i] = (uint8_t)(i * 7 + 1);
	}
}

/* Outside of the range everything is as painted; `wanted` inside: of source from `from` on, or a value. */
static bool is_right(uint32_t at, uint32_t bytes, const uint8_t *from, uint8_t value)
{
	for (uint32_t i = 0; i < ROOM; i++) {
		bool inside = i >= at && i < at + bytes;
		uint8_t wanted = !inside ? 0xa5 : from != NULL ? from[i - at] : value;

		if (target[i] != wanted)
			return false;
	}
	return true;
}

SELFTEST(memory, set)
{
	uint32_t wrong = 0;

	for (uint32_t offset = 0; offset < 4; offset++)
		for (uint32_t bytes = 0; bytes <= MOST; bytes++) {
			uint8_t *at = target + GUARD + offset;

			paint();
			wrong += set(at, (int)(0x1200 + bytes), bytes) != at;
			wrong += !is_right(GUARD + offset, bytes, NULL, (uint8_t)bytes);
		}
	EXPECT(wrong == 0);
}

static uint32_t copies_wrong(uint32_t to, uint32_t from)
{
	uint32_t wrong = 0;

	for (uint32_t bytes = 0; bytes <= MOST; bytes += 1 + bytes / 80) {
		uint8_t *at = target + GUARD + to;

		paint();
		wrong += copy(at, source + GUARD + from, bytes) != at;
		wrong += !is_right(GUARD + to, bytes, source + GUARD + from, 0);
	}
	return wrong;
}

SELFTEST(memory, copy)
{
	uint32_t wrong = 0;

	for (uint32_t to = 0; to < 4; to++)
		for (uint32_t from = 0; from < 4; from++)
			wrong += copies_wrong(to, from);
	EXPECT(wrong == 0);
}
