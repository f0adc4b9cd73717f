/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/mmu.h for windows on the host: a window shows the very bytes of a page of
 * page_harness's arena, by a second mapping of them.
 *
 * It has a TLB that forgets only what it is told to forget: what was cleared goes on being shown until
 * mmu_flush, and to open such a window fails the test. So does an operation with interrupts let in, a
 * window that is opened twice, and one that is closed twice. The linear map has the kinds of its sections.
 */
#ifndef STRATA_TESTS_WINDOW_DOUBLE_H
#define STRATA_TESTS_WINDOW_DOUBLE_H

#include "lib/types.h"

/* All windows closed, no table. */
void double_windows_reset(void);

/* How often the TLBs were told since then, and second-level tables that were taken. */
extern unsigned int double_flushes, double_tables;

/*
 * Megabytes of the arena are cached or not (mmu_section_kind, which fails the test with interrupts
 * masked, or when the megabyte is of that kind already). The n-th change from now on is refused (0: none),
 * and all changes of a megabyte that has small pages.
 */
extern uint32_t double_section_refused;
uint32_t double_noncached_sections(void);
void double_small_pages(phys_addr_t phys, bool has_some);

/* Another thread's turn: the windows that are open are put away while others() runs. */
void double_switch_threads(void (*others)(void));

#endif
