/* SPDX-License-Identifier: MIT */
/*
 * From vectors.S: add what only CP15 knows, and tell expected faults from the rest.
 *
 * A fault is expected when its pc lies in one of the ranges of exception_fixups, or at the function
 * that exception_probe_call is calling. Neither asks who the caller is, so both also work inside
 * the report of another exception.
 *
 * Bus errors of writes may be asynchronous on hardware (never in QEMU). CPSR.A is clear outside
 * exceptions, and the probes wait by dsb and isb before they leave their range, which catches what
 * the bus answers by then. Not caught:
 *	- anything asynchronous, where Secure state forbids Non-secure to clear CPSR.A (SCR.AW, on
 *	  cores without the Virtualization Extensions)
 *	- a bus that answers for an ended write later still (a posted write behind a bridge)
 *	- what a called function does after its first instruction
 */
#include "arch/exception.h"
#include "arch/arm/cp15.h"
#include "lib/table.h"

#define CPSR_T (1U << 5)

struct exception_fixup {
	uint32_t start;
	uint32_t end;
	uint32_t resume;
};

TABLE_DECLARE(struct exception_fixup, exception_fixups);

_Static_assert(offsetof(struct exception_frame, sp) == 52 &&
		       offsetof(struct exception_frame, cpsr) == 64 &&
		       sizeof(struct exception_frame) <= 80,
	       "vectors.S has these numbers");

/* probe.S */
uint32_t probe_read8(uintptr_t address, uint32_t *value);
uint32_t probe_read16(uintptr_t address, uint32_t *value);
uint32_t probe_read32(uintptr_t address, uint32_t *value);
uint32_t probe_write8(uintptr_t address, uint32_t value);
uint32_t probe_write16(uintptr_t address, uint32_t value);
uint32_t probe_write32(uintptr_t address, uint32_t value);
uint32_t probe_call(uintptr_t function, uintptr_t argument);
extern char probe_call_failed[];

void exception_entry(enum exception_kind kind, struct exception_frame *frame, uint32_t level);

/* What the last expected fault was, and what probe_call is calling (0: nothing). */
static struct exception_info expected;
static volatile uint32_t call_target;

/* vectors.S took every instruction for four bytes; Thumb's undefined and SVC are blamed two later. */
static void correct_pc(enum exception_kind kind, struct exception_frame *frame)
{
	if ((frame->cpsr & CPSR_T) != 0 && (kind == EXCEPTION_UNDEFINED || kind == EXCEPTION_SVC))
		frame->pc += 2;
}

static void describe(enum exception_kind kind, const struct exception_frame *frame,
		     struct exception_info *info)
{
	*info = (struct exception_info){
		.kind = kind,
		.access = ACCESS_EXECUTE,
		.address_known = true,
		.address = frame->pc,
		.pc = frame->pc,
	};
	if (kind == EXCEPTION_DATA_ABORT) {
		fault_status_decode(kind, cp15_read_dfsr(), info);
		info->address = cp15_read_dfar();
	} else if (kind == EXCEPTION_PREFETCH_ABORT) {
		fault_status_decode(kind, cp15_read_ifsr(), info);
		info->address = cp15_read_ifar();
	}
}

/* Where to go on; 0: nobody expected this. */
static uint32_t resume_address(const struct exception_info *info)
{
	const struct exception_fixup *fixup;

	if (info->kind == EXCEPTION_IRQ || info->kind == EXCEPTION_FIQ)
		return 0;
	if (call_target != 0 && info->pc == (call_target & ~1U))
		return (uint32_t)(uintptr_t)probe_call_failed;
	for_each_table_entry(fixup, exception_fixups)
		if (info->pc >= fixup->start && info->pc < fixup->end)
			return fixup->resume;
	return 0;
}

void exception_entry(enum exception_kind kind, struct exception_frame *frame, uint32_t level)
{
	struct exception_info info;
	uint32_t resume;

	correct_pc(kind, frame);
	describe(kind, frame, &info);
	resume = resume_address(&info);
	if (resume == 0)
		exception_report(&info, frame, level != 0);
	expected = info;
	frame->pc = resume;
	frame->cpsr &= ~CPSR_T; /* the fixups are ARM code, the function called may not be */
}

static bool outcome(uint32_t failed, struct exception_info *info)
{
	if (failed != 0 && info != NULL)
		*info = expected;
	return failed == 0;
}

static bool refuse_width(uintptr_t address, enum fault_access access)
{
	expected = (struct exception_info){
		.kind = EXCEPTION_DATA_ABORT,
		.cause = FAULT_OTHER,
		.access = access,
		.address = (uint32_t)address,
	};
	return true;
}

bool exception_probe_read(uintptr_t address, unsigned int bytes, uint32_t *value,
			  struct exception_info *info)
{
	switch (bytes) {
	case 1:
		return outcome(probe_read8(address, value), info);
	case 2:
		return outcome(probe_read16(address, value), info);
	case 4:
		return outcome(probe_read32(address, value), info);
	}
	return outcome(refuse_width(address, ACCESS_READ), info);
}

bool exception_probe_write(uintptr_t address, unsigned int bytes, uint32_t value,
			   struct exception_info *info)
{
	switch (bytes) {
	case 1:
		return outcome(probe_write8(address, value), info);
	case 2:
		return outcome(probe_write16(address, value), info);
	case 4:
		return outcome(probe_write32(address, value), info);
	}
	return outcome(refuse_width(address, ACCESS_WRITE), info);
}

/* Calls do not nest: the target of the outer one is forgotten by then, as it has begun to run. */
bool exception_probe_call(uintptr_t function, uintptr_t argument, struct exception_info *info)
{
	uint32_t failed;

	call_target = (uint32_t)function | 1;
	failed = probe_call(function, argument);
	call_target = 0;
	return outcome(failed, info);
}
