/* SPDX-License-Identifier: MIT */
/*
 * Threads on the running system: who runs when, who waits for what, and that a thread finds everything
 * as it left it. Nothing here depends on how fast the emulator is, but that time goes on.
 */
#include <errno.h>
#include <string.h>

#include "kern/callout.h"
#include "kern/console.h"
#include "kern/mutex.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/obj/cache.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/zone.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#define NORMAL THREAD_PRIORITY_NORMAL
#define HIGH   THREAD_PRIORITY_HIGH
#define LOW    THREAD_PRIORITY_LOW

/* --- around each test ------------------------------------------------------------------------- */

static bool preemption_before;

static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
}

/* Whatever preempt= says, tests say themselves. */
static void threads_begin(bool preemption)
{
	pause_failing();
	settle();
	begin();
	preemption_before = thread_set_preemption(preemption);
}

static void threads_end(void)
{
	thread_set_preemption(preemption_before);
	settle();
	end();
	resume_failing();
}

/* --- what happened, in order -------------------------------------------------------------------- */

static char trail[64];
static unsigned int trail_length;

static void trail_start(void)
{
	trail_length = 0;
	trail[0] = '\0';
}

static void note(char step)
{
	uint32_t irq = local_irq_save();

	if (trail_length < sizeof(trail) - 1) {
		trail[trail_length++] = step;
		trail[trail_length] = '\0';
	}
	local_irq_restore(irq);
}

static bool trail_is(const char *expected)
{
	const char *seen = trail;

	while (*expected != '\0' && *seen == *expected)
		seen++, expected++;
	if (*seen == *expected)
		return true;
	console_printf("    # it was %s\n", trail);
	return false;
}

static int note_once(void *step)
{
	note((char)(uintptr_t)step);
	return (int)(uintptr_t)step;
}

#define STEP(step_) ((void *)(uintptr_t)(step_))

/* --- running and joining ---------------------------------------------------------------------- */

SELFTEST(threads, results_and_names)
{
	struct thread *thread;

	threads_begin(false);
	trail_start();
	thread = thread_run("a name that is too long", NORMAL, note_once, STEP('a'));
	EXPECT(thread != NULL);
	if (thread != NULL) {
		EXPECT(trail_is(""));
		EXPECT(strcmp(thread_name(thread), "a name that is ") == 0);
		EXPECT(thread_join(thread) == 'a');
		EXPECT(trail_is("a"));
	}
	EXPECT(thread_run("none", THREAD_PRIORITY_IDLE, note_once, NULL) == NULL);
	EXPECT(thread_run("none", THREAD_PRIORITIES, note_once, NULL) == NULL);
	EXPECT(thread_join(thread_current()) == -EDEADLK);
	threads_end();
}

/* Whether it was over before an equal's turn could come. */
static bool run_by_priority(void)
{
	struct thread *low, *normal, *high;
	uint64_t start_ns = clock_ns(), end_ns;

	trail_start();
	low = thread_run("low", LOW, note_once, STEP('l'));
	normal = thread_run("normal", NORMAL, note_once, STEP('n'));
	high = thread_run("high", HIGH, note_once, STEP('h'));
	note('m'); /* the high one ran before it was returned */
	end_ns = clock_ns();
	thread_yield();
	note('m');
	EXPECT(thread_join(high) == 'h' && thread_join(normal) == 'n' && thread_join(low) == 'l');
	return end_ns - start_ns < THREAD_SLICE_NS / 2;
}

/* Again where the host kept the emulator waiting meanwhile. */
SELFTEST(threads, priorities)
{
	threads_begin(true);
	while (!run_by_priority())
		;
	EXPECT(trail_is("hmnml"));
	threads_end();
}

/* A slice can end between any two of these when the host is busy: so preemption is off. */
static int note_and_yield(void *step)
{
	for (unsigned int i = 0; i < 3; i++) {
		note((char)(uintptr_t)step);
		thread_yield();
	}
	return 0;
}

SELFTEST(threads, turns_by_yielding)
{
	struct thread *a, *b;

	threads_begin(false);
	trail_start();
	a = thread_run("a", NORMAL, note_and_yield, STEP('a'));
	b = thread_run("b", NORMAL, note_and_yield, STEP('b'));
	thread_join(a);
	thread_join(b);
	EXPECT(trail_is("ababab"));
	threads_end();
}

SELFTEST(threads, preemption_off_and_disabled)
{
	struct thread *thread;

	threads_begin(false);
	trail_start();
	thread = thread_run("high", HIGH, note_once, STEP('h'));
	note('m');
	thread_set_preemption(true); /* what was not noted is made up for */
	note('n');
	EXPECT(trail_is("mhn"));
	thread_join(thread);
	trail_start();
	preempt_disable();
	preempt_disable();
	thread = NULL;
	EXPECT(!may_sleep());
	preempt_enable();
	EXPECT(!may_sleep());
	preempt_enable();
	EXPECT(may_sleep());
	threads_end();
}

/* Runs without ever giving up the core. */
static int spin(void *counter)
{
	while (!thread_should_stop())
		++*(volatile uint32_t *)counter;
	return 0;
}

SELFTEST(threads, turns_by_the_timer)
{
	uint32_t counters[2] = { 0 };
	struct thread *a, *b;
	uint64_t start_ns;

	threads_begin(true);
	EXPECT(callout_works());
	a = thread_run("spin-a", LOW, spin, &counters[0]);
	b = thread_run("spin-b", LOW, spin, &counters[1]);
	start_ns = clock_ns();
	while ((counters[0] == 0 || counters[1] == 0) && clock_ns() - start_ns < 20 * NS_PER_S)
		msleep(20);
	EXPECT(counters[0] != 0 && counters[1] != 0);
	thread_stop(a);
	thread_stop(b);
	EXPECT(thread_join(a) == 0 && thread_join(b) == 0);
	threads_end();
}

#define CPSR_A_I_F 0x1c0U

static uint32_t read_masks(void)
{
	uint32_t cpsr;

	asm volatile("mrs %0, cpsr" : "=r"(cpsr)::"memory");
	return cpsr & CPSR_A_I_F;
}

/* An interrupt masks asynchronous aborts too; who left by a call comes back as he was. */
SELFTEST(threads, masks_stay_with_a_thread)
{
	uint32_t counter = 0, before, after = 0;
	struct thread *spinner;

	threads_begin(true);
	spinner = thread_run("spin", LOW, spin, &counter);
	asm volatile("cpsie a" ::: "memory");
	before = read_masks();
	for (unsigned int i = 0; i < 3; i++) {
		msleep(2); /* the spinner is interrupted by the end of that */
		after |= read_masks();
	}
	EXPECT(after == before);
	asm volatile("cpsie a" ::: "memory");
	thread_stop(spinner);
	thread_join(spinner);
	threads_end();
}

SELFTEST(threads, a_changed_priority_counts_at_once)
{
	struct thread *a, *b;

	threads_begin(true);
	trail_start();
	a = thread_run("a", LOW, note_once, STEP('a'));
	b = thread_run("b", LOW, note_once, STEP('b'));
	EXPECT(!thread_set_priority(b, THREAD_PRIORITY_IDLE));
	EXPECT(!thread_set_priority(b, THREAD_PRIORITIES));
	EXPECT(thread_set_priority(b, HIGH));
	note('m');
	thread_join(a);
	thread_join(b);
	EXPECT(trail_is("bma"));
	threads_end();
}

static bool comes_while_spinning(const char *expected)
{
	uint64_t end_ns = clock_ns() + 20 * NS_PER_S;

	while (*(volatile unsigned int *)&trail_length == 0 && clock_ns() < end_ns)
		;
	return trail_is(expected);
}

/* Equals take turns also when it is a changed priority that makes them equal. */
SELFTEST(threads, a_changed_priority_makes_turns)
{
	struct thread *thread;

	threads_begin(true);
	trail_start();
	thread = thread_run("raised", LOW, note_once, STEP('r'));
	thread_set_priority(thread, NORMAL);
	EXPECT(comes_while_spinning("r"));
	thread_join(thread);
	trail_start();
	thread = thread_run("equal", LOW, note_once, STEP('e'));
	thread_set_priority(thread_current(), LOW);
	EXPECT(comes_while_spinning("e"));
	thread_set_priority(thread_current(), NORMAL);
	thread_join(thread);
	threads_end();
}

/* --- time --------------------------------------------------------------------------------------- */

#define SLEEPERS 3U

static uint64_t latest_start_ns;

/* 90, 60 and 30 ms. */
static int sleep_and_note(void *number)
{
	uint32_t wanted_ms = 90 - 30 * (uint32_t)(uintptr_t)number;
	uint64_t start_ns = clock_ns();

	latest_start_ns = start_ns;
	msleep(wanted_ms);
	note((char)('0' + (uintptr_t)number));
	return clock_ns() - start_ns >= wanted_ms * NS_PER_MS;
}

/* Whether all began early enough that the shortest ends first. */
static bool sleep_together(void)
{
	struct thread *threads[SLEEPERS];
	uint64_t start_ns = clock_ns();

	trail_start();
	for (uint32_t i = 0; i < SLEEPERS; i++)
		threads[i] = thread_run("sleeper", HIGH, sleep_and_note, (void *)(uintptr_t)i);
	for (uint32_t i = 0; i < SLEEPERS; i++)
		EXPECT(thread_join(threads[i]) == 1);
	return latest_start_ns - start_ns < 20 * NS_PER_MS;
}

/* Again where the host kept the emulator waiting meanwhile. */
SELFTEST(threads, sleep)
{
	threads_begin(true);
	while (!sleep_together())
		;
	EXPECT(trail_is("210"));
	threads_end();
}

static int sleep_long(void *unused)
{
	(void)unused;
	msleep(1000000);
	return thread_should_stop() ? 7 : 8;
}

SELFTEST(threads, stop_wakes_a_sleeper)
{
	struct thread *thread;

	threads_begin(true);
	thread = thread_run("sleeper", HIGH, sleep_long, NULL);
	thread_stop(thread);
	EXPECT(thread_join(thread) == 7);
	/* Before it sleeps. */
	thread = thread_run("sleeper", LOW, sleep_long, NULL);
	thread_stop(thread);
	EXPECT(thread_join(thread) == 7);
	threads_end();
}

/* --- wait queues, completions, mutexes ---------------------------------------------------------- */

static struct wait_queue queue;
static uint32_t tokens;

static int take_token(void *step)
{
	wait_event(&queue, tokens != 0);
	tokens--;
	note((char)(uintptr_t)step);
	return 0;
}

SELFTEST(threads, woken_in_order)
{
	struct thread *threads[3];

	threads_begin(true);
	trail_start();
	tokens = 0;
	for (unsigned int i = 0; i < 3; i++)
		threads[i] = thread_run("waiter", HIGH, take_token, STEP('a' + i));
	wake_up(&queue); /* for nothing: it waits again, behind the others */
	EXPECT(trail_is(""));
	for (unsigned int i = 0; i < 3; i++) {
		tokens++;
		wake_up(&queue);
	}
	for (unsigned int i = 0; i < 3; i++)
		thread_join(threads[i]);
	EXPECT(trail_is("bca") && wait_queue_is_empty(&queue));
	EXPECT(!wait_event_timeout(&queue, tokens != 0, 2 * NS_PER_MS));
	EXPECT(wait_queue_is_empty(&queue));
	threads_end();
}

/* Whoever looks at it finds it false, and it becomes true and is told before he can wait. */
static uint32_t looks;

static bool true_after_a_look(void)
{
	bool before = looks++ != 0;

	wake_up(&queue);
	return before;
}

SELFTEST(threads, no_waking_is_lost)
{
	uint64_t start_ns;

	threads_begin(true);
	looks = 0;
	start_ns = clock_ns();
	EXPECT(wait_event_timeout(&queue, true_after_a_look(), 60 * NS_PER_S));
	EXPECT(looks == 2 && clock_ns() - start_ns < 30 * NS_PER_S);
	EXPECT(wait_queue_is_empty(&queue));
	threads_end();
}

SELFTEST(threads, preempt_enable_makes_up)
{
	struct thread *thread;

	threads_begin(true);
	trail_start();
	tokens = 0;
	thread = thread_run("waiter", HIGH, take_token, STEP('h'));
	preempt_disable();
	tokens++;
	wake_up(&queue);
	EXPECT(trail_is(""));
	preempt_disable();
	preempt_enable();
	EXPECT(trail_is(""));
	preempt_enable();
	EXPECT(trail_is("h"));
	thread_join(thread);
	threads_end();
}

static struct completion done;

static void complete_it(struct callout *callout)
{
	(void)callout;
	complete(&done);
}

SELFTEST(threads, completion_by_a_handler)
{
	struct callout callout;

	threads_begin(true);
	init_completion(&done);
	callout_init(&callout, complete_it);
	callout_start(&callout, clock_ns() + NS_PER_MS);
	wait_for_completion(&done);
	EXPECT(!try_wait_for_completion(&done));
	EXPECT(!wait_for_completion_timeout(&done, NS_PER_MS));
	complete_all(&done);
	wait_for_completion(&done);
	EXPECT(try_wait_for_completion(&done));
	threads_end();
}

static struct mutex mutex;
static unsigned int mutex_misuses;
static struct mutex_misuse last_mutex_misuse;

static void note_mutex_misuse(const struct mutex_misuse *misuse)
{
	mutex_misuses++;
	last_mutex_misuse = *misuse;
}

static int lock_and_note(void *step)
{
	mutex_lock(&mutex);
	note((char)(uintptr_t)step);
	thread_yield();
	note((char)(uintptr_t)step);
	mutex_unlock(&mutex);
	return 0;
}

/* Who waits for it has it as soon as it is unlocked, also if he cannot run yet. */
SELFTEST(threads, a_mutex_is_handed_over)
{
	struct thread *thread;
	bool stolen;

	threads_begin(true);
	trail_start();
	mutex_lock(&mutex);
	thread = thread_run("next", HIGH, lock_and_note, STEP('n'));
	preempt_disable();
	mutex_unlock(&mutex);
	stolen = mutex_trylock(&mutex);
	preempt_enable();
	EXPECT(!stolen);
	if (stolen)
		mutex_unlock(&mutex);
	EXPECT(trail_is("nn") || trail_is("n"));
	thread_join(thread);
	EXPECT(trail_is("nn") && !mutex_is_locked(&mutex));
	threads_end();
}

static int unlock_anyway(void *unused)
{
	(void)unused;
	mutex_unlock(&mutex);
	return 0;
}

SELFTEST(threads, mutex)
{
	void (*hook_before)(const struct mutex_misuse *misuse) = mutex_misuse_hook;
	struct thread *a, *b, *thief;

	threads_begin(true);
	trail_start();
	mutex_misuse_hook = note_mutex_misuse;
	mutex_misuses = 0;
	mutex_lock(&mutex);
	EXPECT(!mutex_trylock(&mutex) && mutex_is_locked(&mutex));
	a = thread_run("a", HIGH, lock_and_note, STEP('a'));
	b = thread_run("b", HIGH, lock_and_note, STEP('b'));
	EXPECT(trail_is("") && mutex_misuses == 0);
	thief = thread_run("thief", HIGH, unlock_anyway, NULL);
	EXPECT(mutex_misuses == 1 && last_mutex_misuse.unlock &&
	       last_mutex_misuse.owner == thread_current());
	thread_join(thief);
	mutex_lock(&mutex); /* once more */
	EXPECT(mutex_misuses == 2 && !last_mutex_misuse.unlock);
	mutex_unlock(&mutex);
	EXPECT(mutex_is_locked(&mutex));
	mutex_unlock(&mutex);
	thread_join(a);
	thread_join(b);
	EXPECT(trail_is("aabb") && !mutex_is_locked(&mutex));
	EXPECT(mutex_trylock(&mutex));
	mutex_unlock(&mutex);
	EXPECT(mutex_misuses == 2);
	mutex_misuse_hook = hook_before;
	threads_end();
}

/* --- where one may not wait --------------------------------------------------------------------- */

static unsigned int sleep_misuses;
static struct sleep_misuse first_sleep_misuse;

/* The first: while all pages are watched, what it calls tells as well. */
static void note_sleep_misuse(const struct sleep_misuse *misuse)
{
	if (sleep_misuses++ == 0)
		first_sleep_misuse = *misuse;
}

static bool told(const char *what, const char *why)
{
	bool good = sleep_misuses != 0 && strcmp(first_sleep_misuse.what, what) == 0 &&
		    strcmp(first_sleep_misuse.why, why) == 0;

	if (!good)
		console_printf("    # %u times, %s %s\n", sleep_misuses,
			       sleep_misuses != 0 ? first_sleep_misuse.what : "",
			       sleep_misuses != 0 ? first_sleep_misuse.why : "");
	sleep_misuses = 0;
	return good;
}

static bool may_sleep_in_handler;

static void lock_in_handler(struct callout *callout)
{
	(void)callout;
	may_sleep_in_handler = may_sleep();
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	complete(&done);
}

SELFTEST(threads, sleep_where_one_may_not)
{
	void (*hook_before)(const struct sleep_misuse *misuse) = might_sleep_hook;
	struct callout callout;
	void *area;
	uint32_t irq;

	threads_begin(true);
	might_sleep_hook = note_sleep_misuse;
	sleep_misuses = 0;
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	EXPECT(sleep_misuses == 0);
	preempt_disable();
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
	preempt_enable();
	EXPECT(told("mutex_lock", "with preemption disabled"));
	irq = local_irq_save();
	area = vmalloc(PAGE_SIZE);
	local_irq_restore(irq);
	EXPECT(told("vmalloc", "with interrupts masked") && area != NULL);
	irq = local_irq_save();
	vfree(area);
	local_irq_restore(irq);
	EXPECT(told("vfree", "with interrupts masked"));
	init_completion(&done);
	callout_init(&callout, lock_in_handler);
	callout_start(&callout, clock_ns());
	wait_for_completion(&done);
	EXPECT(told("mutex_lock", "in an interrupt handler") && !may_sleep_in_handler);
	might_sleep_hook = hook_before;
	threads_end();
}

/* --- stacks and windows ------------------------------------------------------------------------- */

static int use_stack(void *unused)
{
	volatile char room[3000];

	(void)unused;
	room[0] = room[2999] = 1;
	note(room[0] == 1 ? 'u' : '?');
	while (!thread_should_stop())
		msleep(1000);
	return 0;
}

SELFTEST(threads, high_water)
{
	struct thread_snapshot snapshot;
	struct thread *thread;
	uint32_t number = 0;

	threads_begin(true);
	thread = thread_run("deep", HIGH, use_stack, NULL);
	while (thread_snapshot(number, &snapshot) && strcmp(snapshot.name, "deep") != 0)
		number = snapshot.number + 1;
	EXPECT(strcmp(snapshot.name, "deep") == 0);
	EXPECT(snapshot.used_bytes > 3000 && snapshot.used_bytes < 3700 &&
	       snapshot.stack_bytes <= CONFIG_STACK_SIZE);
	EXPECT(snapshot.state == THREAD_SLEEPING && snapshot.timed && !snapshot.running);
	thread_stop(thread);
	thread_join(thread);
	threads_end();
}

/* Two windows open in the inverse order of the pages, while others have theirs. */
static int show_pages(void *argument)
{
	struct page *const *pages = argument;
	uint32_t *first, *second;
	int wrong = 0;

	for (unsigned int i = 0; i < 50; i++) {
		first = kmap_local_pfn(page_to_pfn(pages[0]));
		first[1] = i;
		second = kmap_local_pfn(page_to_pfn(pages[1]));
		second[1] = i + 1;
		thread_yield();
		wrong += first[0] != page_to_pfn(pages[0]) || first[1] != i ||
			 second[0] != page_to_pfn(pages[1]) || second[1] != i + 1;
		kunmap_local(second);
		thread_yield();
		wrong += first[0] != page_to_pfn(pages[0]);
		kunmap_local(first);
	}
	return wrong;
}

SELFTEST(threads, windows_are_each_threads_own)
{
	struct page *pages[3][2] = { { NULL } };
	struct thread *threads[3];

	threads_begin(true);
	for (unsigned int i = 0; i < 6; i++) {
		struct page *page = alloc_page(GFP_HIGHUSER);
		uint32_t *words;

		EXPECT(page != NULL);
		pages[i / 2][i % 2] = page;
		words = kmap_local_pfn(page_to_pfn(page));
		words[0] = page_to_pfn(page);
		kunmap_local(words);
	}
	for (unsigned int i = 0; i < 3; i++)
		threads[i] = thread_run("windows", NORMAL, show_pages, pages[i]);
	for (unsigned int i = 0; i < 3; i++)
		EXPECT(thread_join(threads[i]) == 0);
	for (unsigned int i = 0; i < 6; i++)
		__free_page(pages[i / 2][i % 2]);
	threads_end();
}
