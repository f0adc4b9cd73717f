/* SPDX-License-Identifier: MIT */
/*
 * A leftist heap: in every node, rank(left) >= rank(right), where the rank counts the nodes down the
 * right edge, and a node is due no later than its children. So right edges are short, merging two
 * heaps walks down these alone, and taking a node out is merging its children in its place.
 *
 * Everything here is done with interrupts masked.
 */
#include "kern/callout.h"

#include "arch/irqflags.h"
#include "kern/clock.h"

static struct callout *root; /* its parent is itself */
static uint32_t next_sequence;
static uint32_t started_count;
static const struct clock_event *clock_event;
static uint64_t calls, late_ns_most;

/* --- the heap --------------------------------------------------------------------------------- */

/* Sequences wrap; two that are started at the same time are near each other. */
static bool is_before(const struct callout *a, const struct callout *b)
{
	if (a->when_ns != b->when_ns)
		return a->when_ns < b->when_ns;
	return (int32_t)(a->sequence - b->sequence) < 0;
}

static uint32_t rank_of(const struct callout *callout)
{
	return callout != NULL ? callout->rank : 0;
}

/* Restore the order of the ranks in one node. False: nothing had changed. */
static bool fix_rank(struct callout *callout)
{
	uint32_t rank;

	if (rank_of(callout->left) < rank_of(callout->right)) {
		struct callout *left = callout->left;

		callout->left = callout->right;
		callout->right = left;
	}
	rank = rank_of(callout->right) + 1;
	if (rank == callout->rank)
		return false;
	callout->rank = rank;
	return true;
}

/*
 * Two heaps, either may be NULL, into one, whose root has no parent yet: the right edges are
 * threaded into one in order of time on the way down, and the ranks put right on the way up.
 */
static struct callout *merge(struct callout *a, struct callout *b)
{
	struct callout *top = NULL, *above = NULL, **link = &top;

	while (a != NULL && b != NULL) {
		if (is_before(b, a)) {
			struct callout *later = a;

			a = b;
			b = later;
		}
		*link = a;
		a->parent = above;
		above = a;
		link = &a->right;
		a = a->right;
	}
	*link = a != NULL ? a : b;
	if (*link != NULL)
		(*link)->parent = above;
	for (; above != NULL; above = above->parent)
		fix_rank(above);
	return top;
}

static void set_root(struct callout *top)
{
	root = top;
	if (top != NULL)
		top->parent = top;
}

static void insert(struct callout *callout)
{
	callout->left = NULL;
	callout->right = NULL;
	callout->rank = 1;
	callout->sequence = next_sequence++;
	started_count++;
	set_root(merge(root, callout));
}

static void take_out(struct callout *callout)
{
	struct callout *above = callout->parent, *rest = merge(callout->left, callout->right);

	callout->parent = NULL;
	started_count--;
	if (above == callout) {
		set_root(rest);
		return;
	}
	if (above->left == callout)
		above->left = rest;
	else
		above->right = rest;
	if (rest != NULL)
		rest->parent = above;
	while (fix_rank(above) && above != root)
		above = above->parent;
}

/* --- starting and stopping ------------------------------------------------------------------- */

/* The first one has changed. A moment that is past makes the hardware interrupt at once. */
static void set_event(void)
{
	if (clock_event == NULL)
		return;
	if (root != NULL)
		clock_event->set(clock_ticks_at(root->when_ns));
	else
		clock_event->off();
}

void callout_init(struct callout *callout, void (*function)(struct callout *callout))
{
	*callout = (struct callout){ .function = function };
}

static void start(struct callout *callout, uint64_t when_ns, uint64_t period_ns)
{
	uint32_t flags = local_irq_save();
	const struct callout *first = root;

	if (callout_is_started(callout))
		take_out(callout);
	callout->when_ns = when_ns;
	callout->period_ns = period_ns;
	insert(callout);
	if (root == callout || root != first)
		set_event();
	local_irq_restore(flags);
}

void callout_start(struct callout *callout, uint64_t when_ns)
{
	start(callout, when_ns, 0);
}

void callout_start_periodic(struct callout *callout, uint64_t first_ns, uint64_t period_ns)
{
	start(callout, first_ns, period_ns);
}

bool callout_stop(struct callout *callout)
{
	uint32_t flags = local_irq_save();
	bool was_started = callout_is_started(callout), was_first = root == callout;

	if (was_started)
		take_out(callout);
	if (was_started && was_first)
		set_event();
	local_irq_restore(flags);
	return was_started;
}

/* --- calling --------------------------------------------------------------------------------- */

/* The next time that is not past already. The division is for who missed some. */
static void start_again(struct callout *callout, uint64_t now_ns)
{
	if (__builtin_add_overflow(callout->when_ns, callout->period_ns, &callout->when_ns))
		callout->when_ns = UINT64_MAX;
	if (callout->when_ns <= now_ns)
		callout->when_ns +=
			((now_ns - callout->when_ns) / callout->period_ns + 1) * callout->period_ns;
	insert(callout);
}

static void call_first(uint64_t now_ns)
{
	struct callout *first = root;
	uint64_t late_ns = now_ns - first->when_ns;

	if (late_ns > late_ns_most)
		late_ns_most = late_ns;
	calls++;
	take_out(first);
	if (first->period_ns != 0)
		start_again(first, now_ns);
	first->function(first);
}

/* What is due after the last call is left to the next interrupt, which comes at once. */
void callout_run_due(void)
{
	for (uint32_t called = 0; root != NULL && called < CALLOUTS_AT_ONCE; called++) {
		uint64_t now_ns = clock_ns();

		if (root->when_ns > now_ns)
			break;
		call_first(now_ns);
	}
	set_event();
}

/* --- the timer -------------------------------------------------------------------------------- */

bool callout_register_event(const struct clock_event *event)
{
	uint32_t flags = local_irq_save();
	bool is_first = clock_event == NULL;

	if (is_first) {
		clock_event = event;
		set_event();
	}
	local_irq_restore(flags);
	return is_first;
}

bool callout_works(void)
{
	return clock_event != NULL;
}

void callout_snapshot(struct callout_snapshot *snapshot)
{
	uint32_t flags = local_irq_save();

	*snapshot = (struct callout_snapshot){
		.event = clock_event != NULL ? clock_event->name : NULL,
		.started = started_count,
		.next_ns = root != NULL ? root->when_ns : UINT64_MAX,
		.calls = calls,
		.late_ns_most = late_ns_most,
	};
	local_irq_restore(flags);
}

/*
 * The next one is always a child of one that was listed: those make the edge. Each listed one
 * leaves it, and two come in its place.
 */
uint32_t callout_list(struct callout_entry *entries, uint32_t most)
{
	const struct callout *edge[CALLOUTS_LISTED + 1];
	uint32_t edge_count = 0, count, flags = local_irq_save();

	if (root != NULL)
		edge[edge_count++] = root;
	for (count = 0; count < most && count < CALLOUTS_LISTED && edge_count != 0; count++) {
		const struct callout *next = edge[0];
		uint32_t at = 0;

		for (uint32_t i = 1; i < edge_count; i++)
			if (is_before(edge[i], next)) {
				next = edge[i];
				at = i;
			}
		entries[count] =
			(struct callout_entry){ next->when_ns, next->period_ns, next->function };
		edge[at] = edge[--edge_count];
		if (next->left != NULL)
			edge[edge_count++] = next->left;
		if (next->right != NULL)
			edge[edge_count++] = next->right;
	}
	local_irq_restore(flags);
	return count;
}
