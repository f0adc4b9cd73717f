/* SPDX-License-Identifier: MIT */
#include "drivers/dma/simdma_engine.h"

#include <string.h>

#include "kern/clock.h"
#include "kern/irq.h"

/* --- address lines --------------------------------------------------------------------------- */

static uint64_t phys_of(const struct simdma_engine *engine, uint32_t bus)
{
	return engine->ram_base + (bus & ((1ULL << engine->lines) - 1));
}

/* The lines are a whole number of pages, so a piece that stays in its page stays on one side of a wrap. */
static uint32_t left_in_page(uint32_t bus)
{
	return PAGE_SIZE - bus % PAGE_SIZE;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- moving ---------------------------------------------------------------------------------- */

/* Copies of a piece go through the FIFO: read first, then written. */
static enum simdma_access fetch(struct simdma_engine *engine, uint32_t bus, uint32_t bytes)
{
	enum simdma_access access = engine->memory->read(phys_of(engine, bus), engine->fifo, bytes);

	if (access == SIMDMA_NOBODY_THERE)
		engine->fault = bus;
	return access;
}

static enum simdma_access put(struct simdma_engine *engine, uint32_t bus, uint32_t bytes)
{
	enum simdma_access access =
		engine->memory->write(phys_of(engine, bus), engine->fifo, bytes);

	if (access == SIMDMA_NOBODY_THERE)
		engine->fault = bus;
	return access;
}

/* The next descriptor, which may lie across two pages. */
static enum simdma_access load_descriptor(struct simdma_engine *engine)
{
	uint32_t bytes = sizeof(engine->now), bus = engine->next_list;
	uint32_t first = least(bytes, left_in_page(bus));
	uint8_t *now = (uint8_t *)&engine->now;
	enum simdma_access access = fetch(engine, bus, first);

	if (access != SIMDMA_MOVED_ALL)
		return access;
	memcpy(now, engine->fifo, first);
	if (first < bytes)
		access = fetch(engine, bus + first, bytes - first);
	if (access != SIMDMA_MOVED_ALL) {
		engine->now.length = 0;
		return access;
	}
	memcpy(now + first, engine->fifo, bytes - first);
	engine->next_list += bytes;
	engine->left--;
	return SIMDMA_MOVED_ALL;
}

static enum simdma_access move_piece(struct simdma_engine *engine)
{
	struct simdma_descriptor *now = &engine->now;
	uint32_t bytes = least(now->length, SIMDMA_FIFO_BYTES);
	enum simdma_access access;

	bytes = least(bytes, least(left_in_page(now->source), left_in_page(now->destination)));
	access = fetch(engine, now->source, bytes);
	if (access == SIMDMA_MOVED_ALL)
		access = put(engine, now->destination, bytes);
	if (access != SIMDMA_MOVED_ALL)
		return access;
	now->source += bytes;
	now->destination += bytes;
	now->length -= bytes;
	engine->moved += bytes;
	return SIMDMA_MOVED_ALL;
}

/* --- one call -------------------------------------------------------------------------------- */

/* One descriptor, or one piece: STATUS as it is afterwards, without BUSY at the end. */
static uint32_t step(struct simdma_engine *engine)
{
	bool loads = engine->now.length == 0;
	enum simdma_access access = loads ? load_descriptor(engine) : move_piece(engine);

	if (access == SIMDMA_NOT_NOW)
		return SIMDMA_BUSY;
	if (access == SIMDMA_NOBODY_THERE)
		return SIMDMA_BUS_ERROR;
	if (loads)
		return engine->now.length == 0 ? SIMDMA_BAD_LIST : SIMDMA_BUSY;
	return engine->now.length == 0 && engine->left == 0 ? SIMDMA_DONE : SIMDMA_BUSY;
}

static void go_on_later(struct simdma_engine *engine)
{
	callout_start(&engine->callout, clock_ns() + SIMDMA_PIECE_NS);
}

static void serve(struct callout *callout)
{
	struct simdma_engine *engine = (struct simdma_engine *)callout;
	uint32_t irq = spin_lock_irqsave(&engine->lock);
	bool raises;

	engine->status = step(engine);
	raises = engine->status != SIMDMA_BUSY && engine->interrupts;
	if (engine->status == SIMDMA_BUSY)
		go_on_later(engine);
	spin_unlock_irqrestore(&engine->lock, irq);
	if (raises)
		raise_irq(engine->irq);
}

/* --- registers ------------------------------------------------------------------------------- */

static void start(struct simdma_engine *engine)
{
	engine->moved = engine->fault = 0;
	engine->left = engine->count;
	engine->next_list = engine->list;
	engine->now = (struct simdma_descriptor){ 0 };
	if (engine->count == 0)
		engine->now = (struct simdma_descriptor){ .source = engine->source,
							  .destination = engine->destination,
							  .length = engine->length };
	engine->status = SIMDMA_BUSY;
	/* Without a descriptor and without a length there is one descriptor that is not there. */
	if (engine->count == 0 && engine->length == 0)
		engine->status = SIMDMA_BAD_LIST;
	if (engine->status == SIMDMA_BUSY)
		go_on_later(engine);
	else if (engine->interrupts)
		raise_irq(engine->irq);
}

static void control(struct simdma_engine *engine, uint32_t value)
{
	if ((value & SIMDMA_RESET) != 0) {
		callout_stop(&engine->callout);
		engine->status = 0;
	}
	if ((engine->status & SIMDMA_BUSY) != 0)
		return;
	engine->interrupts = (value & SIMDMA_INTERRUPT) != 0;
	if ((value & SIMDMA_START) != 0)
		start(engine);
}

/* The registers that keep what is written. A start has taken its own copy. */
static uint32_t *kept_register(struct simdma_engine *engine, uint32_t offset)
{
	switch (offset) {
	case SIMDMA_SOURCE:
		return &engine->source;
	case SIMDMA_DESTINATION:
		return &engine->destination;
	case SIMDMA_LENGTH:
		return &engine->length;
	case SIMDMA_LIST:
		return &engine->list;
	case SIMDMA_COUNT:
		return &engine->count;
	default:
		return NULL;
	}
}

static uint32_t read_only(const struct simdma_engine *engine, uint32_t offset)
{
	switch (offset) {
	case SIMDMA_ID:
		return SIMDMA_ID_VALUE;
	case SIMDMA_LINES:
		return engine->lines;
	case SIMDMA_CONTROL:
		return engine->interrupts ? SIMDMA_INTERRUPT : 0;
	case SIMDMA_STATUS:
		return engine->status;
	case SIMDMA_MOVED:
		return engine->moved;
	case SIMDMA_FAULT:
		return engine->fault;
	default:
		return 0;
	}
}

uint32_t simdma_engine_read(void *device, uint32_t offset)
{
	struct simdma_engine *engine = device;
	const uint32_t *kept = kept_register(engine, offset);
	uint32_t irq = spin_lock_irqsave(&engine->lock);
	uint32_t value = kept != NULL ? *kept : read_only(engine, offset);

	spin_unlock_irqrestore(&engine->lock, irq);
	return value;
}

void simdma_engine_write(void *device, uint32_t offset, uint32_t value)
{
	struct simdma_engine *engine = device;
	uint32_t *kept = kept_register(engine, offset);
	uint32_t irq = spin_lock_irqsave(&engine->lock);

	if (kept != NULL)
		*kept = value;
	else if (offset == SIMDMA_CONTROL)
		control(engine, value);
	else if (offset == SIMDMA_STATUS)
		engine->status &= ~(value & SIMDMA_ENDED);
	spin_unlock_irqrestore(&engine->lock, irq);
}

/* --- power ----------------------------------------------------------------------------------- */

void simdma_engine_start(struct simdma_engine *engine, const struct simdma_memory *memory,
			 uint64_t ram_base, uint32_t lines, uint32_t irq)
{
	*engine = (struct simdma_engine){
		.memory = memory, .ram_base = ram_base, .lines = lines, .irq = irq
	};
	callout_init(&engine->callout, serve);
}

void simdma_engine_stop(struct simdma_engine *engine)
{
	simdma_engine_write(engine, SIMDMA_CONTROL, SIMDMA_RESET);
}
