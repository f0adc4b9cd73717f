/* SPDX-License-Identifier: MIT */
/*
 * Areas of addresses, disjoint, in a balanced tree ordered by address (an AVL tree), which also finds
 * the lowest gap that a request fits.
 *
 *	| gap below A | A | gap below B | B |        the rest             |
 *	start                               top                           end
 *
 * Each node knows the gap below it and, of the gaps of its subtree, the largest request of each
 * alignment that one of them holds. So the search never looks into a subtree in vain: it is one walk
 * down. The rest above the highest area is no node's gap: where areas come and go at the top, which is
 * the usual case, nothing in the tree has to learn of it.
 *
 * Pure: nodes are the caller's, nothing is allocated, nobody is locked out. All calls are O(log n) and
 * none recurses; the depth is at most AREA_TREE_DEPTH.
 */
#ifndef STRATA_MM_VIRT_AREA_TREE_H
#define STRATA_MM_VIRT_AREA_TREE_H

#include "lib/types.h"

/* What a request may be aligned to: what page tables map at once. */
enum area_alignment { AREA_4K, AREA_64K, AREA_1M, AREA_ALIGNMENTS };

/* 1.44 * log2 of 2^32 nodes. */
#define AREA_TREE_DEPTH 47

struct area_node {
	uintptr_t start, end; /* half-open; the caller's, set before the node goes in */
	/* The tree's. */
	uintptr_t below; /* where the gap below begins: the end of the area before */
	uint32_t height;
	struct area_node *child[2];
	uintptr_t room[AREA_ALIGNMENTS];
};

struct area_tree {
	struct area_node *root;
	uintptr_t top; /* the end of the highest area */
	uintptr_t end; /* of all addresses */
};

static inline uintptr_t area_alignment_bytes(enum area_alignment alignment)
{
	static const uintptr_t bytes[AREA_ALIGNMENTS] = { PAGE_SIZE, LARGE_PAGE_SIZE,
							  SECTION_SIZE };

	return bytes[alignment];
}

/* An empty tree over [start, end), both multiples of PAGE_SIZE, start not 0. */
void area_tree_init(struct area_tree *tree, uintptr_t start, uintptr_t end);

/* Where the lowest gap has so many bytes from an aligned address on. 0: no gap has. */
uintptr_t area_tree_find_gap(const struct area_tree *tree, size_t bytes,
			     enum area_alignment alignment);

/* The largest request, aligned to pages, that would be served. */
uintptr_t area_tree_largest_gap(const struct area_tree *tree);

/* [node->start, node->end) is not empty and lies in a gap. */
void area_tree_insert(struct area_tree *tree, struct area_node *node);

/* The node is in the tree. Its start and end stay as they are. */
void area_tree_remove(struct area_tree *tree, struct area_node *node);

/* The same, and the area that ends where the node starts gets its addresses. */
void area_tree_join(struct area_tree *tree, struct area_node *before, struct area_node *node);

/* The lowest area that ends above the address, so a walk goes on at its end. NULL: there is none. */
struct area_node *area_tree_above(const struct area_tree *tree, uintptr_t address);

/* The area that holds the address, or NULL. */
static inline struct area_node *area_tree_find(const struct area_tree *tree, uintptr_t address)
{
	struct area_node *node = area_tree_above(tree, address);

	return node != NULL && node->start <= address ? node : NULL;
}

#endif
