/* SPDX-License-Identifier: MIT */
/*
 * One plan in a process of its own, for questions that need more than one.
 *
 * memblock and the log have no way back to empty, on purpose: a boot happens once. So each plan is
 * made in a child, which sends what came of it through a pipe; nothing of one plan can reach the
 * next. A board that the firmware would refuse is an outcome too, with the reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zoneplan.h"

/* The child's, for the hook: fatal() passes nothing but its text. */
static struct outcome *reported;
static int report_fd;

/* Ends the child. Nothing is flushed or freed twice: what stdio holds is the parent's. */
static void report(void)
{
	const char *bytes = (const char *)reported;
	size_t left = sizeof(*reported);

	while (left != 0) {
		ssize_t written = write(report_fd, bytes, left);

		if (written <= 0)
			_exit(1);
		bytes += written;
		left -= (size_t)written;
	}
	_exit(0);
}

static void report_stop(const char *why)
{
	reported->stopped = true;
	snprintf(reported->why, sizeof(reported->why), "%s", why);
	report();
}

static void plan_in_child(const struct options *options, struct outcome *outcome)
{
	static struct run run;

	reported = outcome;
	run_on_stop(report_stop);
	run_plan(options, &run);
	outcome->plan = run.plan;
	snprintf(outcome->dma_source, sizeof(outcome->dma_source), "%s",
		 boot_plan_dma_source(&run.plan, run.blob));
	snprintf(outcome->bootargs, sizeof(outcome->bootargs), "%s", run.bootargs);
	report();
}

static size_t read_all(int fd, void *buffer, size_t bytes)
{
	size_t got = 0;
	ssize_t more;

	while (got < bytes && (more = read(fd, (char *)buffer + got, bytes - got)) > 0)
		got += (size_t)more;
	return got;
}

void plan_apart(const struct options *options, struct outcome *outcome)
{
	int pipe_ends[2], status = 0;
	size_t got;
	pid_t child;

	memset(outcome, 0, sizeof(*outcome));
	snprintf(outcome->split, sizeof(outcome->split), "%s", options->split);
	if (options->bootargs != NULL)
		snprintf(outcome->bootargs, sizeof(outcome->bootargs), "%s", options->bootargs);
	fflush(stdout);
	if (pipe(pipe_ends) != 0 || (child = fork()) < 0)
		die("no process for another plan");
	if (child == 0) {
		close(pipe_ends[0]);
		report_fd = pipe_ends[1];
		plan_in_child(options, outcome);
	}
	close(pipe_ends[1]);
	got = read_all(pipe_ends[0], outcome, sizeof(*outcome));
	close(pipe_ends[0]);
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		die("a plan's process died of signal %d", WTERMSIG(status));
	/* It has said on stderr what is wrong with the call. */
	if (got != sizeof(*outcome))
		exit(1);
}
