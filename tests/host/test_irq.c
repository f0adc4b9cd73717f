/* SPDX-License-Identifier: MIT */
/* Numbers, handlers and counts, with a controller whose lines the test raises. */
#include "kern/irq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "arch/irqflags.h"
#include "kern/log.h"

#define LINES          (IRQ_END + 8U)
#define SOFTWARE_FIRST 4U

uint32_t double_irq_flags;
void (*double_irq_unmasked)(void), (*double_irq_masking)(void);

static uint8_t numbers[LINES];
static bool masked[LINES], raised[LINES];
static enum irq_trigger triggers[LINES];
/* As software's lines on a BCM2836: what is masked comes all the same. */
static bool cannot_mask;

static char log_text[1000];
static unsigned int log_lines;

void printk(enum log_level level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(log_text, sizeof(log_text), format, args);
	va_end(args);
	log_lines++;
}

/* --- the controller ---------------------------------------------------------------------------- */

static void mask(uint32_t line)
{
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	masked[line] = true;
}

static void unmask(uint32_t line)
{
	assert_int_equal(double_irq_flags, DOUBLE_IRQ_MASKED);
	masked[line] = false;
}

static void set_trigger(uint32_t line, enum irq_trigger trigger)
{
	triggers[line] = trigger;
}

static void raise_line(uint32_t line)
{
	raised[line] = true;
}

static const struct irq_chip chip = {
	.name = "TEST-0",
	.lines = LINES,
	.irqs = numbers,
	.mask = mask,
	.unmask = unmask,
	.set_trigger = set_trigger,
	.raise = raise_line,
};

/* Edges: an interrupt is taken once. */
static void handle(void)
{
	bool any = false;

	for (uint32_t line = 0; line < LINES; line++)
		if (raised[line] && (!masked[line] || cannot_mask)) {
			any = true;
			raised[line] = false;
			irq_handle_line(&chip, line);
		}
	if (!any)
		irq_note_spurious();
}

static void interrupt(void)
{
	double_irq_flags = DOUBLE_IRQ_MASKED;
	irq_dispatch();
	double_irq_flags = 0;
}

static void raise_and_take(uint32_t line)
{
	raised[line] = true;
	interrupt();
}

/* --- handlers ---------------------------------------------------------------------------------- */

static uint32_t handled, handled_irq;
static void *handled_data;
static bool owns;

static enum irq_return count_it(uint32_t irq, void *data)
{
	handled++;
	handled_irq = irq;
	handled_data = data;
	return owns ? IRQ_HANDLED : IRQ_NONE;
}

static enum irq_return disable_it(uint32_t irq, void *data)
{
	(void)data;
	handled++;
	disable_irq(irq);
	return IRQ_HANDLED;
}

static enum irq_return free_it(uint32_t irq, void *data)
{
	handled++;
	free_irq(irq, data);
	return IRQ_HANDLED;
}

static int start(void **state)
{
	(void)state;
	handled = 0;
	owns = true;
	cannot_mask = false;
	log_lines = 0;
	log_text[0] = '\0';
	memset(raised, 0, sizeof(raised));
	return 0;
}

static struct irq_snapshot look(uint32_t irq)
{
	struct irq_snapshot snapshot;

	assert_true(irq_snapshot(irq, &snapshot));
	assert_int_equal(snapshot.irq, irq);
	assert_int_equal(double_irq_flags, 0);
	return snapshot;
}

/* --- the tests --------------------------------------------------------------------------------- */

/* Runs first. */
static void test_no_controller(void **state)
{
	struct irq_snapshot snapshot;

	(void)state;
	assert_false(irq_snapshot(0, &snapshot));
	assert_int_equal(software_irq(0), 0);
	assert_int_equal(raise_irq(0), -EINVAL);
	assert_int_equal(request_irq(0, count_it, "x", NULL), -EINVAL);
	assert_int_equal(request_irq(IRQ_FIRST, count_it, "x", NULL), -EINVAL);
	interrupt();
	assert_int_equal(irq_spurious_count(), 1);
	assert_true(irq_set_root(handle));
	assert_false(irq_set_root(interrupt));
	irq_set_software(&chip, SOFTWARE_FIRST);
}

static void test_numbers(void **state)
{
	uint32_t irq = irq_map(&chip, 20, IRQ_LEVEL);

	(void)state;
	assert_int_equal(irq, IRQ_FIRST);
	assert_int_equal(irq_map(&chip, 20, IRQ_LEVEL), irq);
	assert_int_equal(irq_map(&chip, 21, IRQ_EDGE), irq + 1);
	assert_int_equal(triggers[20], IRQ_LEVEL);
	assert_int_equal(triggers[21], IRQ_EDGE);
	assert_true(masked[20] && masked[21]);
	assert_int_equal(irq_map(&chip, LINES, IRQ_LEVEL), 0);
	assert_string_equal(look(irq).chip, "TEST-0");
	assert_int_equal(look(irq).line, 20);
	assert_int_equal(look(irq + 1).trigger, IRQ_EDGE);
	assert_null(look(irq).name);
}

static void test_request(void **state)
{
	uint32_t irq = irq_map(&chip, 20, IRQ_LEVEL), count = look(irq).count;
	int data = 0;

	(void)state;
	assert_int_equal(request_irq(irq, NULL, "none", &data), -EINVAL);
	assert_int_equal(request_irq(IRQ_END, count_it, "x", &data), -EINVAL);
	assert_int_equal(request_irq(15, count_it, "x", &data), -EINVAL);
	assert_int_equal(request_irq(irq, count_it, "device", &data), 0);
	assert_false(masked[20]);
	assert_string_equal(look(irq).name, "device");
	assert_int_equal(request_irq(irq, count_it, "other", NULL), -EBUSY);
	assert_string_equal(look(irq).name, "device");
	raise_and_take(20);
	assert_int_equal(handled, 1);
	assert_int_equal(handled_irq, irq);
	assert_ptr_equal(handled_data, &data);
	assert_int_equal(look(irq).count, count + 1);
	/* Not with somebody else's data. */
	free_irq(irq, &handled);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_text, "free_irq(16)"));
	assert_string_equal(look(irq).name, "device");
	free_irq(irq, &data);
	assert_true(masked[20]);
	assert_null(look(irq).name);
	raise_and_take(20);
	assert_int_equal(handled, 1);
	free_irq(irq, &data);
	free_irq(IRQ_END + 3, NULL);
	assert_int_equal(log_lines, 3);
	raised[20] = false;
}

static void test_nesting(void **state)
{
	uint32_t irq = irq_map(&chip, 22, IRQ_EDGE);

	(void)state;
	request_irq(irq, count_it, "device", NULL);
	disable_irq(irq);
	disable_irq(irq);
	assert_true(masked[22] && look(irq).masked);
	enable_irq(irq);
	assert_true(masked[22] && look(irq).masked);
	enable_irq(irq);
	assert_false(masked[22] || look(irq).masked);
	enable_irq(irq);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_text, "enable_irq("));
	assert_false(masked[22]);
	disable_irq(IRQ_END);
	enable_irq(3);
	assert_int_equal(log_lines, 3);
	/* Disabled before anybody asks: it stays so. */
	free_irq(irq, NULL);
	disable_irq(irq);
	request_irq(irq, count_it, "device", NULL);
	assert_true(masked[22]);
	enable_irq(irq);
	assert_false(masked[22]);
	free_irq(irq, NULL);
}

/* Freed while disabled: who asks next is not disabled. */
static void test_free_while_disabled(void **state)
{
	uint32_t irq = irq_map(&chip, 22, IRQ_EDGE);

	(void)state;
	request_irq(irq, count_it, "device", NULL);
	disable_irq(irq);
	cannot_mask = true;
	raise_and_take(22); /* kept, for nobody as it turns out */
	cannot_mask = false;
	free_irq(irq, NULL);
	assert_true(masked[22]);
	assert_false(look(irq).masked);
	request_irq(irq, count_it, "next", NULL);
	assert_false(masked[22]);
	assert_false(raised[22]);
	interrupt();
	assert_int_equal(handled, 0);
	raise_and_take(22);
	assert_int_equal(handled, 1);
	free_irq(irq, NULL);
}

/* A line that the hardware cannot mask: what comes meanwhile comes afterwards, once. */
static void test_kept(void **state)
{
	uint32_t irq = irq_map(&chip, 22, IRQ_EDGE), count;

	(void)state;
	request_irq(irq, count_it, "device", NULL);
	count = look(irq).count;
	cannot_mask = true;
	disable_irq(irq);
	raise_and_take(22);
	raise_and_take(22);
	assert_int_equal(handled, 0);
	assert_int_equal(look(irq).count, count);
	enable_irq(irq);
	assert_true(raised[22]);
	interrupt();
	interrupt();
	assert_int_equal(handled, 1);
	assert_int_equal(look(irq).count, count + 1);
	free_irq(irq, NULL);
}

/* A level that is still there interrupts by itself. */
static void test_levels_are_not_kept(void **state)
{
	uint32_t irq = irq_map(&chip, 20, IRQ_LEVEL);

	(void)state;
	request_irq(irq, count_it, "device", NULL);
	cannot_mask = true;
	disable_irq(irq);
	raise_and_take(20);
	enable_irq(irq);
	assert_false(raised[20]);
	assert_int_equal(handled, 0);
	raise_and_take(20);
	assert_int_equal(handled, 1);
	free_irq(irq, NULL);
}

static void test_from_the_handler(void **state)
{
	uint32_t irq = irq_map(&chip, 22, IRQ_EDGE);

	(void)state;
	request_irq(irq, disable_it, "device", NULL);
	raise_and_take(22);
	assert_true(masked[22]);
	raise_and_take(22);
	assert_int_equal(handled, 1);
	enable_irq(irq);
	interrupt();
	assert_int_equal(handled, 2);
	enable_irq(irq);
	free_irq(irq, NULL);
	request_irq(irq, free_it, "device", &handled);
	raise_and_take(22);
	assert_int_equal(handled, 3);
	assert_true(masked[22]);
	assert_null(look(irq).name);
	assert_int_equal(log_lines, 0);
}

static void test_storm(void **state)
{
	uint32_t irq = irq_map(&chip, 23, IRQ_EDGE), before, others;

	(void)state;
	request_irq(irq, count_it, "device", NULL);
	owns = false;
	for (uint32_t i = 0; i < IRQ_UNHANDLED_MOST - 1; i++)
		raise_and_take(23);
	owns = true; /* one that is owned begins the row anew */
	raise_and_take(23);
	owns = false;
	assert_int_equal(look(irq).unhandled, IRQ_UNHANDLED_MOST - 1);
	for (uint32_t i = 0; i < IRQ_UNHANDLED_MOST - 1; i++)
		raise_and_take(23);
	assert_false(masked[23] || look(irq).stormed);
	raise_and_take(23);
	assert_true(masked[23] && look(irq).stormed && look(irq).masked);
	assert_int_equal(look(irq).unhandled, 2 * IRQ_UNHANDLED_MOST - 1);
	before = handled;
	cannot_mask = true; /* one that was on its way */
	raise_and_take(23);
	cannot_mask = false;
	assert_int_equal(handled, before);
	/* Told once, not from the interrupt. */
	assert_int_equal(log_lines, 0);
	irq_report_storms();
	irq_report_storms();
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_text, "TEST-0 line 23, device"));
	/* Another try. */
	others = look(irq).count;
	disable_irq(irq);
	enable_irq(irq);
	assert_false(masked[23] || look(irq).stormed);
	interrupt(); /* the one that was kept */
	assert_int_equal(look(irq).count, others + 1);
	for (uint32_t i = 0; i < IRQ_UNHANDLED_MOST; i++)
		raise_and_take(23);
	irq_report_storms();
	assert_true(masked[23]);
	assert_int_equal(log_lines, 2);
	free_irq(irq, NULL);
	assert_false(look(irq).stormed);
	raised[23] = false;
}

/* Lines that nobody asked for are masked, and told by the count of spurious ones alone. */
static void test_unknown(void **state)
{
	uint32_t spurious = irq_spurious_count();

	(void)state;
	masked[30] = false;
	raise_and_take(30);
	assert_true(masked[30]);
	assert_int_equal(irq_spurious_count(), spurious + 1);
	raised[30] = false;
	interrupt();
	assert_int_equal(irq_spurious_count(), spurious + 2);
	/* With a number, but requested by nobody. */
	irq_map(&chip, 31, IRQ_LEVEL);
	masked[31] = false;
	for (uint32_t i = 0; i < IRQ_UNHANDLED_MOST; i++)
		raise_and_take(31);
	assert_true(masked[31]);
	irq_report_storms();
	assert_non_null(strstr(log_text, "no driver"));
}

static void test_software(void **state)
{
	uint32_t irq = software_irq(1);

	(void)state;
	assert_int_not_equal(irq, 0);
	assert_int_equal(software_irq(1), irq);
	assert_int_not_equal(software_irq(0), irq);
	assert_int_equal(software_irq(SOFTWARE_IRQS), 0);
	assert_int_equal(look(irq).line, SOFTWARE_FIRST + 1);
	request_irq(irq, count_it, "software", NULL);
	assert_int_equal(raise_irq(irq), 0);
	assert_true(raised[SOFTWARE_FIRST + 1]);
	interrupt();
	assert_int_equal(handled, 1);
	free_irq(irq, NULL);
	assert_int_equal(raise_irq(irq_map(&chip, 20, IRQ_LEVEL)), -EINVAL);
	assert_int_equal(raise_irq(irq_map(&chip, SOFTWARE_FIRST - 1, IRQ_LEVEL)), -EINVAL);
	assert_int_equal(raise_irq(UINT32_MAX), -EINVAL);
	assert_int_equal(raise_irq(IRQ_END - 1), -EINVAL);
}

/* Runs last: all numbers are given out then. */
static void test_all_numbers(void **state)
{
	uint32_t irq = 1, last = 0, shown = 0;
	struct irq_snapshot snapshot;

	(void)state;
	for (uint32_t line = 0; line < LINES && irq != 0; line++) {
		irq = irq_map(&chip, line, IRQ_LEVEL);
		last = irq > last ? irq : last;
	}
	assert_int_equal(irq, 0);
	assert_int_equal(last, IRQ_END - 1);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_text, "enlarge IRQ_END"));
	for (irq = 0; irq_snapshot(irq, &snapshot); irq = snapshot.irq + 1)
		shown++;
	assert_int_equal(shown, IRQ_END - IRQ_FIRST);
	assert_int_equal(request_irq(IRQ_END - 1, count_it, "last", NULL), 0);
	assert_int_equal(request_irq(IRQ_END, count_it, "none", NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_controller, start),
		cmocka_unit_test_setup(test_numbers, start),
		cmocka_unit_test_setup(test_request, start),
		cmocka_unit_test_setup(test_nesting, start),
		cmocka_unit_test_setup(test_free_while_disabled, start),
		cmocka_unit_test_setup(test_kept, start),
		cmocka_unit_test_setup(test_levels_are_not_kept, start),
		cmocka_unit_test_setup(test_from_the_handler, start),
		cmocka_unit_test_setup(test_storm, start),
		cmocka_unit_test_setup(test_unknown, start),
		cmocka_unit_test_setup(test_software, start),
		cmocka_unit_test_setup(test_all_numbers, start),
	};

	return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
