/* SPDX-License-Identifier: MIT */
/* Stand-in: the tests include it and use nothing of it. */
