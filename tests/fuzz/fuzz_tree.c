/* SPDX-License-Identifier: MIT */
/* Device trees: scan, seal, report, memory, plan; the boot arguments are the tree's own. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Early code may read a header's worth anywhere in RAM. */
	if (size < 40)
		return 0;
	harness_take_copy(data, size);
	harness_run(NULL, 0, page_offset_for(size));
	return 0;
}
