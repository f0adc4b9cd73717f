#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Turn the recorded Linux cases into a C table for tests/host/test_oracle.c.

The test must not depend on a JSON parser in C, and a reader must be able to look a case up by its
id in the JSON file; so the table is made at build time and never kept. It holds the inputs and
the answers as recorded: nothing is computed here.

Usage: oracle_table.py linux-zones.json > oracle_table.h
"""
import json
import sys

PAGE_OFFSET = {"3G": 0xC0000000, "2G": 0x80000000, "1G": 0x40000000}
ZONE = {
    "DMA": "ZONE_DMA",
    "Normal": "ZONE_NORMAL",
    "HighMem": "ZONE_HIGHMEM",
    "Movable": "ZONE_MOVABLE",
}
MARKS = ["managed_at_init", "managed", "min", "low", "high", "pcp_batch", "pcp_high"]


def bank(base, size, no_map=False):
    return "{0x%xULL, 0x%xULL, %s}" % (base, size, "true" if no_map else "false")


def banks(name, items):
    return ".%s = {%s}, .%s_count = %d," % (name, ", ".join(items), name, len(items))


def zone(name, numbers):
    return ".zones[%s] = {%s}," % (ZONE[name], ", ".join("%d" % n for n in numbers))


def marks(name, recorded):
    fields = [".recorded = true"]
    fields += [".%s = %d" % (key, recorded[key]) for key in MARKS if key in recorded]
    fields += [".has_pcp = %s" % ("true" if "pcp_high" in recorded else "false")]
    if "protection" in recorded:
        numbers = ", ".join("%d" % n for n in recorded["protection"])
        fields += [".has_protection = true", ".protection = {%s}" % numbers]
    return ".marks[%s] = {%s}," % (ZONE[name], ", ".join(fields))


def case_lines(case):
    qemu = case.get("qemu") or {}
    yield '.id = "%s",' % case["id"]
    yield '.bootargs = "%s",' % case["bootargs"]
    yield ".page_offset = 0x%x," % PAGE_OFFSET[case["vmsplit"]]
    yield ".cpus = %d," % qemu.get("smp", 1)
    yield banks("memory", [bank(*item) for item in case["memory"]])
    yield banks("reserved", [bank(r["base"], r["size"], r["no_map"]) for r in case["reserved"]])
    yield ".ram_base = 0x%xULL," % case["ram_base"]
    yield ".lowmem_end = 0x%xULL," % case["lowmem_end"]
    yield ".movable_start_pfn = %d," % case["movable_start_pfn"]
    yield ".min_free_kbytes = %d," % case.get("min_free_kbytes", 0)
    for name, numbers in case["zones"].items():
        yield zone(name, numbers)
    for name, recorded in case.get("watermarks", {}).items():
        yield marks(name, recorded)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    print("/* Made by tests/oracle_table.py; do not edit. */")
    print("static const struct oracle_case oracle_cases[] = {")
    for case in cases:
        print("\t{")
        for line in case_lines(case):
            print("\t\t" + line)
        print("\t},")
    print("};")


if __name__ == "__main__":
    main()
