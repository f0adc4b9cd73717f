/* SPDX-License-Identifier: MIT */
/*
 * Where the image goes, and what must first get out of its way.
 *
 * The place is RAM base + 2 MiB, always: then the linear map is one constant, for every board. What
 * lies there already, the device tree or the initrd, moves to the lowest free place above. When the
 * image's old and new place overlap it goes by way of a third.
 */
#include "boot/early/early.h"

#include "arch/layout.h"

#include <libfdt.h>

#pragma GCC visibility push(hidden)
extern char __image_start[], __image_end[];
void invalidate_range(uint32_t phys, uint32_t bytes);
uint32_t early_readable(uint32_t phys);
uint32_t early_probe(uint32_t phys);
#pragma GCC visibility pop

struct boot_info boot_info;

#define IMAGE_BYTES ((uint32_t)(__image_end - __image_start))

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* If [at, at + size) overlaps the range, the first page above the range; else `at`. */
static uint64_t past(uint64_t at, uint64_t size, uint64_t base, uint64_t base_size)
{
	if (base_size == 0 || !overlaps(at, size, base, base_size))
		return at;
	return ALIGN_UP(base + base_size, PAGE_SIZE);
}

/* One round over everything that may be in the way; returns `at` when nothing is. */
static uint64_t past_all(const struct boot_tree *tree, const void *blob,
			 const struct early_range *busy, unsigned int busy_count, uint64_t at,
			 uint64_t size)
{
	for (unsigned int i = 0; i < busy_count; i++)
		at = past(at, size, busy[i].base, busy[i].size);
	for (uint32_t i = 0; i < tree->reserved_count; i++)
		if ((tree->reserved[i].flags & RESERVED_DYNAMIC) == 0)
			at = past(at, size, tree->reserved[i].base, tree->reserved[i].size);
	for (int i = 0; blob != NULL; i++) {
		uint64_t base, bytes;

		/* The list ends with an empty entry, or, when it is damaged, with the blob. */
		if (fdt_get_mem_rsv(blob, i, &base, &bytes) != 0 || bytes == 0)
			break;
		at = past(at, size, base, min_u64(bytes, UINT64_MAX - base));
	}
	return at;
}

/* Each round moves `at` up or is the last; a wrapped reservation cannot bring it down again. */
static uint64_t find_from(const struct boot_tree *tree, const void *blob,
			  const struct early_range *busy, unsigned int busy_count, uint64_t at,
			  uint64_t size)
{
	for (;;) {
		uint64_t next = past_all(tree, blob, busy, busy_count, at, size);

		/* The last page below 4 GiB is nobody's, so no end is ever 2^32. */
		if (next < at || next >= SZ_4G || size >= SZ_4G - next)
			return UINT64_MAX;
		if (next == at)
			return boot_tree_is_ram(tree, at, size) ? at : UINT64_MAX;
		at = next;
	}
}

uint64_t early_find_place(const struct boot_tree *tree, const void *blob,
			  const struct early_range *busy, unsigned int busy_count, uint64_t from,
			  uint64_t size)
{
	uint64_t lowest = find_from(tree, blob, busy, busy_count, from, size);

	for (uint32_t i = 0; i < tree->memory_count; i++) {
		uint64_t base = tree->memory[i].base;
		uint64_t place;

		if (base < from || base >= SZ_4G)
			continue;
		place = find_from(tree, blob, busy, busy_count, ALIGN_UP(base, PAGE_SIZE), size);
		if (place < lowest)
			lowest = place;
	}
	return lowest;
}

/* Words, upwards; the places never overlap, and the target ends with a page. */
static void copy_words(uint32_t to, uint32_t from, uint32_t bytes)
{
	volatile uint32_t *target = (volatile uint32_t *)to;
	const volatile uint32_t *source = (const volatile uint32_t *)from;

	for (uint32_t i = 0; i < (bytes + 3) / 4; i++)
		target[i] = source[i];
	invalidate_range(to, bytes);
}

/* A start that is not on a word keeps its offset in the page. */
static bool move_away(uint32_t *phys, uint32_t bytes, const struct early_range *busy,
		      unsigned int busy_count, const void *blob)
{
	uint32_t offset = *phys & (PAGE_SIZE - 1);
	uint32_t start = *phys - offset;
	uint64_t place = early_find_place(&boot_info.tree, blob, busy, busy_count,
					  (uint64_t)boot_info.image_phys + IMAGE_BYTES,
					  ALIGN_UP((uint64_t)bytes + offset, PAGE_SIZE));

	if (place == UINT64_MAX)
		return false;
	copy_words((uint32_t)place, start, bytes + offset);
	*phys = (uint32_t)place + offset;
	return true;
}

static bool in_the_way(uint32_t phys, uint32_t bytes)
{
	return bytes != 0 && overlaps(phys, bytes, boot_info.image_phys, IMAGE_BYTES);
}

/* The blob moves first, so that the initrd is not put upon it. */
static bool clear_the_place(uint32_t load_phys)
{
	struct boot_info *info = &boot_info;
	const void *blob = (const void *)info->blob_phys;
	struct early_range busy[] = {
		{ load_phys, IMAGE_BYTES },
		{ info->image_phys, IMAGE_BYTES },
		{ info->blob_phys, info->tree.blob_bytes },
		{ info->initrd_phys, info->initrd_bytes },
	};

	if (in_the_way(info->blob_phys, info->tree.blob_bytes)) {
		if (!move_away(&info->blob_phys, info->tree.blob_bytes, busy, ARRAY_SIZE(busy),
			       blob))
			return false;
		busy[2].base = info->blob_phys;
		blob = (const void *)info->blob_phys;
	}
	if (in_the_way(info->initrd_phys, info->initrd_bytes))
		return move_away(&info->initrd_phys, info->initrd_bytes, busy, ARRAY_SIZE(busy),
				 blob);
	return true;
}

/*
 * r2 is 0 when an ELF is started: QEMU then puts the blob at the start of RAM, which is within the
 * 2 MiB below the image. Anything else in r2 is taken at its word.
 */
static uint32_t find_blob(uint32_t load_phys, uint32_t r2)
{
	if (r2 != 0 || load_phys == 0)
		return r2;
	return ALIGN_DOWN(load_phys - 1, SZ_2M);
}

/*
 * r2 may point anywhere, and a header may promise more than there is: ask both ends first. The end
 * is that of the content; behind it a blob has room that nobody reads (QEMU's most of a megabyte).
 */
static bool blob_is_readable(uint32_t phys)
{
	const void *blob = (const void *)phys;
	uint64_t end;

	if (early_readable(phys & ~3U) == 0)
		return false;
	if ((phys & 7) != 0 || fdt_magic(blob) != FDT_MAGIC)
		return true; /* the scan refuses it by its header */
	end = max_u64((uint64_t)fdt_off_dt_struct(blob) + fdt_size_dt_struct(blob),
		      (uint64_t)fdt_off_dt_strings(blob) + fdt_size_dt_strings(blob));
	if (end == 0 || end > TREE_BYTES_MAX)
		return true;
	return early_readable((uint32_t)(phys + end - 1) & ~3U) != 0;
}

static void read_tree(struct boot_info *info)
{
	const void *blob = (const void *)info->blob_phys;

	if (!blob_is_readable(info->blob_phys)) {
		info->tree.state = TREE_NO_MAGIC; /* the rest is zero since the image was loaded */
	} else if (boot_tree_scan(blob, &info->tree) == TREE_TRUNCATED) {
		boot_tree_seal((void *)info->blob_phys, &info->tree);
		invalidate_range(info->blob_phys, sizeof(struct fdt_header));
	}
}

static void note_initrd(void)
{
	struct boot_info *info = &boot_info;
	uint64_t start = info->tree.initrd_start, end = info->tree.initrd_end;

	if (end <= start || !boot_tree_is_ram(&info->tree, start, end - start) || end > SZ_4G)
		return; /* boot/memory.c says so */
	info->initrd_phys = (uint32_t)start;
	info->initrd_bytes = (uint32_t)(end - start);
}

/* A /memreserve/ in the place is often the blob's or the initrd's own, and they move; no-map is a wall. */
static bool is_walled_off(uint64_t base, uint64_t size)
{
	const struct boot_tree *tree = &boot_info.tree;

	for (uint32_t i = 0; i < tree->reserved_count; i++)
		if ((tree->reserved[i].flags & (RESERVED_NO_MAP | RESERVED_DYNAMIC)) ==
			    RESERVED_NO_MAP &&
		    tree->reserved[i].size != 0 &&
		    overlaps(base, size, tree->reserved[i].base, tree->reserved[i].size))
			return true;
	return false;
}

/* Whether there is RAM, whatever the tree says. The image's own pages are, and stay untouched. */
static bool answers(uint64_t place, uint32_t load_phys)
{
	for (uint64_t at = place; at < place + IMAGE_BYTES; at += PAGE_SIZE)
		if (!overlaps(at, PAGE_SIZE, load_phys, IMAGE_BYTES) &&
		    early_probe((uint32_t)at) == 0)
			return false;
	return true;
}

static enum place_outcome choose_place(uint32_t load_phys)
{
	uint64_t ram_base = boot_tree_ram_base(&boot_info.tree);
	uint64_t place = ram_base + IMAGE_OFFSET;

	if (ram_base >= SZ_4G)
		return PLACE_NO_TREE;
	/* One to one, the image may not meet the windows at the top of the address space. */
	if (place + IMAGE_BYTES > BLOB_WINDOW)
		return PLACE_TOO_HIGH;
	if (!boot_tree_is_ram(&boot_info.tree, place, IMAGE_BYTES))
		return PLACE_NOT_RAM;
	if (is_walled_off(place, IMAGE_BYTES))
		return PLACE_NO_MAP;
	if (!answers(place, load_phys))
		return PLACE_SILENT;
	boot_info.ram_base = (uint32_t)ram_base;
	boot_info.image_phys = (uint32_t)place;
	return PLACE_AS_PLANNED;
}

/*
 * Without a place of its own the image still wants to be heard. Where it lies there is RAM, so
 * RAM base is guessed from that; boot_main() says what is wrong and stops. If nothing answers 2 MiB
 * above, the image goes down to the 2 MiB that it lies in.
 */
static void guess_place(uint32_t load_phys)
{
	uint32_t base = ALIGN_DOWN(load_phys, SZ_2M);

	if (!answers((uint64_t)base + IMAGE_OFFSET, load_phys))
		base -= IMAGE_OFFSET; /* may wrap: the linear map's distance is modulo 2^32 */
	boot_info.ram_base = base;
	boot_info.image_phys = base + IMAGE_OFFSET;
}

void early_read(uint32_t load_phys, uint32_t r1, uint32_t r2, uint32_t cpsr)
{
	struct boot_info *info = &boot_info;

	info->entry_r1 = r1;
	info->entry_r2 = r2;
	info->entry_cpsr = cpsr;
	info->load_phys = load_phys;
	info->image_bytes = IMAGE_BYTES;
	info->blob_phys = find_blob(load_phys, r2);
	read_tree(info);
	info->blob_from = info->blob_phys;
	note_initrd();
	info->initrd_from = info->initrd_phys;

	info->place = choose_place(load_phys);
	if (info->place == PLACE_AS_PLANNED && !clear_the_place(load_phys))
		info->place = PLACE_NO_ROOM;
	if (info->place != PLACE_AS_PLANNED)
		guess_place(load_phys);
}

/* A place for one hop, clear of the old and the new one and of all that is in use. */
static uint64_t find_hop(uint32_t here)
{
	const struct boot_info *info = &boot_info;
	const void *blob = info->tree.blob_bytes != 0 ? (const void *)info->blob_phys : NULL;
	const struct early_range busy[] = {
		{ here, IMAGE_BYTES },
		{ info->image_phys, IMAGE_BYTES },
		{ info->blob_phys, info->tree.blob_bytes },
		{ info->initrd_phys, info->initrd_bytes },
	};
	uint64_t above = early_find_place(&info->tree, blob, busy, ARRAY_SIZE(busy),
					  (uint64_t)info->image_phys + IMAGE_BYTES, IMAGE_BYTES);

	if (above != UINT64_MAX)
		return above;
	return early_find_place(&info->tree, blob, busy, ARRAY_SIZE(busy),
				(uint64_t)info->ram_base + PAGE_SIZE, IMAGE_BYTES);
}

/* Nothing of the tree can be believed to be where it was, so nothing of it is used. */
static void give_up_the_tree(void)
{
	boot_info.place = PLACE_NO_ROOM;
	boot_info.tree.blob_bytes = 0;
	boot_info.tree.note_count = 0;
	boot_info.tree.uart_count = 0;
	boot_info.tree.bootargs.bytes = 0;
	boot_info.tree.stdout_path.bytes = 0;
	boot_info.tree.model.bytes = 0;
}

uint32_t early_next_place(uint32_t here)
{
	struct boot_info *info = &boot_info;
	uint64_t place = info->image_phys;

	if (here == info->image_phys)
		return here;
	info->hops++;
	if (!overlaps(here, IMAGE_BYTES, info->image_phys, IMAGE_BYTES))
		return (uint32_t)place;
	place = find_hop(here);
	if (place == UINT64_MAX) {
		/* Just above both: overwriting whatever is there, only to say that this boot must stop. */
		if (info->place == PLACE_AS_PLANNED)
			give_up_the_tree();
		place = ALIGN_UP(max_u64(here, info->image_phys) + IMAGE_BYTES, PAGE_SIZE);
	}
	return (uint32_t)place;
}
