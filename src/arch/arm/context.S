/* SPDX-License-Identifier: MIT */
/*
 * Switching between threads. What is on a stack that was left (context.c has the numbers):
 *
 *	sp	r3 (for alignment)  r4 ... r11  lr	8 aligned
 *
 * No clrex: who calls stands between no LDREX and its STREX, and interrupts do it themselves.
 */
	.syntax unified
	.arm

	.section .text.context_switch, "ax", %progbits
	.balign	4
	.global	context_switch
	.type	context_switch, %function
context_switch:
	.fnstart
	.save	{r3-r11, lr}
	push	{r3-r11, lr}
	str	sp, [r0]
	mov	sp, r1
	pop	{r3-r11, pc}
	.fnend
	.size	context_switch, . - context_switch

	/* The first instructions of a new one: r4 = function, r5 = argument. Nobody called it. */
	.section .text.context_begin, "ax", %progbits
	.balign	4
	.global	context_begin
	.type	context_begin, %function
context_begin:
	.fnstart
	.cantunwind
1:	cpsie	i
	mov	r0, r5
	blx	r4
	.fnend
	.size	context_begin, . - context_begin

	/* As the sites of arch/irqflags.h. */
	.section .text.irqsoff, "ax", %progbits
2:	push	{r0, lr}
	mov	r0, #0
	bl	irqsoff_unmasking
	pop	{r0, lr}
3:	cpsie	i
	b	1b + 4
	.section irqsoff_sites, "a", %progbits
	.long	1b, 2b, 3b, 0
