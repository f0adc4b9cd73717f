/* SPDX-License-Identifier: MIT */
/*
 * DFSR and IFSR in words: ARM DDI 0406C table B3-23, short-descriptor format.
 *
 *	DFSR  13 12  11  10 9    7      4 3     0
 *	     |CM|Ext|WnR|FS4|0| |domain  |FS3..0 |	IFSR has FS and Ext only
 */
#include "arch/exception.h"

#define STATUS_WRITE (1U << 11)

struct meaning {
	uint8_t cause;
	uint8_t level;
};

static const struct meaning meanings[32] = {
	[0x01] = { FAULT_ALIGNMENT, FAULT_NO_LEVEL },
	[0x02] = { FAULT_DEBUG, FAULT_NO_LEVEL },
	[0x03] = { FAULT_ACCESS_FLAG, FAULT_SECTION },
	[0x04] = { FAULT_MAINTENANCE, FAULT_NO_LEVEL },
	[0x05] = { FAULT_TRANSLATION, FAULT_SECTION },
	[0x06] = { FAULT_ACCESS_FLAG, FAULT_PAGE },
	[0x07] = { FAULT_TRANSLATION, FAULT_PAGE },
	[0x08] = { FAULT_EXTERNAL, FAULT_NO_LEVEL },
	[0x09] = { FAULT_DOMAIN, FAULT_SECTION },
	[0x0b] = { FAULT_DOMAIN, FAULT_PAGE },
	[0x0c] = { FAULT_EXTERNAL_ON_WALK, FAULT_SECTION },
	[0x0d] = { FAULT_PERMISSION, FAULT_SECTION },
	[0x0e] = { FAULT_EXTERNAL_ON_WALK, FAULT_PAGE },
	[0x0f] = { FAULT_PERMISSION, FAULT_PAGE },
	[0x10] = { FAULT_TLB_CONFLICT, FAULT_NO_LEVEL },
	[0x16] = { FAULT_EXTERNAL_ASYNCHRONOUS, FAULT_NO_LEVEL },
	[0x18] = { FAULT_PARITY_ASYNCHRONOUS, FAULT_NO_LEVEL },
	[0x19] = { FAULT_PARITY, FAULT_NO_LEVEL },
	[0x1c] = { FAULT_PARITY_ON_WALK, FAULT_SECTION },
	[0x1e] = { FAULT_PARITY_ON_WALK, FAULT_PAGE },
};

static const char *const texts[FAULT_CAUSES] = {
	[FAULT_NONE] = "no fault",
	[FAULT_ALIGNMENT] = "alignment fault",
	[FAULT_TRANSLATION] = "translation fault",
	[FAULT_ACCESS_FLAG] = "access flag fault",
	[FAULT_DOMAIN] = "domain fault",
	[FAULT_PERMISSION] = "permission fault",
	[FAULT_EXTERNAL] = "external abort",
	[FAULT_EXTERNAL_ON_WALK] = "external abort on the table walk",
	[FAULT_EXTERNAL_ASYNCHRONOUS] = "asynchronous external abort",
	[FAULT_PARITY] = "parity error",
	[FAULT_PARITY_ON_WALK] = "parity error on the table walk",
	[FAULT_PARITY_ASYNCHRONOUS] = "asynchronous parity error",
	[FAULT_MAINTENANCE] = "fault on cache maintenance",
	[FAULT_TLB_CONFLICT] = "TLB conflict",
	[FAULT_DEBUG] = "debug event",
	[FAULT_OTHER] = "fault of no known meaning",
};

const char *fault_cause_text(enum fault_cause cause)
{
	return cause < FAULT_CAUSES ? texts[cause] : texts[FAULT_OTHER];
}

static enum fault_access access_of(enum exception_kind kind, uint32_t status)
{
	if (kind != EXCEPTION_DATA_ABORT)
		return ACCESS_EXECUTE;
	return (status & STATUS_WRITE) != 0 ? ACCESS_WRITE : ACCESS_READ;
}

void fault_status_decode(enum exception_kind kind, uint32_t status, struct exception_info *info)
{
	const struct meaning *meaning = &meanings[((status >> 6) & 0x10) | (status & 0xf)];

	info->status = status;
	info->cause = meaning->cause != FAULT_NONE ? meaning->cause : FAULT_OTHER;
	info->level = meaning->level;
	info->access = access_of(kind, status);
	info->domain = kind == EXCEPTION_DATA_ABORT ? (status >> 4) & 0xf : 0;
	info->address_known = info->cause != FAULT_EXTERNAL_ASYNCHRONOUS &&
			      info->cause != FAULT_PARITY_ASYNCHRONOUS &&
			      info->cause != FAULT_DEBUG;
}
