/* SPDX-License-Identifier: MIT */
/*
 * Self-tests on the target, reported as KTAP (Linux 6.1 Documentation/dev-tools/ktap.rst):
 *
 *	SELFTEST(linear_map, every_megabyte_translates)
 *	{
 *		EXPECT(mmu_translate(virt, true, &phys));
 *	}
 *
 * A test shares the running system with everybody and leaves it as it found it. Suites run in the
 * order of their names in the image. After each, selftest_check_hook looks at what a test may have
 * broken without noticing.
 */
#ifndef STRATA_KERN_SELFTEST_H
#define STRATA_KERN_SELFTEST_H

#include "lib/table.h"
#include "lib/types.h"

struct selftest {
	const char *suite;
	const char *name;
	void (*run)(void);
};

TABLE_DECLARE(struct selftest, selftests);

#define SELFTEST(suite_, name_)                                                  \
	static void suite_##_##name_(void);                                      \
	TABLE_ENTRY(struct selftest, selftests, selftest_##suite_##_##name_) = { \
		.suite = #suite_,                                                \
		.name = #name_,                                                  \
		.run = suite_##_##name_,                                         \
	};                                                                       \
	static void suite_##_##name_(void)

/* The test goes on after a failure, so it must not depend on what it expected. */
#define EXPECT(condition)                                                \
	do {                                                             \
		if (!(condition))                                        \
			selftest_failed(__FILE__, __LINE__, #condition); \
	} while (0)

void selftest_failed(const char *file, int line, const char *text);

/*
 * Run after each suite: NULL when the system is sound, else a sentence on what is broken, which
 * fails the suite. Set by the boot.
 */
extern const char *(*selftest_check_hook)(void);

/* Run one suite by name, or all for NULL, to the console. False when a test failed or none ran. */
bool selftest_run(const char *suite);

#endif
