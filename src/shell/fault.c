/* SPDX-License-Identifier: MIT */
/*
 * Commands that touch any address and survive, and one that does not: crash, for whoever wants to
 * see a report, and for tests/fault.py.
 */
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "kern/callout.h"
#include "kern/clock.h"
#include "kern/exception.h"
#include "kern/fatal.h"
#include "kern/thread.h"
#include "lib/size.h"
#include "mm/virt/fixmap.h"
#include "mm/virt/kmap.h"
#include "shell/command.h"

#define ROW_BYTES 16
#define PEEK_MAX  4096

/* --- peek and poke --------------------------------------------------------------------------- */

static bool parse_word(const char *text, uint64_t limit, uint32_t *value)
{
	uint64_t number;

	if (!parse_number(&text, &number) || *text != '\0' || number > limit)
		return false;
	*value = (uint32_t)number;
	return true;
}

/* b, h, w: bytes, halfwords, words; nothing is w. 0 for anything else. */
static unsigned int parse_width(const char *text)
{
	if (text == NULL || strcmp(text, "w") == 0)
		return 4;
	if (strcmp(text, "h") == 0)
		return 2;
	return strcmp(text, "b") == 0 ? 1 : 0;
}

static bool parse_place(const char *command, const char *text, unsigned int width,
			uint32_t *address)
{
	if (!parse_word(text, UINT32_MAX, address))
		console_printf("%s: %s is no address, such as 0x40000000\n", command, text);
	else if (width == 0)
		console_printf("%s: the width is b, h or w\n", command);
	else if (!IS_ALIGNED(*address, width))
		console_printf("%s: %s is no multiple of %u\n", command, text, width);
	else
		return true;
	return false;
}

/* One line of up to ROW_BYTES. False when a fault ended it; what was read before is shown. */
static bool peek_line(uint32_t address, unsigned int width, uint32_t count)
{
	struct exception_info info;
	char letters[ROW_BYTES + 1];
	unsigned int bytes = 0;
	bool good = true;
	uint32_t value;

	for (uint32_t i = 0; i < count; i++) {
		good = exception_probe_read(address + bytes, width, &value, &info);
		if (!good)
			break;
		if (i == 0)
			console_printf("%08" PRIx32 ":", address);
		console_printf(" %0*" PRIx32, 2 * (int)width, value);
		for (unsigned int byte = 0; byte < width; byte++, value >>= 8)
			letters[bytes++] =
				(value & 0xff) >= ' ' && (value & 0xff) < 0x7f ? (char)value : '.';
	}
	letters[bytes] = '\0';
	if (bytes != 0)
		console_printf("  |%s|\n", letters);
	if (!good)
		console_printf("%s\n", exception_text(&info));
	return good;
}

static void peek(int argc, char **argv)
{
	const char *last = argc > 2 ? argv[argc - 1] : NULL;
	unsigned int width = parse_width(argc == 4 ? last : NULL);
	uint32_t address, count = 1;

	/* "peek ADDR b" is as good as "peek ADDR 1 b". */
	if (argc == 3 && parse_width(last) != 0)
		width = parse_width(last);
	else if (argc >= 3 && !parse_word(argv[2], PEEK_MAX, &count))
		argc = 0;
	if (argc < 2 || argc > 4) {
		console_printf("peek ADDR [COUNT] [b|h|w], COUNT up to %d\n", PEEK_MAX);
		return;
	}
	if (!parse_place(argv[0], argv[1], width, &address))
		return;
	while (count != 0) {
		uint32_t most = ROW_BYTES / width, now = count < most ? count : most;

		if (!peek_line(address, width, now))
			return;
		address += now * width;
		count -= now;
	}
}

SHELL_COMMAND(peek, peek, "ADDR [N]", "read N words at an address; N b: bytes, N h: halfwords");

static void poke(int argc, char **argv)
{
	unsigned int width = parse_width(argc == 4 ? argv[3] : NULL);
	struct exception_info info;
	uint32_t address, value;

	if (argc < 3 || argc > 4) {
		console_printf("poke ADDR VALUE [b|h|w]\n");
		return;
	}
	if (!parse_place(argv[0], argv[1], width, &address))
		return;
	if (!parse_word(argv[2], UINT32_MAX >> (32 - 8 * width), &value))
		console_printf("poke: %s is no number of %u bytes\n", argv[2], width);
	else if (!exception_probe_write(address, width, value, &info))
		console_printf("%s\n", exception_text(&info));
}

SHELL_COMMAND(poke, poke, "ADDR VALUE",
	      "write a word to an address; VALUE b: a byte, VALUE h: a halfword");

/* --- crash ----------------------------------------------------------------------------------- */

/* Called by name in the reports that tests/fault.py reads, so kept as functions of their own. */
#define CRASHER static __attribute__((noinline, noclone)) void

CRASHER crash_inner_null(volatile uint32_t *nowhere)
{
	*nowhere = 1;
	asm volatile(""); /* no tail call, no leaf */
}

CRASHER crash_null(void)
{
	volatile uint32_t *nowhere;

	asm volatile("mov %0, #0" : "=r"(nowhere)); /* neither compiler nor checker may know */
	crash_inner_null(nowhere);
	asm volatile("");
}

CRASHER crash_undefined(void)
{
	asm volatile(".inst 0xe7f000f0"); /* udf #0 */
}

/* Far below anything that is mapped. */
CRASHER crash_jump(void)
{
	void (*volatile nowhere)(void) = (void (*)(void))0x1000;

	nowhere();
	asm volatile("");
}

CRASHER crash_write_past(volatile char *array, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		array[i] = 'x';
}

CRASHER crash_stack_smash(void)
{
	char array[16];

	crash_write_past(array, 40);
	asm volatile("" ::"r"(array) : "memory");
}

/* Deep enough for any stack; the bound only keeps the compiler content. */
CRASHER crash_recurse(unsigned int depth)
{
	volatile char room[200];

	room[0] = (char)depth;
	if (depth != 0)
		crash_recurse(depth - 1);
	room[1] = room[0];
}

CRASHER crash_stack_overflow(void)
{
	crash_recurse(UINT32_MAX);
	asm volatile("");
}

static int recurse_in_thread(void *unused)
{
	(void)unused;
	crash_recurse(UINT32_MAX);
	return 0;
}

/* A thread's stack lies in vmalloc's addresses, between guard pages. */
CRASHER crash_thread_stack(void)
{
	struct thread *thread =
		thread_run("digger", THREAD_PRIORITY_NORMAL, recurse_in_thread, NULL);

	if (thread != NULL)
		thread_join(thread);
	asm volatile("");
}

/* In an interrupt handler, while somebody else runs: the report has a backtrace of each. */
static void crash_in_handler(struct callout *callout)
{
	(void)callout;
	crash_null();
	asm volatile("");
}

CRASHER crash_handler(void)
{
	static struct callout callout;
	uint64_t end_ns = clock_ns() + NS_PER_S;

	callout_init(&callout, crash_in_handler);
	callout_start(&callout, clock_ns() + NS_PER_MS);
	while (clock_ns() < end_ns)
		;
	asm volatile("");
}

static void dig_in_handler(struct callout *callout)
{
	(void)callout;
	crash_recurse(UINT32_MAX);
}

/* Through the bottom of the interrupt stack. */
CRASHER crash_interrupt_stack(void)
{
	static struct callout callout;

	callout_init(&callout, dig_in_handler);
	callout_start(&callout, clock_ns());
	mdelay(1000);
	asm volatile("");
}

static int crash_in_thread(void *unused)
{
	(void)unused;
	crash_null();
	asm volatile("");
	return 0;
}

CRASHER crash_thread_fault(void)
{
	struct thread *thread = thread_run("clumsy", THREAD_PRIORITY_NORMAL, crash_in_thread, NULL);

	if (thread != NULL)
		thread_join(thread);
	asm volatile("");
}

/* The report looks for a console by the hook, and falls over. */
CRASHER crash_nested(void)
{
	fatal_console_hook = crash_null;
	crash_null();
	asm volatile("");
}

/* The first report faults at its first character, so does the second: nothing is left but to park. */
CRASHER crash_console(void)
{
	fixmap_close(FIX_CONSOLE);
	crash_null();
	asm volatile("");
}

/* A pointer that outlives its window; the page is one of the image's. */
CRASHER crash_close_window(const volatile uint32_t *window)
{
	kunmap_local((const void *)window);
	asm volatile("");
}

CRASHER crash_window(void)
{
	volatile uint32_t *window = kmap_local_pfn(page_to_pfn(virt_to_page(__func__)));

	crash_close_window(window);
	*window = 1;
	asm volatile("");
}

CRASHER crash_fatal(void)
{
	fatal("asked for by crash fatal: %d", 42);
}

static const struct crash {
	const char *kind;
	void (*run)(void);
} crashes[] = {
	{ "null", crash_null },
	{ "undefined", crash_undefined },
	{ "jump", crash_jump },
	{ "stack-smash", crash_stack_smash },
	{ "stack-overflow", crash_stack_overflow },
	{ "thread-stack", crash_thread_stack },
	{ "thread-fault", crash_thread_fault },
	{ "handler", crash_handler },
	{ "interrupt-stack", crash_interrupt_stack },
	{ "nested", crash_nested },
	{ "console", crash_console },
	{ "window", crash_window },
	{ "fatal", crash_fatal },
};

static void crash(int argc, char **argv)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(crashes); i++)
		if (argc == 2 && strcmp(argv[1], crashes[i].kind) == 0)
			crashes[i].run();
	console_printf("crash KIND:");
	for (unsigned int i = 0; i < ARRAY_SIZE(crashes); i++)
		console_printf(" %s", crashes[i].kind);
	console_printf("\n");
}

static void complete_crash(struct word_completion *completion)
{
	for (unsigned int i = 0; completion->argument == 1 && i < ARRAY_SIZE(crashes); i++)
		completion_offer(completion, crashes[i].kind);
}

SHELL_COMMAND_COMPLETED(crash, crash, "KIND", "fail on purpose, to see the report", complete_crash);
