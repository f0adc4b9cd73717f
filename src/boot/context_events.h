/* SPDX-License-Identifier: MIT */
/* What contexts, threads and mutexes have to say, in lines of the log; and what mm asks about them. */
#ifndef STRATA_BOOT_CONTEXT_EVENTS_H
#define STRATA_BOOT_CONTEXT_EVENTS_H

/* Once, before the threads are started. */
void context_events_attach(void);

#endif
