/* SPDX-License-Identifier: MIT */
/*
 * dtlint: what is wrong with a device tree, or allowed and rarely meant.
 *
 * One place words a finding (boot/findings.def) and each is said once. What the boot sees anyway,
 * because it has to cut or ignore something, it raises where it sees it; dtlint_tree and
 * dtlint_places add what costs a look at the small table only. All those are lines of the boot log
 * and remembered. dtlint_judge repeats them and then walks the whole tree with libfdt for the rest:
 * for the console's command and the planner, not for the boot.
 *
 * It judges and changes nothing. What it does not look at: anything that has nothing to do with
 * memory, buses, the console or the names that lead to them; dtc's own warnings and the bindings'
 * schemas are for that.
 */
#ifndef STRATA_BOOT_DTLINT_H
#define STRATA_BOOT_DTLINT_H

#include "boot/finding.h"
#include "boot/memory.h"
#include "boot/plan.h"

/* Raise what the table shows: overlaps, contradictions, regions that are RAM only in part. */
void dtlint_tree(const struct boot_tree *tree, const void *blob);

/* Raise what the plan does to the blob, the initrd and lowmem. */
void dtlint_places(const struct boot_tree *tree, const void *blob,
		   const struct boot_occupied *occupied, const struct boot_plan *plan);

/* Raise each bank that is not wholly in [base, base + bytes), of those that begin below `limit`. */
void dtlint_firmware(const struct boot_tree *tree, const void *blob, uint64_t base, uint64_t bytes,
		     uint64_t limit);

typedef void (*dtlint_sink)(const struct finding *finding, const void *blob, void *context);

/*
 * Give every finding to `sink`: first those that were raised, then the walk's, in the tree's order.
 * The blob is whole or sealed; a finding's name may not outlive the call. Returns how many.
 */
unsigned int dtlint_judge(const struct boot_tree *tree, const void *blob, dtlint_sink sink,
			  void *context);

#endif
