/* SPDX-License-Identifier: MIT */
#include "mm/obj/atomic_sleep.h"

#include "kern/param.h"
#include "lib/size.h"
#include "mm/obj/cache.h"
#include "mm/phys/page_alloc.h"

bool atomic_sleep_checked;

static const char *parse_debug_atomic_sleep(const char *value)
{
	return parse_switch(value, &atomic_sleep_checked);
}
BOOT_PARAM(debug_atomic_sleep, parse_debug_atomic_sleep, "0|1",
	   "tell every GFP_KERNEL request that is made where one may not wait");

void atomic_sleep_set(bool on)
{
	if (on == atomic_sleep_checked)
		return;
	atomic_sleep_checked = on;
	page_alloc_divert(on);
	caches_divert(on);
}

void atomic_sleep_start(void)
{
	bool wanted = atomic_sleep_checked;

	atomic_sleep_checked = false;
	atomic_sleep_set(wanted);
}
