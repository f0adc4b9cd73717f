/* SPDX-License-Identifier: MIT */
/* Interrupts of this board's own controllers, by the lines that are software's. */
#include <errno.h>
#include <string.h>

#include "arch/irqflags.h"
#include "kern/clock.h"
#include "kern/context.h"
#include "kern/irq.h"
#include "kern/selftest.h"
#include "mm/obj/slab.h"
#include "mm/phys/page_alloc.h"

#include "page_watch.h"

#define NUMBER     3U /* of software's lines */
#define OWN_LINES  4U /* of these; those from there on have owners (kern/irq.h) */
#define BLOCKS     24U
#define PATIENT_NS (20 * NS_PER_S) /* whatever the host does meanwhile */

extern char interrupt_stack[], interrupt_stack_top[];

static volatile uint32_t handled;
static char foreign; /* as data: the handler says that it does not own what came */
static uintptr_t handler_frame;
static bool handler_masked, handler_may_sleep;

static enum irq_return note(uint32_t irq, void *data)
{
	(void)irq;
	handler_frame = (uintptr_t)__builtin_frame_address(0);
	handler_masked = irqs_masked();
	handler_may_sleep = may_sleep();
	handled++;
	return data == &foreign ? IRQ_NONE : IRQ_HANDLED;
}

static struct irq_snapshot look(uint32_t irq)
{
	struct irq_snapshot snapshot = { 0 };

	EXPECT(irq_snapshot(irq, &snapshot) && snapshot.irq == irq);
	return snapshot;
}

/* A controller takes its time, a few instructions or a bus' delay. */
static bool comes(uint32_t wanted)
{
	uint64_t end_ns = clock_ns() + PATIENT_NS;

	while (handled < wanted && clock_ns() < end_ns)
		;
	return handled == wanted;
}

/* 0: no controller, which is said. */
static uint32_t request(void *data)
{
	uint32_t irq = software_irq(NUMBER);

	handled = 0;
	EXPECT(irq != 0);
	EXPECT(request_irq(irq, note, "selftest", data) == 0);
	return irq;
}

SELFTEST(irq, a_software_interrupt_is_handled_and_counted)
{
	uint32_t irq = request(NULL), before = look(irq).count;

	EXPECT(strcmp(look(irq).name, "selftest") == 0 && look(irq).trigger == IRQ_EDGE);
	EXPECT(request_irq(irq, note, "other", NULL) == -EBUSY);
	for (uint32_t i = 1; i <= 100; i++) {
		EXPECT(raise_irq(irq) == 0);
		EXPECT(comes(i));
	}
	EXPECT(look(irq).count == before + 100);
	free_irq(irq, NULL);
}

/* The lines that devices leave to tests are four, whatever order they come in. */
SELFTEST(irq, each_software_line_has_its_own_handler)
{
	uint32_t irqs[OWN_LINES], before[OWN_LINES], flags;

	handled = 0;
	for (uint32_t i = 0; i < OWN_LINES; i++) {
		irqs[i] = software_irq(i);
		EXPECT(request_irq(irqs[i], note, "selftest", NULL) == 0);
		before[i] = look(irqs[i]).count;
	}
	flags = local_irq_save();
	for (uint32_t i = OWN_LINES; i-- > 0;)
		raise_irq(irqs[i]);
	local_irq_restore(flags);
	EXPECT(comes(OWN_LINES));
	for (uint32_t i = 0; i < OWN_LINES; i++) {
		EXPECT(look(irqs[i]).count == before[i] + 1);
		free_irq(irqs[i], NULL);
	}
}

SELFTEST(irq, handlers_run_on_the_interrupt_stack_with_interrupts_masked)
{
	uint32_t irq = request(NULL);

	raise_irq(irq);
	EXPECT(comes(1));
	EXPECT(handler_frame > (uintptr_t)interrupt_stack &&
	       handler_frame <= (uintptr_t)interrupt_stack_top);
	EXPECT(handler_masked);
	EXPECT(!handler_may_sleep);
	EXPECT(!irqs_masked());
	free_irq(irq, NULL);
}

/* What comes while the core masks waits; twice is once. */
SELFTEST(irq, masked_interrupts_wait_for_the_core)
{
	uint32_t irq = request(NULL), flags = local_irq_save();

	raise_irq(irq);
	raise_irq(irq);
	udelay(1);
	EXPECT(handled == 0);
	local_irq_restore(flags);
	EXPECT(comes(1));
	udelay(20);
	EXPECT(handled == 1);
	free_irq(irq, NULL);
}

SELFTEST(irq, disabled_lines_keep_what_comes)
{
	uint32_t irq = request(NULL);

	disable_irq(irq);
	disable_irq(irq);
	raise_irq(irq);
	udelay(20);
	enable_irq(irq);
	udelay(20);
	EXPECT(handled == 0 && look(irq).masked);
	enable_irq(irq);
	EXPECT(comes(1));
	EXPECT(!look(irq).masked);
	free_irq(irq, NULL);
}

/* Raised while nobody has it, it may be lost or come to the next: that one knows edges. */
SELFTEST(irq, freed_lines_do_not_interrupt)
{
	uint32_t irq = request(NULL), spurious = irq_spurious_count();

	free_irq(irq, NULL);
	raise_irq(irq);
	udelay(20);
	EXPECT(handled == 0);
	EXPECT(irq_spurious_count() == spurious);
	irq = request(NULL);
	udelay(20);
	handled = 0;
	raise_irq(irq);
	EXPECT(comes(1));
	free_irq(irq, NULL);
}

SELFTEST(irq, a_storm_that_nobody_owns_is_masked)
{
	uint32_t irq = request(&foreign), unhandled = look(irq).unhandled;

	for (uint32_t i = 1; i < IRQ_UNHANDLED_MOST; i++) {
		raise_irq(irq);
		EXPECT(comes(i));
	}
	EXPECT(!look(irq).stormed);
	raise_irq(irq);
	EXPECT(comes(IRQ_UNHANDLED_MOST));
	EXPECT(look(irq).stormed && look(irq).masked);
	EXPECT(look(irq).unhandled == unhandled + IRQ_UNHANDLED_MOST);
	raise_irq(irq);
	udelay(20);
	EXPECT(handled == IRQ_UNHANDLED_MOST);
	irq_report_storms();
	free_irq(irq, &foreign);
	irq = request(NULL);
	udelay(20);
	handled = 0;
	raise_irq(irq);
	EXPECT(comes(1));
	EXPECT(!look(irq).stormed);
	free_irq(irq, NULL);
}

/* --- memory from a handler --------------------------------------------------------------------- */

static struct {
	unsigned char *object;
	struct page *page;
} blocks[BLOCKS];

static size_t bytes_of(uint32_t block)
{
	return 8U << block % 10;
}

/* Both ends are enough: filling whole ones would keep interrupts masked for long. */
static enum irq_return take_memory(uint32_t irq, void *data)
{
	uint32_t block = handled++;

	(void)irq;
	(void)data;
	blocks[block].object = kmalloc(bytes_of(block), GFP_ATOMIC);
	for (size_t byte = 0; blocks[block].object != NULL && byte < 8; byte++) {
		blocks[block].object[byte] = (unsigned char)(block + 1);
		blocks[block].object[bytes_of(block) - 1 - byte] = (unsigned char)(block + 1);
	}
	blocks[block].page = alloc_pages(GFP_ATOMIC, block % 3);
	return IRQ_HANDLED;
}

static enum irq_return give_back(uint32_t irq, void *data)
{
	uint32_t block = handled++;

	(void)irq;
	(void)data;
	kfree(blocks[block].object);
	if (blocks[block].page != NULL)
		__free_pages(blocks[block].page, block % 3);
	return IRQ_HANDLED;
}

SELFTEST(irq, handlers_allocate_and_free)
{
	uint32_t irq = software_irq(NUMBER);

	pause_failing();
	handled = 0;
	EXPECT(request_irq(irq, take_memory, "selftest", NULL) == 0);
	for (uint32_t i = 1; i <= BLOCKS; i++) {
		raise_irq(irq);
		EXPECT(comes(i));
	}
	free_irq(irq, NULL);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		bool whole = blocks[i].object != NULL && blocks[i].page != NULL;

		EXPECT(whole);
		for (size_t byte = 0; whole && byte < 8; byte++)
			whole = blocks[i].object[byte] == i + 1 &&
				blocks[i].object[bytes_of(i) - 1 - byte] == i + 1;
		EXPECT(whole);
	}
	handled = 0;
	EXPECT(request_irq(irq, give_back, "selftest", NULL) == 0);
	for (uint32_t i = 1; i <= BLOCKS; i++) {
		raise_irq(irq);
		EXPECT(comes(i));
	}
	free_irq(irq, NULL);
	resume_failing();
}
