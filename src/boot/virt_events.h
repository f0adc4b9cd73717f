/* SPDX-License-Identifier: MIT */
/* What vmalloc, vmap and ioremap have to say, in lines of the log. */
#ifndef STRATA_BOOT_VIRT_EVENTS_H
#define STRATA_BOOT_VIRT_EVENTS_H

void virt_events_attach(void);

#endif
