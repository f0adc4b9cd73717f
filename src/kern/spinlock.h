/* SPDX-License-Identifier: MIT */
/*
 * Locks between cores. First come, first served: who wants in takes a number and waits until it is
 * shown (a ticket lock, as Linux's on ARM), so that none of four cores starves and the longest wait
 * is three holders.
 *
 * Held with interrupts masked, always: a handler may want the same lock. A lock of zeros is free.
 */
#ifndef STRATA_KERN_SPINLOCK_H
#define STRATA_KERN_SPINLOCK_H

#include "arch/cpu.h"
#include "arch/irqflags.h"
#include "lib/types.h"

struct spinlock {
	union {
		uint32_t tickets; /* both halves, for taking a number */
		struct {
			uint16_t owner; /* the number that is shown */
			uint16_t next;  /* the number that comes next */
		};
	};
};

/* Interrupts must be masked. What was written under the lock before is seen from here on. */
static inline void spin_lock(struct spinlock *lock)
{
	uint32_t before = __atomic_fetch_add(&lock->tickets, 1U << 16, __ATOMIC_RELAXED);
	uint16_t mine = (uint16_t)(before >> 16);

	/* Both halves alike, in one comparison with a rotated operand. */
	if (__builtin_expect(before != (before << 16 | before >> 16), 0))
		while (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) != mine)
			cpu_wait_for_event();
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->owner, (uint16_t)(lock->owner + 1), __ATOMIC_RELEASE);
	cpu_send_event();
}

static inline uint32_t spin_lock_irqsave(struct spinlock *lock)
{
	uint32_t flags = local_irq_save();

	spin_lock(lock);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, uint32_t flags)
{
	spin_unlock(lock);
	local_irq_restore(flags);
}

static inline bool spin_is_locked(const struct spinlock *lock)
{
	return lock->owner != lock->next;
}

#endif
