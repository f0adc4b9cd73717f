/* SPDX-License-Identifier: MIT */
#include "kern/fatal.h"

#include <stdarg.h>
#include <stddef.h>

#include "arch/cpu.h"
#include "arch/irqflags.h"
#include "kern/backtrace.h"
#include "kern/log.h"
#include "kern/symbols.h"

void (*fatal_console_hook)(void);

void fatal_find_console(void)
{
	void (*hook)(void) = fatal_console_hook;

	fatal_console_hook = NULL;
	if (hook != NULL)
		hook();
}

void fatal_stop(void)
{
	cpu_exit_emulator(FATAL_EXIT_STATUS);
	cpu_park();
}

void fatal(const char *format, ...)
{
	struct unwind_registers here;
	static bool reporting;
	bool first = !reporting;
	va_list args;

	unwind_here(&here);
	local_irq_save();
	log_seize_console();
	reporting = true;
	if (first)
		fatal_find_console();
	printk(LOG_ERR, "fatal: ");
	va_start(args, format);
	vprintk(LOG_ERR, format, args);
	va_end(args);
	printk(LOG_ERR, "\n");
	if (first)
		backtrace_print(&here, false);
	fatal_stop();
}

/*
 * -fstack-protector-strong: the compiler puts the guard between a function's arrays and what it
 * returns by, and looks again before it returns. The value is there to notice mistakes, not an
 * attacker who can read it: it is the same in every boot. Its zero byte stops string functions.
 * Code that runs before the image has its place (src/boot/early, libfdt) is built without: it may
 * run at another address than the guard's.
 */
extern uintptr_t __stack_chk_guard;
void __stack_chk_fail(void) __attribute__((noreturn));

uintptr_t __stack_chk_guard = 0x5ac3000dU;

void __stack_chk_fail(void)
{
	struct symbol smashed;
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	fatal("%s wrote past the end of an array on its stack",
	      symbol_lookup(caller - 2, &smashed) ? smashed.name : "a function without a name");
}
