/* SPDX-License-Identifier: MIT */
/* Stand-in: the tests define movable_node_enabled (option -m), memblock.h declares it. */
#ifndef LINUX_MEMBLOCK_MEMORY_HOTPLUG_H
#define LINUX_MEMBLOCK_MEMORY_HOTPLUG_H

#include <linux/memblock.h>

static inline bool movable_node_is_enabled(void)
{
	return movable_node_enabled;
}

#endif
