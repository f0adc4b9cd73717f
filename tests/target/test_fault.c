/* SPDX-License-Identifier: MIT */
/*
 * Touch each place that must not be touched, see the right fault, go on.
 *
 * Each case names what it expects: the kind of exception, the cause, the address and the access.
 * QEMU makes all bus errors synchronous; on hardware those of writes may come as asynchronous.
 */
#include <string.h>

#include "arch/arm/cp15.h"
#include "arch/layout.h"
#include "arch/linear.h"
#include "arch/mmu.h"
#include "arch/unwind.h"
#include "kern/exception.h"
#include "kern/selftest.h"
#include "kern/symbols.h"
#include "mm/phys/memblock.h"
#include "mm/phys/page_alloc.h"
#include "mm/phys/page.h"

#include "insist.h"

extern char __text_start[], __rodata_start[], __rodata_end[], __data_start[];
extern char boot_stack[], exception_stack[];
extern char vectors_start[];

#define ANY_CAUSE FAULT_CAUSES

static bool is_fault(const struct exception_info *info, enum exception_kind kind,
		     enum fault_cause cause, uintptr_t address, enum fault_access access)
{
	return info->kind == kind && (cause == ANY_CAUSE || info->cause == cause) &&
	       info->address_known && info->address == address && info->access == access;
}

static bool read_faults(uintptr_t address, enum fault_cause cause)
{
	struct exception_info info;
	uint32_t value = 0x600d600d;

	return !exception_try_read32(address, &value, &info) && value == 0x600d600d &&
	       is_fault(&info, EXCEPTION_DATA_ABORT, cause, address, ACCESS_READ);
}

static bool write_faults(uintptr_t address, enum fault_cause cause)
{
	struct exception_info info;

	return !exception_try_write32(address, 0, &info) &&
	       is_fault(&info, EXCEPTION_DATA_ABORT, cause, address, ACCESS_WRITE);
}

/* Writes what is there already: where the write goes through, nothing is lost. */
static bool rewrite_faults(uintptr_t address)
{
	struct exception_info info;
	uint32_t value;

	return exception_try_read32(address, &value, NULL) &&
	       !exception_try_write32(address, value, &info) &&
	       is_fault(&info, EXCEPTION_DATA_ABORT, FAULT_PERMISSION, address, ACCESS_WRITE);
}

static bool execute_faults(uintptr_t address, enum fault_cause cause)
{
	struct exception_info info;

	return !exception_try_execute(address, 0, &info) &&
	       is_fault(&info, EXCEPTION_PREFETCH_ABORT, cause, address, ACCESS_EXECUTE);
}

/* All three, where nothing is mapped. */
static bool nothing_there(uintptr_t address)
{
	return read_faults(address, FAULT_TRANSLATION) &&
	       write_faults(address, FAULT_TRANSLATION) &&
	       execute_faults(address, FAULT_TRANSLATION);
}

/* --- the accessors themselves ---------------------------------------------------------------- */

SELFTEST(fault, what_is_allowed_goes_through_in_each_width)
{
	static uint32_t word;
	uintptr_t at = (uintptr_t)&word;
	uint32_t value;

	EXPECT(exception_try_write32(at, 0x12345678, NULL) && word == 0x12345678);
	EXPECT(exception_try_read32(at, &value, NULL) && value == 0x12345678);
	EXPECT(exception_probe_write(at + 1, 1, 0xab, NULL) && word == 0x1234ab78);
	EXPECT(exception_probe_write(at + 2, 2, 0xcdef, NULL) && word == 0xcdefab78);
	EXPECT(exception_probe_read(at + 3, 1, &value, NULL) && value == 0xcd);
	EXPECT(exception_probe_read(at, 2, &value, NULL) && value == 0xab78);
	EXPECT(!exception_probe_read(at, 8, &value, NULL));
}

static uint32_t flags_and_registers(void)
{
	uint32_t sum;

	/* A fault in the middle of live registers must leave them all alone. */
	asm volatile("mov r4, #4\n\tmov r5, #5\n\tmov r6, #6\n\tmov r7, #7\n\tmov r8, #8\n\t"
		     "mov r9, #9\n\tmov r10, #10\n\tmov r0, #0\n\tmov r1, sp\n\t"
		     "push {r1, lr}\n\tbl probe_write32\n\tpop {r1, lr}\n\t"
		     "sub r1, r1, sp\n\tadd r0, r0, r1\n\t" /* 1 + 0 */
		     "add r0, r0, r4\n\tadd r0, r0, r5\n\tadd r0, r0, r6\n\tadd r0, r0, r7\n\t"
		     "add r0, r0, r8\n\tadd r0, r0, r9\n\tadd r0, r0, r10\n\tmov %0, r0"
		     : "=r"(sum)
		     :
		     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12",
		       "lr", "cc", "memory");
	return sum;
}

SELFTEST(fault, registers_survive)
{
	EXPECT(flags_and_registers() == 1 + 4 + 5 + 6 + 7 + 8 + 9 + 10);
}

#define CPSR_A_I_F_AND_MODE 0x1dfU

SELFTEST(fault, mode_and_masks_survive)
{
	uint32_t before, after, unmasked;

	asm volatile("mrs %0, cpsr" : "=r"(before));
	EXPECT(read_faults(0, FAULT_TRANSLATION));
	asm volatile("mrs %0, cpsr" : "=r"(after));
	EXPECT((before & CPSR_A_I_F_AND_MODE) == (after & CPSR_A_I_F_AND_MODE));
	/* Asynchronous aborts are let through already, unless Secure state does not allow it. */
	asm volatile("cpsie a\n\tmrs %0, cpsr" : "=r"(unmasked));
	EXPECT((after & CPSR_A_I_F_AND_MODE) == (unmasked & CPSR_A_I_F_AND_MODE));
}

/* They run at VECTORS_BASE; nothing in their page may depend on that. */
SELFTEST(fault, vectors_work_where_they_are_linked)
{
	cp15_write_vbar((uint32_t)(uintptr_t)vectors_start);
	isb();
	EXPECT(read_faults(0, FAULT_TRANSLATION));
	cp15_write_vbar(VECTORS_BASE);
	isb();
	EXPECT(read_faults(0, FAULT_TRANSLATION));
}

/* --- places with nothing --------------------------------------------------------------------- */

SELFTEST(fault, null_page)
{
	EXPECT(nothing_there(0));
	EXPECT(nothing_there(PAGE_SIZE - 4));
}

SELFTEST(fault, past_the_end_of_lowmem)
{
	EXPECT(nothing_there((uintptr_t)phys_to_virt(memblock_get_current_limit())));
}

/* Holes in RAM below the end of lowmem, where the linear map has addresses but no memory. */
SELFTEST(fault, holes_between_banks_and_no_map_regions)
{
	const struct memblock_region *region;
	phys_addr_t end = 0;

	for_each_mem_region(region) {
		if (region->base >= memblock_get_current_limit())
			break;
		if (end != 0 && ALIGN_UP(end, PAGE_SIZE) < region->base)
			EXPECT(nothing_there((uintptr_t)phys_to_virt(ALIGN_UP(end, PAGE_SIZE))));
		if (memblock_is_nomap(region) && IS_ALIGNED(region->base, PAGE_SIZE))
			EXPECT(nothing_there((uintptr_t)phys_to_virt(region->base)));
		end = region->base + region->size;
	}
	EXPECT(end != 0);
}

SELFTEST(fault, windows_between_areas)
{
	EXPECT(nothing_there(BLOB_WINDOW_END));
	EXPECT(nothing_there(FIXMAP_BASE + PAGE_SIZE)); /* a fixmap window's guard */
	EXPECT(nothing_there(PKMAP_BASE + PAGE_SIZE));  /* a kmap window's guard */
	EXPECT(nothing_there(VMEMMAP_END));
	EXPECT(nothing_there(VECTORS_BASE - PAGE_SIZE));
}

SELFTEST(fault, guard_pages_below_the_stacks)
{
	EXPECT(nothing_there((uintptr_t)boot_stack - 4));
	EXPECT(nothing_there((uintptr_t)boot_stack - PAGE_SIZE));
	EXPECT(nothing_there((uintptr_t)exception_stack - 4));
	EXPECT(nothing_there((uintptr_t)exception_stack - PAGE_SIZE));
}

/* --- places with other rights ---------------------------------------------------------------- */

SELFTEST(fault, text_cannot_be_written)
{
	EXPECT(rewrite_faults((uintptr_t)__text_start));
	EXPECT(rewrite_faults((uintptr_t)&read_faults));
	EXPECT(rewrite_faults((uintptr_t)vectors_start));
	EXPECT(rewrite_faults(VECTORS_BASE));
}

SELFTEST(fault, constants_cannot_be_written_or_executed)
{
	EXPECT(rewrite_faults((uintptr_t)__rodata_start));
	EXPECT(rewrite_faults((uintptr_t)__rodata_end - 4));
	EXPECT(execute_faults((uintptr_t)__rodata_start, FAULT_PERMISSION));
}

#define BX_LR 0xe12fff1eU

/* A function that would return at once: were data executable, the call would simply succeed. */
SELFTEST(fault, data_stack_and_heap_cannot_be_executed)
{
	static uint32_t in_data[2] __attribute__((section(".data"))) = { BX_LR, 1 };
	static uint32_t in_bss[2];
	volatile uint32_t on_stack[2] = { BX_LR, 1 };
	uint32_t *on_heap = (uint32_t *)__get_free_page(GFP_KERNEL);

	in_bss[0] = BX_LR;
	EXPECT(execute_faults((uintptr_t)in_data, FAULT_PERMISSION));
	EXPECT(execute_faults((uintptr_t)in_bss, FAULT_PERMISSION));
	EXPECT(execute_faults((uintptr_t)on_stack, FAULT_PERMISSION));
	EXPECT(on_heap != NULL);
	if (on_heap == NULL)
		return;
	on_heap[0] = BX_LR;
	EXPECT(execute_faults((uintptr_t)on_heap, FAULT_PERMISSION));
	free_page((uintptr_t)on_heap);
}

SELFTEST(fault, device_tree_cannot_be_written_or_executed)
{
	struct mapping blob;

	EXPECT(mmu_query_from(BLOB_WINDOW, &blob));
	EXPECT(rewrite_faults(blob.virt));
	EXPECT(execute_faults(blob.virt, FAULT_PERMISSION));
}

SELFTEST(fault, devices_cannot_be_executed)
{
	EXPECT(execute_faults(FIXMAP_BASE, FAULT_PERMISSION));
}

/* The page of zeros behind struct pages of what is no RAM, at every hole's first struct page. */
SELFTEST(fault, struct_pages_of_holes_cannot_be_written)
{
	unsigned int holes = 0;

	for (uint32_t pfn = 0; pfn < 0x100000; pfn += 1024) {
		uintptr_t page = (uintptr_t)pfn_to_page(pfn);
		uint32_t first;

		if (memblock_overlaps_region(&memblock.memory, (phys_addr_t)PFN_PHYS(pfn),
					     pfn == 0xffc00 ? SZ_4M - 1 : SZ_4M))
			continue;
		holes++;
		EXPECT(exception_try_read32(page, &first, NULL) && first == 0);
		EXPECT(write_faults(page, FAULT_PERMISSION));
	}
	EXPECT(holes != 0);
	EXPECT(execute_faults(VMEMMAP_BASE, FAULT_PERMISSION));
}

/* --- instructions ---------------------------------------------------------------------------- */

#define INSTRUCTION(name, text)                                           \
	extern char name[];                                               \
	asm(".pushsection .text." #name ", \"ax\", %progbits\n\t"         \
	    ".balign 4\n\t.arm\n\t.global " #name "\n" #name ":\n\t" text \
	    "\n\tbx lr\n\t.popsection")

INSTRUCTION(test_undefined, ".inst 0xe7f000f0");
INSTRUCTION(test_svc, "svc #0");
INSTRUCTION(test_ldm, "ldm r0, {r2, r3}");
INSTRUCTION(test_stm, "stm r0, {r2, r3}");
INSTRUCTION(test_nothing, "nop");
INSTRUCTION(test_unaligned_ldr, "ldr r2, [r0]");
/* Thumb, of two bytes each: udf #0; bx lr. */
INSTRUCTION(test_thumb_undefined, ".inst 0x4770de00");

static bool instruction_stops(const char *code, enum exception_kind kind)
{
	uintptr_t pc = (uintptr_t)code & ~(uintptr_t)1;
	struct exception_info info;

	return !exception_try_execute((uintptr_t)code, 0, &info) &&
	       is_fault(&info, kind, FAULT_NONE, pc, ACCESS_EXECUTE) && info.pc == pc;
}

SELFTEST(fault, undefined_instructions_and_svc)
{
	EXPECT(exception_try_execute((uintptr_t)test_nothing, 0, NULL));
	EXPECT(instruction_stops(test_undefined, EXCEPTION_UNDEFINED));
	EXPECT(instruction_stops(test_svc, EXCEPTION_SVC));
	EXPECT(instruction_stops(test_thumb_undefined + 1, EXCEPTION_UNDEFINED));
	EXPECT(exception_try_execute((uintptr_t)test_nothing, 0, NULL));
}

/* Some accesses must be aligned even in Normal memory; single words need not. */
SELFTEST(fault, unaligned_accesses)
{
	static uint32_t words[4];
	uintptr_t at = (uintptr_t)words + 2;
	struct exception_info info;

	EXPECT(exception_try_execute((uintptr_t)test_ldm, (uintptr_t)words, NULL));
	EXPECT(!exception_try_execute((uintptr_t)test_ldm, at, &info));
	EXPECT(is_fault(&info, EXCEPTION_DATA_ABORT, FAULT_ALIGNMENT, at, ACCESS_READ));
	EXPECT(info.pc == (uintptr_t)test_ldm);
	EXPECT(!exception_try_execute((uintptr_t)test_stm, at, &info));
	EXPECT(is_fault(&info, EXCEPTION_DATA_ABORT, FAULT_ALIGNMENT, at, ACCESS_WRITE));
	EXPECT(exception_try_execute((uintptr_t)test_unaligned_ldr, at, NULL));
}

/* --- fault status in words ------------------------------------------------------------------- */

SELFTEST(fault_status, all_codes_have_a_meaning_and_words)
{
	struct exception_info info;
	unsigned int known = 0;

	for (uint32_t code = 0; code < 32; code++) {
		uint32_t status = (code & 0xf) | (code & 0x10) << 6 | 0x5 << 4;

		fault_status_decode(EXCEPTION_DATA_ABORT, status | 0x800, &info);
		EXPECT(info.access == ACCESS_WRITE && info.domain == 5 && info.status != 0);
		EXPECT(fault_cause_text(info.cause)[0] != '\0');
		known += info.cause != FAULT_OTHER;
		fault_status_decode(EXCEPTION_PREFETCH_ABORT, status, &info);
		EXPECT(info.access == ACCESS_EXECUTE && info.domain == 0);
	}
	EXPECT(known == 20); /* rows of table B3-23 that are not left to the implementation */
	fault_status_decode(EXCEPTION_DATA_ABORT, 0x406, &info);
	EXPECT(info.cause == FAULT_EXTERNAL_ASYNCHRONOUS && !info.address_known);
}

/* --- symbols --------------------------------------------------------------------------------- */

SELFTEST(symbols, a_function_knows_its_name)
{
	struct symbol symbol;
	uintptr_t at = (uintptr_t)&symbol_lookup;

	EXPECT(symbol_lookup(at, &symbol) && symbol.offset == 0 && symbol.size > 16);
	EXPECT(strcmp(symbol.name, "symbol_lookup") == 0);
	EXPECT(symbol_lookup(at + 8, &symbol) && symbol.offset == 8);
	EXPECT(symbol_lookup(at + symbol.size - 1, &symbol) &&
	       strcmp(symbol.name, "symbol_lookup") == 0);
	EXPECT(strcmp(symbol_text((uintptr_t)test_svc + 4), "test_svc+0x4/0x8") == 0);
	EXPECT(symbol_lookup((uintptr_t)__text_start, &symbol));
	EXPECT(!symbol_lookup((uintptr_t)__text_start - 1, &symbol));
	EXPECT(!symbol_lookup((uintptr_t)__rodata_start, &symbol));
	EXPECT(!symbol_lookup(0, &symbol) && !symbol_lookup(UINTPTR_MAX, &symbol));
}

/* --- the unwinder on garbage ----------------------------------------------------------------- */

/* xorshift; the seed is fixed, so a failure comes again. */
static uint32_t random_state;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* Every walk ends, by its own rules or by the limit; a fault would end the machine. */
static void walk(const struct unwind_space *space, struct unwind_registers *registers)
{
	unsigned int steps = 0;
	bool interrupted = true;
	uint32_t sp = 0;

	while (steps < 1000) {
		enum unwind_result result = unwind_step(space, registers, interrupted);

		if (result != UNWIND_STEPPED && result != UNWIND_STEPPED_BY_LR)
			break;
		EXPECT(interrupted || registers->r[13] > sp);
		sp = registers->r[13];
		interrupted = false;
		steps++;
	}
	EXPECT(steps < 1000);
}

static void random_registers(struct unwind_registers *registers)
{
	const struct unwind_range *stack =
		&unwind_image.stacks[next_random() % (UNWIND_STACKS - 1)];
	uint32_t stack_bytes = stack->end - stack->start + 64;

	for (unsigned int i = 0; i < 16; i++)
		registers->r[i] = next_random() % 4 == 0
					  ? next_random()
					  : stack->start - 32 + next_random() % stack_bytes;
	if (next_random() % 8 != 0)
		registers->r[15] =
			unwind_image.text.start +
			next_random() % (unwind_image.text.end - unwind_image.text.start);
}

SELFTEST(unwind, random_registers_end_without_a_fault)
{
	struct unwind_registers registers;

	random_state = 0x2545f491;
	for (unsigned int round = 0; round < 2000; round++) {
		random_registers(&registers);
		walk(&unwind_image, &registers);
	}
}

/* Tables and stack of random words, with some of the bits that lead further in. */
SELFTEST(unwind, random_tables_end_without_a_fault)
{
	static uint32_t index[16], table[16], stack[64];
	struct unwind_space space = unwind_image;
	struct unwind_registers registers;

	space.index = (struct unwind_range){ (uintptr_t)index, (uintptr_t)(index + 16) };
	space.table = (struct unwind_range){ (uintptr_t)table, (uintptr_t)(table + 16) };
	space.stacks[0] = (struct unwind_range){ (uintptr_t)stack, (uintptr_t)(stack + 64) };
	random_state = 0x9e3779b9;
	for (unsigned int round = 0; round < 5000; round++) {
		for (unsigned int i = 0; i < 16; i++) {
			uint32_t here = (uint32_t)(uintptr_t)&index[i];
			uint32_t there = i % 2 == 0
						 ? (uint32_t)space.text.start
						 : (uint32_t)(uintptr_t)&table[next_random() % 18];

			if (next_random() % 16 == 0)
				there = 0; /* where reading faults */
			index[i] = (there - here) & 0x7fffffff;
			if (i % 2 == 1 && next_random() % 2 == 0)
				index[i] = 0x80000000 | (next_random() & 0x3ffffff);
			table[i] = next_random() % 2 == 0 ? 0x81000000 | (next_random() & 0x3ffffff)
							  : next_random();
		}
		for (unsigned int i = 0; i < 64; i++)
			stack[i] = next_random() % 2 == 0
					   ? (uint32_t)space.text.start + next_random() % 0x8000
					   : (uint32_t)(uintptr_t)&stack[next_random() % 64];
		random_registers(&registers);
		registers.r[13] = (uint32_t)(uintptr_t)&stack[next_random() % 66];
		walk(&space, &registers);
	}
}

/* From here to the first function, by name. */
SELFTEST(unwind, a_walk_from_here_reaches_the_first_function)
{
	struct unwind_registers registers;
	struct symbol symbol = { .name = "" };
	unsigned int steps = 0;

	unwind_here(&registers);
	while (steps < UNWIND_FRAMES_MAX &&
	       unwind_step(&unwind_image, &registers, false) == UNWIND_STEPPED)
		steps++;
	EXPECT(steps >= 4);
	EXPECT(symbol_lookup(registers.r[15] - 2, &symbol));
	EXPECT(strcmp(symbol.name, "virtual_entry") == 0);
}

/* Stopped at its first instruction a function has saved nothing yet: lr knows the caller. */
SELFTEST(unwind, a_function_stopped_at_its_start)
{
	uint32_t start = (uint32_t)(uintptr_t)&selftest_run, sp = (uint32_t)(uintptr_t)boot_stack;
	struct unwind_registers registers = { .r = { [13] = sp, [14] = start + 8, [15] = start } };

	EXPECT(unwind_step(&unwind_image, &registers, true) == UNWIND_STEPPED);
	EXPECT(registers.r[15] == start + 8 && registers.r[13] == sp);
}
