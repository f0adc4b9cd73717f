/* SPDX-License-Identifier: MIT */
/* What a device reaches: masks, windows, limits, translation at every boundary, and zones. */
#include "dma_harness.h"

#include "mm/dma/explain.h"
#include "mm/dma/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm/phys/dma_limit.h"

#define END  (RAM_BASE + RAM_BYTES)
#define WIDE DMA_BIT_MASK(64)

static struct dma_device device;

static void init(const struct dma_reach_window *windows, uint32_t count)
{
	dma_device_init(&device, "test");
	device.mask = WIDE;
	if (count != 0)
		memcpy(device.windows, windows, count * sizeof(*windows));
	device.window_count = count;
}

static void one(uint64_t phys, uint64_t bytes, uint64_t bus)
{
	init(&(struct dma_reach_window){ .phys = phys, .bytes = bytes, .bus = bus }, 1);
}

static void reached(uint64_t phys, uint64_t bytes, uint64_t mask, uint64_t expected)
{
	uint64_t bus = 0;

	assert_true(dma_reaches(&device, phys, bytes, mask, &bus));
	assert_int_equal(bus, expected);
}

static void not_reached(uint64_t phys, uint64_t bytes, uint64_t mask)
{
	uint64_t bus = 0x5a;

	assert_false(dma_reaches(&device, phys, bytes, mask, &bus));
	assert_int_equal(bus, 0x5a);
}

/* --- masks ----------------------------------------------------------------------------------- */

static void every_mask(void **state)
{
	(void)state;
	init(NULL, 0);
	for (unsigned int bits = 1; bits < 64; bits++) {
		uint64_t end = 1ULL << bits;

		reached(end - 1, 1, DMA_BIT_MASK(bits), end - 1);
		reached(0, end, DMA_BIT_MASK(bits), 0);
		not_reached(end - 1, 2, DMA_BIT_MASK(bits));
		not_reached(end, 1, DMA_BIT_MASK(bits));
		not_reached(0, end + 1, DMA_BIT_MASK(bits));
	}
	assert_int_equal(DMA_BIT_MASK(64), UINT64_MAX);
}

static void odd_masks(void **state)
{
	(void)state;
	init(NULL, 0);
	reached(0x4fffffff, 1, 0x4fffffff, 0x4fffffff);
	not_reached(0x4fffffff, 2, 0x4fffffff);
	reached(0, 1, 0, 0);
	not_reached(1, 1, 0);
}

static void nothing_and_too_much(void **state)
{
	(void)state;
	init(NULL, 0);
	not_reached(RAM_BASE, 0, WIDE);
	not_reached(UINT64_MAX, 2, WIDE);
	not_reached(2, UINT64_MAX, WIDE);
	one(RAM_BASE, RAM_BYTES, 0);
	not_reached(RAM_BASE, 0, WIDE);
	not_reached(RAM_BASE, UINT64_MAX, WIDE);
}

/* --- windows --------------------------------------------------------------------------------- */

static void edges_of_a_window(void **state)
{
	(void)state;
	one(RAM_BASE, 0x1000, 0xc0000000);
	reached(RAM_BASE, 1, WIDE, 0xc0000000);
	reached(RAM_BASE + 0xfff, 1, WIDE, 0xc0000fff);
	reached(RAM_BASE, 0x1000, WIDE, 0xc0000000);
	not_reached(RAM_BASE - 1, 1, WIDE);
	not_reached(RAM_BASE - 1, 2, WIDE);
	not_reached(RAM_BASE + 0xfff, 2, WIDE);
	not_reached(RAM_BASE + 0x1000, 1, WIDE);
	/* The mask is about bus addresses. */
	reached(RAM_BASE, 0x800, 0xc00007ff, 0xc0000000);
	not_reached(RAM_BASE, 0x801, 0xc00007ff);
	not_reached(RAM_BASE, 1, 0xbfffffff);
	reached(RAM_BASE, 1, 0xc0000000, 0xc0000000);
}

static void window_to_the_end_of_everything(void **state)
{
	(void)state;
	one(0, 0x1000, UINT64_MAX - 0xfff);
	reached(0, 0x1000, WIDE, UINT64_MAX - 0xfff);
	not_reached(0x1000, 1, WIDE);
	/* Tidied: what would wrap is cut. */
	one(RAM_BASE, UINT64_MAX, UINT64_MAX - 0x10);
	dma_device_tidy(&device);
	reached(RAM_BASE, 0x10, WIDE, UINT64_MAX - 0x10);
	not_reached(RAM_BASE, 0x12, WIDE);
}

static void neighbours_that_go_on(void **state)
{
	const struct dma_reach_window windows[] = {
		{ RAM_BASE + 0x1000, 0x1000, 0x9000 }, /* not in order */
		{ RAM_BASE, 0x1000, 0x8000 },
		{ RAM_BASE + 0x2000, 0x1000, 0xb000 }, /* goes on in phys only */
	};

	(void)state;
	init(windows, 3);
	reached(RAM_BASE, 0x2000, WIDE, 0x8000);
	reached(RAM_BASE + 0xfff, 2, WIDE, 0x8fff);
	not_reached(RAM_BASE + 0x1fff, 2, WIDE);
	not_reached(RAM_BASE, 0x2001, WIDE);
	reached(RAM_BASE + 0x2000, 0x1000, WIDE, 0xb000);
	/* The mask cuts the second. */
	not_reached(RAM_BASE, 0x2000, 0x8fff);
	reached(RAM_BASE, 0x1000, 0x8fff, 0x8000);
}

/* The same memory at two bus addresses: the first that does. */
static void two_views(void **state)
{
	const struct dma_reach_window windows[] = {
		{ RAM_BASE, 0x2000, 0x100000000 },
		{ RAM_BASE, 0x1000, 0x4000 },
	};

	(void)state;
	init(windows, 2);
	reached(RAM_BASE, 0x1000, WIDE, 0x100000000);
	reached(RAM_BASE, 0x1000, DMA_BIT_MASK(32), 0x4000);
	not_reached(RAM_BASE, 0x1001, DMA_BIT_MASK(32));
	reached(RAM_BASE + 0xfff, 2, WIDE, 0x100000fff);
}

static void cut_off(void **state)
{
	uint64_t bus, phys;

	(void)state;
	init(NULL, 0);
	device.cut_off = true;
	not_reached(RAM_BASE, 1, WIDE);
	assert_false(dma_bus_of_phys(&device, RAM_BASE, &bus));
	assert_false(dma_phys_of_bus(&device, RAM_BASE, &phys));
	/* Only windows of nothing: as good as that. */
	one(RAM_BASE, 0, 0);
	dma_device_tidy(&device);
	not_reached(RAM_BASE, 1, WIDE);
}

static void there_and_back(void **state)
{
	uint64_t bus, phys;

	(void)state;
	one(RAM_BASE, RAM_BYTES, 0xc0000000);
	for (uint64_t offset = 0; offset < RAM_BYTES; offset += 0x12345) {
		assert_true(dma_bus_of_phys(&device, RAM_BASE + offset, &bus));
		assert_int_equal(bus, 0xc0000000 + offset);
		assert_true(dma_phys_of_bus(&device, bus, &phys));
		assert_int_equal(phys, RAM_BASE + offset);
	}
	assert_false(dma_phys_of_bus(&device, 0xbfffffff, &phys));
	assert_false(dma_phys_of_bus(&device, 0xc0000000 + RAM_BYTES, &phys));
	assert_false(dma_bus_of_phys(&device, RAM_BASE - 1, &bus));
	assert_false(dma_bus_of_phys(&device, END, &bus));
}

/* A naive answer, byte by byte, for random windows, masks and limits of a small world. */
static bool naive(uint64_t phys, uint64_t bytes, uint64_t mask)
{
	for (uint32_t i = 0; i < device.window_count; i++) {
		uint64_t bus = device.windows[i].bus + (phys - device.windows[i].phys);
		bool all = phys >= device.windows[i].phys &&
			   phys < device.windows[i].phys + device.windows[i].bytes;

		for (uint64_t byte = 0; byte < bytes && all; byte++) {
			bool shown = false;

			for (uint32_t j = 0; j < device.window_count; j++)
				shown |= phys + byte - device.windows[j].phys <
						 device.windows[j].bytes &&
					 device.windows[j].bus + (phys + byte) -
							 device.windows[j].phys ==
						 bus + byte;
			all = shown && bus + byte <= mask && bus + byte <= device.limit_last_bus &&
			      bus + byte >= device.limit_first_bus;
		}
		if (all)
			return true;
	}
	return false;
}

static void random_worlds(void **state)
{
	uint32_t random = 7, hits = 0;

	(void)state;
	for (unsigned int round = 0; round < 100000; round++) {
		uint64_t phys = harness_random(&random) % 40, mask = harness_random(&random) % 64;
		uint64_t bytes = 1 + harness_random(&random) % 12, bus;
		bool expected, got;

		init(NULL, 0);
		device.window_count = 1 + harness_random(&random) % 4;
		for (uint32_t i = 0; i < device.window_count; i++)
			device.windows[i] = (struct dma_reach_window){
				.phys = harness_random(&random) % 32,
				.bytes = 1 + harness_random(&random) % 16,
				.bus = harness_random(&random) % 32,
			};
		device.limit_first_bus = harness_random(&random) % 8;
		device.limit_last_bus = 30 + harness_random(&random) % 30;
		expected = naive(phys, bytes, mask);
		got = dma_reaches(&device, phys, bytes, mask, &bus);
		assert_int_equal(got, expected);
		hits += got;
	}
	assert_in_range(hits, 1000, 90000);
}

/* --- dma_limit= ------------------------------------------------------------------------------ */

static void register_with(const char *rule)
{
	dma_start();
	one(RAM_BASE, RAM_BYTES, 0xc0000000);
	assert_true(dma_param("dma_limit", rule));
	dma_device_register(&device);
}

static void limits(void **state)
{
	(void)state;
	/* Lines count from the bus address of the first byte of RAM. */
	register_with("test:20bits");
	reached(RAM_BASE, 1 << 20, WIDE, 0xc0000000);
	not_reached(RAM_BASE, (1 << 20) + 1, WIDE);
	register_with("test:0xc000ffff");
	reached(RAM_BASE + 0xffff, 1, WIDE, 0xc000ffff);
	not_reached(RAM_BASE + 0xffff, 2, WIDE);
	register_with("test:64K@0xc0100000");
	reached(RAM_BASE + (1 << 20), 0x10000, WIDE, 0xc0100000);
	not_reached(RAM_BASE + (1 << 20) - 1, 1, WIDE);
	not_reached(RAM_BASE + (1 << 20) + 0x10000, 1, WIDE);
	/* Another's is not ours. */
	register_with("other:20bits");
	reached(RAM_BASE, RAM_BYTES, WIDE, 0xc0000000);
	/* 2^63 bytes from there on is past the end of addresses: no limit. */
	register_with("test:63bits");
	reached(RAM_BASE, RAM_BYTES, WIDE, 0xc0000000);
}

/* --- parts ----------------------------------------------------------------------------------- */

static void parts(void **state)
{
	uint64_t phys = RAM_BASE, end = END, bus = 0;

	(void)state;
	one(RAM_BASE + 0x1000, 0x3000, 0x1000);
	assert_true(dma_window_part(&device, 0, WIDE, &phys, &end, &bus));
	assert_int_equal(phys, RAM_BASE + 0x1000);
	assert_int_equal(end, RAM_BASE + 0x4000);
	assert_int_equal(bus, 0x1000);
	phys = RAM_BASE + 0x2000;
	end = RAM_BASE + 0x2001;
	assert_true(dma_window_part(&device, 0, 0x2000, &phys, &end, &bus));
	assert_int_equal(phys, RAM_BASE + 0x2000);
	assert_int_equal(end, RAM_BASE + 0x2001);
	assert_int_equal(bus, 0x2000);
	assert_false(dma_window_part(&device, 0, 0x1fff, &phys, &end, &bus));
	assert_false(dma_window_part(&device, 0, 0xfff, &phys, &end, &bus));
	assert_false(dma_window_part(&device, 1, WIDE, &phys, &end, &bus));
	end = phys;
	assert_false(dma_window_part(&device, 0, WIDE, &phys, &end, &bus));
}

/* --- zones ----------------------------------------------------------------------------------- */

static void zones_by_mask(void **state)
{
	uint64_t first, end;

	(void)state;
	dma_start();
	one(RAM_BASE, RAM_BYTES, 0);
	assert_int_equal(dma_zone_for(&device, WIDE), (int)__GFP_HIGHMEM);
	assert_int_equal(dma_zone_for(&device, RAM_BYTES - 1), (int)__GFP_HIGHMEM);
	assert_int_equal(dma_zone_for(&device, RAM_BYTES - 2), 0);
	assert_int_equal(dma_zone_for(&device, DMA_BYTES + NORMAL_BYTES - 1), 0);
	assert_int_equal(dma_zone_for(&device, DMA_BYTES + NORMAL_BYTES - 2), (int)__GFP_DMA);
	assert_int_equal(dma_zone_for(&device, DMA_BYTES - 1), (int)__GFP_DMA);
	assert_int_equal(dma_zone_for(&device, DMA_BYTES - 2), -1);
	assert_true(dma_reach_range(&device, DMA_BYTES - 2, &first, &end));
	assert_int_equal(first, RAM_BASE);
	assert_int_equal(end, RAM_BASE + DMA_BYTES - 1);
	/* Highmem has no range: it has no linear address. */
	assert_true(dma_reach_range(&device, WIDE, &first, &end));
	assert_int_equal(end, RAM_BASE + DMA_BYTES + NORMAL_BYTES);
}

/* A window that leaves out the start: Normal and highmem are reached, DMA below them is not. */
static void zones_by_window(void **state)
{
	uint64_t first, end;

	(void)state;
	dma_start();
	one(RAM_BASE + DMA_BYTES, NORMAL_BYTES + HIGH_BYTES, 0);
	assert_int_equal(dma_zone_for(&device, WIDE), -1);
	assert_true(dma_reach_range(&device, WIDE, &first, &end));
	assert_int_equal(first, RAM_BASE + DMA_BYTES);
	assert_int_equal(end, RAM_BASE + DMA_BYTES + NORMAL_BYTES);
	one(RAM_BASE + DMA_BYTES + NORMAL_BYTES, HIGH_BYTES, 0);
	assert_false(dma_reach_range(&device, WIDE, &first, &end));
	device.cut_off = true;
	assert_int_equal(dma_zone_for(&device, WIDE), -1);
	assert_false(dma_reach_range(&device, WIDE, &first, &end));
}

/* Two windows that do not continue each other: a block of pages may lie across. */
static void zones_across_windows(void **state)
{
	struct dma_reach_window windows[] = {
		{ RAM_BASE, DMA_BYTES / 2, 0 },
		{ RAM_BASE + DMA_BYTES / 2, RAM_BYTES - DMA_BYTES / 2, DMA_BYTES / 2 },
	};

	(void)state;
	dma_start();
	init(windows, 2);
	assert_int_equal(dma_zone_for(&device, WIDE), (int)__GFP_HIGHMEM);
	device.windows[1].bus++;
	assert_int_equal(dma_zone_for(&device, WIDE), -1);
}

/* --- masks of drivers ------------------------------------------------------------------------ */

static void set_masks(void **state)
{
	(void)state;
	dma_start();
	one(RAM_BASE, RAM_BYTES, 0xc0000000);
	dma_device_register(&device);
	assert_int_equal(dma_set_mask(&device, DMA_BIT_MASK(32)), 0);
	assert_int_equal(device.mask, DMA_BIT_MASK(32));
	/* 28 lines name nothing that lies at 0xc0000000. */
	assert_int_equal(dma_set_mask(&device, DMA_BIT_MASK(28)), -EIO);
	dma_expect_refusal(DMA_MASK_IN_VAIN);
	assert_int_equal(device.mask, DMA_BIT_MASK(32));
	assert_int_equal(dma_set_coherent_mask(&device, 0xc0000fff), 0);
	assert_int_equal(device.coherent_mask, 0xc0000fff);
	assert_int_equal(device.mask, DMA_BIT_MASK(32));
	assert_int_equal(dma_set_coherent_mask(&device, 0xbfffffff), -EIO);
	dma_expect_refusal(DMA_MASK_IN_VAIN);
	assert_int_equal(device.coherent_mask, 0xc0000fff);
	assert_int_equal(dma_set_mask_and_coherent(&device, 0), -EIO);
	dma_expect_refusal(DMA_MASK_IN_VAIN);
	assert_int_equal(dma_set_mask_and_coherent(&device, 0xc0000000), 0);
	assert_int_equal(device.mask, 0xc0000000);
	assert_int_equal(device.coherent_mask, 0xc0000000);
}

/* What has more than 32 bits is no address, whatever the mask: such RAM is not reached. */
static void beyond_32_bits(void **state)
{
	(void)state;
	dma_start();
	one(RAM_BASE, RAM_BYTES, SZ_4G);
	dma_device_register(&device);
	assert_int_equal(dma_set_mask(&device, UINT64_MAX), -EIO);
	dma_expect_refusal(DMA_MASK_IN_VAIN);
	device.mask = UINT64_MAX;
	device.windows[0].bus = SZ_4G - DMA_BYTES;
	dma_device_update(&device);
	assert_int_equal(dma_max_mapping_size(&device),
			 SIZE_MAX); /* no pool: refused, or as it is */
	dma_pool_low(BOUNCE_POOL_LEAST);
	device.windows[0].bus -= PAGE_SIZE; /* the pool's last byte has an address */
	dma_device_update(&device);
	assert_non_null(device.pool);
	assert_int_equal(dma_max_mapping_size(&device), BOUNCE_POOL_LEAST);
}

/* Of two windows the one through which it is reached is named. */
static void explained_by_its_window(void **state)
{
	struct dma_reach_window windows[] = { { RAM_BASE, RAM_BYTES, 0xc0000000 },
					      { RAM_BASE, RAM_BYTES, 0x10000000 } };
	struct dma_explanation why;

	(void)state;
	dma_start();
	init(windows, 2);
	device.mask = DMA_BIT_MASK(31);
	dma_device_register(&device);
	dma_explain(&device, RAM_BASE + 5, 10, &why);
	assert_int_equal(why.obstacle, DMA_REACHED);
	assert_int_equal(why.window, 1);
	assert_int_equal(why.bus, 0x10000005);
	assert_int_equal(why.last_bus, 0x1000000e);
	device.mask = DMA_BIT_MASK(20);
	dma_device_update(&device);
	dma_explain(&device, RAM_BASE + 5, 10, &why);
	assert_int_equal(why.obstacle, DMA_ABOVE_MASK);
	assert_int_equal(why.window, 0);
	assert_int_equal(why.bus, 0xc0000005);
}

/* Two banks, each with a window of its own: no hole between them is in the way. */
static void banks_with_windows(void **state)
{
	struct dma_reach_window windows[] = { { RAM_BASE, DMA_BYTES, 0xc0000000 },
					      { RAM_BASE + DMA_BYTES, RAM_BYTES, 0x10000000 } };

	(void)state;
	dma_start();
	init(windows, 2);
	dma_device_register(&device);
	assert_true(dma_reaches_ram(&device, RAM_BASE, RAM_BASE + DMA_BYTES, WIDE));
	assert_true(dma_reaches_ram(&device, RAM_BASE + DMA_BYTES, UINT64_MAX, WIDE));
	assert_false(
		dma_reaches_ram(&device, 0, UINT64_MAX, WIDE));   /* one bank, not in one piece */
	assert_true(dma_reaches_ram(&device, 0, RAM_BASE, WIDE)); /* there is none */
}

static void registering(void **state)
{
	static struct dma_device second;

	(void)state;
	dma_start();
	one(RAM_BASE, RAM_BYTES, 0);
	device.coherent = true;
	dma_device_register(&device);
	dma_device_init(&second, "second");
	dma_device_register(&second);
	dma_device_register(&device); /* again: still once in the list */
	assert_ptr_equal(dma_devices(), &device);
	assert_ptr_equal(device.next, &second);
	assert_null(second.next);
	assert_ptr_equal(dma_device_find("second"), &second);
	assert_null(dma_device_find("third"));
	assert_true(device.coherent);
	dma_device_unregister(&device);
	assert_ptr_equal(dma_devices(), &second);
	assert_true(dma_param("dma_coherent", "off"));
	dma_device_register(&device);
	assert_false(device.coherent);
	assert_int_equal(device.direct_bytes, 0);
	assert_false(dma_param("dma_coherent", "maybe"));
	assert_false(dma_param("dma_check", "2"));
	assert_true(dma_param("dma_debug", "on") && dma_options.debug);
	assert_true(dma_param("dma_debug", "0") && !dma_options.debug);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mask),
		cmocka_unit_test(odd_masks),
		cmocka_unit_test(nothing_and_too_much),
		cmocka_unit_test(edges_of_a_window),
		cmocka_unit_test(window_to_the_end_of_everything),
		cmocka_unit_test(neighbours_that_go_on),
		cmocka_unit_test(two_views),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(random_worlds),
		cmocka_unit_test(limits),
		cmocka_unit_test(parts),
		cmocka_unit_test(zones_by_mask),
		cmocka_unit_test(zones_by_window),
		cmocka_unit_test(zones_across_windows),
		cmocka_unit_test(set_masks),
		cmocka_unit_test(beyond_32_bits),
		cmocka_unit_test(explained_by_its_window),
		cmocka_unit_test(banks_with_windows),
		cmocka_unit_test(registering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
