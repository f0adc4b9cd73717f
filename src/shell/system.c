/* SPDX-License-Identifier: MIT */
/* Commands about the machine as a whole. */
#include <inttypes.h>

#include "arch/clock.h"
#include "kern/clock.h"
#include "kern/cmdline.h"
#include "kern/log.h"
#include "kern/power.h"
#include "kern/selftest.h"
#include "shell/command.h"

static void dmesg(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	log_replay(console_write);
}

SHELL_COMMAND(dmesg, dmesg, "", "the boot log, also what quiet kept back");

static void cmdline(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	console_printf("%s\n", cmdline_text());
}

SHELL_COMMAND(cmdline, cmdline, "", "the boot arguments as given");

static void reboot(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	power_restart();
}

SHELL_COMMAND(reboot, reboot, "", "restart the board");

static void poweroff(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	power_off();
}

SHELL_COMMAND(poweroff, poweroff, "", "switch the board off; QEMU ends");

static void selftest(int argc, char **argv)
{
	selftest_run(argc > 1 ? argv[1] : NULL);
}

static void complete_suite(struct word_completion *completion)
{
	const struct selftest *test;

	if (completion->argument != 1)
		return;
	for_each_table_entry(test, selftests)
		completion_offer(completion, test->suite);
}

SHELL_COMMAND_COMPLETED(selftest, selftest, "[SUITE]",
			"run the self-tests on this machine, as KTAP", complete_suite);

/* Days come only when there are any; the seconds in brackets are Linux's first figure. */
static void print_uptime(uint64_t ticks, uint32_t frequency_hz)
{
	uint64_t seconds = ticks / frequency_hz;
	uint32_t hundredths = (uint32_t)(ticks % frequency_hz * 100 / frequency_hz);
	uint32_t days = (uint32_t)(seconds / 86400), rest = (uint32_t)(seconds % 86400);

	console_printf("up ");
	if (days != 0)
		console_printf("%" PRIu32 " day%s, ", days, days == 1 ? "" : "s");
	console_printf("%" PRIu32 ":%02" PRIu32 ":%02" PRIu32 ".%02" PRIu32, rest / 3600,
		       rest / 60 % 60, rest % 60, hundredths);
	console_printf(" (%" PRIu64 ".%02" PRIu32 " s since the counter started, %" PRIu32 " Hz)\n",
		       seconds, hundredths, frequency_hz);
}

static void uptime(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_uptime(clock_ticks(), clock_frequency());
}

SHELL_COMMAND(uptime, uptime, "", "time since the core's counter started");
