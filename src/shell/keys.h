/* SPDX-License-Identifier: MIT */
/*
 * Keys: what a terminal sends, a byte at a time, into what a person pressed.
 *
 * Control characters and 7-bit escape sequences of the VT100 and xterm families, in both forms
 * that cursor keys have (ESC [ A and ESC O A). There is no clock here: a lone ESC waits for the
 * byte that follows, as it does in most line editors, and together they may mean nothing.
 */
#ifndef STRATA_SHELL_KEYS_H
#define STRATA_SHELL_KEYS_H

#include "lib/types.h"

enum key {
	KEY_NONE,    /* nothing yet, or nothing that has a meaning here */
	KEY_TEXT,    /* a printable ASCII character: the byte itself */
	KEY_FOREIGN, /* a character that is not ASCII, once for all its bytes in UTF-8 */
	KEY_ENTER,
	KEY_INTERRUPT,
	KEY_TAB,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_WORD_LEFT,
	KEY_WORD_RIGHT,
	KEY_HOME,
	KEY_END,
	KEY_BACKSPACE,
	KEY_DELETE,
	KEY_KILL_TO_START,
	KEY_KILL_TO_END,
	KEY_KILL_BLANK_LEFT, /* back to a blank */
	KEY_KILL_WORD_LEFT,  /* back to where a word of letters and digits begins */
	KEY_KILL_WORD_RIGHT,
	KEY_SWAP,
	KEY_CLEAR,
	KEY_OLDER,
	KEY_NEWER,
	KEY_COUNT
};

/* All zero before the first byte; lives as long as the terminal is listened to. */
struct key_decoder {
	enum { KEYS_PLAIN, KEYS_ESCAPE, KEYS_SEQUENCE, KEYS_ONE_MORE } state;
	bool after_return;          /* so that a \n is the second half of \r\n */
	bool unknown;               /* this sequence has parts that no key sends */
	unsigned int numbers[2];    /* its first two parameters; 0: not given */
	unsigned int numbers_ended; /* how many semicolons there were */
};

/*
 * Take one byte. A control character always counts, even in the middle of a sequence, which it
 * ends: so Enter works whatever came before it. \r, \n and \r\n are one KEY_ENTER each.
 */
enum key key_decode(struct key_decoder *decoder, unsigned char byte);

#endif
