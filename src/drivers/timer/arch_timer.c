/* SPDX-License-Identifier: MIT */
/*
 * The generic timer (ARM DDI 0406C B8) for callouts: the virtual one, which whoever runs above or
 * beside leaves to this system, on any board and in either security state.
 */
#include <inttypes.h>
#include <libfdt.h>

#include "arch/clock.h"
#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/driver.h"
#include "kern/irq.h"
#include "kern/log.h"

/* The tree's order: secure, non-secure, virtual, hypervisor. */
#define INTERRUPT_VIRTUAL 2U

static const struct clock_event event = { "arch_timer", timer_set, timer_off };

static enum irq_return timer_interrupt(uint32_t irq, void *data)
{
	(void)irq;
	(void)data;
	if (!timer_is_due())
		return IRQ_NONE;
	callout_run_due();
	return IRQ_HANDLED;
}

/* For firmware that left CNTFRQ unset or wrong, the tree may say (Linux: arm,arch_timer.yaml). */
static void choose_frequency(const struct device *device)
{
	int bytes;
	const fdt32_t *told = fdt_getprop(device->blob, device->node, "clock-frequency", &bytes);

	if (told != NULL && bytes == 4 && fdt32_ld(told) != 0)
		clock_set_frequency(fdt32_ld(told));
	else if (clock_frequency_hz() == 0)
		pr_warn("%s: neither CNTFRQ nor clock-frequency says how fast the counter counts: "
			"taken for %" PRIu32 " Hz\n",
			device->name, clock_frequency());
}

static void timer_probe(const struct device *device)
{
	uint32_t irq = device_irq(device, INTERRUPT_VIRTUAL);

	choose_frequency(device);
	timer_off();
	if (callout_works())
		return;
	if (request_irq(irq, timer_interrupt, event.name, NULL) != 0) {
		pr_warn("%s: the third entry of interrupts names no line that can be used: nothing "
			"is called at a time\n",
			device->name);
		return;
	}
	callout_register_event(&event);
}

static const char *const timer_compatible[] = { "arm,armv7-timer", NULL };

DRIVER_AT(DRIVER_TIMER, arch_timer, timer_compatible, timer_probe);
