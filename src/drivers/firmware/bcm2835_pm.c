/* SPDX-License-Identifier: MIT */
/*
 * Power management and watchdog of the Raspberry Pi's BCM283x: restarting, and telling the boot
 * firmware not to start again. Registers as Linux 6.1's drivers/watchdog/bcm2835_wdt.c uses them.
 */
#include "arch/barrier.h"
#include "kern/driver.h"
#include "kern/log.h"
#include "kern/power.h"
#include "mm/virt/fixmap.h"

#define PM_RSTC                0x1c
#define PM_RSTS                0x20
#define PM_WDOG                0x24

#define PM_PASSWORD            0x5a000000U
#define PM_RSTC_WRCFG_CLEAR    0xffffffcfU
#define PM_RSTC_FULL_RESET     0x20U
#define PM_RSTS_PARTITION_HALT 0x555U /* partition 63: the firmware halts instead of booting */
#define PM_RSTS_PARTITION_MASK 0xfffffaaaU
#define RESET_TICKS            10U /* of 16 microseconds */

static phys_addr_t registers;

static void restart_into(uint32_t partition)
{
	volatile char *base = fixmap_open(FIX_POWER, registers);
	volatile uint32_t *rstc = (volatile uint32_t *)(base + PM_RSTC);
	volatile uint32_t *rsts = (volatile uint32_t *)(base + PM_RSTS);
	volatile uint32_t *wdog = (volatile uint32_t *)(base + PM_WDOG);

	device_barrier(); /* the UART comes before: another peripheral */
	*rsts = PM_PASSWORD | (*rsts & PM_RSTS_PARTITION_MASK) | partition;
	*wdog = PM_PASSWORD | RESET_TICKS;
	*rstc = PM_PASSWORD | (*rstc & PM_RSTC_WRCFG_CLEAR) | PM_RSTC_FULL_RESET;
	for (volatile int wait = 0; wait < 10000000; wait++)
		; /* the watchdog fires within a millisecond */
}

static void pm_off(void)
{
	restart_into(PM_RSTS_PARTITION_HALT);
}

static void pm_restart(void)
{
	restart_into(0);
}

static const struct power_ops pm_power = { "bcm2835-pm", pm_off, pm_restart };

static void pm_probe(const struct device *device)
{
	if (device->register_count == 0 || !IS_ALIGNED(device->registers[0], PAGE_SIZE)) {
		pr_warn("%s: registers cannot be reached: no power control\n", device->name);
		return;
	}
	registers = device->registers[0];
	power_register(&pm_power);
}

static const char *const pm_compatible[] = { "brcm,bcm2835-pm", "brcm,bcm2835-pm-wdt", NULL };

DRIVER(bcm2835_pm, pm_compatible, pm_probe);
