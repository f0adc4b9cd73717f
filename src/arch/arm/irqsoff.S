/* SPDX-License-Identifier: MIT */
/*
 * From the detours of arch/irqflags.h to C. Interrupts are masked. A detour stands in for one
 * instruction, so every register and the flags are kept; the stack pointer may be odd by a word.
 *
 *	irqsoff_masked()                 r0 is free
 *	irqsoff_unmasking(r0 = flags)    what will be written to CPSR; 0: interrupts are let in
 */
	.syntax unified
	.arm

	.macro	tell name, function
	.section .text.\name, "ax", %progbits
	.balign	4
	.global	\name
	.type	\name, %function
\name:
	push	{r1-r3, r12, lr}
	mrs	r3, cpsr
	mov	r2, sp
	bic	sp, sp, #7
	push	{r2, r3}
	mov	r1, lr
	bl	\function
	pop	{r2, r3}
	mov	sp, r2
	msr	APSR_nzcvqg, r3
	pop	{r1-r3, r12, pc}
	.size	\name, . - \name
	.endm

	tell	irqsoff_masked, irqsoff_note_masked
	tell	irqsoff_unmasking, irqsoff_note_unmasking
