/* SPDX-License-Identifier: MIT */
/*
 * Maintenance by address, a line at a time, to the point of coherency (ARM DDI 0406C B4.2.1).
 *
 * An operation by address is in order with this core's accesses to that line (B2.2.7), so nothing
 * precedes the first; the DSB behind the last waits until all of them are done.
 */
#include "arch/cache.h"

#include "arch/arm/cp15.h"
#include "arch/barrier.h"

#define CTR_DMINLINE_SHIFT 16
#define CTR_DMINLINE_MASK  0xfU

/* CTR.DminLine is the logarithm of the number of words. */
size_t cache_line_bytes(void)
{
	return (size_t)4 << ((cp15_read_ctr() >> CTR_DMINLINE_SHIFT) & CTR_DMINLINE_MASK);
}

/* Lines by number from the first, so that a range up to the last byte of the address space ends. */
static uint32_t first_line(const void *address, size_t line_bytes)
{
	return (uint32_t)ALIGN_DOWN((uintptr_t)address, line_bytes);
}

static size_t count_lines(const void *address, size_t bytes, size_t line_bytes)
{
	size_t offset = (uintptr_t)address & (line_bytes - 1);

	return bytes != 0 ? (offset + bytes - 1) / line_bytes + 1 : 0;
}

void cache_clean(const void *address, size_t bytes)
{
	size_t line_bytes = cache_line_bytes(), lines = count_lines(address, bytes, line_bytes);
	uint32_t line = first_line(address, line_bytes);

	for (; lines != 0; lines--, line += line_bytes)
		cp15_write_dccmvac(line);
	device_barrier();
}

void cache_clean_invalidate(const void *address, size_t bytes)
{
	size_t line_bytes = cache_line_bytes(), lines = count_lines(address, bytes, line_bytes);
	uint32_t line = first_line(address, line_bytes);

	for (; lines != 0; lines--, line += line_bytes)
		cp15_write_dccimvac(line);
	device_barrier();
}

void cache_invalidate(const void *address, size_t bytes)
{
	size_t line_bytes = cache_line_bytes(), lines = count_lines(address, bytes, line_bytes);
	uint32_t line = first_line(address, line_bytes);
	uintptr_t start = (uintptr_t)address, end = start + bytes;

	if (lines != 0 && !IS_ALIGNED(start, line_bytes)) {
		cp15_write_dccimvac(line);
		line += line_bytes;
		lines--;
	}
	if (lines != 0 && !IS_ALIGNED(end, line_bytes)) {
		lines--;
		cp15_write_dccimvac(line + (uint32_t)(lines * line_bytes));
	}
	for (; lines != 0; lines--, line += line_bytes)
		cp15_write_dcimvac(line);
	device_barrier();
}
