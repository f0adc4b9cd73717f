/* SPDX-License-Identifier: MIT */
#include "boot/devices.h"

#include <libfdt.h>
#include <limits.h>
#include <string.h>

#include "boot/blob.h"
#include "kern/driver.h"

static bool is_available(const void *blob, int node)
{
	int bytes;
	const char *status = fdt_getprop(blob, node, "status", &bytes);

	return status == NULL || (bytes == 5 && memcmp(status, "okay", 5) == 0) ||
	       (bytes == 3 && memcmp(status, "ok", 3) == 0);
}

/* The list's own order is the order of preference: most special first. */
static const struct driver *match(const char *list, int bytes)
{
	const struct driver *driver;

	for (const char *end = list + bytes; list < end; list += strnlen(list, end - list) + 1)
		for_each_table_entry(driver, drivers)
			for (const char *const *name = driver->compatible; *name != NULL; name++)
				if (strlen(*name) < (size_t)(end - list) &&
				    strcmp(*name, list) == 0)
					return driver;
	return NULL;
}

static void probe(const struct driver *driver, const void *blob, int node)
{
	struct device device = {
		.blob = blob,
		.node = node,
		.name = blob_node_path(blob, (uint32_t)node),
	};
	uint64_t address;

	if (blob_register_address(blob, node, &address) && address <= UINT32_MAX) {
		device.has_registers = true;
		device.registers = (phys_addr_t)address;
	}
	driver->probe(&device);
}

static void probe_node(const void *blob, int node)
{
	int bytes;
	const char *list = fdt_getprop(blob, node, "compatible", &bytes);
	const struct driver *driver = list != NULL && bytes > 0 ? match(list, bytes) : NULL;

	if (driver != NULL)
		probe(driver, blob, node);
}

/* What lies below a node that is not available is not available either. */
void devices_probe(const void *blob)
{
	int depth = 0, hidden_below = INT_MAX;

	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(blob, node, &depth)) {
		if (depth > hidden_below)
			continue;
		hidden_below = is_available(blob, node) ? INT_MAX : depth;
		if (hidden_below == INT_MAX)
			probe_node(blob, node);
	}
}
