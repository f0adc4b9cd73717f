/* SPDX-License-Identifier: MIT */
#ifndef STRATA_BOOT_KMAP_EVENTS_H
#define STRATA_BOOT_KMAP_EVENTS_H

/* From now on wrong uses of windows are lines in the log, and fault reports know windows. */
void kmap_events_attach(void);

/* A window that is open where none may be, or a broken rule, as a sentence; NULL: all is well. Who
 * opened the window, if that is known, goes to the log. */
const char *kmap_events_check(void);

/* At the end of boot: say which fixmap windows were forgotten. */
void kmap_events_say_forgotten(void);

#endif
