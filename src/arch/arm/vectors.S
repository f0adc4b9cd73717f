/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: save what the core had, ask C, and go on at frame->pc or never come back.
 *
 * The vectors are one page, made of `ldr pc` and their literals alone, so that it works where it is
 * linked (VBAR) and mapped once more at 0xffff0000 (SCTLR.V) alike.
 *
 * Every exception goes by way of FIQ mode, whose r8 to r12, sp and lr are its own: a place to
 * stand without touching anything of whoever was interrupted, in whatever mode that was. C then
 * runs in SYS mode, whose lr no exception overwrites, on the stack of its level:
 *
 *	level 0		reported in full, or expected (kern/exception.h)
 *	level 1		a fault while level 0 is at work: reported briefly, or expected
 *	above		nothing sensible is left to do: park
 *
 * What is lost: lr of SVC mode at an SVC from SVC mode, r8 to r12 at an exception inside FIQ mode.
 * For one core; others need a level, a scratch and stacks of their own.
 *
 * Interrupts (IRQ) do not go that way, as they are frequent and interrupt SVC mode alone: see
 * interrupt_request. FIQ is masked for good and has no source.
 */
#include "arch/arm/sysreg.h"

#define MODE_USR    0x10
#define MODE_FIQ    0x11
#define MODE_SYS    0x1f

/* struct exception_frame; exception.c asserts that these are its offsets. */
#define FRAME_R8    32
#define FRAME_SP    52
#define FRAME_LR    56
#define FRAME_PC    60
#define FRAME_CPSR  64
#define FRAME_BYTES 80 /* rounded up to 8 */

	.syntax unified
	.arm

	.section .vectors, "ax", %progbits
	.balign 4096
	.global vectors_start
vectors_start:
	ldr	pc, =exception_park	@ reset does not come here
	ldr	pc, =undefined
	ldr	pc, =supervisor_call
	ldr	pc, =prefetch_abort
	ldr	pc, =data_abort
	ldr	pc, =exception_park	@ HYP trap: not at PL1
	ldr	pc, =interrupt_request
	ldr	pc, =fast_interrupt
	.ltorg
	.global vectors_end
vectors_end:

	.text
	/*
	 * The return address lies `adjust` bytes after the instruction to blame (ARM DDI 0406C B1.8.3; C
	 * corrects it for Thumb). It and SPSR go to FIQ mode's scratch, where nothing is kept for long.
	 */
	.macro exception label, kind, adjust
\label:
	sub	lr, lr, #\adjust
	srsdb	sp, #MODE_FIQ
	cpsid	aif, #MODE_FIQ
	mov	r8, #\kind
	b	save
	.endm

	exception undefined, 0, 4
	exception supervisor_call, 1, 4
	exception prefetch_abort, 2, 4
	exception data_abort, 3, 8
	exception fast_interrupt, 4, 4

	/* Go to the mode of a CPSR value, to USR by its twin SYS. Uses r0 and r1. */
	.macro visit cpsr
	mrs	r0, cpsr
	bic	r0, r0, #CPSR_MODE
	and	r1, \cpsr, #CPSR_MODE
	cmp	r1, #MODE_USR
	moveq	r1, #MODE_SYS
	orr	r0, r0, r1
	msr	cpsr_c, r0
	.endm

	/* FIQ mode: r8 = kind. Later, in every mode: r4 = frame, r5 = kind, r6 = level. */
save:
	ldr	r11, =exception_level
	ldr	r12, [r11]
	cmp	r12, #1
	bhi	exception_park
	ldrlo	lr, =exception_stack_top
	ldreq	lr, =exception_stack_nested_top
	add	r9, r12, #1
	str	r9, [r11]
	sub	lr, lr, #FRAME_BYTES
	stmia	lr, {r0-r7}
	ldmdb	sp, {r9, r10}		@ pc, cpsr: what srsdb left
	str	r9, [lr, #FRAME_PC]
	str	r10, [lr, #FRAME_CPSR]
	mov	r4, lr
	mov	r5, r8
	mov	r6, r12

	visit	r10
	add	r1, r4, #FRAME_R8
	stmia	r1, {r8-r12}
	str	sp, [r4, #FRAME_SP]
	str	lr, [r4, #FRAME_LR]

	cps	#MODE_SYS
	mov	sp, r4
	mov	r0, r5
	mov	r1, r4
	mov	r2, r6
	bl	exception_entry		@ comes back when the fault was expected, with another pc

	cps	#MODE_FIQ
	ldr	r0, =exception_level
	str	r6, [r0]
	ldr	r2, [r4, #FRAME_CPSR]
	visit	r2
	add	r1, r4, #FRAME_R8
	ldmia	r1, {r8-r12}
	ldr	sp, [r4, #FRAME_SP]
	ldr	lr, [r4, #FRAME_LR]

	cps	#MODE_FIQ
	mov	lr, r4
	ldr	r8, [lr, #FRAME_CPSR]
	msr	spsr_cxsf, r8
	ldr	r8, [lr, #FRAME_PC]
	ldmia	lr, {r0-r7}
	mov	lr, r8
	clrex
	movs	pc, lr

exception_park:
	wfi
	b	exception_park

	/*
	 * An interrupt. What the call may change, where it was and its CPSR go onto the stack of whoever was
	 * interrupted, always in SVC mode, which also finds room for the next one there if another thread
	 * is to run. The handler has the core's interrupt stack.
	 *
	 *	r4	struct interrupt_frame, below everything of the interrupted
	 *
	 * A backtrace ends here and goes on at the frame (kern/backtrace.c): no unwind table says so. clrex,
	 * for the interrupted may have stood between an LDREX and its STREX (ARM DDI 0406C A3.4.4).
	 */
	.balign	4
	.global	interrupt_request
	.type	interrupt_request, %function
interrupt_request:
	.fnstart
	.cantunwind
	sub	lr, lr, #4
	srsdb	sp!, #MODE_SVC
	cps	#MODE_SVC
	push	{r0-r4, r12, lr}
	mov	r4, sp
	mrc	p15, 0, r1, c13, c0, 4	@ TPIDRPRW: where this core's variables are
	ldr	r0, =interrupt_stack_pointer
	ldr	sp, [r0, r1]
	mov	r0, r4
	bl	interrupt_entry
	mov	sp, r4
	cmp	r0, #0
	bne	2f
1:	nop				@ a site, as in arch/irqflags.h: the stretch ends
	pop	{r0-r4, r12, lr}
	clrex
	rfeia	sp!
2:	cpsie	a			@ masked by the interrupt; who runs next may have come here otherwise
	bic	sp, sp, #7		@ the procedure call standard's alignment
	bl	interrupt_switch
	mov	sp, r4
	b	1b
	.fnend
	.size	interrupt_request, . - interrupt_request

	.section .text.irqsoff, "ax", %progbits
3:	push	{r0, lr}
	mov	r0, #0
	bl	irqsoff_unmasking
	pop	{r0, lr}
4:	nop
	b	1b + 4
	.section irqsoff_sites, "a", %progbits
	.long	1b, 3b, 4b, 0
	.text

	/* void exception_setup(void): FIQ mode gets its scratch. */
	.global exception_setup
exception_setup:
	mrs	r0, cpsr
	cpsid	aif, #MODE_FIQ
	ldr	sp, =exception_scratch_end
	msr	cpsr_c, r0
	bx	lr

	.ltorg

	.section .bss.interrupt_stack, "aw", %nobits
	.balign 8
	.global interrupt_stack
interrupt_stack:
	.space	INTERRUPT_STACK_BYTES
	.global interrupt_stack_top
interrupt_stack_top:

	.section .bss.exception_stack, "aw", %nobits
	.balign 8
	.global exception_stack
exception_stack:
	.space	8192
	.global exception_stack_top
exception_stack_top:
	.global exception_stack_nested
exception_stack_nested:
	.space	4096
	.global exception_stack_nested_top
exception_stack_nested_top:
	.space	8
exception_scratch_end:
exception_level:
	.space	4
