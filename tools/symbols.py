#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the table of function names that backtraces read (src/kern/symbols.c has the format).

The problem: the table is part of the image whose addresses it lists. So the image is linked twice,
first with an empty table. The table lies behind all text, so text must not move between the two;
--check makes the table again from the second link and refuses when it differs.

    nm strata.elf | tools/symbols.py > symbols.S
    tools/symbols.py --empty > symbols.S
    nm strata.elf | tools/symbols.py --check symbols.S

Names are shortened by giving the most frequent pairs of bytes, again and again, a byte of their
own. The same input makes the same output: nothing depends on time, hashes or file names.
"""
import collections
import sys

LIMIT_BYTES = 24576
LETTERS = range(0x21, 0x7F)  # what names are made of; all other byte values are free for pairs


def functions(lines):
    """[(address, name)] of the text, one name an address, and its end."""
    start = end = None
    names = {}
    for line in lines:
        words = line.split()
        if len(words) != 3:
            continue
        address, kind, name = int(words[0], 16), words[1], words[2]
        if name == "__text_start":
            start = address
        elif name == "__text_end":
            end = address
        elif kind in "TtWw" and not name.startswith("$"):
            # The compiler's own marks last, then global before local, then by the alphabet.
            rank = (name.startswith("__"), kind in "tw", name)
            names[address] = min(names.get(address, rank), rank)
    if start is None or end is None:
        sys.exit("symbols.py: no __text_start and __text_end in what nm says")
    # The lowest bit of a Thumb function's address is no part of it; nm leaves it out as well.
    return start, end, sorted((address & ~1, rank[2]) for address, rank in names.items()
                              if start <= address < end)


def shorten(names):
    """The names as lists of byte values, and {byte: (first, second)}."""
    texts = [list(name.encode("ascii")) for name in names]
    free = [byte for byte in range(255, 0, -1) if byte not in LETTERS]
    pairs = {}
    for byte in free:
        counts = collections.Counter()
        for text in texts:
            counts.update(zip(text, text[1:]))
        if not counts:
            break
        pair, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if count < 3:
            break
        pairs[byte] = pair
        for text in texts:
            at = 0
            while at < len(text) - 1:
                if (text[at], text[at + 1]) == pair:
                    text[at:at + 2] = [byte]
                at += 1
    return texts, pairs


def distance(count):
    out = []
    while count >= 0x80:
        out.append(count & 0x7F | 0x80)
        count >>= 7
    return out + [count]


def make_table(lines):
    start, end, symbols = functions(lines)
    texts, pairs = shorten([name[:63] for _, name in symbols])
    table = []
    for byte in range(256):
        table += pairs.get(byte, (0, byte))
    for (address, name), text in zip(symbols + [(end, "")], texts + [[]]):
        if (address - start) % 2:
            sys.exit(f"symbols.py: {name} is at an odd address")
        table += distance((address - start) // 2) + [len(text)] + text
        start = address
    if len(table) > LIMIT_BYTES:
        sys.exit(f"symbols.py: the table has {len(table)} bytes, more than {LIMIT_BYTES}: name "
                 "less, or raise LIMIT_BYTES")
    return table


def assembly(table):
    rows = ["/* Made by tools/symbols.py. */", '\t.section .symbols, "a", %progbits']
    rows += ["\t.byte\t" + ",".join(map(str, table[at:at + 24])) for at in range(0, len(table), 24)]
    return "\n".join(rows) + "\n"


def main():
    arguments = sys.argv[1:]
    if arguments == ["--empty"]:
        sys.stdout.write(assembly([]))
    elif not arguments:
        sys.stdout.write(assembly(make_table(sys.stdin)))
    elif len(arguments) == 2 and arguments[0] == "--check":
        with open(arguments[1], encoding="ascii") as file:
            if file.read() != assembly(make_table(sys.stdin)):
                sys.exit("symbols.py: text moved between the first link and the second")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
