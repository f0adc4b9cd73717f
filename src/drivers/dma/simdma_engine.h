/* SPDX-License-Identifier: MIT */
/*
 * The simulated DMA peripheral, the device half: registers in front, and behind them an engine that
 * copies memory by physical address when nobody looks.
 *
 *	driver                 registers          engine                       RAM
 *	simdma.c  -- read ---> STATUS  <--------- a piece each callout
 *	          -- write --> CONTROL: START --> descriptor --> FIFO <------> windows of its own
 *	          <----------- interrupt -------- done, or an error
 *
 * It knows nothing of the driver's pointers. Its bus address 0 is the first byte of RAM. It has a number of
 * address lines; an address above them comes out of the chip without its upper bits, so that what it is
 * told wrongly is read or written elsewhere, as hardware would do it:
 *
 *	bus address    & (2^lines - 1)    + first byte of RAM    = where it goes
 *
 * Each call of the timer moves one piece, no more than its FIFO holds and of one page on either side, so
 * that interrupts are not masked for long; then it rests for SIMDMA_PIECE_NS. A copy goes upwards.
 *
 * How it reaches memory is a table of two functions. On the target these are windows of cached memory
 * (simdma_memory.c): there a missing clean or invalidate is not seen, for the windows find what the caches
 * hold. On the host they lead behind the model of a cache, where it is (tests/host/test_simdma.c).
 */
#ifndef STRATA_DRIVERS_DMA_SIMDMA_ENGINE_H
#define STRATA_DRIVERS_DMA_SIMDMA_ENGINE_H

#include "kern/callout.h"
#include "kern/spinlock.h"

/* --- registers, 32 bits each ----------------------------------------------------------------- */

#define SIMDMA_ID          0x00U /* read only: SIMDMA_ID_VALUE */
#define SIMDMA_LINES       0x04U /* read only: how many address lines */
#define SIMDMA_CONTROL     0x08U /* written: what to do; reads as SIMDMA_INTERRUPT was set */
#define SIMDMA_STATUS      0x0cU /* SIMDMA_DONE and the errors are cleared by writing 1 */
#define SIMDMA_SOURCE      0x10U /* a bus address, any byte */
#define SIMDMA_DESTINATION 0x14U
#define SIMDMA_LENGTH      0x18U /* bytes */
#define SIMDMA_LIST        0x1cU /* bus address of descriptors */
#define SIMDMA_COUNT       0x20U /* of descriptors; 0: SOURCE, DESTINATION and LENGTH are meant */
#define SIMDMA_MOVED       0x24U /* read only: bytes, since the last start */
#define SIMDMA_FAULT       0x28U /* read only: the bus address at which nothing answered */

#define SIMDMA_ID_VALUE    0x73646d61U

/* SIMDMA_CONTROL. START while busy is ignored; RESET stops at once, clears STATUS, and raises nothing. */
#define SIMDMA_START     (1U << 0)
#define SIMDMA_INTERRUPT (1U << 1) /* raise one at the end of what is started with it */
#define SIMDMA_RESET     (1U << 2)

/* SIMDMA_STATUS. At the end DONE or one of the errors is set. */
#define SIMDMA_BUSY      (1U << 0)
#define SIMDMA_DONE      (1U << 1)
#define SIMDMA_BUS_ERROR (1U << 2) /* nothing answers at FAULT; what came before was copied */
#define SIMDMA_BAD_LIST  (1U << 3) /* a length of 0, in the register or in a descriptor */
#define SIMDMA_ENDED     (SIMDMA_DONE | SIMDMA_BUS_ERROR | SIMDMA_BAD_LIST)

/* What LIST leads to: COUNT of them in a row, little endian. */
struct simdma_descriptor {
	uint32_t source;
	uint32_t destination;
	uint32_t length;
	uint32_t reserved; /* 0 */
};

/* --- the chip -------------------------------------------------------------------------------- */

#define SIMDMA_FIFO_BYTES 256U
/* Between a start and the first piece, and between two: long enough for the CPU to get on with its work,
 * emulated on a busy host as well. */
#define SIMDMA_PIECE_NS 20000U

enum simdma_access {
	SIMDMA_MOVED_ALL,
	SIMDMA_NOT_NOW,      /* no window is free; nothing was moved, it is tried again */
	SIMDMA_NOBODY_THERE, /* no RAM answers at this address */
};

/* [phys, phys + bytes) lies in one page. In the timer's interrupt. */
struct simdma_memory {
	enum simdma_access (*read)(uint64_t phys, void *to, size_t bytes);
	enum simdma_access (*write)(uint64_t phys, const void *from, size_t bytes);
};

/* This machine's RAM. */
extern const struct simdma_memory simdma_memory;

/* Its owner's; must stay where it is until simdma_engine_stop. */
struct simdma_engine {
	struct callout callout; /* the first: a call finds its engine by it */
	const struct simdma_memory *memory;
	uint64_t ram_base;
	uint32_t lines;
	uint32_t irq; /* raised by raise_irq */

	struct spinlock lock;
	/* Guarded by the lock. */
	uint32_t source, destination, length, list, count; /* registers */
	uint32_t status, moved, fault;
	bool interrupts;
	struct simdma_descriptor now; /* what is left of the descriptor at work */
	uint32_t next_list, left;     /* where the next one is, and how many follow */
	uint32_t fifo[SIMDMA_FIFO_BYTES / 4];
};

/* Power on: `lines` from 12, a page, to 32; the interrupt is one that raise_irq takes. */
void simdma_engine_start(struct simdma_engine *engine, const struct simdma_memory *memory,
			 uint64_t ram_base, uint32_t lines, uint32_t irq);

/* Power off: it moves nothing any more. Not in its own interrupt. */
void simdma_engine_stop(struct simdma_engine *engine);

/* The registers, for the driver's accessor: `device` is the engine. An unknown offset reads 0. Any context. */
uint32_t simdma_engine_read(void *device, uint32_t offset);
void simdma_engine_write(void *device, uint32_t offset, uint32_t value);

#endif
