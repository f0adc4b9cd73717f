/* SPDX-License-Identifier: MIT */
/*
 * A small compiler of tree source on top of libfdt's sequential writer: it writes while it reads.
 */
#include "fdt_builder.h"

#include <ctype.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORK_BYTES  0x40000
#define VALUE_BYTES 0x10000
#define NAME_BYTES  256

static char work[WORK_BYTES] __attribute__((aligned(8)));
static unsigned char value[VALUE_BYTES];
static size_t value_bytes;
static const char *cursor;

static void wrong(const char *what)
{
	fprintf(stderr, "fdt_build: %s at: %.60s\n", what, cursor);
	abort();
}

static void write_ok(int error)
{
	if (error != 0)
		wrong(fdt_strerror(error));
}

static void skip_space(void)
{
	while (isspace((unsigned char)*cursor))
		cursor++;
}

static bool accept(char c)
{
	skip_space();
	if (*cursor != c)
		return false;
	cursor++;
	return true;
}

static void want(char c)
{
	char what[] = "no ?";

	what[3] = c;
	if (!accept(c))
		wrong(what);
}

static uint64_t read_number(int base)
{
	char *end;
	uint64_t number = strtoull(cursor, &end, base);

	if (end == cursor)
		wrong("no number");
	cursor = end;
	return number;
}

/* A node's or a property's name: all but the root's have one. */
static void read_name(char *name)
{
	size_t length;

	skip_space();
	length = strcspn(cursor, " \t\n;={}");
	if (length == 0 || length >= NAME_BYTES)
		wrong("no name");
	memcpy(name, cursor, length);
	name[length] = '\0';
	cursor += length;
}

static void put(const void *bytes, size_t count)
{
	if (value_bytes + count > VALUE_BYTES)
		wrong("value too long");
	memcpy(value + value_bytes, bytes, count);
	value_bytes += count;
}

static void read_cells(void)
{
	while (!accept('>')) {
		fdt32_t cell = cpu_to_fdt32((uint32_t)read_number(0));

		put(&cell, sizeof(cell));
	}
}

static void read_string(void)
{
	size_t length = strcspn(cursor, "\"");

	put(cursor, length);
	put("", 1);
	cursor += length;
	want('"');
}

static void read_bytes(void)
{
	while (!accept(']')) {
		unsigned char byte = (unsigned char)read_number(16);

		put(&byte, 1);
	}
}

static void read_value(void)
{
	value_bytes = 0;
	do {
		if (accept('<'))
			read_cells();
		else if (accept('"'))
			read_string();
		else if (accept('['))
			read_bytes();
		else
			wrong("no value");
	} while (accept(','));
}

/* From behind the '{' to behind the ';'. */
static void read_node(const char *name)
{
	char child[NAME_BYTES];

	write_ok(fdt_begin_node(work, name));
	while (!accept('}')) {
		read_name(child);
		if (accept('{')) {
			read_node(child);
			continue;
		}
		value_bytes = 0;
		if (accept('='))
			read_value();
		want(';');
		write_ok(fdt_property(work, child, value, (int)value_bytes));
	}
	want(';');
	write_ok(fdt_end_node(work));
}

static void read_memreserves(void)
{
	static const char keyword[] = "/memreserve/";

	for (skip_space(); strncmp(cursor, keyword, strlen(keyword)) == 0; skip_space()) {
		uint64_t base, size;

		cursor += strlen(keyword);
		base = read_number(0);
		size = read_number(0);
		want(';');
		write_ok(fdt_add_reservemap_entry(work, base, size));
	}
	write_ok(fdt_finish_reservemap(work));
}

static void *exact_copy(const void *bytes, size_t count)
{
	void *copy = malloc(count);

	if (copy == NULL)
		abort();
	return memcpy(copy, bytes, count);
}

void *fdt_build(const char *source)
{
	cursor = source;
	memset(work, 0, sizeof(work));
	write_ok(fdt_create(work, sizeof(work)));
	read_memreserves();
	want('/');
	want('{');
	read_node("");
	skip_space();
	if (*cursor != '\0')
		wrong("text behind the root");
	write_ok(fdt_finish(work));
	return exact_copy(work, fdt_totalsize(work));
}

void *fdt_buildf(const char *format, ...)
{
	static char source[0x20000];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(source, sizeof(source), format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(source))
		abort();
	return fdt_build(source);
}

void *fdt_load(const char *file, size_t *bytes)
{
	FILE *stream = fopen(file, "rb");

	if (stream == NULL) {
		perror(file);
		abort();
	}
	*bytes = fread(work, 1, sizeof(work), stream);
	fclose(stream);
	return exact_copy(work, *bytes);
}
