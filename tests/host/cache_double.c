/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cache_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "arch/cache.h"
#include "arch/layout.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "page_harness.h"

#define LINE        CACHE_DOUBLE_LINE
#define LINES       ((uint64_t)ARENA_BYTES / LINE)
#define ARENA_BYTES 0x10000000U /* machines of the tests are smaller */

enum { KNOWN = 1, DEVICE_NEWER = 2 }; /* of a line; 0: dirty since the start */

static uint8_t *memory, *seen; /* what devices see; what the arena was at the last operation */
static uint8_t *states;

unsigned int cache_missed_cleans, cache_cpu_writes, cache_operations;

static uint8_t *fresh(uint8_t *old, size_t bytes)
{
	if (old != NULL)
		munmap(old, bytes);
	old = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (old == MAP_FAILED)
		abort();
	return old;
}

void cache_double_start(void)
{
	memory = fresh(memory, ARENA_BYTES);
	seen = fresh(seen, ARENA_BYTES);
	states = fresh(states, LINES);
	cache_missed_cleans = cache_cpu_writes = cache_operations = 0;
}

static uint64_t line_of(uint64_t phys)
{
	uint64_t line = (phys - PFN_PHYS(HARNESS_BASE_PFN)) / LINE;

	assert_true(line < LINES);
	return line;
}

static uint8_t *arena_line(uint64_t line)
{
	return (uint8_t *)harness_page_data(pfn_to_page(HARNESS_BASE_PFN)) + line * LINE;
}

/* What memory holds of a line that never left the cache: anything but what the CPU sees. */
static void make_known(uint64_t line)
{
	if ((states[line] & KNOWN) != 0)
		return;
	for (unsigned int i = 0; i < LINE; i++)
		memory[line * LINE + i] = (uint8_t)~arena_line(line)[i];
	/* Dirty: the arena is not what it was. */
	memcpy(&seen[line * LINE], &memory[line * LINE], LINE);
	states[line] |= KNOWN;
}

static bool is_dirty(uint64_t line)
{
	return memcmp(&seen[line * LINE], arena_line(line), LINE) != 0;
}

/* --- devices --------------------------------------------------------------------------------- */

void device_reads(uint64_t phys, void *to, size_t bytes)
{
	for (size_t done = 0, piece; done < bytes; done += piece) {
		uint64_t line = line_of(phys + done), offset = (phys + done) % LINE;

		piece = bytes - done < LINE - offset ? bytes - done : LINE - offset;
		make_known(line);
		cache_missed_cleans += is_dirty(line);
		memcpy((uint8_t *)to + done, &memory[line * LINE + offset], piece);
	}
}

void device_writes(uint64_t phys, const void *from, size_t bytes)
{
	for (size_t done = 0, piece; done < bytes; done += piece) {
		uint64_t line = line_of(phys + done), offset = (phys + done) % LINE;

		piece = bytes - done < LINE - offset ? bytes - done : LINE - offset;
		make_known(line);
		cache_cpu_writes += is_dirty(line);
		memcpy(&memory[line * LINE + offset], (const uint8_t *)from + done, piece);
		states[line] |= DEVICE_NEWER;
	}
}

unsigned int cache_missed_invalidates(void)
{
	unsigned int count = 0;

	for (uint64_t line = 0; line < LINES; line++)
		count += (states[line] & DEVICE_NEWER) != 0;
	return count;
}

void cache_double_check(void)
{
	assert_int_equal(cache_missed_cleans, 0);
	assert_int_equal(cache_cpu_writes, 0);
	assert_int_equal(cache_missed_invalidates(), 0);
}

/* --- arch/cache.h ---------------------------------------------------------------------------- */

size_t cache_line_bytes(void)
{
	return LINE;
}

static uint64_t phys_of(uintptr_t address)
{
	struct mapping mapping;

	if (address - DOUBLE_LINEAR < ARENA_BYTES)
		return virt_to_phys((const void *)address);
	assert_true(mmu_query(address, &mapping));
	return mapping.phys + address % PAGE_SIZE;
}

static void clean_line(uint64_t line)
{
	make_known(line);
	if (!is_dirty(line))
		return;
	cache_cpu_writes += (states[line] & DEVICE_NEWER) != 0;
	memcpy(&memory[line * LINE], arena_line(line), LINE);
	memcpy(&seen[line * LINE], arena_line(line), LINE);
	states[line] &= (uint8_t)~DEVICE_NEWER;
}

static void invalidate_line(uint64_t line)
{
	make_known(line);
	cache_cpu_writes += is_dirty(line) && (states[line] & DEVICE_NEWER) != 0;
	memcpy(arena_line(line), &memory[line * LINE], LINE);
	memcpy(&seen[line * LINE], &memory[line * LINE], LINE);
	states[line] &= (uint8_t)~DEVICE_NEWER;
}

/* Windows show one page, so whatever a call is about is in a row. */
static void operate(const void *address, size_t bytes, bool clean, bool invalidate)
{
	uint64_t phys = phys_of((uintptr_t)address), end = phys + bytes;

	cache_operations++;
	if (bytes == 0)
		return;
	assert_int_equal(phys_of((uintptr_t)address + bytes - 1), end - 1);
	for (uint64_t line = line_of(phys); line <= line_of(end - 1); line++) {
		uint64_t start = PFN_PHYS(HARNESS_BASE_PFN) + line * LINE;
		bool part = start < phys || start + LINE > end;

		if (clean || part)
			clean_line(line);
		if (invalidate)
			invalidate_line(line);
	}
}

void cache_clean(const void *address, size_t bytes)
{
	operate(address, bytes, true, false);
}

void cache_invalidate(const void *address, size_t bytes)
{
	operate(address, bytes, false, true);
}

void cache_clean_invalidate(const void *address, size_t bytes)
{
	operate(address, bytes, true, true);
}
