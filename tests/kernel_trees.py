#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The planner against the device trees of every ARM board that Linux knows.

    tests/kernel_trees.py             a sample: one or two boards of each SoC family
    tests/kernel_trees.py --all       every .dts of the unpacked Linux source
    tests/kernel_trees.py NAME...     these boards, such as bcm2711-rpi-4-b

Real trees have shapes that nobody would write for a test. Each is compiled once, into
build/kernel-trees, and planned for some splits and boot arguments. The planner must not crash; what
it says of RAM, lowmem, the DMA limit and the zones must be what the rules of docs/layout.md, written
down here a second time and with a tree reader of its own, make of the same blob. A tree without
usable memory (many leave it to the boot loader) must be refused, and no other may be.

A tree that does not name its RAM, or has dma-ranges, is taken a second time with 3 GiB filled in as a
boot loader would: only then do its reservations and limits matter.

A .dts that cannot be compiled by itself is named at the end, with the reason.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import tap
from tap import expect

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LINUX = os.path.join(ROOT, ".deps/linux")
DTS = os.path.join(LINUX, "arch/arm/boot/dts")
CACHE = os.path.join(ROOT, "build/kernel-trees")
PLANNER = os.path.join(ROOT, "build/host/zoneplan")
SANITIZED = os.path.join(ROOT, "build/host/zoneplan-sanitized")

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
SPLITS = {"3G": 0xC0000000, "2G": 0x80000000, "1G": 0x40000000}
ARGUMENTS = ("", "simdma=27", "vmalloc=400M", "movablecore=30%",
             "simdma=26 vmalloc=1G kernelcore=25%")
IMAGE = (2 * MIB, 256 * KIB)  # where the planner puts it, from the RAM base, and how large
# Trees that have dma-ranges, memory in several banks, or no-map regions: always looked at.
ALWAYS = ("aspeed-bmc-ibm-rainier", "bcm2711-rpi-4-b", "bcm2837-rpi-3-b", "bcm7445-bcm97445svmb",
          "dra7-evm", "exynos4210-origen", "intel-ixp43x-gateworks-gw2358", "keystone-k2g-evm",
          "keystone-k2hk-evm", "rtd1195-horseradish", "s5pv210-goni", "stm32mp157c-dk2")


# --- compiling -----------------------------------------------------------------------------------

class NotCompiled(Exception):
    pass


def compile_tree(name):
    """build/kernel-trees/NAME.dtb, made if it is not there."""
    blob = os.path.join(CACHE, name + ".dtb")
    if os.path.exists(blob):
        return blob
    source = os.path.join(DTS, name + ".dts")
    prefixes = os.path.join(CACHE, "include")
    cpp = subprocess.run(["cpp", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp",
                          "-I", DTS, "-I", os.path.join(LINUX, "include"), "-I", prefixes, source],
                         capture_output=True)
    if cpp.returncode != 0:
        raise NotCompiled(first_line(cpp.stderr, "error"))
    temporary = f"{blob}.{os.getpid()}"
    dtc = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-i", DTS, "-o", temporary, "-"],
                         input=cpp.stdout, capture_output=True)
    if dtc.returncode != 0:
        raise NotCompiled(first_line(dtc.stderr, "rror"))
    os.replace(temporary, blob)
    return blob


def filled(blob, root):
    """A copy with 3 GiB of RAM, or what fits below 4 GiB, from where the board says it begins."""
    copy = blob[:-4] + "+ram.dtb"
    if os.path.exists(copy):
        return copy
    node = next((node for node in root.children if node.text("device_type") == "memory"), None)
    base = min((base for base, _ in node.regions()), default=GIB) if node else GIB
    base = base if base < 4 * GIB - 64 * MIB else GIB
    words = []
    for number, cells in ((base, root.cells("#address-cells")),
                          (min(3 * GIB, 4 * GIB - base), root.cells("#size-cells"))):
        words += [f"{number >> 32 * i & 0xFFFFFFFF:x}" for i in reversed(range(cells))]
    path = "/" + (node.name if node else f"memory@{base:x}")
    temporary = f"{copy}.{os.getpid()}"
    shutil.copy(blob, temporary)
    subprocess.run(["fdtput", "-p", "-t", "x", temporary, path, "reg", *words], check=True)
    subprocess.run(["fdtput", "-t", "s", temporary, path, "device_type", "memory"], check=True)
    os.replace(temporary, copy)
    return copy


def first_line(output, word):
    lines = output.decode(errors="replace").splitlines() or ["no message"]
    line = next((line for line in lines if word in line), lines[0])
    return line.replace(ROOT + "/", "").replace("#", "")


def prepare_cache():
    """Kernel sources say <arm/x.dtsi> for the folder they are in."""
    prefixes = os.path.join(CACHE, "include")
    os.makedirs(prefixes, exist_ok=True)
    if not os.path.lexists(os.path.join(prefixes, "arm")):
        os.symlink(DTS, os.path.join(prefixes, "arm"))


def all_boards():
    return sorted(file[:-4] for file in os.listdir(DTS) if file.endswith(".dts"))


def sample():
    """Of each family of the kernel's Makefile the first board, and the first that says its RAM."""
    with open(os.path.join(DTS, "Makefile")) as file:
        groups = re.findall(r"^dtb-\$\((\w+)\) \+= ((?:.*\\\n)*.*)$", file.read(), flags=re.M)
    chosen = set()
    for _, words in groups:
        boards = [word[:-4] for word in words.split() if word.endswith(".dtb") and
                  os.path.exists(os.path.join(DTS, word[:-4] + ".dts"))]
        for board in boards:
            with open(os.path.join(DTS, board + ".dts"), encoding="utf-8") as file:
                if re.search(r"^\tmemory(@\w+)? \{", file.read(), flags=re.M):
                    chosen.add(board)
                    break
        else:
            chosen.update(boards[:1])
    chosen.update(board for board in ALWAYS if os.path.exists(os.path.join(DTS, board + ".dts")))
    return sorted(chosen)


# --- reading a blob ------------------------------------------------------------------------------

class Node:
    def __init__(self, name, parent):
        self.name, self.parent = name, parent
        self.properties, self.children = {}, []

    def text(self, name):
        return self.properties.get(name, b"").split(b"\0")[0].decode(errors="replace")

    def available(self):
        own = "status" not in self.properties or self.text("status") in ("okay", "ok")
        return own and (self.parent is None or self.parent.available())

    def cells(self, name):
        """What a node does not say its parent says."""
        if name in self.properties:
            return int.from_bytes(self.properties[name], "big")
        return self.parent.cells(name) if self.parent else 1

    def entries(self, name, *cells):
        """The property as tuples of numbers of so many cells each."""
        data, at = self.properties.get(name, b""), 0
        while sum(cells) and at + 4 * sum(cells) <= len(data):
            numbers = []
            for count in cells:
                numbers.append(int.from_bytes(data[at:at + 4 * count], "big"))
                at += 4 * count
            yield tuple(numbers)

    def regions(self, name="reg"):
        return list(self.entries(name, self.parent.cells("#address-cells"),
                                 self.parent.cells("#size-cells")))

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()


def read_blob(path):
    """(root, [(base, size) of /memreserve/])"""
    with open(path, "rb") as file:
        blob = file.read()
    _, _, at, strings, reserve = struct.unpack_from(">5I", blob)
    reserved = []
    while any(entry := struct.unpack_from(">QQ", blob, reserve + 16 * len(reserved))):
        reserved.append(entry)
    node = root = None
    while True:
        token, = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:
            end = blob.index(b"\0", at)
            child = Node(blob[at:end].decode(), node)
            root = root or child
            if node:
                node.children.append(child)
            node, at = child, (end + 4) & ~3
        elif token == 2:
            node = node.parent
        elif token == 3:
            size, name = struct.unpack_from(">II", blob, at)
            name += strings
            node.properties[blob[name:blob.index(b"\0", name)].decode()] = \
                blob[at + 8:at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == 9:
            return root, reserved


# --- the rules, a second time --------------------------------------------------------------------

class Refused(Exception):
    pass


def up(number, unit):
    return -(-number // unit) * unit


def down(number, unit):
    return number // unit * unit


def union(ranges):
    """Sorted, overlapping and touching ones joined."""
    joined = []
    for base, end in sorted(ranges):
        if joined and base <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        elif base < end:
            joined.append((base, end))
    return joined


def without(ranges, holes):
    for hole_base, hole_end in holes:
        ranges = [part for base, end in ranges
                  for part in ((base, min(end, hole_base)), (max(base, hole_end), end))
                  if part[0] < part[1]]
    return ranges


def overlaps(ranges, base, end):
    return any(base < other_end and other_base < end for other_base, other_end in ranges)


def banks_of(root):
    banks = []
    for node in root.children:
        if node.text("device_type") == "memory" and node.available():
            name = "linux,usable-memory" if "linux,usable-memory" in node.properties else "reg"
            banks += [(base, base + size) for base, size in node.regions(name) if size]
    return banks


def place(size, alignment, within, free):
    """The highest place in the first of the ranges that has one."""
    for low, high in within:
        for base, end in reversed(free):
            at = down(min(end, high) - size, alignment)
            if at >= max(base, low, PAGE):
                return at, at + size
    return None


def no_map_regions(root, memreserve, banks, base):
    """What has no mapping; what is in use keeps its own. Fixed places first."""
    used = [(base + IMAGE[0], base + sum(IMAGE))]
    used += [(start, start + size) for start, size in memreserve]
    hidden, dynamic = [], []
    for parent in root.children:
        if parent.name.split("@")[0] != "reserved-memory" or not parent.available():
            continue
        for node in parent.children:
            flags = node.properties.keys()
            if not node.available():
                continue
            if "reg" not in flags:
                dynamic.append(node)
                continue
            for start, size in node.regions():
                end = start + size
                if not overlaps(banks, start, end):
                    continue
                if "no-map" in flags and not overlaps(used, start, end):
                    hidden.append((start, end))
                elif "no-map" in flags or "reusable" not in flags:
                    used.append((start, end))
    used.append((base, base + PAGE))
    for node in dynamic:
        if "reusable" in node.properties or "size" not in node.properties:
            continue
        size = up(int.from_bytes(node.properties["size"], "big"), PAGE)
        alignment = max(int.from_bytes(node.properties.get("alignment", b""), "big"), PAGE)
        within = [(start, start + length) for start, length in node.regions("alloc-ranges")]
        free = without(union(banks), union(used + hidden))
        found = place(size, alignment, within or [(0, 4 * GIB)], free)
        if found:
            used.append(found)
            if "no-map" in node.properties:
                hidden.append(found)
    return hidden


def windows_of(bus):
    """CPU ranges that the masters below a bus reach, through all buses above it."""
    parts = None
    while bus.parent:
        cells = (bus.cells("#address-cells"), bus.parent.cells("#address-cells"),
                 bus.cells("#size-cells"))
        entries = [(child % 2**64, above % 2**64, size)
                   for child, above, size in bus.entries("dma-ranges", *cells) if size]
        if entries and parts is None:
            parts = [(above, above + size) for _, above, size in entries]
        elif entries:
            parts = [(max(base, child) - child + above, min(end, child + size) - child + above)
                     for base, end in parts for child, above, size in entries
                     if base < child + size and child < end]
        bus = bus.parent
    return parts


def dma_limit(root, bits, base, ram_end):
    """Bytes from the RAM base; None: all RAM."""
    limits = [1 << bits] if bits else []
    for bus in root.walk():
        windows = windows_of(bus) if bus.properties.get("dma-ranges") and bus.available() else None
        if windows and any(start <= base < end for start, end in windows):
            limits.append(max(end for _, end in windows) - base)
    return min((limit for limit in limits if limit < ram_end - base), default=None)


def asked_of(bootargs):
    """{name: text} of the few forms in ARGUMENTS."""
    return dict(word.split("=") for word in bootargs.split())


def bytes_of(text):
    return int(text[:-1]) * {"M": MIB, "G": GIB}[text[-1]]


def lowmem_end(usable, base, page_offset, vmalloc):
    top = 0xFF000000 - page_offset
    vmalloc = min(max(vmalloc, 16 * MIB), top - 40 * MIB)
    limit = top - vmalloc - 8 * MIB + base
    return max((min(end, limit) for start, end in usable if start < limit), default=0)


def present(banks, start, end):
    return sum(max(0, min(bank_end, end) - max(bank, start)) for bank, bank_end in banks) // PAGE


def movable_start(banks, cut_from, asked):
    """Where Movable begins, cut_from being the start of the highest zone; None: nowhere."""
    total = present(banks, 0, 4 * GIB)
    share = 0
    if "kernelcore" in asked:
        share = total * int(asked["kernelcore"][:-1]) // 100
    if "movablecore" in asked:
        movable = up(total * int(asked["movablecore"][:-1]) // 100, 1024)
        share = max(share, total - min(movable, total))
    if not asked.keys() & {"kernelcore", "movablecore"} or share == 0 or share >= total:
        return None
    share -= min(share, present(banks, 0, cut_from))
    for base, end in without(banks, [(0, cut_from)]):
        if share <= (end - base) // PAGE:
            start = up(base + share * PAGE, 4 * MIB)
            return start if start < banks[-1][1] else None
        share -= (end - base) // PAGE
    return None


def layout(root, memreserve, bootargs, page_offset):
    """What the planner should say. Raises Refused."""
    asked = asked_of(bootargs)
    banks = banks_of(root)
    base = up(min((start for start, _ in banks), default=4 * GIB), 2 * MIB)
    if base >= 4 * GIB:
        raise Refused("no RAM")
    if without([(base + IMAGE[0], base + sum(IMAGE))], union(banks)):
        raise Refused("is not RAM")
    banks = union((max(up(start, PAGE), base), min(down(end, PAGE), 4 * GIB - PAGE))
                  for start, end in banks)
    hidden = no_map_regions(root, memreserve, banks, base)
    usable = without(banks, hidden)
    head = usable[0][0]
    usable = without(usable, [(head, up(head, 2 * MIB))])
    end = lowmem_end(usable, base, page_offset, bytes_of(asked.get("vmalloc", "240M")))
    limit = dma_limit(root, int(asked.get("simdma", 0)), base, banks[-1][1])
    borders = [banks[0][0], banks[0][0], end, banks[-1][1]]
    if limit is not None:
        borders[1] = min(down(base + limit, PAGE), end)
    zones = list(zip(("DMA", "Normal", "HighMem"), borders, borders[1:]))
    highest = max((zone for zone in zones if zone[1] < zone[2]), key=lambda zone: zone[1])
    movable = movable_start(banks, highest[1], asked)
    if movable is not None:
        zones[zones.index(highest)] = highest[0], highest[1], max(highest[1], movable)
        zones.append(("Movable", movable, banks[-1][1]))
    return {"ram_base": base, "lowmem_end": end, "dma_limit_bytes": limit,
            "movable_start_pfn": (movable or 0) // PAGE,
            "zones": {name: [start // PAGE, (end - start) // PAGE, pages]
                      for name, start, end in zones if (pages := present(banks, start, end))}}


# --- comparing -----------------------------------------------------------------------------------

def plan(program, blob, *arguments):
    """The planner's JSON; None when it says that the firmware would stop."""
    result = subprocess.run([program, "--json", *arguments, blob], capture_output=True, timeout=60)
    errors = result.stderr.decode(errors="replace")
    if result.returncode == 1 and re.search(r"^zoneplan: the firmware would stop: .*\n\Z", errors,
                                            flags=re.M):
        return None, errors
    expect(result.returncode == 0, f"{arguments}: exit status {result.returncode}", errors)
    made = json.loads(result.stdout)
    made["zones"] = {zone["name"]: [zone["start_pfn"], zone["spanned_pages"],
                                    zone["present_pages"]] for zone in made["zones"]}
    return made, errors


def compare(blob, tree, split, bootargs):
    made, errors = plan(PLANNER, blob, "--vmsplit", split, "--bootargs", bootargs)
    where = f"VMSPLIT_{split} \"{bootargs}\""
    try:
        wanted = layout(*tree, bootargs, SPLITS[split])
    except Refused as refusal:
        expect(made is None and str(refusal) in errors, f"{where}: not refused: {refusal}", errors)
        return
    expect(made is not None, f"{where}: refused", errors)
    for key, value in wanted.items():
        expect(made[key] == value, f"{where}: {key}: {made[key]}, the rules make {value}",
               json.dumps(made["messages"], indent=1))


def check_tree(blob):
    """Also with the tree's own arguments and the sanitizers, whatever they make of it."""
    tree = read_blob(blob)
    plan(SANITIZED, blob)
    for bootargs in ARGUMENTS:
        for split in SPLITS:
            compare(blob, tree, split, bootargs)


def check_board(name):
    blob = compile_tree(name)
    root, _ = read_blob(blob)
    check_tree(blob)
    if not banks_of(root) or any(node.properties.get("dma-ranges") for node in root.walk()):
        check_tree(filled(blob, root))


def compile_all(boards, jobs):
    """{name: why not} of those that cannot be compiled."""
    def attempt(name):
        try:
            compile_tree(name)
        except NotCompiled as problem:
            return str(problem)
        return None

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return {name: why for name, why in zip(boards, pool.map(attempt, boards)) if why}


def main():
    parser = argparse.ArgumentParser(description="The planner against the kernel's device trees.")
    parser.add_argument("boards", nargs="*")
    parser.add_argument("--all", action="store_true", help="every .dts of the Linux source")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    prepare_cache()
    boards = options.boards or (all_boards() if options.all else sample())
    broken = compile_all(boards, options.jobs)
    tests = [(name, lambda name=name: check_board(name)) for name in boards if name not in broken]
    passed = bool(tests) and tap.run(tests, options.jobs)
    for name, why in broken.items():
        print(f"# not compiled: {name}: {why}")
    banks = sum(bool(banks_of(read_blob(compile_tree(name))[0])) for name, _ in tests)
    print(f"# {len(tests)} trees compiled, {len(broken)} not; {banks} name their RAM")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
