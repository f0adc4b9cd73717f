/* SPDX-License-Identifier: MIT */
/* The core as the boot left it. */
#include "arch/arm/cp15.h"
#include "arch/arm/sysreg.h"
#include "arch/layout.h"
#include "arch/mmu.h"
#include "kern/selftest.h"
#include "lib/size.h"

SELFTEST(cpu, mmu_and_caches_are_on)
{
	uint32_t sctlr = cp15_read_sctlr();

	EXPECT((sctlr & SCTLR_M) != 0);
	EXPECT((sctlr & SCTLR_C) != 0);
	EXPECT((sctlr & SCTLR_I) != 0);
	EXPECT((sctlr & SCTLR_Z) != 0);
}

/* Whatever a boot loader left in TTBCR (U-Boot: EAE), and walks that look in the caches. */
SELFTEST(cpu, walks_use_short_descriptors_and_the_caches)
{
	uint32_t ttbcr;

	asm volatile("mrc p15, 0, %0, c2, c0, 2" : "=r"(ttbcr));
	EXPECT(ttbcr == 0);
	EXPECT((cp15_read_ttbr0() & 0x7f) == TTBR_WALK_WBWA_SHAREABLE);
}

SELFTEST(cpu, runs_in_svc_with_interrupts_let_in)
{
	uint32_t cpsr;

	asm volatile("mrs %0, cpsr" : "=r"(cpsr));
	EXPECT((cpsr & CPSR_MODE) == MODE_SVC);
	EXPECT((cpsr & CPSR_I) == 0);
}

SELFTEST(cpu, the_device_tree_is_readable_and_not_writable)
{
	struct mapping mapping;
	phys_addr_t phys;

	/* Where in the window depends on where in its megabyte the boot loader put it. */
	EXPECT(mmu_query_from(BLOB_WINDOW, &mapping) && mapping.virt < BLOB_WINDOW_END);
	EXPECT(mmu_translate(mapping.virt, false, &phys));
	EXPECT(!mmu_translate(mapping.virt, true, &phys));
}

/* The same numbers on the target's 32 bits as on the host: carries and shifts differ. */
SELFTEST(size, reads_what_the_host_reads)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "0x40000000", 0x40000000 },
		{ "010", 8 },
		{ "512M", 512ULL << 20 },
		{ "3G", 3ULL << 30 },
		{ "5g", 5ULL << 30 },
		{ "1T", 1ULL << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "28bits", 1ULL << 28 },
		{ "63bits", 1ULL << 63 },
	};
	static const char *const refused[] = {
		"", "M", "-1", "abc", "800MB", "0x", "16E", "64bits", "1 G", "18446744073709551616"
	};
	uint64_t bytes;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT(parse_size_or_bits(cases[i].text, &bytes) && bytes == cases[i].bytes);
	for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT(!parse_size_or_bits(refused[i], &bytes));
}
