/* SPDX-License-Identifier: MIT */
/* What the object allocator has to say, in lines of the log. */
#ifndef STRATA_BOOT_OBJECT_EVENTS_H
#define STRATA_BOOT_OBJECT_EVENTS_H

void object_events_attach(void);

#endif
