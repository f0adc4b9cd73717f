/* SPDX-License-Identifier: MIT */
#include "kern/firmware.h"

struct firmware_memory firmware_memory;
