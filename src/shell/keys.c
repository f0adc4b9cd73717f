/* SPDX-License-Identifier: MIT */
/* A state machine over ECMA-48 sequences (section 5.4), with tables of what means something. */
#include "shell/keys.h"

#include <string.h>

#define ESCAPE     0x1b
#define DELETE     0x7f

#define CONTROL(c) ((c) - '@')

/* xterm adds 1 for Shift, 2 for Alt and 4 for Control to a modifier that starts at 1. */
#define ALT_CONTROL (2U | 4U)

/* Longer numbers are no key of any terminal; this keeps them from wrapping into one. */
#define NUMBER_ENOUGH 1000U

static const enum key control_keys[0x20] = {
	[CONTROL('A')] = KEY_HOME,
	[CONTROL('B')] = KEY_LEFT,
	[CONTROL('C')] = KEY_INTERRUPT,
	[CONTROL('D')] = KEY_DELETE,
	[CONTROL('E')] = KEY_END,
	[CONTROL('F')] = KEY_RIGHT,
	[CONTROL('H')] = KEY_BACKSPACE,
	[CONTROL('I')] = KEY_TAB,
	[CONTROL('J')] = KEY_ENTER,
	[CONTROL('K')] = KEY_KILL_TO_END,
	[CONTROL('L')] = KEY_CLEAR,
	[CONTROL('M')] = KEY_ENTER,
	[CONTROL('N')] = KEY_NEWER,
	[CONTROL('P')] = KEY_OLDER,
	[CONTROL('T')] = KEY_SWAP,
	[CONTROL('U')] = KEY_KILL_TO_START,
	[CONTROL('W')] = KEY_KILL_BLANK_LEFT,
};

/* What a sequence ends with, and the key: alone, and with Alt or Control held. */
struct sequence_key {
	unsigned char final;
	unsigned char number; /* for ~: which one */
	enum key key;
	enum key modified;
};

static const struct sequence_key sequence_keys[] = {
	{ 'A', 0, KEY_OLDER, KEY_OLDER },      { 'B', 0, KEY_NEWER, KEY_NEWER },
	{ 'C', 0, KEY_RIGHT, KEY_WORD_RIGHT }, { 'D', 0, KEY_LEFT, KEY_WORD_LEFT },
	{ 'H', 0, KEY_HOME, KEY_HOME },        { 'F', 0, KEY_END, KEY_END },
	{ '~', 1, KEY_HOME, KEY_HOME },        { '~', 3, KEY_DELETE, KEY_KILL_WORD_RIGHT },
	{ '~', 4, KEY_END, KEY_END },          { '~', 7, KEY_HOME, KEY_HOME },
	{ '~', 8, KEY_END, KEY_END },
};

static enum key sequence_key(const struct key_decoder *decoder, unsigned char final)
{
	unsigned int modifier = decoder->numbers[1];

	for (unsigned int i = 0; i < ARRAY_SIZE(sequence_keys) && !decoder->unknown; i++) {
		const struct sequence_key *known = &sequence_keys[i];

		if (known->final != final)
			continue;
		if (final == '~' && known->number != decoder->numbers[0])
			continue;
		return modifier > 1 && ((modifier - 1) & ALT_CONTROL) != 0 ? known->modified
									   : known->key;
	}
	return KEY_NONE;
}

static void begin_sequence(struct key_decoder *decoder)
{
	decoder->state = KEYS_SEQUENCE;
	decoder->unknown = false;
	decoder->numbers_ended = 0;
	memset(decoder->numbers, 0, sizeof(decoder->numbers));
}

static void take_digit(struct key_decoder *decoder, unsigned int digit)
{
	unsigned int *number = &decoder->numbers[decoder->numbers_ended];

	if (decoder->numbers_ended < ARRAY_SIZE(decoder->numbers) && *number < NUMBER_ENOUGH)
		*number = *number * 10 + digit;
}

/* In ESC [ or ESC O: 0x20 to 0x3f are parameters and the like, the first byte above ends it. */
static enum key decode_sequence(struct key_decoder *decoder, unsigned char byte)
{
	if (byte >= '0' && byte <= '9') {
		take_digit(decoder, byte - (unsigned int)'0');
	} else if (byte == ';') {
		if (decoder->numbers_ended < ARRAY_SIZE(decoder->numbers))
			decoder->numbers_ended++;
	} else if (byte < '@') {
		decoder->unknown = true;
	} else {
		/* Linux's own console sends ESC [ [ A to E for F1 to F5. */
		decoder->state = byte == '[' ? KEYS_ONE_MORE : KEYS_PLAIN;
		return sequence_key(decoder, byte);
	}
	return KEY_NONE;
}

/*
 * After ESC. No terminal sends the longer sequences that ECMA-48 has from here (ESC ( B), but
 * people do press Alt with a sign, so two bytes are all.
 */
static enum key decode_escape(struct key_decoder *decoder, unsigned char byte)
{
	if (byte == '[' || byte == 'O') {
		begin_sequence(decoder);
		return KEY_NONE;
	}
	decoder->state = KEYS_PLAIN;
	switch (byte) {
	case 'b':
	case 'B':
		return KEY_WORD_LEFT;
	case 'f':
	case 'F':
		return KEY_WORD_RIGHT;
	case 'd':
	case 'D':
		return KEY_KILL_WORD_RIGHT;
	case CONTROL('H'):
	case DELETE:
		return KEY_KILL_WORD_LEFT;
	}
	return KEY_NONE;
}

static enum key decode_plain(unsigned char byte, bool after_return)
{
	if (byte == '\n' && after_return)
		return KEY_NONE;
	if (byte < ' ')
		return control_keys[byte];
	if (byte == DELETE)
		return KEY_BACKSPACE;
	if (byte < DELETE)
		return KEY_TEXT;
	/* The first byte of a character in UTF-8; the ones that follow are 0x80 to 0xbf. */
	return byte >= 0xc0 ? KEY_FOREIGN : KEY_NONE;
}

static bool ends_any_sequence(const struct key_decoder *decoder, unsigned char byte)
{
	if (decoder->state == KEYS_ESCAPE && (byte == CONTROL('H') || byte == DELETE))
		return false;
	return byte < ' ' || byte >= DELETE;
}

enum key key_decode(struct key_decoder *decoder, unsigned char byte)
{
	bool after_return = decoder->after_return;

	decoder->after_return = byte == '\r';
	if (ends_any_sequence(decoder, byte))
		decoder->state = KEYS_PLAIN;
	if (byte == ESCAPE) {
		decoder->state = KEYS_ESCAPE;
		return KEY_NONE;
	}
	switch (decoder->state) {
	case KEYS_ESCAPE:
		return decode_escape(decoder, byte);
	case KEYS_SEQUENCE:
		return decode_sequence(decoder, byte);
	case KEYS_ONE_MORE:
		decoder->state = KEYS_PLAIN;
		return KEY_NONE;
	default:
		return decode_plain(byte, after_return);
	}
}
