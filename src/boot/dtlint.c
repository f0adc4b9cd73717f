/* SPDX-License-Identifier: MIT */
#include "boot/dtlint.h"

#include <libfdt.h>
#include <string.h>

#include "boot/blob.h"
#include "mm/phys/page.h"

/* Ends to what a hostile tree can ask for: entries of a list, look-ups, steps between siblings. */
#define MEMRESERVE_MAX 256
#define ENTRIES_MAX    64
#define LOOKUPS_MAX    256
#define STEPS_MAX      500000U

/* Less than any image takes. */
#define IMAGE_ROOM (256U * SZ_1K)

static bool overlap(uint64_t base, uint64_t size, uint64_t other_base, uint64_t other_size)
{
	return size != 0 && other_size != 0 && base <= other_base + (other_size - 1) &&
	       other_base <= base + (size - 1);
}

/* --- what the table shows -------------------------------------------------------------------- */

static void check_banks(const struct boot_tree *tree, const void *blob)
{
	for (uint32_t i = 1; i < tree->memory_count; i++) {
		const struct tree_bank *bank = &tree->memory[i];
		uint32_t other = 0;

		while (other < i && !overlap(bank->base, bank->size, tree->memory[other].base,
					     tree->memory[other].size))
			other++;
		if (other < i)
			finding_raise_at(blob, FINDING_BANK_OVERLAP, bank->node, bank->base,
					 bank->size);
	}
}

static bool is_fixed(const struct tree_reserved *region)
{
	return (region->flags & RESERVED_DYNAMIC) == 0;
}

/* Hiding what is reserved already is refused with a line of its own. */
static bool is_told_elsewhere(const struct tree_reserved *earlier,
			      const struct tree_reserved *later)
{
	return (later->flags & RESERVED_NO_MAP) != 0 &&
	       (earlier->flags & (RESERVED_NO_MAP | RESERVED_REUSABLE)) == 0;
}

/* The first of the regions before it that a region overlaps; NULL: none. */
static const struct tree_reserved *overlapped(const struct boot_tree *tree,
					      const struct tree_reserved *region)
{
	for (const struct tree_reserved *other = tree->reserved; other < region; other++)
		if (is_fixed(other) && !is_told_elsewhere(other, region) &&
		    overlap(region->base, region->size, other->base, other->size))
			return other;
	return NULL;
}

static void check_reserved_overlap(const struct boot_tree *tree, const void *blob,
				   const struct tree_reserved *region)
{
	const struct tree_reserved *other = overlapped(tree, region);
	struct finding finding = {
		.code = FINDING_RESERVED_OVERLAP,
		.node = region->node,
		.a = region->base,
		.b = region->size,
	};

	if (other == NULL)
		return;
	finding.name = fdt_get_name(blob, (int)other->node, NULL);
	finding_raise(blob, &finding);
}

static void check_reserved_twice(const void *blob, const struct tree_reserved *region)
{
	uint64_t base, size;

	if ((region->flags & RESERVED_NO_MAP) != 0)
		return;
	for (int i = 0;
	     i < MEMRESERVE_MAX && fdt_get_mem_rsv(blob, i, &base, &size) == 0 && size != 0; i++)
		if (base == region->base && size == region->size) {
			finding_raise_at(blob, FINDING_RESERVED_TWICE, region->node, base, size);
			return;
		}
}

static bool touches_bank(const struct boot_tree *tree, uint64_t base, uint64_t size)
{
	for (uint32_t i = 0; i < tree->memory_count; i++)
		if (overlap(base, size, tree->memory[i].base, tree->memory[i].size))
			return true;
	return false;
}

static void check_reserved_place(const struct boot_tree *tree, const void *blob,
				 const struct tree_reserved *region)
{
	if (touches_bank(tree, region->base, region->size) &&
	    !boot_tree_is_ram(tree, region->base, region->size))
		finding_raise_at(blob, FINDING_RESERVED_PARTLY, region->node, region->base,
				 region->size);
}

void dtlint_tree(const struct boot_tree *tree, const void *blob)
{
	check_banks(tree, blob);
	for (uint32_t i = 0; i < tree->reserved_count; i++) {
		const struct tree_reserved *region = &tree->reserved[i];

		if ((region->flags & RESERVED_NO_MAP) != 0 &&
		    (region->flags & RESERVED_REUSABLE) != 0)
			finding_raise_at(blob, FINDING_NO_MAP_REUSABLE, region->node, 0, 0);
		if (!is_fixed(region))
			continue;
		check_reserved_overlap(tree, blob, region);
		check_reserved_twice(blob, region);
		check_reserved_place(tree, blob, region);
	}
}

/* --- what the plan does to things in memory -------------------------------------------------- */

static void check_struct_pages(const void *blob, const struct boot_plan *plan)
{
	uint64_t pages = 0, lowmem = plan->layout.lowmem_most_end - plan->ram_base;

	for (enum zone_type type = 0; type < MAX_NR_ZONES; type++)
		pages += plan->layout.zones[type].present_pages;
	if (pages * sizeof(struct page) > lowmem / 4)
		finding_raise_at(blob, FINDING_STRUCT_PAGES, FINDING_MEMORY,
				 pages * sizeof(struct page), lowmem);
}

void dtlint_places(const struct boot_tree *tree, const void *blob,
		   const struct boot_occupied *occupied, const struct boot_plan *plan)
{
	const struct early_range *initrd = &occupied->initrd, *where = &occupied->blob;
	/* What lowmem= leaves to highmem was asked for: it is no fault of the tree. */
	uint64_t lowmem_end = plan->layout.lowmem_most_end;

	if (initrd->size != 0 && initrd->base + initrd->size > lowmem_end)
		finding_raise_at(blob, FINDING_INITRD_HIGH, FINDING_CHOSEN, initrd->base,
				 initrd->size);
	else if (initrd->size != 0 && initrd->base + initrd->size > plan->layout.lowmem_end)
		finding_raise_at(blob, FINDING_INITRD_HIGHMEM, FINDING_CHOSEN, initrd->base,
				 initrd->size);
	if (where->size != 0 && !boot_tree_is_ram(tree, where->base, where->size))
		finding_raise_at(blob, FINDING_BLOB_NOT_RAM, FINDING_DEVICE_TREE, where->base,
				 where->size);
	else if (where->size != 0 && where->base + where->size > lowmem_end)
		finding_raise_at(blob, FINDING_BLOB_HIGH, FINDING_DEVICE_TREE, where->base,
				 where->size);
	check_struct_pages(blob, plan);
}

void dtlint_firmware(const struct boot_tree *tree, const void *blob, uint64_t base, uint64_t bytes,
		     uint64_t limit)
{
	for (uint32_t i = 0; i < tree->memory_count; i++) {
		const struct tree_bank *bank = &tree->memory[i];

		if (bank->base < limit &&
		    (bank->base < base || bank->base + bank->size > base + bytes))
			finding_raise_at(blob, FINDING_BANK_FIRMWARE, bank->node, bank->base,
					 bank->size);
	}
}

/* --- the walk -------------------------------------------------------------------------------- */

struct lint {
	const struct boot_tree *tree;
	const void *blob;
	dtlint_sink sink;
	void *context;
	unsigned int findings;
	unsigned int lookups; /* that cost a pass over the tree each */
	unsigned int steps;   /* between nodes, beyond the walk itself */
	bool cut_short;
	int reserved_parent; /* /reserved-memory; -1 before it was met */
};

static void tell_name(struct lint *lint, enum finding_code code, uint32_t node, uint64_t a,
		      uint64_t b, const char *name)
{
	const struct finding finding = { .code = code, .node = node, .a = a, .b = b, .name = name };

	lint->findings++;
	lint->sink(&finding, lint->blob, lint->context);
}

static void tell(struct lint *lint, enum finding_code code, int node, uint64_t a, uint64_t b)
{
	tell_name(lint, code, (uint32_t)node, a, b, NULL);
}

static bool may_look_up(struct lint *lint)
{
	if (lint->lookups == LOOKUPS_MAX)
		lint->cut_short = true;
	else
		lint->lookups++;
	return !lint->cut_short;
}

/* A property that is a string; NULL: it is not there or does not end. */
static const char *string_of(const void *blob, int node, const char *name)
{
	int bytes;
	const char *value = fdt_getprop(blob, node, name, &bytes);

	return value != NULL && bytes > 0 && value[bytes - 1] == '\0' ? value : NULL;
}

static bool string_is(const void *blob, int node, const char *name, const char *wanted)
{
	const char *value = string_of(blob, node, name);

	return value != NULL && strcmp(value, wanted) == 0;
}

/* A node's name up to its unit address. */
static bool name_is(const char *name, const char *wanted)
{
	size_t length = strlen(wanted);

	return strncmp(name, wanted, length) == 0 && (name[length] == '\0' || name[length] == '@');
}

static bool is_available(const void *blob, int node)
{
	return fdt_getprop(blob, node, "status", NULL) == NULL ||
	       string_is(blob, node, "status", "okay") || string_is(blob, node, "status", "ok");
}

/* reg, or what stands for it, with the cells of its entries. */
struct entries {
	const fdt32_t *cell;
	int address_cells, size_cells, count;
};

static bool entries_of(const void *blob, int node, int parent, const char *name,
		       struct entries *entries)
{
	int bytes;

	entries->cell = fdt_getprop(blob, node, name, &bytes);
	entries->address_cells = blob_cells(blob, parent, "#address-cells");
	entries->size_cells = blob_cells(blob, parent, "#size-cells");
	if (entries->cell == NULL || entries->address_cells == 0 || entries->size_cells == 0)
		return false;
	entries->count = bytes / (4 * (entries->address_cells + entries->size_cells));
	if (entries->count > ENTRIES_MAX)
		entries->count = ENTRIES_MAX;
	return entries->count != 0;
}

static uint64_t entry_base(const struct entries *entries, int i)
{
	return blob_read_cells(entries->cell + i * (entries->address_cells + entries->size_cells),
			       entries->address_cells);
}

static uint64_t entry_size(const struct entries *entries, int i)
{
	return blob_read_cells(entries->cell + i * (entries->address_cells + entries->size_cells) +
				       entries->address_cells,
			       entries->size_cells);
}

/* The number after the '@'. False: there is none, or it is more than a number. */
static bool unit_address(const char *name, uint64_t *address)
{
	const char *digit = strchr(name, '@');

	if (digit == NULL || *++digit == '\0')
		return false;
	for (*address = 0; *digit != '\0'; digit++) {
		const char *digits = "0123456789abcdef", *found = strchr(digits, *digit | 0x20);

		if (found == NULL || *found == '\0')
			return false;
		*address = (*address << 4) | (uint64_t)(found - digits);
	}
	return true;
}

static void check_unit_address(struct lint *lint, int node, const char *name,
			       const struct entries *reg)
{
	uint64_t address;

	if (unit_address(name, &address) && address != entry_base(reg, 0))
		tell(lint, FINDING_UNIT_ADDRESS, node, address, entry_base(reg, 0));
}

/* --- memory and reserved regions ------------------------------------------------------------- */

static void check_bank(struct lint *lint, int node, uint64_t base, uint64_t size)
{
	if (size == 0)
		tell(lint, FINDING_BANK_ZERO, node, base, 0);
	else if (!IS_ALIGNED(base, PAGE_SIZE) || !IS_ALIGNED(size, PAGE_SIZE))
		tell(lint, FINDING_BANK_UNALIGNED, node, base, size);
	if (size != 0 && base + size == SZ_4G)
		tell(lint, FINDING_BANK_LAST_PAGE, node, base, size);
}

static void check_memory(struct lint *lint, int node, const char *name)
{
	struct entries reg;

	if (!entries_of(lint->blob, node, 0, "linux,usable-memory", &reg) &&
	    !entries_of(lint->blob, node, 0, "reg", &reg))
		return;
	check_unit_address(lint, node, name, &reg);
	for (int i = 0; i < reg.count; i++)
		check_bank(lint, node, entry_base(&reg, i), entry_size(&reg, i));
}

static void check_reserved_parent(struct lint *lint, int node)
{
	const void *blob = lint->blob;

	lint->reserved_parent = node;
	if (fdt_getprop(blob, node, "#address-cells", NULL) == NULL ||
	    fdt_getprop(blob, node, "#size-cells", NULL) == NULL)
		tell(lint, FINDING_RESERVED_CELLS_MISSING, node, 0, 0);
	else if (blob_cells(blob, node, "#address-cells") !=
			 blob_cells(blob, 0, "#address-cells") ||
		 blob_cells(blob, node, "#size-cells") != blob_cells(blob, 0, "#size-cells"))
		tell(lint, FINDING_RESERVED_CELLS_DIFFER, node, 0, 0);
	if (fdt_getprop(blob, node, "ranges", NULL) == NULL)
		tell(lint, FINDING_RESERVED_RANGES, node, 0, 0);
}

static void check_reserved(struct lint *lint, int node, const char *name)
{
	struct entries reg;

	if (!entries_of(lint->blob, node, lint->reserved_parent, "reg", &reg))
		return;
	check_unit_address(lint, node, name, &reg);
	for (int i = 0; i < reg.count; i++)
		if (entry_size(&reg, i) == 0)
			tell(lint, FINDING_RESERVED_ZERO, node, 0, 0);
}

/* --- names that lead to nodes ---------------------------------------------------------------- */

static void check_alias(struct lint *lint, int node, const char *name, const char *path, int bytes)
{
	bool ends = bytes > 0 && path[bytes - 1] == '\0';

	if (strcmp(name, "phandle") == 0 || strcmp(name, "name") == 0)
		return;
	if (!ends || path[0] == '\0')
		tell_name(lint, FINDING_ALIAS_NOWHERE, (uint32_t)node, 0, 0, name);
	else if (path[0] != '/')
		tell_name(lint, FINDING_ALIAS_ALIAS, (uint32_t)node, 0, 0, name);
	else if (may_look_up(lint) && fdt_path_offset(lint->blob, path) < 0)
		tell_name(lint, FINDING_ALIAS_NOWHERE, (uint32_t)node, 0, 0, name);
}

static void check_aliases(struct lint *lint, int node)
{
	int property;

	fdt_for_each_property_offset(property, lint->blob, node)
	{
		const char *name;
		int bytes;
		const char *value = fdt_getprop_by_offset(lint->blob, property, &name, &bytes);

		if (value != NULL && name != NULL)
			check_alias(lint, node, name, value, bytes);
	}
}

static bool is_uart(const struct boot_tree *tree, int node)
{
	for (uint32_t i = 0; i < tree->uart_count; i++)
		if (tree->uarts[i].node == (uint32_t)node)
			return true;
	return false;
}

static void check_stdout(struct lint *lint, int chosen)
{
	const char *path = (const char *)lint->blob + lint->tree->stdout_path.offset;
	size_t length = strnlen(path, lint->tree->stdout_path.bytes);
	const char *colon = memchr(path, ':', length);
	int node =
		blob_find_node(lint->blob, path, colon != NULL ? (size_t)(colon - path) : length);

	if (node < 0)
		tell(lint, FINDING_STDOUT_NOWHERE, chosen, 0, 0);
	else if (!is_uart(lint->tree, node))
		tell_name(lint, FINDING_STDOUT_NOT_PL011, (uint32_t)chosen, 0, 0,
			  fdt_get_name(lint->blob, node, NULL));
}

static void check_chosen(struct lint *lint, int node)
{
	int bytes;
	const char *bootargs = fdt_getprop(lint->blob, node, "bootargs", &bytes);

	if (bootargs != NULL && (bytes == 0 || bootargs[bytes - 1] != '\0'))
		tell(lint, FINDING_BOOTARGS_END, node, 0, 0);
	if (lint->tree->stdout_path.bytes != 0)
		check_stdout(lint, node);
}

/* --- dma-ranges ------------------------------------------------------------------------------ */

/* The lowest 64 bits: PCI's addresses have a cell of flags in front. */
struct dma_entry {
	uint64_t child, up, size;
	int child_cells;
};

static bool dma_entry(const void *blob, int node, int parent, int i, struct dma_entry *entry)
{
	int child_cells = blob_cells(blob, node, "#address-cells");
	int up_cells = blob_cells(blob, parent, "#address-cells");
	int size_cells = blob_cells(blob, node, "#size-cells");
	int bytes, cells = child_cells + up_cells + size_cells;
	const fdt32_t *cell = fdt_getprop(blob, node, "dma-ranges", &bytes);

	if (cell == NULL || i >= ENTRIES_MAX || child_cells == 0 || up_cells == 0 ||
	    size_cells == 0 || bytes % (4 * cells) != 0 || bytes / (4 * cells) <= i)
		return false;
	cell += i * cells;
	entry->child_cells = child_cells;
	entry->child = blob_read_cells(cell, child_cells);
	entry->up = blob_read_cells(cell + child_cells, up_cells);
	entry->size = blob_read_cells(cell + child_cells + up_cells, size_cells);
	return true;
}

/* Whether a bus with dma-ranges of its own passes an entry on whole; one without passes all. */
static bool is_passed_on(const void *blob, int bus, const struct dma_entry *wanted)
{
	int above = bus > 0 ? fdt_parent_offset(blob, bus) : -1;
	struct dma_entry entry;

	if (above < 0 || !dma_entry(blob, bus, above, 0, &entry))
		return true;
	for (int i = 0; dma_entry(blob, bus, above, i, &entry); i++)
		if (wanted->up >= entry.child && wanted->size <= entry.size &&
		    wanted->up - entry.child <= entry.size - wanted->size)
			return true;
	return false;
}

static void check_dma_entry(struct lint *lint, int node, int parent, const struct dma_entry *entry)
{
	uint64_t child_last = entry->child + (entry->size - 1),
		 last = entry->up + (entry->size - 1);

	if (entry->size == 0)
		return;
	if (entry->child_cells == 1 && child_last >= SZ_4G)
		tell(lint, FINDING_DMA_BUS_WIDE, node, child_last, 0);
	if (last >= SZ_4G || last < entry->up)
		tell(lint, FINDING_DMA_WIDE, node, last, 0);
	if (!is_passed_on(lint->blob, parent, entry))
		tell(lint, FINDING_DMA_PARENT, node, entry->up, entry->size);
}

static uint64_t common_bytes(const struct tree_bank *bank, const struct dma_window *window)
{
	uint64_t base = max_u64(bank->base, window->base);
	uint64_t end = min_u64(min_u64(bank->base + bank->size, window->end), SZ_4G);

	return base < end ? end - base : 0;
}

/* Windows of one node are taken as disjoint: overlapping ones only make the finding go away. */
static void check_dma_reach(struct lint *lint, int node)
{
	const struct boot_tree *tree = lint->tree;
	uint64_t reached = 0, all = 0, ram_base = boot_tree_ram_base(tree);
	const struct dma_window everything = { .base = 0, .end = SZ_4G };
	bool from_base = false;

	for (uint32_t bank = 0; bank < tree->memory_count; bank++)
		all += common_bytes(&tree->memory[bank], &everything);
	for (uint32_t i = 0; i < tree->window_count; i++) {
		const struct dma_window *window = &tree->windows[i];

		if (window->node != (uint32_t)node)
			continue;
		from_base |= window->base <= ram_base && ram_base < window->end;
		for (uint32_t bank = 0; bank < tree->memory_count; bank++)
			reached += common_bytes(&tree->memory[bank], window);
	}
	if (from_base && reached < all)
		tell(lint, FINDING_DMA_NARROW, node, reached, all);
}

static void check_dma_ranges(struct lint *lint, int node)
{
	struct dma_entry entry;
	int bytes, parent;

	if (fdt_getprop(lint->blob, node, "dma-ranges", &bytes) == NULL || bytes == 0 ||
	    !may_look_up(lint))
		return;
	parent = fdt_parent_offset(lint->blob, node);
	if (parent < 0)
		return;
	for (int i = 0; dma_entry(lint->blob, node, parent, i, &entry); i++)
		check_dma_entry(lint, node, parent, &entry);
	check_dma_reach(lint, node);
}

/* --- any node -------------------------------------------------------------------------------- */

static void check_status(struct lint *lint, int node)
{
	static const char *const known[] = { "okay", "ok", "disabled", "reserved", "fail" };
	int bytes;
	const char *status = fdt_getprop(lint->blob, node, "status", &bytes);

	if (status == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (string_is(lint->blob, node, "status", known[i]))
			return;
	if (string_of(lint->blob, node, "status") == NULL)
		status = "?";
	else if (strncmp(status, "fail-", 5) == 0)
		return;
	tell_name(lint, FINDING_STATUS, (uint32_t)node, 0, 0, status);
}

/* Looked for among the siblings that follow, by walking over what lies below them. */
static void check_duplicate(struct lint *lint, int node, const char *name)
{
	int depth = 1, next = node; /* as if counted from the parent: libfdt stops below 0 */

	while ((next = fdt_next_node(lint->blob, next, &depth)) >= 0 && depth >= 0) {
		const char *other = depth == 1 ? fdt_get_name(lint->blob, next, NULL) : NULL;

		if (lint->steps++ >= STEPS_MAX) {
			lint->cut_short = true;
			return;
		}
		if (other != NULL && strcmp(name, other) == 0) {
			tell(lint, FINDING_DUPLICATE, next, 0, 0);
			return;
		}
	}
}

static void check_device_place(struct lint *lint, int node)
{
	bool is_device = is_uart(lint->tree, node) ||
			 fdt_getprop(lint->blob, node, "interrupt-controller", NULL) != NULL;
	uint64_t address;

	if (is_device && fdt_getprop(lint->blob, node, "reg", NULL) != NULL && may_look_up(lint) &&
	    blob_register_address(lint->blob, node, &address) &&
	    touches_bank(lint->tree, address, PAGE_SIZE))
		tell(lint, FINDING_DEVICE_IN_RAM, node, address, 0);
}

static void check_root(struct lint *lint)
{
	if (fdt_getprop(lint->blob, 0, "#address-cells", NULL) == NULL ||
	    fdt_getprop(lint->blob, 0, "#size-cells", NULL) == NULL)
		tell(lint, FINDING_ROOT_CELLS, 0, 0, 0);
}

static void check_below_root(struct lint *lint, int node, const char *name)
{
	if (string_is(lint->blob, node, "device_type", "memory") && is_available(lint->blob, node))
		check_memory(lint, node, name);
	else if (name_is(name, "reserved-memory"))
		check_reserved_parent(lint, node);
	else if (name_is(name, "aliases"))
		check_aliases(lint, node);
	else if (name_is(name, "chosen"))
		check_chosen(lint, node);
}

static void check_node(struct lint *lint, int node, int depth)
{
	const char *name = fdt_get_name(lint->blob, node, NULL);

	if (name == NULL)
		return;
	if (depth == 0)
		check_root(lint);
	else
		check_duplicate(lint, node, name);
	/* What follows another node than /reserved-memory at its depth is not below it. */
	if (depth == 1) {
		lint->reserved_parent = -1;
		check_below_root(lint, node, name);
	} else if (depth == 2 && lint->reserved_parent >= 0 && is_available(lint->blob, node)) {
		check_reserved(lint, node, name);
	}
	check_status(lint, node);
	check_dma_ranges(lint, node);
	check_device_place(lint, node);
}

/* What stops the boot before there is a plan. */
static void check_image_place(struct lint *lint)
{
	const struct boot_tree *tree = lint->tree;
	uint64_t place = boot_tree_ram_base(tree) + IMAGE_OFFSET;

	if (tree->memory_count == 0) {
		tell(lint, FINDING_MEMORY_NONE, (int)FINDING_MEMORY, 0, 0);
		return;
	}
	if (!boot_tree_is_ram(tree, place, IMAGE_ROOM))
		tell(lint, FINDING_IMAGE_NOT_RAM, (int)FINDING_MEMORY, place, IMAGE_ROOM);
	for (uint32_t i = 0; i < tree->reserved_count; i++)
		if ((tree->reserved[i].flags & RESERVED_NO_MAP) != 0 &&
		    overlap(place, IMAGE_ROOM, tree->reserved[i].base, tree->reserved[i].size))
			tell(lint, FINDING_IMAGE_NO_MAP, (int)tree->reserved[i].node, place, 0);
}

static void repeat_raised(struct lint *lint)
{
	unsigned int count;
	const struct finding *raised = finding_list(&count);

	for (unsigned int i = 0; i < count; i++)
		lint->sink(&raised[i], lint->blob, lint->context);
	lint->findings += count;
	if (finding_list_left_out() != 0)
		tell(lint, FINDING_MORE_NOTES, (int)FINDING_DEVICE_TREE, finding_list_left_out(),
		     0);
}

unsigned int dtlint_judge(const struct boot_tree *tree, const void *blob, dtlint_sink sink,
			  void *context)
{
	struct lint lint = {
		.tree = tree,
		.blob = blob,
		.sink = sink,
		.context = context,
		.reserved_parent = -1,
	};
	int depth = 0;

	repeat_raised(&lint);
	check_image_place(&lint);
	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(blob, node, &depth))
		check_node(&lint, node, depth);
	if (lint.cut_short)
		tell(&lint, FINDING_LINT_WORK, (int)FINDING_DEVICE_TREE, 0, 0);
	return lint.findings;
}
