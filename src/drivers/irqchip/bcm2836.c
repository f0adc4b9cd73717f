/* SPDX-License-Identifier: MIT */
/*
 * The Raspberry Pi 2's controller beside its cores (BCM2836 "ARM Quad A7 core" manual, QA7_rev3.4),
 * for the core that boots, number 0. Its registers have no version and no acknowledgement: a line
 * interrupts as long as it is raised.
 *
 * Lines are the bits of a core's pending register, and behind them the bits of the core's mailbox 0,
 * which are software's. By mailbox 3 the boot's firmware is told where a core shall go on.
 *
 *	0-3	the core's timers, secure, non-secure, hypervisor, virtual
 *	4-7	its mailboxes
 *	8	the peripherals' controller (bcm2835.c)
 *	9-11	performance counters, AXI, the local timer
 *	12-15	software
 */
#include "arch/barrier.h"
#include "arch/cache.h"
#include "arch/cpu.h"
#include "arch/irqflags.h"
#include "arch/linear.h"
#include "kern/driver.h"
#include "kern/exception.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "lib/bits.h"
#include "mm/virt/ioremap.h"

#define CONTROL           0x00
#define PRESCALER         0x08
#define GPU_ROUTING       0x0c
#define PMU_ROUTING_SET   0x10
#define PMU_ROUTING_CLEAR 0x14
#define TIMER_CONTROL     0x40
#define MAILBOX_CONTROL   0x50
#define IRQ_SOURCE        0x60
#define MAILBOX0_SET      0x80
#define MAILBOX3_SET      0x8c
#define CORE_MAILBOXES    0x10 /* from one core's to the next */
#define MAILBOX0_CLEAR    0xc0 /* reading shows it */
#define REGISTER_BYTES    0x100U

#define PRESCALER_ONE     0x80000000U /* 2^31 / prescaler is what the crystal is divided by */
#define MAILBOX0_IRQ      1U

#define CORES             4U

#define LINE_MAILBOX0     4U
#define LINE_PMU          9U
#define LINES_HARDWARE    12U
#define LINE_SOFTWARE     LINES_HARDWARE
#define LINES             (LINE_SOFTWARE + SOFTWARE_IRQS)
#define SOFTWARE_BITS     ((1U << SOFTWARE_IRQS) - 1)

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

/* --- lines ------------------------------------------------------------------------------------ */

static void set_enabled(uint32_t line, bool enabled)
{
	if (line < LINE_MAILBOX0) {
		uint32_t lines = read_at(TIMER_CONTROL) & ~(1U << line);

		write_at(TIMER_CONTROL, lines | (enabled ? 1U << line : 0));
	} else if (line == LINE_PMU) {
		write_at(enabled ? PMU_ROUTING_SET : PMU_ROUTING_CLEAR, 1);
	}
}

/*
 * The peripherals' controller masks its own lines, mailbox 0 is always open, and the other lines
 * are never enabled. What comes all the same, kern/irq.c keeps.
 */
static void bcm2836_mask(uint32_t line)
{
	set_enabled(line, false);
}

static void bcm2836_unmask(uint32_t line)
{
	set_enabled(line, true);
}

/* The barriers: what the handler will read was written before, and the mailbox before going on. */
static void bcm2836_raise(uint32_t line)
{
	device_barrier();
	if (line >= LINE_SOFTWARE)
		write_at(MAILBOX0_SET, 1U << (line - LINE_SOFTWARE));
	device_barrier();
}

static bool bcm2836_translate(const uint32_t *cells, uint32_t count, uint32_t *line,
			      enum irq_trigger *trigger)
{
	if (count > 2 || cells[0] >= LINES_HARDWARE || cells[0] / 4 == LINE_MAILBOX0 / 4)
		return false;
	*line = cells[0];
	*trigger = IRQ_LEVEL;
	return true;
}

static const struct irq_chip chip = {
	.name = "bcm2836-l1",
	.lines = LINES,
	.irqs = irqs,
	.mask = bcm2836_mask,
	.unmask = bcm2836_unmask,
	.raise = bcm2836_raise,
	.translate = bcm2836_translate,
};

/* --- taking one ------------------------------------------------------------------------------- */

/*
 * The mailbox's bit is cleared before it is handled, so that one that comes meanwhile is another. Bits that
 * are not software's are dropped. LINES: nothing is raised.
 */
static inline uint32_t take_software(void)
{
	uint32_t raised = read_at(MAILBOX0_CLEAR), bit;

	if (unlikely((raised & SOFTWARE_BITS) == 0)) {
		write_at(MAILBOX0_CLEAR, raised);
		return LINES;
	}
	bit = (uint32_t)__builtin_ctz(raised & SOFTWARE_BITS);
	write_at(MAILBOX0_CLEAR, 1U << bit);
	return LINE_SOFTWARE + bit;
}

static inline uint32_t take_raised(void)
{
	uint32_t pending = read_at(IRQ_SOURCE);

	if ((pending & 1U << LINE_MAILBOX0) != 0)
		return take_software();
	pending &= (1U << LINES_HARDWARE) - 1;
	return likely(pending != 0) ? (uint32_t)__builtin_ctz(pending) : LINES;
}

/*
 * Peripherals of this chip may answer out of order (BCM2835 manual, 1.3): barriers lie between them
 * and this one, the handler, and who was interrupted.
 */
static void bcm2836_handle(void)
{
	uint32_t line = take_raised();

	device_barrier();
	if (likely(line != LINES))
		irq_handle_line(&chip, line);
	else
		irq_note_spurious();
	device_barrier();
}

/* --- start ------------------------------------------------------------------------------------ */

/*
 * Of the boot firmware nothing is left. The counter counts at the crystal's rate, not divided, as the
 * counter's frequency says.
 */
static void start(void)
{
	device_barrier();
	write_at(CONTROL, 0);
	write_at(PRESCALER, PRESCALER_ONE);
	write_at(GPU_ROUTING, 0); /* to IRQ of core 0 */
	write_at(PMU_ROUTING_CLEAR, UINT32_MAX);
	write_at(TIMER_CONTROL, 0);
	write_at(MAILBOX0_CLEAR, UINT32_MAX);
	write_at(MAILBOX_CONTROL, MAILBOX0_IRQ);
	device_barrier();
}

/*
 * The other cores look at their mailbox again and again until it says where to go on (enable-method
 * brcm,bcm2836-smp). Nobody wants them yet: they sleep instead, which saves power here and most of
 * the time of an emulator that runs them in turn. Their caches are off.
 */
static void park_other_cores(void)
{
	cache_clean(secondary_park, SECONDARY_PARK_BYTES);
	for (uint32_t core = 1; core < CORES; core++)
		write_at(MAILBOX3_SET + core * CORE_MAILBOXES, virt_to_phys(secondary_park));
	device_barrier();
}

/* There is no identification to read; but software's lines show that they are raised. */
static bool answers(void)
{
	uint32_t flags = local_irq_save();
	bool raised;

	bcm2836_raise(LINE_SOFTWARE);
	raised = (read_at(IRQ_SOURCE) & 1U << LINE_MAILBOX0) != 0;
	write_at(MAILBOX0_CLEAR, UINT32_MAX);
	raised = raised && (read_at(IRQ_SOURCE) & 1U << LINE_MAILBOX0) == 0;
	device_barrier();
	local_irq_restore(flags);
	return raised;
}

static const char *map_registers(const struct device *device)
{
	uint32_t pending;

	if (device->register_count == 0)
		return "reg names no address that can be reached";
	registers = ioremap(device->registers[0], REGISTER_BYTES);
	if (registers == NULL)
		return "its registers cannot be mapped";
	if (!exception_try_read32((uintptr_t)registers + IRQ_SOURCE, &pending, NULL))
		return "no device answers at reg";
	return NULL;
}

static void bcm2836_probe(const struct device *device)
{
	const char *problem;

	if (registers != NULL) {
		pr_warn("%s: a second interrupt controller of this kind: not used\n", device->name);
		return;
	}
	problem = map_registers(device);
	if (problem == NULL) {
		start();
		if (!answers())
			problem = "what answers at reg is no BCM2836's controller";
	}
	if (problem == NULL && !irq_set_root(bcm2836_handle))
		problem = "another controller interrupts the core already";
	if (problem != NULL) {
		iounmap(registers);
		registers = NULL;
		pr_warn("%s: %s: not used, and no interrupts by it\n", device->name, problem);
		return;
	}
	resource_add(device->registers[0], REGISTER_BYTES, "BCM2836");
	irq_set_software(&chip, LINE_SOFTWARE);
	park_other_cores();
	device_set_irq_chip(device, &chip);
}

static const char *const bcm2836_compatible[] = { "brcm,bcm2836-l1-intc", NULL };

DRIVER_AT(DRIVER_IRQCHIP, bcm2836, bcm2836_compatible, bcm2836_probe);
