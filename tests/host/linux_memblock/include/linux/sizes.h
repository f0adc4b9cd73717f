/* SPDX-License-Identifier: MIT */
/* Stand-in: the sizes that the tests name and lib/types.h does not. */
#ifndef LINUX_MEMBLOCK_SIZES_H
#define LINUX_MEMBLOCK_SIZES_H

#include "lib/types.h"

#define SZ_2    2
#define SZ_4    4
#define SZ_8    8
#define SZ_16   16
#define SZ_32   32
#define SZ_64   64
#define SZ_128  128
#define SZ_256  256
#define SZ_512  512
#define SZ_2K   (2 * SZ_1K)
#define SZ_8K   (8 * SZ_1K)
#define SZ_32K  (32 * SZ_1K)
#define SZ_64K  (64 * SZ_1K)
#define SZ_128K (128 * SZ_1K)
#define SZ_256K (256 * SZ_1K)
#define SZ_512K (512 * SZ_1K)
#define SZ_64M  (64 * SZ_1M)
#define SZ_512M (512 * SZ_1M)
#define SZ_1G   (1024 * SZ_1M)
#define SZ_2G   (2048 * SZ_1M)

#endif
