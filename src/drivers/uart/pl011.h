/* SPDX-License-Identifier: MIT */
/* ARM PrimeCell UART (PL011, ARM DDI 0183G): sends polled, receives by interrupt once it has a line. */
#ifndef STRATA_DRIVERS_UART_PL011_H
#define STRATA_DRIVERS_UART_PL011_H

#include "lib/types.h"

/*
 * Whether a PL011 answers at this physical address: its PrimeCell identification, read through a
 * window that is closed again. An address where nothing answers is no harm.
 */
bool pl011_present(phys_addr_t phys);

/* Whether anything answers there: enough for a PL011 that does not tell its identification. */
bool pl011_answers(phys_addr_t phys);

/*
 * Make the PL011 at phys the console. Baud rate and line control stay as the firmware left them,
 * since the clock that they depend on is the firmware's; the UART is enabled.
 */
void pl011_attach(phys_addr_t phys);

#endif
