/* SPDX-License-Identifier: MIT */
/*
 * From the linked address to the prompt: one column. Each line says what works after it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/percpu.h"
#include "boot/console.h"
#include "boot/context_events.h"
#include "boot/devices.h"
#include "boot/dma.h"
#include "boot/dtlint.h"
#include "boot/info.h"
#include "boot/kmap_events.h"
#include "boot/memory.h"
#include "boot/object_events.h"
#include "boot/page_events.h"
#include "boot/plan.h"
#include "boot/probe.h"
#include "boot/tree_report.h"
#include "boot/virt_events.h"
#include "drivers/dma/simdma_board.h"
#include "kern/cmdline.h"
#include "kern/exception.h"
#include "kern/fatal.h"
#include "kern/firmware.h"
#include "kern/irqsoff.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/obj/atomic_sleep.h"
#include "mm/dma/bounce.h"
#include "mm/obj/object_check.h"
#include "mm/obj/object_fail.h"
#include "mm/obj/slab.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_check.h"
#include "mm/phys/page_debug.h"
#include "mm/phys/zone.h"
#include "mm/virt/kernel_stack.h"
#include "mm/virt/kmap.h"
#include "mm/virt/linear_map.h"
#include "mm/virt/page_tables.h"
#include "mm/virt/vm_map.h"
#include "mm/virt/vmalloc.h"
#include "shell/shell.h"

uint64_t boot_first_page_ticks;

static struct boot_plan plan;

void boot_main(void);

/* The first core's per-CPU variables are those of the image. */
static void take_over_core(void)
{
	percpu_set_offset(0);
}

static void take_over_tables(void)
{
	mmu_init(boot_info.image_phys, boot_info.image_bytes);
}

static void offer_console(void)
{
	fatal_console_hook = boot_console_init;
}

static const char *area_name(uintptr_t virt)
{
	return vm_map_find(virt).name;
}

static void name_areas(void)
{
	exception_area_hook = area_name;
}

static const char *check_memory(void)
{
	static char text[128];
	const char *window = kmap_events_check(), *pool = bounce_check();
	struct object_check_result objects;
	struct page_check_result pages;

	if (!page_check(&pages))
		snprintf(text, sizeof(text), "frame %#" PRIx32 ": %s", pages.pfn, pages.broken);
	else if (!object_check(&objects))
		snprintf(text, sizeof(text), "cache %s, object %#" PRIxPTR ": %s",
			 objects.cache != NULL ? objects.cache : "none", objects.address,
			 objects.broken);
	else
		return window != NULL ? window : pool;
	return text;
}

static void offer_checks(void)
{
	selftest_check_hook = check_memory;
}

static void say_hello(void)
{
	const struct boot_info *info = &boot_info;
	const struct tree_text *model = &info->tree.model;

	pr_info("Strata %s, page offset %#x\n", CONFIG_NAME, CONFIG_PAGE_OFFSET);
	pr_info("CPU: MIDR %08" PRIx32 ", entered in mode %02" PRIx32 " with r1 %#" PRIx32
		", r2 %#" PRIx32 "\n",
		cpu_midr(), info->entry_cpsr & 0x1f, info->entry_r1, info->entry_r2);
	if (model->bytes != 0)
		pr_info("Machine model: %.*s\n",
			(int)strnlen((const char *)boot_blob() + model->offset, model->bytes),
			(const char *)boot_blob() + model->offset);
	pr_info("Image: loaded at %#" PRIx32 ", runs at %#" PRIx32 ", %" PRIu32 " KiB\n",
		info->load_phys, info->image_phys, info->image_bytes >> 10);
	if (info->blob_phys != info->blob_from)
		pr_info("Device tree: moved from %#" PRIx32 " to %#" PRIx32
			", out of the image's way\n",
			info->blob_from, info->blob_phys);
	if (info->initrd_phys != info->initrd_from)
		pr_info("initrd: moved from %#" PRIx32 " to %#" PRIx32 ", out of the image's way\n",
			info->initrd_from, info->initrd_phys);
}

static void report_tree(void)
{
	tree_report(&boot_info.tree, boot_blob());
	if (boot_info.tree.blob_bytes != 0)
		dtlint_tree(&boot_info.tree, boot_blob());
}

static void parse_arguments(void)
{
	const struct tree_text *text = &boot_info.tree.bootargs;
	const char *args = (const char *)boot_blob() + text->offset;

	cmdline_parse(args, text->bytes != 0 ? strnlen(args, text->bytes) : 0);
}

/* A boot without a place of its own was only carried on to say this. */
static void require_place(void)
{
	switch (boot_info.place) {
	case PLACE_NO_TREE:
		fatal("no RAM: %s", boot_info.tree.state == TREE_WHOLE
					    ? "the device tree has no usable /memory node; add one"
					    : tree_state_text(boot_info.tree.state));
	case PLACE_NOT_RAM:
		fatal("the %" PRIu32 " KiB from RAM base + 2 MiB, where the image runs, are not "
		      "RAM; the lowest bank at %#" PRIx64 " must be larger",
		      boot_info.image_bytes >> 10, boot_tree_ram_base(&boot_info.tree));
	case PLACE_SILENT:
		fatal("the device tree names RAM at %#" PRIx64
		      ", where the image runs, but nothing answers there; correct /memory",
		      boot_tree_ram_base(&boot_info.tree) + IMAGE_OFFSET);
	case PLACE_NO_MAP:
		fatal("a no-map region lies at RAM base + 2 MiB (%#" PRIx64
		      "), where the image runs; move the region",
		      boot_tree_ram_base(&boot_info.tree) + IMAGE_OFFSET);
	case PLACE_TOO_HIGH:
		fatal("RAM begins at %#" PRIx64
		      ", too close to 4 GiB for the image; describe RAM that begins lower",
		      boot_tree_ram_base(&boot_info.tree));
	case PLACE_NO_ROOM:
		fatal("no room to move the image, the device tree or the initrd to where they "
		      "belong; load them elsewhere or give the first bank more RAM");
	default:
		break;
	}
}

/* Linux calls text and constants code, the rest data. */
static void name_resources(void)
{
	const struct boot_info *info = &boot_info;

	resource_add(info->image_phys, (uint64_t)(__data_start - __image_start), "Kernel code");
	resource_add(info->image_phys + (uint64_t)(__data_start - __image_start),
		     (uint64_t)(__image_end - __data_start), "Kernel data");
	resource_add(info->blob_phys, info->tree.blob_bytes, "Device tree");
	resource_add(info->initrd_phys, info->initrd_bytes, "initrd");
}

/* A tree that calls the board's devices RAM would have them overwritten. */
static void check_console(void)
{
	unsigned int count;
	const struct resource *resource = resource_list(&count);

	for (unsigned int i = 0; i < count; i++)
		if (!memblock_is_reserved((phys_addr_t)resource[i].base) &&
		    memblock_is_memory((phys_addr_t)resource[i].base))
			pr_warn("%s lies in what the tree calls RAM, %#" PRIx64
				": /memory is wrong; leave the devices out, by mem= for example\n",
				resource[i].name, resource[i].base);
}

/* Where things lie by now. */
static struct boot_occupied occupied_places(void)
{
	return (struct boot_occupied){
		.image = { boot_info.image_phys, boot_info.image_bytes },
		.blob = { boot_info.blob_phys, boot_info.tree.blob_bytes },
		.initrd = { boot_info.initrd_phys, boot_info.initrd_bytes },
	};
}

static void setup_memblock(void)
{
	const struct boot_occupied occupied = occupied_places();

	boot_memory_init(&boot_info.tree, boot_blob(), &occupied, boot_info.ram_base);
	name_resources();
	check_console();
}

static void setup_layout(void)
{
	const struct boot_occupied occupied = occupied_places();

	boot_plan_compute(&boot_info.tree, boot_blob(), boot_info.ram_base, CONFIG_PAGE_OFFSET,
			  &plan);
	dtlint_places(&boot_info.tree, boot_blob(), &occupied, &plan);
	boot_plan_log_zones(&plan);
}

static void setup_linear_map(void)
{
	const struct zone_layout *layout = &plan.layout;
	const struct boot_info *info = &boot_info;
	uint64_t lowmem_end = ALIGN_DOWN(layout->lowmem_end, PAGE_SIZE);

	vm_map_init((uintptr_t)(CONFIG_PAGE_OFFSET + layout->lowmem_end - info->ram_base),
		    layout->vmalloc_start);
	linear_map_sections(lowmem_end, info->image_phys, info->image_bytes);
	boot_probe_lowmem(lowmem_end);
	if (!linear_map_rest(lowmem_end, info->image_phys, info->image_bytes))
		fatal("no memory for the page tables of lowmem; enlarge the first bank or mem=");
	boot_probe_lowmem(lowmem_end);
}

static void setup_struct_pages(void)
{
	if (!vmemmap_init())
		fatal("lowmem is too small for the struct pages of all RAM; use a split with more "
		      "lowmem, a larger lowmem= or a smaller mem=");
	if (!kmap_take_memory())
		fatal("lowmem is too small for the tables of kmap's windows, or for the records of "
		      "highmem_debug=1; use a smaller mem=");
}

/* Until now everything came from memblock; from now on nothing does. */
static void setup_zones(void)
{
	page_events_attach();
	kmap_events_attach();
	zones_init(&plan.layout);
	kmap_init();
}

/* The figure that docs/performance.md has: how long it takes until pages are served. */
static void note_first_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	boot_first_page_ticks = clock_ticks();
	if (page == NULL)
		fatal("lowmem is too small: not one page is left above its reserves; see mem=, "
		      "lowmem=, min_free_kbytes=");
	__free_page(page);
	if (!page_debug_start())
		pr_warn("page_owner=1: no memory for the owners; they are not kept\n");
}

static void setup_objects(void)
{
	object_events_attach();
	slab_init();
	atomic_sleep_start();
}

static void setup_vmalloc(void)
{
	virt_events_attach();
	page_tables_init();
	vmalloc_init(plan.layout.vmalloc_start, VMALLOC_END);
}

static void setup_threads(void)
{
	static const struct thread_stacks stacks = { kernel_stack_alloc, kernel_stack_free };

	context_events_attach();
	threads_start("shell", &stacks);
	if (irqsoff_wanted())
		irqsoff_set(true);
}

static void say_addresses(void)
{
	boot_plan_log_addresses(&plan);
}

static void setup_dma(void)
{
	boot_dma_init(&boot_info.tree, boot_blob(), &plan);
}

static void probe_devices(void)
{
	const struct firmware_memory *memory = &firmware_memory;

	devices_probe(boot_blob());
	simdma_board_add();
	if (memory->known)
		dtlint_firmware(&boot_info.tree, boot_blob(), memory->base, memory->bytes,
				memory->speaks_below);
}

static void start_failing(void)
{
	page_debug_start_failing();
	objects_fail_start();
}

/* Linux's summary of memory: what is free of what there is. */
static void say_summary(void)
{
	uint64_t free_pages = 0, present_pages = 0, highmem_pages = 0;
	struct zone_snapshot zone;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++) {
		zone_snapshot(type, &zone);
		free_pages += zone.free_pages + zone.cached_pages;
		present_pages += zone.span.present_pages;
		if (zone.highmem)
			highmem_pages += zone.span.present_pages;
	}
	pr_info("Memory: %" PRIu64 "K/%" PRIu64 "K available (%uK image, %" PRIu64
		"K reserved, %" PRIu64 "K highmem)\n",
		free_pages << 2, present_pages << 2, (unsigned int)boot_info.image_bytes >> 10,
		(present_pages - free_pages) << 2, highmem_pages << 2);
}

/* Each step asserts or says what it needs; what stands in the comment works after it. */
void boot_main(void)
{
	cpu_install_vectors(); /* a fault says what it was */
	take_over_core();      /* per-CPU variables are this core's */
	take_over_tables();    /* phys_to_virt of the image; fixmap windows */
	offer_console();       /* fatal() finds a console */
	name_areas();          /* a fault report says where its address lies */
	say_hello();           /* the log ring takes text */
	report_tree();         /* what cannot be used is named */
	parse_arguments();     /* boot parameters have their values */
	boot_console_init();   /* the log is seen */
	require_place();       /* the RAM base is real */
	setup_memblock();      /* memblock knows RAM and reservations */
	setup_layout();        /* the zones have their places */
	setup_linear_map();    /* memblock_alloc works, below lowmem's end */
	setup_struct_pages();  /* pfn_to_page works for any address */
	setup_zones();         /* alloc_pages and kmap work, memblock is done */
	note_first_page();     /* it does */
	setup_objects();       /* kmalloc works */
	setup_vmalloc();       /* vmalloc and ioremap work */
	setup_threads();       /* thread_run works; interrupts are let in */
	offer_checks(); /* each suite of self-tests ends with a look at all pages and objects */
	say_addresses();
	setup_dma();     /* dma_map_single works */
	probe_devices(); /* poweroff and reboot work */
	say_summary();
	kmap_events_say_forgotten(); /* no window of the boot is left that nobody needs */
	start_failing();             /* requests are refused on purpose, if that was asked for */
	shell_run();                 /* a person can type */
}
