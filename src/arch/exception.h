/* SPDX-License-Identifier: MIT */
/*
 * Exceptions, as far as the CPU knows them. What to do about one is decided above: exception_report
 * is declared here and implemented in kern.
 */
#ifndef STRATA_ARCH_EXCEPTION_H
#define STRATA_ARCH_EXCEPTION_H

#include "lib/types.h"

enum exception_kind {
	EXCEPTION_UNDEFINED,
	EXCEPTION_SVC,
	EXCEPTION_PREFETCH_ABORT,
	EXCEPTION_DATA_ABORT,
	EXCEPTION_IRQ,
	EXCEPTION_FIQ,
};

/* The interrupted core's registers; vectors.S lays out r to cpsr. */
struct exception_frame {
	uint32_t r[13];
	uint32_t sp;
	uint32_t lr;
	uint32_t pc;
	uint32_t cpsr;
	uint32_t fault_status;  /* DFSR or IFSR; aborts only */
	uint32_t fault_address; /* DFAR or IFAR; aborts only */
};

/* Up-call, on the exception stack, interrupts masked. Does not return. */
void exception_report(enum exception_kind kind, const struct exception_frame *frame)
	__attribute__((noreturn));

#endif
