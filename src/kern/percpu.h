/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU variables: one copy for each core, zero at the start.
 *
 *	static DEFINE_PER_CPU(struct page_magazines, page_magazines);
 *
 *	uint32_t flags = local_irq_save();
 *	struct page_magazines *mine = this_cpu_ptr(&page_magazines);
 *
 * The first core's copies are the variables themselves, in .bss.percpu; the others' come when those
 * cores are started. The pointer is this core's only as long as the caller cannot be moved to
 * another: with interrupts masked.
 */
#ifndef STRATA_KERN_PERCPU_H
#define STRATA_KERN_PERCPU_H

#include "arch/percpu.h"

#define DEFINE_PER_CPU(type, name) __attribute__((section(".bss.percpu"))) type name

#define this_cpu_ptr(variable)     ((__typeof__(variable))((uintptr_t)(variable) + percpu_offset()))

#endif
