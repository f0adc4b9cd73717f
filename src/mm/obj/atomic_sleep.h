/* SPDX-License-Identifier: MIT */
/*
 * debug_atomic_sleep=1 (Linux: CONFIG_DEBUG_ATOMIC_SLEEP): every request for pages or objects that may
 * wait, made where the caller may not, is told to might_sleep_hook (kern/context.h), even if it is
 * served at once. Without it those are told that take a slow path. While it is on, the magazines of
 * pages and objects are closed, so that all do.
 */
#ifndef STRATA_MM_OBJ_ATOMIC_SLEEP_H
#define STRATA_MM_OBJ_ATOMIC_SLEEP_H

#include "lib/types.h"

/* What is on, or wanted until atomic_sleep_start. */
extern bool atomic_sleep_checked;

/* Once objects are served. */
void atomic_sleep_start(void);

void atomic_sleep_set(bool on);

#endif
