/* SPDX-License-Identifier: MIT */
#include "plan_harness.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/linear.h"
#include "boot/blob.h"
#include "boot/devices.h"
#include "boot/dtlint.h"
#include "boot/mem_param.h"
#include "boot/memory.h"
#include "boot/tree_report.h"
#include "kern/driver.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "kern/param.h"
#include "mm/dma/options.h"
#include "mm/phys/memblock.h"
#include "mm/phys/zone_params.h"

uintptr_t linear_offset;

void *blob;
struct boot_tree tree;
struct boot_plan plan;
char logged[16384];
jmp_buf stopped;
bool may_stop;

/* Parsers keep pointers into it. */
static char arguments_copy[4096];

const char kitchen_sink[] =
	"/memreserve/ 0x48000000 0x1000; /memreserve/ 0x50000000 0x123;"
	"/ { #address-cells = <1>; #size-cells = <1>; model = \"Everything\";"
	"    aliases { serial0 = \"/soc/serial@1000\"; };"
	"    chosen { bootargs = \"mem=512M mem=64M@0x70000000 kernelcore=40% simdma=28 "
	"dma_limit=serial0:0x4fffffff vmalloc=300M lowmem=200M\"; linux,initrd-start = "
	"<0x44000000>;"
	"        linux,initrd-end = <0x44100000>; stdout-path = \"serial0:115200\"; };"
	"    memory@40000000 { device_type = \"memory\"; reg = <0x40000000 0x20000000>; };"
	"    memory@60000000 { device_type = \"memory\"; reg = <0x60000000 0x40000000>; };"
	"    reserved-memory { ranges; a { reg = <0x41000000 0x100000>; no-map; };"
	"        b { size = <0x100000>; alignment = <0x10000>;"
	"            alloc-ranges = <0x50000000 0x1000000>; no-map; };"
	"        c { reg = <0x42000000 0x1000 0x43000000 0x1000>; }; d { reusable; size = <9>; }; "
	"};"
	"    soc { ranges = <0 0x9000000 0x10000>; dma-ranges = <0 0x40000000 0x20000000>;"
	"        serial@1000 { compatible = \"arm,pl011\"; reg = <0x1000 0x1000>; };"
	"        bus { ranges; dma-ranges = <0 0 0x10000000 0x10000000 0x10000000 0x1000>;"
	"            dev { compatible = \"test,any\"; reg = <5 1>; }; }; }; };";

/* --- what the firmware has and the desktop has not ------------------------------------------- */

static void append(const char *format, va_list args)
{
	size_t length = strlen(logged);

	vsnprintf(logged + length, sizeof(logged) - length, format, args);
}

void printk(enum log_level level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	append(format, args);
	va_end(args);
}

void fatal(const char *format, ...)
{
	size_t length = strlen(logged);
	va_list args;

	va_start(args, format);
	append(format, args);
	va_end(args);
	if (!may_stop)
		harness_failed(__FILE__, __LINE__, logged + length);
	longjmp(stopped, 1);
}

uint32_t irq_map(const struct irq_chip *chip, uint32_t line, enum irq_trigger trigger)
{
	(void)chip;
	(void)trigger;
	return IRQ_FIRST + line;
}

static void probe_any(const struct device *device)
{
	HARNESS_CHECK(device->name != NULL);
}

static const char *const any_compatible[] = { "test,any", "arm,pl011", NULL };
DRIVER(any, any_compatible, probe_any);

/* --- state ----------------------------------------------------------------------------------- */

static void empty_type(struct memblock_type *type)
{
	memset(type->regions, 0, type->max * sizeof(*type->regions));
	type->cnt = 1;
	type->total_size = 0;
}

void harness_reset(void)
{
	empty_type(&memblock.memory);
	empty_type(&memblock.reserved);
	memblock.bottom_up = false;
	mem_param_reset();
	dma_limit_reset();
	dma_options_reset();
	zone_params_reset();
	finding_reset();
	logged[0] = '\0';
}

void harness_take(void *built)
{
	free(blob);
	blob = built;
}

void harness_take_copy(const void *bytes, size_t count)
{
	void *copy = malloc(count);

	HARNESS_CHECK(copy != NULL);
	memcpy(copy, bytes, count);
	/* Memory ends with the file. */
	if (count >= FDT_V17_SIZE && fdt_totalsize(copy) > count)
		fdt_set_totalsize(copy, (uint32_t)count);
	harness_take(copy);
}

/* --- the steps ------------------------------------------------------------------------------- */

void harness_parse(const char *arguments, size_t length)
{
	length = min_u64(length, sizeof(arguments_copy) - 1);
	memcpy(arguments_copy, arguments, length);
	arguments_copy[length] = '\0';
	boot_params_parse(arguments_copy);
}

void harness_fill(uint64_t ram_base)
{
	struct boot_occupied occupied = {
		.image = { ram_base + IMAGE_OFFSET, IMAGE_BYTES },
	};

	if (boot_tree_is_ram(&tree, tree.initrd_start, tree.initrd_end - tree.initrd_start)) {
		occupied.initrd.base = tree.initrd_start;
		occupied.initrd.size = tree.initrd_end - tree.initrd_start;
	}
	boot_memory_init(&tree, blob, &occupied, ram_base);
	harness_check_memblock();
}

/* What is asked of the tree later, of each of its first nodes. */
static void ask_everything(void)
{
	unsigned int asked = 0;

	devices_probe(blob);
	blob_find_node(blob, "serial0", 7);
	blob_find_node(blob, "/soc/serial", 11);
	for (int node = 0; node >= 0 && asked < 24; node = fdt_next_node(blob, node, NULL)) {
		uint64_t address;

		blob_register_address(blob, node, &address);
		HARNESS_CHECK(strlen(blob_node_path(blob, (uint32_t)node)) < 128);
		asked++;
	}
}

static void count_finding(const struct finding *finding, const void *whose, void *context)
{
	char text[FINDING_LINE_MAX];

	finding_line(finding, whose, text, sizeof(text));
	HARNESS_CHECK(strstr(text, ": ") != NULL);
	++*(unsigned int *)context;
}

static void lint(void)
{
	unsigned int seen = 0, told = dtlint_judge(&tree, blob, count_finding, &seen);

	HARNESS_CHECK(told == seen);
}

static bool image_has_a_place(uint64_t ram_base)
{
	return ram_base < SZ_4G && boot_tree_is_ram(&tree, ram_base + IMAGE_OFFSET, IMAGE_BYTES) &&
	       ram_base + IMAGE_OFFSET + IMAGE_BYTES <= SZ_4G;
}

bool harness_plan(const char *arguments, size_t length, uint32_t page_offset)
{
	uint64_t ram_base;

	boot_tree_scan(blob, &tree);
	if (tree.state != TREE_WHOLE && tree.state != TREE_TRUNCATED)
		return false;
	boot_tree_seal(blob, &tree);
	tree_report(&tree, blob);
	dtlint_tree(&tree, blob);
	lint();
	ask_everything();
	if (arguments != NULL)
		harness_parse(arguments, length);
	else if (tree.bootargs.bytes != 0)
		harness_parse((char *)blob + tree.bootargs.offset,
			      strnlen((char *)blob + tree.bootargs.offset, tree.bootargs.bytes));
	ram_base = boot_tree_ram_base(&tree);
	if (!image_has_a_place(ram_base))
		return false;
	harness_fill(ram_base);
	boot_plan_compute(&tree, blob, ram_base, page_offset, &plan);
	dtlint_places(&tree, blob, &(struct boot_occupied){ .blob = { ram_base, SZ_1M } }, &plan);
	lint();
	harness_check_memblock();
	harness_check_layout();
	HARNESS_CHECK(strlen(boot_plan_dma_source(&plan, blob)) > 0);
	boot_plan_log_zones(&plan);
	boot_plan_log_addresses(&plan);
	return true;
}

/* No local variable is alive across the jump. */
enum harness_end harness_run(const char *arguments, size_t length, uint32_t page_offset)
{
	harness_reset();
	may_stop = true;
	if (setjmp(stopped) != 0) {
		may_stop = false;
		harness_check_memblock();
		return ENDED_FATAL;
	}
	if (!harness_plan(arguments, length, page_offset)) {
		may_stop = false;
		return ENDED_WITHOUT_PLAN;
	}
	may_stop = false;
	return ENDED_PLANNED;
}

/* --- what must hold -------------------------------------------------------------------------- */

void harness_check_memblock(void)
{
	const char *broken = memblock_validate();

	if (broken != NULL)
		harness_failed(__FILE__, __LINE__, broken);
}

static uint64_t whole_pages_of_memblock(void)
{
	struct memblock_region *region;
	uint64_t pages = 0;

	for_each_mem_region(region) {
		uint64_t base = ALIGN_UP((uint64_t)region->base, PAGE_SIZE);
		uint64_t end = ALIGN_DOWN((uint64_t)region->base + region->size, PAGE_SIZE);

		pages += base < end ? (end - base) / PAGE_SIZE : 0;
	}
	return pages;
}

void harness_check_layout(void)
{
	uint64_t present = 0, next_pfn = 0;
	const struct zone_layout *layout = &plan.layout;

	for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
		const struct zone_span *span = &plan.layout.zones[zone];

		HARNESS_CHECK(span->present_pages <= span->spanned_pages);
		present += span->present_pages;
		if (span->spanned_pages == 0)
			continue;
		HARNESS_CHECK(span->start_pfn >= next_pfn);
		next_pfn = (uint64_t)span->start_pfn + span->spanned_pages;
		HARNESS_CHECK(strlen(boot_plan_reason(&plan, span->end_reason)) > 0);
	}
	HARNESS_CHECK(present == whole_pages_of_memblock());
	HARNESS_CHECK(layout->lowmem_end <= layout->lowmem_most_end);
	HARNESS_CHECK(layout->lowmem_least_end <= layout->lowmem_most_end);
	HARNESS_CHECK(layout->lowmem_limit >= layout->lowmem_least_end);
	HARNESS_CHECK(strlen(boot_plan_reason(&plan, layout->lowmem_reason)) > 0);
	HARNESS_CHECK(next_pfn <= SZ_4G / PAGE_SIZE);
}
