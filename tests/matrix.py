#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each board, split and size of RAM gives, for a person: a table of zones, each row a boot.

    tests/matrix.py [BOOT ARGUMENTS]
"""
import concurrent.futures
import os
import sys

import boot
import tap

SIZES = ("64M", "256M", "512M", "760M", "761M", "1G", "1784M", "2G", "2808M", "3G")
NAMES = ("DMA", "Normal", "HighMem", "Movable")


def row(board, split, mem, bootargs):
    options = {"board": board, "vmsplit": split}
    if board == "virt":
        options |= {"mem": mem, "smp": 1}
    output = boot.boot(f"{bootargs} {boot.ZONEINFO}".strip(), **options)
    zones = boot.zones_of(output)
    sizes = [f"{zones[name][2] / 256:g}" if name in zones else "-" for name in NAMES]
    low = boot.lowmem_end_of(output, 0) / (1 << 20)
    return f"{board:<9}{split:<7}{mem:>6}" + "".join(f"{size:>10}" for size in sizes) + f"{low:>10g}"


def main():
    os.chdir(boot.ROOT)
    bootargs = " ".join(sys.argv[1:])
    places = [("raspi2b", split, "1G") for split in boot.SPLITS]
    places += [("virt", split, mem) for split in boot.SPLITS for mem in SIZES]
    print(f"Present MiB of each zone, and of lowmem, with boot arguments: {bootargs or '(none)'}\n")
    print(f"{'board':<9}{'split':<7}{'RAM':>6}" + "".join(f"{name:>10}" for name in NAMES)
          + f"{'lowmem':>10}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda place: row(*place, bootargs), places):
            print(text, flush=True)


if __name__ == "__main__":
    try:
        main()
    except tap.Wrong as problem:
        sys.exit(f"matrix: {problem}")
