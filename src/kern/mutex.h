/* SPDX-License-Identifier: MIT */
/*
 * A lock that threads wait for. Zero is unlocked. Who unlocks hands it to the first who waits, so
 * nobody is passed over. Locked twice by its owner, or unlocked by another: told to mutex_misuse_hook;
 * the first of these would wait for ever and goes on instead, the second is not done.
 */
#ifndef STRATA_KERN_MUTEX_H
#define STRATA_KERN_MUTEX_H

#include "kern/wait.h"

struct mutex {
	struct thread *owner;
	uint32_t
		again; /* how often its owner locked it once more: as often it unlocks without effect */
	struct wait_queue queue;
};

/* Threads only. */
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* False: somebody has it. */
bool mutex_trylock(struct mutex *mutex);

static inline bool mutex_is_locked(const struct mutex *mutex)
{
	return mutex->owner != NULL;
}

struct mutex_misuse {
	const struct mutex *mutex;
	bool unlock; /* by another than its owner; false: locked again by its owner */
	const struct thread *owner; /* NULL: nobody had it */
	uintptr_t caller;
};

extern void (*mutex_misuse_hook)(const struct mutex_misuse *misuse);

#endif
