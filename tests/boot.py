#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot the real images in QEMU and compare what they print with what must be.

    tests/boot.py GROUP...     run groups of boots; the report is one TAP stream
    tests/boot.py -j 2 all     the whole matrix, two at a time
    tests/boot.py --list       the groups

Each boot is one test. Recorded Linux cases (tests/oracle) say what the zones must be; the other
groups say themselves. A boot that does not end by itself is taken for a hang and says so.
"""
import argparse
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect, has  # noqa: E402

HANG_SECONDS = 240
SPLITS = ("3G", "2G", "1G")
ZONEINFO = 'run="zoneinfo;iomem;poweroff"'


def boot(bootargs, **options):
    result = qemu.boot(timeout=HANG_SECONDS, bootargs=bootargs, **options)
    expect(not result.timed_out, f"no end after {HANG_SECONDS} s: taken for a hang", result.output)
    expect(result.exit_status == 0, f"QEMU's exit status is {result.exit_status}", result.output)
    return result.output


def zones_of(output):
    """{name: [start_pfn, spanned, present]} of the zones with pages, as zoneinfo prints them."""
    zones = {}
    for part in re.split(r"^Node 0, zone +", output, flags=re.M)[1:]:
        name = part.split(None, 1)[0]
        number = {key: int(value) for key, value in
                  re.findall(r"^\s+(spanned|present|start_pfn:)\s+(\d+)$", part, flags=re.M)}
        if number["present"]:
            zones[name] = [number["start_pfn:"], number["spanned"], number["present"]]
    return zones


def lowmem_end_of(output, ram_base):
    start, end = re.search(r"^    lowmem  : 0x(\w+) - 0x(\w+) ", output, flags=re.M).groups()
    return ram_base + int(end, 16) - int(start, 16)


def movable_of(output):
    match = re.search(r"^  Node 0: 0x(\w+)$", output, flags=re.M)
    return int(match[1], 16) >> 12 if match else 0


# --- recorded cases ------------------------------------------------------------------------------

def recorded_cases():
    with open(os.path.join(ROOT, "tests/oracle/linux-zones.json")) as file:
        return [case for case in json.load(file)["cases"] if case["qemu"]]


def check_recorded(case, output):
    seen = {"zones": zones_of(output), "movable_start_pfn": movable_of(output),
            "lowmem_end": lowmem_end_of(output, case["ram_base"])}
    for key, value in seen.items():
        expect(value == case[key], f"{key}: {value}, Linux made {case[key]}", output)


def boot_recorded(case):
    machine = case["qemu"]
    options = {"board": machine["machine"], "vmsplit": case["vmsplit"]}
    if machine["machine"] == "virt":
        options |= {"mem": machine["mem"], "smp": 1}
    check_recorded(case, boot(f"{case['bootargs']} {ZONEINFO}".strip(), **options))


def map_tree(case):
    """virt's own tree with the memory map of a recorded case that no QEMU machine has."""
    tree = Tree(mem="3G", bootargs=f"{case['bootargs']} {ZONEINFO}".strip())
    banks = [half for bank in case["memory"] for value in bank
             for half in (value >> 32, value & 0xFFFFFFFF)]
    tree.cells("/memory@40000000", "reg", *banks)
    parent = "/reserved-memory"
    if case["reserved"]:
        tree.cells(parent, "#address-cells", 2).cells(parent, "#size-cells", 2)
        tree.empty(parent, "ranges")
    for region in case["reserved"]:
        node = f"{parent}/region@{region['base']:x}"
        tree.cells(node, "reg", 0, region["base"], 0, region["size"])
        if region["no_map"]:
            tree.empty(node, "no-map")
    return tree


def boot_map(case):
    # Above the RAM base, in the first bank, clear of what the cases reserve.
    at = case["ram_base"]
    output = raw(map_tree(case), vmsplit=case["vmsplit"], mem="3G",
                 places=(at + 0x2800000, at + 0x2000000, at + 0x3000000))
    check_recorded(case, output)


def map_group(part, parts):
    """Maps of hand-made trees, by the three loaders: every one that lies in virt's RAM."""
    with open(os.path.join(ROOT, "tests/oracle/linux-zones.json")) as file:
        cases = [case for case in json.load(file)["cases"] if not case["qemu"]]
    return [(case["id"], lambda case=case: boot_map(case)) for case in cases[part::parts]]


def recorded_group(machine, split, part, parts):
    cases = [case for case in recorded_cases()
             if case["qemu"]["machine"] == machine and case["vmsplit"] == split]
    return [(case["id"], lambda case=case: boot_recorded(case)) for case in cases[part::parts]]


# --- self-tests on the target --------------------------------------------------------------------

def ktap_failures(output):
    """The lines of a KTAP report that are no pass; a report that is cut off is one too."""
    start = output.find("KTAP version 1")
    expect(start >= 0, "no KTAP report", output)
    report = output[start:]
    plan = re.search(r"^1\.\.(\d+)$", report, flags=re.M)
    done = re.findall(r"^(?:not )?ok \d+ ", report, flags=re.M)
    expect(plan and int(plan[1]) == len(done), "the KTAP report is not complete", output)
    for subtest in re.split(r"^    # Subtest: ", report, flags=re.M)[1:]:
        planned = int(re.search(r"^    1\.\.(\d+)$", subtest, flags=re.M)[1])
        ran = len(re.findall(r"^    (?:not )?ok \d+ ", subtest, flags=re.M))
        expect(planned == ran, f"a suite planned {planned} tests and ran {ran}", output)
    return re.findall(r"^ *not ok .*$", report, flags=re.M)


def selftest(bootargs="", **options):
    judge_selftest(boot(f'quiet {bootargs} run="selftest;poweroff"', **options))


def judge_selftest(output):
    failures = ktap_failures(output)
    expect(not failures, "failed on the target: " + "; ".join(failures), output)


def linux_ktap_parser():
    """Whoever has tools for Linux's KTAP can use them: its own parser counts what we count."""
    output = boot('quiet run="selftest;poweroff"')
    parsed = subprocess.run([sys.executable, os.path.join(
        ROOT, ".deps/linux/tools/testing/kunit/kunit.py"), "parse"], input=output,
        capture_output=True, text=True)
    tests = len(re.findall(r"^    ok \d+ ", output, flags=re.M))
    expect(parsed.returncode == 0 and f"Ran {tests} tests: passed: {tests}" in parsed.stdout,
           f"Linux's parser does not count {tests}", parsed.stdout + parsed.stderr)


def selftest_group():
    tests = []
    for split in SPLITS:
        tests.append((f"raspi2b {split}", lambda s=split: selftest(board="raspi2b", vmsplit=s)))
        # With one core 3 GiB take a third of the time: each closed window tells all cores' TLBs.
        for mem, smp in (("64M", 4), ("1G", 4), ("3G", 1)):
            tests.append((f"virt {split} {mem}",
                          lambda s=split, m=mem, c=smp: selftest(vmsplit=s, mem=m, smp=c)))
        tests.append((f"virt {split} cortex-a15 769M",
                      lambda s=split: selftest(vmsplit=s, mem="769M", cpu="cortex-a15")))
    tests.append(("Linux's own KTAP parser", linux_ktap_parser))
    return tests


def nobody_waits_who_may_not(**options):
    """Of our own code, in all suites; those that do it on purpose keep the lines to themselves."""
    output = boot('quiet simdma=28 debug_atomic_sleep=1 dma_debug=1 run="selftest;poweroff"', **options)
    judge_selftest(output)
    expect("it may have to wait" not in output, "somebody did", output)


def watched_group():
    """Every suite passes while requests are refused on purpose, and while every page is watched."""
    tests = [(f"{bootargs}, {board}", lambda a=bootargs, b=board: selftest(
                  a, board=b, **({"smp": 1} if b == "virt" else {})))
              for board in ("virt", "raspi2b")
              for bootargs in ("fail_page_alloc=every:3", "fail_page_alloc=probability:20,min_order:1",
                               "mem=64M page_poison=1 page_owner=1 init_on_alloc=1 init_on_free=1")]
    tests += [(f"nobody waits who may not, {board}", lambda b=board: nobody_waits_who_may_not(board=b))
              for board in ("virt", "raspi2b")]
    # Ends and starts that are no multiple of a page, a megabyte or 2 MiB.
    tests += [(bootargs, lambda b=bootargs: selftest(b)) for bootargs in (
        "vmalloc=250000000", "mem=512M@0x40100000", "mem=300000000 kernelcore=33%",
        "simdma=25 mem=123M movablecore=41M")]
    return tests


# --- pages ---------------------------------------------------------------------------------------

ALL_PAGES = 'run="selftest pages;poweroff"'

# What makes zones, and what makes them small, uneven, or keeps much of them back. Where two zones
# meet inside a pageblock both have its type.
PAGE_ARGUMENTS = (
    "simdma=28 movablecore=128M",
    "kernelcore=200M min_free_kbytes=16384 lowmem_reserve_ratio=64,8",
    "vmalloc=600M",
    "vmalloc=250000000 kernelcore=600M",
    "mem=900001K movablecore=100M dma_zone=100001K",
    "mem=65M simdma=25 movablecore=10M",
    "mem=64M min_free_kbytes=1 lowmem_reserve_ratio=0",
    "mem=256M min_free_kbytes=262144",
    "simdma=25 lowmem_reserve_ratio=1,1,1,1",
    "movablecore=900M",
)


def pages_with(bootargs, split, **options):
    judge_selftest(boot(f"quiet {bootargs} {ALL_PAGES}", vmsplit=split, **options))


def pages_between_holes():
    """Banks and no-map regions that begin and end inside pageblocks, and inside pages."""
    tree = Tree(bootargs=f"quiet simdma=26 movablecore=20M {ALL_PAGES}")
    tree.cells("/memory@40000000", "reg", 0, 0x40000000, 0, 0x3FF1000,
               0, 0x44003000, 0, 0x5000, 0, 0x44409000, 0, 0x7777777, 0, 0x4C000800, 0, 0x2000800)
    parent = "/reserved-memory"
    tree.cells(parent, "#address-cells", 2).cells(parent, "#size-cells", 2).empty(parent, "ranges")
    for base, size in ((0x43001400, 0x400), (0x45555000, 0x123000), (0x4C400000, 0x400000)):
        tree.cells(f"{parent}/x@{base:x}", "reg", 0, base, 0, size)
        tree.empty(f"{parent}/x@{base:x}", "no-map")
    tree.cells(f"{parent}/r@48001000", "reg", 0, 0x48001000, 0, 0x3000)
    judge_selftest(raw(tree, places=(0x42000000, 0x41000000, 0x4D000000)))


def dirt(kind):
    """What RAM may hold at power-on. Heads: struct pages of every boot, type, order and count."""
    if kind == "ones":
        return b"\xff" * 0x10000
    rng = random.Random(5)
    if kind == "random":
        return rng.randbytes(0x100000)
    if kind == "pages":  # single pages that somebody has in the zone Normal, of boot 77
        return struct.pack("<4I", 77 << 15 | 1 << 27 | 5, 1, 0, 0)
    return b"".join(struct.pack("<4I", rng.randrange(256) << 15 | rng.randrange(4) << 27
                                | rng.randrange(11) << 23 | rng.choice((0, 0, 5, 1023)) << 4
                                | rng.randrange(1, 8),
                                rng.choice((0, 1, 2, 0x10001)), *rng.choices((0, 1, 0x40300), k=2))
                    for _ in range(0x10000))


def dirty_ram(board, split, kind):
    """All RAM but where QEMU puts image and tree is full of something before the first boot."""
    start, end, holes = {
        "virt": (0x40000000, 0x50000000, ((0x40000000, 0x40400000), (0x48000000, 0x48200000))),
        "raspi2b": (0, 0x10000000, ((0, 0x400000), (0x8000000, 0x8200000)))}[board]
    pieces = zip([start, *[hole[1] for hole in holes]], [*[hole[0] for hole in holes], end])
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        extra = []
        for low, high in pieces:
            if low == high:
                continue
            path = os.path.join(folder, f"{low:x}")
            with open(path, "wb") as file:
                content = dirt(kind)
                file.write((content * ((high - low) // len(content) + 1))[:high - low])
            extra += ["-device", f"loader,file={path},addr={low:#x},force-raw=on"]
        options = {"mem": "256M"} if board == "virt" else {}
        output = boot('quiet mem=256M simdma=26 run="selftest tails;selftest pages;'
                      'selftest objects;poweroff"', vmsplit=split, board=board, extra=extra, **options)
    for part in output.split("strata> selftest ")[1:]:
        judge_selftest(part)


def zoneinfo_with(bootargs):
    output = boot(f'{bootargs} run="zoneinfo;poweroff"', mem="1G", smp=1)
    return output, output.split("strata> zoneinfo\n")[1]


def malformed_watermarks():
    """One line each, and the zones are as they would be without."""
    wrong = ("min_free_kbytes=0", "min_free_kbytes=", "min_free_kbytes", "min_free_kbytes=262145",
             "min_free_kbytes=4M", "min_free_kbytes=-1", "lowmem_reserve_ratio=",
             "lowmem_reserve_ratio", "lowmem_reserve_ratio=1,2,3,4,5", "lowmem_reserve_ratio=1,",
             "lowmem_reserve_ratio=,1", "lowmem_reserve_ratio=8,x", "lowmem_reserve_ratio=4294967296")
    _, plain = zoneinfo_with("simdma=28 movablecore=128M")
    for first in range(0, len(wrong), 4):
        words = wrong[first:first + 4]
        output, zones = zoneinfo_with(f"simdma=28 movablecore=128M {' '.join(words)}")
        expect(zones == plain, f"{words} changed the zones", output)
        ignored = [line for line in output.splitlines() if "ignored" in line]
        expect(len(ignored) == len(words), f"{len(ignored)} lines for {words}", output)
        for word in words:
            expect(any(word in line for line in ignored), f"no line for {word}", output)
    for right in ("min_free_kbytes=8192", "lowmem_reserve_ratio=128,16"):
        expect(zoneinfo_with(f"simdma=28 movablecore=128M {right}")[1] != plain,
               f"{right} changes nothing")


def stale_windows():
    """Counting instructions, QEMU's TLB forgets nothing by itself: a window closed badly shows."""
    judge_selftest(boot(f"quiet mem=96M vmalloc=950M {ALL_PAGES}", mem="128M", smp=1,
                        icount=True))


def pages_group():
    tests = [(f"{args}, {split}", lambda a=args, s=split: pages_with(a, s, smp=1))
             for args in PAGE_ARGUMENTS for split in SPLITS]
    tests += [("3G simdma=28 movablecore=128M",
               lambda: pages_with("simdma=28 movablecore=128M", "3G", mem="3G", smp=1)),
              ("raspi2b simdma=28 movablecore=128M",
               lambda: pages_with("simdma=28 movablecore=128M", "3G", board="raspi2b")),
              ("banks and regions that end anywhere", pages_between_holes),
              ("malformed watermarks", malformed_watermarks),
              ("no stale windows", stale_windows)]
    tests += [(f"RAM full of {kind}, {board} {split}",
               lambda k=kind, b=board, s=split: dirty_ram(b, s, k))
              for board, split in (("virt", "3G"), ("virt", "1G"), ("raspi2b", "2G"))
              for kind in ("ones", "random", "heads", "pages")]
    return tests


# --- objects -------------------------------------------------------------------------------------

def objects_group():
    """All suites pass while every object is watched, while some are refused, and on little memory."""
    return [(f"{bootargs}, {board} {split}", lambda a=bootargs, b=board, s=split: selftest(
                 a, board=b, vmsplit=s, **({"smp": 1} if b == "virt" else {})))
            for board, split, bootargs in (
                ("virt", "3G", "mem=96M slab_debug"),
                ("raspi2b", "2G", "mem=96M slab_debug=FZ simdma=25"),
                ("virt", "1G", "mem=64M slab_debug=PU,kmalloc-*;F"),
                ("virt", "3G", "failslab=every:3"),
                ("raspi2b", "1G", "mem=128M failslab=probability:20 slab_debug=FZPU"),
                ("virt", "2G", "mem=64M fail_page_alloc=every:3 slab_debug simdma=24"),
                ("virt", "2G", "mem=20M"))]


# --- DMA -------------------------------------------------------------------------------------------

def dma_suite(bootargs, *lines, **options):
    """The suite passes under these limits, and the log has these lines."""
    output = boot(f'{bootargs} run="selftest dma;dmainfo;poweroff"', **options)
    judge_selftest(output)
    has(output, *lines)


def dma_zone_wider():
    dma_suite("dma_zone=512M dma_limit=pl011@9000000:27bits",
              "dma_zone= is wider than what dma_limit=pl011@9000000 reaches, 131072 KiB from RAM base: "
              "pages for that are taken by range, not by zone",
              "DMA limit: 524288 KiB from RAM base, set by dma_zone=",
              "  pages: by range, no zone is reached whole; bounced through: swiotlb")


def dma_window_of_its_own():
    dma_suite("dma_limit=pl011@9000000:64M@0x50000000",
              "dma_limit=pl011@9000000: leaves out the start of RAM: no limit taken from it",
              "DMA bounce pool: 1024 KiB at 0x53f00000 for pl011@9000000",
              "  dma_limit=: bus 0x50000000-0x53ffffff", "bounced through: pl011@9000000")


def dma_mask():
    dma_suite("dma_limit=pl011@9000000:0x4fffffff",
              "DMA limit: 262144 KiB from RAM base, set by dma_limit=pl011@9000000",
              "  dma_limit=: bus 0-0x4fffffff", "  pages: from DMA; bounced through: swiotlb")


def dma_bus_in_tree():
    """A device below a bus with windows of its own that sees the caches, and without that."""
    for argument, sees in (("", "sees"), ("dma_coherent=off", "does not see")):
        tree = Tree(bootargs=f'{argument} run="dma explain dev@0 0x41000000;iomem;poweroff"')
        for name in ("#address-cells", "#size-cells"):
            tree.cells("/bus", name, 1)
        tree.cells("/bus", "dma-ranges", 0, 0, 0x41000000, 0x1000000).empty("/bus", "dma-coherent")
        tree.text("/bus/dev@0", "compatible", "test,none")
        output = raw(tree)
        has(output, f"/bus/dev@0: mask 0xffffffff, coherent mask 0xffffffff, {sees} the caches",
            "  window 0: bus 0-0xffffff shows 0x41000000-0x41ffffff",
            "0x41000000: zone Normal, bus 0, reached through window 0; mapped as it is",
            "  41fc0000-41ffffff : DMA bounce pool")


# A device that really copies: its suite, then Linux's test of the boot's own device.
SIMDMA_RUN = 'run="selftest simdma;dmatest iterations=40 threads=3 seed=7;dmainfo;interrupts;poweroff"'
DMATEST_PASSED = r"^dmatest: (simdma-copy\d): summary 40 tests, 0 failures \d+\.\d\d iops \d+ KB/s \(0\)$"


def judge_simdma(output):
    """All verified, each copy one interrupt, and every mapping and slot has come back."""
    judge_selftest(output)
    passed = re.findall(DMATEST_PASSED, output, flags=re.M)
    expect("BUG: DMA" not in output, "wrong use of DMA was told", output)
    expect(passed == [f"simdma-copy{i}" for i in range(3)], "dmatest failed", output)
    live = re.findall(r"^  live: (.*)$", output, flags=re.M)
    expect(live and set(live) == {"0 mappings, 0 coherent buffers"}, "mappings are left", output)
    expect(not re.search(r"slots of 2048: [1-9]", output), "slots are left", output)
    count = re.search(r"^ *\d+: +(\d+) .*Edge +simdma$", output, flags=re.M)
    expect(count and count[1] == "120", "120 copies were not 120 interrupts", output)


def simdma(bootargs, *lines, **options):
    output = boot(f"{bootargs} {SIMDMA_RUN}", **options)
    judge_simdma(output)
    has(output, *lines)


def simdma_same_again():
    """Counting instructions, a seed gives the same run to the last figure; another does not."""
    def lines(seed):
        output = boot(f'simdma=28 run="dmatest iterations=25 seed={seed};dmainfo;poweroff"', icount=True,
                      smp=1)
        return [line for line in output.splitlines() if re.match("dmatest: |pool ", line)]

    first = lines(5)
    expect(len(first) == 3 and lines(5) == first, "the same seed gave something else")
    expect(lines(6) != first, "another seed gave the same")


def simdma_in_tree():
    """A node wins over the argument, in the plan and at the probe; dma-coherent is believed, or not."""
    for argument, sees in (("simdma=28", "sees"), ("dma_coherent=off", "does not see")):
        tree = Tree(bootargs=f"{argument} {SIMDMA_RUN}")
        tree.text("/simdma", "compatible", "strata,simdma").cells("/simdma", "strata,address-bits", 26)
        tree.empty("/simdma", "dma-coherent")
        output = raw(tree)
        judge_simdma(output)
        has(output, "DMA limit: 65536 KiB from RAM base, set by address lines of /simdma",
            "/simdma: simulated DMA peripheral, 26 address lines",
            f"/simdma: mask 0x3ffffff, coherent mask 0x3ffffff, {sees} the caches")
        expect(("simdma=28: the tree has /simdma with 26 address lines" in output)
               == (argument == "simdma=28"), "not one line of the argument", output)
        expect("\nsimdma: " not in output, "a second one", output)


def simdma_tests():
    tests = [(f"simdma={bits} copies, {board} {split} {rest}".rstrip(), lambda a=f"simdma={bits} {rest}",
              b=board, s=split, o=options: simdma(a, board=b, vmsplit=s, **o))
             for board, split, bits, rest, options in (
                 ("virt", "3G", 24, "", {"mem": "3G"}), ("virt", "2G", 24, "dma_debug=1", {"mem": "3G"}),
                 ("virt", "1G", 25, "dma_coherent=off", {"mem": "3G"}),
                 ("virt", "3G", 28, "movablecore=128M dma_check=on", {"mem": "1G"}),
                 ("virt", "3G", 32, "", {"mem": "3G"}),
                 ("raspi2b", "3G", 24, "dma_debug=1", {}), ("raspi2b", "2G", 28, "movablecore=128M", {}),
                 ("raspi2b", "1G", 24, "dma_coherent=off", {}))]
    tests += [("simdma, dma_check=off", lambda: judge_selftest(
                  boot('quiet preempt=off dma_check=off simdma=28 run="selftest simdma;poweroff"'))),
              ("simdma of the tree", simdma_in_tree), ("dmatest, the same again", simdma_same_again),
              ("no simdma", lambda: has(boot('run="dmatest;dmatest threads=9;poweroff"'),
                                        "dmatest: there is no DMA device that copies: boot with simdma=28",
                                        "dmatest: threads=9: expects"))]
    return tests


def coherent_pool(megabytes, made, bootargs="", **options):
    """So many megabytes are kept, wherever small pages lie, and the suites pass with them."""
    output = boot(f'{bootargs} coherent_pool={megabytes}M run="dmainfo;selftest coherent;mmcheck;poweroff"', **options)
    judge_selftest(output)
    kept = re.findall(r"^  0x[0-9a-f]+, 0x[0-9a-f]+-0x[0-9a-f]+: 0 of 256 pages used, kept$", output, flags=re.M)
    expect(len(kept) == made and len(set(kept)) == made, f"{len(kept)} megabytes instead of {made}", output)
    has(output, "mmcheck: every page is in one place")
    return output


def coherent_pool_of_all():
    """More than there is: as many as there are blocks, and a line."""
    output = boot('coherent_pool=512M run="meminfo;poweroff"', mem="64M", smp=1)
    made = re.search(r"^coherent_pool=: (\d+) of 512 MiB made; no more blocks of 1 MiB are free$", output, flags=re.M)
    expect(made and 40 < int(made[1]) < 64, "how many were made?", output)


def dma_group():
    """From 16 MiB of reach up, on both boards, up to 960 MiB and 3 GiB."""
    tests = [(f"simdma={bits} {rest}, {board} {split}",
              lambda a=f"simdma={bits} {rest}", b=board, s=split, o=options: dma_suite(
                  a, board=b, vmsplit=s, **o))
             for board, split, bits, rest, options in (
                 ("virt", "3G", 24, "", {"mem": "3G"}), ("virt", "1G", 24, "dma_coherent=off", {"mem": "3G"}),
                 ("virt", "2G", 26, "dma_debug=1", {"mem": "1G"}), ("virt", "3G", 30, "", {"mem": "3G"}),
                 ("raspi2b", "2G", 24, "dma_debug=1", {}), ("raspi2b", "3G", 28, "", {}),
                 ("raspi2b", "1G", 29, "dma_coherent=off", {}))]
    tests += [("swiotlb=", lambda: dma_suite(
                  "swiotlb=1M", "DMA bounce pool: 1024 KiB at 0x", "512 slots of 2048")),
              ("swiotlb=0", lambda: dma_suite("simdma=28 swiotlb=0", "no bounce pool")),
              ("dma_check=off", lambda: dma_suite("dma_check=off", "dma_check=off: devices get addresses")),
              ("dma_zone= wider than a reach", dma_zone_wider),
              ("a window without the start of RAM", dma_window_of_its_own),
              ("coherent_pool=64M", lambda: coherent_pool(64, 64)),
              ("coherent_pool=40M simdma=24, raspi2b", lambda: coherent_pool(40, 40, "simdma=24", board="raspi2b")),
              ("coherent_pool=0", lambda: coherent_pool(0, 0)), ("coherent_pool= of all", coherent_pool_of_all),
              ("a mask", dma_mask), ("a bus of the tree", dma_bus_in_tree)]
    return tests + simdma_tests()


# --- threads ---------------------------------------------------------------------------------------

IRQSOFF_MOST = 2500
# What masks for long, or has handlers; the others run in one split of each board.
MASKING_SUITES = ("hammer", "threads", "waiting", "vmalloc", "set_memory", "coherent", "simdma")
OTHER_SUITES = ("kmap", "objects", "pages", "irq", "timer", "dma", "fault")


def same_run_twice(**options):
    """The same seed gives the same run, to the last address; another seed gives another."""
    # QEMU's own words come when the host likes.
    first, second = (re.sub(r"^qemu-system-arm: warning: .*\n", "", boot(
        'quiet run="selftest hammer;poweroff"', icount=True, **options), flags=re.M)
        for _ in range(2))
    judge_selftest(first)
    expect(first == second, "two runs differ", first + second)
    hashes = re.findall(r"^ +# seed \d+: .* hash (\w{8})$", first, flags=re.M)
    expect(len(hashes) == 2 and hashes[0] != hashes[1], f"hashes are {hashes}", first)


def irqsoff(suites, **options):
    """Nobody masks interrupts for longer, and that was measured."""
    words = "".join(f"selftest {suite};" for suite in suites)
    output = boot(f'quiet irqsoff=1 run="{words}irqsoff;poweroff"', icount=True, **options)
    reports = output.split("strata> selftest ")[1:]
    expect(len(reports) == len(suites), "not all suites ran", output)
    for report in reports:
        judge_selftest(report)
    count = re.search(r"^irqsoff: (\d+) stretches", output, flags=re.M)
    longest = [int(cycles) for cycles in re.findall(r"^ +(\d+) from \S+ to \S+$", output, flags=re.M)]
    expect(count and int(count[1]) > 1000 and longest, "nothing was measured", output)
    expect(max(longest) <= IRQSOFF_MOST, f"{max(longest)} instructions, {IRQSOFF_MOST} are allowed", output)


def waiting(bootargs, **options):
    """Also that a report names who waited, and how long."""
    output = boot(f'quiet {bootargs} run="selftest waiting;poweroff"', **options)
    judge_selftest(output)
    has(output, "thread shell waited ", "page allocation refused: order:0, mode:0xcc0(GFP_KERNEL)")


def threads_group():
    tests = [(f"the same run twice, {board} {split}",
              lambda b=board, s=split: same_run_twice(board=b, vmsplit=s))
             for board in ("virt", "raspi2b") for split in SPLITS]
    tests += [(f"irqsoff, {board} {split}", lambda b=board, s=split, m=more: irqsoff(
                  MASKING_SUITES + m, board=b, vmsplit=s))
              for board, split, more in (
                  ("virt", "3G", OTHER_SUITES), ("virt", "2G", ()), ("virt", "1G", ()),
                  ("raspi2b", "3G", ()), ("raspi2b", "2G", OTHER_SUITES), ("raspi2b", "1G", ()))]
    tests += [(f"waiting, {bootargs}, {board}", lambda b=board, a=bootargs: waiting(a, board=b))
              for board, bootargs in (("virt", "mem=64M"), ("virt", "alloc_timeout=200ms preempt=off"),
                                      ("raspi2b", "mem=64M simdma=24"))]
    return tests


# --- lowmem= and highmem=all -----------------------------------------------------------------------

def lowmem_is(bootargs, lowmem_mib, ram_mib, *lines, base_mib=1024, suites="", **options):
    """The suites pass, Normal is what lowmem has, HighMem the rest, and the map of addresses says so."""
    output = boot(f'{bootargs} run="zoneinfo;selftest {suites};poweroff"', **options)
    judge_selftest(output)
    border, end = (base_mib + lowmem_mib) << 8, (base_mib + ram_mib) << 8
    end = min(end, 0xFFFFF)  # the last page below 4 GiB is lost
    wanted = {"Normal": [base_mib << 8, lowmem_mib << 8, lowmem_mib << 8]}
    if border < end:
        wanted["HighMem"] = [border, end - border, end - border]
    expect(zones_of(output) == wanted, f"zones are not {wanted}", output)
    expect(lowmem_end_of(output, base_mib << 20) == border << 12, "wrong lowmem in the map", output)
    has(output, *lines)


def lowmem_is_all_dma():
    """The DMA limit lies above lowmem: no Normal, and Movable comes out of highmem."""
    output = boot('highmem=all simdma=28 movablecore=96M run="zoneinfo;selftest;poweroff"', mem="1G",
                  smp=1)
    judge_selftest(output)
    expect(zones_of(output) == {"DMA": [0x40000, 28 << 8, 28 << 8],
                                "HighMem": [0x41C00, 900 << 8, 900 << 8],
                                "Movable": [0x7A000, 96 << 8, 96 << 8]}, "wrong zones", output)


def lowmem_refused():
    output = boot(f"lowmem=64MB lowmem= lowmem highmem=64M highmem=all? highmem {ZONEINFO}", mem="1G",
                  smp=1)
    ignored = [line for line in output.splitlines() if " ignored: " in line]
    expect(len(ignored) == 6 and all(re.match("boot argument (low|high)mem", line) for line in ignored),
           f"{len(ignored)} lines instead of 6", output)
    expect(zones_of(output)["Normal"] == [0x40000, 760 << 8, 760 << 8], "lowmem is not 760 MiB", output)


def blob_and_initrd_in_highmem():
    """Blob and initrd above lowmem's new end stay where they are and stay what they are."""
    content = random.Random(8).randbytes(0x2800)
    tree = Tree(bootargs='lowmem=64M run="iomem;dtlint;selftest;poweroff"')
    tree.cells("/chosen", "linux,initrd-start", 0x45001000)
    tree.cells("/chosen", "linux,initrd-end", 0x45003800)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        output = raw(tree, places=(0x42000000, 0x46000000, 0x4F000000),
                     extra=("-device", f"loader,file={file.name},addr=0x45001000,force-raw=on"))
    has(output, "Machine model: linux,dummy-virt", "  45001000-450037ff : initrd", "  46000000-",
        "initrd 0x45001000-0x450037ff is highmem by lowmem=")
    expect("[blob-high]" not in output, "the blob needs no lowmem", output)
    judge_selftest(output)


def least_among_reservations(mem, at, step, size, least_mib):
    """What is reserved does not count for the least, and struct pages find room in between."""
    tree = Tree(bootargs='highmem=all run="zoneinfo;selftest;poweroff"', mem=mem)
    parent = "/reserved-memory"
    tree.cells(parent, "#address-cells", 2).cells(parent, "#size-cells", 2).empty(parent, "ranges")
    for base in range(at, 0x49000000, step):
        tree.cells(f"{parent}/r@{base:x}", "reg", 0, base, 0, size)
    output = raw(tree, mem=mem, places=(0x51000000, 0x52000000, 0x53000000))
    normal = zones_of(output)["Normal"]
    expect(normal == [0x40000, least_mib << 8, least_mib << 8], f"lowmem is not {least_mib} MiB", output)
    judge_selftest(output)


# What the boot needs: the image's 4 MiB, and in blocks of 4 MiB 16 to work with, 4 KiB of struct pages
# for each MiB of RAM, some page tables.
LEAST_MIB = {"256M": 24, "1G": 28, "3G": 36}


def lowmem_group():
    said = "set by highmem=all: the least that the boot needs"
    tests = [(f"highmem=all, {split} {mem}", lambda s=split, m=mem, least=least: lowmem_is(
                 "highmem=all", least, {"256M": 256, "1G": 1024, "3G": 3072}[m], said,
                 vmsplit=s, mem=m, smp=1))
             for split in SPLITS for mem, least in LEAST_MIB.items() if (split, mem) != ("2G", "3G")]
    # Four cores: each closed window tells all their TLBs, so not every suite on all that highmem.
    tests += [(f"{bootargs}, raspi2b {split}", lambda b=bootargs, s=split, low=low, r=ram, which=suites:
               lowmem_is(b, low, r, board="raspi2b", base_mib=0, vmsplit=s, suites=which))
              for bootargs, split, low, ram, suites in (
                  ("highmem=all mem=256M", "2G", 24, 256, ""), ("highmem=all", "1G", 24, 960, "linear_map"),
                  ("lowmem=64M mem=256M", "3G", 64, 256, "objects"))]
    tests += [
        (f"{bootargs}, {split}", lambda b=bootargs, s=split, low=low, t=text, which=suites: lowmem_is(
            b, low, 1024, t, vmsplit=s, mem="1G", smp=1, suites=which))
        for bootargs, split, low, text, suites in (
            ("lowmem=64M", "3G", 64, "Lowmem: 65536 KiB from RAM base, set by lowmem=64M\n", ""),
            ("lowmem=1M", "3G", 28, "lowmem=1M: the boot needs lowmem for ", ""),
            ("lowmem=1M", "1G", 28, "raised to 28672 KiB; ask for that or more", "linear_map"),
            ("lowmem=4G", "3G", 760, "lowmem=4G: no effect, lowmem is 778240 KiB without it",
             "linear_map"),
            ("lowmem=4G", "2G", 1024, "lowmem=4G: no effect, lowmem is 1048576 KiB without it",
             "linear_map"))]
    return tests + [
        ("mem=20M highmem=all", lambda: lowmem_is("mem=20M highmem=all", 20, 20, "no effect",
                                                  mem="256M", smp=1)),
        ("lowmem is all DMA", lowmem_is_all_dma), ("malformed", lowmem_refused),
        ("page-odd lowmem", lambda: selftest("lowmem=70000001 vmalloc=300M simdma=25", mem="1G", smp=1)),
        ("objects watched", lambda: selftest("highmem=all slab_debug page_owner=1", mem="64M", smp=1)),
        ("requests refused", lambda: selftest("highmem=all fail_page_alloc=every:3 failslab=every:5",
                                              mem="256M", smp=1)),
        ("blob and initrd in highmem", blob_and_initrd_in_highmem),
        # 6 blocks of 4 MiB are needed: 3 below, none in the reservations, the rest above.
        ("the least above crumbs",
         lambda: least_among_reservations("1G", 0x41000000, 0x400000, 0x300000, 156)),
        # 8 blocks, of which every second one is reserved: no 12 MiB in a row for struct pages.
        ("the least among reservations",
         lambda: least_among_reservations("3G", 0x40800000, 0x800000, 0x400000, 64))]


# --- trees of our own ----------------------------------------------------------------------------

class Tree:
    """virt's own tree, changed by fdtput, in a temporary file."""

    def __init__(self, mem="256M", bootargs=ZONEINFO):
        self.folder = tempfile.TemporaryDirectory(prefix="strata-")
        self.path = os.path.join(self.folder.name, "board.dtb")
        line = qemu.command(mem=mem, smp=1, bootargs=bootargs)
        at = line.index("-M") + 1
        line[at] += f",dumpdtb={self.path}"
        subprocess.run(line, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        # QEMU leaves 1 MiB of room; a packed tree is easier to place.
        subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dtb", "-o", self.path, "-p", "2048",
                        self.path], check=True)

    def put(self, *arguments):
        subprocess.run(["fdtput", *arguments[:1], self.path, *arguments[1:]], check=True)
        return self

    def cells(self, node, name, *values):
        subprocess.run(["fdtput", "-p", "-t", "x", self.path, node, name,
                        *[f"{value:x}" for value in values]], check=True)
        return self

    def text(self, node, name, value):
        subprocess.run(["fdtput", "-p", "-t", "s", self.path, node, name, value], check=True)
        return self

    def empty(self, node, name):
        subprocess.run(["fdtput", "-p", self.path, node, name], check=True)
        return self

    def data(self):
        with open(self.path, "rb") as file:
            return bytearray(file.read())

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)
        return self


def raw(tree, vmsplit="3G", mem="256M", places=None, extra=(), until=None):
    result = qemu.boot(timeout=HANG_SECONDS, vmsplit=vmsplit, mem=mem, smp=1, raw_dtb=tree.path,
                       raw_places=places, extra=extra, until=until)
    expect(not result.timed_out, f"no end after {HANG_SECONDS} s: taken for a hang", result.output)
    return result.output


# --- where the image comes from and what lies in its way -----------------------------------------

def placed(image, dtb, **options):
    """Load the image and the tree somewhere; the image must end up at RAM base + 2 MiB."""
    output = raw(Tree(), places=(image, dtb, 0x4F000000), **options)
    has(output, f"loaded at {image:#x}, runs at 0x40200000", "  40200000-", "Kernel code")
    return output


def blob_in_the_way():
    output = placed(0x44000000, 0x40208000)
    has(output, "Device tree: moved from 0x40208000 to ")
    expect("Device tree\n" in output.split("Kernel data", 1)[1], "the blob is not above", output)


def initrd_in_the_way():
    """Moved whole: iomem says how long it is, peek what its first and last words are."""
    content = random.Random(7).randbytes(0x2800)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        extra = ("-device", f"loader,file={file.name},addr=0x40201000,force-raw=on")

        def boot_it(command):
            tree = Tree(bootargs=f'run="{command};poweroff"')
            tree.cells("/chosen", "linux,initrd-start", 0x40201000)
            tree.cells("/chosen", "linux,initrd-end", 0x40203800)
            return raw(tree, places=(0x44000000, 0x46000000, 0x4F000000), extra=extra)

        output = boot_it("iomem")
        place = re.search(r"^initrd: moved from 0x40201000 to (0x\w+), ", output, flags=re.M)
        size = re.search(r"^  (\w+)-(\w+) : initrd$", output, flags=re.M)
        expect(place and size and int(size[2], 16) - int(size[1], 16) + 1 == len(content),
               "initrd did not move, or its size changed", output)
        virt = int(place[1], 16) - 0x40000000 + 0xC0000000
        output = boot_it(f"peek {virt:#x};peek {virt + len(content) - 4:#x}")
    for at in (0, len(content) - 4):
        word = int.from_bytes(content[at:at + 4], "little")
        has(output, f"{virt + at:08x}: {word:08x}")


def elf_without_r2():
    output = boot(ZONEINFO, kernel=os.path.join(ROOT, "build/vmsplit_3g/strata.elf"), mem="256M")
    has(output, "r2 0\n", "  40000000-400fffff : Device tree")


def hyp_entry():
    has(boot(ZONEINFO, machine_opts="virtualization=on", mem="256M"), "entered in mode 1a")


def ram_across_4_gib(mem):
    output = boot(ZONEINFO, mem=mem, machine_opts="highmem=on", cpu="cortex-a15")
    has(output, "reaches above 4 GiB, out of reach without LPAE: that part is left out")
    expect(sum(zone[2] for zone in zones_of(output).values()) == 0xFFFFF - 0x40000,
           "not all RAM below 4 GiB", output)


def entered_as(machine_opts, kernel, **options):
    output = boot(SELFTEST, machine_opts=machine_opts,
                  kernel=os.path.join(ROOT, f"build/vmsplit_2g/strata.{kernel}"), **options)
    judge_selftest(output)


def u_boot(split):
    line = ["qemu-system-arm", "-M", "virt,dtb-randomness=off", "-cpu", "cortex-a7", "-m", "256M",
            "-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-bios", "/usr/lib/u-boot/qemu_arm/u-boot.bin", "-kernel",
            qemu.default_kernel(vmsplit=split), "-append", 'run="selftest;poweroff"']
    result = qemu.run(line, HANG_SECONDS)
    expect(not result.timed_out and result.exit_status == 0, "no clean end", result.output)
    has(result.output, "loaded at 0x40400000, runs at 0x40200000", "r1 0,")
    # It leaves TTBCR.EAE set, VBAR and DACR dirty; the self-tests look.
    judge_selftest(result.output)


def initrd_by_qemu():
    with tempfile.NamedTemporaryFile() as file:
        file.write(os.urandom(3000000))
        file.flush()
        output = boot(ZONEINFO, mem="256M", initrd=file.name)
    has(output, "  48000000-482dc6bf : initrd", "  482dd000-")


def placing_group():
    tests = [(f"image at {image:#x}", lambda image=image: placed(image, 0x4E000000))
             for image in (0x40100000, 0x401FF000, 0x40200000, 0x40201000, 0x40210000,
                           0x40218010, 0x42345678, 0x47F00000)]
    tests += [("tree directly above the image's place", lambda: placed(0x40100000, 0x40280000)),
              ("tree in the image's place", blob_in_the_way),
              ("initrd in the image's place", initrd_in_the_way),
              ("initrd and tree by QEMU", initrd_by_qemu),
              ("ELF, tree at the start of RAM", elf_without_r2),
              ("entered in HYP", hyp_entry)]
    tests += [(f"{options}, {kernel}", lambda o=options, k=kernel: entered_as(o, k, smp=8))
              for options in ("virtualization=on", "secure=on", "highmem=on")
              for kernel in ("img", "elf") if (options, kernel) != ("secure=on", "elf")]
    tests += [(f"RAM across 4 GiB, {mem}", lambda mem=mem: ram_across_4_gib(mem))
              for mem in ("4G", "8G")]
    tests += [(f"U-Boot bootz {split}", lambda s=split: u_boot(s)) for split in SPLITS]
    return tests


# --- what the tree says --------------------------------------------------------------------------

def banks_in_nodes():
    """Two nodes, two entries in one, any order, a hole, one beyond 4 GiB."""
    tree = Tree().cells("/memory@40000000", "reg", 0, 0x48000000, 0, 0x4000000,
                        0, 0x40000000, 0, 0x4000000, 1, 0, 0, 0x10000000)
    tree.text("/memory@4c000000", "device_type", "memory")
    tree.cells("/memory@4c000000", "reg", 0, 0x4C000000, 0, 0x2000000)
    output = raw(tree, places=(0x42000000, 0x41000000, 0x4D000000))
    expect(zones_of(output) == {"Normal": [0x40000, 0xE000, 0xA000]}, "wrong zones", output)
    has(output, "/memory@40000000: memory 0x100000000-0x10fffffff lies above 4 GiB")


def reserved_regions():
    tree = Tree()
    base = "/reserved-memory"
    tree.cells(base, "#address-cells", 2).cells(base, "#size-cells", 2).empty(base, "ranges")
    tree.cells(f"{base}/fixed@48100000", "reg", 0, 0x48100000, 0, 0x100000)
    tree.cells(f"{base}/hidden@48300000", "reg", 0, 0x48300000, 0, 0x80000)
    tree.empty(f"{base}/hidden@48300000", "no-map")
    tree.cells(f"{base}/pool", "reg", 0, 0x48400000, 0, 0x100000).empty(f"{base}/pool", "reusable")
    tree.cells(f"{base}/anywhere", "size", 0, 0x100000)
    tree.cells(f"{base}/anywhere", "alignment", 0, 0x100000)
    tree.cells(f"{base}/anywhere", "alloc-ranges", 0, 0x44000000, 0, 0x1000000)
    output = raw(tree)
    has(output, "  48100000-481fffff : reserved", "48300000-4837ffff : reserved (no-map)",
        "/reserved-memory/pool: reusable region", "/reserved-memory/anywhere: placed at 0x44f00000",
        "  44f00000-44ffffff : reserved")
    expect(zones_of(output) == {"Normal": [0x40000, 0x10000, 0x10000]}, "wrong zones", output)


SELFTEST = 'quiet run="selftest;poweroff"'


def image_end(place):
    """Where the image ends that begins at `place`, to the page."""
    image = os.path.join(ROOT, "build", "vmsplit_3g", "strata.img")
    return place + (os.path.getsize(image) + 4095) // 4096 * 4096


def no_map_at(base, size, *texts):
    """A no-map region anywhere: the self-tests hold, and iomem says where it is."""
    tree = Tree(bootargs='run="iomem;memblock;selftest;poweroff"')
    parent = "/reserved-memory"
    tree.cells(parent, "#address-cells", 2).cells(parent, "#size-cells", 2).empty(parent, "ranges")
    tree.cells(f"{parent}/x@{base:x}", "reg", 0, base, 0, size)
    tree.empty(f"{parent}/x@{base:x}", "no-map")
    output = raw(tree)
    judge_selftest(output)
    has(output, *texts)


def ram_over_devices():
    """QEMU is told to leave the video core nothing: /memory then reaches over the peripherals."""
    result = qemu.boot(timeout=HANG_SECONDS, board="raspi2b", bootargs="mem=512M run=poweroff",
                       extra=("-global", "bcm2835-fb.vcram-size=0"))
    expect(not result.timed_out and result.exit_status == 0, "no clean end", result.output)
    result = qemu.boot(timeout=HANG_SECONDS, board="raspi2b", until=STOPPED_OR_PROMPT,
                       extra=("-global", "bcm2835-fb.vcram-size=0"))
    has(result.output, "pl011@3f201000 lies in what the tree calls RAM")


def dma_ranges(split):
    """A bus that reaches 128 MiB, one of its children half of that by way of two ranges."""
    tree = Tree()
    for name in ("#address-cells", "#size-cells"):
        tree.cells("/bus", name, 1).cells("/bus/inner", name, 1)
    tree.text("/bus", "compatible", "simple-bus").text("/bus/inner", "compatible", "simple-bus")
    tree.empty("/bus", "ranges").empty("/bus/inner", "ranges")
    tree.cells("/bus", "dma-ranges", 0, 0, 0x40000000, 0x8000000)
    tree.cells("/bus/inner", "dma-ranges", 0x10000000, 0, 0x1000000, 0x20000000, 0x2000000,
               0x2000000)
    output = raw(tree, vmsplit=split)
    has(output, "DMA limit: 65536 KiB from RAM base, set by dma-ranges of /bus/inner")
    expect(zones_of(output) == {"DMA": [0x40000, 0x4000, 0x4000],
                                "Normal": [0x44000, 0xC000, 0xC000]}, "wrong zones", output)


def window_without_ram_base():
    tree = Tree()
    for name in ("#address-cells", "#size-cells"):
        tree.cells("/bus", name, 1)
    tree.cells("/bus", "dma-ranges", 0, 0, 0x48000000, 0x1000000)
    output = raw(tree)
    has(output, "/bus: dma-ranges leave out the start of RAM at 0x40000000: no limit taken")
    expect(zones_of(output) == {"Normal": [0x40000, 0x10000, 0x10000]}, "wrong zones", output)


def kernel_tree(split):
    """The kernel's own tree of the Pi 2, compiled from the kernel's source."""
    linux = os.path.join(ROOT, ".deps/linux")
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        dtb = os.path.join(folder, "rpi2.dtb")
        cpp = subprocess.run(["cpp", "-nostdinc", "-undef", "-D__DTS__", "-x",
                              "assembler-with-cpp", "-I", "arch/arm/boot/dts", "-I", "include",
                              "arch/arm/boot/dts/bcm2836-rpi-2-b.dts"],
                             cwd=linux, check=True, capture_output=True)
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", dtb], input=cpp.stdout,
                       check=True)
        case = next(case for case in recorded_cases() if case["vmsplit"] == split
                    and case["machine"] == "raspi2b")
        output = boot(f"{case['bootargs']} {ZONEINFO}", board="raspi2b", vmsplit=split, dtb=dtb)
    check_recorded(case, output)
    has(output, "3f201000-3f201fff : pl011@3f201000", "power: bcm2835-pm")


def tree_group():
    tests = [("banks in several nodes", banks_in_nodes), ("reserved memory", reserved_regions),
             ("dma-ranges without the start of RAM", window_without_ram_base)]
    tests += [("no-map inside pages", lambda: no_map_at(0x4F000C00, 0xFF0400)),
              ("no-map of a few bytes", lambda: no_map_at(0x48000010, 0x20)),
              ("no-map from the first page on",
               lambda: no_map_at(0x40000000, 0x100000, "40000000-401fffff : reserved (no-map)")),
              ("no-map beside the image", lambda: no_map_at(image_end(0x40200000), 0x8000)),
              ("RAM over devices", ram_over_devices)]
    tests += [(f"dma-ranges {s}", lambda s=s: dma_ranges(s)) for s in SPLITS]
    tests += [(f"the kernel's tree of the Pi 2, {s}", lambda s=s: kernel_tree(s)) for s in SPLITS]
    return tests


# --- trees that are wrong ------------------------------------------------------------------------

STOPPED_OR_PROMPT = r"fatal: [^\n]*\n|strata> "


def survives(tree, *texts, **options):
    """Whatever the tree says: a prompt, or one line that says why not."""
    output = raw(tree, until=STOPPED_OR_PROMPT, **options)
    expect(re.search(STOPPED_OR_PROMPT, output), "neither a prompt nor a message", output)
    expect(" at pc " not in output, "an exception", output)
    has(output, *texts)


def no_memory():
    tree = Tree()
    tree.put("-r", "/memory@40000000")
    survives(tree, "fatal: no RAM")


def blob_nowhere():
    """r2 points to where nothing answers: into a hole, and so near the end that the blob leaves RAM."""
    stub = qemu.jump_stub(0x42000000, 0xF0000000)
    line = qemu.command(mem="256M", smp=1, kernel=qemu.default_kernel())
    at = line.index("-kernel")
    line[at:] = ["-device", f"loader,file={qemu.default_kernel()},addr=0x42000000,force-raw=on",
                 "-device", f"loader,file={stub},addr=0x43000000,cpu-num=0,force-raw=on"]
    result = qemu.run(line, HANG_SECONDS, until=STOPPED_OR_PROMPT)
    has(result.output, "fatal: no RAM: there is no device tree where r2 points")
    tree = Tree()
    data = tree.data()
    data[4:8] = (0x20000).to_bytes(4, "big")
    data[32:36] = (0x18000).to_bytes(4, "big")  # size of the strings
    survives(tree.write(data), "fatal: no RAM", places=(0x42000000, 0x4FFF0000, 0x43000000))


def no_magic():
    tree = Tree()
    survives(tree.write(b"\0" + bytes(tree.data()[1:])), "fatal: no RAM", "0xd00dfeed")


def cut_off(at):
    """The structure block says nothing sensible from some point on."""
    tree = Tree()
    data = tree.data()
    start, size = int.from_bytes(data[8:12], "big"), int.from_bytes(data[36:40], "big")
    offset = start + int(size * at) // 4 * 4
    data[offset:offset + 64] = b"\xff" * 64
    survives(tree.write(data), "the structure block is damaged at offset")


def endless_property(length):
    """A length that wraps around: libfdt alone would take it, and go round for ever with -12."""
    tree = Tree()
    data = tree.data()
    start = int.from_bytes(data[8:12], "big")
    at = data.index(b"\0\0\0\3", start)
    data[at + 4:at + 8] = length
    survives(tree.write(data), "the structure block is damaged at offset")


def no_console_in_tree():
    tree = Tree()
    tree.put("-r", "/pl011@9000000")
    survives(tree, "the device tree names no PL011: console is the one at 0x9000000")


def uart_elsewhere():
    """The tree puts the UART where there is none: RAM, and a hole that does not answer."""
    for address in (0x48000000, 0x0A800000, 0xF0000000):
        tree = Tree().cells("/pl011@9000000", "reg", 0, address, 0, 0x1000)
        survives(tree, "names no PL011 that is there: console is the one at 0x9000000")


def ram_that_is_not_there():
    """Banks that the board does not have: the image's place in flash, and lowmem beyond 256 MiB."""
    survives(Tree().cells("/memory@40000000", "reg", 0, 0, 0, 0x8000000),
             "fatal: the device tree names RAM at 0x200000, where the image runs, but nothing")
    survives(Tree().cells("/memory@40000000", "reg", 0, 0x40000000, 0, 0x18000000),
             "fatal: the device tree names RAM at 0x57fff", "but nothing answers there")


def stdout_elsewhere():
    survives(Tree().text("/chosen", "stdout-path", "/nowhere"),
             "stdout-path names no PL011 in use: console is /pl011@9000000")


def stdout_forms():
    """Every way to name the console's node finds it, without a line about it."""
    for path in ("/pl011@9000000", "/pl011@9000000:115200n8", "/pl011", "serial7:9600"):
        tree = Tree(bootargs="quiet run=cmdline").text("/chosen", "stdout-path", path)
        tree.text("/aliases", "serial7", "/pl011@9000000")
        expect(raw(tree, until="strata> ").startswith("strata> "), f"not found by {path}")


def circular_alias():
    survives(Tree().text("/aliases", "serial0", "serial0").text("/chosen", "stdout-path", "serial0"),
             "stdout-path names no PL011 in use")


def place_is_not_ram():
    survives(Tree().cells("/memory@40000000", "reg", 0, 0x40000000, 0, 0x100000, 0, 0x48000000,
                          0, 0x8000000), "fatal: the ", "are not RAM")


def tiny(mem):
    """QEMU puts the tree in the middle of RAM: with less than this it lies in the image."""
    result = qemu.boot(timeout=HANG_SECONDS, mem=mem, until=STOPPED_OR_PROMPT)
    has(result.output, "fatal: the ", "are not RAM")


def walled_off():
    tree = Tree()
    base = "/reserved-memory"
    tree.cells(base, "#address-cells", 2).cells(base, "#size-cells", 2).empty(base, "ranges")
    tree.cells(f"{base}/wall@40210000", "reg", 0, 0x40210000, 0, 0x1000)
    tree.empty(f"{base}/wall@40210000", "no-map")
    survives(tree, "fatal: a no-map region lies at RAM base + 2 MiB")


def too_high():
    survives(Tree().cells("/memory@40000000", "reg", 0, 0xFF600000, 0, 0x800000),
             "fatal: RAM begins at 0xff600000")


def hop_below():
    """Old and new place overlap, and there is no room above: the image goes by way of below."""
    loaded = 0x40219000
    blob = (loaded + os.path.getsize(qemu.default_kernel("virt")) + 0x2FFFF) & ~0xFFFF
    tree = Tree().cells("/memory@40000000", "reg", 0, 0x40000000, 0, blob + 0x10000 - 0x40000000)
    survives(tree, f"loaded at {loaded:#x}, runs at 0x40200000", "Machine model: linux,dummy-virt",
             places=(loaded, blob, 0x4F000000))


def flipped_bits(seed):
    """A few random bytes of the structure and strings changed."""
    rng = random.Random(seed)
    tree = Tree()
    data = tree.data()
    start = int.from_bytes(data[8:12], "big")
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(start, len(data))] = rng.randrange(256)
    survives(tree.write(data))


def hostile_group():
    tests = [("no memory node", no_memory), ("no magic", no_magic),
             ("no blob where r2 points", blob_nowhere),
             ("a length that wraps", lambda: endless_property(b"\xff\xff\xff\xf8")),
             ("a length that wraps to where it was", lambda: endless_property(b"\xff\xff\xff\xf4")),
             ("no UART in the tree", no_console_in_tree),
             ("a UART that is not there", uart_elsewhere),
             ("RAM that is not there", ram_that_is_not_there),
             ("stdout-path to nowhere", stdout_elsewhere),
             ("stdout-path in every form", stdout_forms),
             ("an alias of itself", circular_alias),
             ("the image's place is no RAM", place_is_not_ram),
             ("2.5 MiB of RAM", lambda: tiny("2560K")),
             ("2.25 MiB of RAM", lambda: tiny("2304K")),
             ("a no-map region in the image's place", walled_off),
             ("RAM too close to 4 GiB", too_high), ("no room above for the hop", hop_below)]
    tests += [(f"damaged at {at:.0%}", lambda at=at: cut_off(at)) for at in (0.0, 0.1, 0.5, 0.9)]
    tests += [(f"random bytes, seed {seed}", lambda seed=seed: flipped_bits(seed))
              for seed in range(12)]
    return tests


# --- arguments and the console -------------------------------------------------------------------

def argument_lines():
    output = boot('vmalloc=12Q kernelcore=-1 movablecore=80%x nonsense=1 simdma=40 dma_zone=big '
                  'mem=0 dma_limit=x mem=1M ' + ZONEINFO, mem="256M")
    for word in ("vmalloc=12Q", "kernelcore=-1", "movablecore=80%x", "nonsense=1", "simdma=40",
                 "dma_zone=big", "mem=0", "dma_limit=x"):
        lines = [line for line in output.splitlines() if word in line and "ignored" in line]
        expect(len(lines) == 1, f"{word}: {len(lines)} lines instead of one", output)
    has(output, "mem= leaves out the running image")
    expect(zones_of(output) == {"Normal": [0x40000, 0x10000, 0x10000]}, "wrong zones", output)


def all_four_zones(split):
    output = boot(f"simdma=28 movablecore=128M vmalloc=600M {ZONEINFO}", vmsplit=split, mem="3G")
    zones = zones_of(output)
    expect(zones["DMA"] == [0x40000, 65536, 65536], "DMA is not exactly 256 MiB", output)
    expect(set(zones) >= {"DMA", "Normal", "Movable"}, "a zone is missing", output)


def quiet_is_quiet():
    output = boot('quiet run="dmesg;poweroff"', mem="256M")
    expect(output.startswith("strata> dmesg\n"), "something was said before the prompt", output)
    has(output, "Zone ranges:", "Virtual kernel memory layout:", "Memory: ")


def typed_commands(board):
    typed = "zonein\bfo\x15hepl\x7f\x7flp\rnonsense\rcmdline\r\r  memblock  \rpoweroff\r"
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs="one=1", stdin=typed)
    expect(result.exit_status == 0 and not result.timed_out, "no clean end", result.output)
    has(result.output, "poweroff                switch the board off", "nonsense: no such command",
        "strata> cmdline\none=1\n", "   0: 0x")


def prompt_sleeps():
    """Nobody types: the emulator, which is as busy as the core, uses next to no time."""
    line = qemu.command(board="virt", vmsplit="2G", bootargs="", smp=1)
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output = b""
        while not output.endswith(b"strata> "):
            byte = process.stdout.read(1)
            expect(byte, "no prompt", output.decode())
            output += byte
        before = cpu_seconds(process.pid)
        time.sleep(4)
        used = cpu_seconds(process.pid) - before
        process.stdin.write(b"poweroff\r")
        process.stdin.flush()
        process.communicate(timeout=HANG_SECONDS)
    expect(used < 1, f"{used} s of the host's time in 4 s at the prompt", output.decode())
    expect(process.returncode == 0, "no clean end", output.decode())


def cpu_seconds(pid):
    """Of all its threads, from /proc/PID/stat: fields 14 and 15."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def reboots(board, split):
    """RAM keeps what the first boot left in it: the same zones again, and nothing minds."""
    suites = "selftest" if split == "3G" else "selftest pages;selftest coherent"
    result = qemu.boot(timeout=HANG_SECONDS, board=board, vmsplit=split,
                       bootargs=f'run="zoneinfo;{suites};reboot"',
                       until=r"(?s)strata> reboot.*strata> reboot")
    expect(not result.timed_out, "no second boot", result.output)
    boots = result.output.split("strata> zoneinfo")[1:3]
    expect(len(boots) == 2 and zones_of(boots[0]) == zones_of(boots[1]) != {},
           "other zones after a reboot", result.output)
    for part in boots:
        for report in part.split("strata> reboot")[0].split("strata> selftest")[1:]:
            judge_selftest(report)


def console_group():
    tests = [("malformed arguments", argument_lines), ("quiet", quiet_is_quiet),
             ("the prompt sleeps", prompt_sleeps)]
    tests += [(f"all four zones, {s}", lambda s=s: all_four_zones(s)) for s in SPLITS]
    for board in ("virt", "raspi2b"):
        tests.append((f"typing, {board}", lambda b=board: typed_commands(b)))
        tests += [(f"reboot, {board} {s}", lambda b=board, s=s: reboots(b, s)) for s in SPLITS]
    return tests


# --- running -------------------------------------------------------------------------------------

GROUPS = {
    "selftest": selftest_group, "watched": watched_group, "pages": pages_group,
    "objects": objects_group, "dma": dma_group, "threads": threads_group, "lowmem": lowmem_group,
    "placing": placing_group, "tree": tree_group,
    "hostile": hostile_group, "console": console_group,
    "recorded-raspi2b-3g": lambda: recorded_group("raspi2b", "3G", 0, 1),
    "recorded-raspi2b-2g": lambda: recorded_group("raspi2b", "2G", 0, 1),
    "recorded-raspi2b-1g": lambda: recorded_group("raspi2b", "1G", 0, 1),
    "recorded-virt-2g": lambda: recorded_group("virt", "2G", 0, 1),
    "recorded-virt-1g": lambda: recorded_group("virt", "1G", 0, 1),
    "recorded-maps-a": lambda: map_group(0, 2),
    "recorded-maps-b": lambda: map_group(1, 2),
    "recorded-virt-3g-a": lambda: recorded_group("virt", "3G", 0, 3),
    "recorded-virt-3g-b": lambda: recorded_group("virt", "3G", 1, 3),
    "recorded-virt-3g-c": lambda: recorded_group("virt", "3G", 2, 3),
}


def main():
    parser = argparse.ArgumentParser(description="Boot the images and judge what they print.")
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, "all", []], help="which boots")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="boots at a time")
    parser.add_argument("--list", action="store_true", help="print the groups' names and stop")
    options = parser.parse_args()
    if options.list:
        print("\n".join(GROUPS))
        return
    os.chdir(ROOT)
    wanted = list(GROUPS) if "all" in options.groups else options.groups
    tests = [(f"{name}: {title}", test) for name in wanted for title, test in GROUPS[name]()]
    sys.exit(0 if tests and tap.run(tests, options.jobs) else 1)


if __name__ == "__main__":
    main()
