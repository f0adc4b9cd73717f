/* SPDX-License-Identifier: MIT */
/*
 * Which devices are probed in which order, and which interrupts the tree gives them: right trees in
 * all the ways that the specification has, and wrong ones, each told in one line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/devices.h"
#include "fdt_builder.h"
#include "kern/driver.h"
#include "kern/log.h"

#define RPI2_TREE "build/dts/bcm2836-rpi-2-b.dtb"

static void *blob;
static char log_text[4096];
static unsigned int log_lines;
/* The names in the order of probing, and of each device its interrupts as numbers. */
static char order[1024], numbers[1024];
static struct device last;

void printk(enum log_level level, const char *format, ...)
{
	size_t used = strlen(log_text);
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(log_text + used, sizeof(log_text) - used, format, args);
	va_end(args);
	assert_int_equal(log_text[strlen(log_text) - 1], '\n');
	log_lines++;
}

static void add(char *text, size_t bytes, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, bytes - used, format, args);
	va_end(args);
}

/* --- drivers ----------------------------------------------------------------------------------- */

/* One cell: the line. Two: bank and bit. Three as a GIC's: kind, line, flags. */
static bool translate(const uint32_t *cells, uint32_t count, uint32_t *line,
		      enum irq_trigger *trigger)
{
	*trigger = IRQ_LEVEL;
	*line = cells[0];
	if (count == 2)
		*line = cells[0] * 32 + cells[1];
	if (count == 3) {
		*line = cells[1];
		*trigger = cells[2] == 1 ? IRQ_EDGE : IRQ_LEVEL;
	}
	return count <= 3;
}

/* The Raspberry Pi's: the line and its flags. */
static bool translate_local(const uint32_t *cells, uint32_t count, uint32_t *line,
			    enum irq_trigger *trigger)
{
	*trigger = IRQ_LEVEL;
	*line = cells[0];
	return count == 2;
}

static const struct irq_chip local_chip = { .name = "local",
					    .lines = 12,
					    .translate = translate_local };
static const struct irq_chip root_chip = { .name = "root", .lines = 64, .translate = translate };
static const struct irq_chip chained_chip = { .name = "chained",
					      .lines = 96,
					      .translate = translate };

/* The number says what was asked for: 1000 for the chained one, 500 for an edge. */
uint32_t irq_map(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger)
{
	return (chip == &chained_chip ? 1000 : 0) + (trigger == IRQ_EDGE ? 500 : 0) + line;
}

static void probe_device(const struct device *device)
{
	last = *device;
	add(order, sizeof(order), "%s ", strrchr(device->name, '/') + 1);
	for (uint32_t i = 0; i < device->irq_count; i++)
		add(numbers, sizeof(numbers), "%u ", device->irqs[i]);
}

static void probe_root(const struct device *device)
{
	probe_device(device);
	device_set_irq_chip(device, &root_chip);
}

static void probe_local(const struct device *device)
{
	probe_device(device);
	device_set_irq_chip(device, &local_chip);
}

static void probe_chained(const struct device *device)
{
	probe_device(device);
	device_set_irq_chip(device, &chained_chip);
}

static const char *const root_names[] = { "test,root", NULL };
static const char *const chained_names[] = { "test,chained", "brcm,bcm2836-armctrl-ic", NULL };
static const char *const local_names[] = { "brcm,bcm2836-l1-intc", NULL };
static const char *const dead_names[] = { "test,dead", NULL };
static const char *const timer_names[] = { "test,timer", "arm,armv7-timer", NULL };
static const char *const device_names[] = { "test,device", "arm,pl011", NULL };
DRIVER(a_device, device_names, probe_device);
DRIVER_AT(DRIVER_TIMER, b_timer, timer_names, probe_device);
DRIVER_AT(DRIVER_IRQCHIP, c_chained, chained_names, probe_chained);
DRIVER_AT(DRIVER_IRQCHIP, d_root, root_names, probe_root);
DRIVER_AT(DRIVER_IRQCHIP, f_local, local_names, probe_local);
DRIVER_AT(DRIVER_IRQCHIP, e_dead, dead_names, probe_device);

static void probe_blob(void *built)
{
	free(blob);
	blob = built;
	order[0] = '\0';
	numbers[0] = '\0';
	log_text[0] = '\0';
	log_lines = 0;
	devices_probe(blob);
}

static int drop_blob(void **state)
{
	(void)state;
	free(blob);
	blob = NULL;
	return 0;
}

#define ROOT3                                                                    \
	"ic { compatible = \"test,root\"; phandle = <1>; interrupt-controller; " \
	"#interrupt-cells = <3>; };"
#define CHAINED                                                                     \
	"ch { compatible = \"test,chained\"; phandle = <2>; interrupt-controller; " \
	"#interrupt-cells = <2>; interrupt-parent = <1>; interrupts = <0 8 4>; };"

/* The device behind both controllers, and its interrupts' numbers; nothing is said. */
static void expect_numbers(const char *device, const char *wanted)
{
	char source[2000];

	snprintf(source, sizeof(source), "/ { interrupt-parent = <1>; " ROOT3 CHAINED "%s };",
		 device);
	probe_blob(fdt_build(source));
	assert_string_equal(log_text, "");
	assert_int_equal(strncmp(numbers, "8 ", 2), 0);
	assert_string_equal(numbers + 2, wanted);
}

/* The same of one that is wrong: one line, which names the node and says what is wrong. */
static void expect_line(const char *tree, const char *wanted_numbers, const char *wanted)
{
	probe_blob(fdt_build(tree));
	assert_string_equal(numbers, wanted_numbers);
	if (log_lines != 1 || strstr(log_text, wanted) == NULL || strchr(log_text, '/') == NULL)
		fail_msg("%u lines, without \"%s\":\n%s", log_lines, wanted, log_text);
}

/* --- the tests --------------------------------------------------------------------------------- */

/* Users stand before what they use, and the controller that is last in line before the first. */
static void test_order(void **state)
{
	(void)state;
	probe_blob(fdt_build(
		"/ { interrupt-parent = <2>; d1 { compatible = \"test,device\"; };"
		"  t1 { compatible = \"test,timer\"; };"
		"  ch2 { compatible = \"test,chained\"; phandle = <3>; #interrupt-cells = <2>;"
		"    interrupts = <1 1>; };" CHAINED "t2 { compatible = \"test,timer\"; };" ROOT3
		"  d2 { compatible = \"test,device\"; }; };"));
	assert_string_equal(order, "ic ch ch2 t1 t2 d1 d2 ");
	assert_string_equal(numbers, "8 1033 ");
	assert_string_equal(log_text, "");
}

static void test_interrupts(void **state)
{
	(void)state;
	expect_numbers("d { compatible = \"test,device\"; interrupts = <0 5 4 0 6 1>; };",
		       "5 506 ");
	expect_numbers("d { compatible = \"test,device\"; };", "");
	/* Own parent, the nearest above, and above a bus that does not say. */
	expect_numbers("d { compatible = \"test,device\"; interrupt-parent = <2>;"
		       "    interrupts = <1 25>; };",
		       "1057 ");
	expect_numbers("bus { interrupt-parent = <2>; b { d { compatible = \"test,device\";"
		       "    interrupts = <2 0 0 7>; }; }; };",
		       "1064 1007 ");
	expect_numbers("bus { interrupt-parent = <2>; };"
		       "d { compatible = \"test,device\"; interrupts = <0 9 4>; };",
		       "9 ");
	/* Each entry its own controller; the one word goes before the other. */
	expect_numbers("d { compatible = \"test,device\"; interrupts = <0 5 4>;"
		       "    interrupts-extended = <2 1 3 1 0 7 4>; };",
		       "1035 7 ");
	expect_numbers("d { compatible = \"test,device\"; interrupts = <>; };", "");
}

/* What lies below a controller goes to it, unless it says otherwise. */
static void test_below_a_controller(void **state)
{
	(void)state;
	probe_blob(fdt_build("/ { interrupt-parent = <9>; ic { compatible = \"test,root\"; "
			     "#interrupt-cells = <1>;"
			     "    d { compatible = \"test,device\"; interrupts = <3>; }; }; };"));
	assert_string_equal(numbers, "3 ");
	assert_string_equal(log_text, "");
}

static void test_registers(void **state)
{
	(void)state;
	probe_blob(fdt_build(
		"/ { #address-cells = <1>; #size-cells = <1>;"
		"  d { compatible = \"test,device\"; reg = <0x1000 8 0x2000 8 0x3000 8>; }; };"));
	assert_int_equal(last.register_count, DEVICE_REGISTERS_MOST);
	assert_int_equal(last.registers[0], 0x1000);
	assert_int_equal(last.registers[1], 0x2000);
	probe_blob(
		fdt_build("/ { #address-cells = <2>; #size-cells = <1>;"
			  "  d { compatible = \"test,device\"; reg = <0 0x1000 8 1 0 8>; }; };"));
	assert_int_equal(last.register_count, 1);
}

#define DEVICE(text) "d { compatible = \"test,device\"; " text " };"

static void test_wrong_trees(void **state)
{
	(void)state;
	expect_line("/ { interrupt-parent = <7>; " ROOT3 DEVICE("interrupts = <0 5 4>;") "};", "",
		    "/d: interrupts from number 0 on are not used: interrupt-parent names no");
	expect_line("/ { " ROOT3 DEVICE("interrupts = <0 5 4>;") "};", "", "interrupt-parent");
	expect_line("/ { interrupt-parent = <1 1>; " ROOT3 DEVICE("interrupts = <0 5 4>;") "};", "",
		    "interrupt-parent");
	expect_line("/ { interrupt-parent = <1>; " ROOT3 DEVICE("interrupts = <0 5 4 0 6>;") "};",
		    "5 ", "from number 1 on are not used: the last entry lacks cells");
	expect_line(
		"/ { interrupt-parent = <1>; " ROOT3 DEVICE("interrupts = <0 64 4 0 3 4>;") "};",
		"0 3 ", "/d: interrupt 0: root has no such line");
	expect_line("/ { interrupt-parent = <1>; ic { compatible = \"test,root\"; phandle = <1>;"
		    "  #interrupt-cells = <9>; };" DEVICE("interrupts = <1 2 3 4 5 6 7 8 9>;") "};",
		    "", "#interrupt-cells of interrupt-parent must be 1 to 8");
	expect_line("/ { interrupt-parent = <1>; ic { compatible = \"test,root\"; phandle = <1>; "
		    "};" DEVICE("interrupts = <1>;") "};",
		    "", "#interrupt-cells");
	expect_line("/ { interrupt-parent = <1>; ic { compatible = \"test,root\"; phandle = <1>;"
		    "  #interrupt-cells = <4>; };" DEVICE("interrupts = <1 2 3 4>;") "};",
		    "0 ", "no such line");
	expect_line("/ { interrupt-parent = <1>; ic { compatible = \"test,dead\"; phandle = <1>;"
		    "  #interrupt-cells = <1>; };" DEVICE("interrupts = <1>;") "};",
		    "0 ", "/d: interrupt 0: its controller does not work");
	/* A device is no controller. */
	expect_line("/ { interrupt-parent = <1>; d1 { compatible = \"test,device\"; phandle = <1>; "
		    "};" DEVICE("interrupts = <1>;") "};",
		    "", "#interrupt-cells");
	expect_line("/ { " ROOT3 DEVICE("interrupts-extended = <1 0 5 4 1 0 6>;") "};", "5 ",
		    "from number 1 on are not used: the last entry lacks cells");
	expect_line("/ { " ROOT3 DEVICE("interrupts-extended = <1>;") "};", "", "lacks cells");
	expect_line("/ { " ROOT3 DEVICE("interrupts-extended = <0 1>;") "};", "", "no controller");
}

/* Too many for the device's table: those that fit are used. */
static void test_too_many(void **state)
{
	char source[4000] = "/ { interrupt-parent = <1>; ic { compatible = \"test,root\";"
			    " phandle = <1>; #interrupt-cells = <1>; }; d {"
			    " compatible = \"test,device\"; interrupts = <";

	(void)state;
	for (unsigned int i = 0; i <= DEVICE_IRQS_MOST; i++)
		add(source, sizeof(source), "%u ", i + 1);
	add(source, sizeof(source), ">; }; };");
	probe_blob(fdt_build(source));
	assert_int_equal(last.irq_count, DEVICE_IRQS_MOST);
	assert_int_equal(last.irqs[DEVICE_IRQS_MOST - 1], DEVICE_IRQS_MOST);
	assert_int_equal(log_lines, 1);
	assert_non_null(strstr(log_text, "enlarge DEVICE_IRQS_MOST"));
}

/* More nodes than there is room for: the rest is named. */
static void test_many_devices(void **state)
{
	static char source[20000];

	(void)state;
	strcpy(source, "/ { ");
	for (unsigned int i = 0; i < 66; i++)
		add(source, sizeof(source), "d%u { compatible = \"test,device\"; };", i);
	add(source, sizeof(source), "};");
	probe_blob(fdt_build(source));
	assert_int_equal(log_lines, 2);
	assert_non_null(strstr(log_text, "/d64: more than 64 devices"));
	assert_non_null(strstr(order, "d63 "));
	assert_null(strstr(order, "d64 "));
}

/* Controllers that wait for each other are left alone; one that names itself does not wait. */
static void test_circles(void **state)
{
	(void)state;
	probe_blob(fdt_build(
		"/ { a { compatible = \"test,root\"; phandle = <1>; interrupt-parent = <2>;"
		"    #interrupt-cells = <1>; interrupts = <1>; };"
		"  b { compatible = \"test,root\"; phandle = <2>; interrupt-parent = <1>;"
		"    #interrupt-cells = <1>; interrupts = <1>; };"
		"  d { compatible = \"test,device\"; interrupt-parent = <1>; interrupts = <4>; }; "
		"};"));
	assert_string_equal(order, "d ");
	assert_string_equal(numbers, "0 ");
	assert_non_null(strstr(log_text, "/a: controllers that interrupt each other"));
	assert_non_null(strstr(log_text, "/b: controllers that interrupt each other"));
	assert_int_equal(log_lines, 3);
	/* A GIC does: its maintenance interrupt. */
	probe_blob(fdt_build("/ { interrupt-parent = <1>; ic { compatible = \"test,root\";"
			     "  phandle = <1>; #interrupt-cells = <3>; interrupts = <1 9 4>; };"
			     "  d { compatible = \"test,device\"; interrupts = <0 5 4>; }; };"));
	assert_string_equal(order, "ic d ");
	assert_string_equal(numbers, "0 5 ");
	assert_string_equal(log_text, "");
}

/* The kernel's tree of the Raspberry Pi 2: the timer's four lines, the console's behind both. */
static void test_raspberry_pi(void **state)
{
	size_t bytes;

	(void)state;
	probe_blob(fdt_load(RPI2_TREE, &bytes));
	assert_string_equal(order,
			    "interrupt-controller@40000000 interrupt-controller@7e00b200 timer "
			    "serial@7e201000 ");
	assert_string_equal(numbers, "8 0 1 3 2 1089 ");
	assert_string_equal(log_text, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, drop_blob)
	const struct CMUnitTest tests[] = {
		TEST(test_order),        TEST(test_interrupts),  TEST(test_below_a_controller),
		TEST(test_registers),    TEST(test_wrong_trees), TEST(test_too_many),
		TEST(test_many_devices), TEST(test_circles),     TEST(test_raspberry_pi),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
