/* SPDX-License-Identifier: MIT */
/*
 * Numbers, handlers and counts.
 *
 * What the way to a handler needs lies in `actions`, the rest in `lines`. There is always a handler
 * to call: nobody() where nobody asked for the line, held() while it is masked. So the way has no
 * question but the last one, whether the interrupt was owned.
 *
 * A line may come in although it is masked: GICs need not mask software's lines, the BCM2836 cannot,
 * and one that was on its way when it was masked may still arrive. held() keeps it, and enable_irq
 * has it raised again.
 */
#include "kern/irq.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/irqflags.h"
#include "kern/log.h"
#include "lib/bits.h"

struct irq_action {
	irq_handler handler; /* what is called now */
	void *data;
	uint32_t count;
	uint32_t unhandled_in_row;
};

struct irq_line {
	const struct irq_chip *chip; /* NULL: the number is not given out */
	uint32_t line;
	irq_handler requested; /* NULL: nobody */
	const char *name;
	uint32_t unhandled;
	uint32_t disabled; /* how often; a line that nobody requested is masked all the same */
	enum irq_trigger trigger;
	bool stormed;
	bool told; /* that it stormed */
	bool held; /* came while it was masked */
};

static enum irq_return nobody(uint32_t irq, void *data);

static struct irq_action actions[IRQ_END] = { [0] = { .handler = nobody } };
static struct irq_line lines[IRQ_END];
static uint32_t next_irq = IRQ_FIRST;

void (*irq_root_handle)(void) = irq_note_spurious;
static uint32_t spurious;
static volatile bool storm_untold;

static const struct irq_chip *software_chip;
static uint32_t software_first;

/* --- the way to a handler -------------------------------------------------------------------- */

static enum irq_return nobody(uint32_t irq, void *data)
{
	(void)irq;
	(void)data;
	return IRQ_NONE;
}

/* Not counted: it was not delivered. */
static enum irq_return held(uint32_t irq, void *data)
{
	struct irq_line *line = &lines[irq];

	(void)data;
	actions[irq].count--;
	line->held = true;
	line->chip->mask(line->line);
	return IRQ_HANDLED;
}

/* Told later, by irq_report_storms: a line of text takes too long for an interrupt. */
static void note_storm(uint32_t irq, struct irq_line *line)
{
	line->stormed = true;
	line->told = false;
	storm_untold = true;
	actions[irq].handler = held;
	line->chip->mask(line->line);
}

/* A line that nobody asked about has no number to be told by; it has no business being unmasked. */
static __attribute__((noinline)) void note_unhandled(const struct irq_chip *chip, uint32_t line,
						     uint32_t irq)
{
	struct irq_action *action = &actions[irq];

	if (irq == 0) {
		spurious++;
		chip->mask(line);
		return;
	}
	lines[irq].unhandled++;
	if (++action->unhandled_in_row >= IRQ_UNHANDLED_MOST && !lines[irq].stormed)
		note_storm(irq, &lines[irq]);
}

void irq_handle_line(const struct irq_chip *chip, uint32_t line)
{
	uint32_t irq = chip->irqs[line];
	struct irq_action *action = &actions[irq];

	action->count++;
	if (likely(action->handler(irq, action->data) == IRQ_HANDLED))
		action->unhandled_in_row = 0;
	else
		note_unhandled(chip, line, irq);
}

void irq_note_spurious(void)
{
	spurious++;
}

/* --- controllers ----------------------------------------------------------------------------- */

bool irq_set_root(void (*handle)(void))
{
	if (irq_root_handle != irq_note_spurious)
		return false;
	irq_root_handle = handle;
	return true;
}

static uint32_t give_number(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger)
{
	uint32_t irq = next_irq;

	if (irq == IRQ_END)
		return 0;
	next_irq++;
	lines[irq] = (struct irq_line){ .chip = chip, .line = line, .trigger = trigger };
	actions[irq] = (struct irq_action){ .handler = nobody };
	chip->mask(line);
	if (chip->set_trigger != NULL)
		chip->set_trigger(line, trigger);
	chip->irqs[line] = (uint8_t)irq;
	return irq;
}

uint32_t irq_map(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger)
{
	uint32_t flags, irq;

	if (line >= chip->lines)
		return 0;
	flags = local_irq_save();
	irq = chip->irqs[line];
	if (irq == 0)
		irq = give_number(chip, line, trigger);
	local_irq_restore(flags);
	if (irq == 0)
		pr_warn("%s line %" PRIu32 ": all %u interrupt numbers are given out; enlarge "
			"IRQ_END\n",
			chip->name, line, IRQ_END - IRQ_FIRST);
	return irq;
}

void irq_set_software(const struct irq_chip *chip, uint32_t first)
{
	if (software_chip != NULL)
		return;
	software_chip = chip;
	software_first = first;
}

/* --- devices --------------------------------------------------------------------------------- */

static bool is_given(uint32_t irq)
{
	return irq >= IRQ_FIRST && irq < next_irq;
}

/* Interrupts masked. The line is enabled, with nothing in its way. */
static void let_in(uint32_t irq)
{
	struct irq_line *line = &lines[irq];
	bool again = line->held;

	actions[irq].handler = line->requested;
	actions[irq].unhandled_in_row = 0;
	line->stormed = false;
	line->held = false;
	line->chip->unmask(line->line);
	/* A level that is still there comes by itself. */
	if (again && line->trigger == IRQ_EDGE && line->chip->raise != NULL)
		line->chip->raise(line->line);
}

static void shut_out(uint32_t irq)
{
	actions[irq].handler = held;
	lines[irq].chip->mask(lines[irq].line);
}

int request_irq(uint32_t irq, irq_handler handler, const char *name, void *data)
{
	struct irq_line *line;
	uint32_t flags;
	int error = 0;

	if (!is_given(irq) || handler == NULL)
		return -EINVAL;
	line = &lines[irq];
	flags = local_irq_save();
	if (line->requested != NULL) {
		error = -EBUSY;
	} else {
		line->requested = handler;
		line->name = name;
		line->held = false; /* it was for nobody */
		actions[irq].data = data;
		if (line->disabled == 0)
			let_in(irq);
		else
			shut_out(irq);
	}
	local_irq_restore(flags);
	return error;
}

void free_irq(uint32_t irq, const void *data)
{
	struct irq_line *line;
	uint32_t flags;

	if (!is_given(irq) || lines[irq].requested == NULL || actions[irq].data != data) {
		pr_err("free_irq(%" PRIu32 "): it was not requested with this data: not done\n",
		       irq);
		return;
	}
	line = &lines[irq];
	flags = local_irq_save();
	line->chip->mask(line->line);
	actions[irq].handler = nobody;
	actions[irq].data = NULL;
	actions[irq].unhandled_in_row = 0;
	line->requested = NULL;
	line->name = NULL;
	line->disabled = 0;
	line->stormed = false;
	line->held = false;
	local_irq_restore(flags);
}

void disable_irq(uint32_t irq)
{
	uint32_t flags;

	if (!is_given(irq)) {
		pr_err("disable_irq(%" PRIu32 "): there is no such number: not done\n", irq);
		return;
	}
	flags = local_irq_save();
	if (lines[irq].disabled++ == 0 && lines[irq].requested != NULL)
		shut_out(irq);
	local_irq_restore(flags);
}

void enable_irq(uint32_t irq)
{
	uint32_t flags = local_irq_save();
	bool balanced = is_given(irq) && lines[irq].disabled != 0;

	if (balanced && --lines[irq].disabled == 0 && lines[irq].requested != NULL)
		let_in(irq);
	local_irq_restore(flags);
	if (!balanced)
		pr_err("enable_irq(%" PRIu32 "): it is not disabled: not done\n", irq);
}

/* --- software's own lines -------------------------------------------------------------------- */

uint32_t software_irq(uint32_t number)
{
	if (software_chip == NULL || number >= SOFTWARE_IRQS)
		return 0;
	return irq_map(software_chip, software_first + number, IRQ_EDGE);
}

int raise_irq(uint32_t irq)
{
	const struct irq_line *line = &lines[irq < IRQ_END ? irq : 0];

	/* Numbers of nobody have no chip, and there may be none that is software's. */
	if (line->chip == NULL || line->chip != software_chip ||
	    line->line - software_first >= SOFTWARE_IRQS)
		return -EINVAL;
	line->chip->raise(line->line);
	return 0;
}

/* --- people ---------------------------------------------------------------------------------- */

bool irq_snapshot(uint32_t irq, struct irq_snapshot *snapshot)
{
	const struct irq_line *line;
	uint32_t flags;

	if (irq < IRQ_FIRST)
		irq = IRQ_FIRST;
	if (!is_given(irq))
		return false;
	line = &lines[irq];
	flags = local_irq_save();
	*snapshot = (struct irq_snapshot){
		.irq = irq,
		.chip = line->chip->name,
		.line = line->line,
		.trigger = line->trigger,
		.name = line->name,
		.masked = line->disabled != 0 || line->stormed,
		.stormed = line->stormed,
		.count = actions[irq].count,
		.unhandled = line->unhandled,
	};
	local_irq_restore(flags);
	return true;
}

void irq_report_storms(void)
{
	if (!storm_untold)
		return;
	storm_untold = false;
	for (uint32_t irq = IRQ_FIRST; irq < next_irq; irq++) {
		struct irq_line *line = &lines[irq];

		if (!line->stormed || line->told)
			continue;
		line->told = true;
		pr_err("irq %" PRIu32 " (%s line %" PRIu32 ", %s): %u in a row that nobody owned: "
		       "masked; correct the driver or `interrupts` in the device tree\n",
		       irq, line->chip->name, line->line,
		       line->name != NULL ? line->name : "no driver", IRQ_UNHANDLED_MOST);
	}
}

uint32_t irq_spurious_count(void)
{
	return spurious;
}
