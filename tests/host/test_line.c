/* SPDX-License-Identifier: MIT */
/*
 * The shell's line: keys, editing, history, completion, and what a terminal shows of it all.
 *
 * All that the line writes goes to a small terminal, which knows what is allowed to be sent
 * (printable characters, backspace, bell, new row, clear screen) and refuses the rest, a wrap
 * included. After every byte typed its row must show the text, its cursor stand at the line's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shell/complete.h"
#include "shell/line.h"

#define PROMPT "p> "
#define WINDOW (LINE_COLUMNS - 1 - 3)

#define UP     "\x1b[A"
#define DOWN   "\x1b[B"
#define RIGHT  "\x1b[C"
#define LEFT   "\x1b[D"
#define HOME   "\x01"
#define END    "\x05"

/* ---- the terminal ---- */

static struct {
	char row[LINE_COLUMNS];
	char before[32][LINE_COLUMNS + 1]; /* finished rows, oldest first, as many as fit */
	unsigned int column, rows, bells, escape;
	unsigned long bytes;
} terminal;

static void end_row(void)
{
	unsigned int end = LINE_COLUMNS;

	while (end > 0 && terminal.row[end - 1] == ' ')
		end--;
	if (terminal.rows < ARRAY_SIZE(terminal.before)) {
		memcpy(terminal.before[terminal.rows], terminal.row, end);
		terminal.before[terminal.rows][end] = '\0';
	}
	terminal.rows++;
	memset(terminal.row, ' ', LINE_COLUMNS);
	terminal.column = 0;
}

static void show(char byte)
{
	static const char clear[] = "\x1b[H\x1b[2J";

	terminal.bytes++;
	if (terminal.escape != 0 || byte == '\x1b') {
		assert_int_equal(byte, clear[terminal.escape]);
		if (++terminal.escape < strlen(clear))
			return;
		terminal.escape = 0;
		terminal.column = 0;
		memset(terminal.row, ' ', LINE_COLUMNS);
	} else if (byte == '\a') {
		terminal.bells++;
	} else if (byte == '\b') {
		assert_true(terminal.column > 0);
		terminal.column--;
	} else if (byte == '\n') {
		end_row();
	} else {
		assert_in_range(byte, ' ', '~');
		assert_true(terminal.column < LINE_COLUMNS); /* else it would wrap */
		terminal.row[terminal.column++] = byte;
	}
}

static void terminal_write(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		show(text[i]);
}

/* ---- the line under test ---- */

static struct history history;
static struct line line;
static unsigned int lines_entered;

/* What the window must show of the text, worked out cell by cell. */
static char expected_cell(unsigned int cell)
{
	unsigned int at = line.first + cell;

	if (cell == 0 && line.first > 0)
		return '<';
	if (cell == WINDOW - 1 && line.length > line.first + WINDOW)
		return '>';
	return at < line.length ? line.text[at] : ' ';
}

static void check_picture(void)
{
	unsigned int cell = line.cursor - line.first;

	assert_int_equal(line.length, strlen(line.text));
	assert_in_range(line.length, 0, LINE_BYTES - 1);
	assert_in_range(line.cursor, 0, line.length);
	for (unsigned int i = 0; i < line.length; i++)
		assert_in_range(line.text[i], ' ', '~');

	/* A short line is seen whole; of any, what is left and right of the cursor is seen. */
	if (line.length < WINDOW)
		assert_int_equal(line.first, 0);
	assert_in_range(line.first, 0, line.cursor);
	assert_in_range(cell, line.first > 0, WINDOW - 1);
	if (line.length > line.first + WINDOW)
		assert_in_range(cell, 0, WINDOW - 2);

	assert_int_equal(terminal.escape, 0);
	assert_memory_equal(terminal.row, PROMPT, strlen(PROMPT));
	for (unsigned int i = 0; i < WINDOW; i++)
		if (terminal.row[strlen(PROMPT) + i] != expected_cell(i))
			fail_msg("cell %u shows '%c', not '%c': \"%.80s\"", i,
				 terminal.row[strlen(PROMPT) + i], expected_cell(i), terminal.row);
	assert_int_equal(terminal.row[LINE_COLUMNS - 1], ' ');
	assert_int_equal(terminal.column, strlen(PROMPT) + cell);
}

static void setup_with(const char *const *entered, void (*complete)(struct line *line, bool again))
{
	memset(&terminal, 0, sizeof(terminal));
	memset(terminal.row, ' ', LINE_COLUMNS);
	memset(&history, 0, sizeof(history));
	for (; entered != NULL && *entered != NULL; entered++)
		history_add(&history, *entered);
	line = (struct line){
		.prompt = PROMPT,
		.write = terminal_write,
		.complete = complete,
		.history = &history,
	};
	lines_entered = 0;
	line_begin(&line);
	check_picture();
}

static enum line_status press(char byte)
{
	unsigned int rows = terminal.rows;
	enum line_status status = line_feed(&line, (unsigned char)byte);

	if (status == LINE_OPEN) {
		check_picture();
		return status;
	}
	assert_true(terminal.rows == rows + 1 && terminal.column == 0);
	if (status == LINE_ENTERED) {
		lines_entered++;
		history_add(&history, line.text);
	} else {
		assert_string_equal(line.text, "");
	}
	line_begin(&line);
	check_picture();
	return status;
}

static void type(const char *keys)
{
	for (; *keys != '\0'; keys++)
		press(*keys);
}

/* '|' in `expected` is the cursor. */
static void expect_line(const char *expected)
{
	char seen[LINE_BYTES + 1];

	snprintf(seen, sizeof(seen), "%.*s|%s", (int)line.cursor, line.text,
		 line.text + line.cursor);
	assert_string_equal(seen, expected);
}

struct keys_row {
	const char *keys;
	const char *expected;
	unsigned int bells;
};

static void check_rows(const struct keys_row *rows, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		setup_with(NULL, NULL);
		type(rows[i].keys);
		expect_line(rows[i].expected);
		assert_int_equal(terminal.bells, rows[i].bells);
		assert_int_equal(terminal.rows, 0);
	}
}

/* ---- keys ---- */

static void test_editing_keys(void **state)
{
	static const struct keys_row rows[] = {
		{ "", "|", 0 },
		{ "abc", "abc|", 0 },
		{ " !~", " !~|", 0 },
		/* moving */
		{ "abc\x02", "ab|c", 0 },
		{ "abc\x02\x02\x06", "ab|c", 0 },
		{ "abc\x06", "abc|", 1 },
		{ "a\x02\x02", "|a", 1 },
		{ "abc\x01", "|abc", 0 },
		{ "abc\x01\x01", "|abc", 0 },
		{ "abc\x01\x05", "abc|", 0 },
		{ "ab\x02X", "aX|b", 0 },
		{ "abc\x01XY\x05Z", "XYabcZ|", 0 },
		/* words */
		{ "one two-3\x1b"
		  "b",
		  "one two-|3", 0 },
		{ "one two-3\x1b"
		  "b\x1b"
		  "B",
		  "one |two-3", 0 },
		{ "one  \x1b"
		  "b",
		  "|one  ", 0 },
		{ "\x1b"
		  "b",
		  "|", 1 },
		{ "one two\x01\x1b"
		  "f",
		  "one| two", 0 },
		{ "one two\x01\x1b"
		  "f\x1b"
		  "F",
		  "one two|", 0 },
		{ "one\x1b"
		  "f",
		  "one|", 1 },
		/* deleting */
		{ "abc\x7f", "ab|", 0 },
		{ "abc\x08", "ab|", 0 },
		{ "abc\x02\x08", "a|c", 0 },
		{ "\x7f", "|", 1 },
		{ "abc\x01\x7f", "|abc", 1 },
		{ "abc\x01\x04", "|bc", 0 },
		{ "abc\x04", "abc|", 1 },
		{ "\x04", "|", 1 },
		{ "abc\x02\x0b", "ab|", 0 },
		{ "abc\x0b", "abc|", 1 },
		{ "abc\x02\x15", "|c", 0 },
		{ "\x15", "|", 1 },
		{ "one two-3 \x17", "one |", 0 },
		{ "one two\x02\x17", "one |o", 0 },
		{ "\x17", "|", 1 },
		{ "one two-3\x1b\x7f", "one two-|", 0 },
		{ "one two-3\x1b\x08\x1b\x08", "one |", 0 },
		{ "one two\x01\x1b"
		  "d",
		  "| two", 0 },
		{ "one two\x01\x1b"
		  "d\x1b"
		  "D",
		  "|", 0 },
		{ "one\x1b"
		  "d",
		  "one|", 1 },
		/* swapping */
		{ "abc\x14", "acb|", 0 },
		{ "abc\x02\x14", "acb|", 0 },
		{ "abc\x02\x02\x14", "ba|c", 0 },
		{ "abc\x01\x14", "|abc", 1 },
		{ "a\x14", "a|", 1 },
		{ "\x14", "|", 1 },
		/* bytes without a meaning; a foreign character rings once */
		{ "a\x07\x0f\x11\x12\x13\x16\x18\x19\x1a\x1c\x1d\x1e\x1f"
		  "b",
		  "ab|", 0 },
		{ "a\xc3\xbc"
		  "b",
		  "ab|", 1 },
		{ "a\xe2\x82\xac"
		  "b",
		  "ab|", 1 },
		{ "a\x80\x9b\xbf"
		  "b",
		  "ab|", 0 },
		{ "a\xff"
		  "b",
		  "ab|", 1 },
		/* Tab without a completer, history without lines */
		{ "a\t", "a|", 1 },
		{ "a\x10\x0e", "a|", 2 },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_escape_sequences(void **state)
{
	static const struct keys_row rows[] = {
		/* both forms of the cursor keys, all forms of Home, End and Delete */
		{ "ab\x1b[D", "a|b", 0 },
		{ "ab\x1bOD", "a|b", 0 },
		{ "ab\x01\x1b[C", "a|b", 0 },
		{ "ab\x01\x1bOC", "a|b", 0 },
		{ "ab\x1b[H", "|ab", 0 },
		{ "ab\x1bOH", "|ab", 0 },
		{ "ab\x1b[1~", "|ab", 0 },
		{ "ab\x1b[7~", "|ab", 0 },
		{ "ab\x01\x1b[F", "ab|", 0 },
		{ "ab\x01\x1bOF", "ab|", 0 },
		{ "ab\x01\x1b[4~", "ab|", 0 },
		{ "ab\x01\x1b[8~", "ab|", 0 },
		{ "ab\x01\x1b[3~", "|b", 0 },
		/* with modifiers: Control and Alt move by words, Shift does not */
		{ "one two\x1b[1;5D", "one |two", 0 },
		{ "one two\x1b[1;3D", "one |two", 0 },
		{ "one two\x1b[1;2D", "one tw|o", 0 },
		{ "one two\x01\x1b[1;5C", "one| two", 0 },
		{ "one two\x1bO5D", "one tw|o", 0 },
		{ "one two\x01\x1b[3;5~", "| two", 0 },
		{ "ab\x1b[1;5H", "|ab", 0 },
		{ "ab\x1b[;D", "a|b", 0 },
		{ "ab\x1b[1D", "a|b", 0 },
		/* Alt with an arrow as rxvt has it: a second ESC begins anew */
		{ "ab\x1b\x1b[D", "a|b", 0 },
		{ "ab\x1b[1\x1b[D", "a|b", 0 },
		/* unknown: nothing happens and nothing is left behind */
		{ "ab\x1b[2~", "ab|", 0 },
		{ "ab\x1b[5~\x1b[6~\x1b[15~\x1b[24~", "ab|", 0 },
		{ "ab\x1b[200~c\x1b[201~", "abc|", 0 },
		{ "ab\x1bOP\x1bOQ\x1bOM\x1bOj", "ab|", 0 },
		{ "ab\x1b[[A\x1b[[E", "ab|", 0 },
		{ "ab\x1b[?1;2c\x1b[>0;276;0c\x1b[0n\x1b[24;80R", "ab|", 0 },
		{ "ab\x1b[?D\x1b[ D\x1b[>H", "ab|", 0 },
		{ "ab\x1b[I\x1b[O\x1b[Z\x1b[E\x1b[G", "ab|", 0 },
		{ "ab\x1b[1;2;3;4;5;6;7;8;9D", "a|b", 0 },
		{ "ab\x1b[99999999999999999999999999999999~", "ab|", 0 },
		/* 2^32 + 3 must not become Delete */
		{ "ab\x01\x1b[4294967299~", "|ab", 0 },
		{ "ab\x1b.\x1bx\x1b \x1b]", "ab|", 0 },
		{ "ab\x1b", "ab|", 0 },
		{ "ab\x1b[", "ab|", 0 },
		{ "ab\x1b[1;", "ab|", 0 },
		{ "ab\x1bO", "ab|", 0 },
		/* a control character or a foreign byte ends what was begun and counts */
		{ "ab\x1b\x01", "|ab", 0 },
		{ "ab\x1b[\x01", "|ab", 0 },
		{ "ab\x1b[1;\x02X", "aX|b", 0 },
		{ "ab\x1b[[\x02X", "aX|b", 0 },
		{ "ab\x1b[\x7f", "a|", 0 },
		{ "ab\x1b[\x80"
		  "D",
		  "abD|", 0 },
		{ "ab\x1b[\xc3\xbc"
		  "D",
		  "abD|", 1 },
		{ "ab\x1b\x9b"
		  "D",
		  "abD|", 0 },
	};

	(void)state;
	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_ends_of_lines(void **state)
{
	static const struct {
		const char *keys;
		unsigned int lines;
		const char *rest;
	} rows[] = {
		{ "a\rb", 1, "b|" },        { "a\nb", 1, "b|" },        { "a\r\nb", 1, "b|" },
		{ "a\n\rb", 2, "b|" },      { "\r\r\r", 3, "|" },       { "\n\n\n", 3, "|" },
		{ "\r\n\r\n\r\n", 3, "|" }, { "\r\n\n", 2, "|" },       { "\ra\n", 2, "|" },
		{ "\r\x01\n", 2, "|" },     { "a\x1b\rb", 1, "b|" },    { "a\x1b[\r\nb", 1, "b|" },
		{ "a\x1b[[\nb", 1, "b|" },  { "a\x1bO1;\rb", 1, "b|" }, { "\x1b[D\ra", 1, "a|" },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		setup_with(NULL, NULL);
		type(rows[i].keys);
		assert_int_equal(lines_entered, rows[i].lines);
		assert_int_equal(terminal.rows, rows[i].lines);
		expect_line(rows[i].rest);
	}
	setup_with(NULL, NULL);
	type("middle" LEFT LEFT LEFT "\r");
	assert_string_equal(terminal.before[0], PROMPT "middle");
	assert_string_equal(history_get(&history, 1), "middle");
}

static void test_interrupt(void **state)
{
	(void)state;
	setup_with(NULL, NULL);
	type("half a lin" LEFT LEFT);
	assert_int_equal(press('\x03'), LINE_INTERRUPTED);
	assert_string_equal(terminal.before[0], PROMPT "half a lin^C");
	assert_int_equal(lines_entered, 0);
	assert_null(history_get(&history, 1));
	type("next");
	expect_line("next|");
	/* a window full, so that ^C comes to stand at its very edge */
	for (unsigned int i = 0; i < LINE_BYTES; i++)
		press('x');
	assert_int_equal(press('\x03'), LINE_INTERRUPTED);
}

static void test_clear_screen(void **state)
{
	(void)state;
	setup_with(NULL, NULL);
	type("above\rbelow" LEFT LEFT "\x0c");
	expect_line("bel|ow");
	assert_int_equal(terminal.rows, 1);
}

/* ---- long lines, and how much is written ---- */

static void test_limit(void **state)
{
	char text[LINE_BYTES];

	(void)state;
	setup_with(NULL, NULL);
	for (unsigned int i = 0; i < LINE_BYTES - 1; i++) {
		text[i] = (char)('a' + i % 26);
		press(text[i]);
	}
	text[LINE_BYTES - 1] = '\0';
	assert_int_equal(terminal.bells, 0);
	assert_string_equal(line.text, text);
	type("!");
	type(LEFT "!" HOME "!");
	assert_int_equal(terminal.bells, 3);
	assert_string_equal(line.text, text);
	assert_int_equal(line.cursor, 0);
	type("\x7f");
	assert_int_equal(terminal.bells, 4);
	type("\x04!");
	text[0] = '!';
	assert_string_equal(line.text, text);
	type("\r");
	assert_string_equal(history_get(&history, 1), text);
}

/* Each length around the window's, walked through in both directions and taken down again. */
static void test_scrolling(void **state)
{
	(void)state;
	for (unsigned int length = WINDOW - 3; length <= 2 * WINDOW + 3; length++) {
		setup_with(NULL, NULL);
		for (unsigned int i = 0; i < length; i++)
			press((char)('a' + i % 26));
		for (unsigned int i = 0; i < length; i++)
			type(LEFT);
		assert_int_equal(line.first, 0);
		for (unsigned int i = 0; i < length; i++)
			type(RIGHT);
		type(HOME "12345" END HOME "\x04\x04\x04\x04\x04" END);
		for (unsigned int i = 0; i < length; i++)
			type("\x7f");
		expect_line("|");
	}
}

static unsigned long written_for(const char *keys)
{
	unsigned long before = terminal.bytes;

	type(keys);
	return terminal.bytes - before;
}

static void test_little_is_written(void **state)
{
	(void)state;
	setup_with(NULL, NULL);
	assert_int_equal(written_for("a"), 1);
	assert_int_equal(written_for("bcdefgh"), 7);
	assert_int_equal(written_for(LEFT), 1);
	assert_int_equal(written_for(RIGHT), 1);
	assert_int_equal(written_for("\x7f"), 3);
	assert_int_equal(written_for(LEFT LEFT LEFT), 3);
	assert_int_equal(written_for("X"), 1 + 3 + 3); /* it, what is right of it, and back */
	assert_int_equal(written_for(RIGHT RIGHT RIGHT "\x14"), 3 + 2 + 2);
	assert_int_equal(written_for("\x1b[2~\x1b[99;9~\x1b"), 0);
}

/* ---- history ---- */

static void test_history_keys(void **state)
{
	static const char *const entered[] = { "first", "second", "third", NULL };

	(void)state;
	setup_with(entered, NULL);
	type("draft" LEFT UP);
	expect_line("third|");
	type("\x10\x1bOA");
	expect_line("first|");
	assert_int_equal(terminal.bells, 0);
	type(UP);
	expect_line("first|");
	assert_int_equal(terminal.bells, 1);
	type(DOWN "\x0e");
	expect_line("third|");
	type("\x1bOB");
	expect_line("draft|");
	type(DOWN);
	expect_line("draft|");
	assert_int_equal(terminal.bells, 2);
	/* what is changed in an old line does not change the history, nor the draft */
	type(UP "!" UP DOWN);
	expect_line("third|");
	type("?" DOWN);
	expect_line("draft|");
	type(UP UP "\r");
	assert_string_equal(history_get(&history, 1), "second");
	assert_string_equal(history_get(&history, 2), "third");
	type(UP);
	expect_line("second|");
	type(DOWN);
	expect_line("|");
	/* Ctrl-C forgets the place */
	type(UP UP "\x03" UP);
	expect_line("second|");
}

static void test_history_keeps(void **state)
{
	struct history kept = { .added = 0 };
	char text[16];

	(void)state;
	assert_true(HISTORY_LINES >= 16);
	history_add(&kept, "");
	history_add(&kept, "   ");
	history_add(&kept, "\t");
	assert_int_equal(history_count(&kept), 0);
	assert_null(history_get(&kept, 0));
	assert_null(history_get(&kept, 1));
	history_add(&kept, "same");
	history_add(&kept, "same");
	assert_int_equal(history_count(&kept), 1);
	history_add(&kept, "other");
	history_add(&kept, "same");
	assert_int_equal(history_count(&kept), 3);
	history_add(&kept, "a\tb\x1b[A\xc3\x7f");
	assert_string_equal(history_get(&kept, 1), "a b?[A??");
	for (unsigned int i = 0; i < 3 * HISTORY_LINES; i++) {
		snprintf(text, sizeof(text), "line %u", i);
		history_add(&kept, text);
	}
	assert_int_equal(history_count(&kept), HISTORY_LINES);
	for (unsigned int age = 1; age <= HISTORY_LINES; age++) {
		snprintf(text, sizeof(text), "line %u", 3 * HISTORY_LINES - age);
		assert_string_equal(history_get(&kept, age), text);
	}
	assert_null(history_get(&kept, HISTORY_LINES + 1));
}

/* ---- completion ---- */

static void offer(struct word_completion *completion)
{
	static const char help_again[] = "help"; /* another place than the literal */
	static const char *const commands[] = { "memtest",  "zoneinfo", "help", "mem",
						"memblock", help_again, "zap" };

	if (completion->argument == 0)
		for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
			completion_offer(completion, commands[i]);
	else if (completion->argument == 2)
		completion_offer(completion, "second");
}

static void complete(struct line *this, bool again)
{
	complete_word(this, offer, again);
}

static void test_completion(void **state)
{
	static const struct keys_row rows[] = {
		{ "zo\t", "zoneinfo |", 0 },
		{ "zoneinfo\t", "zoneinfo |", 0 },
		{ "  he\t", "  help |", 0 }, /* offered twice, still one */
		{ "x\t", "x|", 1 },
		{ "m\t", "mem|", 0 },
		{ "mem\t", "mem|", 1 },
		{ "mem\tb\t", "memblock |", 1 },
		{ "z\t", "z|", 1 },
		{ "zoneinfo \t", "zoneinfo |", 1 },
		{ "a b \t", "a b second |", 0 },
		{ "a  b  sec\t", "a  b  second |", 0 },
		{ "a b c s\t", "a b c s|", 1 },
		/* in the middle: what follows stays, and one blank is enough */
		{ "zo x" LEFT LEFT "\t", "zoneinfo |x", 0 },
		{ "zox" LEFT "\t", "zoneinfo |x", 0 },
		{ "m b" HOME RIGHT "\t", "mem| b", 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		setup_with(NULL, complete);
		type(rows[i].keys);
		expect_line(rows[i].expected);
		assert_int_equal(terminal.bells, rows[i].bells);
		assert_int_equal(terminal.rows, 0);
	}
}

static void test_completion_lists(void **state)
{
	(void)state;
	setup_with(NULL, complete);
	type("mem x" LEFT LEFT "\t\t");
	assert_string_equal(terminal.before[0], PROMPT "mem x");
	assert_string_equal(terminal.before[1], "mem  memblock  memtest");
	assert_int_equal(terminal.rows, 2);
	expect_line("mem| x");
	/* another key between the two */
	setup_with(NULL, complete);
	type("mem\t" LEFT RIGHT "\t");
	assert_int_equal(terminal.rows, 0);
	/* at an empty line: all, sorted, each once */
	type("\x15\t\t");
	assert_string_equal(terminal.before[1], "help  mem  memblock  memtest  zap  zoneinfo");
}

static void offer_many(struct word_completion *completion)
{
	static char names[100][8];

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(names[i], sizeof(names[i]), "n%u", i);
		completion_offer(completion, names[i]);
	}
}

static void complete_many(struct line *this, bool again)
{
	complete_word(this, offer_many, again);
}

/* The terminal refuses rows that are too wide. */
static void test_long_list(void **state)
{
	(void)state;
	setup_with(NULL, complete_many);
	type("\t\t");
	expect_line("n|");
	assert_in_range(terminal.rows, 6, 8);
	assert_memory_equal(terminal.before[1], "n0  n1  n10  n11", 16);
}

/* A word that does not fit is not half inserted. */
static void test_completion_at_the_limit(void **state)
{
	(void)state;
	for (unsigned int room = 0; room < 9; room++) {
		setup_with(NULL, complete);
		type("zo");
		for (unsigned int i = 2; i < LINE_BYTES - 1 - room; i++)
			press(i == 2 ? ' ' : 'x');
		type(HOME RIGHT RIGHT "\t");
		assert_int_equal(line.length,
				 room < 6 ? LINE_BYTES - 1 - room : LINE_BYTES - 1 - room + 6);
		assert_int_equal(terminal.bells, room < 6);
	}
}

/* ---- anything at all ---- */

/* Marsaglia's xorshift: the same bytes in every run. */
static uint32_t random_word(void)
{
	static uint32_t word = 2463534242u;

	word ^= word << 13;
	word ^= word >> 17;
	word ^= word << 5;
	return word;
}

/* Half of it are keys, or the random bytes would hardly ever make a long line or a sequence. */
static char random_byte(void)
{
	static const char *const keys[] = { UP,
					    DOWN,
					    LEFT,
					    RIGHT,
					    "\x1b[3~",
					    "\x1b[1;5D",
					    HOME,
					    "\x1b"
					    "f",
					    "\x1b"
					    "d",
					    "\x14",
					    "\t",
					    "mem",
					    " zo",
					    "\x1b[",
					    "xxxxxxxxxx",
					    "\x7f",
					    END,
					    "word ",
					    "\x1bO",
					    "longer words " };
	static const char *rest = "";

	if (*rest == '\0' && random_word() % 2 == 0)
		rest = keys[random_word() % ARRAY_SIZE(keys)];
	return *rest != '\0' ? *rest++ : (char)(random_word() >> 8);
}

static void test_random_bytes(void **state)
{
	unsigned int longest = 0, scrolled = 0;

	(void)state;
	setup_with(NULL, complete);
	for (unsigned int i = 0; i < 1000000; i++) {
		char byte = random_byte();

		/* Enough lines end, but not every thirtieth: they must grow. */
		if (strchr("\r\n\x03\x0b\x15\x17", byte) != NULL && byte != '\0' &&
		    random_word() % 8 != 0)
			byte = 'x';
		press(byte);
		longest = line.length > longest ? line.length : longest;
		scrolled += line.first > 0;
	}
	/* It went where bugs live. */
	assert_int_equal(longest, LINE_BYTES - 1);
	assert_true(scrolled > 10000);
	assert_true(lines_entered > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_editing_keys),
		cmocka_unit_test(test_escape_sequences),
		cmocka_unit_test(test_ends_of_lines),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_clear_screen),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_scrolling),
		cmocka_unit_test(test_little_is_written),
		cmocka_unit_test(test_history_keys),
		cmocka_unit_test(test_history_keeps),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_completion_lists),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_completion_at_the_limit),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
