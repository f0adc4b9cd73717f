/* SPDX-License-Identifier: MIT */
/* Stand-in: the start of a result line; the tests print the rest of the line themselves (-v). */
#ifndef LINUX_MEMBLOCK_KSELFTEST_H
#define LINUX_MEMBLOCK_KSELFTEST_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define ksft_test_result_pass(text) printf("ok %s", text)
#define ksft_test_result_fail(text) printf("not ok %s", text)

#endif
