/* SPDX-License-Identifier: MIT */
#include "dma_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/unwind.h"
#include "kern/context.h"
#include "kern/param.h"
#include "mm/dma/options.h"
#include "mm/phys/dma_limit.h"
#include "mm/virt/kmap.h"
#include "window_double.h"

const char __virt_text_start[1], __virt_text_end[1];

unsigned int dma_refusals_told, dma_misuses_told;
struct dma_refusal dma_last_refusal;
struct dma_misuse dma_last_misuse;

/* No stack, unless a test says so. */
struct unwind_space unwind_image;

static void note_refusal(const struct dma_refusal *refusal)
{
	dma_refusals_told++;
	dma_last_refusal = *refusal;
}

static void note_misuse(const struct dma_misuse *misuse)
{
	dma_misuses_told++;
	dma_last_misuse = *misuse;
}

bool dma_param(const char *name, const char *value)
{
	const struct boot_param *param;

	for_each_table_entry(param, boot_params)
		if (strcmp(param->name, name) == 0)
			return param->parse(value) == NULL;
	fail_msg("no parameter %s", name);
	return false;
}

static void forget_devices(void)
{
	while (dma_devices() != NULL) {
		dma_devices()->live_mappings = 0;
		dma_device_unregister(dma_devices());
	}
}

void dma_start(void)
{
	static const struct harness_machine machine = {
		.zone_pages = { [ZONE_DMA] = DMA_BYTES / PAGE_SIZE,
				[ZONE_NORMAL] = NORMAL_BYTES / PAGE_SIZE,
				[ZONE_HIGHMEM] = HIGH_BYTES / PAGE_SIZE },
	};

	dma_debug_start(NULL);
	dma_misuse_hook = NULL;
	forget_devices();
	bounce_pools_reset();
	dma_limit_reset();
	dma_options_reset();
	double_windows_reset();
	objects_start(&machine, NULL);
	harness_clear_watermarks();
	kmap_init();
	cache_double_start();
	dma_refusal_hook = note_refusal;
	dma_misuse_hook = note_misuse;
	dma_refusals_told = dma_misuses_told = 0;
}

/* The pages stay whose they are: the test takes none of those. */
struct bounce_pool *dma_pool_at(uint64_t phys, size_t bytes)
{
	static struct bounce_pool pools[4];
	static uint32_t records[4][64 << 10];
	static unsigned int next;
	unsigned int mine = next++ % ARRAY_SIZE(pools);

	assert_true(bounce_pool_record_bytes(bytes) <= sizeof(records[0]));
	memset(records[mine], 0, sizeof(records[mine]));
	bounce_pool_add(&pools[mine], "swiotlb", (phys_addr_t)phys, bytes, records[mine]);
	for (struct dma_device *device = dma_devices(); device != NULL; device = device->next)
		dma_device_update(device);
	return &pools[mine];
}

struct bounce_pool *dma_pool_low(size_t bytes)
{
	return dma_pool_at(RAM_BASE + DMA_BYTES - bytes, bytes);
}

void dma_make_device(struct dma_device *device, unsigned int bits, bool coherent)
{
	dma_device_init(device, "test");
	device->coherent = coherent;
	device->windows[0] =
		(struct dma_reach_window){ .phys = RAM_BASE, .bytes = RAM_BYTES, .bus = 0 };
	device->window_count = 1;
	device->mask = DMA_BIT_MASK(bits);
	dma_device_register(device);
}

void dma_expect_refusal(enum dma_refusal_reason reason)
{
	assert_int_equal(dma_refusals_told, 1);
	assert_int_equal(dma_last_refusal.reason, reason);
	dma_refusals_told = 0;
}

void dma_expect_misuse(enum dma_misuse_kind kind)
{
	assert_int_equal(dma_misuses_told, 1);
	assert_int_equal(dma_last_misuse.kind, kind);
	dma_misuses_told = 0;
}

void dma_check_idle(const struct dma_device *device)
{
	struct bounce_snapshot snapshot;

	assert_int_equal(device->live_mappings, 0);
	assert_int_equal(dma_refusals_told, 0);
	assert_int_equal(dma_misuses_told, 0);
	assert_int_equal(double_irq_flags, 0);
	for (const struct bounce_pool *pool = bounce_pools(); pool != NULL; pool = pool->next) {
		bounce_snapshot(pool, &snapshot);
		assert_int_equal(snapshot.used_slots, 0);
	}
	assert_null(bounce_check());
	assert_int_equal(this_cpu_context()->preempt_count, 0);
	assert_true(kmap_check_closed(&(struct kmap_window){ 0 }));
	cache_double_check();
	harness_check(NULL);
}
