/* SPDX-License-Identifier: MIT */
/*
 * Touching what may not be there, and living on. For tests, and for a person who peeks and pokes.
 *
 *	struct exception_info info;
 *
 *	if (!exception_try_read32(address, &value, &info))
 *		console_printf("%s\n", exception_text(&info));
 *
 * Each is one aligned access of just that width, complete when the function returns; also right for
 * device registers. False after a fault, with *info filled (it may be NULL) and *value untouched.
 * How late a bus error may come and still be caught: src/arch/arm/exception.c.
 */
#ifndef STRATA_KERN_EXCEPTION_H
#define STRATA_KERN_EXCEPTION_H

#include "arch/exception.h"

static inline bool exception_try_read32(uintptr_t address, uint32_t *value,
					struct exception_info *info)
{
	return exception_probe_read(address, 4, value, info);
}

static inline bool exception_try_write32(uintptr_t address, uint32_t value,
					 struct exception_info *info)
{
	return exception_probe_write(address, 4, value, info);
}

/*
 * Call address(argument). Only its first instruction is guarded: that it can be fetched, and
 * whatever exception it makes itself. The rest runs as an ordinary function.
 */
static inline bool exception_try_execute(uintptr_t address, uintptr_t argument,
					 struct exception_info *info)
{
	return exception_probe_call(address, argument, info);
}

/*
 * "data abort, write to 00000000: translation fault, section (status 805)". The text lives until
 * the next call.
 */
const char *exception_text(const struct exception_info *info);

/* Names the area of the address space that an address is in. For reports; set by the boot. */
extern const char *(*exception_area_hook)(uintptr_t address);

/* Says more about an address that faulted, in lines of the log. May be NULL; set by the boot. */
extern void (*exception_place_hook)(uintptr_t address);

#endif
