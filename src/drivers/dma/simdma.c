/* SPDX-License-Identifier: MIT */
#include "drivers/dma/simdma.h"

#include <errno.h>

#include "arch/barrier.h"
#include "drivers/dma/simdma_engine.h"
#include "kern/clock.h"
#include "kern/irq.h"
#include "mm/obj/slab.h"

static struct simdma *found;

struct simdma *simdma_found(void)
{
	return found;
}

void simdma_set_found(struct simdma *simdma)
{
	found = simdma;
}

static uint32_t read_register(const struct simdma *simdma, uint32_t offset)
{
	return simdma->registers.read(simdma->registers.device, offset);
}

static void write_register(const struct simdma *simdma, uint32_t offset, uint32_t value)
{
	simdma->registers.write(simdma->registers.device, offset, value);
}

/* --- the chip works on the first of the queue ------------------------------------------------- */

/* The lock is held. */
static void start_first(struct simdma *simdma)
{
	const struct simdma_request *request = simdma->first;

	if (request == NULL)
		return;
	write_register(simdma, SIMDMA_SOURCE, request->source);
	write_register(simdma, SIMDMA_DESTINATION, request->destination);
	write_register(simdma, SIMDMA_LENGTH, request->bytes);
	write_register(simdma, SIMDMA_LIST, request->list);
	write_register(simdma, SIMDMA_COUNT, request->count);
	if (request->timeout_ns != 0)
		callout_start(&simdma->timeout, clock_ns() + request->timeout_ns);
	/* Buffers and descriptors are in memory before it looks. */
	device_barrier();
	write_register(simdma, SIMDMA_CONTROL, SIMDMA_START | SIMDMA_INTERRUPT);
}

/* The first has ended and the next one begins. The lock is held; the caller gives the first back. */
static struct simdma_request *take_first(struct simdma *simdma, int error)
{
	struct simdma_request *request = simdma->first;

	callout_stop(&simdma->timeout);
	request->error = error;
	request->moved_bytes = read_register(simdma, SIMDMA_MOVED);
	request->fault = read_register(simdma, SIMDMA_FAULT);
	simdma->first = request->next;
	simdma->ended++;
	start_first(simdma);
	return request;
}

/* From here on it may be gone. */
static void give_back(struct simdma_request *request)
{
	if (request->done != NULL)
		request->done(request);
	else
		complete(&request->completion);
}

static int error_of(uint32_t status)
{
	if ((status & SIMDMA_BUS_ERROR) != 0)
		return -EIO;
	return (status & SIMDMA_BAD_LIST) != 0 ? -EINVAL : 0;
}

static enum irq_return interrupt(uint32_t irq, void *data)
{
	struct simdma *simdma = data;
	struct simdma_request *request = NULL;
	uint32_t flags = spin_lock_irqsave(&simdma->lock);
	uint32_t status = read_register(simdma, SIMDMA_STATUS);

	(void)irq;
	if ((status & SIMDMA_ENDED) != 0) {
		write_register(simdma, SIMDMA_STATUS, status & SIMDMA_ENDED);
		/* What it wrote is there before somebody looks at it. */
		device_barrier();
		request = take_first(simdma, error_of(status));
	}
	spin_unlock_irqrestore(&simdma->lock, flags);
	if (request == NULL)
		return IRQ_NONE;
	give_back(request);
	return IRQ_HANDLED;
}

/* It may have ended at the last moment: then its interrupt is on its way. */
static void too_late(struct callout *callout)
{
	struct simdma *simdma =
		(struct simdma *)((char *)callout - offsetof(struct simdma, timeout));
	struct simdma_request *request = NULL;
	uint32_t flags = spin_lock_irqsave(&simdma->lock);

	if (simdma->first != NULL && (read_register(simdma, SIMDMA_STATUS) & SIMDMA_ENDED) == 0) {
		write_register(simdma, SIMDMA_CONTROL, SIMDMA_RESET);
		simdma->late++;
		request = take_first(simdma, -ETIMEDOUT);
	}
	spin_unlock_irqrestore(&simdma->lock, flags);
	if (request != NULL)
		give_back(request);
}

void simdma_submit(struct simdma *simdma, struct simdma_request *request)
{
	uint32_t flags;

	init_completion(&request->completion);
	request->next = NULL;
	flags = spin_lock_irqsave(&simdma->lock);
	if (simdma->first == NULL) {
		simdma->first = simdma->last = request;
		start_first(simdma);
	} else {
		simdma->last->next = request;
		simdma->last = request;
	}
	spin_unlock_irqrestore(&simdma->lock, flags);
}

int simdma_wait(struct simdma_request *request)
{
	wait_for_completion(&request->completion);
	return request->error;
}

/* --- coming and going ------------------------------------------------------------------------ */

int simdma_attach(struct simdma *simdma, struct dma_device *dma,
		  const struct simdma_registers *registers, uint32_t irq)
{
	int error;

	*simdma = (struct simdma){ .dma = dma, .registers = *registers, .irq = irq };
	if (read_register(simdma, SIMDMA_ID) != SIMDMA_ID_VALUE)
		return -ENODEV;
	simdma->lines = read_register(simdma, SIMDMA_LINES);
	error = dma_set_mask_and_coherent(dma, DMA_BIT_MASK(simdma->lines));
	if (error != 0)
		return error;
	callout_init(&simdma->timeout, too_late);
	write_register(simdma, SIMDMA_CONTROL, SIMDMA_RESET);
	return request_irq(irq, interrupt, "simdma", simdma);
}

void simdma_detach(struct simdma *simdma)
{
	struct simdma_request *request, *next;
	uint32_t flags = spin_lock_irqsave(&simdma->lock);

	write_register(simdma, SIMDMA_CONTROL, SIMDMA_RESET);
	callout_stop(&simdma->timeout);
	request = simdma->first;
	simdma->first = NULL;
	spin_unlock_irqrestore(&simdma->lock, flags);
	free_irq(simdma->irq, simdma);
	for (; request != NULL; request = next) {
		next = request->next;
		request->error = -ECANCELED;
		give_back(request);
	}
}

/* --- copies of scatter lists ------------------------------------------------------------------ */

/* A list and how much of it is behind us. */
struct cursor {
	const struct scatterlist *piece;
	uint32_t used; /* bytes of this piece */
};

static uint64_t total_bytes(const struct scatterlist *list, unsigned int count)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (list[i].length == 0)
			return 0;
		bytes += list[i].length;
	}
	return bytes;
}

static uint32_t left_of(const struct cursor *cursor)
{
	return sg_dma_len(cursor->piece) - cursor->used;
}

static void advance(struct cursor *cursor, uint32_t bytes)
{
	cursor->used += bytes;
	if (left_of(cursor) == 0)
		*cursor = (struct cursor){ .piece = cursor->piece + 1 };
}

/* A descriptor for each stretch that is in one piece on both sides; how many. Both are mapped. */
static uint32_t describe(struct simdma_descriptor *descriptors, const struct scatterlist *to,
			 const struct scatterlist *from, uint64_t bytes)
{
	struct cursor target = { .piece = to }, source = { .piece = from };
	uint32_t count = 0;

	while (bytes != 0) {
		uint32_t length = (uint32_t)min_u64(left_of(&target), left_of(&source));

		descriptors[count++] = (struct simdma_descriptor){
			.source = sg_dma_address(source.piece) + source.used,
			.destination = sg_dma_address(target.piece) + target.used,
			.length = length,
		};
		bytes -= length;
		advance(&target, length);
		advance(&source, length);
	}
	return count;
}

/* Descriptors are written: the device gets them, works, and they go. */
static int run_list(struct simdma *simdma, struct simdma_descriptor *descriptors, uint32_t count,
		    uint64_t timeout_ns)
{
	struct simdma_request request = { .count = count, .timeout_ns = timeout_ns };
	size_t bytes = count * sizeof(*descriptors);
	int error;

	request.list = dma_map_single(simdma->dma, descriptors, bytes, DMA_TO_DEVICE);
	if (dma_mapping_error(simdma->dma, request.list))
		return -EFAULT;
	simdma_submit(simdma, &request);
	error = simdma_wait(&request);
	dma_unmap_single(simdma->dma, request.list, bytes, DMA_TO_DEVICE);
	return error;
}

static int run_single(struct simdma *simdma, const struct scatterlist *to,
		      const struct scatterlist *from, uint64_t timeout_ns)
{
	struct simdma_request request = {
		.source = sg_dma_address(from),
		.destination = sg_dma_address(to),
		.bytes = sg_dma_len(from),
		.timeout_ns = timeout_ns,
	};

	simdma_submit(simdma, &request);
	return simdma_wait(&request);
}

/* Both are mapped. */
static int run_mapped(struct simdma *simdma, const struct scatterlist *to, unsigned int to_count,
		      const struct scatterlist *from, unsigned int from_count, uint64_t timeout_ns)
{
	struct simdma_descriptor *descriptors;
	uint32_t count;
	int error;

	if (to_count == 1 && from_count == 1)
		return run_single(simdma, to, from, timeout_ns);
	/* Each descriptor ends a piece of one side, and the last one of both. */
	descriptors = kmalloc((to_count + from_count - 1) * sizeof(*descriptors), GFP_KERNEL);
	if (descriptors == NULL)
		return -ENOMEM;
	count = describe(descriptors, to, from, total_bytes(from, from_count));
	error = run_list(simdma, descriptors, count, timeout_ns);
	kfree(descriptors);
	return error;
}

int simdma_copy_sg(struct simdma *simdma, struct scatterlist *to, unsigned int to_count,
		   struct scatterlist *from, unsigned int from_count, uint64_t timeout_ns)
{
	uint64_t bytes = total_bytes(from, from_count);
	int error = -EFAULT;

	if (bytes == 0 || bytes != total_bytes(to, to_count))
		return -EINVAL;
	if (dma_map_sg(simdma->dma, from, from_count, DMA_TO_DEVICE) == 0)
		return -EFAULT;
	if (dma_map_sg(simdma->dma, to, to_count, DMA_FROM_DEVICE) != 0) {
		error = run_mapped(simdma, to, to_count, from, from_count, timeout_ns);
		dma_unmap_sg(simdma->dma, to, to_count, DMA_FROM_DEVICE);
	}
	dma_unmap_sg(simdma->dma, from, from_count, DMA_TO_DEVICE);
	return error;
}

int simdma_copy(struct simdma *simdma, struct page *to, uint32_t to_offset, struct page *from,
		uint32_t from_offset, uint32_t bytes, uint64_t timeout_ns)
{
	struct scatterlist target, source;

	sg_set_page(&target, to, bytes, to_offset);
	sg_set_page(&source, from, bytes, from_offset);
	return simdma_copy_sg(simdma, &target, 1, &source, 1, timeout_ns);
}
