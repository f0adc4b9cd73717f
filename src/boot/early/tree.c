/* SPDX-License-Identifier: MIT */
/*
 * One pass over the device tree with libfdt's tag reader, and a stack of the nodes that are open.
 *
 * In a flattened tree a node's properties come before its children. So a node is judged once, when
 * its first child begins or when it ends: by then its own cells, ranges and status are known, and
 * those of all nodes above it.
 *
 * Compiled position-independent: no table of pointers, no library call but libfdt's.
 */
#include "boot/early/tree.h"

#include <libfdt.h>

/* More steps than this to carry dma-ranges up to the root are not a board but an attack. */
#define WINDOW_WORK_MAX 4096

enum node_kind {
	KIND_OTHER,
	KIND_ROOT,
	KIND_MEMORY_NAME, /* named like memory; device_type decides */
	KIND_CHOSEN,
	KIND_RESERVED_PARENT,
	KIND_RESERVED,
};

struct property {
	uint32_t offset; /* of the value, from the start of the blob */
	uint32_t bytes;
	bool present;
};

struct level {
	uint32_t node;
	enum node_kind kind;
	uint32_t address_cells; /* of its children */
	uint32_t size_cells;
	bool judged;
	bool available; /* this node and all above it */
	bool is_memory;
	bool is_pl011;
	bool no_map;
	bool reusable;
	struct property reg;
	struct property usable;
	struct property ranges;
	struct property dma_ranges;
	struct property size;
	struct property alignment;
	struct property alloc_ranges;
	struct property initrd_start;
	struct property initrd_end;
};

struct walk {
	const uint8_t *blob;
	struct boot_tree *tree;
	unsigned int window_work;
	int depth; /* of the innermost open node; the root is 0 */
	struct level levels[TREE_DEPTH_MAX];
};

static void note(struct boot_tree *tree, enum tree_note_code code, uint32_t node, uint64_t value)
{
	if (tree->note_count < TREE_NOTES_MAX) {
		struct tree_note *entry = &tree->notes[tree->note_count];

		entry->code = code;
		entry->node = node;
		entry->value = value;
	}
	tree->note_count++;
}

static bool text_is(const char *text, const char *wanted)
{
	while (*text == *wanted && *text != '\0') {
		text++;
		wanted++;
	}
	return *text == *wanted;
}

/* A node's name up to its unit address. */
static bool node_name_is(const char *name, const char *wanted)
{
	while (*name == *wanted && *name != '\0') {
		name++;
		wanted++;
	}
	return *wanted == '\0' && (*name == '\0' || *name == '@');
}

/* A value that should be a string: does it say exactly this? */
static bool value_is(const uint8_t *value, uint32_t bytes, const char *wanted)
{
	for (uint32_t i = 0; i < bytes; i++) {
		if (value[i] != (uint8_t)wanted[i])
			return false;
		if (wanted[i] == '\0')
			return true;
	}
	return false;
}

/* A value that should be a list of strings: does one of them say this? */
static bool list_has(const uint8_t *value, uint32_t bytes, const char *wanted)
{
	uint32_t i = 0;

	while (i < bytes) {
		if (value_is(value + i, bytes - i, wanted))
			return true;
		while (i < bytes && value[i] != '\0')
			i++;
		i++;
	}
	return false;
}

static uint32_t cell_at(const struct walk *walk, uint32_t offset)
{
	return fdt32_ld((const fdt32_t *)(walk->blob + offset));
}

/* The number that `cells` cells hold, as far as it fits 64 bits; *wide is set when it does not. */
static uint64_t cells_at(const struct walk *walk, uint32_t offset, uint32_t cells, bool *wide)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < cells; i++) {
		if ((number >> 32) != 0)
			*wide = true;
		number = (number << 32) | cell_at(walk, offset + 4 * i);
	}
	return number;
}

/* --- one node judged ------------------------------------------------------------------------- */

static void add_bank(struct walk *walk, uint64_t base, uint64_t size, uint32_t node)
{
	struct boot_tree *tree = walk->tree;
	struct tree_bank *bank;

	if (base + size < base) {
		if (base + size != 0)
			note(tree, NOTE_MEMORY_WRAPS, node, base);
		size = UINT64_MAX - base;
	}
	if (tree->memory_count == TREE_MEMORY_MAX) {
		note(tree, NOTE_TOO_MANY_BANKS, node, TREE_MEMORY_MAX);
		return;
	}
	bank = &tree->memory[tree->memory_count++];
	bank->base = base;
	bank->size = size;
	bank->node = node;
}

/* NULL: the table is full. */
static struct tree_reserved *add_reserved(struct walk *walk, const struct level *level,
					  uint64_t base, uint64_t size)
{
	struct boot_tree *tree = walk->tree;
	struct tree_reserved *region;

	if (tree->reserved_count == TREE_RESERVED_MAX) {
		note(tree, NOTE_TOO_MANY_RESERVED, level->node, TREE_RESERVED_MAX);
		tree->reserved_lost++;
		return NULL;
	}
	region = &tree->reserved[tree->reserved_count++];
	region->base = base;
	region->size = min_u64(size, UINT64_MAX - base);
	region->alignment = 0;
	region->node = level->node;
	region->flags = 0;
	if (level->no_map)
		region->flags |= RESERVED_NO_MAP;
	if (level->reusable)
		region->flags |= RESERVED_REUSABLE;
	region->alloc_ranges = 0;
	region->alloc_ranges_bytes = 0;
	region->address_cells = 0;
	region->size_cells = 0;
	return region;
}

/* Where an entry of reg goes: a bank or a reserved region. */
static void take_reg(struct walk *walk, const struct level *level, uint64_t base, uint64_t size)
{
	if (size == 0)
		return;
	if (level->kind == KIND_RESERVED)
		add_reserved(walk, level, base, size);
	else
		add_bank(walk, base, size, level->node);
}

static void take_regs(struct walk *walk, const struct level *level, const struct level *parent,
		      const struct property *reg)
{
	uint32_t cells = parent->address_cells + parent->size_cells;
	uint32_t entry_bytes = 4 * cells;
	uint32_t offset = reg->offset;
	uint32_t left = reg->bytes;

	if (parent->size_cells == 0 || parent->address_cells == 0) {
		note(walk->tree, NOTE_CELLS, level->node, parent->size_cells);
		return;
	}
	for (; left >= entry_bytes; left -= entry_bytes, offset += entry_bytes) {
		bool wide = false;
		uint64_t base = cells_at(walk, offset, parent->address_cells, &wide);
		uint64_t size = cells_at(walk, offset + 4 * parent->address_cells,
					 parent->size_cells, &wide);

		if (wide)
			note(walk->tree, NOTE_REG_WIDE, level->node, 0);
		else
			take_reg(walk, level, base, size);
	}
	if (left != 0)
		note(walk->tree, NOTE_REG_LENGTH, level->node, left);
}

static bool has_cells(const struct property *property, uint32_t cells)
{
	return property->bytes == 4 * cells && cells != 0;
}

/* A reserved region without a place: only how much, how aligned and, perhaps, from where. */
static void take_dynamic(struct walk *walk, const struct level *level, const struct level *parent)
{
	struct boot_tree *tree = walk->tree;
	struct tree_reserved *region;
	uint64_t size, alignment = 0;
	bool wide = false;

	if (!level->size.present) {
		note(tree, NOTE_RESERVED_EMPTY, level->node, 0);
		return;
	}
	if (!has_cells(&level->size, parent->size_cells) ||
	    (level->alignment.present && !has_cells(&level->alignment, parent->size_cells))) {
		note(tree, NOTE_RESERVED_SIZE, level->node, level->size.bytes);
		return;
	}
	size = cells_at(walk, level->size.offset, parent->size_cells, &wide);
	if (level->alignment.present)
		alignment = cells_at(walk, level->alignment.offset, parent->size_cells, &wide);
	if (wide) {
		note(tree, NOTE_REG_WIDE, level->node, 0);
		return;
	}
	region = add_reserved(walk, level, 0, size);
	if (region == NULL)
		return;
	region->flags |= RESERVED_DYNAMIC;
	region->alignment = alignment;
	region->alloc_ranges = level->alloc_ranges.offset;
	region->alloc_ranges_bytes = level->alloc_ranges.bytes;
	region->address_cells = parent->address_cells;
	region->size_cells = parent->size_cells;
}

static void judge_memory(struct walk *walk, const struct level *level, const struct level *parent)
{
	if (!level->is_memory) {
		if (level->kind == KIND_MEMORY_NAME)
			note(walk->tree, NOTE_MEMORY_TYPE, level->node, 0);
		return;
	}
	/* linux,usable-memory overrides reg: what a crashed kernel left to its successor. */
	take_regs(walk, level, parent, level->usable.present ? &level->usable : &level->reg);
}

static void judge_reserved(struct walk *walk, const struct level *level, const struct level *parent)
{
	if (level->reg.present)
		take_regs(walk, level, parent, &level->reg);
	else
		take_dynamic(walk, level, parent);
}

static void judge_chosen(struct walk *walk, const struct level *level)
{
	const struct property *start = &level->initrd_start, *end = &level->initrd_end;
	bool wide = false;

	if (!start->present && !end->present)
		return;
	/* QEMU writes one cell, U-Boot two, whatever #address-cells says: the length decides. */
	if ((start->bytes != 4 && start->bytes != 8) || (end->bytes != 4 && end->bytes != 8)) {
		note(walk->tree, NOTE_INITRD, level->node, 0);
		return;
	}
	walk->tree->initrd_start = cells_at(walk, start->offset, start->bytes / 4, &wide);
	walk->tree->initrd_end = cells_at(walk, end->offset, end->bytes / 4, &wide);
	if (walk->tree->initrd_end < walk->tree->initrd_start) {
		note(walk->tree, NOTE_INITRD, level->node, walk->tree->initrd_start);
		walk->tree->initrd_end = walk->tree->initrd_start;
	}
}

/* One step up through `ranges` of a bus. False: not passed on. */
static bool translate(const struct walk *walk, const struct level *bus, uint64_t *address)
{
	const struct level *above = bus - 1;
	uint32_t entry_bytes = 4 * (bus->address_cells + above->address_cells + bus->size_cells);
	uint32_t offset = bus->ranges.offset, left = bus->ranges.bytes;

	if (!bus->ranges.present)
		return false; /* a bus that is not memory-mapped */
	if (left == 0)
		return true; /* one to one */
	if (bus->size_cells == 0)
		return false; /* and an entry of no cells at all would never end */
	for (; left >= entry_bytes; left -= entry_bytes, offset += entry_bytes) {
		bool wide = false;
		uint64_t child = cells_at(walk, offset, bus->address_cells, &wide);
		uint64_t up = cells_at(walk, offset + 4 * bus->address_cells, above->address_cells,
				       &wide);
		uint64_t size = cells_at(walk, offset + entry_bytes - 4 * bus->size_cells,
					 bus->size_cells, &wide);

		if (!wide && *address >= child && *address - child < size) {
			*address = up + (*address - child);
			return true;
		}
	}
	return false;
}

/* The CPU address of a device's first register, by the `ranges` of the buses above it. */
static bool translate_reg(const struct walk *walk, uint64_t *address)
{
	const struct property *reg = &walk->levels[walk->depth].reg;
	uint32_t cells = walk->levels[walk->depth - 1].address_cells;
	bool wide = false;

	if (cells == 0 || reg->bytes < 4 * cells)
		return false;
	*address = cells_at(walk, reg->offset, cells, &wide);
	for (int depth = walk->depth - 1; depth > 0; depth--)
		if (!translate(walk, &walk->levels[depth], address))
			return false;
	return !wide;
}

static void judge_uart(struct walk *walk, const struct level *level)
{
	struct boot_tree *tree = walk->tree;
	struct tree_uart *uart = &tree->uarts[tree->uart_count];
	uint64_t address;

	if (tree->uart_count == TREE_UARTS_MAX || !translate_reg(walk, &address) ||
	    address > UINT32_MAX)
		return;
	uart->node = level->node;
	uart->address = (uint32_t)address;
	uart->path_nodes = walk->depth <= TREE_UART_PATH_MAX ? (uint32_t)walk->depth : 0;
	for (uint32_t i = 0; i < uart->path_nodes; i++)
		uart->path[i] = walk->levels[i + 1].node;
	tree->uart_count++;
}

/* --- dma-ranges ------------------------------------------------------------------------------ */

struct piece {
	uint64_t base; /* in the address space of the bus at hand */
	uint64_t last; /* inclusive: a window may end at 2^64 */
	uint64_t bus_base;
};

static void add_window(struct walk *walk, uint32_t node, const struct piece *piece)
{
	struct boot_tree *tree = walk->tree;
	struct dma_window *window;

	if (tree->window_count == TREE_WINDOWS_MAX) {
		note(tree, NOTE_TOO_MANY_WINDOWS, node, TREE_WINDOWS_MAX);
		return;
	}
	window = &tree->windows[tree->window_count++];
	window->base = piece->base;
	window->end = piece->last == UINT64_MAX ? UINT64_MAX : piece->last + 1;
	window->bus_base = piece->bus_base;
	window->node = node;
}

static bool spend_window_work(struct walk *walk, uint32_t node)
{
	if (walk->window_work == WINDOW_WORK_MAX)
		note(walk->tree, NOTE_WORK, node, WINDOW_WORK_MAX);
	return walk->window_work++ < WINDOW_WORK_MAX;
}

/* The lowest 64 bits of an address: PCI's have a cell of flags in front. */
static uint64_t low_address(const struct walk *walk, uint32_t offset, uint32_t cells)
{
	uint32_t skip = cells > 2 ? cells - 2 : 0;
	bool wide = false;

	return cells_at(walk, offset + 4 * skip, cells - skip, &wide);
}

/* The nearest bus from `depth` up that translates; 0: none does. */
static int bus_with_windows(const struct walk *walk, int depth)
{
	/* Only nodes within TREE_DEPTH_MAX are judged, so depth is below it. */
	/* cppcheck-suppress arrayIndexOutOfBoundsCond */
	while (depth > 0 && walk->levels[depth].dma_ranges.bytes == 0)
		depth--;
	return depth;
}

/*
 * Carry a piece of the address space below the bus at `depth` up to the root. What no parent passes
 * on is cut off; a parent without dma-ranges, or with an empty one, passes everything one to one.
 * Each parent may have several entries, so a piece may arrive as several.
 */
static void carry_up(struct walk *walk, int depth, struct piece piece, uint32_t node)
{
	const struct level *bus, *above;
	uint32_t entry_bytes, offset, left;

	depth = bus_with_windows(walk, depth);
	if (depth == 0) {
		add_window(walk, node, &piece);
		return;
	}
	bus = &walk->levels[depth];
	above = bus - 1;
	entry_bytes = 4 * (bus->address_cells + above->address_cells + bus->size_cells);
	offset = bus->dma_ranges.offset;
	left = bus->dma_ranges.bytes;
	for (; left >= entry_bytes; left -= entry_bytes, offset += entry_bytes) {
		uint64_t child = low_address(walk, offset, bus->address_cells);
		uint64_t up =
			low_address(walk, offset + 4 * bus->address_cells, above->address_cells);
		uint64_t size = low_address(walk, offset + entry_bytes - 4 * bus->size_cells,
					    bus->size_cells);
		struct piece part = piece;
		uint64_t child_last = child + size - 1;

		if (!spend_window_work(walk, node))
			return;
		if (size == 0 || child_last < child || part.base > child_last || part.last < child)
			continue;
		if (part.base < child) {
			part.bus_base += child - part.base;
			part.base = child;
		}
		if (part.last > child_last)
			part.last = child_last;
		part.base = part.base - child + up;
		part.last = part.last - child + up;
		if (part.last >= part.base)
			carry_up(walk, depth - 1, part, node);
	}
}

/* Ranges that cannot be read count as none, for the buses below as well. */
static void judge_dma_ranges(struct walk *walk, struct level *level)
{
	const struct level *above = level - 1;
	uint32_t entry_bytes =
		4 * (level->address_cells + above->address_cells + level->size_cells);
	uint32_t offset = level->dma_ranges.offset, left = level->dma_ranges.bytes;

	if (level->size_cells == 0 || left % entry_bytes != 0) {
		note(walk->tree, NOTE_RANGES_LENGTH, level->node, left);
		level->dma_ranges.bytes = 0;
		return;
	}
	for (; left != 0; left -= entry_bytes, offset += entry_bytes) {
		struct piece piece;
		uint64_t size = low_address(walk, offset + entry_bytes - 4 * level->size_cells,
					    level->size_cells);

		if (!spend_window_work(walk, level->node))
			return;
		if (size == 0)
			continue;
		piece.bus_base = low_address(walk, offset, level->address_cells);
		piece.base =
			low_address(walk, offset + 4 * level->address_cells, above->address_cells);
		piece.last = piece.base + size - 1;
		if (piece.last < piece.base)
			piece.last = UINT64_MAX;
		carry_up(walk, walk->depth - 1, piece, level->node);
	}
}

/* --- the walk -------------------------------------------------------------------------------- */

static void judge(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth];
	const struct level *parent;

	if (level->judged)
		return;
	level->judged = true;
	if (walk->depth == 0 || !level->available)
		return;
	parent = level - 1;
	if (level->kind == KIND_MEMORY_NAME || (walk->depth == 1 && level->is_memory))
		judge_memory(walk, level, parent);
	else if (level->kind == KIND_RESERVED)
		judge_reserved(walk, level, parent);
	else if (level->kind == KIND_CHOSEN)
		judge_chosen(walk, level);
	else if (level->is_pl011)
		judge_uart(walk, level);
	if (level->dma_ranges.bytes != 0)
		judge_dma_ranges(walk, level);
}

static enum node_kind kind_of(const struct walk *walk, const char *name)
{
	if (walk->depth == 0)
		return KIND_ROOT;
	if (walk->depth == 2 && walk->levels[1].kind == KIND_RESERVED_PARENT)
		return KIND_RESERVED;
	if (walk->depth != 1)
		return KIND_OTHER;
	if (node_name_is(name, "memory"))
		return KIND_MEMORY_NAME;
	if (node_name_is(name, "chosen"))
		return KIND_CHOSEN;
	if (node_name_is(name, "reserved-memory"))
		return KIND_RESERVED_PARENT;
	return KIND_OTHER;
}

/* Fields one by one: a struct assignment would call memset. Cells default to the parent's, as in
 * Linux. */
static void open_node(struct walk *walk, uint32_t node, const char *name)
{
	struct level *level = &walk->levels[walk->depth];
	const struct level *parent = walk->depth > 0 ? level - 1 : NULL;
	static const struct property none;

	level->node = node;
	level->kind = kind_of(walk, name);
	if (walk->depth == 1 && node_name_is(name, "aliases"))
		walk->tree->aliases = node;
	level->address_cells = parent != NULL ? parent->address_cells : 1;
	level->size_cells = parent != NULL ? parent->size_cells : 1;
	level->judged = false;
	level->available = parent == NULL || parent->available;
	level->is_memory = false;
	level->is_pl011 = false;
	level->no_map = false;
	level->reusable = false;
	level->reg = none;
	level->usable = none;
	level->ranges = none;
	level->dma_ranges = none;
	level->size = none;
	level->alignment = none;
	level->alloc_ranges = none;
	level->initrd_start = none;
	level->initrd_end = none;
}

static void take_cells(struct walk *walk, const struct level *level, const struct property *value,
		       uint32_t *cells)
{
	uint32_t number = value->bytes == 4 ? cell_at(walk, value->offset) : UINT32_MAX;

	/* Four is what the specification allows at most; three is PCI. */
	if (number > 4)
		note(walk->tree, NOTE_CELLS, level->node, number);
	else
		*cells = number;
}

static void take_chosen_text(struct walk *walk, const char *name, const struct property *value)
{
	struct tree_text *text = NULL;

	if (text_is(name, "bootargs"))
		text = &walk->tree->bootargs;
	else if (text_is(name, "stdout-path") ||
		 (text_is(name, "linux,stdout-path") && walk->tree->stdout_path.bytes == 0))
		text = &walk->tree->stdout_path;
	if (text != NULL) {
		text->offset = value->offset;
		text->bytes = value->bytes;
	}
}

/* Properties that any node may have. The first letter keeps most names to one comparison. */
static void take_property(struct walk *walk, struct level *level, const char *name,
			  const struct property *value)
{
	const uint8_t *bytes = walk->blob + value->offset;

	switch (name[0]) {
	case '#':
		if (text_is(name, "#address-cells"))
			take_cells(walk, level, value, &level->address_cells);
		else if (text_is(name, "#size-cells"))
			take_cells(walk, level, value, &level->size_cells);
		break;
	case 'a':
		if (text_is(name, "alignment"))
			level->alignment = *value;
		else if (text_is(name, "alloc-ranges"))
			level->alloc_ranges = *value;
		break;
	case 'c':
		if (text_is(name, "compatible"))
			level->is_pl011 = list_has(bytes, value->bytes, "arm,pl011");
		break;
	case 'd':
		if (text_is(name, "dma-ranges"))
			level->dma_ranges = *value;
		else if (text_is(name, "device_type"))
			level->is_memory = value_is(bytes, value->bytes, "memory");
		break;
	case 'l':
		if (text_is(name, "linux,usable-memory"))
			level->usable = *value;
		else if (text_is(name, "linux,initrd-start"))
			level->initrd_start = *value;
		else if (text_is(name, "linux,initrd-end"))
			level->initrd_end = *value;
		break;
	case 'm':
		if (level->kind == KIND_ROOT && text_is(name, "model")) {
			walk->tree->model.offset = value->offset;
			walk->tree->model.bytes = value->bytes;
		}
		break;
	case 'n':
		if (text_is(name, "no-map"))
			level->no_map = true;
		break;
	case 'r':
		if (text_is(name, "reg"))
			level->reg = *value;
		else if (text_is(name, "ranges"))
			level->ranges = *value;
		else if (text_is(name, "reusable"))
			level->reusable = true;
		break;
	case 's':
		if (text_is(name, "size"))
			level->size = *value;
		else if (text_is(name, "status") && !value_is(bytes, value->bytes, "okay") &&
			 !value_is(bytes, value->bytes, "ok"))
			level->available = false;
		break;
	}
	if (level->kind == KIND_CHOSEN)
		take_chosen_text(walk, name, value);
}

/*
 * A property's tag was read. libfdt adds its length to the offset without looking for a wrap, so
 * length and name are checked here. False: the structure is damaged.
 */
static bool read_property(struct walk *walk, int offset, int next)
{
	uint32_t structure = fdt_off_dt_struct(walk->blob);
	uint32_t start = structure + (uint32_t)offset + sizeof(struct fdt_property);
	uint32_t name = cell_at(walk, structure + (uint32_t)offset + 8);
	struct property value;

	value.bytes = cell_at(walk, structure + (uint32_t)offset + 4);
	value.offset = start;
	value.present = true;
	if (next < offset || value.bytes > walk->tree->blob_bytes ||
	    start + value.bytes > structure + (uint32_t)next)
		return false;
	if (name >= fdt_size_dt_strings(walk->blob))
		return false;
	if (walk->depth < 0)
		return false;
	if (walk->depth < TREE_DEPTH_MAX)
		take_property(walk, &walk->levels[walk->depth],
			      (const char *)walk->blob + fdt_off_dt_strings(walk->blob) + name,
			      &value);
	return true;
}

static void begin_node(struct walk *walk, int offset)
{
	const char *name =
		(const char *)walk->blob + fdt_off_dt_struct(walk->blob) + offset + FDT_TAGSIZE;

	if (walk->depth >= 0 && walk->depth < TREE_DEPTH_MAX)
		judge(walk);
	walk->depth++;
	walk->tree->node_count++;
	if (walk->depth < TREE_DEPTH_MAX)
		open_node(walk, (uint32_t)offset, name);
	else if (walk->depth == TREE_DEPTH_MAX)
		note(walk->tree, NOTE_DEPTH, (uint32_t)offset, TREE_DEPTH_MAX);
}

/* False when there is no node to end. */
static bool end_node(struct walk *walk)
{
	if (walk->depth < 0)
		return false;
	if (walk->depth < TREE_DEPTH_MAX)
		judge(walk);
	walk->depth--;
	return true;
}

static bool step(struct walk *walk, uint32_t tag, int offset, int next)
{
	switch (tag) {
	case FDT_BEGIN_NODE:
		/* A second root is as wrong as a tree without one. */
		if (walk->depth < 0 && walk->tree->node_count != 0)
			return false;
		begin_node(walk, offset);
		return true;
	case FDT_END_NODE:
		return end_node(walk);
	case FDT_PROP:
		return read_property(walk, offset, next);
	default:
		return tag == FDT_NOP;
	}
}

static enum tree_state walk_structure(struct walk *walk)
{
	int offset = 0, next = 0;

	for (;;) {
		uint32_t tag = fdt_next_tag(walk->blob, offset, &next);

		if (tag == FDT_END && next >= 0 && walk->depth < 0 && walk->tree->node_count != 0)
			return TREE_WHOLE;
		if (tag == FDT_END || next <= offset || !step(walk, tag, offset, next)) {
			walk->tree->damage_offset = (uint32_t)offset;
			return TREE_TRUNCATED;
		}
		offset = next;
	}
}

/* Checks that libfdt leaves to its caller or makes at each step again. */
static enum tree_state check_header(const void *blob)
{
	uint32_t strings_end;

	if (((uintptr_t)blob & 7) != 0)
		return TREE_UNALIGNED;
	if (fdt_magic(blob) != FDT_MAGIC)
		return TREE_NO_MAGIC;
	if (fdt_version(blob) < 17 || fdt_last_comp_version(blob) > FDT_LAST_SUPPORTED_VERSION)
		return TREE_VERSION;
	if (fdt_totalsize(blob) > TREE_BYTES_MAX)
		return TREE_TOO_LARGE;
	/* libfdt reads both blocks by aligned words, which fault elsewhere while the MMU is off. */
	if (fdt_check_header(blob) != 0 || (fdt_off_dt_struct(blob) & 3) != 0 ||
	    (fdt_off_mem_rsvmap(blob) & 7) != 0)
		return TREE_BAD_HEADER;
	/* With a NUL as last byte every name that starts inside the strings also ends there. */
	strings_end = fdt_off_dt_strings(blob) + fdt_size_dt_strings(blob);
	if (fdt_size_dt_strings(blob) != 0 && ((const char *)blob)[strings_end - 1] != '\0')
		return TREE_BAD_HEADER;
	return TREE_WHOLE;
}

/* By words, whatever they are part of. */
typedef uint32_t __attribute__((may_alias)) any_word;

static void clear_tree(struct boot_tree *tree)
{
	any_word *word = (any_word *)tree;

	for (size_t i = 0; i < sizeof(*tree) / sizeof(*word); i++)
		word[i] = 0;
}

enum tree_state boot_tree_scan(const void *blob, struct boot_tree *tree)
{
	struct walk walk;

	clear_tree(tree);
	tree->state = check_header(blob);
	if (tree->state != TREE_WHOLE)
		return tree->state;
	tree->blob_bytes = fdt_totalsize(blob);
	walk.blob = blob;
	walk.tree = tree;
	walk.window_work = 0;
	walk.depth = -1;
	tree->state = walk_structure(&walk);
	return tree->state;
}

void boot_tree_seal(void *blob, const struct boot_tree *tree)
{
	if (tree->state == TREE_TRUNCATED)
		fdt_set_size_dt_struct(blob, tree->damage_offset);
}

uint64_t boot_tree_ram_base(const struct boot_tree *tree)
{
	uint64_t lowest = UINT64_MAX;

	for (uint32_t i = 0; i < tree->memory_count; i++)
		if (tree->memory[i].base < lowest)
			lowest = tree->memory[i].base;
	if (lowest > UINT64_MAX - SZ_2M)
		return UINT64_MAX;
	return ALIGN_UP(lowest, SZ_2M);
}

bool boot_tree_is_ram(const struct boot_tree *tree, uint64_t base, uint64_t size)
{
	uint64_t from = base, end = base + size;
	bool grew = true;

	if (end < base)
		return false;
	/* Banks come in any order and may touch: extend what is known to be RAM until it stops. */
	while (from < end && grew) {
		grew = false;
		for (uint32_t i = 0; i < tree->memory_count; i++) {
			const struct tree_bank *bank = &tree->memory[i];

			if (bank->base <= from && from - bank->base < bank->size) {
				from = bank->base + bank->size;
				grew = true;
			}
		}
	}
	return from >= end;
}
