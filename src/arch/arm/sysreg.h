/* SPDX-License-Identifier: MIT */
/*
 * Bits of the CP15 and status registers that Strata sets, shared by assembly and C.
 * ARM DDI 0406C, sections B4.1 and B1.3.3.
 */
#ifndef STRATA_ARCH_ARM_SYSREG_H
#define STRATA_ARCH_ARM_SYSREG_H

#define CPSR_MODE 0x1f
#define MODE_SVC  0x13
#define MODE_HYP  0x1a
#define CPSR_F    0x40
#define CPSR_I    0x80
#define CPSR_A    0x100

/*
 * SCTLR: bits 22, 23, 18, 16, 6, 5, 4, 3 are one by rule. The rest says: little endian, ARM
 * exceptions at VBAR, no TEX remap, no access flag, unaligned words allowed in Normal memory.
 */
#define SCTLR_ONES    0x00c50078
#define SCTLR_M       (1 << 0)
#define SCTLR_C       (1 << 2)
#define SCTLR_Z       (1 << 11)
#define SCTLR_I       (1 << 12)
#define SCTLR_EARLY   (SCTLR_ONES | SCTLR_Z | SCTLR_I)
#define SCTLR_RUNNING (SCTLR_EARLY | SCTLR_M | SCTLR_C)

#define ACTLR_SMP     (1 << 6)

/* TTBR0: walks inner and outer write-back write-allocate, outer shareable as the data is (S, no TRE). */
#define TTBR_WALK_WBWA_SHAREABLE 0x4a

#define DACR_CLIENT              1 /* domain 0 client, all others no access */

#define BOOT_STACK_BYTES         8192
#define INTERRUPT_STACK_BYTES    8192

#endif
