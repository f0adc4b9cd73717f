/* SPDX-License-Identifier: MIT */
/* Stand-in: the tests print with printf. */
#ifndef LINUX_MEMBLOCK_PRINTK_H
#define LINUX_MEMBLOCK_PRINTK_H

#include <stdio.h>

#endif
