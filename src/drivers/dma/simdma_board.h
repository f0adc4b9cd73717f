/* SPDX-License-Identifier: MIT */
/* The simulated peripheral as a part of this board. */
#ifndef STRATA_DRIVERS_DMA_SIMDMA_BOARD_H
#define STRATA_DRIVERS_DMA_SIMDMA_BOARD_H

/*
 * What simdma= asks for, unless the tree has had one probed: chip and driver, found by simdma_found. After
 * the tree's devices were probed. Logs what it did, or why it could not.
 */
void simdma_board_add(void);

#endif
