/* SPDX-License-Identifier: MIT */
#include "boot/finding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "boot/blob.h"
#include "kern/log.h"

#define ERROR   "error"
#define WARNING "warning"
#define NOTE    "note"

static const struct {
	const char *name;
	const char *severity;
	const char *sentence;
} rules[] = {
#define FINDING(code, name, severity, sentence) [FINDING_##code] = { name, severity, sentence },
#include "boot/findings.def"
#undef FINDING
};

static struct finding list[FINDINGS_MAX];
static unsigned int list_count, left_out;

/* --- wording --------------------------------------------------------------------------------- */

/* A text that grows up to its room and is cut there. */
struct text {
	char *start;
	size_t room; /* the terminating NUL included */
	size_t length;
};

static void put(struct text *text, const char *from, size_t bytes)
{
	for (; bytes != 0 && text->length + 1 < text->room; from++, bytes--)
		text->start[text->length++] = *from >= ' ' && *from <= '~' ? *from : '?';
	text->start[text->length] = '\0';
}

static void put_string(struct text *text, const char *from)
{
	put(text, from, strlen(from));
}

static void put_hex(struct text *text, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%#" PRIx64, number);
	put_string(text, digits);
}

static void put_decimal(struct text *text, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	put_string(text, digits);
}

static void put_range(struct text *text, uint64_t base, uint64_t bytes)
{
	put_hex(text, base);
	put_string(text, "-");
	put_hex(text, base + bytes - 1);
}

static void put_value(struct text *text, char kind, const struct finding *finding)
{
	switch (kind) {
	case 'a':
		put_hex(text, finding->a);
		break;
	case 'b':
		put_hex(text, finding->b);
		break;
	case 'd':
		put_decimal(text, finding->a);
		break;
	case 'm':
		put_decimal(text, finding->a >> 20);
		break;
	case 'M':
		put_decimal(text, finding->b >> 20);
		break;
	case 'r':
		put_range(text, finding->a, finding->b);
		break;
	case 'n':
		put_string(text, finding->name != NULL ? finding->name : "?");
		break;
	}
}

static const char *subject(const struct finding *finding, const void *blob)
{
	switch (finding->node) {
	case FINDING_MEMRESERVE:
		return "/memreserve/";
	case FINDING_DEVICE_TREE:
		return "device tree";
	case FINDING_MEMORY:
		return "/memory";
	case FINDING_CHOSEN:
		return "/chosen";
	default:
		return blob_node_path(blob, finding->node);
	}
}

static void put_finding(struct text *text, const struct finding *finding, const void *blob)
{
	const char *sentence = rules[finding->code].sentence;

	put_string(text, subject(finding, blob));
	put_string(text, ": ");
	for (; *sentence != '\0'; sentence++)
		if (*sentence == '$')
			put_value(text, *++sentence, finding);
		else
			put(text, sentence, 1);
}

void finding_text(const struct finding *finding, const void *blob, char *text, size_t bytes)
{
	struct text whole = { text, bytes, 0 };

	put_finding(&whole, finding, blob);
}

void finding_line(const struct finding *finding, const void *blob, char *line, size_t bytes)
{
	struct text whole = { line, bytes, 0 };

	put_string(&whole, rules[finding->code].severity);
	put_string(&whole, ": ");
	put_finding(&whole, finding, blob);
	put_string(&whole, " [");
	put_string(&whole, rules[finding->code].name);
	put_string(&whole, "]");
}

/* --- remembering ----------------------------------------------------------------------------- */

void finding_raise(const void *blob, const struct finding *finding)
{
	char text[LOG_TEXT_MAX];

	finding_text(finding, blob, text, sizeof(text) - 1);
	pr_warn("%s\n", text);
	if (list_count == FINDINGS_MAX)
		left_out++;
	else
		list[list_count++] = *finding;
}

void finding_raise_at(const void *blob, enum finding_code code, uint32_t node, uint64_t a,
		      uint64_t b)
{
	const struct finding finding = { .code = code, .node = node, .a = a, .b = b };

	finding_raise(blob, &finding);
}

const struct finding *finding_list(unsigned int *count)
{
	*count = list_count;
	return list;
}

unsigned int finding_list_left_out(void)
{
	return left_out;
}

void finding_reset(void)
{
	list_count = 0;
	left_out = 0;
}
