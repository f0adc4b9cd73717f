/* SPDX-License-Identifier: MIT */
/*
 * The kinds of number that the rest is written in.
 *
 * Ranges are half-open everywhere: [base, end). The end of a range that touches the top of the
 * 32-bit space does not fit 32 bits, so whatever computes ends from untrusted numbers uses 64.
 * A page frame number (pfn) is a physical address divided by PAGE_SIZE: 20 bits on the target.
 */
#ifndef STRATA_LIB_TYPES_H
#define STRATA_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A physical address or a count of physical bytes. Wide on the host, so that tests can tell. */
#if CONFIG_PHYS_ADDR_T_64BIT
typedef uint64_t phys_addr_t;
#else
typedef uint32_t phys_addr_t;
#endif
#define PHYS_ADDR_MAX ((phys_addr_t)~0ULL)

#define PAGE_SHIFT    12
#define PAGE_SIZE     4096U
#define PAGE_MASK     (~(PAGE_SIZE - 1U))

/* A section: what one first-level descriptor maps (ARM DDI 0406C B3.5.1, short descriptors). */
#define SECTION_SHIFT 20
#define SECTION_SIZE  0x100000U

/* A large page: what sixteen identical second-level descriptors map. */
#define LARGE_PAGE_SHIFT 16
#define LARGE_PAGE_SIZE  0x10000U

#define SZ_1K            0x400U
#define SZ_4K            0x1000U
#define SZ_16K           0x4000U
#define SZ_1M            0x100000U
#define SZ_2M            0x200000U
#define SZ_4M            0x400000U
#define SZ_8M            0x800000U
#define SZ_16M           0x1000000U
#define SZ_32M           0x2000000U
#define SZ_128M          0x8000000U
#define SZ_256M          0x10000000U
#define SZ_4G            0x100000000ULL

/* Alignment is a power of two; the type of x decides the width of the arithmetic. */
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + ((__typeof__(x))(a)-1), a)
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a)-1)) == 0)

#define PFN_DOWN(x)      ((uint32_t)((uint64_t)(x) >> PAGE_SHIFT))
#define PFN_UP(x)        ((uint32_t)(((uint64_t)(x) + PAGE_SIZE - 1) >> PAGE_SHIFT))
#define PFN_PHYS(n)      ((uint64_t)(n) << PAGE_SHIFT)

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
