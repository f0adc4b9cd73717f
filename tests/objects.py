#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Objects at the prompt of both boards: formats, wrong use, watched caches.

    tests/objects.py        all of it, as TAP

The problem: what finds others' mistakes is never used when there are none. So the shell is made to
do wrong: objects are freed twice, from the middle, by addresses that are none; `poke` writes to free
ones and behind live ones. What is printed is compared with Linux's formats (mm/slab_common.c,
/proc/slabinfo) and with the object that was meant; what the allocator decides is the business of
tests/host/test_objects*.c.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect, has  # noqa: E402

HANG_SECONDS = 120
BOARDS = ("virt", "raspi2b")
TITLE = ("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
         "<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>")


def boot(board, typed, bootargs="", **options):
    """What the board printed, from the first prompt."""
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs=f"quiet {bootargs}",
                       stdin=f"{typed};poweroff;".replace(";", "\r"), **options)
    expect(not result.timed_out and result.exit_status == 0,
           f"exit status {result.exit_status}, timed out: {result.timed_out}", result.output)
    return result.output


def answers(output, command):
    """What the command printed, each time."""
    parts = re.split(r"^strata> (.*)$", output, flags=re.M)
    return [text.strip("\n") for name, text in zip(parts[1::2], parts[2::2]) if name == command]


def answer(output, command, which=0):
    found = answers(output, command)
    expect(len(found) > which, f"no answer to {command}", output)
    return found[which]


def place_of(board, command, bootargs=""):
    """The address that the first `kmalloc` after a boot gives: the same each time."""
    return int(answer(boot(board, command, bootargs), command).split(",")[0], 16)


def slabinfo_rows(text):
    lines = text.splitlines()
    expect(lines[0] == "slabinfo - version: 2.1" and lines[1] == TITLE, "not Linux's title", text)
    rows = {}
    for line in lines[2:]:
        match = re.fullmatch(r"(\S{1,17}) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) : tunables +(\d+) +(\d+) "
                             r"+(\d+) : slabdata +(\d+) +(\d+) +(\d+)", line)
        expect(match, f"not a row of slabinfo: {line}", text)
        rows[match[1]] = [int(number) for number in match.groups()[1:]]
    return rows


# --- formats -------------------------------------------------------------------------------------

def slabinfo(board):
    output = boot(board, "mmcheck;slabinfo;kmalloc 100 GFP_KERNEL 40;slabinfo;slabtop;meminfo;mmcheck")
    before, after = (slabinfo_rows(answer(output, "slabinfo", i)) for i in (0, 1))
    names = [f"{kind}kmalloc-{size}" for kind in ("", "dma-") for size in
             ("64", "128", "192", "256", "512", "1k", "2k", "4k", "8k")]
    expect(set(names) <= set(before), f"caches are missing: {set(names) - set(before)}", output)
    expect(before["kmalloc-8k"][2:5] == [8192, 4, 8], "kmalloc-8k's slabs", output)
    grown = [b - a for a, b in zip(before["kmalloc-128"], after["kmalloc-128"])]
    # The boot may have some of its own.
    slabs = -(-after["kmalloc-128"][0] // 32) - before["kmalloc-128"][9]
    expect(grown[0] == 40 and slabs > 0 and grown[1] == 32 * slabs and grown[9] == slabs,
           f"40 objects of 128: {grown}", output)
    has(answer(output, "slabtop"), "OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME",
        "Active / Total Objects (% used)", "kmalloc-128")
    pages = sum(int(row[4]) * row[9] for row in after.values())
    slab = int(re.search(r"^Slab: +(\d+) kB$", answer(output, "meminfo"), flags=re.M)[1])
    expect(slab == 4 * pages, f"meminfo says {slab} kB, slabinfo {4 * pages}", output)
    live = int(re.search(r"= (\d+) live \+", answer(output, "mmcheck"))[1])  # the boot's own
    has(answer(output, "mmcheck", 1), "every page is in one place", "every object is in one place",
        f"= {live + 40} live +")


def kmalloc_sizes(board):
    output = boot(board, "kmalloc 0;kmalloc 1;kmalloc 8192;kmalloc 8193;kmalloc 4M;kmalloc 4194305;"
                         "kmalloc;kmalloc x;kmalloc 1 GFP_NONE;kfree;kfree x;object;object 5x")
    has(answer(output, "kmalloc 0"), "0x10, which is no memory")
    has(answer(output, "kmalloc 1"), "of cache kmalloc-64")
    has(answer(output, "kmalloc 8192"), "of cache kmalloc-8k")
    has(answer(output, "kmalloc 8193"), "a block of 16 KiB")
    has(answer(output, "kmalloc 4M"), "a block of 4096 KiB")
    has(answer(output, "kmalloc 4194305"),
        "kmalloc refused: 4194305 bytes; the largest is 4194304, use vmalloc for more; from kmalloc_command")
    for command in ("kmalloc", "kmalloc x", "kmalloc 1 GFP_NONE", "kfree", "kfree x", "object",
                    "object 5x"):
        has(answer(output, command), f"{command.split()[0]}: expects ")


# --- wrong use, in the build as it is -------------------------------------------------------------

def wrong_frees(board):
    at = place_of(board, "kmalloc 100")
    output = boot(board, f"kmalloc 100;kfree {at:#x};kfree {at:#x};kfree {at + 4:#x};kfree 0x1000;"
                         f"kfree 0;kfree 0x10;kfree {at + 0x100000:#x};object {at:#x};mmcheck")
    has(answer(output, f"kfree {at:#x}", 1), f"BUG: object {at:#x}: it is free already",
        "cache kmalloc-128, objects of 128 bytes", "nothing was done")
    has(answer(output, f"kfree {at + 4:#x}"), "it is not where an object starts",
        f"it is 4 bytes into the object at {at:#x}")
    has(answer(output, "kfree 0x1000"), "BUG: object 0x1000: no cache owns it")
    expect(answer(output, "kfree 0") == "" and answer(output, "kfree 0x10") == "",
           "NULL and ZERO_SIZE_PTR are told", output)
    has(answer(output, f"kfree {at + 0x100000:#x}"), "no cache owns it")
    has(answer(output, f"object {at:#x}"), "cache kmalloc-128", "offset 0: free in a magazine")
    has(answer(output, "mmcheck"), "every object is in one place")


def written_after_free(board):
    at = place_of(board, "kmalloc 100")
    output = boot(board, f"kmalloc 100;kfree {at:#x};poke {at:#x} 0x41424344;kmalloc 100;"
                         f"object {at:#x};kfree {at:#x};mmcheck")
    told = answer(output, "kmalloc 100", 1)
    has(told, f"BUG: object {at:#x}: it was written to while it was free",
        "4 bytes from offset 0 on: found 44 43 42 41, expected ", "it stays out of use")
    expect(f"{at:#x}, of cache" not in told, "it was handed out again", output)
    has(answer(output, f"object {at:#x}"), "quarantined")
    has(answer(output, f"kfree {at:#x}", 1), "it is free already")
    has(answer(output, "mmcheck"), "+ 1 quarantined")


def pages_of_a_slab(board):
    """pageinfo names the cache."""
    at = place_of(board, "kmalloc 100")
    output = boot(board, f"kmalloc 100;translate {at:#x}")
    physical = int(re.findall(r"0x[0-9a-f]{8}", answer(output, f"translate {at:#x}"))[-1], 16)
    output = boot(board, f"kmalloc 100;pageinfo {physical >> 12:#x}")
    has(output, ": slab, zone ", "cache kmalloc-128")


# --- watched ------------------------------------------------------------------------------------

def red_zones(board):
    at = place_of(board, "kmalloc 13", "slab_debug=Z")
    output = boot(board, f"kmalloc 13;poke {at + 16:#x} 0x41;slabcheck;slabcheck kmalloc-64;kfree {at:#x};"
                         f"poke {at - 4:#x} 0x41;slabcheck;leaks", "slab_debug=Z")
    has(answer(output, "slabcheck"), f"BUG: object {at:#x}: something wrote behind its end",
        "cache kmalloc-64, objects of 64 bytes",
        "4 bytes from offset 16 on: found 41 00 00 00, expected cc cc cc cc",
        "the bytes were put right", ", 1 objects damaged")
    has(answer(output, "slabcheck kmalloc-64"), "1 caches, 0 objects damaged")
    has(answer(output, "slabcheck", 1), "something wrote before its start",
        "4 bytes from offset -4 on: found 41 00 00 00, expected bb bb bb bb")
    has(answer(output, "leaks"), "slab_debug=U")


def poison(board):
    at = place_of(board, "kmalloc 100", "slab_debug=PU")
    output = boot(board, f"kmalloc 100;kfree {at:#x};poke {at + 48:#x} 1;kmalloc 100;mmcheck",
                  "slab_debug=PU")
    has(answer(output, "kmalloc 100", 1), f"BUG: object {at:#x}: it was written to while it was free",
        "4 bytes from offset 48 on: found 01 00 00 00, expected 6b 6b 6b 6b",
        "taken by:", "kmalloc_command", "given back by:", "run_line")
    has(answer(output, "mmcheck"), "+ 1 quarantined")


def users(board):
    output = boot(board, "kmalloc 100 GFP_KERNEL 3;kmalloc 1000;leaks;leaks kmalloc-1k;leaks nothing",
                  "slab_debug=U")
    told = answer(output, "leaks")
    has(told, "1000 bytes in 1 objects of kmalloc-1k, taken by", "300 bytes in 3 objects of kmalloc-128",
        "kmalloc_command", "boot_main")
    expect(told.index("1000 bytes") < told.index("300 bytes"), "not the largest first", told)
    expect("kmalloc-128" not in answer(output, "leaks kmalloc-1k"), "others' as well", output)
    has(answer(output, "leaks nothing"), "nothing is live")


def only_named(board):
    output = boot(board, "slabinfo;help boot", "slab_debug=Z,kmalloc-64,dma-*")
    rows = slabinfo_rows(answer(output, "slabinfo"))
    expect(rows["kmalloc-64"][2] > 64 and rows["dma-kmalloc-1k"][2] > 1024
           and rows["kmalloc-128"][2] == 128, "not those that were named", output)
    expect(rows["kmalloc-64"][5] == 0 and rows["kmalloc-128"][5] > 0, "magazines", output)
    has(answer(output, "help boot"), "slab_debug=Z,kmalloc-64,dma-*")


def parameters(board):
    """Linux's name of it; what is wrong is refused with the rule, and changes nothing."""
    output = boot(board, "slabcheck", "slub_debug")
    has(answer(output, "slabcheck"), "29 caches, 0 objects damaged")
    output = boot(board, "slabcheck;failslab;help boot", "slab_debug=FQ failslab=nth:0")
    has(answer(output, "slabcheck"), "no cache at all is watched")
    has(answer(output, "failslab"), "off: 0 requests fit")
    has(answer(output, "help boot"), "slab_debug=FQ (refused: expects letters of F, Z, P, U",
        "failslab=nth:0 (refused: expects nth:N")


def failing(board):
    output = boot(board, "kmalloc 64;kmalloc 64;kmalloc 64;failslab;failslab off;kmalloc 64;"
                         "failslab every:1;kmalloc 64;failslab no", "failslab=nth:2")
    refused = ["refused" in text for text in answers(output, "kmalloc 64")]
    expect(refused == [False, True, False, False, True], f"refused: {refused}", output)
    has(answer(output, "failslab"), "on: 3 requests fit, 1 of them were refused")
    has(answer(output, "failslab no"), "failslab: expects nth:N")


def main():
    os.chdir(ROOT)
    tests = [(f"objects: {test.__name__.replace('_', ' ')}, {board}", lambda t=test, b=board: t(b))
             for board in BOARDS
             for test in (slabinfo, kmalloc_sizes, wrong_frees, written_after_free, pages_of_a_slab,
                          red_zones, poison, users, only_named, parameters, failing)]
    sys.exit(0 if tap.run(tests) else 1)


if __name__ == "__main__":
    main()
