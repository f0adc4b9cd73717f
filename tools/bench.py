#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What calls cost, in executed instructions, beside what Linux and other systems take for the same.

The problem: seconds under an emulator say nothing and differ from run to run. Under -icount shift=0
QEMU counts instructions exactly, so the figures here are the same to the digit each time, and a
change of one instruction in a hot path shows.

    tools/bench.py             boot, measure, print the table, write build/bench.json; exit status 1
                               when a figure is above its limit or two runs differ
    tools/bench.py --update    also put the tables into docs/performance.md

Rows are named as in the recorded figures (tests/bench/peers.json): TEST.CALL.
"""
import argparse
import json
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402

HANG_SECONDS = 600
SPLITS = ("3G", "2G", "1G")

# What is promised: (row, figure) and the most that it may be.
LIMITS = {
    **{(f"hot_o{order}.{call}", "max"): 36 for order in (0, 3) for call in ("alloc", "free")},
    **{(f"hot_o{order}.{call}", "max"): 110 for order in (9, 10) for call in ("alloc", "free")},
    ("traceA.alloc", "mean"): 50, ("traceA.free", "mean"): 50,
    ("traceA.alloc", "max"): 1200, ("traceA.free", "max"): 1200,
    ("traceB.alloc", "mean"): 56, ("traceB.free", "mean"): 52,
    ("traceB_after_frag95.alloc", "mean"): 56, ("traceB_after_frag95.free", "mean"): 52,
    ("frag95.alloc", "mean"): 60, ("frag95.alloc", "max"): 1200, ("frag95.free", "max"): 1200,
    ("worst.alloc", "max"): 1200, ("worst.free", "max"): 1200,
    ("frag95.free", "mean"): 65, ("give_back_ten_joins.free", "max"): 320,
    ("refusal.refused", "max"): 800, ("refusal_set_aside.refused", "max"): 850,
    ("drain.page", "max"): 250,
    **{(f"kmem_cache_{kind}.alloc", "max"): 22 for kind in ("192", "200", "ctor_192")},
    **{(f"kmem_cache_{kind}.free", "max"): 36 for kind in ("192", "200", "ctor_192")},
    **{(f"kmalloc_{kind}{size}.alloc", "max"): 32 for kind in ("", "live_")
       for size in (16, 64, 192, 1024, 8080)},
    **{(f"kmalloc_{kind}{size}.free", "max"): 34 for kind in ("", "live_")
       for size in (16, 64, 192, 1024, 8080)},
    **{(f"kmalloc_const_{size}.alloc", "max"): 22 for size in (16, 1024, 8080)},
    ("traceH.all", "mean"): 44, ("traceH.all", "p99"): 150, ("traceH.all", "max"): 2000,
    ("kmem_cache_192_10k.alloc", "mean"): 106, ("kmem_cache_192_10k.free", "mean"): 160,
    ("objects_worst.alloc", "max"): 2000, ("objects_worst_8_bytes.alloc", "max"): 6000,
    ("objects_worst.free", "max"): 3500,
    ("objects_worst_masked.alloc", "max"): 1500, ("objects_worst_masked.free", "max"): 1000,
    ("dma_coherent_4K.map", "max"): 40,
    ("dma_uncached_4K.alloc", "max"): 1500, ("dma_uncached_4K.free", "max"): 300,
    ("dma_pool_64.alloc", "max"): 60, ("dma_pool_64.free", "max"): 60,
    ("kmap_local_highmem.map", "max"): 60, ("kmap_local_highmem.unmap", "max"): 50,
    ("kmap_local_lowmem.map", "max"): 12, ("kmap_local_lowmem.unmap", "max"): 6,
    ("kmap_highmem_same.map", "max"): 50, ("kmap_highmem_same.unmap", "max"): 40,
    ("kmap_highmem_fresh2048.map", "mean"): 120, ("kmap_highmem_fresh2048.map", "max"): 3000,
    ("kmap_highmem_fresh2048.unmap", "max"): 3000,
    ("kmap_worst.map", "max"): 3000, ("kmap_worst.refused", "max"): 3000,
    ("interrupt.to_handler", "max"): 60, ("interrupt.and_back", "max"): 100,
    ("thread.switch", "p999"): 80, ("thread.wake", "max"): 250,
    ("callout_of_1000.start", "max"): 400, ("callout_of_1000.run", "max"): 1200,
    ("mutex.lock", "max"): 50, ("mutex.unlock", "max"): 60,
    ("vmalloc_64K.alloc", "mean"): 1200, ("vmalloc_64K.free", "mean"): 1200,
    ("vmalloc_1M.alloc", "mean"): 12000, ("vmalloc_1M.free", "mean"): 12000,
}
FACT_LIMITS = {
    "traceH.refused": 0, "traceH.held_bytes": 1344 * 2621836 // 1000,
    "traceA.refused": 0, "traceB.refused": 0, "traceB_after_frag95.refused": 0,
    "boot.virt_3g_256M": 700000, "irqsoff.longest": 2500,
}
BOOT_GROWTH = 41000  # from 256 MiB to 3 GiB

SHOWN = {"pages": ("Linux SMP", "RT-Thread", "LK", "Circle"),
         "objects": ("Linux SMP", "RT-Thread slab", "TLSF", "newlib"),
         "virtual": ("Linux SMP", "Linux UP")}


# --- measuring -----------------------------------------------------------------------------------

def run(command, bootargs="", **options):
    result = qemu.boot(timeout=HANG_SECONDS, icount=True, smp=1, **options,
                       bootargs=f'{bootargs} quiet run="{command};poweroff"'.strip())
    if result.timed_out or result.exit_status != 0:
        sys.exit(f"bench.py: no clean end:\n{result.output}")
    return result.output


def parse(output, rows, facts):
    for name, values in re.findall(r"^bench (\S+) (.*)$", output, flags=re.M):
        pairs = re.findall(r"(\w+)=([\d.]+)", values)
        rows[name] = {key: float(value) if key == "mean" else int(value) for key, value in pairs}
    for name, value in re.findall(r"^bench-fact (\S+) (\d+)$", output, flags=re.M):
        facts[name] = int(value)


def measure_pages(rows, facts):
    """Twice: a figure that is not the same again is not a figure."""
    outputs = [run("bench pages", vmsplit="3G", mem="1G") for _ in range(2)]
    if outputs[0] != outputs[1]:
        sys.exit("bench.py: two runs differ; is -icount in effect?")
    parse(outputs[0], rows, facts)
    parse(run("bench refusal", bootargs="simdma=28 movablecore=128M", vmsplit="3G", mem="1G"),
          rows, facts)


def measure_suite(suite, rows, facts):
    outputs = [run(f"bench {suite}", vmsplit="3G", mem="1G") for _ in range(2)]
    if outputs[0] != outputs[1]:
        sys.exit("bench.py: two runs differ; is -icount in effect?")
    parse(outputs[0], rows, facts)


def measure_masked(facts):
    """The longest stretches with interrupts masked, while all suites run: one for each place."""
    output = run("selftest;irqsoff", bootargs="irqsoff=1", vmsplit="3G", mem="1G")
    table = [["with interrupts masked", "instructions"]]
    for cycles, began, ended in re.findall(r"^ +(\d+) from (\S+?)\+\S+ to (\S+?)\+\S+$", output,
                                           flags=re.M):
        table.append([f"{began} to {ended}" if began != ended else began, f"{int(cycles):,}"])
        facts.setdefault("irqsoff.longest", int(cycles))
    return table


def measure_boot(facts):
    for split in SPLITS:
        for mem in ("256M", "1G", "3G"):
            found = {}
            parse(run("bench boot", vmsplit=split, mem=mem), {}, found)
            facts[f"boot.virt_{split.lower()}_{mem}"] = found["boot.first_page"]
        facts[f"boot.raspi2b_{split.lower()}"] = boot_on_pi(split)


def boot_on_pi(split):
    """raspi2b always has four cores, and three of them poll in QEMU's start-up code while ours
    boots, so its counters count them too. Here each instruction of the image is traced instead,
    until the clock is read, which the boot does first when it has served a page."""
    elf = os.path.join(ROOT, f"build/vmsplit_{split.lower()}/strata.sym")
    with open(elf, encoding="ascii") as file:
        symbols = dict(reversed(line.split()[::2]) for line in file)
    stop = int(symbols["clock_ticks"], 16)
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        qemu.boot(timeout=HANG_SECONDS, board="raspi2b", vmsplit=split, icount=True,
                  bootargs='quiet run="poweroff"',
                  extra=("-singlestep", "-d", "exec,nochain", "-D", log.name,
                         "-dfilter", "0x1000+0xffffefff"))
        for count, line in enumerate(open(log.name, encoding="ascii", errors="replace")):
            if f"/{stop:08x}/" in line:
                return count
    sys.exit("bench.py: the trace of raspi2b's boot never came to clock_ticks")


# --- telling -------------------------------------------------------------------------------------

def figure(value):
    return f"{value:g}" if isinstance(value, int) or value == int(value) else f"{value:.1f}"


def row_cells(name, row, peers, shown):
    """Strata's mean, p99 and worst; each peer's mean, and how many times ours that is."""
    cells = [name, figure(row["mean"]), str(row["p99"]), str(row["max"])]
    for peer in shown:
        known = peers.get(name, {}).get(peer)
        cells.append(f"{figure(known[0])} ({known[0] / row['mean']:.1f}x)" if known else "-")
    return cells


def rows_table(rows, peers, shown):
    head = ["row", "mean", "p99", "worst", *shown]
    return [head] + [row_cells(name, row, peers, shown) for name, row in sorted(rows.items())]


def held_table(facts):
    """Memory at the end of trace H: what Linux's SLUB and its own users hold is a recorded figure."""
    peak = facts["traceH.peak_live_bytes"]
    return [["at the end of trace H", "bytes", "of the peak of live bytes"],
            ["live", f"{facts['traceH.end_live_bytes']:,}",
             f"{facts['traceH.end_live_bytes'] / peak:.2f}"],
            ["held by Strata", f"{facts['traceH.held_bytes']:,}",
             f"{facts['traceH.held_bytes'] / peak:.2f}"],
            ["held by Linux's SLUB", "3,522,560", f"{3522560 / peak:.2f}"]]


def boot_table(facts, peers):
    table = [["from the first instruction to the first page", "256M", "1G", "3G"]]
    for split in SPLITS:
        table.append([f"virt, VMSPLIT_{split}"] +
                     [f"{facts[f'boot.virt_{split.lower()}_{mem}']:,}"
                      for mem in ("256M", "1G", "3G")])
        table.append([f"raspi2b, VMSPLIT_{split}", "-",
                      f"{facts[f'boot.raspi2b_{split.lower()}']:,}", "-"])
    for peer, values in peers.items():
        table.append([f"{peer}, to the end of mm_init"] +
                     [f"{values[mem]:,}" for mem in ("256M", "1G", "3G")])
    return table


def text_table(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
                     for row in table)


def markdown_table(table):
    lines = [" | ".join(row) for row in table]
    return "\n".join(f"| {line} |" for line in
                     [lines[0], " | ".join(["---"] * len(table[0])), *lines[1:]])


def too_much(rows, facts):
    found = []
    for (name, key), limit in LIMITS.items():
        if name not in rows:
            found.append(f"{name}: was not measured")
        elif rows[name][key] > limit:
            found.append(f"{name}: {key} is {rows[name][key]}, the limit is {limit}")
    for name, limit in FACT_LIMITS.items():
        if facts.get(name, limit + 1) > limit:
            found.append(f"{name} is {facts.get(name)}, the limit is {limit}")
    for split in SPLITS:
        grown = facts[f"boot.virt_{split.lower()}_3G"] - facts[f"boot.virt_{split.lower()}_256M"]
        if grown > BOOT_GROWTH:
            found.append(f"boot, VMSPLIT_{split}: {grown} more at 3 GiB than at 256 MiB, "
                         f"the limit is {BOOT_GROWTH}")
    return found


def update_document(tables):
    path = os.path.join(ROOT, "docs/performance.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name, table in tables.items():
        text = re.sub(rf"(<!-- {name}: by tools/bench.py --update -->\n).*?(?=<!-- end -->)",
                      lambda match, t=table: match[1] + "\n" + markdown_table(t) + "\n\n",
                      text, flags=re.S)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description="Count the instructions of calls.")
    parser.add_argument("--update", action="store_true", help="write docs/performance.md's tables")
    options = parser.parse_args()
    os.chdir(ROOT)
    with open("tests/bench/peers.json", encoding="utf-8") as file:
        peers = json.load(file)
    rows, objects, virtual, threads, dma, facts = {}, {}, {}, {}, {}, {}
    measure_pages(rows, facts)
    measure_suite("objects", objects, facts)
    measure_suite("virtual", virtual, facts)
    measure_suite("threads", threads, facts)
    measure_suite("dma", dma, facts)
    masked = measure_masked(facts)
    measure_boot(facts)
    tables = {"pages": rows_table(rows, peers["rows"], SHOWN["pages"]),
              "objects": rows_table(objects, peers["objects"], SHOWN["objects"]),
              "held": held_table(facts),
              "virtual": rows_table(virtual, peers["virtual"], SHOWN["virtual"]),
              "dma": rows_table(dma, {}, ()),
              "threads": rows_table(threads, {}, ()), "irqsoff": masked,
              "boot": boot_table(facts, peers["boot"])}
    rows.update(threads)
    rows.update(objects)
    rows.update(virtual)
    rows.update(dma)
    print("executed instructions; in brackets how many times Strata's mean\n")
    for table in tables.values():
        print(text_table(table) + "\n")
    with open("build/bench.json", "w", encoding="utf-8") as file:
        json.dump({"rows": rows, "facts": facts}, file, indent=1, sort_keys=True)
    if options.update:
        update_document(tables)
    found = too_much(rows, facts)
    for line in found:
        print(f"too much: {line}")
    print(f"bench: {len(rows)} rows, two runs alike, {len(LIMITS) + len(FACT_LIMITS)} limits, "
          f"{len(found)} exceeded; build/bench.json")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
