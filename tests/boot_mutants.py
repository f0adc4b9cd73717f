#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged device trees, booted: always a prompt or one line that says why not.

    tests/boot_mutants.py                    40 of them
    tests/boot_mutants.py --count 1000 -j 2  more, two at a time
    tests/boot_mutants.py --seed 17          only this one, with what the board said

Each seed is one boot and says all about it: which tree (virt's own, with and without more in it, the
recorded ones of tests/oracle, a board of the kernel's), what is damaged (bytes, the length of a
property, a token of the structure, a number in reg or ranges, the header, a piece moved) and the
split. An exception, silence and a hang are failures; so is the end of QEMU by itself.
"""
import argparse
import glob
import os
import random
import re
import struct
import sys
import tempfile

import boot
import tap
from tap import expect

ROOT = boot.ROOT
HANG_SECONDS = 40
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
INTERESTING = (0, 1, 2, 3, 4, 5, 7, 0xFF, 0x1000, 0x3FFFFF, 0x200000, 0x40000000, 0x40200000,
               0x7FFFFFFF, 0x80000000, 0xD00DFEED, 0xFFFFF000, 0xFFFFFFF4, 0xFFFFFFFC, 0xFFFFFFFF)
NUMBERS = (b"reg", b"ranges", b"dma-ranges", b"#address-cells", b"#size-cells", b"size",
           b"alignment", b"alloc-ranges", b"linux,initrd-start", b"linux,initrd-end")


class Blob:
    """A tree's bytes and where its tokens and properties are."""

    def __init__(self, data):
        self.data, self.tokens, self.properties = bytearray(data), [], []
        _, _, at, strings = struct.unpack_from(">4I", data)
        while True:
            token, = struct.unpack_from(">I", data, at)
            self.tokens.append(at)
            at += 4
            if token == BEGIN_NODE:
                at = (data.index(b"\0", at) + 4) & ~3
            elif token == PROP:
                size, name = struct.unpack_from(">II", data, at)
                name += strings
                self.properties.append((at, size, data[name:data.index(b"\0", name)]))
                at = (at + 8 + size + 3) & ~3
            elif token == END:
                return

    def put(self, at, number):
        struct.pack_into(">I", self.data, at, number & 0xFFFFFFFF)

    def get(self, at):
        return struct.unpack_from(">I", self.data, at)[0]


def number_like(rng, old):
    return rng.choice((rng.choice(INTERESTING), old + rng.choice((-1, 1, 4, 0x800)),
                       old ^ (1 << rng.randrange(32)), rng.getrandbits(32)))


def some_bytes(rng, blob):
    for _ in range(rng.choice((1, 4, 32))):
        blob.data[rng.randrange(40, len(blob.data))] = rng.randrange(256)


def a_length(rng, blob):
    at, size, _ = rng.choice(blob.properties)
    blob.put(at, rng.choice((size + 4, size - 1, number_like(rng, size),
                             0xFFFFFFF0 + 4 * rng.randrange(4))))


def a_name(rng, blob):
    at, _, _ = rng.choice(blob.properties)
    other, _, _ = rng.choice(blob.properties)
    blob.put(at + 4, rng.choice((blob.get(other + 4), number_like(rng, blob.get(at + 4)))))


def a_token(rng, blob):
    blob.put(rng.choice(blob.tokens), rng.choice((BEGIN_NODE, END_NODE, PROP, NOP, END, 0, 77)))


def a_number(rng, blob):
    """Where the harm is: sizes, addresses and cells that are almost right."""
    chosen = [entry for entry in blob.properties if entry[2] in NUMBERS and entry[1] >= 4]
    at, size, _ = rng.choice(chosen or blob.properties)
    if size >= 4:
        at += 8 + 4 * rng.randrange(size // 4)
        blob.put(at, number_like(rng, blob.get(at)))


def the_header(rng, blob):
    at = 4 * rng.randrange(1, 10)
    blob.put(at, number_like(rng, blob.get(at)))


def a_piece(rng, blob):
    """A few tokens overwritten by others from elsewhere."""
    start, to = rng.choice(blob.tokens), rng.choice(blob.tokens)
    size = min(4 * rng.randrange(1, 40), len(blob.data) - max(start, to))
    blob.data[to:to + size] = blob.data[start:start + size]


DAMAGES = (some_bytes, a_length, a_name, a_token, a_number, a_number, a_number, the_header, a_piece)


# --- trees ---------------------------------------------------------------------------------------

def rich_tree():
    """virt's tree with something for every rule."""
    tree = boot.Tree(bootargs="mem=200M kernelcore=40% simdma=26 vmalloc=300M "
                              "dma_limit=serial0:0x4fffffff")
    base = "/reserved-memory"
    tree.text("/aliases", "serial0", "/pl011@9000000")
    tree.cells(base, "#address-cells", 2).cells(base, "#size-cells", 2).empty(base, "ranges")
    tree.cells(f"{base}/fixed@48100000", "reg", 0, 0x48100000, 0, 0x100000)
    tree.cells(f"{base}/hidden@48300000", "reg", 0, 0x48300000, 0, 0x80000)
    tree.empty(f"{base}/hidden@48300000", "no-map")
    tree.cells(f"{base}/anywhere", "size", 0, 0x100000)
    tree.cells(f"{base}/anywhere", "alloc-ranges", 0, 0x44000000, 0, 0x1000000)
    tree.cells("/soc", "#address-cells", 1).cells("/soc", "#size-cells", 1)
    tree.cells("/soc", "dma-ranges", 0xC0000000, 0, 0x40000000, 0x4000000)
    tree.cells("/chosen", "linux,initrd-start", 0x4A000000)
    tree.cells("/chosen", "linux,initrd-end", 0x4A100000)
    return tree


def read(path):
    with open(path, "rb") as file:
        return file.read()


def originals():
    """Mostly virt's, for which everything goes on to the prompt; all fit below the image."""
    recorded = sorted(glob.glob(os.path.join(ROOT, "tests/oracle/dtb/*.dtb")))
    others = [os.path.join(ROOT, "build/dts/bcm2836-rpi-2-b.dtb"), *recorded]
    return ([bytes(boot.Tree(bootargs="").data()), bytes(rich_tree().data())],
            [read(path) for path in others])


def mutant(seed, trees):
    """(bytes of a tree, the split, what was done to it)"""
    rng = random.Random(seed)
    own, others = trees
    blob = Blob(rng.choice(own) if rng.random() < 0.8 else rng.choice(others))
    damages = [rng.choice(DAMAGES) for _ in range(rng.choice((1, 1, 2, 5)))]
    for damage in damages:
        damage(rng, blob)
    return (bytes(blob.data), rng.choice(boot.SPLITS),
            ", ".join(damage.__name__.replace("_", " ") for damage in damages))


def check(seed, trees, show=False):
    data, split, damages = mutant(seed, trees)
    with tempfile.NamedTemporaryFile(suffix=".dtb") as file:
        file.write(data)
        file.flush()
        result = boot.qemu.boot(timeout=HANG_SECONDS, vmsplit=split, mem="256M", smp=1,
                                raw_dtb=file.name, until=boot.STOPPED_OR_PROMPT)
    if show:
        print(result.output)
    again = f"seed {seed}: {damages}; tests/boot_mutants.py --seed {seed}"
    expect(not result.timed_out, f"{again}: neither a prompt nor a message: a hang", result.output)
    expect(re.search(boot.STOPPED_OR_PROMPT, result.output), f"{again}: QEMU ended", result.output)
    # The report of an exception, and a message that is one.
    expect(" at pc " not in result.output and "abort" not in result.output,
           f"{again}: an exception", result.output)


def main():
    parser = argparse.ArgumentParser(description="Boot damaged device trees.")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--count", type=int, default=40, help="how many (40)")
    parser.add_argument("--seed", type=int, help="only this one, and show what was said")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="boots at a time")
    options = parser.parse_args()
    os.chdir(ROOT)
    trees = originals()
    seeds = range(options.first, options.first + options.count)
    if options.seed is not None:
        seeds = [options.seed]
    tests = [(f"seed {seed}: {mutant(seed, trees)[2]}",
              lambda seed=seed: check(seed, trees, options.seed is not None)) for seed in seeds]
    sys.exit(0 if tap.run(tests, options.jobs) else 1)


if __name__ == "__main__":
    main()
