/* SPDX-License-Identifier: MIT */
/* The boot arguments as a whole. kern/param.h has the single words. */
#ifndef STRATA_KERN_CMDLINE_H
#define STRATA_KERN_CMDLINE_H

#include "lib/types.h"

#define CMDLINE_BYTES 2048 /* the terminating NUL included */

/*
 * Keep a copy of `length` bytes of boot arguments, log it, and give its words to the boot
 * parameters. What does not fit CMDLINE_BYTES is cut off, with a line. Once.
 */
void cmdline_parse(const char *text, size_t length);

/* As given; an empty string before cmdline_parse. */
const char *cmdline_text(void);

#endif
