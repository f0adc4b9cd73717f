/* SPDX-License-Identifier: MIT */
/* Pools and devices of the tree as the boot makes them, with the n-th request for memory refused. */
#include "dma_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/dma.h"
#include "fdt_builder.h"
#include "kern/log.h"
#include "kern/resource.h"
#include "mm/dma/coherent.h"
#include "mm/dma/options.h"
#include "mm/obj/slab.h"
#include "mm/virt/vmalloc.h"

static struct boot_tree tree;
static void *blob;
static struct boot_plan plan;
static unsigned int named;
static char logged[4096];

/* --- what else the boot has ------------------------------------------------------------------ */

void dma_events_attach(void)
{
}

bool resource_add(uint64_t base, uint64_t bytes, const char *name)
{
	assert_true(base >= RAM_BASE && bytes != 0 && name != NULL);
	named++;
	return true;
}

/* One that two megabytes are too much for. */
static uint32_t megabytes_wanted;

uint32_t coherent_start(uint32_t megabytes)
{
	megabytes_wanted = megabytes;
	return megabytes > 1 ? 1 : megabytes;
}

/* Small enough for kmalloc here. */
void *kvzalloc(size_t bytes, gfp_t gfp)
{
	return kzalloc(bytes, gfp);
}

void kvfree(const void *address)
{
	kfree(address);
}

void printk(enum log_level level, const char *format, ...)
{
	size_t used = strlen(logged);
	va_list arguments;

	(void)level;
	va_start(arguments, format);
	vsnprintf(logged + used, sizeof(logged) - used, format, arguments);
	va_end(arguments);
}

/* --- a board --------------------------------------------------------------------------------- */

static void start(void)
{
	dma_start();
	named = 0;
	logged[0] = '\0';
	free(blob);
	blob = fdt_build("/ { #address-cells = <1>; #size-cells = <1>;"
			 "  memory { device_type = \"memory\"; reg = <0x40000000 0x2800000>; };"
			 "  bus { #address-cells = <1>; #size-cells = <1>;"
			 "    dma-ranges = <0 0x40000000 0x2800000>; dma-coherent;"
			 "    mmc@0 { }; usb@0 { }; }; };");
	assert_int_equal(boot_tree_scan(blob, &tree), TREE_WHOLE);
	plan = (struct boot_plan){
		.ram_base = RAM_BASE,
		.pools = { { .base = RAM_BASE + 0x100000, .bytes = 0x20000, .name = "swiotlb" },
			   { .base = RAM_BASE + 0x200000, .bytes = 0x10000, .name = "/bus" } },
		.pool_count = 2,
	};
}

static uint32_t spare_pages(void)
{
	objects_shrink_all();
	return harness_spare_pages(ZONE_NORMAL) + harness_spare_pages(ZONE_DMA);
}

static unsigned int pools(void)
{
	unsigned int count = 0;

	for (const struct bounce_pool *pool = bounce_pools(); pool != NULL; pool = pool->next)
		count++;
	return count;
}

static void fail_the(unsigned int nth)
{
	char how[16];

	snprintf(how, sizeof(how), "nth:%u", nth);
	assert_null(fail_point_parse(&object_fail, how));
	objects_fail_set(true);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void all_there(void **state)
{
	struct dma_device *mmc;

	(void)state;
	start();
	boot_dma_init(&tree, blob, &plan);
	assert_int_equal(pools(), 2);
	assert_int_equal(named, 2);
	assert_null(dma_devices());
	mmc = dma_device_find("mmc@0");
	assert_non_null(mmc);
	assert_string_equal(mmc->name, "/bus/mmc@0");
	assert_true(mmc->coherent);
	assert_int_equal(mmc->window_count, 1);
	assert_ptr_equal(mmc->pool, bounce_pools());
	assert_ptr_equal(dma_device_find("/bus/mmc@0"), mmc);
	assert_ptr_equal(dma_device_find("mmc@0"), mmc); /* not a second one */
	assert_null(mmc->next);
	assert_null(dma_device_find("/"));
	assert_null(dma_device_find("nobody"));
}

/* One megabyte, or as many as coherent_pool= says, rounded up; what is missing is said. */
static void coherent_pools(void **state)
{
	(void)state;
	start();
	boot_dma_init(&tree, blob, &plan);
	assert_int_equal(megabytes_wanted, 1);
	assert_null(strstr(logged, "coherent_pool="));
	start();
	assert_true(dma_param("coherent_pool", "0"));
	boot_dma_init(&tree, blob, &plan);
	assert_int_equal(megabytes_wanted, 0);
	start();
	assert_true(dma_param("coherent_pool", "2049K"));
	boot_dma_init(&tree, blob, &plan);
	assert_int_equal(megabytes_wanted, 3);
	assert_non_null(strstr(logged, "coherent_pool=: 1 of 3 MiB made"));
	assert_false(dma_param("coherent_pool", "1X"));
	assert_false(dma_param("coherent_pool", "5G"));
}

/* Those that dma_limit= names are known at once. */
static void limited_ones(void **state)
{
	(void)state;
	start();
	assert_true(dma_param("dma_limit", "usb@0:20bits"));
	boot_dma_init(&tree, blob, &plan);
	assert_non_null(dma_devices());
	assert_string_equal(dma_devices()->name, "/bus/usb@0");
	assert_int_equal(dma_devices()->limit_last_bus, 0xfffff);
	assert_null(dma_devices()->pool); /* both are above that */
}

/* A pool without its records is said and not used; the other one is. */
static void pools_refused(void **state)
{
	uint32_t before;

	(void)state;
	for (unsigned int nth = 1; nth <= 4; nth++) {
		start();
		fail_the(nth);
		boot_dma_init(&tree, blob, &plan);
		objects_fail_set(false);
		assert_int_equal(object_fail.failed, 1);
		assert_int_equal(pools(), 1);
		assert_int_equal(named, 1);
		assert_non_null(strstr(logged, "no memory for its records"));
		assert_ptr_equal(bounce_pools()->name, plan.pools[nth <= 2 ? 1 : 0].name);
	}
	/* What a pool that was given up had is given back. */
	start();
	plan.pool_count = 1;
	before = spare_pages();
	fail_the(2);
	boot_dma_init(&tree, blob, &plan);
	objects_fail_set(false);
	assert_int_equal(pools(), 0);
	assert_int_equal(spare_pages(), before);
	objects_check(NULL);
}

static void device_refused(void **state)
{
	(void)state;
	start();
	boot_dma_init(&tree, blob, &plan);
	fail_the(1);
	assert_null(dma_device_find("mmc@0"));
	objects_fail_set(false);
	assert_int_equal(object_fail.failed, 1);
	assert_null(dma_devices());
	assert_non_null(dma_device_find("mmc@0"));
	objects_check(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_there),      cmocka_unit_test(coherent_pools),
		cmocka_unit_test(limited_ones),   cmocka_unit_test(pools_refused),
		cmocka_unit_test(device_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
