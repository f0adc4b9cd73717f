#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Watch pages on both boards: wrong use is caught and its owners named, refusals are explained.

    tests/page_debug.py        all of it, as TAP

The problem: what finds others' mistakes is never used when there are none. So the shell is made to
do wrong: bytes are written to free pages with `poke`, and the table of blocks that `free all` gives
back is written to, so that it gives one back twice. What is printed is compared with what Linux's
formats and the texts of mm/phys/page_why.c say; what a board decides is tests/host/test_pages_*.c's
business.
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
WATCHED = "quiet mem=200M page_owner=1 page_poison=1"
BOARDS = ("virt", "raspi2b")


def boot(board, typed, bootargs="quiet", **options):
    """What the board printed, from the first prompt."""
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs=bootargs,
                       stdin=f"{typed};poweroff;".replace(";", "\r"), **options)
    expect(not result.timed_out and result.exit_status == 0,
           f"exit status {result.exit_status}, timed out: {result.timed_out}", result.output)
    return result.output


def answer(output, command, which=0):
    """What the command printed."""
    parts = re.split(r"^strata> (.*)$", output, flags=re.M)
    found = [text.strip("\n") for name, text in zip(parts[1::2], parts[2::2]) if name == command]
    expect(len(found) > which, f"no answer to {command}", output)
    return found[which]


def address_of(board, name):
    path = os.path.splitext(qemu.default_kernel(board))[0] + ".sym"
    with open(path, encoding="ascii") as file:
        found = [line.split()[0] for line in file if line.split()[2] == name]
    expect(len(found) == 1, f"{name} is not one symbol")
    return int(found[0], 16)


def first_block(board, command, bootargs):
    """The frame that the first `alloc` gets, its linear address and its struct page."""
    output = boot(board, command, bootargs)
    pfn = int(re.search(r"^page (0x\w+), order", output, flags=re.M)[1], 16)
    output = boot(board, f"{command};pageinfo {pfn:#x}", bootargs)
    match = re.search(r"linear address (0x\w+), struct page (0x\w+)", output)
    return pfn, int(match[1], 16), int(match[2], 16)


def tally(output, which=0):
    """Quarantined pages, and that all pages are in one place."""
    text = answer(output, "mmcheck", which)
    expect("every page is in one place" in text, "the walker complains", output)
    rows = re.findall(r"^\w+ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", text, flags=re.M)
    return sum(int(row[4]) for row in rows)


# --- wrong use -----------------------------------------------------------------------------------

def owners(taken="alloc", given="free_command"):
    """Who took it and who gave it back, each with the way there from the boot."""
    way = r"(?:    \S+\+0x\w+/0x\w+\n)*    boot_main\+.*\n(?:    .*\n)*"
    return (r"  last asked for with (?P<gfp>\S+)\n  taken by:\n    " + taken + r"\+0x.*\n" + way
            + r"  given back by:\n    " + given + r"\+0x.*\n" + way)


def written_after_free(board, order=2, tail=2, flags="kernel"):
    """A byte of a free page's; the page is a tail, and its owner is known all the same."""
    command = f"alloc {flags} {order}"
    pfn, linear, _ = first_block(board, command, WATCHED)
    at = linear + tail * 4096 + 0x123
    output = boot(board, f"{command};free all;poke {at:#x} 0x77 b;{command};free all;mmcheck;"
                  f"alloc;pageinfo {pfn:#x};memmap 4K", WATCHED)
    report = answer(output, command, 1)
    match = re.match(
        rf"BUG: page {pfn + tail:#x}, order {order}: it was written to while it was free\n"
        r"  at offset 0x123 there is 0x77 and not 0xaa\n"
        rf"  its block {pfn:#x}: free, order {order}, zone \w+, count 0\n" + owners()
        + rf"  it is quarantined\npage (?P<other>0x\w+), order {order},", report)
    expect(match, "not the report of a write after free", output)
    expect(match["gfp"] == "GFP_KERNEL", f"asked for with {match['gfp']}", output)
    expect(int(match["other"], 16) != pfn, "the damaged block was given out", output)
    expect(tally(output) == 1 << order, "not the block is quarantined", output)
    has(answer(output, f"pageinfo {pfn:#x}"), f"order {order}: quarantined, zone ",
        "taken by     alloc+0x", "given back by free_command+0x")
    expect("x" * (1 << order) in answer(output, "memmap 4K").split("\n", 2)[2],
           "memmap does not show it", output)


def double_free(board, bootargs, named):
    """The shell's own table, written to: `free all` gives back what is free already."""
    own = address_of(board, "own")
    pfn, _, head = first_block(board, "alloc kernel 2", bootargs)
    output = boot(board, f"alloc kernel 2;free all;poke {own:#x} {head:#x};free all;mmcheck;"
                  f"poke {own:#x} {head:#x};free all;mmcheck;alloc kernel 2;selftest zones", bootargs)
    report = re.match(
        rf"BUG: page {pfn:#x}, order 2: it is not allocated: freed twice, or never allocated\n"
        r"  its block 0x\w+: (?:free|per-CPU), order \d+, zone \w+, count \d+\n"
        r"  from free_command\+0x.*\n" + (owners() if named else "") + r"  it is quarantined$",
        answer(output, "free all", 1))
    expect(report, "not the report of a double free", output)
    expect(tally(output, 0) == 4, "not the block is quarantined", output)
    again = answer(output, "free all", 2)
    has(again, f"its block {pfn:#x}: quarantined, order 2", "nothing was done")
    expect(tally(output, 1) == 4, "quarantined twice", output)
    expect(f"page {pfn:#x}, order 2, zone" not in answer(output, "alloc kernel 2", 1),
           "it was given out", output)
    expect("not ok" not in answer(output, "selftest zones"), "the allocator does not go on", output)


def first_callers(board):
    """On each way through the allocator the first one named is who asked."""
    ways = ("kernel 0", "kernel 3", "kernel 5", "kernel|zero 0", "kernel|comp 2",
            "kernel|zero|comp 6", "highuser 10", "atomic 1")
    typed = ";".join(f"alloc {way}" for way in ways)
    output = boot(board, typed, "quiet page_owner=1")
    pages = [re.search(r"^page (0x\w+)", answer(output, f"alloc {way}"))[1] for way in ways]
    output = boot(board, typed + ";free all;" + ";".join(f"pageinfo {page}" for page in pages),
                  "quiet page_owner=1")
    for page in pages:
        match = re.search(r"taken by     (\w+)\+.*\n(?:   .*\n)*  given back by (\w+)\+",
                          answer(output, f"pageinfo {page}"))
        expect(match and match.groups() == ("alloc", "free_command"),
               f"{page}: {match and match.groups()}", output)


# --- what is printed -----------------------------------------------------------------------------

ZONES = "quiet mem=64M simdma=25 movablecore=8M"


def why(_board):
    """On virt with three zones: a refusal's lines are what `why` says."""
    output = boot("virt", "why;why dma;why gfp=GFP_HIGHUSER_MOVABLE order=3;why dma|highmem;"
                  "why kernel 11;why rubbish;alloc gfp_highuser_movable 10 64;"
                  "alloc gfp_highuser_movable 8 64;alloc gfp_highuser_movable 4 64;"
                  "why kernel 9;why dma 4;why atomic 10", ZONES)
    has(answer(output, "why"), "order 0, GFP_KERNEL: it would be served by Normal",
        "  DMA      could serve it as well", "  Normal   serves it", "  HighMem  has no pages")
    expect(re.search(r"  Movable  only for movable blocks; \d+ pages are free", output),
           "Movable", output)
    has(answer(output, "why dma"), "GFP_DMA: it would be served by DMA", "  DMA      serves it",
        "  Normal   not allowed for this request; ")
    has(answer(output, "why gfp=GFP_HIGHUSER_MOVABLE order=3"), "served by Movable")
    has(answer(output, "why dma|highmem"), "the flags contradict each other: drop one")
    has(answer(output, "why kernel 11"), "the largest order is 10: ask for less")
    has(answer(output, "why rubbish"), "why: expects flags and an order")
    said = answer(output, "why kernel 9")
    expect(re.match(r"order 9, GFP_KERNEL: order \d would be served, by (DMA|Normal)\n", said)
           and re.search(r"(pages below min: \d+ free, min \d+|but none of order 9: the largest is "
                         r"\d|held back by lowmem_reserve: )", said), "why kernel 9", output)
    refused = re.search(r"^page allocation refused: order:10, mode:0x100cca\(GFP_HIGHUSER_MOVABLE\): "
                        r"order \d+ would be served, by \w+\n  DMA +\S.*\n  Normal +\S.*\n"
                        r"  Movable +\S.*\n", output, flags=re.M)
    expect(refused, "a refusal does not explain itself", output)


def thousandths(row):
    return [round(float(word) * 1000) for word in row.split("zone")[1].split()[1:]]


def extfrag(board):
    """Against buddyinfo's counts, by Linux's formula (mm/vmstat.c)."""
    output = boot(board, "alloc kernel 0 9;free 0x0;extfrag;buddyinfo", "quiet")
    text = answer(output, "extfrag").split("unusable_index")
    zones = [[int(word) for word in row.split("zone")[1].split()[1:]]
             for row in answer(output, "buddyinfo").splitlines()]
    index, unusable = ([thousandths(row) for row in part.splitlines() if row.startswith("Node")]
                       for part in text)
    expect(len(index) == len(unusable) == len(zones) > 0, "a zone is missing", output)
    for counts, fragmentation, useless in zip(zones, index, unusable):
        pages = sum(count << order for order, count in enumerate(counts))
        for order in range(11):
            suitable = sum(count << (o - order) for o, count in enumerate(counts) if o >= order)
            expected = -1000 if suitable else \
                1000 - (1000 + pages * 1000 // (1 << order)) // sum(counts)
            expect(fragmentation[order] == expected, f"extfrag_index of order {order}", output)
            expect(useless[order] == (pages - (suitable << order)) * 1000 // pages,
                   f"unusable_index of order {order}", output)


def memmap(board):
    """Frame by frame and 4 MiB a character: the same sums, and letters for what was taken."""
    output = boot(board, "alloc kernel 10;alloc gfp_highuser_movable 10;alloc kernel|reclaimable 10;"
                  "memmap 4K;memmap 4M;memmap;mmcheck;memmap 5K;memmap 2K;memmap 512M;memmap 1M x")
    lines = {size: re.findall(r"^(0x\w{8}) (\w+) +\|(.*)\|$", answer(output, f"memmap{size}"), flags=re.M)
             for size in (" 4K", " 4M", "")}
    frames = "".join(line[2] for line in lines[" 4K"])
    for letter in "UME":
        expect(frames.count(letter) >= 1024, f"{frames.count(letter)} frames are {letter}", output)
        expect("".join(line[2] for line in lines[" 4M"]).count(letter) >= 1, letter, output)
    rows = re.findall(r"^\w+ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +\d+$", answer(output, "mmcheck"), flags=re.M)
    free, cached, taken, reserved, _ = (sum(int(row[i]) for row in rows) for i in range(5))
    expect(frames.count(".") == free + cached and frames.count("R") == reserved
           and sum(frames.count(letter) for letter in "UMEHI") == taken,
           "memmap and mmcheck disagree", output)
    # A line's address is where the one before ended.
    for (at, zone, text), (following, next_zone, _) in zip(lines[" 4K"], lines[" 4K"][1:]):
        expect(zone != next_zone or int(at, 16) + 4096 * len(text) == int(following, 16),
               f"after {at} comes {following}", output)
    for wrong in ("5K", "2K", "512M", "1M x"):
        has(answer(output, f"memmap {wrong}"), "memmap: expects what a character stands for")


def failpages(board):
    output = boot(board, "failpages;failpages nth:2;alloc;alloc;alloc;failpages;failpages every:0;"
                  "failpages every:1 x;failpages;failpages caller:alloc,times:1;alloc;alloc;"
                  "failpages caller:nobody;alloc;failpages off;failpages;alloc")
    expect(answer(output, "failpages") == "off: 0 requests fit, 0 of them were refused", "off", output)
    served = [answer(output, "alloc", i).startswith("page 0x") for i in range(7)]
    expect(served == [True, False, True, False, True, True, True], f"{served}", output)
    has(output, "(GFP_KERNEL): on purpose, by fail_page_alloc")
    expect(answer(output, "failpages", 1) == "on: 3 requests fit, 1 of them were refused", "on", output)
    has(answer(output, "failpages every:0"), "failpages: expects nth:N, every:N")
    # One that is wrong leaves all as it was.
    expect(answer(output, "failpages every:1 x") == "failpages: expects one word"
           and answer(output, "failpages", 2) == "on: 3 requests fit, 1 of them were refused",
           "a wrong word changed something", output)
    expect(answer(output, "failpages", 3).startswith("off: 0 requests fit"), "caller", output)


def fail_at_boot(board):
    """fail_page_alloc= and its text in `help boot`; a wrong one is refused."""
    output = boot(board, "alloc;alloc;failpages", "quiet fail_page_alloc=caller:alloc,nth:2")
    expect(answer(output, "alloc").startswith("page 0x") and "on purpose" in answer(output, "alloc", 1),
           "not the second", output)
    output = boot(board, "failpages;help boot", "fail_page_alloc=probability:101")
    expect(answer(output, "failpages").startswith("off"), "on", output)
    has(answer(output, "help boot"), "fail_page_alloc=probability:101 (refused: expects nth:N")


def trace(board):
    output = boot(board, "mmcheck;trace dump;trace on;alloc kernel 3;alloc dma|highmem;free all;trace off;"
                  "trace dump;trace on;trace off;trace dump;trace forget;mmcheck;trace;trace x")
    pfn = int(re.search(r"^page (0x\w+), order 3", output, flags=re.M)[1], 16)
    expect(answer(output, "trace dump") == "trace end 0 0", "not empty", output)
    expect(answer(output, "trace dump", 1) == f"trace a {pfn:05x} 3 cc0\ntrace f {pfn:05x} 3 0\n"
           "trace end 2 0", "not what happened", output)
    has(answer(output, "trace off"), "trace: 2 events, 0 more without room")
    expect(answer(output, "trace dump", 2) == "trace end 0 0", "not begun again", output)
    taken = [sum(int(pages) for pages in re.findall(r"^\w+ +\d+ +\d+ +(\d+) ",
                                                    answer(output, "mmcheck", i), flags=re.M))
             for i in (0, 1)]
    expect(taken[0] == taken[1], "its memory is still taken", output)
    for wrong in ("trace", "trace x"):
        has(answer(output, wrong), "trace: expects on, off, dump or forget")


def pageinfo(board):
    """What is known of a page without owners and with them; of one without a linear address."""
    pfn, linear, _ = first_block(board, "alloc kernel|comp 1", "quiet")
    output = boot(board, f"alloc kernel|comp 1;pageinfo {pfn + 1:#x};pageinfo 0")
    said = answer(output, f"pageinfo {pfn + 1:#x}")
    has(said, f"page {pfn + 1:#x} at 0x{pfn + 1 << 12:08x}: linear address {linear + 4096:#x}, ",
        f"block {pfn:#x}-{pfn + 1:#x}, order 1: allocated, zone ", "count 1, compound",
        "this page is a tail; pageblock Unmovable")
    expect("taken by" not in said, "owners that are not kept", output)
    has(answer(output, "pageinfo 0"), "page 0 at 0x00000000: ")
    pfn, _, _ = first_block(board, "alloc kernel|comp 1", "quiet page_owner=1")
    output = boot(board, f"alloc kernel|comp 1;pageinfo {pfn + 1:#x}", "quiet page_owner=1")
    has(answer(output, f"pageinfo {pfn + 1:#x}"), "last asked for with GFP_KERNEL|__GFP_COMP",
        "taken by     alloc+0x", "this page is a tail")


def main():
    os.chdir(ROOT)
    tests = []
    for board in BOARDS:
        tests += [(f"write after free, {board}", lambda b=board: written_after_free(b)),
                  (f"write after free of 64 pages, {board}", lambda b=board: written_after_free(b, 6, 63)),
                  (f"double free, {board}", lambda b=board: double_free(b, "quiet", False)),
                  (f"double free with owners, {board}",
                   lambda b=board: double_free(b, WATCHED, True))]
        tests += [(f"{test.__name__.replace('_', ' ')}, {board}", lambda t=test, b=board: t(b))
                  for test in (first_callers, extfrag, memmap, failpages, fail_at_boot, trace, pageinfo)]
    tests.append(("why, virt", lambda: why("virt")))
    sys.exit(0 if tap.run([(f"pages watched: {title}", test) for title, test in tests]) else 1)


if __name__ == "__main__":
    main()
