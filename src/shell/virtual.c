/* SPDX-License-Identifier: MIT */
/* Commands about the kernel's addresses: what vmalloc, vmap and ioremap have mapped, in Linux's
 * format; and areas of one's own to play with, wrongly too. */
#include <inttypes.h>
#include <string.h>

#include "kern/symbols.h"
#include "lib/size.h"
#include "mm/virt/ioremap.h"
#include "mm/virt/vmalloc.h"
#include "shell/command.h"

/* --- vmallocinfo: mm/vmalloc.c's format -------------------------------------------------------- */

static void print_range(const struct vmalloc_snapshot *area)
{
	console_printf("0x%08" PRIxPTR "-0x%08" PRIxPTR " %7zu", area->start,
		       area->start + area->bytes, area->bytes);
}

static void print_area(const struct vmalloc_snapshot *area)
{
	static const char *const kinds[VMAP_KINDS] = {
		[VMAP_VMALLOC] = "vmalloc",
		[VMAP_VMAP] = "vmap",
		[VMAP_IOREMAP] = "ioremap",
	};

	print_range(area);
	if (area->caller != 0)
		console_printf(" %s", symbol_text(area->caller));
	if (area->pages != 0)
		console_printf(" pages=%" PRIu32, area->pages);
	if (area->phys != 0)
		console_printf(" phys=0x%08" PRIx64, (uint64_t)area->phys);
	console_printf(" %s\n", kinds[area->kind]);
}

/* What was freed and is not flushed comes last. */
static void vmallocinfo(int argc, char **argv)
{
	struct vmalloc_snapshot area;

	(void)argc;
	(void)argv;
	for (uintptr_t at = 0; vmalloc_snapshot(at, &area); at = area.start + area.bytes)
		if (!area.lazy)
			print_area(&area);
	for (uintptr_t at = 0; vmalloc_snapshot(at, &area); at = area.start + area.bytes)
		if (area.lazy) {
			print_range(&area);
			console_printf(" unpurged vm_area\n");
		}
}

SHELL_COMMAND(vmallocinfo, vmallocinfo, "",
	      "what lies between vmalloc_start and its end, as /proc/vmallocinfo");

/* --- areas of one's own ------------------------------------------------------------------------ */

static bool parse_word(const char *text, uintptr_t *value)
{
	uint64_t number;

	if (!parse_size(&text, &number) || *text != '\0' || number > UINT32_MAX)
		return false;
	*value = (uintptr_t)number;
	return true;
}

static void print_address(const char *call, uintptr_t address)
{
	if (address != 0)
		console_printf("0x%08" PRIxPTR "\n", address);
	else
		console_printf("%s: refused\n", call);
}

static void vmalloc_command(int argc, char **argv)
{
	uintptr_t bytes;

	if (argc != 2 || !parse_word(argv[1], &bytes))
		console_printf("vmalloc: expects bytes, such as vmalloc 300K\n");
	else
		print_address("vmalloc", (uintptr_t)vmalloc(bytes));
}

SHELL_COMMAND(vmalloc, vmalloc_command, "BYTES", "take pages in one piece of addresses");

/* Whether somebody else took the area there, by a function other than this command's; that is said. */
static bool is_somebody_elses(const char *command, uintptr_t address, const char *function)
{
	struct vmalloc_snapshot area;
	struct symbol symbol;

	if (!vmalloc_snapshot(address, &area) || address < area.start || area.lazy ||
	    !symbol_lookup(area.caller, &symbol) || strcmp(symbol.name, function) == 0)
		return false;
	console_printf("%s: %#" PRIxPTR
		       " is in use by %s; only what was taken at the prompt is given "
		       "back here\n",
		       command, address, symbol_text(area.caller));
	return true;
}

static void vfree_command(int argc, char **argv)
{
	uintptr_t address;

	if (argc != 2 || !parse_word(argv[1], &address))
		console_printf("vfree: expects an address, as vmalloc printed it\n");
	else if (!is_somebody_elses("vfree", address, "vmalloc_command"))
		vfree((const void *)address);
}

SHELL_COMMAND(vfree, vfree_command, "ADDRESS", "give back what vmalloc took");

static void ioremap_command(int argc, char **argv)
{
	uintptr_t phys, bytes;

	if (argc != 3 || !parse_word(argv[1], &phys) || !parse_word(argv[2], &bytes))
		console_printf("ioremap: expects a physical address and bytes, such as "
			       "ioremap 0x09000000 4K\n");
	else
		print_address("ioremap", (uintptr_t)ioremap((phys_addr_t)phys, bytes));
}

SHELL_COMMAND(ioremap, ioremap_command, "PHYS ...",
	      "map registers of a device: physical address, bytes");

static void iounmap_command(int argc, char **argv)
{
	uintptr_t address;

	if (argc != 2 || !parse_word(argv[1], &address))
		console_printf("iounmap: expects an address, as ioremap printed it\n");
	else if (!is_somebody_elses("iounmap", address, "ioremap_command"))
		iounmap((volatile const void *)address);
}

SHELL_COMMAND(iounmap, iounmap_command, "ADDRESS", "take the mapping away again");
