/* SPDX-License-Identifier: MIT */
/*
 * The double of arch/arm/cp15.h for the host: the same names, but each barrier and each maintenance
 * operation is a call into the model that the test brings. ID_MMFR3 says that walks miss the cache,
 * so every write of a table entry is followed by a clean, which tells the model of it.
 */
#ifndef STRATA_ARCH_ARM_CP15_H
#define STRATA_ARCH_ARM_CP15_H

#include "lib/types.h"

void model_entry_written(uint32_t entry_address);
void model_tlb_invalidate(uint32_t virt);
void model_tlb_invalidate_all(void);
void model_predictor_invalidate(void);
void model_dsb(void);
void model_isb(void);
uint32_t model_translate(uint32_t virt, bool write);

static inline uint32_t cp15_read_id_mmfr3(void)
{
	return 0;
}

static inline void cp15_write_dccmvau(uint32_t address)
{
	model_entry_written(address);
}

static inline void cp15_write_tlbimvaais(uint32_t virt)
{
	model_tlb_invalidate(virt);
}

static inline void cp15_write_tlbiallis(uint32_t value)
{
	(void)value;
	model_tlb_invalidate_all();
}

static inline void cp15_write_bpiallis(uint32_t value)
{
	(void)value;
	model_predictor_invalidate();
}

extern uint32_t model_par;

static inline void cp15_write_ats1cpr(uint32_t virt)
{
	model_par = model_translate(virt, false);
}

static inline void cp15_write_ats1cpw(uint32_t virt)
{
	model_par = model_translate(virt, true);
}

static inline uint32_t cp15_read_par(void)
{
	return model_par;
}

static inline void dsb_ish(void)
{
	model_dsb();
}

static inline void isb(void)
{
	model_isb();
}

#endif
