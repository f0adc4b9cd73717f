/* SPDX-License-Identifier: MIT */
/*
 * Exceptions while nobody expects one: save what the core had, say it, stop.
 *
 * Each entry leaves through report with r0 = kind (enum exception_kind). The frame on the exception
 * stack is struct exception_frame: r0-r12, sp, lr of the interrupted mode, pc, cpsr, fault status and address.
 */
#include "arch/arm/sysreg.h"

	.syntax unified
	.arch_extension virt
	.text
	.arm
	.balign 32
	.global exception_vectors
exception_vectors:
	b	.			@ reset does not come here
	b	undefined
	b	supervisor_call
	b	prefetch_abort
	b	data_abort
	b	.			@ HYP trap: not at PL1
	b	interrupt
	b	fast_interrupt

	/* The return address lies `adjust` bytes after the instruction to blame (ARM DDI 0406C B1.8.3). */
	.macro exception label, kind, adjust
\label:
	ldr	sp, =exception_stack_top
	sub	sp, sp, #80		@ struct exception_frame, rounded up to 8
	stmia	sp, {r0-r12}
	sub	r1, lr, #\adjust
	str	r1, [sp, #60]
	mrs	r1, spsr
	str	r1, [sp, #64]
	mov	r0, #\kind
	b	report
	.endm

	exception undefined, 0, 4
	exception supervisor_call, 1, 4
	exception prefetch_abort, 2, 4
	exception data_abort, 3, 8
	exception interrupt, 4, 4
	exception fast_interrupt, 5, 4

	/* sp and lr of the interrupted mode: visit it. From SVC they are right there; we only run in SVC. */
report:
	mov	r2, sp
	mrs	r3, cpsr
	cpsid	aif, #MODE_SVC
	str	sp, [r2, #52]
	str	lr, [r2, #56]
	mov	sp, r2			@ report in SVC, on the exception stack
	mov	r1, r2
	bl	exception_entry
	b	.

	.ltorg

	.section .bss.exception_stack, "aw", %nobits
	.balign 8
	.space	4096
exception_stack_top:
