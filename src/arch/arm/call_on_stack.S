/* SPDX-License-Identifier: MIT */
/*
 * void cpu_call_on_stack(void (*function)(uintptr_t), uintptr_t argument, void *stack_top)
 *
 * r4 keeps the caller's stack pointer, and the unwinder is told so: a backtrace goes on across.
 */
	.syntax unified
	.arm
	.section .text.cpu_call_on_stack, "ax", %progbits
	.global cpu_call_on_stack
	.type cpu_call_on_stack, %function
cpu_call_on_stack:
	.fnstart
	.save	{r4, lr}
	push	{r4, lr}
	.setfp	r4, sp
	mov	r4, sp
	mov	sp, r2
	mov	r3, r0
	mov	r0, r1
	blx	r3
	mov	sp, r4
	pop	{r4, pc}
	.fnend
	.size cpu_call_on_stack, . - cpu_call_on_stack
