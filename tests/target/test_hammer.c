/* SPDX-License-Identifier: MIT */
/*
 * All allocators at once, from threads of several priorities that preempt each other anywhere, while
 * callouts come at any moment and take and give back as well. Every block is filled by its owner with
 * what no other block holds, and looked at before it is given back.
 *
 * Everything is drawn from a seed, and what happened, in its order and with its addresses, is folded into
 * a number: counting instructions, the same seed gives the same number.
 */
#include <inttypes.h>

#include "bench.h"
#include "kern/callout.h"
#include "kern/console.h"
#include "kern/mutex.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/obj/cache.h"
#include "mm/phys/page_alloc.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#include "insist.h"

#define THREADS         6U
#define HANDLERS        3U
#define OWNERS          (THREADS + HANDLERS)
#define SLOTS           10U
#define OPERATIONS      300U
#define SHARED          4U
#define AREA_PAGES_MOST 5U
#define COMPUTE_ROUNDS  200U

enum block_kind { NONE, PAGES, WINDOW, OBJECT, KMALLOC, AREA, BLOCK_KINDS };

struct block {
	enum block_kind kind;
	bool filled;
	unsigned int order; /* of PAGES */
	uint32_t bytes;
	uint32_t sequence;
	struct page *page; /* of PAGES and WINDOW */
	void *memory;      /* of all others, and where a WINDOW is */
};

struct owner {
	struct callout callout; /* of a handler; first, so that it leads here */
	uint32_t number;
	uint32_t random;
	uint32_t sequence;
	uint32_t taken, refused, wrong;
	uint32_t held[SHARED]; /* references to shared pages */
	struct block blocks[SLOTS];
};

static struct owner owners[OWNERS];
static struct page *shared[SHARED];
static struct kmem_cache *cache;
static struct completion gate;
static struct mutex mutex;
static struct wait_queue queue;
static uint32_t tokens, inside, entered, computed;
static bool over;

/*
 * What threads have done and handlers may do for it. Where the emulator takes longer for an interrupt
 * than lies between two, threads would hardly ever run.
 */
#define CREDIT_FOR_OPERATION 6U
#define NO_CREDIT_NS         (500 * NS_PER_US)

static uint32_t credit;

static uint32_t draw(struct owner *me, uint32_t below)
{
	return bench_next(&me->random) % below;
}

/* --- what happened ------------------------------------------------------------------------------ */

static struct {
	uint32_t hash, events, turns;
	const struct owner *last;
} trail;

static void note(const struct owner *me, uintptr_t what)
{
	uint32_t irq = local_irq_save();

	trail.hash = (trail.hash ^ (uint32_t)what) * 0x01000193U;
	trail.hash = (trail.hash << 5 | trail.hash >> 27) ^ me->number;
	trail.events++;
	trail.turns += trail.last != me;
	trail.last = me;
	local_irq_restore(irq);
}

/* The first one of each owner says what it was. */
static void complain(struct owner *me, const struct block *block, const char *what)
{
	if (me->wrong++ == 0)
		console_printf("    # owner %" PRIu32 ", block %" PRIu32 " of kind %d: %s\n",
			       me->number, block->sequence, (int)block->kind, what);
}

/* --- patterns ------------------------------------------------------------------------------------ */

/*
 * Small ones hold it in every word, large ones in a word of each cache line; a handler's in some words, for
 * interrupts are masked meanwhile.
 */
static uint32_t stride(const struct owner *me, uint32_t bytes)
{
	if (me->number > THREADS)
		return bytes / 64 + 1;
	return bytes <= 512 ? 1 : 16;
}

static uint32_t word_of(const struct owner *me, const struct block *block, uintptr_t address)
{
	return ((uint32_t)address * 0x9e3779b1U ^ block->sequence * 0x01000193U) + me->number;
}

/* `address` stands for the place: of pages, their physical address. */
static void fill(const struct owner *me, const struct block *block, void *memory, uintptr_t address,
		 uint32_t bytes)
{
	volatile uint32_t *words = memory;

	for (uint32_t i = 0; i < bytes / 4; i += stride(me, bytes))
		words[i] = word_of(me, block, address + 4 * i);
}

static bool is_as_filled(const struct owner *me, const struct block *block, const void *memory,
			 uintptr_t address, uint32_t bytes)
{
	const volatile uint32_t *words = memory;
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < bytes / 4; i += stride(me, bytes))
		wrong |= words[i] ^ word_of(me, block, address + 4 * i);
	return wrong == 0;
}

/* By a window of this core, also for lowmem: its owner is interrupted and preempted while it is open. */
static bool touch_pages(struct owner *me, const struct block *block, bool write)
{
	bool good = true;

	for (uint32_t i = 0; i < 1U << block->order; i++) {
		uint32_t pfn = page_to_pfn(block->page + i);
		void *window = kmap_local_pfn(pfn);

		if (window == NULL)
			return false;
		if (write)
			fill(me, block, window, (uintptr_t)pfn << PAGE_SHIFT, PAGE_SIZE);
		if (me->number <= THREADS && draw(me, 8) == 0)
			thread_yield();
		good = is_as_filled(me, block, window, (uintptr_t)pfn << PAGE_SHIFT, PAGE_SIZE) &&
		       good;
		kunmap_local(window);
	}
	return good;
}

static void touch(struct owner *me, struct block *block, bool write)
{
	uintptr_t address = block->page != NULL ? (uintptr_t)page_to_phys(block->page)
						: (uintptr_t)block->memory;
	bool good;

	block->filled = true;
	if (block->kind == PAGES) {
		good = touch_pages(me, block, write);
	} else {
		if (write)
			fill(me, block, block->memory, address, block->bytes);
		good = is_as_filled(me, block, block->memory, address, block->bytes);
	}
	if (!good)
		complain(me, block, write ? "does not hold what was written" : "was written to");
}

/* --- taking and giving back ------------------------------------------------------------------- */

static gfp_t draw_gfp(struct owner *me, bool handler)
{
	static const gfp_t kinds[] = { GFP_KERNEL,   GFP_DMA,
				       GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE,
				       GFP_ATOMIC,   GFP_KERNEL | __GFP_RECLAIMABLE };
	gfp_t gfp = handler ? GFP_ATOMIC : kinds[draw(me, ARRAY_SIZE(kinds))];

	if (handler && draw(me, 2) == 0)
		gfp |= __GFP_HIGHMEM;
	if (!handler && draw(me, 16) == 0)
		gfp |= __GFP_ZERO;
	return gfp | __GFP_NOWARN;
}

static void take_pages(struct owner *me, struct block *block, bool handler)
{
	block->order = handler ? 0 : draw(me, 8) == 0 ? draw(me, 6) : draw(me, 2);
	block->page = alloc_pages(draw_gfp(me, handler), block->order);
}

static void take_window(struct owner *me, struct block *block)
{
	block->page = alloc_page(draw_gfp(me, false));
	if (block->page == NULL)
		return;
	block->memory = kmap(block->page);
	block->bytes = PAGE_SIZE;
	if (block->memory == NULL) {
		__free_page(block->page);
		block->page = NULL;
	}
}

static void take_memory(struct owner *me, struct block *block, bool handler)
{
	gfp_t gfp = (handler ? GFP_ATOMIC : GFP_KERNEL) | __GFP_NOWARN;

	if (block->kind == OBJECT) {
		block->bytes = (uint32_t)kmem_cache_size(cache);
		block->memory = kmem_cache_alloc(cache, gfp);
	} else if (block->kind == KMALLOC) {
		block->bytes =
			4 + (draw(me, 8) == 0 ? draw(me, handler ? 4000 : 20000) : draw(me, 700));
		block->memory = kmalloc(block->bytes, gfp);
	} else {
		block->bytes = 4 + draw(me, AREA_PAGES_MOST * PAGE_SIZE);
		block->memory = vmalloc(block->bytes);
	}
}

static void take(struct owner *me, struct block *block, bool handler)
{
	static const enum block_kind for_handlers[] = { PAGES, OBJECT, KMALLOC };

	*block = (struct block){
		.kind = handler ? for_handlers[draw(me, 3)]
				: (enum block_kind)(1 + draw(me, BLOCK_KINDS - 1)),
		.sequence = ++me->sequence,
	};
	if (block->kind == PAGES)
		take_pages(me, block, handler);
	else if (block->kind == WINDOW)
		take_window(me, block);
	else
		take_memory(me, block, handler);
	note(me,
	     block->page != NULL ? (uintptr_t)page_to_phys(block->page) : (uintptr_t)block->memory);
	if (block->page == NULL && block->memory == NULL) {
		block->kind = NONE;
		me->refused++;
		return;
	}
	me->taken++;
	/* A handler fills it when it comes by again: it masks interrupts meanwhile. */
	if (!handler)
		touch(me, block, true);
}

static void give_back(struct owner *me, struct block *block)
{
	if (block->filled)
		touch(me, block, false);
	note(me, (uintptr_t)block->kind);
	switch (block->kind) {
	case PAGES:
		__free_pages(block->page, block->order);
		break;
	case WINDOW:
		kunmap(block->page);
		__free_page(block->page);
		break;
	case OBJECT:
		kmem_cache_free(cache, block->memory);
		break;
	case KMALLOC:
		kfree(block->memory);
		break;
	default:
		vfree(block->memory);
	}
	block->kind = NONE;
}

static void take_or_give_back(struct owner *me, bool handler)
{
	struct block *block = &me->blocks[draw(me, SLOTS)];

	if (block->kind == NONE)
		take(me, block, handler);
	else if (!block->filled)
		touch(me, block, true);
	else
		give_back(me, block);
}

/* --- what everybody shares -------------------------------------------------------------------- */

static void hold_or_let_go(struct owner *me)
{
	uint32_t i = draw(me, SHARED);

	if (me->held[i] != 0 && draw(me, 2) == 0) {
		put_page(shared[i]);
		me->held[i]--;
	} else {
		get_page(shared[i]);
		me->held[i]++;
	}
}

static void look_at_shared(struct owner *me)
{
	struct block block = { .kind = WINDOW, .page = shared[draw(me, SHARED)] };
	const uint32_t *words = kmap(block.page);

	if (words != NULL && words[0] != page_to_pfn(block.page))
		complain(me, &block, "a shared page's window shows another");
	if (words != NULL)
		kunmap(block.page);
}

static void enter(struct owner *me)
{
	struct block nothing = { .kind = NONE };

	mutex_lock(&mutex);
	if (inside++ != 0)
		complain(me, &nothing, "two have the mutex");
	take_or_give_back(me, false);
	entered++;
	inside--;
	mutex_unlock(&mutex);
}

/* More values than there are registers, all of which come to the same whoever runs in between. */
static __attribute__((noinline)) uint32_t compute(uint32_t rounds)
{
	uint32_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;

	while (rounds-- > 0) {
		a += b << 3;
		b ^= c + rounds;
		c -= d >> 1;
		d ^= e * 5;
		e += f;
		f ^= g << 7 | g >> 25;
		g += h;
		h ^= a;
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static void compute_again(struct owner *me)
{
	struct block nothing = { .kind = NONE };

	if (compute(COMPUTE_ROUNDS) != computed)
		complain(me, &nothing, "its registers were changed");
}

static bool take_token(void)
{
	uint32_t irq = local_irq_save();
	bool taken = tokens != 0;

	tokens -= taken;
	local_irq_restore(irq);
	return taken;
}

static void rest(struct owner *me)
{
	switch (draw(me, 3)) {
	case 0:
		thread_sleep_ns(draw(me, 60) * NS_PER_US);
		break;
	case 1:
		wait_event_timeout(&queue, take_token(), draw(me, 300) * NS_PER_US);
		break;
	default:
		thread_yield();
	}
}

static void let_all_go(struct owner *me)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (me->blocks[i].kind != NONE)
			give_back(me, &me->blocks[i]);
	for (uint32_t i = 0; i < SHARED; i++)
		for (; me->held[i] != 0; me->held[i]--)
			put_page(shared[i]);
}

/* --- threads and handlers --------------------------------------------------------------------- */

static int hammer(void *argument)
{
	struct owner *me = argument;

	wait_for_completion(&gate);
	for (uint32_t i = 0; i < OPERATIONS; i++) {
		take_or_give_back(me, false);
		hold_or_let_go(me);
		__atomic_fetch_add(&credit, CREDIT_FOR_OPERATION, __ATOMIC_RELAXED);
		if (draw(me, 8) == 0)
			look_at_shared(me);
		if (draw(me, 8) == 0)
			enter(me);
		if (draw(me, 8) == 0)
			compute_again(me);
		if (draw(me, 6) == 0)
			rest(me);
	}
	let_all_go(me);
	return 0;
}

/* As if a slice ended here. */
static void end_turn(void)
{
	this_cpu_context()->resched = 1;
}

/* How long until the next one. */
static uint64_t act_in_handler(struct owner *me)
{
	static uint64_t acted_ns;

	if (credit == 0)
		return NO_CREDIT_NS;
	/* One in an interrupt is enough: it masks others meanwhile. */
	if (clock_ns() - acted_ns < NS_PER_US)
		return NS_PER_US;
	__atomic_fetch_sub(&credit, 1, __ATOMIC_RELAXED);
	if (!in_interrupt() || may_sleep())
		complain(me, &me->blocks[0], "a handler is taken for a thread");
	/* One thing: others cannot interrupt it. */
	switch (draw(me, 4)) {
	case 0:
		hold_or_let_go(me);
		break;
	case 1:
		tokens++;
		wake_up(&queue);
		break;
	default:
		take_or_give_back(me, true);
	}
	if (draw(me, 4) == 0)
		end_turn();
	acted_ns = clock_ns();
	return (2 + draw(me, 11)) * NS_PER_US;
}

static void hammer_from_handler(struct callout *callout)
{
	uint64_t pause_ns = act_in_handler((struct owner *)callout);

	if (callout->period_ns == 0 && !over)
		callout_start(callout, clock_ns() + pause_ns);
}

/* --- a round ----------------------------------------------------------------------------------- */

static const unsigned int priorities[THREADS] = {
	THREAD_PRIORITY_LOW,    THREAD_PRIORITY_LOW,  THREAD_PRIORITY_NORMAL,
	THREAD_PRIORITY_NORMAL, THREAD_PRIORITY_HIGH, THREAD_PRIORITY_HIGH,
};

static void settle(void)
{
	vm_unmap_aliases();
	kmap_flush_unused();
	caches_shrink(GFP_KERNEL, 0);
}

static bool set_up(uint32_t seed)
{
	bool good = true;

	cache = kmem_cache_create("hammered", 120, 0, 0, NULL);
	for (uint32_t i = 0; i < SHARED; i++) {
		uint32_t *words;

		shared[i] = alloc_page(GFP_HIGHUSER);
		good = good && shared[i] != NULL;
		if (!good)
			continue;
		words = kmap_local_page(shared[i]);
		words[0] = page_to_pfn(shared[i]);
		kunmap_local(words);
	}
	for (uint32_t i = 0; i < OWNERS; i++) {
		owners[i] = (struct owner){ .number = i + 1, .random = seed * 0x9e3779b1U + i };
		callout_init(&owners[i].callout, hammer_from_handler);
	}
	trail.hash = trail.events = trail.turns = 0;
	trail.last = NULL;
	tokens = inside = entered = credit = 0;
	over = false;
	computed = compute(COMPUTE_ROUNDS);
	init_completion(&gate);
	return good && cache != NULL;
}

static void start_handlers(void)
{
	uint64_t now_ns = clock_ns();

	callout_start_periodic(&owners[THREADS].callout, now_ns + NS_PER_US, 37 * NS_PER_US);
	for (uint32_t i = THREADS + 1; i < OWNERS; i++)
		callout_start(&owners[i].callout, now_ns + i * NS_PER_US);
}

static void stop_handlers(void)
{
	over = true;
	for (uint32_t i = THREADS; i < OWNERS; i++)
		callout_stop(&owners[i].callout);
	for (uint32_t i = THREADS; i < OWNERS; i++)
		let_all_go(&owners[i]);
}

static void clean_up(void)
{
	for (uint32_t i = 0; i < SHARED; i++) {
		EXPECT(shared[i] == NULL || page_count(shared[i]) == 1);
		if (shared[i] != NULL)
			__free_page(shared[i]);
	}
	kmem_cache_destroy(cache);
}

static void run_threads(void)
{
	struct thread *threads[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i] = thread_run("hammer", priorities[i], hammer, &owners[i]);
		EXPECT(threads[i] != NULL);
	}
	resume_failing();
	start_handlers();
	complete_all(&gate);
	for (uint32_t i = 0; i < THREADS; i++)
		if (threads[i] != NULL)
			thread_join(threads[i]);
	stop_handlers();
}

static void say_what_happened(uint32_t seed)
{
	uint32_t taken[2] = { 0 }, refused = 0;

	for (uint32_t i = 0; i < OWNERS; i++) {
		EXPECT(owners[i].wrong == 0);
		EXPECT(owners[i].taken != 0 || refused_on_purpose());
		taken[i >= THREADS] += owners[i].taken;
		refused += owners[i].refused;
	}
	EXPECT(inside == 0 && entered != 0);
	console_printf("    # seed %" PRIu32 ": %" PRIu32 " blocks by threads, %" PRIu32
		       " by handlers, %" PRIu32 " refused, %" PRIu32 " turns; hash %08" PRIx32 "\n",
		       seed, taken[0], taken[1], refused, trail.turns, trail.hash);
}

static void run_round(uint32_t seed)
{
	bool preemption_before;

	pause_failing();
	settle();
	begin();
	preemption_before = thread_set_preemption(true);
	EXPECT(set_up(seed));
	if (cache != NULL && shared[SHARED - 1] != NULL) {
		run_threads();
		pause_failing();
	}
	clean_up();
	say_what_happened(seed);
	thread_set_preemption(preemption_before);
	settle();
	end();
	resume_failing();
}

SELFTEST(hammer, all_allocators)
{
	run_round(1);
}

SELFTEST(hammer, all_allocators_otherwise)
{
	run_round(2);
}

/* --- counters ------------------------------------------------------------------------------------ */

#define COUNTS 30000U

static uint32_t counter;

/* As an atomic addition, with a lot of time between LDREX and STREX. */
static void increment_slowly(uint32_t *number)
{
	uint32_t value, failed;

	__asm__ volatile("1:\tldrex %0, [%2]\n\t"
			 "add %0, %0, #1\n\t"
			 ".rept 40\n\tnop\n\t.endr\n\t"
			 "strex %1, %0, [%2]\n\t"
			 "cmp %1, #0\n\t"
			 "bne 1b"
			 : "=&r"(value), "=&r"(failed)
			 : "r"(number)
			 : "memory", "cc");
}

static int count(void *page)
{
	for (uint32_t i = 0; i < COUNTS; i++) {
		increment_slowly(&counter);
		get_page(page);
		__atomic_fetch_add(&counter, 2, __ATOMIC_RELAXED);
		put_page(page);
	}
	return 0;
}

/* When hardly anything was counted since the last time, the emulator is slow: it gets more time. */
static void end_turn_again(struct callout *callout)
{
	static uint32_t counter_before;
	struct owner *me = (struct owner *)callout;
	uint32_t pause_ns = 200 + draw(me, 400);

	if (counter - counter_before < 8)
		pause_ns *= 20;
	counter_before = counter;
	end_turn();
	wake_up(&mutex.queue); /* for nothing: who waits for it looks again */
	if (!over)
		callout_start(callout, clock_ns() + pause_ns);
}

/* What threads do to one number while turns end anywhere, within a few instructions of each other. */
static void take_turns(int (*function)(void *page), uint32_t number)
{
	struct thread *threads[3];
	bool preemption_before;

	pause_failing();
	settle();
	begin();
	preemption_before = thread_set_preemption(true);
	EXPECT(set_up(3));
	counter = 0;
	callout_init(&owners[0].callout, end_turn_again);
	for (uint32_t i = 0; i < number; i++)
		threads[i] = thread_run("count", THREAD_PRIORITY_LOW, function, shared[0]);
	callout_start(&owners[0].callout, clock_ns());
	for (uint32_t i = 0; i < number; i++)
		thread_join(threads[i]);
	over = true;
	callout_stop(&owners[0].callout);
	clean_up();
	thread_set_preemption(preemption_before);
	settle();
	end();
	resume_failing();
}

/*
 * Two that count take turns anywhere, also between an LDREX and its STREX: an interrupt that kept the
 * monitor open would let the second thread's LDREX vouch for the first one's STREX.
 */
SELFTEST(hammer, counters_lose_nothing)
{
	take_turns(count, 2);
	EXPECT(counter == 6 * COUNTS);
}

#define LOCKED_COUNTS 10000U

/* Nothing but the mutex keeps the others out. */
static uint32_t mutex_misuses;

static void note_misuse(const struct mutex_misuse *misuse)
{
	(void)misuse;
	mutex_misuses++;
}

static int count_locked(void *page)
{
	volatile uint32_t *number = &counter;

	(void)page;
	for (uint32_t i = 0; i < LOCKED_COUNTS; i++) {
		uint32_t value;

		mutex_lock(&mutex);
		value = *number;
		for (uint32_t wait = i % 64; wait-- > 0;)
			__asm__ volatile("");
		*number = value + 1;
		mutex_unlock(&mutex);
	}
	return 0;
}

/* With three there is one that comes for it just when it is handed from one to the other. */
SELFTEST(hammer, a_mutex_lets_in_one)
{
	void (*hook_before)(const struct mutex_misuse *misuse) = mutex_misuse_hook;

	mutex_misuses = 0;
	mutex_misuse_hook = note_misuse;
	take_turns(count_locked, 3);
	mutex_misuse_hook = hook_before;
	EXPECT(counter == 3 * LOCKED_COUNTS && !mutex_is_locked(&mutex) && mutex_misuses == 0);
}
