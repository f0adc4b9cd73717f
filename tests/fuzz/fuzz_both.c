/* SPDX-License-Identifier: MIT */
/* Boot arguments and the tree they apply to, together. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length;

	if (size < 2)
		return 0;
	length = data[0] | (size_t)data[1] << 8;
	data += 2;
	size -= 2;
	if (size < length || size - length < 40)
		return 0;
	harness_take_copy(data + length, size - length);
	harness_run((const char *)data, length, page_offset_for(size));
	return 0;
}
