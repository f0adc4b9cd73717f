/* SPDX-License-Identifier: MIT */
#include "drivers/uart/pl011.h"

#include <stdio.h>

#include "arch/irqflags.h"
#include "kern/console.h"
#include "kern/driver.h"
#include "kern/exception.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "mm/virt/fixmap.h"

/* Registers, ARM DDI 0183G table 3-1. */
#define UARTDR           0x000
#define UARTFR           0x018
#define UARTCR           0x030
#define UARTIMSC         0x038
#define UARTMIS          0x040
#define UARTICR          0x044
#define UARTPERIPHID0    0xfe0
#define UARTPCELLID0     0xff0

#define FR_BUSY          (1U << 3)
#define FR_RXFE          (1U << 4)
#define FR_TXFF          (1U << 5)
#define CR_UARTEN        (1U << 0)
#define CR_TXE           (1U << 8)
#define CR_RXE           (1U << 9)
#define DR_OVERRUN       (1U << 11)
#define INT_RECEIVE      (1U << 4)
#define INT_TIMEOUT      (1U << 6) /* some bytes, fewer than interrupt by themselves, and a pause */

#define PERIPHERAL_PL011 0x011U      /* part number, bits 11:0 of the peripheral identification */
#define PRIMECELL        0xb105f00dU /* the same for every PrimeCell */

static volatile char *registers;

static uint32_t read_at(volatile char *base, uint32_t offset)
{
	return *(volatile uint32_t *)(base + offset);
}

static void write_at(volatile char *base, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(base + offset) = value;
}

/* Identifications are four registers of one byte each. Where nothing answers: all ones. */
static uint32_t read_identification(volatile char *base, uint32_t offset)
{
	uint32_t value = 0, byte;

	for (int i = 3; i >= 0; i--) {
		if (!exception_try_read32((uintptr_t)(base + offset + 4 * i), &byte, NULL))
			return UINT32_MAX;
		value = (value << 8) | (byte & 0xff);
	}
	return value;
}

bool pl011_present(phys_addr_t phys)
{
	volatile char *base = fixmap_open(FIX_PROBE, phys);
	bool present = read_identification(base, UARTPCELLID0) == PRIMECELL &&
		       (read_identification(base, UARTPERIPHID0) & 0xfff) == PERIPHERAL_PL011;

	fixmap_close(FIX_PROBE);
	return present;
}

bool pl011_answers(phys_addr_t phys)
{
	volatile char *base = fixmap_open(FIX_PROBE, phys);
	uint32_t flags;
	bool answers = exception_try_read32((uintptr_t)(base + UARTFR), &flags, NULL);

	fixmap_close(FIX_PROBE);
	return answers;
}

/*
 * Longer than a byte takes at 300 baud, whatever the core's clock. A UART that the firmware left
 * without a clock or a baud rate never takes one; the boot must not wait for it.
 */
#define POLLS_MAX 100000000U

static bool wait_while(uint32_t flag)
{
	static bool given_up;

	for (uint32_t polls = 0; (read_at(registers, UARTFR) & flag) != 0; polls++)
		if (given_up || polls == POLLS_MAX) {
			given_up = true;
			return false;
		}
	return true;
}

static void pl011_put(char byte)
{
	if (wait_while(FR_TXFF))
		write_at(registers, UARTDR, (unsigned char)byte);
}

static void pl011_flush(void)
{
	wait_while(FR_BUSY);
}

/* --- receiving --------------------------------------------------------------------------------
 *
 * The handler puts what came into a ring. When the ring is full, or the device goes on and on, the
 * device is left alone (`held`) until the reader has taken some: what comes then waits in the
 * device's FIFO, or at the sender if there is flow control. Whoever reads looks at the device as
 * well, so nothing depends on an interrupt but waking.
 *
 * Everything here is done with interrupts masked.
 */

#define RING_BYTES     256U /* a power of two */
#define TAKE_AT_ONCE   32U  /* twice a FIFO */
#define INTS_RECEIVING (INT_RECEIVE | INT_TIMEOUT)

static char ring[RING_BYTES];
static uint32_t ring_in, ring_out; /* counts, of which the ring shows the lowest bits */
static uint32_t overruns;
static phys_addr_t attached;
static bool interrupts;
static bool held;

/* False: there may be more. */
static bool take_received(void)
{
	for (uint32_t taken = 0; taken < TAKE_AT_ONCE; taken++) {
		uint32_t data;

		if ((read_at(registers, UARTFR) & FR_RXFE) != 0)
			return true;
		if (ring_in - ring_out == RING_BYTES)
			return false;
		data = read_at(registers, UARTDR);
		overruns += (data & DR_OVERRUN) != 0;
		ring[ring_in++ % RING_BYTES] = (char)data;
	}
	return false;
}

/* Cleared before the FIFO is read: a byte that comes after the last look interrupts anew. */
static enum irq_return pl011_interrupt(uint32_t irq, void *data)
{
	uint32_t raised = read_at(registers, UARTMIS) & INTS_RECEIVING;

	(void)irq;
	(void)data;
	if (raised == 0)
		return IRQ_NONE;
	write_at(registers, UARTICR, raised);
	if (!take_received()) {
		held = true;
		write_at(registers, UARTIMSC, 0);
	}
	console_received();
	return IRQ_HANDLED;
}

static int pl011_get(void)
{
	uint32_t flags = local_irq_save();
	int byte = -1;

	if (ring_in == ring_out && take_received() && held) {
		held = false;
		write_at(registers, UARTIMSC, INTS_RECEIVING);
	}
	if (ring_in != ring_out)
		byte = (unsigned char)ring[ring_out++ % RING_BYTES];
	local_irq_restore(flags);
	return byte;
}

static bool pl011_interrupts(void)
{
	return interrupts;
}

static uint32_t pl011_overruns(void)
{
	return overruns;
}

/* --- start ------------------------------------------------------------------------------------ */

void pl011_attach(phys_addr_t phys)
{
	static char name[24];
	static const struct console console = {
		.name = name,
		.put = pl011_put,
		.get = pl011_get,
		.flush = pl011_flush,
		.interrupts = pl011_interrupts,
		.overruns = pl011_overruns,
	};

	snprintf(name, sizeof(name), "pl011@%lx", (unsigned long)phys);
	registers = fixmap_open(FIX_CONSOLE, phys);
	attached = phys;
	write_at(registers, UARTIMSC, 0);
	write_at(registers, UARTCR, read_at(registers, UARTCR) | CR_UARTEN | CR_TXE | CR_RXE);
	resource_add(phys, PAGE_SIZE, name);
	console_attach(&console);
}

/* The console is polled from its attaching on; here its node is found again, which says its line. */
static void pl011_probe(const struct device *device)
{
	uint32_t flags;

	if (registers == NULL || device->register_count == 0 || device->registers[0] != attached)
		return;
	if (request_irq(device_irq(device, 0), pl011_interrupt, "uart-pl011", NULL) != 0) {
		pr_warn("%s: interrupts names no line that can be used: the console is looked at "
			"now and then\n",
			device->name);
		return;
	}
	flags = local_irq_save();
	interrupts = true;
	write_at(registers, UARTICR, INTS_RECEIVING);
	take_received(); /* what came before would not interrupt any more */
	write_at(registers, UARTIMSC, INTS_RECEIVING);
	local_irq_restore(flags);
}

static const char *const pl011_compatible[] = { "arm,pl011", NULL };

DRIVER(pl011, pl011_compatible, pl011_probe);
