/* SPDX-License-Identifier: MIT */
/* How a check fails while fuzzing: abort() is what libFuzzer takes for a finding. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

void harness_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}
