/* SPDX-License-Identifier: MIT */
/*
 * The peripherals' controller of the Raspberry Pi (BCM2835 ARM Peripherals, section 7), which
 * interrupts the core by way of bcm2836.c. Like that one it has no acknowledgement.
 *
 * Lines: bank * 32 + bit, in the device tree <bank bit>. Bank 0 are 8 lines of the ARM side, banks
 * 1 and 2 the 64 that the GPU shares.
 */
#include "arch/barrier.h"
#include "kern/driver.h"
#include "kern/exception.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "mm/virt/ioremap.h"

#define PENDING_BASIC  0x00
#define FIQ_CONTROL    0x0c
#define REGISTER_BYTES 0x28U

#define BANKS          3U
#define LINES          (BANKS * 32)
#define BANK0_LINES    8U

/*
 * The basic register says that something of the others is pending: by a bit for each bank, which leaves
 * out some lines that have a bit of their own here: 7, 9, 10, 18 and 19 of bank 1, 21 to 25 and 30
 * of bank 2. Which one it is, the bank's register says in any case.
 */
#define BASIC_BANK0 0x000000ffU
#define BASIC_BANK1 (1U << 8 | 0x00007c00U)
#define BASIC_BANK2 (1U << 9 | 0x001f8000U)

static const uint8_t pending_of[BANKS] = { PENDING_BASIC, 0x04, 0x08 };
static const uint8_t enable_of[BANKS] = { 0x18, 0x10, 0x14 };
static const uint8_t disable_of[BANKS] = { 0x24, 0x1c, 0x20 };

static volatile char *registers;
static uint8_t irqs[LINES];

static inline uint32_t read_at(uint32_t offset)
{
	return *(volatile uint32_t *)(registers + offset);
}

static inline void write_at(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(registers + offset) = value;
}

static void bcm2835_mask(uint32_t line)
{
	device_barrier();
	write_at(disable_of[line / 32], 1U << line % 32);
	device_barrier();
}

static void bcm2835_unmask(uint32_t line)
{
	device_barrier();
	write_at(enable_of[line / 32], 1U << line % 32);
	device_barrier();
}

static bool bcm2835_translate(const uint32_t *cells, uint32_t count, uint32_t *line,
			      enum irq_trigger *trigger)
{
	if (count != 2 || cells[0] >= BANKS || cells[1] >= (cells[0] == 0 ? BANK0_LINES : 32U))
		return false;
	*line = cells[0] * 32 + cells[1];
	*trigger = IRQ_LEVEL;
	return true;
}

static const struct irq_chip chip = {
	.name = "ARMCTRL-level",
	.lines = LINES,
	.irqs = irqs,
	.mask = bcm2835_mask,
	.unmask = bcm2835_unmask,
	.translate = bcm2835_translate,
};

/* The barriers that the device needs, the controller that this one interrupts has around all. */
static enum irq_return bcm2835_handle(uint32_t irq, void *data)
{
	uint32_t basic = read_at(PENDING_BASIC), bank = 0, pending = basic & BASIC_BANK0;

	(void)irq;
	(void)data;
	if ((basic & BASIC_BANK1) != 0)
		pending = read_at(pending_of[bank = 1]);
	else if ((basic & BASIC_BANK2) != 0)
		pending = read_at(pending_of[bank = 2]);
	if (pending == 0)
		return IRQ_NONE;
	device_barrier();
	irq_handle_line(&chip, bank * 32 + (uint32_t)__builtin_ctz(pending));
	return IRQ_HANDLED;
}

/* --- start ------------------------------------------------------------------------------------ */

/* Of the boot firmware nothing is left, for the ARM side; the GPU's own enabling is apart. */
static void start(void)
{
	device_barrier();
	write_at(FIQ_CONTROL, 0);
	for (uint32_t bank = 0; bank < BANKS; bank++)
		write_at(disable_of[bank], UINT32_MAX);
	device_barrier();
}

static const char *map_registers(const struct device *device)
{
	uint32_t pending;

	if (device->register_count == 0)
		return "reg names no address that can be reached";
	registers = ioremap(device->registers[0], REGISTER_BYTES);
	if (registers == NULL)
		return "its registers cannot be mapped";
	if (!exception_try_read32((uintptr_t)registers + PENDING_BASIC, &pending, NULL))
		return "no device answers at reg";
	return NULL;
}

static void bcm2835_probe(const struct device *device)
{
	const char *problem;

	if (registers != NULL) {
		pr_warn("%s: a second interrupt controller of this kind: not used\n", device->name);
		return;
	}
	problem = map_registers(device);
	if (problem == NULL) {
		start();
		if (request_irq(device_irq(device, 0), bcm2835_handle, "bcm2835", NULL) != 0)
			problem = "interrupts names no line of a controller that works";
	}
	if (problem != NULL) {
		iounmap(registers);
		registers = NULL;
		pr_warn("%s: %s: not used, and no interrupts by it\n", device->name, problem);
		return;
	}
	resource_add(device->registers[0], REGISTER_BYTES, "BCM2835");
	device_set_irq_chip(device, &chip);
}

static const char *const bcm2835_compatible[] = { "brcm,bcm2836-armctrl-ic", NULL };

DRIVER_AT(DRIVER_IRQCHIP, bcm2835, bcm2835_compatible, bcm2835_probe);
