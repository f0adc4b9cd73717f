/* SPDX-License-Identifier: MIT */
/* The core itself: stopping it, asking its firmware, knowing its make. */
#ifndef STRATA_ARCH_CPU_H
#define STRATA_ARCH_CPU_H

#include "lib/types.h"

/*
 * Point the exception vectors at handlers that report and stop. Needs the log, not a console.
 * Afterwards asynchronous aborts are let through; one that waited from before is dropped.
 */
void cpu_install_vectors(void);

/*
 * For spin locks: sleep until another core sends an event (or an interrupt or nothing at all comes),
 * and send one, after what was written is seen by all (ARM DDI 0406C B1.8.13).
 */
static inline void cpu_wait_for_event(void)
{
	__asm__ volatile("wfe" ::: "memory");
}

static inline void cpu_send_event(void)
{
	__asm__ volatile("dsb ishst\n\tsev" ::: "memory");
}

/* Wait for ever, using no time of the host. */
void cpu_park(void) __attribute__((noreturn));

/*
 * End the emulator with this exit status (0 to 255), if there is one that listens (QEMU with
 * semihosting). Returns if not.
 */
void cpu_exit_emulator(uint32_t status);

/* MIDR: implementer, part and revision (ARM DDI 0406C B4.1.105). */
uint32_t cpu_midr(void);

/*
 * Where this core says that its private peripherals lie (CBAR, Cortex-A7 TRM 4.3.9): a hint of the
 * board that does not depend on the device tree. 0 on other cores.
 */
uint32_t cpu_peripheral_base(void);

/*
 * Write the data cache line of `address` back to memory and forget it (DCCIMVAC, ARM DDI 0406C
 * B4.2.1), complete on return: for a line that a device reads or writes.
 */
void cpu_clean_and_drop_line(const volatile void *address);

/*
 * Make what was written to a range visible to instruction fetches of all cores: data cache to the point
 * of unification, instruction caches and branch predictors forgotten (ARM DDI 0406C B2.2.7). The
 * range is mapped, and does not wrap.
 */
void cpu_sync_instructions(uintptr_t address, size_t bytes);

enum firmware_conduit { CONDUIT_HVC, CONDUIT_SMC };

/* Call the firmware by the SMC calling convention (ARM DEN 0028), arguments in r0 to r3. */
uint32_t cpu_firmware_call(enum firmware_conduit conduit, uint32_t function, uint32_t argument);

/*
 * Where a core sleeps that is not used: to be branched to at its physical address, never called. One
 * cache line.
 */
extern const uint32_t secondary_park[];
#define SECONDARY_PARK_BYTES 64U

#endif
