/* SPDX-License-Identifier: MIT */
/*
 * Exceptions, as far as the CPU knows them: what happened, and accesses that may fault. What to do
 * about one that nobody expects is decided above: exception_report is declared here and implemented
 * in kern.
 */
#ifndef STRATA_ARCH_EXCEPTION_H
#define STRATA_ARCH_EXCEPTION_H

#include "lib/types.h"

enum exception_kind {
	EXCEPTION_UNDEFINED,
	EXCEPTION_SVC,
	EXCEPTION_PREFETCH_ABORT,
	EXCEPTION_DATA_ABORT,
	EXCEPTION_FIQ,
};

/* Why an abort came: ARM DDI 0406C table B3-23, without the level of the table. */
enum fault_cause {
	FAULT_NONE, /* no abort */
	FAULT_ALIGNMENT,
	FAULT_TRANSLATION, /* nothing is mapped there */
	FAULT_ACCESS_FLAG,
	FAULT_DOMAIN,
	FAULT_PERMISSION,
	FAULT_EXTERNAL,              /* the bus said no */
	FAULT_EXTERNAL_ON_WALK,      /* the same while reading a translation table */
	FAULT_EXTERNAL_ASYNCHRONOUS, /* the same, for some access a while ago */
	FAULT_PARITY,
	FAULT_PARITY_ON_WALK,
	FAULT_PARITY_ASYNCHRONOUS,
	FAULT_MAINTENANCE, /* of a cache, by address */
	FAULT_TLB_CONFLICT,
	FAULT_DEBUG,
	FAULT_OTHER, /* defined by the implementation, or nobody */
	FAULT_CAUSES,
};

enum fault_level { FAULT_NO_LEVEL, FAULT_SECTION, FAULT_PAGE };

enum fault_access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

struct exception_info {
	enum exception_kind kind;
	enum fault_cause cause;
	enum fault_level level;
	enum fault_access access;
	bool address_known; /* an asynchronous abort does not say */
	uint32_t address;   /* what could not be accessed; pc where it was no abort */
	uint32_t domain;
	uint32_t status; /* DFSR or IFSR as read; 0 where it was no abort */
	uint32_t pc;     /* the instruction to blame */
};

/* The interrupted core's registers; vectors.S fills it. */
struct exception_frame {
	uint32_t r[13];
	uint32_t sp; /* of the interrupted mode, as lr */
	uint32_t lr;
	uint32_t pc;
	uint32_t cpsr;
};

/*
 * What an interrupt keeps of whoever it interrupted, on the latter's own stack, whose pointer was just
 * above; r5 to r11 are where the handler's callees left them.
 */
struct interrupt_frame {
	uint32_t r[5];
	uint32_t r12;
	uint32_t lr;
	uint32_t pc;
	uint32_t cpsr;
};

/*
 * Up-calls of an interrupt, implemented in kern. The first runs on the core's interrupt stack, with
 * interrupts masked: it calls the handler, and says whether another thread should run now. Then
 * the second runs, on the stack of the interrupted, and comes back when that one is to go on.
 */
bool interrupt_entry(const struct interrupt_frame *frame);
void interrupt_switch(void);

/* Where this core's interrupt stack ends: per-CPU, for the vector. */
extern uintptr_t interrupt_stack_pointer;

/* Put a DFSR (data abort) or IFSR (prefetch abort) of the short-descriptor format into words. */
void fault_status_decode(enum exception_kind kind, uint32_t status, struct exception_info *info);

/* "translation fault" and the like. */
const char *fault_cause_text(enum fault_cause cause);

/*
 * Up-call, on an exception stack, interrupts masked. `nested`: it came while the first report was
 * being made. Does not return.
 */
void exception_report(const struct exception_info *info, const struct exception_frame *frame,
		      bool nested) __attribute__((noreturn));

/*
 * Single accesses of 1, 2 or 4 bytes that may fault; other widths are refused. False after a fault,
 * with *info filled (it may be NULL).
 */
bool exception_probe_read(uintptr_t address, unsigned int bytes, uint32_t *value,
			  struct exception_info *info);
bool exception_probe_write(uintptr_t address, unsigned int bytes, uint32_t value,
			   struct exception_info *info);

/* Call function(argument); false when its first instruction faulted, be it in the fetch or after. */
bool exception_probe_call(uintptr_t function, uintptr_t argument, struct exception_info *info);

#endif
