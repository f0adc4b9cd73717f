/* SPDX-License-Identifier: MIT */
/* Power State Coordination Interface (ARM DEN 0022), as far as switching off and restarting. */
#include <libfdt.h>
#include <string.h>

#include "arch/cpu.h"
#include "kern/driver.h"
#include "kern/log.h"
#include "kern/power.h"

/* Function identifiers of PSCI 0.2 and later, 32-bit calls. */
#define PSCI_SYSTEM_OFF   0x84000008U
#define PSCI_SYSTEM_RESET 0x84000009U

static enum firmware_conduit conduit;

static void psci_off(void)
{
	cpu_firmware_call(conduit, PSCI_SYSTEM_OFF, 0);
}

static void psci_restart(void)
{
	cpu_firmware_call(conduit, PSCI_SYSTEM_RESET, 0);
}

static const struct power_ops psci_power = { "psci", psci_off, psci_restart };

static bool method_is(const char *method, int bytes, const char *wanted)
{
	return bytes == (int)strlen(wanted) + 1 && memcmp(method, wanted, (size_t)bytes) == 0;
}

static void psci_probe(const struct device *device)
{
	int bytes = 0;
	const char *method = fdt_getprop(device->blob, device->node, "method", &bytes);

	if (method != NULL && method_is(method, bytes, "hvc")) {
		conduit = CONDUIT_HVC;
	} else if (method != NULL && method_is(method, bytes, "smc")) {
		conduit = CONDUIT_SMC;
	} else {
		pr_warn("%s: method must be \"hvc\" or \"smc\": not used\n", device->name);
		return;
	}
	power_register(&psci_power);
}

static const char *const psci_compatible[] = { "arm,psci-1.0", "arm,psci-0.2", NULL };

DRIVER(psci, psci_compatible, psci_probe);
