/* SPDX-License-Identifier: MIT */
/*
 * Unwinding by .ARM.exidx: Exception Handling ABI for the Arm Architecture (IHI 0038), sections
 * on the index table, its entries and the instructions of the compact model.
 *
 * Why not libgcc's unwinder: it trusts tables and stack, reads wherever sp points and aborts on
 * surprises; here it would run when something is broken already. This one reads only what
 * unwind_space names and knows only what C compilers make without floating point: personality
 * routines 0 to 2. Code without a table (assembly, some of the C library) ends a walk; only the
 * innermost frame of an exception falls back to lr.
 *
 * The tables are exact at calls. Inside a prologue they are not; the one case that matters, a
 * function stopped at its very first instruction (a push to a full stack), is known.
 */
#include "arch/unwind.h"

#define SP         13
#define LR         14
#define PC         15

#define CANTUNWIND 1U
#define COMPACT    0x80000000U /* top bit of an entry's first word */
#define FINISH     0xb0

#define CODE_BYTES 64 /* several times what GCC makes of one function */

#define RANGE(a, b)                            \
	{                                      \
		(uintptr_t)(a), (uintptr_t)(b) \
	}

extern char __text_start[], __text_end[], __exidx_start[], __exidx_end[];
extern char __extab_start[], __extab_end[];
extern char boot_stack[], boot_stack_top[];
extern char exception_stack[], exception_stack_top[];
extern char exception_stack_nested[], exception_stack_nested_top[];
extern char interrupt_stack[], interrupt_stack_top[];

struct unwind_space unwind_image = {
	.text = RANGE(__text_start, __text_end),
	.index = RANGE(__exidx_start, __exidx_end),
	.table = RANGE(__extab_start, __extab_end),
	.stacks = { RANGE(boot_stack, boot_stack_top), RANGE(exception_stack, exception_stack_top),
		    RANGE(exception_stack_nested, exception_stack_nested_top),
		    RANGE(interrupt_stack, interrupt_stack_top) },
};

const char *const unwind_stack_names[UNWIND_STACKS] = { "boot stack", "exception stack",
							"second exception stack", "interrupt stack",
							"thread's stack" };

/* The compiler's calls for the personality routines pull in libgcc's unwinder if nobody has them. */
void __aeabi_unwind_cpp_pr0(void);
void __aeabi_unwind_cpp_pr1(void);
void __aeabi_unwind_cpp_pr2(void);

void __aeabi_unwind_cpp_pr0(void)
{
}

void __aeabi_unwind_cpp_pr1(void)
{
}

void __aeabi_unwind_cpp_pr2(void)
{
}

static bool holds_word(const struct unwind_range *range, uintptr_t address)
{
	return IS_ALIGNED(address, 4) && address >= range->start && range->end >= 4 &&
	       address <= range->end - 4;
}

static bool in_text(const struct unwind_space *space, uint32_t pc)
{
	return pc >= space->text.start && pc < space->text.end;
}

static uint32_t word_at(uintptr_t address)
{
	return *(const volatile uint32_t *)address;
}

/* A 31-bit offset from where it stands. */
static uint32_t prel31(uintptr_t address)
{
	uint32_t offset = word_at(address) << 1;

	return (uint32_t)address + (uint32_t)((int32_t)offset >> 1);
}

/* --- finding the instructions of a function -------------------------------------------------- */

struct unwind_code {
	uint32_t function; /* where it begins */
	unsigned int count;
	uint8_t bytes[CODE_BYTES];
};

/* The entry of the last function that begins at or below pc; 0: none. */
static uintptr_t find_entry(const struct unwind_space *space, uint32_t pc, uint32_t *function)
{
	uintptr_t found = 0;

	for (uintptr_t at = space->index.start; holds_word(&space->index, at + 4); at += 8) {
		uint32_t start = prel31(at) & ~1U;

		if (start <= pc && (found == 0 || start >= *function)) {
			found = at;
			*function = start;
		}
	}
	return found;
}

static void take_bytes(struct unwind_code *code, uint32_t word, unsigned int bytes)
{
	while (bytes-- != 0)
		code->bytes[code->count++] = (uint8_t)(word >> (8 * bytes));
}

/* The compact model: three bytes in the word, or two and `more` words behind it. */
static bool read_compact(const struct unwind_range *range, uintptr_t at, struct unwind_code *code)
{
	uint32_t word = word_at(at), more = (word >> 16) & 0xff;

	code->count = 0;
	switch (word >> 24) {
	case 0x80:
		take_bytes(code, word, 3);
		return true;
	case 0x81:
	case 0x82:
		if (2 + 4 * more > CODE_BYTES)
			return false;
		take_bytes(code, word, 2);
		for (; more != 0; more--) {
			at += 4;
			if (!holds_word(range, at))
				return false;
			take_bytes(code, word_at(at), 4);
		}
		return true;
	}
	return false;
}

static enum unwind_result read_code(const struct unwind_space *space, uint32_t pc,
				    struct unwind_code *code)
{
	uintptr_t entry = find_entry(space, pc, &code->function), at;
	bool good;

	if (entry == 0 || word_at(entry + 4) == CANTUNWIND)
		return UNWIND_END;
	if ((word_at(entry + 4) & COMPACT) != 0) {
		/* In the index itself there is no room for more words. */
		const struct unwind_range alone = { entry + 4, entry + 8 };

		return read_compact(&alone, entry + 4, code) ? UNWIND_STEPPED : UNWIND_BAD_TABLE;
	}
	at = prel31(entry + 4);
	good = holds_word(&space->table, at) && read_compact(&space->table, at, code);
	return good ? UNWIND_STEPPED : UNWIND_BAD_TABLE;
}

/* --- doing them ------------------------------------------------------------------------------ */

struct machine {
	const struct unwind_space *space;
	const struct unwind_code *code;
	unsigned int next; /* byte of the code */
	struct unwind_registers registers;
	bool pc_popped;
	enum unwind_result result;
};

static void fail(struct machine *machine, enum unwind_result result)
{
	if (machine->result == UNWIND_STEPPED)
		machine->result = result;
}

/* Past the end the ABI has only "finish". */
static uint8_t next_byte(struct machine *machine)
{
	if (machine->next >= machine->code->count)
		return FINISH;
	return machine->code->bytes[machine->next++];
}

static bool on_stack(const struct unwind_space *space, uint32_t address)
{
	for (unsigned int i = 0; i < UNWIND_STACKS; i++)
		if (holds_word(&space->stacks[i], address))
			return true;
	return false;
}

static void pop(struct machine *machine, unsigned int number)
{
	uint32_t sp = machine->registers.r[SP];

	if (!on_stack(machine->space, sp)) {
		fail(machine, UNWIND_BAD_STACK);
		return;
	}
	machine->registers.r[number] = word_at(sp);
	machine->registers.r[SP] = sp + 4;
	machine->pc_popped = machine->pc_popped || number == PC;
}

/* Bit 0 of the mask is register `first`. */
static void pop_mask(struct machine *machine, uint32_t mask, unsigned int first)
{
	if (mask == 0 || (first == 4 && (mask & (1U << (SP - 4))) != 0)) {
		fail(machine, UNWIND_BAD_TABLE);
		return;
	}
	for (; mask != 0; mask >>= 1, first++)
		if ((mask & 1) != 0)
			pop(machine, first);
}

/* 10110010: sp grows by 0x204 and four times a number of seven bits a byte. */
static void add_large(struct machine *machine)
{
	uint32_t number = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = next_byte(machine);
		if (shift > 21) {
			fail(machine, UNWIND_BAD_TABLE);
			return;
		}
		number |= (uint32_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0);
	machine->registers.r[SP] += 0x204 + (number << 2);
}

static void sp_from(struct machine *machine, unsigned int number)
{
	if (number == SP || number == PC)
		fail(machine, UNWIND_BAD_TABLE);
	else
		machine->registers.r[SP] = machine->registers.r[number];
}

/* 1011xxxx but finish. Pops of floating point registers are refused: there are none. */
static void special(struct machine *machine, uint8_t byte)
{
	if (byte == 0xb1)
		pop_mask(machine, next_byte(machine), 0);
	else if (byte == 0xb2)
		add_large(machine);
	else
		fail(machine, UNWIND_BAD_TABLE);
}

static void instruction(struct machine *machine, uint8_t byte)
{
	uint32_t *sp = &machine->registers.r[SP];

	switch (byte >> 4) {
	case 0x0:
	case 0x1:
	case 0x2:
	case 0x3:
		*sp += ((uint32_t)(byte & 0x3f) << 2) + 4;
		break;
	case 0x4:
	case 0x5:
	case 0x6:
	case 0x7:
		*sp -= ((uint32_t)(byte & 0x3f) << 2) + 4;
		break;
	case 0x8:
		pop_mask(machine, ((uint32_t)(byte & 0xf) << 8) | next_byte(machine), 4);
		break;
	case 0x9:
		sp_from(machine, byte & 0xf);
		break;
	case 0xa:
		pop_mask(machine, (2U << (byte & 7)) - 1, 4);
		if ((byte & 8) != 0)
			pop(machine, LR);
		break;
	case 0xb:
		special(machine, byte);
		break;
	default:
		fail(machine, UNWIND_BAD_TABLE);
	}
}

/* The order is the ABI's: pops go up from the lowest register, as the masks do. */
static enum unwind_result run(const struct unwind_space *space, const struct unwind_code *code,
			      struct unwind_registers *registers)
{
	struct machine machine = {
		.space = space, .code = code, .registers = *registers, .result = UNWIND_STEPPED
	};
	uint8_t byte;

	while (machine.result == UNWIND_STEPPED && (byte = next_byte(&machine)) != FINISH)
		instruction(&machine, byte);
	if (!machine.pc_popped)
		machine.registers.r[PC] = machine.registers.r[LR];
	*registers = machine.registers;
	return machine.result;
}

/* --- one step -------------------------------------------------------------------------------- */

static enum unwind_result step_by_lr(const struct unwind_space *space,
				     struct unwind_registers *registers, enum unwind_result result)
{
	uint32_t lr = registers->r[LR] & ~1U;

	if (!in_text(space, lr))
		return result;
	registers->r[PC] = lr;
	return UNWIND_STEPPED_BY_LR;
}

/* Where sp may stand between two functions: on a stack, or at the top of an empty one. */
static bool plausible(const struct unwind_space *space, const struct unwind_registers *from,
		      const struct unwind_registers *to, bool interrupted)
{
	uint32_t sp = to->r[SP];

	if (sp < from->r[SP] || (sp == from->r[SP] && !interrupted))
		return false;
	return on_stack(space, sp - 4) && in_text(space, to->r[PC]);
}

enum unwind_result unwind_step(const struct unwind_space *space, struct unwind_registers *registers,
			       bool interrupted)
{
	uint32_t pc = (registers->r[PC] & ~1U) - (interrupted ? 0 : 2);
	struct unwind_registers caller = *registers;
	enum unwind_result result;
	struct unwind_code code;

	if (!in_text(space, pc))
		return interrupted ? step_by_lr(space, registers, UNWIND_END) : UNWIND_BAD_STACK;
	result = read_code(space, pc, &code);
	if (result != UNWIND_STEPPED)
		return interrupted ? step_by_lr(space, registers, result) : result;
	if (interrupted && pc == code.function)
		return step_by_lr(space, registers, UNWIND_BAD_STACK) == UNWIND_STEPPED_BY_LR
			       ? UNWIND_STEPPED
			       : UNWIND_BAD_STACK;
	result = run(space, &code, &caller);
	if (result != UNWIND_STEPPED)
		return result;
	caller.r[PC] &= ~1U;
	if (!plausible(space, registers, &caller, interrupted))
		return UNWIND_BAD_STACK;
	*registers = caller;
	return UNWIND_STEPPED;
}

void unwind_from_exception(const struct exception_frame *frame, struct unwind_registers *registers)
{
	for (unsigned int i = 0; i < SP; i++)
		registers->r[i] = frame->r[i];
	registers->r[SP] = frame->sp;
	registers->r[LR] = frame->lr;
	registers->r[PC] = frame->pc;
}

/* r5 to r11 stay as the walk through the handler found them. */
void unwind_from_interrupt(const struct interrupt_frame *frame, struct unwind_registers *registers)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(frame->r); i++)
		registers->r[i] = frame->r[i];
	registers->r[12] = frame->r12;
	registers->r[SP] = (uint32_t)(uintptr_t)(frame + 1);
	registers->r[LR] = frame->lr;
	registers->r[PC] = frame->pc;
}
