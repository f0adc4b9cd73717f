/* SPDX-License-Identifier: MIT */
#include "boot/tree_report.h"

#include "boot/finding.h"
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

/* The walk's notes come first among the findings, in the same order. */
_Static_assert((int)FINDING_CELLS == (int)NOTE_CELLS && (int)FINDING_DMA_WORK == (int)NOTE_WORK &&
		       (int)FINDING_INITRD_RANGE == (int)NOTE_INITRD,
	       "findings.def begins with enum tree_note_code");

void tree_report(const struct boot_tree *tree, const void *blob)
{
	if (tree->state == TREE_TRUNCATED)
		finding_raise_at(blob, FINDING_DAMAGED, FINDING_DEVICE_TREE, tree->damage_offset,
				 0);
	else if (tree->state != TREE_WHOLE)
		pr_warn("device tree: %s\n", tree_state_text(tree->state));
	for (uint32_t i = 0; i < tree->note_count && i < TREE_NOTES_MAX; i++) {
		const struct tree_note *note = &tree->notes[i];

		finding_raise_at(blob, (enum finding_code)note->code, note->node, note->value, 0);
	}
	if (tree->note_count > TREE_NOTES_MAX)
		finding_raise_at(blob, FINDING_MORE_NOTES, FINDING_DEVICE_TREE,
				 tree->note_count - TREE_NOTES_MAX, 0);
}
