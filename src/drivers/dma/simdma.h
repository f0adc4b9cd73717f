/* SPDX-License-Identifier: MIT */
/*
 * The simulated DMA peripheral, the driver half: a driver as one for hardware would be, for a chip that
 * copies memory. It knows the chip by its registers (drivers/dma/simdma_engine.h) and by its interrupt.
 *
 *	result = simdma_copy_sg(simdma, to, 2, from, 3, NS_PER_S);     maps, copies, waits, unmaps
 *
 * or, with mappings of the caller's own, and a call at the end:
 *
 *	request.source = bus; request.destination = other_bus; request.bytes = 100;
 *	request.done = note;                                             NULL: simdma_wait(&request)
 *	simdma_submit(simdma, &request);
 *
 * Requests are served one after the other in the order of their coming.
 */
#ifndef STRATA_DRIVERS_DMA_SIMDMA_H
#define STRATA_DRIVERS_DMA_SIMDMA_H

#include "kern/callout.h"
#include "kern/spinlock.h"
#include "kern/wait.h"
#include "mm/dma/map.h"

/* The chip's registers, as its bus leads to them. */
struct simdma_registers {
	uint32_t (*read)(void *device, uint32_t offset);
	void (*write)(void *device, uint32_t offset, uint32_t value);
	void *device;
};

/* One transfer. The caller's until simdma_submit, and again from done() or simdma_wait() on. */
struct simdma_request {
	/* From bus address to bus address, upwards; or descriptors in memory that the device sees. */
	dma_addr_t source, destination;
	uint32_t bytes;
	dma_addr_t list;
	uint32_t count;      /* of descriptors; 0: source, destination and bytes are meant */
	uint64_t timeout_ns; /* from its start in the chip; 0: none */
	/* In an interrupt handler; may submit again. NULL: somebody waits. */
	void (*done)(struct simdma_request *request);

	/* Set at the end. */
	int error; /* 0; -EIO: nothing answers at `fault`; -EINVAL: a length of 0; -ETIMEDOUT; -ECANCELED: simdma_detach */
	uint32_t moved_bytes;
	dma_addr_t fault;

	/* The driver's. */
	struct completion completion;
	struct simdma_request *next;
};

struct simdma {
	struct dma_device *dma;
	struct simdma_registers registers;
	uint32_t irq;
	uint32_t lines; /* address lines, as the chip says */

	struct spinlock lock;
	/* Guarded by the lock. */
	struct simdma_request *first, *last; /* the first is in the chip */
	struct callout timeout;              /* of the first */
	uint32_t
		ended; /* requests since simdma_attach; each but those that were too late interrupted once */
	uint32_t late; /* of these, -ETIMEDOUT */
};

/*
 * Take over a chip: its mask is set by its lines, its interrupt requested. *dma is registered and stays the
 * caller's, as `registers.device`. 0; -ENODEV: no such chip behind these registers; -EIO: RAM is nowhere
 * within its lines; or as request_irq. In threads.
 */
int simdma_attach(struct simdma *simdma, struct dma_device *dma,
		  const struct simdma_registers *registers, uint32_t irq);

/* Let it go: what was submitted ends with -ECANCELED, done() called from here, and nothing is submitted any
 * more. In threads. */
void simdma_detach(struct simdma *simdma);

/* The one that boot arguments or the tree added; NULL: none. */
struct simdma *simdma_found(void);
void simdma_set_found(struct simdma *simdma);

/* --- transfers ------------------------------------------------------------------------------- */

/* In any context. */
void simdma_submit(struct simdma *simdma, struct simdma_request *request);

/* Wait for the end of a request without done(); its error. In threads. */
int simdma_wait(struct simdma_request *request);

/*
 * Copy between pieces of any memory that has struct pages; both sides together have as many bytes. No two
 * pieces of the target share a cache line. Waits.
 * 0; -EINVAL: they do not, or there are none; -ENOMEM: no memory for descriptors; -EFAULT: a mapping was
 * refused, which was told; or as a request ends: then the target holds what was copied until then. Nothing
 * stays mapped.
 */
int simdma_copy_sg(struct simdma *simdma, struct scatterlist *to, unsigned int to_count,
		   struct scatterlist *from, unsigned int from_count, uint64_t timeout_ns);

/* The same of one piece each; offsets may reach past the first page, as for dma_map_page. */
int simdma_copy(struct simdma *simdma, struct page *to, uint32_t to_offset, struct page *from,
		uint32_t from_offset, uint32_t bytes, uint64_t timeout_ns);

#endif
