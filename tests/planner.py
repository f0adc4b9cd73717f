#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planner, end to end, against every recorded Linux case; and what it says to a person.

    tests/planner.py build/host/zoneplan-sanitized

Reads the case's own tree, so the walk of the tree, memblock and mem= are under test as well.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import tap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORACLE = os.path.join(ROOT, "tests/oracle")
RPI2 = os.path.join(ROOT, "build/dts/bcm2836-rpi-2-b.dtb")


def run(program, *arguments, status=0):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    if result.returncode != status:
        raise tap.Wrong(f"exit status {result.returncode}, not {status}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def plan(program, split, bootargs, tree):
    return json.loads(run(program, "--json", "--vmsplit", split, "--bootargs", bootargs, tree))


def check_case(program, case):
    made = plan(program, case["vmsplit"], case["bootargs"],
                os.path.join(ORACLE, "dtb", case["dtb"]))
    made["zones"] = {zone["name"]: [zone["start_pfn"], zone["spanned_pages"],
                                    zone["present_pages"]] for zone in made["zones"]}
    for key in ("ram_base", "lowmem_end", "zones", "movable_start_pfn", "vmsplit"):
        if made[key] != case[key]:
            raise tap.Wrong(f"{key}: {made[key]}, Linux made {case[key]}")
    # With a limit the vmalloc area starts above lowmem, after the gap, on 8 MiB.
    lowmem = made["page_offset"] + case["lowmem_end"] - case["ram_base"]
    if made["vmalloc_start"] != (lowmem + (8 << 20)) & ~((8 << 20) - 1):
        raise tap.Wrong(f"vmalloc_start is {made['vmalloc_start']:#x}, lowmem ends at {lowmem:#x}")


def says(program, *texts, arguments, status=0):
    output = run(program, *arguments, status=status)
    for text in texts:
        if text not in output:
            raise tap.Wrong(f"not in the output: {text}\n{output}")


def messages_name_the_rule(program):
    made = plan(program, "2G", "simdma=28 foo=1 mem=1M vmalloc=4M kernelcore=mirror", RPI2)
    for text in ("foo=1", "mem= leaves out the running image", "raised to 16 MiB",
                 "no mirrored memory", "set by simdma=28"):
        if not any(text in line for line in made["messages"]):
            raise tap.Wrong(f"no message with: {text}\n{made['messages']}")


def lowmem_ends_where_asked(program):
    """960 MiB of the Pi: 24 MiB are the least, with 3.75 MiB of struct pages, in any split."""
    for split, most in (("3G", 760), ("2G", 960), ("1G", 960)):
        for bootargs, end, reason in (
                ("lowmem=64M", 64, "lowmem=64M"), ("lowmem=100000K", 100000 / 1024, "lowmem=100000K"),
                ("lowmem=1M", 24, "the least that the boot needs, which is more than lowmem=1M"),
                ("lowmem=4G", most, None), ("highmem=64M", most, None), ("lowmem=64", 24, None),
                ("highmem=all", 24, "highmem=all: the least that the boot needs"),
                ("lowmem=64M vmalloc=2000M", {"1G": 64}.get(split, 32), None)):
            made = plan(program, split, bootargs, RPI2)
            seen = made["lowmem_end"] / (1 << 20), made["lowmem_reason"]
            if seen[0] != end or reason not in (None, seen[1]):
                raise tap.Wrong(f"{split} {bootargs}: {seen}, not {end} by {reason}")
            start = (made["page_offset"] + made["lowmem_end"] + (8 << 20)) & ~((8 << 20) - 1)
            if made["vmalloc_start"] != start or made["lowmem_least_end"] != 24 << 20:
                raise tap.Wrong(f"{split} {bootargs}: {made}")


def lowmem_lines(program):
    """One line each, with the rule and what to do."""
    for bootargs, line in (
            ("lowmem=64M", "Lowmem: 65536 KiB from RAM base, set by lowmem=64M"),
            ("highmem=all", "Lowmem: 24576 KiB from RAM base, set by highmem=all: the least that "
                            "the boot needs"),
            ("lowmem=1M", "lowmem=1M: the boot needs lowmem for the image, page tables, struct pages "
                          "and 16 MiB to work with: raised to 24576 KiB; ask for that or more, or use "
                          "less RAM, by mem="),
            ("lowmem=4G", "lowmem=4G: no effect, lowmem is 778240 KiB without it; the least that can "
                          "be asked for is 24576 KiB"),
            ("mem=20M highmem=all", "highmem=all: no effect, lowmem is 20480 KiB without it; the least "
                                    "that can be asked for is 20480 KiB"),
            ("lowmem=64MB", "lowmem=64MB ignored: the value must be a size such as 64M; what the boot "
                            "needs is the least"),
            ("highmem=64M", "highmem=64M ignored: the value must be all; for a size say where lowmem "
                            "ends, by lowmem=SIZE")):
        made = plan(program, "3G", bootargs, RPI2)
        if len(made["messages"]) != 1 or not made["messages"][0].endswith(line):
            raise tap.Wrong(f"{bootargs}: {made['messages']}, not {line}")


def smallest_limit_wins(program):
    """dma-ranges of the Pi's bus leave out the last 16 MiB of 1 GiB; simdma= says less."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        whole = os.path.join(folder, "whole.dtb")
        shutil.copy(RPI2, whole)
        subprocess.run(["fdtput", "-t", "x", whole, "/memory@0", "reg", "0", "40000000"],
                       check=True)
        check_limits(program, whole)


def check_limits(program, tree):
    for bootargs, limit, source in (
            ("", 0x3F000000, "dma-ranges of /soc"), ("simdma=28", 1 << 28, "simdma=28"),
            ("simdma=28 dma_limit=uart0:27bits", 1 << 27, "dma_limit=uart0"),
            # The Pi's bus sees RAM at 0xc0000000; a mask is a bus address.
            ("dma_limit=serial0:0xc7ffffff", 1 << 27, "dma_limit=serial0"),
            ("dma_limit=serial0:64M@0xc0000000", 1 << 26, "dma_limit=serial0"),
            ("dma_limit=serial0:28bits dma_zone=64M", 1 << 26, "dma_zone="),
            ("dma_zone=26bits simdma=20", 1 << 26, "dma_zone=")):
        made = plan(program, "2G", bootargs, tree)
        seen = made["dma_limit_bytes"], made["dma_limit_source"]
        if seen[0] != limit or source not in seen[1]:
            raise tap.Wrong(f"{bootargs}: {seen}, not {limit} by {source}\n{made['messages']}")


def every_parameter_is_known(program):
    """All that the firmware has, so that none is called unknown for want of its code."""
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "src")):
        for file in files:
            if file.endswith(".c"):
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    names |= set(re.findall(r"^BOOT_PARAM\(\s*(\w+),", source.read(), flags=re.M))
    tap.expect(len(names) > 30, f"only {len(names)} parameters were found")
    for name in sorted(names):
        messages = plan(program, "3G", f"{name}=1", RPI2)["messages"]
        tap.expect(not any("no such parameter" in message for message in messages), name,
                   "\n".join(messages))


def cut_file(program):
    with tempfile.NamedTemporaryFile(suffix=".dtb") as file, open(RPI2, "rb") as whole:
        file.write(whole.read()[:1000])
        file.flush()
        says(program, "it is cut off", arguments=[file.name], status=1)


def tests_of(program):
    with open(os.path.join(ORACLE, "linux-zones.json")) as file:
        cases = json.load(file)["cases"]
    tests = [(case["id"], lambda case=case: check_case(program, case)) for case in cases]
    return tests + [
        ("messages name the rule", lambda: messages_name_the_rule(program)),
        ("lowmem= and highmem=all", lambda: lowmem_ends_where_asked(program)),
        ("what is said of them", lambda: lowmem_lines(program)),
        ("the smallest DMA limit wins", lambda: smallest_limit_wins(program)),
        ("a person's table", lambda: says(program, "RAM base    0x00000000", "Zones",
                                          "the end of RAM", "lowmem  : 0x80000000",
                                          arguments=["--vmsplit", "2G", RPI2])),
        ("no such file", lambda: says(program, "No such file", arguments=["/nowhere"], status=1)),
        ("no tree", lambda: says(program, "not a device tree", arguments=[__file__], status=1)),
        ("a tree that is cut off", lambda: cut_file(program)),
        ("help", lambda: says(program, "usage: zoneplan", arguments=["--help"])),
        ("lower case and equals sign", lambda: says(program, "with VMSPLIT_1G",
                                                    arguments=["--vmsplit=1g", RPI2])),
        ("every boot parameter is known", lambda: every_parameter_is_known(program)),
        ("no such split", lambda: says(program, "must be 3G, 2G or 1G",
                                       arguments=["--vmsplit", "4G", RPI2], status=2)),
    ]


def main():
    sys.exit(0 if tap.run(tests_of(os.path.abspath(sys.argv[1]))) else 1)


if __name__ == "__main__":
    main()
