/* SPDX-License-Identifier: MIT */
/*
 * Boot parameters: NAME=VALUE words of /chosen/bootargs, each declared beside the code it steers.
 *
 *	static const char *parse_simdma(const char *value) { ... }
 *	BOOT_PARAM(simdma, parse_simdma, "N[bits]", "lines of the simulated DMA peripheral");
 *
 * A parser that does not like its value changes nothing and returns one sentence, without a full
 * stop, that names the rule and a remedy; boot_params_parse turns it into one line of the log.
 */
#ifndef STRATA_KERN_PARAM_H
#define STRATA_KERN_PARAM_H

#include "lib/table.h"

struct boot_param {
	const char *name;                        /* as typed before the '=' */
	const char *(*parse)(const char *value); /* value is NULL for a bare word; NULL: accepted */
	const char *values;                      /* what may stand after the '=', for people */
	const char *help;                        /* one line */
};

TABLE_DECLARE(struct boot_param, boot_params);

#define BOOT_PARAM(name_, parse_, values_, help_)                           \
	TABLE_ENTRY(struct boot_param, boot_params, boot_param_##name_) = { \
		.name = #name_,                                             \
		.parse = parse_,                                            \
		.values = values_,                                          \
		.help = help_,                                              \
	}

/*
 * Cut the command line into words and give each to its parser, in order, so that a later one sees
 * what an earlier one set.
 *
 * Words are separated by white space. Double quotes keep white space together; a pair that opens
 * a word or its value and closes it is removed (run="a;b", run="a b", "run=a b"), quotes in the
 * middle stay, a quote left open reaches to the end, all as in Linux. '-' and '_' are the same in
 * names, as in Linux. Words after a lone "--" are not ours and are skipped silently.
 * An unknown word, or one whose parser refuses, gets one pr_warn line naming the word, the rule
 * and the remedy (for a slip of the finger the nearest name), and changes nothing else. The buffer
 * is modified and must outlive what parsers keep and what boot_param_words is asked for.
 */
void boot_params_parse(char *cmdline);

/* One word as it was given, its quotes taken off, and what became of it. */
struct boot_param_word {
	const char *name;
	const char *value;              /* NULL for a bare word */
	const struct boot_param *param; /* NULL: no such parameter */
	const char *objection;          /* the parser's sentence; NULL: accepted, or no parser */
};

/* The words of the last boot_params_parse, in their order, as many as are remembered. */
const struct boot_param_word *boot_param_words(unsigned int *count);

/* How many came after those. They were obeyed like the others. */
unsigned int boot_param_words_left_out(void);

#endif
