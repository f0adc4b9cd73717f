/* SPDX-License-Identifier: MIT */
#include "kern/mutex.h"

#include "kern/context.h"
#include "kern/thread.h"

void (*mutex_misuse_hook)(const struct mutex_misuse *misuse);

static void tell(const struct mutex *mutex, bool unlock, uintptr_t caller)
{
	const struct mutex_misuse misuse = {
		.mutex = mutex,
		.unlock = unlock,
		.owner = mutex->owner,
		.caller = caller,
	};

	if (mutex_misuse_hook != NULL)
		mutex_misuse_hook(&misuse);
}

/* Before the threads are started nobody else can want it. */
bool mutex_trylock(struct mutex *mutex)
{
	uint32_t irq = local_irq_save();
	bool taken = mutex->owner == NULL;

	if (taken)
		mutex->owner = thread_current();
	local_irq_restore(irq);
	return taken;
}

/* Whoever unlocked it may have handed it over. */
static bool take(struct mutex *mutex)
{
	struct thread *current = thread_current();

	return (current != NULL && mutex->owner == current) || mutex_trylock(mutex);
}

/* Handed over by mutex_unlock: a look at the owner is the condition. */
void mutex_lock(struct mutex *mutex)
{
	uint32_t irq;
	bool mine;

	might_sleep("mutex_lock");
	irq = local_irq_save();
	mine = mutex->owner != NULL && mutex->owner == thread_current();
	mutex->again += mine;
	local_irq_restore(irq);
	if (mine)
		tell(mutex, false, (uintptr_t)__builtin_return_address(0));
	else if (!mutex_trylock(mutex))
		wait_event(&mutex->queue, take(mutex));
}

void mutex_unlock(struct mutex *mutex)
{
	uint32_t irq = local_irq_save();

	if (mutex->owner != thread_current()) {
		local_irq_restore(irq);
		tell(mutex, true, (uintptr_t)__builtin_return_address(0));
		return;
	}
	if (mutex->again != 0) {
		mutex->again--;
		local_irq_restore(irq);
		return;
	}
	mutex->owner = mutex->queue.first != NULL ? mutex->queue.first->thread : NULL;
	local_irq_restore(irq);
	wake_up(&mutex->queue);
}
