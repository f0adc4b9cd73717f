/* SPDX-License-Identifier: MIT */
#ifndef STRATA_BOOT_DEVICES_H
#define STRATA_BOOT_DEVICES_H

/* Walk the tree again and give each available node to the driver that its `compatible` names. */
void devices_probe(const void *blob);

#endif
