/* SPDX-License-Identifier: MIT */
/* Commands about addresses: what the areas are for, what the tables say, what the hardware says. */
#include <inttypes.h>

#include "arch/mmu.h"
#include "lib/size.h"
#include "mm/virt/aliases.h"
#include "mm/virt/vm_map.h"
#include "shell/command.h"

/* --- walking --------------------------------------------------------------------------------- */

/* A run of mappings that agree in all but their place; phys counts on through it. */
struct run {
	uintptr_t start;
	uint64_t end;
	struct mapping first;
};

/* The next run at or above *at, not past `limit`; *at moves behind it. */
static bool next_run(uint64_t *at, uint64_t limit, struct run *run)
{
	struct mapping mapping;

	if (*at >= limit || !mmu_query_from((uintptr_t)*at, &mapping) || mapping.virt >= limit)
		return false;
	run->first = mapping;
	run->start = mapping.virt;
	run->end = (uint64_t)mapping.virt + mapping.bytes;
	while (run->end < limit && mmu_query_from((uintptr_t)run->end, &mapping) &&
	       mapping.virt == run->end && mapping.kind == run->first.kind &&
	       mapping.rights == run->first.rights)
		run->end += mapping.bytes;
	*at = run->end;
	return true;
}

/* Sizes as Linux's ptdump: the largest unit that divides. */
static void print_size(uint64_t bytes)
{
	static const char units[] = "KMGT";
	const char *unit = units;

	for (bytes >>= 10; bytes != 0 && (bytes & 1023) == 0; bytes >>= 10)
		unit++;
	console_printf("%9" PRIu64 "%c", bytes, *unit);
}

/* --- ptdump ---------------------------------------------------------------------------------- */

static const char *kind_name(enum memory_kind kind)
{
	static const char *const names[] = { [MEMORY_NORMAL] = "MEM/CACHED/WBWA",
					     [MEMORY_NONCACHED] = "MEM/BUFFERABLE/WC",
					     [MEMORY_DEVICE] = "DEV/SHARED" };

	return names[kind];
}

/* The low two bits of a second-level descriptor: sixteen of them are one page. */
#define LARGE_PAGE 1U

/* From the descriptor's own bits, not from the table of rights: an error there must show here. */
struct raw_rights {
	bool writes;
	bool executes;
};

static struct raw_rights raw_rights(uintptr_t virt)
{
	uint32_t first, second;

	mmu_descriptors(virt, &first, &second);
	if ((second & 3) == LARGE_PAGE)
		return (struct raw_rights){ (second & (1U << 9)) == 0, (second & (1U << 15)) == 0 };
	if (second != 0)
		return (struct raw_rights){ (second & (1U << 9)) == 0, (second & 1U) == 0 };
	return (struct raw_rights){ (first & (1U << 15)) == 0, (first & (1U << 4)) == 0 };
}

static void print_run(const struct run *run)
{
	struct raw_rights rights = raw_rights(run->start);

	console_printf("0x%08" PRIxPTR "-0x%08" PRIx64 "   ", run->start, run->end);
	print_size(run->end - run->start);
	console_printf("     %s %s SHD %s%s\n", rights.writes ? "RW" : "ro",
		       rights.executes ? "x " : "NX", kind_name(run->first.kind),
		       rights.writes && rights.executes ? "  W+X!" : "");
}

static void ptdump(int argc, char **argv)
{
	struct run run;

	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < vm_map_count(); i++) {
		struct vm_area area = vm_map_area(i);
		uint64_t at = area.start;

		console_printf("---[ %s ]---\n", area.name);
		while (next_run(&at, area.end, &run))
			print_run(&run);
	}
}

SHELL_COMMAND(ptdump, ptdump, "", "the page tables, as debugfs kernel_page_tables; W+X is flagged");

/* --- vmmap ----------------------------------------------------------------------------------- */

static void vmmap(int argc, char **argv)
{
	struct run run;

	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < vm_map_count(); i++) {
		struct vm_area area = vm_map_area(i);
		uint64_t at = area.start, mapped = 0;

		while (next_run(&at, area.end, &run))
			mapped += run.end - run.start;
		console_printf("%08" PRIxPTR "-%08" PRIx64 " ", area.start, area.end - 1);
		print_size(area.end - area.start);
		console_printf("  %-24s", area.name);
		if (mapped != 0) {
			print_size(mapped);
			console_printf(" mapped");
		}
		console_printf("\n");
	}
}

SHELL_COMMAND(vmmap, vmmap, "",
	      "the kernel's addresses: what each area is for, how much is mapped");

/* --- wxaudit --------------------------------------------------------------------------------- */

static bool same_frames(const struct run *a, const struct run *b)
{
	uint64_t a_end = a->first.phys + (a->end - a->start);
	uint64_t b_end = b->first.phys + (b->end - b->start);

	return a->first.phys < b_end && b->first.phys < a_end;
}

/* A frame that executes at one address and is written at another is as bad as both at one. */
static unsigned int audit_aliases(const struct run *executable)
{
	unsigned int found = 0;
	struct run other;
	uint64_t at = 0;

	while (next_run(&at, SZ_4G, &other)) {
		if (other.first.rights != RIGHTS_WRITE || !same_frames(executable, &other))
			continue;
		console_printf("0x%08" PRIxPTR " executes what 0x%08" PRIxPTR " may write\n",
			       executable->start, other.start);
		found++;
	}
	return found;
}

static void wxaudit(int argc, char **argv)
{
	unsigned int runs = 0, executable = 0, found = 0;
	struct run run;
	uint64_t at = 0;

	(void)argc;
	(void)argv;
	while (next_run(&at, SZ_4G, &run)) {
		struct raw_rights rights = raw_rights(run.start);

		runs++;
		if (!rights.executes)
			continue;
		executable++;
		if (rights.writes) {
			console_printf("0x%08" PRIxPTR "-0x%08" PRIx64 " writes and executes\n",
				       run.start, run.end);
			found++;
		}
		found += audit_aliases(&run);
	}
	console_printf("wxaudit: %u ranges, %u executable, %u violations\n", runs, executable,
		       found);
}

SHELL_COMMAND(wxaudit, wxaudit, "",
	      "look for memory that can be written and executed, by any alias");

/* --- aliases ----------------------------------------------------------------------------------- */

static const char *const kind_texts[MEMORY_KINDS] = {
	[MEMORY_NORMAL] = "cached",
	[MEMORY_NONCACHED] = "not cached",
	[MEMORY_DEVICE] = "device",
};

static const char *const rights_texts[MEMORY_RIGHTS] = {
	[RIGHTS_READ] = "read",
	[RIGHTS_WRITE] = "read, write",
	[RIGHTS_EXECUTE] = "read, execute",
};

static void aliases(int argc, char **argv)
{
	const char *text = argc == 2 ? argv[1] : "";
	struct mapping mapping;
	unsigned int found = 0;
	uint64_t phys, at = 0;

	if (!parse_number(&text, &phys) || *text != '\0' || phys >= SZ_4G) {
		console_printf("aliases: expects a physical address, such as 0x40200000\n");
		return;
	}
	phys = ALIGN_DOWN(phys, PAGE_SIZE);
	while (alias_next(&at, (phys_addr_t)phys, PAGE_SIZE, &mapping)) {
		uintptr_t virt = mapping.virt + (uintptr_t)(phys - mapping.phys);

		console_printf("0x%08" PRIxPTR "  %4zu KiB  %-10s  %-13s  %s\n", virt,
			       mapping.bytes >> 10, kind_texts[mapping.kind],
			       rights_texts[mapping.rights], vm_map_find(virt).name);
		found++;
	}
	console_printf("%u addresses show frame %#" PRIx64 "\n", found, phys >> PAGE_SHIFT);
}

SHELL_COMMAND(aliases, aliases, "PHYSICAL",
	      "every address that shows a frame, with its kind of memory and rights");

/* --- translate ------------------------------------------------------------------------------- */

static void print_hardware(uintptr_t virt)
{
	phys_addr_t phys;

	console_printf("  hardware  read: ");
	if (mmu_translate(virt, false, &phys))
		console_printf("0x%08" PRIx64, (uint64_t)phys);
	else
		console_printf("fault");
	console_printf(", write: ");
	if (mmu_translate(virt, true, &phys))
		console_printf("0x%08" PRIx64 "\n", (uint64_t)phys);
	else
		console_printf("fault\n");
}

static void print_walk(uintptr_t virt)
{
	uint32_t first, second;
	struct mapping mapping;

	mmu_descriptors(virt, &first, &second);
	console_printf("  level 1   entry %4" PRIuPTR " = %08" PRIx32 "  %s\n", virt >> 20, first,
		       first == 0         ? "nothing"
		       : (first & 3) == 1 ? "a table"
					  : "a section of 1 MiB");
	if ((first & 3) == 1)
		console_printf("  level 2   entry %4" PRIuPTR " = %08" PRIx32 "  %s\n",
			       (virt >> PAGE_SHIFT) & 255, second,
			       second == 0                  ? "nothing"
			       : (second & 3) == LARGE_PAGE ? "a large page of 64 KiB"
							    : "a page of 4 KiB");
	if (!mmu_query(virt, &mapping)) {
		console_printf("  result    not mapped\n");
		return;
	}
	console_printf("  result    0x%08" PRIx64 "  %s, %s\n",
		       (uint64_t)mapping.phys + (virt - mapping.virt), kind_name(mapping.kind),
		       mapping.rights == RIGHTS_WRITE  ? "read and write"
		       : mapping.rights == RIGHTS_READ ? "read"
						       : "read and execute");
}

static void translate(int argc, char **argv)
{
	const char *text = argc == 2 ? argv[1] : "";
	uint64_t virt;

	if (!parse_size(&text, &virt) || *text != '\0' || virt >= SZ_4G) {
		console_printf("translate: expects one address, such as 0xc0200000\n");
		return;
	}
	console_printf("0x%08" PRIx64 " is in: %s\n", virt, vm_map_find((uintptr_t)virt).name);
	print_walk((uintptr_t)virt);
	print_hardware((uintptr_t)virt);
}

SHELL_COMMAND(translate, translate, "ADDRESS",
	      "walk the tables step by step, and ask the hardware");
