/* SPDX-License-Identifier: MIT */
#ifndef STRATA_BOOT_TREE_REPORT_H
#define STRATA_BOOT_TREE_REPORT_H

#include "boot/early/tree.h"

/* One line for the blob if it is damaged, and one for each note of the walk: node, rule, remedy. */
void tree_report(const struct boot_tree *tree, const void *blob);

/* What is wrong with a blob of this state, in a sentence without a full stop. */
const char *tree_state_text(enum tree_state state);

#endif
