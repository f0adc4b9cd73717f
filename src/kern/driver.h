/* SPDX-License-Identifier: MIT */
/*
 * Drivers, matched by `compatible`. Each is declared in its own file and finds its device
 * by itself:
 *
 *	static const char *const compatible[] = { "arm,psci-1.0", NULL };
 *	DRIVER(psci, compatible, probe);
 *
 * Interrupt controllers are probed first, each after the one that it interrupts; then timers; then
 * the rest in the order of the tree.
 */
#ifndef STRATA_KERN_DRIVER_H
#define STRATA_KERN_DRIVER_H

#include "kern/irq.h"
#include "lib/table.h"
#include "lib/types.h"

#define DEVICE_REGISTERS_MOST 2U
#define DEVICE_IRQS_MOST      16U

enum driver_stage { DRIVER_IRQCHIP, DRIVER_TIMER, DRIVER_DEVICE, DRIVER_STAGES };

/* A device as the tree describes it. Valid during probe only. */
struct device {
	const void *blob;
	int node;
	const char *name;
	/* CPU addresses of the first entries of `reg`, up to the first that cannot be reached. */
	uint32_t register_count;
	phys_addr_t registers[DEVICE_REGISTERS_MOST];
	/*
	 * Numbers for request_irq, in the order of the tree's `interrupts`; 0 where the controller is
	 * not there or cannot make sense of the entry, which was said.
	 */
	uint32_t irq_count;
	uint32_t irqs[DEVICE_IRQS_MOST];
	const struct irq_chip **irq_chip; /* device_set_irq_chip's */
};

/* Entry `index` of the tree's `interrupts`; 0 where there is none that can be requested. */
static inline uint32_t device_irq(const struct device *device, uint32_t index)
{
	return index < device->irq_count ? device->irqs[index] : 0;
}

struct driver {
	const char *name;
	const char *const *compatible; /* ends with NULL */
	void (*probe)(const struct device *device);
	enum driver_stage stage;
};

TABLE_DECLARE(struct driver, drivers);

#define DRIVER_AT(stage_, name_, compatible_, probe_)           \
	TABLE_ENTRY(struct driver, drivers, driver_##name_) = { \
		.name = #name_,                                 \
		.compatible = compatible_,                      \
		.probe = probe_,                                \
		.stage = stage_,                                \
	}

#define DRIVER(name_, compatible_, probe_) DRIVER_AT(DRIVER_DEVICE, name_, compatible_, probe_)

/* An interrupt controller's probe makes its chip known, so that what names it as parent finds it. */
static inline void device_set_irq_chip(const struct device *device, const struct irq_chip *chip)
{
	*device->irq_chip = chip;
}

#endif
