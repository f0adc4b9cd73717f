/* SPDX-License-Identifier: MIT */
/*
 * kmap: windows of everybody.
 *
 * The four tables are the quarters of one page from memblock, like those of the linear map: so the
 * entries of all windows lie in a row, and they stay for good. (Tables from a cache of tables are given
 * back when they are empty, as these often are.)
 */
#include "mm/virt/pkmap.h"

#include "arch/mmu.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/kmap_misuse.h"

_Static_assert(PKMAP_WINDOWS < PAGE_WINDOW_BLOCK, "a page's flags hold number + 1");
_Static_assert(PKMAP_WINDOWS <= SZ_4M / PKMAP_WINDOW_BYTES, "as many as there is room for");

/*
 * Making room: how many windows are looked at once the first kept one is found, and as how many one
 * counts that is emptied. So that this never takes longer than to find that none is kept.
 */
#define LOOKS_MOST     (PKMAP_WINDOWS * 5 / 8)
#define EMPTYING_LOOKS 5
#define EMPTIED_MOST   (LOOKS_MOST / (1 + EMPTYING_LOOKS))

bool (*kmap_wait_hook)(void);

struct pkmap pkmap;
struct pkmap_window pkmap_windows[PKMAP_WINDOWS];

/* --- windows and pages ----------------------------------------------------------------------- */

static inline uint32_t *entry_of(const struct pkmap_window *window)
{
	return pkmap.entries + pkmap_number(window) * (PKMAP_WINDOW_BYTES / PAGE_SIZE);
}

static void set_window_bits(struct page *page, uint32_t bits)
{
	page->flags = (page->flags & ~PAGE_WINDOW_BITS) | bits << PAGE_WINDOW_SHIFT;
}

/* Flags of the head of an allocated block of one page (mm/phys/page.h) with these window bits. */
static inline bool is_single(uint32_t flags, uint32_t bits)
{
	return pkmap_key(flags) == pkmap.single_key + pkmap_key(bits << PAGE_WINDOW_SHIFT);
}

struct page *pkmap_head_of(struct page *page)
{
	return is_single(page->flags & ~PAGE_WINDOW_BITS, 0) ? page
							     : page_block_head(page_to_pfn(page));
}

bool pkmap_can_show(struct page *page)
{
	const struct page *head = pkmap_head_of(page);

	return head != NULL &&
	       (page_type(head) == PAGE_ALLOCATED || page_type(head) == PAGE_RESERVED);
}

/* Write a window's number to its page, and to the head of a block that something of it is shown. */
static __attribute__((noinline)) void name_window(struct page *page, uint32_t number)
{
	struct page *head = pkmap_head_of(page);

	set_window_bits(page, number + 1);
	if (head != page && head != NULL && (head->flags & PAGE_WINDOW_BITS) == 0)
		set_window_bits(head, PAGE_WINDOW_BLOCK);
}

/* Other pages of a block may be shown still. Of a tail, order is rubbish and it does not matter. */
static __attribute__((noinline)) void unname_window(struct page *page, uint32_t number)
{
	if ((page->flags >> PAGE_WINDOW_SHIFT & PAGE_WINDOW_MASK) == number + 1)
		set_window_bits(page, page_order(page) != 0 ? PAGE_WINDOW_BLOCK : 0);
}

/* --- counting users: without the lock -------------------------------------------------------- */

/* One user more or less while there are [least, end) of them; false: there are not. */
static inline bool change_users(struct pkmap_window *window, uint32_t least, uint32_t end,
				uint32_t change)
{
	uint32_t users = __atomic_load_n(&window->users, __ATOMIC_RELAXED);

	do {
		if (unlikely(users - least >= end - least))
			return false;
	} while (!__atomic_compare_exchange_n(
		&window->users, &users, users + change, true,
		(int32_t)change > 0 ? __ATOMIC_ACQUIRE : __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	return true;
}

static inline bool enter(struct pkmap_window *window, const struct page *page)
{
	if (unlikely(!change_users(window, 0, WINDOW_SHUT, 1)))
		return false;
	/* It may have been emptied and opened for another page since it was looked at. */
	if (likely(__atomic_load_n(&window->page, __ATOMIC_RELAXED) == page))
		return true;
	change_users(window, 1, WINDOW_SHUT, -1U);
	return false;
}

/* --- emptying: under the lock ---------------------------------------------------------------- */

/* A kept window from now on is nobody's; false: it is not kept, or not any more. */
static inline bool shut(struct pkmap_window *window, uint32_t kept)
{
	return __atomic_compare_exchange_n(&window->users, &kept, WINDOW_SHUT, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* One that was shut shows nothing from now on and comes behind `last`, but TLBs are still to be told. */
static inline struct pkmap_window *clear_window(struct pkmap_window *window,
						struct pkmap_window *last)
{
	uint32_t number = pkmap_number(window), flags = window->page->flags;

	if (likely(is_single(flags, number + 1)))
		window->page->flags = flags - ((number + 1) << PAGE_WINDOW_SHIFT);
	else
		unname_window(window->page, number);
	last->next_empty = window;
	mmu_window_clear(entry_of(window));
	return window;
}

/* Tell the TLBs of windows that were cleared one behind the other, ascending, and put them into the
 * list. */
static void add_empty(struct pkmap_window *first, struct pkmap_window *last)
{
	mmu_flush(pkmap_address(first), pkmap_address(last) - pkmap_address(first) + PAGE_SIZE);
	last->next_empty = NULL;
	if (pkmap.first_empty == NULL)
		pkmap.first_empty = first;
	else
		pkmap.last_empty->next_empty = first;
	pkmap.last_empty = last;
}

static bool empty_one(struct pkmap_window *window, uint32_t kept)
{
	struct pkmap_window anchor;

	if (!shut(window, kept))
		return false;
	clear_window(window, &anchor);
	add_empty(window, window);
	return true;
}

/* From a window on, the first that nobody uses; `end`: there is none. Four at a time: a refusal looks
 * at all of them. */
static struct pkmap_window *first_kept(struct pkmap_window *window, struct pkmap_window *end)
{
	for (; window + 3 < end; window += 4)
		if (window[0].users == 0 || window[1].users == 0 || window[2].users == 0 ||
		    window[3].users == 0)
			break;
	while (window < end && window->users != 0)
		window++;
	return window;
}

/*
 * Empty the kept ones among these windows, as many as that many looks allow, but one at least if there
 * is one: then true, and the cursor is behind the last.
 */
static bool empty_run(struct pkmap_window *first, struct pkmap_window *end, int32_t looks)
{
	struct pkmap_window *window = first_kept(first, end), *limit = first + looks;
	struct pkmap_window anchor, *last;

	while (window < end && !shut(window, 0)) /* somebody uses it by now */
		window = first_kept(window + 1, end);
	if (window == end)
		return false;
	last = clear_window(window, &anchor);
	if (limit > end)
		limit = end;
	while (++window < limit)
		if (window->users == 0 && shut(window, 0)) {
			last = clear_window(window, last);
			limit -= EMPTYING_LOOKS;
		}
	pkmap.cursor = window;
	add_empty(anchor.next_empty, last);
	return true;
}

/* Empty kept windows, going round, and tell the TLBs once. False: there is none. */
static bool empty_portion(void)
{
	struct pkmap_window *start = pkmap.cursor, *end = pkmap_windows + PKMAP_WINDOWS;

	pkmap.portions++;
	return empty_run(start, end, LOOKS_MOST) ||
	       empty_run(pkmap_windows, start, LOOKS_MOST - (int32_t)(end - start));
}

void kmap_flush_unused(void)
{
	uint32_t irq;
	bool some;

	do {
		irq = spin_lock_irqsave(&pkmap.lock);
		some = empty_portion();
		spin_unlock_irqrestore(&pkmap.lock, irq);
	} while (some);
}

/* --- kmap ------------------------------------------------------------------------------------ */

static __attribute__((noinline)) void tell_page(enum kmap_misuse_kind kind, const struct page *page,
						const struct pkmap_window *window, void *caller)
{
	const struct kmap_misuse misuse = {
		.kind = kind,
		.address = window != NULL ? pkmap_address(window) : 0,
		.pfn = page_to_pfn(page),
		.users = window != NULL ? pkmap_users(window) : 0,
		.caller = (uintptr_t)caller,
	};

	kmap_tell(&misuse, window != NULL ? pkmap_record(window) : NULL);
}

/*
 * An empty window opened for a page, which is to be told its number; it is in nobody's hands until
 * users is set. Under the lock. NULL: every window is in use.
 */
static inline struct pkmap_window *open_window(struct page *page)
{
	struct pkmap_window *window = pkmap.first_empty;

	if (unlikely(window == NULL)) {
		if (!empty_portion())
			return NULL;
		window = pkmap.first_empty;
	}
	pkmap.first_empty = window->next_empty;
	window->page = page;
	mmu_window_open(entry_of(window), page_to_phys(page));
	if (unlikely(pkmap.first_users != 1))
		kmap_debug_opened(pkmap_record(window), page_to_pfn(page));
	return window;
}

static inline void *show_window(struct pkmap_window *window)
{
	__atomic_store_n(&window->users, pkmap.first_users, __ATOMIC_RELEASE);
	return (void *)pkmap_address(window);
}

/* A page that names a window already, which somebody may have opened meanwhile, or is of a block. */
static __attribute__((noinline)) void *show_other(struct page *page)
{
	struct pkmap_window *window = pkmap_named_window(page);

	if (window != NULL && enter(window, page))
		return (void *)pkmap_address(window);
	window = open_window(page);
	if (window == NULL)
		return NULL;
	name_window(page, pkmap_number(window));
	return show_window(window);
}

/* An ordinary page that no window shows. */
static inline void *show_single(struct page *page)
{
	struct pkmap_window *window = open_window(page);

	if (unlikely(window == NULL))
		return NULL;
	page->flags += (pkmap_number(window) + 1) << PAGE_WINDOW_SHIFT;
	return show_window(window);
}

/* No window was to be had: the page cannot be shown, or each is in use. */
static __attribute__((noinline)) void *kmap_slowest(struct page *page, void *caller)
{
	void *address = NULL;

	if (!pkmap_can_show(page)) {
		tell_page(KMAP_NO_PAGE, page, NULL, caller);
		return NULL;
	}
	while (address == NULL && kmap_wait_hook != NULL && kmap_wait_hook()) {
		uint32_t irq = spin_lock_irqsave(&pkmap.lock);

		address = show_other(page);
		spin_unlock_irqrestore(&pkmap.lock, irq);
	}
	return address;
}

static __attribute__((noinline)) void *kmap_slow(struct page *page, void *caller)
{
	uint32_t irq = spin_lock_irqsave(&pkmap.lock);
	void *address = NULL;

	if (likely(is_single(page->flags, 0)))
		address = show_single(page);
	else if (pkmap_can_show(page))
		address = show_other(page);
	spin_unlock_irqrestore(&pkmap.lock, irq);
	return likely(address != NULL) ? address : kmap_slowest(page, caller);
}

void *kmap_high(struct page *page)
{
	struct pkmap_window *window = pkmap_named_window(page);

	if (likely(window != NULL && enter(window, page)))
		return (void *)pkmap_address(window);
	return kmap_slow(page, __builtin_return_address(0));
}

/* --- kunmap ---------------------------------------------------------------------------------- */

/* One user less of a watched window; the last one empties it. Under the lock. False: there is none. */
static bool leave_watched(struct pkmap_window *window)
{
	if (!change_users(window, WINDOW_WATCHED + 1, WINDOW_SHUT, -1U))
		return false;
	if (empty_one(window, WINDOW_WATCHED))
		kmap_debug_closed(pkmap_record(window));
	return true;
}

static __attribute__((noinline)) void kunmap_slow(struct page *page, void *caller)
{
	uint32_t irq = spin_lock_irqsave(&pkmap.lock);
	struct pkmap_window *window = pkmap_named_window(page);
	bool left = window != NULL && leave_watched(window);

	spin_unlock_irqrestore(&pkmap.lock, irq);
	if (!left)
		tell_page(KMAP_NOT_SHOWN, page, window, caller);
}

void kunmap_high(struct page *page)
{
	struct pkmap_window *window = pkmap_named_window(page);

	if (unlikely(window == NULL || !change_users(window, 1, WINDOW_WATCHED, -1U)))
		kunmap_slow(page, __builtin_return_address(0));
}

/* --- for the page allocator ------------------------------------------------------------------ */

/* Interrupts are let in after a look at so many windows, or after emptying fewer. */
#define BLOCK_LOOKS (PKMAP_WINDOWS / 4)

/* From a window on, the next one that shows a page of a block; `end`: there is none before that. */
static inline struct pkmap_window *next_of_block(struct pkmap_window *window,
						 const struct pkmap_window *end,
						 const struct page *head, uint32_t pages)
{
	for (; window < end; window++)
		if ((uintptr_t)window->page - (uintptr_t)head < pages * sizeof(struct page))
			break;
	return window;
}

static inline const struct pkmap_window *looks_end(const struct pkmap_window *from)
{
	return from < pkmap_windows + PKMAP_WINDOWS - BLOCK_LOOKS ? from + BLOCK_LOOKS
								  : pkmap_windows + PKMAP_WINDOWS;
}

/*
 * Empty the windows of a block from one on, some at a time, and tell the TLBs once. Returns the window
 * to go on with. *used: one that is in use.
 */
static struct pkmap_window *empty_block(struct pkmap_window *from, const struct page *head,
					uint32_t pages, struct pkmap_window **used)
{
	const struct pkmap_window *end = looks_end(from);
	struct pkmap_window *window = next_of_block(from, end, head, pages);
	struct pkmap_window anchor = { .next_empty = NULL }, *last = &anchor;

	for (uint32_t count = 0; window < end && count < EMPTIED_MOST / 2; count++) {
		if (shut(window, 0))
			last = clear_window(window, last);
		else
			*used = window;
		window = next_of_block(window + 1, end, head, pages);
	}
	if (last != &anchor)
		add_empty(anchor.next_empty, last);
	return window;
}

/* Returns a window that is in use. A lock at a time: nobody sees that kept windows are emptied. */
static struct pkmap_window *forget_block(struct page *head, uint32_t pages)
{
	struct pkmap_window *window = pkmap_windows, *end = window + PKMAP_WINDOWS, *used = NULL;

	do {
		uint32_t irq = spin_lock_irqsave(&pkmap.lock);

		window = empty_block(window, head, pages, &used);
		if (window == end && used == NULL)
			set_window_bits(head, 0);
		spin_unlock_irqrestore(&pkmap.lock, irq);
	} while (window != end);
	return used;
}

/* The window that a single page names is the only one. Returns it if it is in use. */
static struct pkmap_window *forget_single(struct pkmap_window *window)
{
	uint32_t irq = spin_lock_irqsave(&pkmap.lock);
	bool gone = empty_one(window, 0);

	spin_unlock_irqrestore(&pkmap.lock, irq);
	return gone ? NULL : window;
}

static bool forget_windows(struct page *head, void *caller)
{
	struct pkmap_window *named = pkmap_named_window(head), *used;
	uint32_t pages = 1U << page_order(head);

	used = pages == 1 && named != NULL ? forget_single(named) : forget_block(head, pages);
	if (used != NULL)
		tell_page(KMAP_FREED, used->page, used, caller);
	return used == NULL;
}

/* The struct pages were written anew. */
static void name_again(struct page *page, unsigned int order)
{
	struct pkmap_window *window = pkmap_windows;
	uint32_t pages = 1U << order;

	while (window < pkmap_windows + PKMAP_WINDOWS) {
		const struct pkmap_window *end = looks_end(window);
		uint32_t irq = spin_lock_irqsave(&pkmap.lock);

		while ((window = next_of_block(window, end, page, pages)) < end) {
			name_window(window->page, pkmap_number(window));
			window++;
		}
		spin_unlock_irqrestore(&pkmap.lock, irq);
	}
}

/* --- start ----------------------------------------------------------------------------------- */

static phys_addr_t tables, tables_end;

static phys_addr_t supply_quarter(void)
{
	phys_addr_t table = tables;

	if (table == tables_end)
		return 0;
	tables += SZ_1K;
	return table;
}

/* A table comes with the first page that is mapped in its megabyte, and stays when that goes. */
bool kmap_take_memory(void)
{
	phys_addr_t page = memblock_phys_alloc(PAGE_SIZE, PAGE_SIZE);

	if (page == 0 || !kmap_debug_start())
		return false;
	tables = page;
	tables_end = page + PAGE_SIZE;
	for (uintptr_t virt = PKMAP_BASE; virt < PKMAP_BASE + SZ_4M; virt += SECTION_SIZE)
		if (!mmu_map(virt, page, PAGE_SIZE, MEMORY_NORMAL, RIGHTS_READ, supply_quarter) ||
		    !mmu_unmap(virt, PAGE_SIZE, NULL))
			return false;
	return true;
}

/* All four stay in place; their entries lie in a row. Returns the first. */
static uint32_t *take_tables(void)
{
	for (uintptr_t virt = PKMAP_BASE + SECTION_SIZE; virt < PKMAP_BASE + SZ_4M;
	     virt += SECTION_SIZE)
		mmu_window_entry(virt);
	return mmu_window_entry(PKMAP_BASE);
}

void pkmap_init(void)
{
	pkmap = (struct pkmap){
		.first_empty = pkmap_windows,
		.last_empty = pkmap_windows + PKMAP_WINDOWS - 1,
		.cursor = pkmap_windows,
		.entries = take_tables(),
		.first_users = kmap_records != NULL ? WINDOW_WATCHED + 1 : 1,
		.single_key = pkmap_key(page_boot_number | PAGE_ALLOCATED),
	};
	for (uint32_t number = 0; number < PKMAP_WINDOWS; number++)
		pkmap_windows[number] = (struct pkmap_window){
			.users = WINDOW_SHUT,
			.next_empty =
				number + 1 < PKMAP_WINDOWS ? &pkmap_windows[number + 1] : NULL,
		};
	page_forget_window_hook = forget_windows;
	page_split_window_hook = name_again;
}
