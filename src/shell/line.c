/* SPDX-License-Identifier: MIT */
/* An action for each key changes the text or the cursor; one function draws the difference. */
#include "shell/line.h"

#include <string.h>

/* Home, then erase all: the only escape sequence that is ever sent. */
#define CLEAR_SCREEN "\x1b[H\x1b[2J"

static void put_text(struct line *line, const char *text)
{
	line->write(text, strlen(text));
}

void line_ring(struct line *line)
{
	put_text(line, "\a");
}

/* --- drawing --------------------------------------------------------------------------------- */

unsigned int line_window(const struct line *line)
{
	/* The last column stays empty: terminals differ in where the cursor is after writing it. */
	return LINE_COLUMNS - 1 - (unsigned int)strlen(line->prompt);
}

static bool goes_on_right(const struct line *line, unsigned int first)
{
	return line->length > first + line_window(line);
}

/* Whether the cursor would stand in the window and on no mark. */
static bool cursor_is_seen(const struct line *line, unsigned int first)
{
	unsigned int from = first + (first > 0);
	unsigned int to = first + line_window(line) - goes_on_right(line, first);

	return line->cursor >= from && line->cursor < to;
}

/*
 * Where the window begins. It stays if it can and jumps so far that it need not jump again soon.
 * The last cell of the rightmost place is for a cursor behind the text.
 */
static unsigned int choose_first(const struct line *line)
{
	unsigned int window = line_window(line), last;

	if (line->length < window)
		return 0;
	last = line->length + 1 - window;
	if (line->first <= last && cursor_is_seen(line, line->first))
		return line->first;
	if (line->cursor < window / 2)
		return 0;
	return line->cursor - window / 2 < last ? line->cursor - window / 2 : last;
}

static void lay_out(const struct line *line, char *cells)
{
	unsigned int window = line_window(line), left = line->length - line->first;

	memset(cells, ' ', window);
	memcpy(cells, line->text + line->first, left < window ? left : window);
	if (line->first > 0)
		cells[0] = '<';
	if (goes_on_right(line, line->first))
		cells[window - 1] = '>';
}

static void move_to(struct line *line, unsigned int cell)
{
	for (; line->shown_cursor > cell; line->shown_cursor--)
		put_text(line, "\b");
	if (line->shown_cursor < cell)
		line->write(line->shown + line->shown_cursor, cell - line->shown_cursor);
	line->shown_cursor = cell;
}

static void draw(struct line *line)
{
	char wanted[LINE_COLUMNS];
	unsigned int from = 0, to = line_window(line);

	line->first = choose_first(line);
	lay_out(line, wanted);
	while (to > 0 && wanted[to - 1] == line->shown[to - 1])
		to--;
	while (from < to && wanted[from] == line->shown[from])
		from++;
	if (from < to) {
		move_to(line, from);
		memcpy(line->shown + from, wanted + from, to - from);
		move_to(line, to);
	}
	move_to(line, line->cursor - line->first);
}

void line_suspend(struct line *line)
{
	put_text(line, "\n");
}

void line_resume(struct line *line)
{
	put_text(line, line->prompt);
	memset(line->shown, ' ', sizeof(line->shown));
	line->shown_cursor = 0;
}

/* --- changing the text ----------------------------------------------------------------------- */

/* Take out [from, to), which lies before the cursor or begins at it. False when that is nothing. */
static bool kill(struct line *line, unsigned int from, unsigned int to)
{
	if (from == to)
		return false;
	memmove(line->text + from, line->text + to, line->length + 1 - to);
	line->length -= to - from;
	line->cursor = from;
	return true;
}

bool line_insert(struct line *line, const char *text, unsigned int bytes)
{
	char *at = line->text + line->cursor;

	if (bytes > LINE_BYTES - 1 - line->length)
		return false;
	memmove(at + bytes, at, line->length + 1 - line->cursor);
	memcpy(at, text, bytes);
	line->length += bytes;
	line->cursor += bytes;
	return true;
}

/* `text` is shorter than LINE_BYTES. */
static void replace_text(struct line *line, const char *text)
{
	strcpy(line->text, text);
	line->length = line->cursor = (unsigned int)strlen(text);
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static unsigned int word_left(const struct line *line)
{
	unsigned int at = line->cursor;

	while (at > 0 && !is_word(line->text[at - 1]))
		at--;
	while (at > 0 && is_word(line->text[at - 1]))
		at--;
	return at;
}

static unsigned int word_right(const struct line *line)
{
	unsigned int at = line->cursor;

	while (at < line->length && !is_word(line->text[at]))
		at++;
	while (at < line->length && is_word(line->text[at]))
		at++;
	return at;
}

static unsigned int blank_left(const struct line *line)
{
	unsigned int at = line->cursor;

	while (at > 0 && line->text[at - 1] == ' ')
		at--;
	while (at > 0 && line->text[at - 1] != ' ')
		at--;
	return at;
}

/* --- actions: false rings the bell ----------------------------------------------------------- */

static bool go(struct line *line, unsigned int to)
{
	bool moves = line->cursor != to;

	line->cursor = to;
	return moves;
}

static bool do_left(struct line *line)
{
	return go(line, line->cursor - (line->cursor > 0));
}

static bool do_right(struct line *line)
{
	return go(line, line->cursor + (line->cursor < line->length));
}

static bool do_word_left(struct line *line)
{
	return go(line, word_left(line));
}

static bool do_word_right(struct line *line)
{
	return go(line, word_right(line));
}

/* People press these two to be sure: no bell. */
static bool do_home(struct line *line)
{
	line->cursor = 0;
	return true;
}

static bool do_end(struct line *line)
{
	line->cursor = line->length;
	return true;
}

static bool do_backspace(struct line *line)
{
	return kill(line, line->cursor - (line->cursor > 0), line->cursor);
}

static bool do_delete(struct line *line)
{
	return kill(line, line->cursor, line->cursor + (line->cursor < line->length));
}

static bool do_kill_to_start(struct line *line)
{
	return kill(line, 0, line->cursor);
}

static bool do_kill_to_end(struct line *line)
{
	return kill(line, line->cursor, line->length);
}

static bool do_kill_blank_left(struct line *line)
{
	return kill(line, blank_left(line), line->cursor);
}

static bool do_kill_word_left(struct line *line)
{
	return kill(line, word_left(line), line->cursor);
}

static bool do_kill_word_right(struct line *line)
{
	return kill(line, line->cursor, word_right(line));
}

/* The characters on both sides of the cursor; at the end, the last two. */
static bool do_swap(struct line *line)
{
	char *at, swapped;

	if (line->cursor == 0 || line->length < 2)
		return false;
	if (line->cursor < line->length)
		line->cursor++;
	at = line->text + line->cursor;
	swapped = at[-1];
	at[-1] = at[-2];
	at[-2] = swapped;
	return true;
}

static bool do_clear(struct line *line)
{
	put_text(line, CLEAR_SCREEN);
	line_resume(line);
	return true;
}

/* Changes made to a line of the history are dropped on leaving it; the draft is not of them. */
static bool browse(struct line *line, unsigned int age)
{
	const char *text = age == 0 ? line->draft : history_get(line->history, age);

	if (text == NULL)
		return false;
	if (line->age == 0)
		strcpy(line->draft, line->text);
	line->age = age;
	replace_text(line, text);
	return true;
}

static bool do_older(struct line *line)
{
	return line->history != NULL && browse(line, line->age + 1);
}

static bool do_newer(struct line *line)
{
	return line->age > 0 && browse(line, line->age - 1);
}

static bool do_tab(struct line *line)
{
	if (line->complete == NULL)
		return false;
	line->complete(line, line->tab_before);
	return true;
}

static bool do_ring(struct line *line)
{
	(void)line;
	return false;
}

static bool (*const actions[KEY_COUNT])(struct line *line) = {
	[KEY_FOREIGN] = do_ring,
	[KEY_TAB] = do_tab,
	[KEY_LEFT] = do_left,
	[KEY_RIGHT] = do_right,
	[KEY_WORD_LEFT] = do_word_left,
	[KEY_WORD_RIGHT] = do_word_right,
	[KEY_HOME] = do_home,
	[KEY_END] = do_end,
	[KEY_BACKSPACE] = do_backspace,
	[KEY_DELETE] = do_delete,
	[KEY_KILL_TO_START] = do_kill_to_start,
	[KEY_KILL_TO_END] = do_kill_to_end,
	[KEY_KILL_BLANK_LEFT] = do_kill_blank_left,
	[KEY_KILL_WORD_LEFT] = do_kill_word_left,
	[KEY_KILL_WORD_RIGHT] = do_kill_word_right,
	[KEY_SWAP] = do_swap,
	[KEY_CLEAR] = do_clear,
	[KEY_OLDER] = do_older,
	[KEY_NEWER] = do_newer,
};

/* --- from outside ---------------------------------------------------------------------------- */

void line_begin(struct line *line)
{
	replace_text(line, "");
	line->age = 0;
	line->first = 0;
	line->tab_before = false;
	line_resume(line);
}

static enum line_status enter(struct line *line)
{
	put_text(line, "\n");
	return LINE_ENTERED;
}

static enum line_status interrupt(struct line *line)
{
	do_end(line);
	draw(line);
	put_text(line, "^C\n");
	replace_text(line, "");
	return LINE_INTERRUPTED;
}

enum line_status line_feed(struct line *line, unsigned char byte)
{
	enum key key = key_decode(&line->decoder, byte);
	char typed = (char)byte;
	bool done;

	switch (key) {
	case KEY_NONE:
		return LINE_OPEN;
	case KEY_ENTER:
		return enter(line);
	case KEY_INTERRUPT:
		return interrupt(line);
	case KEY_TEXT:
		done = line_insert(line, &typed, 1);
		break;
	default:
		done = actions[key](line);
	}
	line->tab_before = key == KEY_TAB;
	if (!done)
		line_ring(line);
	draw(line);
	return LINE_OPEN;
}
