/* SPDX-License-Identifier: MIT */
#ifndef STRATA_BOOT_PAGE_EVENTS_H
#define STRATA_BOOT_PAGE_EVENTS_H

/* From now on refusals and wrong uses of pages are lines in the log. */
void page_events_attach(void);

/* "  taken by:" and a line for each function, if any are known. */
struct owner_stack;
void page_events_say_stack(const char *what, const struct owner_stack *stack);

#endif
