/* SPDX-License-Identifier: MIT */
#include "boot/tree_report.h"

#include <inttypes.h>

#include "boot/blob.h"
#include "kern/log.h"

const char *tree_state_text(enum tree_state state)
{
	static const char *const texts[] = {
		[TREE_WHOLE] = "whole",
		[TREE_TRUNCATED] = "the structure block is damaged",
		[TREE_NO_MAGIC] = "there is no device tree where r2 points (no 0xd00dfeed); give "
				  "one, with QEMU by -dtb",
		[TREE_UNALIGNED] = "it is not at a multiple of 8 bytes; load it at one",
		[TREE_VERSION] = "its format is older than version 17 or unknown; compile it with "
				 "a current dtc",
		[TREE_BAD_HEADER] =
			"offsets and sizes in its header contradict each other; load it again",
		[TREE_TOO_LARGE] = "it is larger than 3 MiB; pack it with dtc",
	};

	return texts[state];
}

static const char *note_text(enum tree_note_code code)
{
	static const char *const texts[] = {
		[NOTE_CELLS] = "#address-cells or #size-cells must be one number, 1 to 4: node "
			       "skipped or the parent's taken",
		[NOTE_REG_LENGTH] = "the length of reg is no multiple of an entry: the rest is "
				    "ignored; check the cells above",
		[NOTE_REG_WIDE] = "an address or size does not fit 64 bits: ignored",
		[NOTE_MEMORY_TYPE] = "named memory but without device_type = \"memory\": ignored, "
				     "as Linux does; add it",
		[NOTE_MEMORY_WRAPS] = "a bank wraps around the end of the address space: cut there",
		[NOTE_TOO_MANY_BANKS] =
			"more memory banks than fit the table: ignored; join banks that touch",
		[NOTE_TOO_MANY_RESERVED] = "more reserved regions than fit the table: ignored; "
					   "join regions that touch",
		[NOTE_TOO_MANY_WINDOWS] = "more dma-ranges than fit the table: ignored",
		[NOTE_RESERVED_EMPTY] = "a reserved region with neither reg nor size: ignored",
		[NOTE_RESERVED_SIZE] =
			"size or alignment does not have the cells of /reserved-memory: ignored",
		[NOTE_RANGES_LENGTH] = "the length of dma-ranges is no multiple of an entry: "
				       "ignored; check the cells",
		[NOTE_INITRD] = "linux,initrd-start and -end do not make a range: no initrd",
		[NOTE_DEPTH] = "nested deeper than 16 levels: skipped with all below",
		[NOTE_WORK] =
			"dma-ranges need more than 4096 steps to translate: the rest is ignored",
	};

	return texts[code];
}

void tree_report(const struct boot_tree *tree, const void *blob)
{
	if (tree->state == TREE_TRUNCATED)
		pr_warn("device tree: the structure block is damaged at offset %#" PRIx32
			": only what comes before is used\n",
			tree->damage_offset);
	else if (tree->state != TREE_WHOLE)
		pr_warn("device tree: %s\n", tree_state_text(tree->state));
	for (uint32_t i = 0; i < tree->note_count && i < TREE_NOTES_MAX; i++) {
		const struct tree_note *note = &tree->notes[i];

		pr_warn("%s: %s (%#" PRIx64 ")\n", blob_node_path(blob, note->node),
			note_text(note->code), note->value);
	}
	if (tree->note_count > TREE_NOTES_MAX)
		pr_warn("device tree: %" PRIu32 " more findings of this kind\n",
			tree->note_count - TREE_NOTES_MAX);
}
