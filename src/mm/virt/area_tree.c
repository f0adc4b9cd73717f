/* SPDX-License-Identifier: MIT */
/*
 * A change is made at the bottom of a path from the root; what nodes know of their subtrees is then
 * set right from there up, the path turned over where one side has become two levels higher than
 * the other, until nothing changes any more. The area after the one that comes or goes has its gap
 * changed: it always lies on that path, for it is the nearest node whose left side the path went into.
 */
#include "mm/virt/area_tree.h"

#include <string.h>

enum { LEFT, RIGHT };

/* What is below a leaf: nothing, of height 0 and without room, so that nobody asks whether it is. */
static struct area_node nothing;

/* The links that were followed from the root on, the last one first to be set right. */
struct path {
	uint32_t depth;
	struct area_node *after; /* the area after where the path leads; NULL: none */
	struct area_node **links[AREA_TREE_DEPTH];
};

/* --- what a node knows ------------------------------------------------------------------------- */

/* How much the gap below a node has from an aligned address on. */
static inline uintptr_t own_room(const struct area_node *node, uintptr_t alignment)
{
	uintptr_t from = ALIGN_UP(node->below, alignment);

	return from < node->start ? node->start - from : 0;
}

static inline uintptr_t larger(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

/* Returns what differs from before, 0 for nothing; so does set_right. */
static inline uintptr_t set_room(struct area_node *node, const struct area_node *left,
				 const struct area_node *right, enum area_alignment alignment,
				 uintptr_t bytes)
{
	uintptr_t before = node->room[alignment];
	uintptr_t room = larger(own_room(node, bytes),
				larger(left->room[alignment], right->room[alignment]));

	node->room[alignment] = room;
	return room ^ before;
}

/* From its children, which know already. */
static uintptr_t set_right(struct area_node *node)
{
	const struct area_node *left = node->child[LEFT], *right = node->child[RIGHT];
	uint32_t height = 1 + (left->height > right->height ? left->height : right->height);
	uintptr_t changed = height ^ node->height;

	node->height = height;
	changed |= set_room(node, left, right, AREA_4K, PAGE_SIZE);
	changed |= set_room(node, left, right, AREA_64K, LARGE_PAGE_SIZE);
	return changed | set_room(node, left, right, AREA_1M, SECTION_SIZE);
}

/* --- balance ----------------------------------------------------------------------------------- */

/* The child on `side` comes up to where the link points, its parent goes down to the other side. */
static void rotate(struct area_node **link, int side)
{
	struct area_node *parent = *link, *child = parent->child[side];

	parent->child[side] = child->child[!side];
	child->child[!side] = parent;
	set_right(parent);
	*link = child;
	set_right(child);
}

/* One side is two levels higher than the other. */
static __attribute__((noinline)) void turn(struct area_node **link, int higher)
{
	struct area_node *child = (*link)->child[higher];

	if (child->child[!higher]->height > child->child[higher]->height)
		rotate(&(*link)->child[higher], !higher);
	rotate(link, higher);
}

/* Above the area after and where nothing changed, nothing will. */
static void set_path_right(const struct path *path)
{
	const struct area_node *after = path->after;

	for (uint32_t depth = path->depth; depth > 0; depth--) {
		struct area_node **link = path->links[depth - 1], *node = *link;
		int32_t lean = (int32_t)(node->child[LEFT]->height - node->child[RIGHT]->height);

		if (node == after)
			after = NULL;
		if (lean > 1 || lean < -1)
			turn(link, lean > 1 ? LEFT : RIGHT);
		else if (set_right(node) == 0 && after == NULL)
			return;
	}
}

static inline void follow(struct path *path, struct area_node **link)
{
	path->links[path->depth++] = link;
}

/*
 * Follow the links from the root to the node that starts at an address, which is not put on the path,
 * or to where it would hang. Returns the link to it.
 */
static inline struct area_node **descend(struct area_tree *tree, uintptr_t start, struct path *path)
{
	struct area_node **link = &tree->root;

	path->depth = 0;
	path->after = NULL;
	while (*link != &nothing && (*link)->start != start) {
		follow(path, link);
		if ((*link)->start < start) {
			link = &(*link)->child[RIGHT];
		} else {
			path->after = *link;
			link = &(*link)->child[LEFT];
		}
	}
	return link;
}

/* From where on the addresses below the area after the path's end are free. */
static inline void set_below(struct area_tree *tree, const struct path *path, uintptr_t below)
{
	if (path->after != NULL)
		path->after->below = below;
	else
		tree->top = below;
}

/* --- the calls --------------------------------------------------------------------------------- */

void area_tree_init(struct area_tree *tree, uintptr_t start, uintptr_t end)
{
	*tree = (struct area_tree){ .root = &nothing, .top = start, .end = end };
}

static inline uintptr_t find_rest(const struct area_tree *tree, size_t bytes, uintptr_t unit)
{
	uintptr_t from = ALIGN_UP(tree->top, unit);

	return from < tree->end && tree->end - from >= bytes ? from : 0;
}

uintptr_t area_tree_find_gap(const struct area_tree *tree, size_t bytes,
			     enum area_alignment alignment)
{
	const struct area_node *node = tree->root;
	uintptr_t unit = area_alignment_bytes(alignment);

	if (node->room[alignment] < bytes)
		return find_rest(tree, bytes, unit);
	for (;;) {
		if (node->child[LEFT]->room[alignment] >= bytes)
			node = node->child[LEFT];
		else if (own_room(node, unit) >= bytes)
			return ALIGN_UP(node->below, unit);
		else
			node = node->child[RIGHT];
	}
}

uintptr_t area_tree_largest_gap(const struct area_tree *tree)
{
	return larger(tree->root->room[AREA_4K], tree->end - tree->top);
}

void area_tree_insert(struct area_tree *tree, struct area_node *node)
{
	struct path path;
	struct area_node **link = descend(tree, node->start, &path);

	node->below = path.after != NULL ? path.after->below : tree->top;
	set_below(tree, &path, node->end);
	node->child[LEFT] = node->child[RIGHT] = &nothing;
	set_right(node);
	*link = node;
	set_path_right(&path);
}

/* The lowest node of the right side, the one after, takes the place of the one that goes. */
static void replace_by_next(struct area_node **link, struct path *path)
{
	struct area_node *node = *link, *next;
	struct area_node **lowest = &node->child[RIGHT];
	uint32_t place = path->depth;

	follow(path, link);
	while ((*lowest)->child[LEFT] != &nothing) {
		follow(path, lowest);
		lowest = &(*lowest)->child[LEFT];
	}
	next = *lowest;
	*lowest = next->child[RIGHT];
	/* What its new parent knew of this place is what changes count from. */
	next->height = node->height;
	memcpy(next->room, node->room, sizeof(next->room));
	next->child[LEFT] = node->child[LEFT];
	next->child[RIGHT] = node->child[RIGHT];
	*link = next;
	path->after = next;
	/* The path's next step left from the node that is gone. */
	if (path->depth > place + 1)
		path->links[place + 1] = &next->child[RIGHT];
}

void area_tree_remove(struct area_tree *tree, struct area_node *node)
{
	struct path path;
	struct area_node **link = descend(tree, node->start, &path);

	if (node->child[RIGHT] == &nothing)
		*link = node->child[LEFT];
	else
		replace_by_next(link, &path);
	set_below(tree, &path, node->below);
	set_path_right(&path);
}

void area_tree_join(struct area_tree *tree, struct area_node *before, struct area_node *node)
{
	before->end = node->end;
	node->below = node->end;
	area_tree_remove(tree, node);
}

struct area_node *area_tree_above(const struct area_tree *tree, uintptr_t address)
{
	struct area_node *node = tree->root, *found = NULL;

	while (node != &nothing) {
		if (node->end > address) {
			found = node;
			node = node->child[LEFT];
		} else {
			node = node->child[RIGHT];
		}
	}
	return found;
}
