/* SPDX-License-Identifier: MIT */
/*
 * ARM's Generic Interrupt Controller, architecture 2 (ARM IHI 0048B), for the core that boots.
 *
 * Lines are its interrupt numbers: 0 to 15 are software's (SGI), 16 to 31 the core's own devices'
 * (PPI), the rest shared (SPI). One interrupt is taken for each exception; another that waits
 * interrupts again at once. All have the same priority, for handlers do not nest.
 *
 * Registers show what the core's security state may see. There is one group in each view, and bit 0
 * enables it in both.
 */
#include <inttypes.h>

#include "arch/barrier.h"
#include "kern/driver.h"
#include "kern/exception.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "lib/bits.h"
#include "mm/virt/ioremap.h"

#define GICD_CTLR               0x000
#define GICD_TYPER              0x004
#define GICD_ISENABLER          0x100
#define GICD_ICENABLER          0x180
#define GICD_ISPENDR            0x200
#define GICD_ICPENDR            0x280
#define GICD_ICACTIVER          0x380
#define GICD_IPRIORITYR         0x400
#define GICD_ITARGETSR          0x800
#define GICD_ICFGR              0xc00
#define GICD_SGIR               0xf00
#define GICD_CPENDSGIR          0xf10
#define GICD_BYTES              0x1000U

#define GICC_CTLR               0x00
#define GICC_PMR                0x04
#define GICC_BPR                0x08
#define GICC_IAR                0x0c
#define GICC_EOIR               0x10
#define GICC_IIDR               0xfc
#define GICC_BYTES              0x100U

#define CTLR_ENABLE             1U
#define TYPER_LINES(typer)      (32 * (((typer)&0x1f) + 1))
#define SGIR_TO_ITSELF          (2U << 24)
#define IAR_LINE                0x3ffU
#define IIDR_ARCHITECTURE(iidr) ((iidr) >> 16 & 0xf)

#define LINES_MOST              1020U /* 1020 to 1023 say that there is no interrupt */
#define SOFTWARE_LINES          16U
#define FIRST_SHARED            32U

/*
 * In the middle of both views: Non-secure software has the lower half of the priorities. The mask lets
 * all pass that are above the lowest; of its bits any controller has the upper four.
 */
#define PRIORITY_ALL_FOUR 0xa0a0a0a0U
#define PRIORITY_MASK_ALL 0xf0U

#define TRIGGER_FLAGS     0xfU /* of the third cell: 1, 2 edges; 4, 8 levels */
#define TRIGGER_EDGES     0x3U

static volatile char *distributor, *interface;
static uint8_t irqs[LINES_MOST];

static inline uint32_t read_at(volatile char *base, uint32_t offset)
{
	return *(volatile uint32_t *)(base + offset);
}

static inline void write_at(volatile char *base, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(base + offset) = value;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* One bit a line, in registers where zeros change nothing. */
static void write_bit(uint32_t offset, uint32_t line)
{
	write_at(distributor, offset + line / 32 * 4, 1U << line % 32);
}

static void gic_mask(uint32_t line)
{
	write_bit(GICD_ICENABLER, line);
}

static void gic_unmask(uint32_t line)
{
	write_bit(GICD_ISENABLER, line);
}

/* Two bits a line, the upper one means an edge. Those of the core's own lines are fixed on a Cortex-A7. */
static void gic_set_trigger(uint32_t line, enum irq_trigger trigger)
{
	uint32_t offset = GICD_ICFGR + line / 16 * 4, edge = 2U << line % 16 * 2, config;

	if (line < FIRST_SHARED)
		return;
	config = read_at(distributor, offset) & ~edge;
	write_at(distributor, offset, config | (trigger == IRQ_EDGE ? edge : 0));
}

/* The barrier: what the handler will read was written before it is asked to. */
static void gic_raise(uint32_t line)
{
	device_barrier();
	if (line < SOFTWARE_LINES)
		write_at(distributor, GICD_SGIR, SGIR_TO_ITSELF | line);
	else
		write_bit(GICD_ISPENDR, line);
	device_barrier();
}

/* <0 n flags>: shared line n; <1 n flags>: the core's own. */
static bool gic_translate(const uint32_t *cells, uint32_t count, uint32_t *line,
			  enum irq_trigger *trigger)
{
	if (count != 3 || cells[0] > 1 || cells[1] >= (cells[0] == 1 ? 16U : LINES_MOST))
		return false;
	*line = cells[1] + (cells[0] == 1 ? SOFTWARE_LINES : FIRST_SHARED);
	*trigger = (cells[2] & TRIGGER_FLAGS & TRIGGER_EDGES) != 0 ? IRQ_EDGE : IRQ_LEVEL;
	return true;
}

static struct irq_chip chip = {
	.name = "GIC-0",
	.irqs = irqs,
	.mask = gic_mask,
	.unmask = gic_unmask,
	.set_trigger = gic_set_trigger,
	.raise = gic_raise,
	.translate = gic_translate,
};

/* --- taking one ------------------------------------------------------------------------------- */

/*
 * Barriers lie between the controller and the devices on both sides: the handler sees what its device
 * did before it interrupted, and the device has lowered its line before the line may come again.
 */
static void gic_handle(void)
{
	uint32_t acknowledged = read_at(interface, GICC_IAR), line = acknowledged & IAR_LINE;

	if (unlikely(line >= chip.lines)) {
		irq_note_spurious();
		return;
	}
	device_barrier();
	irq_handle_line(&chip, line);
	device_barrier();
	write_at(interface, GICC_EOIR, acknowledged);
}

/* --- start ------------------------------------------------------------------------------------ */

/* Of the boot loader nothing is left: all lines masked, nothing pending, nothing active. */
static void reset_lines(void)
{
	/* Reading the targets of the core's own lines tells which one it is; 0: it is the only one. */
	uint32_t target = read_at(distributor, GICD_ITARGETSR) & 0xff;

	for (uint32_t line = 0; line < chip.lines; line += 32) {
		write_at(distributor, GICD_ICENABLER + line / 8, UINT32_MAX);
		write_at(distributor, GICD_ICPENDR + line / 8, UINT32_MAX);
		write_at(distributor, GICD_ICACTIVER + line / 8, UINT32_MAX);
	}
	for (uint32_t line = 0; line < SOFTWARE_LINES; line += 4)
		write_at(distributor, GICD_CPENDSGIR + line, UINT32_MAX);
	for (uint32_t line = 0; line < chip.lines; line += 4) {
		write_at(distributor, GICD_IPRIORITYR + line, PRIORITY_ALL_FOUR);
		if (line >= FIRST_SHARED)
			write_at(distributor, GICD_ITARGETSR + line, target * 0x01010101U);
	}
	for (uint32_t line = FIRST_SHARED; line < chip.lines; line += 16)
		write_at(distributor, GICD_ICFGR + line / 4, 0);
}

static void start(void)
{
	write_at(distributor, GICD_CTLR, 0);
	write_at(interface, GICC_CTLR, 0);
	reset_lines();
	write_at(distributor, GICD_CTLR, CTLR_ENABLE);
	write_at(interface, GICC_PMR, PRIORITY_MASK_ALL);
	write_at(interface, GICC_BPR, 0);
	write_at(interface, GICC_CTLR, CTLR_ENABLE);
	device_barrier();
}

/* NULL: the addresses are not those of a controller, or there is no room to map them. */
static const char *map_registers(const struct device *device)
{
	uint32_t typer, identification;

	if (device->register_count < 2)
		return "reg must name the distributor and the CPU interface";
	distributor = ioremap(device->registers[0], GICD_BYTES);
	interface = ioremap(device->registers[1], GICC_BYTES);
	if (distributor == NULL || interface == NULL)
		return "its registers cannot be mapped";
	if (!exception_try_read32((uintptr_t)distributor + GICD_TYPER, &typer, NULL) ||
	    !exception_try_read32((uintptr_t)interface + GICC_IIDR, &identification, NULL))
		return "no device answers at reg";
	if (IIDR_ARCHITECTURE(identification) != 2)
		return "what answers at reg is no GIC of architecture 2";
	chip.lines = TYPER_LINES(typer) < LINES_MOST ? TYPER_LINES(typer) : LINES_MOST;
	return NULL;
}

static void gic_probe(const struct device *device)
{
	const char *problem;

	if (distributor != NULL) {
		pr_warn("%s: a second interrupt controller of this kind: not used\n", device->name);
		return;
	}
	problem = map_registers(device);
	if (problem == NULL && !irq_set_root(gic_handle))
		problem = "another controller interrupts the core already";
	if (problem != NULL) {
		iounmap(distributor);
		iounmap(interface);
		distributor = NULL;
		pr_warn("%s: %s: not used, and no interrupts by it\n", device->name, problem);
		return;
	}
	start();
	resource_add(device->registers[0], GICD_BYTES, "GICD");
	resource_add(device->registers[1], GICC_BYTES, "GICC");
	irq_set_software(&chip, 0);
	device_set_irq_chip(device, &chip);
	pr_info("GICv2: %" PRIu32 " lines\n", chip.lines);
}

static const char *const gic_compatible[] = { "arm,gic-400", "arm,cortex-a15-gic",
					      "arm,cortex-a7-gic", NULL };

DRIVER_AT(DRIVER_IRQCHIP, gic, gic_compatible, gic_probe);
