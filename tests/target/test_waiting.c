/* SPDX-License-Identifier: MIT */
/*
 * Waiting for memory on the running system: all lowmem is used up first, so who asks waits for somebody
 * who frees, for the time to be up, or for everybody else to wait, too. And what may wait says so,
 * wherever it is called where it may not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kern/callout.h"
#include "kern/console.h"
#include "kern/mutex.h"
#include "kern/param.h"
#include "kern/selftest.h"
#include "kern/thread.h"
#include "mm/obj/atomic_sleep.h"
#include "mm/obj/cache.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page_wait.h"
#include "mm/virt/vmalloc.h"

#include "page_watch.h"

#define HIGH    THREAD_PRIORITY_HIGH
#define NORMAL  THREAD_PRIORITY_NORMAL
#define LOW     THREAD_PRIORITY_LOW
#define PATIENT "60s" /* whatever the host does: nobody's time is up */

/* --- around each test ------------------------------------------------------------------------- */

static uint32_t timeout_before_ms;
static bool preemption_before;

static void set_timeout(const char *value)
{
	const struct boot_param *param;

	for_each_table_entry(param, boot_params)
		if (strcmp(param->name, "alloc_timeout") == 0)
			EXPECT(param->parse(value) == NULL);
}

static void settle(void)
{
	vm_unmap_aliases();
	caches_shrink(GFP_KERNEL, 0);
}

static void waiting_begin(void)
{
	pause_failing();
	settle();
	begin();
	preemption_before = thread_set_preemption(true);
	timeout_before_ms = page_wait_timeout_ms();
}

static void waiting_end(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32 "ms", timeout_before_ms);
	set_timeout(text);
	EXPECT(page_wait_timeout_ms() == timeout_before_ms);
	EXPECT(!somebody_waits_for_pages());
	thread_set_preemption(preemption_before);
	settle();
	end();
	resume_failing();
}

/* --- memory that somebody has ------------------------------------------------------------------ */

/* A block's first words: the next block's and its own order. */
struct taken {
	struct taken *next;
	unsigned int order;
};

static struct taken *taken, *single;

static bool take(struct taken **list, gfp_t gfp, unsigned int order)
{
	struct taken *block = (struct taken *)__get_free_pages(gfp | __GFP_NOWARN, order);

	if (block == NULL)
		return false;
	*block = (struct taken){ *list, order };
	*list = block;
	return true;
}

static void free_first(struct taken **list)
{
	struct taken *block = *list;

	*list = block->next;
	free_pages((uintptr_t)block, block->order);
}

/* Also what patient requests get by giving caches up. Nobody waits meanwhile. */
static void use_up(void)
{
	set_timeout("0");
	taken = single = NULL;
	EXPECT(take(&single, GFP_KERNEL, 0));
	for (int order = PAGE_ORDER_MAX; order >= 0; order--)
		while (take(&taken, GFP_KERNEL, (unsigned int)order))
			;
	refusals = 0;
}

static void free_a_page(void)
{
	EXPECT(single != NULL);
	if (single != NULL)
		free_first(&single);
}

static void free_all(void)
{
	while (single != NULL)
		free_first(&single);
	while (taken != NULL)
		free_first(&taken);
}

/* --- who asks ------------------------------------------------------------------------------------ */

struct request {
	gfp_t gfp;
	unsigned int order;
	uint32_t keep_ms;  /* before it gives the page back */
	struct page *page; /* what it got; it may be somebody else's by now */
	bool over;
	uint64_t took_ns;
	struct page_wait wait; /* when it was refused */
};

static struct completion gate;

static void ask(struct request *request)
{
	uint64_t start_ns = clock_ns();

	request->page = alloc_pages(request->gfp, request->order);
	request->took_ns = clock_ns() - start_ns;
	request->wait = last_refusal.wait;
	request->over = true;
}

/* Its stack must be there before memory is used up. */
static int ask_in_thread(void *argument)
{
	struct request *request = argument;

	wait_for_completion(&gate);
	ask(request);
	if (request->page != NULL) {
		if (request->keep_ms != 0)
			msleep(request->keep_ms);
		__free_pages(request->page, request->order);
	}
	return 0;
}

static struct thread *asker(const char *name, unsigned int priority, struct request *request)
{
	struct thread *thread = thread_run(name, priority, ask_in_thread, request);

	EXPECT(thread != NULL);
	return thread;
}

/* --- served --------------------------------------------------------------------------------------- */

SELFTEST(waiting, served_when_another_frees)
{
	struct request request = { .gfp = GFP_KERNEL };
	struct thread *thread;

	waiting_begin();
	init_completion(&gate);
	thread = asker("asker", HIGH, &request);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	EXPECT(!request.over && somebody_waits_for_pages());
	msleep(30); /* looking again does not help */
	EXPECT(!request.over);
	free_a_page();
	EXPECT(request.over && request.page != NULL);
	thread_join(thread);
	free_all();
	waiting_end();
}

static struct callout freer;

static void free_in_handler(struct callout *callout)
{
	(void)callout;
	free_a_page();
}

SELFTEST(waiting, served_when_a_handler_frees)
{
	struct request request = { .gfp = GFP_KERNEL };
	struct thread *thread;
	uint64_t end_ns;

	waiting_begin();
	init_completion(&gate);
	thread = asker("asker", HIGH, &request);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	EXPECT(!request.over);
	callout_init(&freer, free_in_handler);
	callout_start(&freer, clock_ns() + NS_PER_MS);
	end_ns = clock_ns() + 20 * NS_PER_S;
	while (!*(volatile bool *)&request.over && clock_ns() < end_ns)
		;
	EXPECT(request.over && request.page != NULL);
	thread_join(thread);
	free_all();
	waiting_end();
}

/* Two pages that are no block of two do not do; all of memory does. */
SELFTEST(waiting, served_when_a_block_comes_together)
{
	struct request request = { .gfp = GFP_KERNEL, .order = PAGE_COSTLY_ORDER };
	struct thread *thread;

	waiting_begin();
	init_completion(&gate);
	thread = asker("asker", HIGH, &request);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	EXPECT(!request.over);
	free_a_page();
	EXPECT(!request.over);
	free_all();
	EXPECT(request.over && request.page != NULL);
	thread_join(thread);
	waiting_end();
}

/* --- not served ------------------------------------------------------------------------------------ */

static int go_on(void *unused)
{
	(void)unused;
	while (!thread_should_stop())
		msleep(10);
	return 0;
}

SELFTEST(waiting, until_the_time_is_up)
{
	struct request request = { .gfp = GFP_KERNEL };
	struct thread *thread;

	waiting_begin();
	thread = thread_run("others", HIGH, go_on, NULL);
	use_up();
	set_timeout("200ms");
	ask(&request);
	EXPECT(request.page == NULL);
	EXPECT(request.took_ns >= 200 * NS_PER_MS && request.wait.waited_ms >= 200);
	EXPECT(request.took_ns < 20 * NS_PER_S && !request.wait.gave_up);
	set_timeout("0");
	ask(&request);
	EXPECT(request.page == NULL && request.wait.waited_ms == 0);
	thread_stop(thread);
	thread_join(thread);
	free_all();
	waiting_end();
}

/* The report, by who prints it. */
SELFTEST(waiting, the_report_says_how_long)
{
	struct request request = { .gfp = GFP_KERNEL };
	struct thread *thread;

	waiting_begin();
	thread = thread_run("others", HIGH, go_on, NULL);
	use_up();
	set_timeout("50ms");
	ask(&request);
	EXPECT(request.page == NULL && request.wait.waited_ms >= 50);
	tell_refusal_as_usual();
	thread_stop(thread);
	thread_join(thread);
	free_all();
	waiting_end();
}

SELFTEST(waiting, the_youngest_goes_without)
{
	struct request requests[2] = { { .gfp = GFP_KERNEL }, { .gfp = GFP_KERNEL } };
	struct request own = { .gfp = GFP_KERNEL };
	struct thread *threads[2];

	waiting_begin();
	init_completion(&gate);
	threads[0] = asker("older", HIGH, &requests[0]);
	threads[1] = asker("younger", HIGH, &requests[1]);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	EXPECT(!requests[0].over && !requests[1].over);
	/* All wait now: the younger one gives up, frees nothing, ends; then the older one. */
	ask(&own);
	EXPECT(requests[1].over && requests[1].page == NULL && requests[1].wait.gave_up);
	EXPECT(requests[0].over && requests[0].page == NULL && requests[0].wait.gave_up);
	/* Nobody is left to wait for. */
	EXPECT(own.over && own.page == NULL && own.wait.gave_up);
	EXPECT(own.took_ns < 20 * NS_PER_S);
	thread_join(threads[0]);
	thread_join(threads[1]);
	free_all();
	waiting_end();
}

/* What the youngest one frees on its way back is enough for the other. */
static int ask_and_free_another(void *argument)
{
	struct request *request = argument;

	wait_for_completion(&gate);
	ask(request);
	free_a_page();
	return 0;
}

SELFTEST(waiting, who_gives_up_helps_the_others)
{
	struct request older = { .gfp = GFP_KERNEL }, younger = { .gfp = GFP_KERNEL };
	struct thread *threads[2];

	waiting_begin();
	init_completion(&gate);
	threads[0] = asker("older", HIGH, &older);
	threads[1] = thread_run("younger", HIGH, ask_and_free_another, &younger);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	thread_join(threads[1]);
	thread_join(threads[0]);
	EXPECT(younger.page == NULL && younger.wait.gave_up);
	EXPECT(older.page != NULL);
	free_all();
	waiting_end();
}

/*
 * A page is freed for two that wait, and who freed it waits at once, before they could look: the older one
 * has it then, goes on, and gives it back. So not everybody waited, and the younger one is served.
 */
SELFTEST(waiting, who_was_woken_goes_on)
{
	struct request requests[2] = { { .gfp = GFP_KERNEL, .keep_ms = 30 },
				       { .gfp = GFP_KERNEL } };
	struct thread *threads[2];

	waiting_begin();
	init_completion(&gate);
	threads[0] = asker("older", LOW, &requests[0]);
	threads[1] = asker("younger", LOW, &requests[1]);
	use_up();
	set_timeout(PATIENT);
	complete_all(&gate);
	msleep(5);
	EXPECT(!requests[0].over && !requests[1].over);
	free_a_page();
	thread_join(threads[0]);
	thread_join(threads[1]);
	EXPECT(requests[0].page != NULL);
	EXPECT(requests[1].page != NULL);
	free_all();
	waiting_end();
}

/* --- who does not wait ------------------------------------------------------------------------------ */

static void expect_at_once(gfp_t gfp, unsigned int order)
{
	struct request request = { .gfp = gfp, .order = order };
	struct thread_snapshot before, after;

	while (alloc_pages(gfp | __GFP_NOWARN, order) != NULL)
		EXPECT(!"memory was out");
	thread_snapshot(1, &before);
	ask(&request);
	thread_snapshot(1, &after);
	EXPECT(request.page == NULL && request.wait.waited_ms == 0);
	EXPECT(before.switches == after.switches);
}

static void use_up_reserves(void)
{
	while (take(&taken, GFP_ATOMIC, 0))
		;
}

SELFTEST(waiting, who_does_not)
{
	struct request request = { .gfp = GFP_ATOMIC };
	struct thread *thread;
	uint32_t irq;

	waiting_begin();
	thread = thread_run("others", HIGH, go_on, NULL);
	use_up();
	set_timeout(PATIENT);
	thread_set_preemption(false);
	expect_at_once(GFP_KERNEL | __GFP_NORETRY, 0);
	expect_at_once(GFP_NOWAIT, 0);
	expect_at_once(GFP_KERNEL, PAGE_COSTLY_ORDER + 1);
	use_up_reserves();
	expect_at_once(GFP_ATOMIC, 0);
	expect_at_once(GFP_ATOMIC, 1);
	irq = local_irq_save();
	ask(&request);
	local_irq_restore(irq);
	EXPECT(request.page == NULL && request.wait.waited_ms == 0);
	thread_set_preemption(true);
	thread_stop(thread);
	thread_join(thread);
	free_all();
	waiting_end();
}

/* If a zone keeps all of itself back, no free page will ever be enough. */
SELFTEST(waiting, what_can_never_fit)
{
	uint32_t min_pages[MAX_NR_ZONES];
	struct thread *thread;

	waiting_begin();
	thread = thread_run("others", HIGH, go_on, NULL);
	use_up();
	set_timeout(PATIENT);
	thread_set_preemption(false);
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++) {
		min_pages[i] = zones[i].marks.min_pages;
		zones[i].marks.min_pages = zones[i].managed_pages;
	}
	expect_at_once(GFP_KERNEL, 0);
	expect_at_once(GFP_KERNEL, PAGE_COSTLY_ORDER);
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		zones[i].marks.min_pages = min_pages[i];
	thread_set_preemption(true);
	thread_stop(thread);
	thread_join(thread);
	free_all();
	waiting_end();
}

/* --- where one may not wait -------------------------------------------------------------------- */

static const char handler[] = "in an interrupt handler";

static struct mutex mutex;
static struct wait_queue queue;
static void *area, *another_area;

static void call_vmalloc(void)
{
	void *another = vmalloc(PAGE_SIZE);

	if (another != NULL)
		another_area = another;
}

static void call_vfree(void)
{
	vfree(area);
	area = NULL;
}

static void call_kmalloc(void)
{
	kfree(kmalloc(100, GFP_KERNEL));
}

static void call_alloc_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	if (page != NULL)
		__free_page(page);
}

static void call_mutex_lock(void)
{
	mutex_lock(&mutex);
	mutex_unlock(&mutex);
}

static void call_msleep(void)
{
	msleep(0);
}

/* Even if the condition is true already: next time it may not be. */
static void call_wait_event(void)
{
	wait_event(&queue, true);
}

static const struct call {
	const char *what;
	void (*run)(void);
} calls[] = {
	{ "vmalloc", call_vmalloc },
	{ "vfree", call_vfree },
	{ "kmalloc or kmem_cache_alloc without GFP_ATOMIC", call_kmalloc },
	{ "alloc_pages without GFP_ATOMIC", call_alloc_pages },
	{ "mutex_lock", call_mutex_lock },
	{ "sleep", call_msleep },
	{ "wait_event", call_wait_event },
};

static uint32_t told;
static struct sleep_misuse first_told;

static void note_told(const struct sleep_misuse *misuse)
{
	if (told++ == 0)
		first_told = *misuse;
}

/* What handlers may never do, vmalloc refuses by itself. */
static void note_refused(const struct vmalloc_misuse *misuse)
{
	if (misuse->kind == VMALLOC_IN_INTERRUPT)
		note_told(&(struct sleep_misuse){ misuse->call, handler, misuse->caller });
}

static void prepare_call(void)
{
	told = 0;
	if (area == NULL)
		area = vmalloc(PAGE_SIZE);
	EXPECT(area != NULL);
	vfree(another_area);
	another_area = NULL;
	atomic_sleep_set(true);
}

/* why NULL: nobody is told. */
static void expect_told(const struct call *call, const char *why)
{
	bool good = why == NULL
			    ? told == 0
			    : told != 0 && strcmp(first_told.what, call->what) == 0 &&
				      strcmp(first_told.why, why) == 0 && first_told.caller != 0;

	if (!good)
		console_printf("    # %s %s: told %" PRIu32 " times, %s %s\n", call->what,
			       why != NULL ? why : "where it may", told,
			       told != 0 ? first_told.what : "", told != 0 ? first_told.why : "");
	EXPECT(good);
	prepare_call();
}

static struct calling {
	struct callout callout; /* first */
	const struct call *call;
	struct completion done;
} calling;

static void call_in_handler(struct callout *callout)
{
	struct calling *this = (struct calling *)callout;

	this->call->run();
	complete(&this->done);
}

static void call_everywhere(const struct call *call)
{
	uint32_t irq;

	prepare_call();
	call->run();
	expect_told(call, NULL);
	preempt_disable();
	call->run();
	preempt_enable();
	expect_told(call, "with preemption disabled");
	irq = local_irq_save();
	call->run();
	local_irq_restore(irq);
	expect_told(call, "with interrupts masked");
	calling.call = call;
	init_completion(&calling.done);
	callout_init(&calling.callout, call_in_handler);
	callout_start(&calling.callout, clock_ns());
	wait_for_completion(&calling.done);
	/* A handler's vfree is made good later on. */
	expect_told(call, call->run == call_vfree ? NULL : handler);
}

SELFTEST(waiting, told_where_one_may_not)
{
	void (*sleep_hook_before)(const struct sleep_misuse *misuse) = might_sleep_hook;
	void (*vmalloc_hook_before)(const struct vmalloc_misuse *misuse) = vmalloc_misuse_hook;
	bool checked_before = atomic_sleep_checked;

	waiting_begin();
	might_sleep_hook = note_told;
	vmalloc_misuse_hook = note_refused;
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++)
		call_everywhere(&calls[i]);
	vfree(area);
	area = NULL;
	atomic_sleep_set(checked_before);
	might_sleep_hook = sleep_hook_before;
	vmalloc_misuse_hook = vmalloc_hook_before;
	waiting_end();
}
