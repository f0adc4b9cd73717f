/* SPDX-License-Identifier: MIT */
/* The core: vectors, parking, firmware calls. */
#include "arch/cpu.h"
#include "arch/arm/cp15.h"
#include "arch/layout.h"

#define MIDR_PART(midr) (((midr) >> 4) & 0xfff)
#define PART_CORTEX_A7  0xc07
#define PART_CORTEX_A15 0xc0f

/* vectors.S and probe.S */
void exception_setup(void);
uint32_t probe_pending(void);

void cpu_install_vectors(void)
{
	exception_setup();
	cp15_write_vbar(VECTORS_BASE); /* the first tables map the page there */
	isb();
	probe_pending(); /* what a boot loader touched and nobody asked about is not our fault */
}

void cpu_park(void)
{
	for (;;)
		asm volatile("wfi");
}

uint32_t cpu_midr(void)
{
	return cp15_read_midr();
}

void cpu_clean_and_drop_line(const volatile void *address)
{
	cp15_write_dccimvac((uint32_t)(uintptr_t)address);
	asm volatile("dsb sy" ::: "memory");
}

uint32_t cpu_peripheral_base(void)
{
	uint32_t part = MIDR_PART(cp15_read_midr());

	if (part != PART_CORTEX_A7 && part != PART_CORTEX_A15)
		return 0;
	return cp15_read_cbar() & 0xffff8000U;
}

uint32_t cpu_firmware_call(enum firmware_conduit conduit, uint32_t function, uint32_t argument)
{
	register uint32_t r0 asm("r0") = function;
	register uint32_t r1 asm("r1") = argument;
	register uint32_t r2 asm("r2") = 0;
	register uint32_t r3 asm("r3") = 0;

	if (conduit == CONDUIT_HVC)
		asm volatile(".arch_extension virt\n\thvc #0"
			     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
			     :
			     : "memory", "r12");
	else
		asm volatile(".arch_extension sec\n\tsmc #0"
			     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
			     :
			     : "memory", "r12");
	return r0;
}

/* The line is that of the Cortex-A7's instruction side, the smallest there is (CTR.IminLine). */
#define LINE_BYTES 32U

void cpu_sync_instructions(uintptr_t address, size_t bytes)
{
	uint64_t end = (uint64_t)address + bytes;

	for (uint64_t line = ALIGN_DOWN(address, LINE_BYTES); line < end; line += LINE_BYTES)
		cp15_write_dccmvau((uint32_t)line);
	dsb_ish();
	cp15_write_icialluis(0);
	cp15_write_bpiallis(0);
	dsb_ish();
	isb();
}
