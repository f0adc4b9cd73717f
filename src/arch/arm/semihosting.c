/* SPDX-License-Identifier: MIT */
/*
 * Ending the host's emulator, by Arm's semihosting (release 3): hlt 0xf000 with an operation in r0.
 *
 * Nothing tells whether anybody listens: without a listener, and on hardware, the instruction is
 * undefined. probe.S tries it, and a fault only means no. With a debugger attached to real hardware
 * (halting debug enabled) it stops there, which is what a person with a debugger wants.
 */
#include "arch/cpu.h"

#define SYS_EXIT_EXTENDED            0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

/* probe.S */
uint32_t probe_semihosting(uint32_t operation, const void *parameter);

void cpu_exit_emulator(uint32_t status)
{
	const uint32_t reason[2] = { ADP_STOPPED_APPLICATION_EXIT, status };

	probe_semihosting(SYS_EXIT_EXTENDED, reason);
}
