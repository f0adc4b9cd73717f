/* SPDX-License-Identifier: MIT */
#include "kern/power.h"

#include "kern/console.h"
#include "kern/log.h"

static const struct power_ops *current;

void power_register(const struct power_ops *ops)
{
	if (current != NULL)
		return;
	current = ops;
	pr_info("power: %s\n", ops->name);
}

void power_off(void)
{
	console_flush();
	if (current != NULL)
		current->off();
	pr_err("poweroff: %s; switch the board off by hand\n",
	       current != NULL ? "the firmware refused"
			       : "the device tree names no device that can");
}

void power_restart(void)
{
	console_flush();
	if (current != NULL)
		current->restart();
	pr_err("reboot: %s; reset the board by hand\n",
	       current != NULL ? "the firmware refused"
			       : "the device tree names no device that can");
}
