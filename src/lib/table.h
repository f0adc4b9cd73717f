/* SPDX-License-Identifier: MIT */
/*
 * Tables that the linker gathers.
 *
 * An entry is declared beside the code that it describes and lands in a section named after its
 * table; the linker puts all entries side by side, so a reader walks them as an array and no file
 * lists them all. The section's name is a C identifier: the host's linker then defines the
 * __start_ and __stop_ symbols itself, the target's script does it by hand.
 */
#ifndef STRATA_LIB_TABLE_H
#define STRATA_LIB_TABLE_H

#define TABLE_ENTRY(type, table, name) \
	static const type name __attribute__((used, section(#table), aligned(__alignof__(type))))

#define TABLE_DECLARE(type, table) extern const type __start_##table[], __stop_##table[]

#define for_each_table_entry(entry, table) \
	for ((entry) = __start_##table; (entry) < __stop_##table; (entry)++)

#endif
