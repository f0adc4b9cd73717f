/* SPDX-License-Identifier: MIT */
/*
 * failslab=: requests for objects that are refused on purpose (kern/fail_point.h says how). While on,
 * all magazines are closed, so that each request passes here; while off, nothing costs anything.
 */
#ifndef STRATA_MM_OBJ_OBJECT_FAIL_H
#define STRATA_MM_OBJ_OBJECT_FAIL_H

#include "kern/fail_point.h"

extern struct fail_point object_fail;

/* Whether it is on. What failslab= asked for is, once slab_init has run. */
extern bool objects_fail;
void objects_fail_set(bool on);

/* What failslab= asked for, at the end of the boot. */
void objects_fail_start(void);

#endif
