/* SPDX-License-Identifier: MIT */
/* The core: vectors, parking, firmware calls. */
#include "arch/cpu.h"
#include "arch/arm/cp15.h"
#include "arch/exception.h"

#define MIDR_PART(midr) (((midr) >> 4) & 0xfff)
#define PART_CORTEX_A7  0xc07
#define PART_CORTEX_A15 0xc0f

extern char exception_vectors[];

void exception_entry(enum exception_kind kind, struct exception_frame *frame);

/* From vectors.S: add what only CP15 knows. */
void exception_entry(enum exception_kind kind, struct exception_frame *frame)
{
	bool data = kind == EXCEPTION_DATA_ABORT;

	frame->fault_status = data ? cp15_read_dfsr() : cp15_read_ifsr();
	frame->fault_address = data ? cp15_read_dfar() : cp15_read_ifar();
	exception_report(kind, frame);
}

void cpu_install_vectors(void)
{
	cp15_write_vbar((uint32_t)(uintptr_t)exception_vectors);
	isb();
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
