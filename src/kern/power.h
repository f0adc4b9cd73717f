/* SPDX-License-Identifier: MIT */
/* Switching the board off and restarting it, by whatever device can. */
#ifndef STRATA_KERN_POWER_H
#define STRATA_KERN_POWER_H

#include "lib/types.h"

struct power_ops {
	const char *name;  /* for people */
	void (*off)(void); /* returns only if it did not work */
	void (*restart)(void);
};

/* The first to register stays. The struct must live for ever. */
void power_register(const struct power_ops *ops);

/* Return only when nothing can do it or it did not work; the log says which. */
void power_off(void);
void power_restart(void);

#endif
