/* SPDX-License-Identifier: MIT */
/* kmapinfo: windows to highmem and to devices, and what they show. */
#include <inttypes.h>
#include <string.h>

#include "mm/virt/fixmap.h"
#include "mm/virt/kmap.h"
#include "shell/command.h"
#include "shell/stack.h"

static const char *const state_names[] = {
	[KMAP_EMPTY] = "empty",
	[KMAP_KEPT] = "kept",
	[KMAP_USED] = "used",
};

static void print_window(const struct kmap_window *window)
{
	console_printf("0x%08" PRIxPTR " %-5s", window->address, state_names[window->state]);
	if (window->pfn_known)
		console_printf(" page %#07" PRIx32, window->pfn);
	if (window->state == KMAP_USED)
		console_printf(", %" PRIu32 " %s", window->users,
			       window->users == 1 ? "user" : "users");
	console_printf("\n");
	print_stack("opened by   ", &window->opened);
	if (window->state == KMAP_EMPTY)
		print_stack("closed by   ", &window->closed);
}

/* Of those that show nothing, only what somebody was watching is worth a line. */
static void print_pkmap(bool all)
{
	struct kmap_snapshot snapshot;
	struct kmap_window window;

	kmap_snapshot(&snapshot);
	console_printf("kmap: %" PRIu32 " windows: %" PRIu32 " used, %" PRIu32 " kept, %" PRIu32
		       " empty; room was made %" PRIu32 " times\n",
		       (uint32_t)PKMAP_WINDOWS, snapshot.used, snapshot.kept, snapshot.empty,
		       snapshot.portions);
	for (uint32_t number = 0; number < PKMAP_WINDOWS; number++) {
		kmap_window_snapshot(number, &window);
		if (window.state == KMAP_USED || (all && window.pfn_known))
			print_window(&window);
	}
}

static void print_local(void)
{
	struct kmap_window window;
	uint32_t number = 0;

	while (kmap_local_snapshot(number, &window)) {
		print_window(&window);
		number++;
	}
	console_printf("kmap_local: %" PRIu32 " of %u windows of this core are open, %u more are "
		       "the page allocator's\n",
		       number, KMAP_LOCAL_DEPTH, KMAP_OWN_DEPTH);
}

static void print_fixmap(void)
{
	phys_addr_t phys;

	console_printf("fixmap:\n");
	for (enum fixmap_slot slot = 0; slot < FIX_KMAP; slot++) {
		console_printf("0x%08" PRIxPTR " %-8s", fixmap_address(slot), fixmap_name(slot));
		if (fixmap_shows(slot, &phys))
			console_printf(" %#" PRIx64 "%s\n", (uint64_t)phys,
				       fixmap_stays_open(slot) ? ", stays" : "");
		else
			console_printf(" closed\n");
	}
}

static void kmapinfo(int argc, char **argv)
{
	bool all = argc == 2 && strcmp(argv[1], "all") == 0;

	if (argc > 2 || (argc == 2 && !all)) {
		console_printf("kmapinfo: expects nothing, or all for kept windows as well\n");
		return;
	}
	print_pkmap(all);
	print_local();
	print_fixmap();
}

static void complete_kmapinfo(struct word_completion *completion)
{
	if (completion->argument == 1)
		completion_offer(completion, "all");
}

SHELL_COMMAND_COMPLETED(kmapinfo, kmapinfo, "[all]",
			"windows to highmem and to devices, and what they show; all: kept ones too",
			complete_kmapinfo);
