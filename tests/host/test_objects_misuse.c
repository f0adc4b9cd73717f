/* SPDX-License-Identifier: MIT */
/* Caches and kmalloc as their callers see them: sizes, alignment, edges, bulk, constructors. */
#include "object_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* --- kmalloc ---------------------------------------------------------------------------------- */

static size_t class_of(size_t bytes)
{
	static const size_t sizes[] = { 64, 128, 192, 256, 512, 1024, 2048, 4096, 8192 };
	size_t pages = PAGE_SIZE;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		if (bytes <= sizes[i])
			return sizes[i];
	while (pages < bytes)
		pages *= 2;
	return pages;
}

/* One byte at a time up to 8200, then around each power of two. */
static size_t next_size(size_t bytes)
{
	if (bytes < 8200)
		return bytes + 1;
	return (bytes & (bytes - 1)) == 0 ? bytes + 1 : bytes % 2 == 1 ? 2 * (bytes - 1) : bytes + 1;
}

static void test_sizes(void **state)
{
	(void)state;
	objects_start(NULL, NULL);
	for (size_t bytes = 1; bytes <= KMALLOC_MAX_SIZE; bytes = next_size(bytes)) {
		unsigned char *object = kmalloc(bytes, GFP_KERNEL);
		size_t usable = ksize(object);

		assert_non_null(object);
		assert_int_equal(usable, class_of(bytes));
		assert_int_equal((uintptr_t)object % 64, 0);
		if ((usable & (usable - 1)) == 0)
			assert_int_equal(virt_to_phys(object) % usable, 0);
		memset(object, 0xee, usable);
		kfree(object);
	}
	assert_int_equal(objects_misuses, 0);
	objects_check(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
