/* SPDX-License-Identifier: MIT */
#include "drivers/dma/simdma_tree.h"

#include <libfdt.h>
#include <limits.h>
#include <string.h>

bool simdma_tree_is(const void *blob, int node)
{
	return fdt_node_check_compatible(blob, node, SIMDMA_COMPATIBLE) == 0;
}

static bool is_available(const void *blob, int node)
{
	int bytes;
	const char *status = fdt_getprop(blob, node, "status", &bytes);

	return status == NULL || (bytes == 5 && memcmp(status, "okay", 5) == 0) ||
	       (bytes == 3 && memcmp(status, "ok", 3) == 0);
}

/*
 * Hardly any tree has one, and looking at each node's properties costs half as much as the boot up to
 * its first page: so the bytes are looked at before. Older trees than version 17 have no size there.
 */
static bool may_have_one(const void *blob)
{
	const char *at = (const char *)blob + fdt_off_dt_struct(blob), *end;

	if (fdt_version(blob) < 17)
		return true;
	for (end = at + fdt_size_dt_struct(blob); at < end; at++)
		if (*at == SIMDMA_COMPATIBLE[0] &&
		    (size_t)(end - at) >= sizeof(SIMDMA_COMPATIBLE) &&
		    memcmp(at, SIMDMA_COMPATIBLE, sizeof(SIMDMA_COMPATIBLE)) == 0)
			return true;
	return false;
}

int simdma_tree_find(const void *blob)
{
	int depth = 0, hidden_below = INT_MAX;

	if (!may_have_one(blob))
		return -FDT_ERR_NOTFOUND;
	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(blob, node, &depth)) {
		if (depth > hidden_below)
			continue;
		hidden_below = is_available(blob, node) ? INT_MAX : depth;
		if (hidden_below != depth && simdma_tree_is(blob, node))
			return node;
	}
	return -FDT_ERR_NOTFOUND;
}

uint32_t simdma_tree_lines(const void *blob, int node)
{
	int bytes;
	const fdt32_t *value = fdt_getprop(blob, node, "strata,address-bits", &bytes);
	uint32_t lines;

	if (value == NULL)
		return SIMDMA_LINES_MOST;
	lines = bytes == 4 ? fdt32_ld(value) : 0;
	return lines >= SIMDMA_LINES_LEAST && lines <= SIMDMA_LINES_MOST ? lines : 0;
}
