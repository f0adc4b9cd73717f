/* SPDX-License-Identifier: MIT */
/* Commands about the machine as a whole. */
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

SHELL_COMMAND(selftest, selftest, "[SUITE]", "run the self-tests on this machine, as KTAP");
