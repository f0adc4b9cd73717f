/* SPDX-License-Identifier: MIT */
/* Commands that watch pages: recording a trace, refusing on purpose. */
#include <inttypes.h>
#include <string.h>

#include "mm/phys/page_debug.h"
#include "mm/phys/page_trace.h"
#include "shell/command.h"

/* --- trace ----------------------------------------------------------------------------------- */

/* One event a line, as tests/host/replay.c reads them. */
static void dump_trace(void)
{
	static const char kinds[] = {
		[TRACE_ALLOC] = 'a', [TRACE_REFUSED] = 'r', [TRACE_FREE] = 'f'
	};
	uint32_t count, left_out;
	const struct trace_event *events = page_trace_events(&count, &left_out);

	for (uint32_t i = 0; i < count; i++)
		console_printf("trace %c %05x %u %x\n", kinds[events[i].kind],
			       (unsigned int)events[i].pfn, (unsigned int)events[i].order,
			       (unsigned int)events[i].gfp);
	console_printf("trace end %" PRIu32 " %" PRIu32 "\n", count, left_out);
}

static void trace(int argc, char **argv)
{
	uint32_t count, left_out;

	if (argc == 2 && strcmp(argv[1], "on") == 0) {
		if (!page_debug_set(PAGE_DEBUG_TRACE, true))
			console_printf("trace: no memory for the events\n");
	} else if (argc == 2 && strcmp(argv[1], "off") == 0) {
		page_debug_set(PAGE_DEBUG_TRACE, false);
		page_trace_events(&count, &left_out);
		console_printf("trace: %" PRIu32 " events, %" PRIu32
			       " more without room; trace dump "
			       "shows them\n",
			       count, left_out);
	} else if (argc == 2 && strcmp(argv[1], "dump") == 0) {
		dump_trace();
	} else if (argc == 2 && strcmp(argv[1], "forget") == 0) {
		page_debug_set(PAGE_DEBUG_TRACE, false);
		page_trace_forget();
	} else {
		console_printf("trace: expects on, off, dump or forget\n");
	}
}

static void complete_trace(struct word_completion *completion)
{
	if (completion->argument != 1)
		return;
	completion_offer(completion, "on");
	completion_offer(completion, "off");
	completion_offer(completion, "dump");
	completion_offer(completion, "forget");
}

SHELL_COMMAND_COMPLETED(trace, trace, "WHAT", "record requests for pages: on, off, dump, forget",
			complete_trace);

/* --- failpages ------------------------------------------------------------------------------- */

static void failpages(int argc, char **argv)
{
	const char *wrong;

	if (argc == 1) {
		console_printf("%s: %" PRIu32 " requests fit, %" PRIu32 " of them were refused\n",
			       (page_debug & PAGE_DEBUG_FAIL) != 0 ? "on" : "off", page_fail.asked,
			       page_fail.failed);
		return;
	}
	if (argc == 2 && strcmp(argv[1], "off") == 0) {
		page_debug_set(PAGE_DEBUG_FAIL, false);
		return;
	}
	wrong = argc == 2 ? fail_point_parse(&page_fail, argv[1]) : "expects one word";
	if (wrong != NULL)
		console_printf("failpages: %s\n", wrong);
	else
		page_debug_set(PAGE_DEBUG_FAIL, true);
}

static void complete_failpages(struct word_completion *completion)
{
	if (completion->argument == 1)
		completion_offer(completion, "off");
}

SHELL_COMMAND_COMPLETED(failpages, failpages, "[HOW|off]",
			"refuse requests on purpose, as fail_page_alloc=; alone: how often it did",
			complete_failpages);
