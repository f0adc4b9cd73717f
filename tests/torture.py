#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two million random operations on the page allocator of booted boards, each with a seed of its own.

    tests/torture.py               all, as TAP
    tests/torture.py N [SEED]      N operations on virt, to repeat what failed
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect  # noqa: E402

HANG_SECONDS = 1800
MACHINES = [("virt, four zones", {"bootargs": "simdma=28 movablecore=128M", "smp": 1}),
            ("virt 64M", {"bootargs": "simdma=25", "mem": "64M", "vmsplit": "1G", "smp": 1}),
            ("virt 3G", {"bootargs": "simdma=28 kernelcore=1G", "mem": "3G", "smp": 1}),
            ("raspi2b", {"bootargs": "", "board": "raspi2b"})]


def torture(operations, seed, options):
    bootargs = f'{options["bootargs"]} quiet run="torture {operations} {seed};poweroff"'.strip()
    result = qemu.boot(timeout=HANG_SECONDS, **{**options, "bootargs": bootargs})
    done = re.search(r"(\d+) taken, (\d+) refused, .* walks: all is well", result.output)
    expect(not result.timed_out and done, f"seed {seed} found something", result.output)
    expect(int(done[1]) > operations // 4 and int(done[2]) > 0, "no torture at all", result.output)


def main():
    os.chdir(ROOT)
    if len(sys.argv) > 1:
        torture(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, MACHINES[0][1])
        return
    tests = [(f"{name}, 500,000 operations, seed {seed}",
              lambda s=seed, o=options: torture(500000, s, o))
             for seed, (name, options) in enumerate(MACHINES, 1)]
    sys.exit(0 if tap.run(tests, 1) else 1)


if __name__ == "__main__":
    main()
