/* SPDX-License-Identifier: MIT */
/*
 * Device tree blobs from source text, at test time.
 *
 *	void *blob = fdt_build("/memreserve/ 0x1000 0x2000;"
 *			       "/ { #address-cells = <1>; memory@0 { reg = <0 0x1000>; }; };");
 *
 * The part of dtc's language that tests need: nodes, /memreserve/, and values made of <cells>,
 * "strings" and [bytes] with commas between them. No labels, no references, no expressions, no
 * checks: a tree that breaks the rules is built as it stands.
 */
#ifndef STRATA_TESTS_FDT_BUILDER_H
#define STRATA_TESTS_FDT_BUILDER_H

#include <stddef.h>

/*
 * The blob, in a malloc of exactly its size so that AddressSanitizer sees each byte read beyond.
 * The caller frees it. Ends the program when the text is wrong: the test is.
 */
void *fdt_build(const char *source);

/* The same with printf's arguments. */
void *fdt_buildf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy, in a malloc of its own, of a blob in a file. */
void *fdt_load(const char *file, size_t *bytes);

#endif
