/* SPDX-License-Identifier: MIT */
/*
 * The double of contexts and threads for mm on the host: one thread, that says what others do when it
 * waits, and a clock that only waiting moves.
 */
#ifndef STRATA_TESTS_THREAD_DOUBLE_H
#define STRATA_TESTS_THREAD_DOUBLE_H

#include "lib/types.h"

/* Back to: may not wait, nobody told, nobody else. */
void double_threads_reset(void);

extern bool double_may_sleep;         /* what may_sleep answers, but for masked interrupts */
extern bool double_others;            /* other threads go on */
extern bool double_gave_up;           /* this one was chosen to */
extern uint32_t double_sleep_misuses; /* might_sleep where it may not */
extern uint32_t double_waits;
extern uint64_t double_now_ns;

/* The others' turn, each time that this one waits; NULL: nothing happens but that time goes by. */
extern void (*double_others_turn)(void);

#endif
