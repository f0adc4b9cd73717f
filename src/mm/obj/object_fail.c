/* SPDX-License-Identifier: MIT */
#include "mm/obj/object_fail.h"

#include "kern/param.h"
#include "mm/obj/cache.h"

struct fail_point object_fail;
bool objects_fail;
static bool wanted;

static const char *parse_failslab(const char *value)
{
	const char *wrong = fail_point_parse(&object_fail, value != NULL ? value : "");

	if (wrong == NULL)
		wanted = true;
	return wrong;
}
BOOT_PARAM(failslab, parse_failslab, "nth:N,every:N,probability:P,caller:F,...",
	   "refuse objects on purpose, to see what becomes of who asks");

void objects_fail_set(bool on)
{
	objects_fail = on;
	caches_divert(on);
}

void objects_fail_start(void)
{
	objects_fail_set(wanted);
}
