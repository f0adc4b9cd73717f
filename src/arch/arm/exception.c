/* SPDX-License-Identifier: MIT */
/*
 * From vectors.S: add what only CP15 knows, and tell expected faults from the rest.
 *
 * A fault is expected when its pc lies in one of the ranges of exception_fixups, or at the function
 * that probe_call is calling. All that is known about a probe is in its registers: it works inside
 * the report of another exception, and in threads and handlers that interrupt each other's.
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

/* probe.S: 0, or 1 after a fault, and then *info says which. */
uint32_t probe_read8(uintptr_t address, uint32_t *value, struct exception_info *info);
uint32_t probe_read16(uintptr_t address, uint32_t *value, struct exception_info *info);
uint32_t probe_read32(uintptr_t address, uint32_t *value, struct exception_info *info);
uint32_t probe_write8(uintptr_t address, uint32_t value, struct exception_info *info);
uint32_t probe_write16(uintptr_t address, uint32_t value, struct exception_info *info);
uint32_t probe_write32(uintptr_t address, uint32_t value, struct exception_info *info);
uint32_t probe_call(uintptr_t function, uintptr_t argument, struct exception_info *info);
extern char probe_call_return[], probe_call_failed[];

/* In which register a probe keeps `info`; in probe_call it is the word on top of the stack. */
#define PROBE_INFO 2

void exception_entry(enum exception_kind kind, struct exception_frame *frame, uint32_t level);

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

/*
 * The first instruction of what probe_call calls: r12 still holds its address, and r3 where it is to
 * return to (lr is that too, but an SVC overwrites it).
 */
static bool is_probed_call(const struct exception_info *info, const struct exception_frame *frame)
{
	return info->pc == (frame->r[12] & ~1U) &&
	       frame->r[3] == (uint32_t)(uintptr_t)probe_call_return;
}

/* Where to go on, and where to say what it was; 0: nobody expected this. */
static uint32_t resume_address(const struct exception_info *info,
			       const struct exception_frame *frame, struct exception_info **where)
{
	const struct exception_fixup *fixup;

	if (info->kind == EXCEPTION_FIQ)
		return 0;
	if (is_probed_call(info, frame)) {
		*where = *(struct exception_info **)(uintptr_t)frame->sp;
		return (uint32_t)(uintptr_t)probe_call_failed;
	}
	for_each_table_entry(fixup, exception_fixups)
		if (info->pc >= fixup->start && info->pc < fixup->end) {
			*where = (struct exception_info *)(uintptr_t)frame->r[PROBE_INFO];
			return fixup->resume;
		}
	return 0;
}

void exception_entry(enum exception_kind kind, struct exception_frame *frame, uint32_t level)
{
	struct exception_info info, *where = NULL;
	uint32_t resume;

	correct_pc(kind, frame);
	describe(kind, frame, &info);
	resume = resume_address(&info, frame, &where);
	if (resume == 0)
		exception_report(&info, frame, level != 0);
	if (where != NULL)
		*where = info;
	frame->pc = resume;
	frame->cpsr &= ~CPSR_T; /* the fixups are ARM code, the function called may not be */
}

static bool refuse_width(uintptr_t address, enum fault_access access, struct exception_info *info)
{
	if (info != NULL)
		*info = (struct exception_info){
			.kind = EXCEPTION_DATA_ABORT,
			.cause = FAULT_OTHER,
			.access = access,
			.address = (uint32_t)address,
		};
	return false;
}

bool exception_probe_read(uintptr_t address, unsigned int bytes, uint32_t *value,
			  struct exception_info *info)
{
	switch (bytes) {
	case 1:
		return probe_read8(address, value, info) == 0;
	case 2:
		return probe_read16(address, value, info) == 0;
	case 4:
		return probe_read32(address, value, info) == 0;
	}
	return refuse_width(address, ACCESS_READ, info);
}

bool exception_probe_write(uintptr_t address, unsigned int bytes, uint32_t value,
			   struct exception_info *info)
{
	switch (bytes) {
	case 1:
		return probe_write8(address, value, info) == 0;
	case 2:
		return probe_write16(address, value, info) == 0;
	case 4:
		return probe_write32(address, value, info) == 0;
	}
	return refuse_width(address, ACCESS_WRITE, info);
}

bool exception_probe_call(uintptr_t function, uintptr_t argument, struct exception_info *info)
{
	return probe_call(function, argument, info) == 0;
}
