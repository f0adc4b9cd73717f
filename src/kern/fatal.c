/* SPDX-License-Identifier: MIT */
#include "kern/fatal.h"

#include <stdarg.h>
#include <stddef.h>

#include "arch/cpu.h"
#include "kern/log.h"

void (*fatal_console_hook)(void);

void fatal(const char *format, ...)
{
	void (*hook)(void) = fatal_console_hook;
	va_list args;

	fatal_console_hook = NULL;
	if (hook != NULL)
		hook();
	printk(LOG_ERR, "fatal: ");
	va_start(args, format);
	vprintk(LOG_ERR, format, args);
	va_end(args);
	printk(LOG_ERR, "\n");
	cpu_park();
}
