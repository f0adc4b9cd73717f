/* SPDX-License-Identifier: MIT */
/*
 * Where the cores sleep that do not run yet (arch/cpu.h). They come with the MMU off, from wherever the
 * boot's firmware kept them, in any mode. An interrupt that is masked wakes a core as well (ARM DDI 0406C
 * B1.8.14): hence the loop.
 */
	.syntax unified
	.arm

	.section .text.secondary_park, "ax", %progbits
	.balign	64
	.global	secondary_park
	.type	secondary_park, %function
secondary_park:
	cpsid	aif
1:	wfi
	b	1b
	.size	secondary_park, . - secondary_park
