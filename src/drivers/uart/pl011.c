/* SPDX-License-Identifier: MIT */
#include "drivers/uart/pl011.h"

#include <stdio.h>

#include "kern/console.h"
#include "kern/exception.h"
#include "kern/resource.h"
#include "mm/virt/fixmap.h"

/* Registers, ARM DDI 0183G table 3-1. */
#define UARTDR           0x000
#define UARTFR           0x018
#define UARTCR           0x030
#define UARTIMSC         0x038
#define UARTPERIPHID0    0xfe0
#define UARTPCELLID0     0xff0

#define FR_BUSY          (1U << 3)
#define FR_RXFE          (1U << 4)
#define FR_TXFF          (1U << 5)
#define CR_UARTEN        (1U << 0)
#define CR_TXE           (1U << 8)
#define CR_RXE           (1U << 9)

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

static int pl011_get(void)
{
	if ((read_at(registers, UARTFR) & FR_RXFE) != 0)
		return -1;
	return (int)(read_at(registers, UARTDR) & 0xff);
}

void pl011_attach(phys_addr_t phys)
{
	static char name[24];
	static const struct console console = { name, pl011_put, pl011_get, pl011_flush };

	snprintf(name, sizeof(name), "pl011@%lx", (unsigned long)phys);
	registers = fixmap_open(FIX_CONSOLE, phys);
	write_at(registers, UARTIMSC, 0);
	write_at(registers, UARTCR, read_at(registers, UARTCR) | CR_UARTEN | CR_TXE | CR_RXE);
	resource_add(phys, PAGE_SIZE, name);
	console_attach(&console);
}
