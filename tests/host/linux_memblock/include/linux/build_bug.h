/* SPDX-License-Identifier: MIT */
/* Stand-in: a condition that must be false when compiling. */
#ifndef LINUX_MEMBLOCK_BUILD_BUG_H
#define LINUX_MEMBLOCK_BUILD_BUG_H

#define BUILD_BUG_ON(condition) _Static_assert(!(condition), "must be false: " #condition)

#endif
