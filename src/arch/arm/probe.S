/* SPDX-License-Identifier: MIT */
/*
 * Accesses that may fault. Each has an entry in exception_fixups (exception.c): a fault between its
 * first two addresses goes on at the third. dsb waits for the access, isb for what the core has to
 * say of it: a bus error that comes late is still caught between them.
 *
 * All return 0, or 1 after a fault. Those that tell what it was keep the address of their
 * struct exception_info, or NULL, in r2 meanwhile (exception.c); the others have 0 there.
 */
	.syntax unified
	.arm

	.macro fixup from, to, resume
	.pushsection exception_fixups, "a", %progbits
	.balign	4
	.word	\from, \to, \resume
	.popsection
	.endm

	.macro function name
	.section .text.\name, "ax", %progbits
	.balign	4
	.global	\name
	.type	\name, %function
\name:
	.endm

	/* probe_readN(address, uint32_t *value, struct exception_info *info) */
	.macro probe_read name, instruction
	function \name
1:	\instruction	r3, [r0]
	dsb
	isb
2:	str	r3, [r1]
	mov	r0, #0
	bx	lr
3:	mov	r0, #1
	bx	lr
	fixup	1b, 2b, 3b
	.size	\name, . - \name
	.endm

	/* probe_writeN(address, value, struct exception_info *info) */
	.macro probe_write name, instruction
	function \name
1:	\instruction	r1, [r0]
	dsb
	isb
2:	mov	r0, #0
	bx	lr
3:	mov	r0, #1
	bx	lr
	fixup	1b, 2b, 3b
	.size	\name, . - \name
	.endm

	probe_read probe_read8, ldrb
	probe_read probe_read16, ldrh
	probe_read probe_read32, ldr
	probe_write probe_write8, strb
	probe_write probe_write16, strh
	probe_write probe_write32, str

	/*
	 * probe_call(function, argument, struct exception_info *info): a fault at the function's very first
	 * instruction goes on at probe_call_failed. lr comes from the stack: an SVC overwrites the register.
	 */
	function probe_call
	push	{r2, lr}
	mov	r12, r0
	mov	r0, r1
	adr	r3, probe_call_return
	blx	r12
	.global	probe_call_return
probe_call_return:
	mov	r0, #0
	pop	{r2, pc}
	.global	probe_call_failed
probe_call_failed:
	mov	r0, #1
	pop	{r2, pc}
	.size	probe_call, . - probe_call

	/* probe_pending(): let asynchronous aborts through from now on; one that waits is dropped. */
	function probe_pending
	mov	r2, #0
	dsb
1:	cpsie	a
	isb
2:	mov	r0, #0
	bx	lr
3:	mov	r0, #1
	bx	lr
	fixup	1b, 2b, 3b
	.size	probe_pending, . - probe_pending

	/* probe_semihosting(operation, parameter): hlt 0xf000, undefined where nobody listens. */
	function probe_semihosting
	mov	r2, #0
1:	.inst	0xe10f0070
2:	mov	r0, #0
	bx	lr
3:	mov	r0, #1
	bx	lr
	fixup	1b, 2b, 3b
	.size	probe_semihosting, . - probe_semihosting
