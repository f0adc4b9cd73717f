/* SPDX-License-Identifier: MIT */
#include "boot/memory.h"

#include <inttypes.h>
#include <libfdt.h>

#include "boot/blob.h"
#include "boot/finding.h"
#include "boot/mem_param.h"
#include "kern/fatal.h"
#include "kern/log.h"
#include "mm/phys/memblock.h"

/*
 * The end of what can be a page frame. The last page of the 4 GiB space is lost, as in Linux: the
 * end of a range that holds it does not fit 32 bits.
 */
#define PHYS_END (SZ_4G - PAGE_SIZE)

/* --- RAM ------------------------------------------------------------------------------------- */

static void say_cut(const void *blob, const struct tree_bank *bank, enum finding_code code)
{
	finding_raise_at(blob, code, bank->node, bank->base, bank->size);
}

/* Base up, size down to whole pages, as Linux does; below the RAM base and above 4 GiB is cut. */
static void add_bank(const void *blob, const struct tree_bank *bank, uint64_t ram_base)
{
	uint64_t base = ALIGN_UP(bank->base, PAGE_SIZE);
	uint64_t end = ALIGN_DOWN(bank->base + bank->size, PAGE_SIZE);

	if (bank->base >= SZ_4G) {
		say_cut(blob, bank, FINDING_BANK_ABOVE_4G);
		return;
	}
	if (bank->base + bank->size > SZ_4G)
		say_cut(blob, bank, FINDING_BANK_ACROSS_4G);
	if (base < ram_base) {
		say_cut(blob, bank, FINDING_BANK_BELOW_BASE);
		base = ram_base;
	}
	end = min_u64(end, PHYS_END);
	if (base < end)
		memblock_add((phys_addr_t)base, (phys_addr_t)(end - base));
}

static void add_banks(const struct boot_tree *tree, const void *blob, uint64_t ram_base)
{
	for (uint32_t i = 0; i < tree->memory_count; i++)
		add_bank(blob, &tree->memory[i], ram_base);
}

/* --- what is taken --------------------------------------------------------------------------- */

/* memblock's array cannot grow yet; going on would hand out what somebody owns. */
static void reserve(const struct early_range *range)
{
	if (range->size == 0 || range->base >= PHYS_END)
		return;
	if (memblock_reserve((phys_addr_t)range->base,
			     (phys_addr_t)min_u64(range->size, PHYS_END - range->base)) != 0)
		fatal("more than %d separate reserved ranges in the device tree; join some",
		      INIT_MEMBLOCK_REGIONS);
}

static bool touches_ram(uint64_t base, uint64_t size)
{
	return base < PHYS_END && size != 0 &&
	       memblock_overlaps_region(&memblock.memory, (phys_addr_t)base,
					(phys_addr_t)min_u64(size, PHYS_END - base));
}

static void reserve_memreserve(const void *blob)
{
	for (int i = 0;; i++) {
		struct early_range range;

		/* The list ends with an empty entry or, when damaged, with the blob. */
		if (fdt_get_mem_rsv(blob, i, &range.base, &range.size) != 0 || range.size == 0)
			return;
		if (!touches_ram(range.base, range.size))
			finding_raise_at(blob, FINDING_MEMRESERVE_NOT_RAM, FINDING_MEMRESERVE,
					 range.base, range.size);
		reserve(&range);
	}
}

static void hide(phys_addr_t base, phys_addr_t size)
{
	if (memblock_mark_nomap(base, size) != 0)
		fatal("more than %d pieces of RAM after cutting out no-map regions; join some",
		      INIT_MEMBLOCK_REGIONS);
}

static bool overlap(const struct early_range *a, const struct early_range *b)
{
	return a->base < b->base + b->size && b->base < a->base + a->size;
}

/* Who has some of a range already, for people. */
static const char *owner_of(const void *blob, const struct boot_occupied *occupied,
			    const struct early_range *range)
{
	struct early_range entry;

	if (overlap(&occupied->image, range))
		return "the image";
	if (overlap(&occupied->blob, range))
		return "the device tree";
	if (overlap(&occupied->initrd, range))
		return "the initrd";
	for (int i = 0; fdt_get_mem_rsv(blob, i, &entry.base, &entry.size) == 0 && entry.size != 0;
	     i++)
		if (overlap(&entry, range))
			return "/memreserve/";
	return "another reserved region";
}

/* No mapping for what something else already lives in would take it away from its owner. */
static void mark_no_map(const void *blob, const struct tree_reserved *region,
			const struct boot_occupied *occupied)
{
	struct early_range range = { region->base, region->size };
	phys_addr_t base = (phys_addr_t)region->base;
	phys_addr_t size = (phys_addr_t)min_u64(region->size, PHYS_END - region->base);

	if (memblock_is_region_reserved(base, size)) {
		const struct finding finding = {
			.code = FINDING_NO_MAP_IN_USE,
			.node = region->node,
			.a = region->base,
			.b = region->size,
			.name = owner_of(blob, occupied, &range),
		};

		finding_raise(blob, &finding);
		reserve(&range);
		return;
	}
	hide(base, size);
}

static void reserve_static(const void *blob, const struct tree_reserved *region,
			   const struct boot_occupied *occupied)
{
	struct early_range range = { region->base, region->size };

	if (!touches_ram(region->base, region->size)) {
		finding_raise_at(blob, FINDING_RESERVED_NOT_RAM, region->node, region->base,
				 region->size);
		return;
	}
	if ((region->flags & RESERVED_NO_MAP) != 0)
		mark_no_map(blob, region, occupied);
	else if ((region->flags & RESERVED_REUSABLE) != 0)
		pr_info("%s: reusable region %#" PRIx64 " size %#" PRIx64
			": given out as ordinary memory\n",
			blob_node_path(blob, region->node), region->base, region->size);
	else
		reserve(&range);
}

static uint64_t read_cells(const void *blob, uint32_t offset, uint32_t cells)
{
	const fdt32_t *cell = (const fdt32_t *)((const char *)blob + offset);
	uint64_t number = 0;

	for (uint32_t i = 0; i < cells; i++)
		number = (number << 32) | fdt32_ld(&cell[i]);
	return number;
}

/* The first of the region's alloc-ranges, or all RAM, that has room. 0: none has. */
static phys_addr_t place_dynamic(const void *blob, const struct tree_reserved *region,
				 phys_addr_t size, phys_addr_t alignment)
{
	uint32_t entry_bytes = 4 * (region->address_cells + region->size_cells);
	uint32_t offset = region->alloc_ranges, left = region->alloc_ranges_bytes;

	if (left == 0)
		return memblock_phys_alloc_range(size, alignment, 0, MEMBLOCK_ALLOC_ANYWHERE);
	for (; left >= entry_bytes; left -= entry_bytes, offset += entry_bytes) {
		uint64_t base = read_cells(blob, offset, region->address_cells);
		uint64_t bytes =
			read_cells(blob, offset + 4 * region->address_cells, region->size_cells);
		phys_addr_t place;

		if (base >= PHYS_END || bytes == 0)
			continue;
		place = memblock_phys_alloc_range(
			size, alignment, (phys_addr_t)base,
			(phys_addr_t)(base + min_u64(bytes, PHYS_END - base)));
		if (place != 0)
			return place;
	}
	return 0;
}

static void reserve_dynamic(const void *blob, const struct tree_reserved *region)
{
	uint64_t alignment = max_u64(region->alignment, PAGE_SIZE);
	uint64_t size = ALIGN_UP(region->size, PAGE_SIZE);
	const char *path = blob_node_path(blob, region->node);
	phys_addr_t place = 0;

	if ((alignment & (alignment - 1)) != 0) {
		finding_raise_at(blob, FINDING_DYNAMIC_ALIGNMENT, region->node, alignment, 0);
		return;
	}
	if (size == 0) {
		finding_raise_at(blob, FINDING_RESERVED_ZERO, region->node, 0, 0);
		return;
	}
	if ((region->flags & RESERVED_REUSABLE) != 0) {
		pr_info("%s: reusable region of %#" PRIx64 " bytes: given out as ordinary memory\n",
			path, size);
		return;
	}
	if (size < PHYS_END && alignment < PHYS_END)
		place = place_dynamic(blob, region, (phys_addr_t)size, (phys_addr_t)alignment);
	if (place == 0) {
		finding_raise_at(blob, FINDING_DYNAMIC_NO_ROOM, region->node, size, alignment);
		return;
	}
	if ((region->flags & RESERVED_NO_MAP) != 0)
		hide(place, (phys_addr_t)size);
	pr_info("%s: placed at %#" PRIx64 " size %#" PRIx64 "\n", path, (uint64_t)place, size);
}

static void reserve_static_regions(const struct boot_tree *tree, const void *blob,
				   const struct boot_occupied *occupied)
{
	for (uint32_t i = 0; i < tree->reserved_count; i++)
		if ((tree->reserved[i].flags & RESERVED_DYNAMIC) == 0)
			reserve_static(blob, &tree->reserved[i], occupied);
}

static void reserve_dynamic_regions(const struct boot_tree *tree, const void *blob)
{
	for (uint32_t i = 0; i < tree->reserved_count; i++)
		if ((tree->reserved[i].flags & RESERVED_DYNAMIC) != 0)
			reserve_dynamic(blob, &tree->reserved[i]);
}

static void check_initrd(const struct boot_tree *tree, const void *blob,
			 const struct early_range *initrd)
{
	if (tree->initrd_end <= tree->initrd_start)
		return;
	if (initrd->size == 0 ||
	    !memblock_is_region_memory((phys_addr_t)initrd->base, (phys_addr_t)initrd->size))
		finding_raise_at(blob, FINDING_INITRD_NOT_RAM, FINDING_CHOSEN, tree->initrd_start,
				 tree->initrd_end - tree->initrd_start);
}

void boot_memory_init(const struct boot_tree *tree, const void *blob,
		      const struct boot_occupied *occupied, uint64_t ram_base)
{
	/*
	 * The first page: the Pi's other cores wait in it until they are sent to sleep (bcm2836.c), and
	 * address 0 stays a sign of error.
	 */
	const struct early_range first_page = { ram_base, PAGE_SIZE };

	/* What could not be remembered would be handed out although somebody owns it. */
	if (tree->reserved_lost != 0)
		fatal("the device tree reserves %" PRIu32
		      " more regions than the %d that fit; join some",
		      tree->reserved_lost, TREE_RESERVED_MAX);
	add_banks(tree, blob, ram_base);
	mem_param_apply(&occupied->image, ram_base);
	reserve(&occupied->image);
	reserve(&occupied->blob);
	reserve(&occupied->initrd);
	check_initrd(tree, blob, &occupied->initrd);
	reserve_memreserve(blob);
	/* Fixed places first, or a dynamic region might take one. The first page may be no-map. */
	reserve_static_regions(tree, blob, occupied);
	reserve(&first_page);
	reserve_dynamic_regions(tree, blob);
}
