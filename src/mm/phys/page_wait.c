/* SPDX-License-Identifier: MIT */
#include "mm/phys/page_wait.h"

#include <string.h>

#include "kern/clock.h"
#include "kern/param.h"
#include "kern/thread.h"
#include "mm/phys/magazine.h"
#include "mm/phys/page_alloc.h"

/*
 * Objects that are freed stay with their caches and nobody is told: after so long, who waits looks
 * whether caches have something to give back by now.
 */
#define LOOK_AGAIN_NS   (20 * NS_PER_MS)

#define TIMEOUT_MS_MOST 3600000U

struct wait_queue page_waiters;
static uint32_t timeout_ms = 1000;

/* "2", "2s" and "2000ms" are the same. */
static const char *parse_alloc_timeout(const char *value)
{
	uint32_t number = 0;
	const char *at = value;

	for (; at != NULL && *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint32_t)(*at - '0');
		if (number > TIMEOUT_MS_MOST)
			return "is longer than an hour";
	}
	if (at == value || (strcmp(at, "") != 0 && strcmp(at, "s") != 0 && strcmp(at, "ms") != 0))
		return "expects seconds, such as 2, or milliseconds, such as 500ms; 0 for no "
		       "waiting";
	if (strcmp(at, "ms") != 0 && number > TIMEOUT_MS_MOST / 1000)
		return "is longer than an hour";
	timeout_ms = strcmp(at, "ms") == 0 ? number : number * 1000;
	return NULL;
}
BOOT_PARAM(alloc_timeout, parse_alloc_timeout, "SECONDS|MSms",
	   "how long a GFP_KERNEL request waits for memory before it is refused; 1 by default");

uint32_t page_wait_timeout_ms(void)
{
	return timeout_ms;
}

void page_wait_tell(void)
{
	wake_up_all(&page_waiters);
}

/* With every page of a zone free, there would be enough above what the zone keeps back. */
static bool can_ever_fit(gfp_t gfp, unsigned int order)
{
	enum zone_type class_zone = gfp_classes[gfp & GFP_CLASS_MASK].zone;
	const struct route_stop *stop = zone_routes[gfp & GFP_CLASS_MASK].stops;

	for (; stop->zone != NULL; stop++)
		if (stop->zone->managed_pages >= page_min_for(stop->zone, gfp) +
							 stop->zone->marks.protection[class_zone] +
							 (1U << order))
			return true;
	return false;
}

bool page_wait_would_help(gfp_t gfp, unsigned int order)
{
	/* Of those who wait already, a younger one gives up, and may free something. */
	return timeout_ms != 0 && may_sleep() &&
	       (thread_others_go_on() || somebody_waits_for_pages()) && can_ever_fit(gfp, order);
}

struct page *page_wait_for(gfp_t gfp, unsigned int order,
			   struct page *(*try)(gfp_t gfp, unsigned int order),
			   struct page_wait *wait)
{
	uint64_t start_ns = clock_ns(), deadline_ns = start_ns + timeout_ms * NS_PER_MS, now_ns;
	struct waiter waiter = { 0 };
	struct page *page;

	page_alloc_divert(true);
	thread_set_starving(true);
	for (;;) {
		wait_prepare(&page_waiters, &waiter);
		page = try(gfp, order);
		now_ns = clock_ns();
		if (page != NULL || thread_gave_up() || now_ns >= deadline_ns)
			break;
		wait_for_waking(&waiter, deadline_ns - now_ns < LOOK_AGAIN_NS
						 ? deadline_ns
						 : now_ns + LOOK_AGAIN_NS);
	}
	wait_finish(&waiter);
	wait->waited_ms = (uint32_t)((now_ns - start_ns) / NS_PER_MS);
	wait->gave_up = thread_gave_up();
	thread_set_starving(false);
	page_alloc_divert(false);
	return page;
}
