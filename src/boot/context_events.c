/* SPDX-License-Identifier: MIT */
#include "boot/context_events.h"

#include <inttypes.h>

#include "arch/cpu.h"
#include "kern/context.h"
#include "kern/irqsoff.h"
#include "kern/log.h"
#include "kern/mutex.h"
#include "kern/symbols.h"
#include "kern/thread.h"
#include "mm/virt/kmap.h"
#include "mm/virt/vmalloc.h"

static const char *name_of(const struct thread *thread)
{
	return thread != NULL ? thread_name(thread) : "nobody";
}

static void say_sleep(const struct sleep_misuse *misuse)
{
	pr_err("BUG: %s called %s: it may have to wait; call it from a thread that may, or use "
	       "GFP_ATOMIC\n",
	       misuse->what, misuse->why);
	pr_err("  from %s, thread %s\n", symbol_text(misuse->caller), name_of(thread_current()));
}

static void say_mutex(const struct mutex_misuse *misuse)
{
	if (misuse->unlock)
		pr_err("BUG: mutex %p unlocked by thread %s, but %s has it; nothing was done\n",
		       (const void *)misuse->mutex, name_of(thread_current()),
		       name_of(misuse->owner));
	else
		pr_err("BUG: mutex %p locked again by thread %s, who has it; nothing was done\n",
		       (const void *)misuse->mutex, name_of(thread_current()));
	pr_err("  from %s\n", symbol_text(misuse->caller));
}

/* Every window is in use: whoever has them needs time, not this core's attention. */
static bool wait_for_windows(void)
{
	if (!may_sleep() || !thread_others_go_on())
		return false;
	msleep(1);
	return true;
}

/* The text is read-only at its own address: by a window to its frame. */
static bool patch_instruction(uintptr_t address, uint32_t instruction)
{
	char *window = kmap_local_pfn(PFN_DOWN(virt_to_phys((const void *)address)));

	if (window == NULL)
		return false;
	*(volatile uint32_t *)(window + address % PAGE_SIZE) = instruction;
	kunmap_local(window);
	cpu_sync_instructions(address, sizeof(instruction));
	return true;
}

void context_events_attach(void)
{
	might_sleep_hook = say_sleep;
	mutex_misuse_hook = say_mutex;
	vmalloc_in_interrupt_hook = in_interrupt;
	irqsoff_patch_hook = patch_instruction;
	kmap_wait_hook = wait_for_windows;
}
