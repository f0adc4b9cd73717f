/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader's jump to boot_main(), in the linked place, with MMU and caches on.
 *
 * Entered as the ARM Linux boot protocol says: MMU and data cache off, interrupts in any state,
 * SVC or HYP mode, r1 = machine number (ignored), r2 = device tree. Everything else may be
 * dirty. The image may lie anywhere in the first 128 MiB of RAM.
 *
 * Until the jump through virtual_entry nothing here may use an absolute address.
 *
 * Registers:
 *	r4  where this copy of the image lies (changes when it moves)
 *	r5  r1 as given		r6  r2 as given		r7  CPSR as given
 */
#include "arch/arm/sysreg.h"

	.syntax unified
	.arch_extension virt
	.arch_extension sec

	.section .head, "ax", %progbits
	.arm
	.global _start
_start:
	.rept 8
	nop
	.endr
	b	entry			@ 0x20
	.word	0x016f2818		@ 0x24 zImage magic
	.word	0			@ 0x28 start: 0, runs anywhere
	.word	__image_bytes		@ 0x2c end
	.word	0x04030201		@ 0x30 little endian

entry:
	mrs	r7, cpsr
	mov	r5, r1
	mov	r6, r2
	and	r0, r7, #CPSR_MODE
	cmp	r0, #MODE_HYP
	beq	leave_hyp
	cpsid	aif, #MODE_SVC
in_svc:
	/* All but one core wait here for good; MPIDR's lowest bits are the core number. */
	mrc	p15, 0, r0, c0, c0, 5
	tst	r0, #3
	bne	park

	/*
	 * Cortex-A7: ACTLR.SMP comes before caches and before any maintenance of them (TRM 4.3.31).
	 * From the non-secure side it may be read-only; then the firmware has set it.
	 */
	mrc	p15, 0, r0, c1, c0, 1
	tst	r0, #ACTLR_SMP
	orreq	r0, r0, #ACTLR_SMP
	mcreq	p15, 0, r0, c1, c0, 1
	isb

	/* A known SCTLR: MMU and data cache off, instruction cache and branch prediction on. */
	ldr	r0, =SCTLR_EARLY
	mcr	p15, 0, r0, c1, c0, 0
	mov	r0, #0
	mcr	p15, 0, r0, c7, c5, 0	@ ICIALLU: whoever was here before may have left lines
	mcr	p15, 0, r0, c7, c5, 6	@ BPIALL
	dsb
	isb

	/* What early_probe touches may not answer: a table that goes on behind the access. */
	adr	r0, early_vectors
	add	r0, r0, #31
	bic	r0, r0, #31
	mcr	p15, 0, r0, c12, c0, 0	@ VBAR
	isb

	adr	r4, _start
	ldr	sp, =__boot_stack_offset
	add	sp, sp, r4

	mov	r0, r4
	mov	r1, r5
	mov	r2, r6
	mov	r3, r7
	bl	early_read		@ reads the tree, decides where everything goes, moves the blob

	/*
	 * Move as often as early_next_place says: once, or by way of a free place when the old and
	 * the new one overlap. r0 = where to.
	 */
move:
	mov	r0, r4
	bl	early_next_place
	cmp	r0, r4
	beq	in_place
	mov	r8, r0
	ldr	r2, =__image_bytes
	mov	r1, r4
	add	r2, r2, r1
copy:					@ r5 to r7 are not needed any more
	ldmia	r1!, {r3, r5, r6, r7, r9, r10, r11, r12}
	stmia	r0!, {r3, r5, r6, r7, r9, r10, r11, r12}
	cmp	r1, r2
	blo	copy
	sub	r9, r8, r4		@ how far it went
	add	sp, sp, r9
	mov	r4, r8
	mov	r0, r4
	ldr	r1, =__image_bytes
	bl	invalidate_range	@ lines of what was there before must not shadow the copy
	mov	r0, #0
	mcr	p15, 0, r0, c7, c5, 0	@ ICIALLU
	mcr	p15, 0, r0, c7, c5, 6	@ BPIALL
	dsb
	isb
	adr	r0, move
	add	r0, r0, r9
	bx	r0			@ go on in the copy

in_place:
	mov	r0, r4
	bl	early_tables		@ the first tables, in the image's own zeroed data
	mov	r8, r0			@ physical address of the first level
	mov	r0, r4
	ldr	r1, =__image_bytes
	bl	invalidate_range

	mov	r0, #0
	mcr	p15, 0, r0, c2, c0, 2	@ TTBCR = 0: short descriptors (U-Boot leaves EAE set), TTBR0 alone
	isb
	orr	r8, r8, #TTBR_WALK_WBWA_SHAREABLE
	mcr	p15, 0, r8, c2, c0, 0	@ TTBR0
	mov	r0, #0
	mcr	p15, 0, r0, c13, c0, 1	@ CONTEXTIDR: ASID 0
	mov	r0, #DACR_CLIENT
	mcr	p15, 0, r0, c3, c0, 0	@ domain 0: descriptors decide
	mov	r0, #0
	mcr	p15, 0, r0, c8, c7, 0	@ TLBIALL
	mcr	p15, 0, r0, c7, c5, 0	@ ICIALLU
	mcr	p15, 0, r0, c7, c5, 6	@ BPIALL
	dsb
	isb
	ldr	r0, =SCTLR_RUNNING
	mcr	p15, 0, r0, c1, c0, 0	@ MMU and caches on; these instructions are mapped one to one
	isb
	ldr	pc, =virtual_entry	@ absolute: from here on the linked addresses hold

virtual_entry:
	ldr	sp, =boot_stack_top
	mov	fp, #0
	bl	boot_main
	b	park

	/*
	 * HYP: give the kernel what it needs from PL2 and drop to SVC (ARM DDI 0406C B1.5.1): no
	 * traps, timer and counter readable, no counter offset.
	 */
leave_hyp:
	mov	r0, #0
	mcr	p15, 4, r0, c1, c1, 0	@ HCR: nothing routed to HYP
	mcr	p15, 4, r0, c1, c1, 3	@ HSTR: no traps of cp15
	ldr	r1, =0x33ff
	mcr	p15, 4, r1, c1, c1, 2	@ HCPTR: coprocessors 10 and 11 not trapped; the rest is ones by rule
	mcrr	p15, 4, r0, r0, c14	@ CNTVOFF = 0
	mov	r1, #3
	mcr	p15, 4, r1, c14, c1, 0	@ CNTHCTL: PL1 may use the physical counter and timer
	mrc	p15, 0, r1, c0, c0, 0
	mcr	p15, 4, r1, c0, c0, 0	@ VPIDR = MIDR
	mrc	p15, 0, r1, c0, c0, 5
	mcr	p15, 4, r1, c0, c0, 5	@ VMPIDR = MPIDR: PL1 reads its number there
	mrc	p15, 4, r1, c1, c1, 1
	and	r1, r1, #0x1f
	mcr	p15, 4, r1, c1, c1, 1	@ HDCR: no traps of debug and counters, HPMN kept
	isb
	mov	r0, #(MODE_SVC | CPSR_A | CPSR_I | CPSR_F)
	msr	spsr_cxsf, r0
	adr	r0, in_svc
	msr	elr_hyp, r0
	eret

park:
	wfi
	b	park

	/*
	 * The image may lie on any word, a vector table only on 32 bytes: any eight of these will do.
	 * Only a data abort is expected, and only from the two probes, which look at r3; after any other
	 * nothing can be trusted, so it parks.
	 */
early_vectors:
	.rept	16
	b	early_abort
	.endr
early_abort:
	adr	r3, early_readable
	sub	r3, lr, r3
	cmp	r3, #(early_probes_end - early_readable + 4)
	bhi	park
	mov	r3, #1
	subs	pc, lr, #4		@ behind the access (data abort: lr is 8 past it)

	/* Whether the word at r0 can be read. Uses r0, r1, r3. */
	.global early_readable
early_readable:
	mov	r3, #0
	ldr	r1, [r0]
	dsb
	eor	r0, r3, #1
	bx	lr

	/* Whether the word at r0 keeps what is written to it; it is left as it was. Uses r0-r3, r12. */
	.global early_probe
early_probe:
	mov	r3, #0
	ldr	r1, [r0]
	mvn	r2, r1
	str	r2, [r0]
	dsb
	ldr	r12, [r0]
	str	r1, [r0]
	dsb
	cmp	r3, #0
	cmpeq	r12, r2
	moveq	r0, #1
	movne	r0, #0
	bx	lr
early_probes_end:

	/*
	 * Invalidate r1 bytes from r0 at the data cache to the point of coherency, by line, so at every
	 * level: the range was written with the cache off. Keeps r4 to r11. The line length is CTR.DminLine.
	 */
	.global invalidate_range
invalidate_range:
	dsb				@ what was written with the cache off comes first
	mrc	p15, 0, r2, c0, c0, 1	@ CTR
	ubfx	r2, r2, #16, #4
	mov	r3, #4
	lsl	r3, r3, r2
	add	r1, r1, r0
	sub	r2, r3, #1
	bic	r0, r0, r2
0:	mcr	p15, 0, r0, c7, c6, 1	@ DCIMVAC
	add	r0, r0, r3
	cmp	r0, r1
	blo	0b
	dsb
	bx	lr

	.ltorg

	.section .bss.boot_stack, "aw", %nobits
	.balign 8
	.global boot_stack
boot_stack:
	.space	BOOT_STACK_BYTES
	.global boot_stack_top
boot_stack_top:
