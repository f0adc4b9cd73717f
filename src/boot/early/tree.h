/* SPDX-License-Identifier: MIT */
/*
 * The device tree, walked once into a small table.
 *
 * The walk runs where the boot loader put the image, before the image has its place and before the
 * MMU is on. So the table holds numbers and offsets into the blob, no pointers, and still says the
 * same after image or blob have moved. Whatever else wants the tree uses libfdt later.
 *
 * Nothing in the blob is believed: each length is checked against what holds it, each table has an
 * end, and what cannot be used becomes a note that boot/tree_report.c turns into a line.
 */
#ifndef STRATA_BOOT_EARLY_TREE_H
#define STRATA_BOOT_EARLY_TREE_H

#include "lib/types.h"
#include "mm/phys/dma_limit.h"

#define TREE_MEMORY_MAX   64
#define TREE_RESERVED_MAX 128
#define TREE_WINDOWS_MAX  64
#define TREE_UARTS_MAX    8
#define TREE_NOTES_MAX    32

/* Levels of nodes that are understood; the deepest board tree in Linux 6.1 has ten. */
#define TREE_DEPTH_MAX 16

/* A blob this large fits its window in the kernel's address space at any offset in a section. */
#define TREE_BYTES_MAX (SZ_4M - SZ_1M)

/* What is wrong with the blob as a whole. */
enum tree_state {
	TREE_WHOLE,
	TREE_TRUNCATED,  /* the structure is damaged at damage_offset; what came before is used */
	TREE_NO_MAGIC,   /* there is no blob where r2 points, nor at the start of RAM */
	TREE_UNALIGNED,  /* not at a multiple of 8 bytes */
	TREE_VERSION,    /* older than version 17 or newer than libfdt knows */
	TREE_BAD_HEADER, /* offsets or sizes of the header contradict each other */
	TREE_TOO_LARGE,  /* more than TREE_BYTES_MAX */
};

/* What is wrong with one node; value and node say where. */
enum tree_note_code {
	NOTE_CELLS,      /* #address-cells or #size-cells cannot be used: value */
	NOTE_REG_LENGTH, /* a reg whose length is no multiple of its cells: value bytes left over */
	NOTE_REG_WIDE,   /* an address or size needs more than 64 bits */
	NOTE_MEMORY_TYPE,  /* named memory, but without device_type = "memory": Linux ignores it */
	NOTE_MEMORY_WRAPS, /* a bank whose end wraps around 2^64: value is its base */
	NOTE_TOO_MANY_BANKS, /* value: TREE_MEMORY_MAX */
	NOTE_TOO_MANY_RESERVED,
	NOTE_TOO_MANY_WINDOWS,
	NOTE_RESERVED_EMPTY, /* neither reg nor size */
	NOTE_RESERVED_SIZE,  /* size or alignment has a length that its cells do not explain */
	NOTE_RANGES_LENGTH,  /* dma-ranges or ranges: no multiple of an entry */
	NOTE_INITRD,         /* one of linux,initrd-start and -end is missing or malformed */
	NOTE_DEPTH, /* deeper than TREE_DEPTH_MAX: the node and what it holds are skipped */
	NOTE_WORK,  /* dma-ranges multiply so much that their translation was given up */
};

struct tree_note {
	uint32_t code;
	uint32_t node; /* offset in the structure block */
	uint64_t value;
};

struct tree_bank {
	uint64_t base;
	uint64_t size;
	uint32_t node;
};

#define RESERVED_NO_MAP   1U
#define RESERVED_REUSABLE 2U
#define RESERVED_DYNAMIC  4U /* base is unknown: size and alignment say what is wanted */

struct tree_reserved {
	uint64_t base;
	uint64_t size;
	uint64_t alignment; /* dynamic only; 0: none given */
	uint32_t flags;
	uint32_t node;
	/* dynamic only: the alloc-ranges property in the blob, cells of /reserved-memory */
	uint32_t alloc_ranges;
	uint32_t alloc_ranges_bytes;
	uint32_t address_cells;
	uint32_t size_cells;
};

#define TREE_UART_PATH_MAX 8

/* A PL011, with its path so that looking for stdout-path's node needs no other pass over the tree. */
struct tree_uart {
	uint32_t node;
	uint32_t address;    /* CPU physical */
	uint32_t path_nodes; /* below the root, itself included; 0: deeper than that */
	uint32_t path[TREE_UART_PATH_MAX]; /* their offsets, from the top */
};

/* A property's value in the blob. bytes is 0 when there is none. */
struct tree_text {
	uint32_t offset; /* from the start of the blob */
	uint32_t bytes;
};

struct boot_tree {
	uint32_t state; /* enum tree_state */
	uint32_t damage_offset;
	uint32_t blob_bytes;
	uint32_t node_count;

	struct tree_bank memory[TREE_MEMORY_MAX];
	uint32_t memory_count;
	struct tree_reserved reserved[TREE_RESERVED_MAX];
	uint32_t reserved_count;
	uint32_t reserved_lost; /* regions that did not fit: the boot may not go on without them */
	struct dma_window windows[TREE_WINDOWS_MAX];
	uint32_t window_count;
	struct tree_uart uarts[TREE_UARTS_MAX];
	uint32_t uart_count;
	struct tree_note notes[TREE_NOTES_MAX];
	uint32_t note_count; /* counts on past TREE_NOTES_MAX; the rest was not kept */

	uint32_t aliases; /* the node; 0: none */
	struct tree_text bootargs;
	struct tree_text stdout_path;
	struct tree_text model;
	uint64_t initrd_start;
	uint64_t initrd_end; /* equal to initrd_start: none */
};

/*
 * Walk the blob and fill *tree, all of it. The blob must be readable up to its totalsize once its
 * header was found sound; nothing is read beyond that, nothing is written to it. Callable with MMU
 * and caches off, at any address, any number of times. Returns tree->state.
 */
enum tree_state boot_tree_scan(const void *blob, struct boot_tree *tree);

/*
 * End a blob of state TREE_TRUNCATED where its damage begins, by the size in its header: libfdt
 * believes some lengths that the walk does not, and would go round in circles behind that point.
 * For any other state nothing is written.
 */
void boot_tree_seal(void *blob, const struct boot_tree *tree);

/* Start of the lowest bank that has a size, rounded up to 2 MiB; UINT64_MAX without any bank. */
uint64_t boot_tree_ram_base(const struct boot_tree *tree);

/* Whether base..base+size lies wholly in the tree's banks, taken together. */
bool boot_tree_is_ram(const struct boot_tree *tree, uint64_t base, uint64_t size);

#endif
