/* SPDX-License-Identifier: MIT */
#include "kern/resource.h"

static struct resource resources[RESOURCES_MAX];
static unsigned int resource_count;

bool resource_add(uint64_t base, uint64_t bytes, const char *name)
{
	unsigned int at = resource_count;

	if (bytes == 0)
		return true;
	if (resource_count == RESOURCES_MAX)
		return false;
	for (; at > 0 && resources[at - 1].base > base; at--)
		resources[at] = resources[at - 1];
	resources[at] = (struct resource){ base, base + bytes, name };
	resource_count++;
	return true;
}

const struct resource *resource_list(unsigned int *count)
{
	*count = resource_count;
	return resources;
}
