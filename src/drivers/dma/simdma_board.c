/* SPDX-License-Identifier: MIT */
#include "drivers/dma/simdma_board.h"

#include <inttypes.h>

#include "drivers/dma/simdma.h"
#include "drivers/dma/simdma_engine.h"
#include "drivers/dma/simdma_tree.h"
#include "kern/driver.h"
#include "kern/irq.h"
#include "kern/log.h"
#include "mm/phys/dma_limit.h"
#include "mm/phys/memblock.h"

#define SOFTWARE_LINE 4U /* self-tests have those below */

static struct simdma_engine engine;
static struct simdma simdma;

/* --- the chip is put on the board, and its driver finds it ------------------------------------- */

static void add(struct dma_device *dma, uint32_t lines)
{
	static const struct simdma_registers registers = { simdma_engine_read, simdma_engine_write,
							   &engine };
	uint32_t irq = software_irq(SOFTWARE_LINE);
	int error;

	if (irq == 0 || !callout_works()) {
		pr_warn("%s: no interrupt controller with lines for software, or no timer: not "
			"used\n",
			dma->name);
		return;
	}
	simdma_engine_start(&engine, &simdma_memory, memblock_start_of_DRAM(), lines, irq);
	error = simdma_attach(&simdma, dma, &registers, irq);
	if (error != 0) {
		pr_warn("%s: error %d: not used\n", dma->name, error);
		return;
	}
	simdma_set_found(&simdma);
	pr_info("%s: simulated DMA peripheral, %" PRIu32 " address lines, irq %" PRIu32 "\n",
		dma->name, lines, irq);
}

/* --- as a node --------------------------------------------------------------------------------- */

static void simdma_probe(const struct device *device)
{
	uint32_t lines = simdma_tree_lines(device->blob, device->node);
	struct dma_device *dma;

	if (simdma_found() != NULL) {
		pr_warn("%s: there is one already: not used\n", device->name);
		return;
	}
	dma = dma_device_of(device);
	if (dma == NULL)
		pr_warn("%s: no memory for it: not used\n", device->name);
	else
		add(dma, lines != 0 ? lines : SIMDMA_LINES_MOST);
}

static const char *const simdma_compatible[] = { SIMDMA_COMPATIBLE, NULL };

DRIVER(simdma, simdma_compatible, simdma_probe);

/* --- as an argument ---------------------------------------------------------------------------- */

void simdma_board_add(void)
{
	static struct dma_device dma;
	uint64_t base = memblock_start_of_DRAM();
	unsigned int lines = dma_limit_simdma_bits();

	if (lines == 0 || simdma_found() != NULL)
		return;
	dma_device_init(&dma, "simdma");
	dma.windows[0] = (struct dma_reach_window){ .phys = base, .bytes = SZ_4G - base };
	dma.window_count = 1;
	dma_device_register(&dma);
	add(&dma, lines);
}
