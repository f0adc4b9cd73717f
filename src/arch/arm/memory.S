/* SPDX-License-Identifier: MIT */
/*
 * memset and memcpy. The C library's small ones go byte by byte or word by word, 5,000 to 20,000
 * instructions a page; zeroing and copying pages is most of what many requests cost, so here a block of
 * 32 bytes takes two or three. Only aligned accesses: for Device memory and with the MMU off as well.
 */
	.syntax unified
	.arm

	.macro	function name
	.section .text.\name, "ax", %progbits
	.balign	4
	.global	\name
	.type	\name, %function
\name:
	.fnstart
	.endm

	.macro	ends name
	.fnend
	.size	\name, . - \name
	.endm

	/* void *memset(void *to, int value, size_t bytes): r3 = where, r2 = how many are left */
	function memset
	.save	{r4-r9, lr}
	push	{r4-r9, lr}
	and	r1, r1, #0xff
	orr	r1, r1, r1, lsl #8
	orr	r1, r1, r1, lsl #16
	mov	r3, r0
1:	tst	r3, #3
	beq	2f
	subs	r2, r2, #1
	strbhs	r1, [r3], #1
	bhs	1b
	pop	{r4-r9, pc}
2:	subs	r2, r2, #64
	blo	4f
	mov	r4, r1
	mov	r5, r1
	mov	r6, r1
	mov	r7, r1
	mov	r8, r1
	mov	r9, r1
	mov	r12, r1
3:	stmia	r3!, {r1, r4-r9, r12}
	stmia	r3!, {r1, r4-r9, r12}
	subs	r2, r2, #64
	bhs	3b
4:	adds	r2, r2, #60
	blt	6f
5:	str	r1, [r3], #4
	subs	r2, r2, #4
	bge	5b
6:	adds	r2, r2, #4
	popeq	{r4-r9, pc}
7:	strb	r1, [r3], #1
	subs	r2, r2, #1
	bne	7b
	pop	{r4-r9, pc}
	ends	memset

	/*
	 * void *memcpy(void *to, const void *from, size_t bytes), by words when both are as far from
	 * one: r3 = where to, r1 = where from, r2 = how many are left
	 */
	function memcpy
	.save	{r4-r10, lr}
	push	{r4-r10, lr}
	mov	r3, r0
	eor	r12, r0, r1
	tst	r12, #3
	bne	6f
1:	tst	r3, #3
	beq	2f
	subs	r2, r2, #1
	ldrbhs	r12, [r1], #1
	strbhs	r12, [r3], #1
	bhs	1b
	pop	{r4-r10, pc}
2:	subs	r2, r2, #64
	blo	4f
3:	ldmia	r1!, {r4-r10, r12}
	stmia	r3!, {r4-r10, r12}
	ldmia	r1!, {r4-r10, r12}
	stmia	r3!, {r4-r10, r12}
	subs	r2, r2, #64
	bhs	3b
4:	adds	r2, r2, #60
	blt	8f
5:	ldr	r12, [r1], #4
	str	r12, [r3], #4
	subs	r2, r2, #4
	bge	5b
8:	add	r2, r2, #4
6:	subs	r2, r2, #1
	poplo	{r4-r10, pc}
7:	ldrb	r12, [r1], #1
	strb	r12, [r3], #1
	subs	r2, r2, #1
	bhs	7b
	pop	{r4-r10, pc}
	ends	memcpy
