/* SPDX-License-Identifier: MIT */
/*
 * Drivers, matched by `compatible`. Each is declared in its own file and finds its device
 * by itself:
 *
 *	static const char *const compatible[] = { "arm,psci-1.0", NULL };
 *	DRIVER(psci, compatible, probe);
 */
#ifndef STRATA_KERN_DRIVER_H
#define STRATA_KERN_DRIVER_H

#include "lib/table.h"
#include "lib/types.h"

/* A device as the tree describes it. Valid during probe only. */
struct device {
	const void *blob;
	int node;
	const char *name;
	bool has_registers;
	phys_addr_t registers; /* CPU address of the first, when has_registers */
};

struct driver {
	const char *name;
	const char *const *compatible; /* ends with NULL */
	void (*probe)(const struct device *device);
};

TABLE_DECLARE(struct driver, drivers);

#define DRIVER(name_, compatible_, probe_)                      \
	TABLE_ENTRY(struct driver, drivers, driver_##name_) = { \
		.name = #name_,                                 \
		.compatible = compatible_,                      \
		.probe = probe_,                                \
	}

#endif
