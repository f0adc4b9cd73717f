#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plant known bugs in the allocators, the page tables, interrupts and time, one at a time, and see which test catches each.

The problem: a test that cannot fail proves nothing, and nobody sees that it cannot. Here each entry
of tests/mutation.txt changes one place of the source; the file is compiled anew, linked with the
rest into the host tests, and these are run until one fails. A bug that no test catches is a test that
is missing.

    tests/mutation.py --cc "gcc FLAGS"          all of them, and a table; exit status 1: one survived
    tests/mutation.py --cc "gcc FLAGS" NAME...  only these
    tests/mutation.py --list                    their names
    tests/mutation.py --check                   whether each entry's lines stand in the source, as a test

The objects of the unchanged rest are those of `make test`: run by `make mutation`, which makes them.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import shlex
import shutil
import subprocess
import sys

import tap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = "tests/mutation.txt"
HANG_SECONDS = 120

# A line of each room that is replaced by itself: the tests pass without a bug, however it is built.
CONTROLS = (("src/mm/phys/buddy.c", '#include "mm/phys/buddy.h"\n'),
            ("src/mm/obj/kmalloc.c", '#include "mm/obj/cache.h"\n'),
            ("src/arch/arm/mmu.c", '#include "arch/mmu.h"\n'),
            ("src/mm/virt/vmalloc.c", '#include "mm/virt/vmap_area.h"\n'),
            ("src/mm/virt/pkmap.c", '#include "mm/virt/pkmap.h"\n'),
            ("src/mm/dma/map.c", '#include "mm/dma/map.h"\n'),
            ("src/drivers/dma/simdma.c", '#include "drivers/dma/simdma.h"\n'))

# Quick ones first. (program, constants, arguments)
PAGE_UNITS = ("test_pages", "test_pages_gfp", "test_pages_types", "test_pages_pieces", "test_pages_why",
              "test_pages_debug", "test_pages_misuse")
PAGE_PROGRAMS = [(unit, constants, []) for constants in ("tiny", "model") for unit in PAGE_UNITS] + \
                [("test_pages_model", constants, ["20000"]) for constants in ("tiny", "model")]
OBJECT_UNITS = ("test_objects_misuse", "test_objects_twice", "test_objects_debug", "test_objects")
OBJECT_PROGRAMS = [(unit, constants, []) for constants in ("model", "tiny") for unit in OBJECT_UNITS] + \
                  [("test_objects_model", constants, ["20000"]) for constants in ("tiny", "model")]
# Against a model of the core instead of the allocators' doubles.
MMU_SOURCE = "src/arch/arm/mmu.c"
MMU_PROGRAMS = [("test_mmu", "sanitized", [])]
AREA_TREE = "src/mm/virt/area_tree.c"
VIRTUAL_PROGRAMS = [("test_vmalloc", constants, []) for constants in ("model", "tiny")]
WINDOW_SOURCES = tuple(f"src/mm/virt/{name}" for name in (
    "kmap.c", "kmap.h", "pkmap.c", "pkmap.h", "kmap_debug.c", "kmap_debug.h", "kmap_report.c",
    "highmem.c", "highmem.h", "fixmap.c", "fixmap.h"))
# Files that a test of their own is made of alone.
OWN_TESTS = {"src/kern/irq.c": "test_irq", "src/kern/callout.c": "test_callout",
             "src/kern/clock.c": "test_clock"}
DEVICES = "src/boot/devices.c"
WAIT_SOURCES = ("src/mm/phys/page_wait.c", "src/mm/phys/page_wait.h")
WAIT_PROGRAMS = [("test_pages_wait", constants, []) for constants in ("model", "tiny")]
COHERENT_MAP = "src/mm/dma/coherent_map.c"
COHERENT_SOURCES = ("src/mm/dma/coherent.c", "src/mm/dma/pool.c")
DMA_PROGRAMS = [(unit, constants, []) for constants in ("tiny", "model")
                for unit in ("test_dma_reach", "test_dma", "test_dma_debug")]
KMAP_PROGRAMS = [("test_kmap", constants, ["20000"]) for constants in ("tiny", "model")]


@dataclasses.dataclass
class Mutation:
    name: str
    path: str
    old: str
    new: str


def read_list():
    """Entries are blocks: `= name`, `@ path`, lines `- old`, lines `+ new`."""
    mutations = []
    with open(LIST, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("= "):
                mutations.append(Mutation(line[2:], "", "", ""))
            elif line.startswith("@ "):
                mutations[-1].path = line[2:]
            elif line.startswith("- "):
                mutations[-1].old += line[2:] + "\n"
            elif line.startswith("+"):
                mutations[-1].new += line[2:] + "\n"
            elif line and not line.startswith("#"):
                sys.exit(f"{LIST}: what is this? {line}")
    return mutations


def dedent(text):
    return [line.strip() for line in text.splitlines()]


def mutate(mutation):
    """The changed text. The old lines stand there once, whatever their indentation."""
    with open(mutation.path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    old = dedent(mutation.old)
    places = [i for i in range(len(lines) - len(old) + 1)
              if [line.strip() for line in lines[i:i + len(old)]] == old]
    if len(places) != 1:
        sys.exit(f"{LIST}: {mutation.name}: its lines stand {len(places)} times in "
                 f"{mutation.path}; bring the entry up to date")
    lines[places[0]:places[0] + len(old)] = mutation.new.splitlines()
    return "\n".join(lines) + "\n"


def check_places():
    stale = []
    for mutation in read_list():
        try:
            mutate(mutation)
        except SystemExit as error:
            stale.append(str(error))
    tap.expect(not stale, f"{len(stale)} have none", "\n".join(stale))


def objects_of(program, constants, sources):
    folder = f"build/host/{constants}"
    return {source: f"{folder}/{source}.o" for source in [f"tests/host/{program}.c", *sources]}


class Build:
    """One mutation's own folder: the changed source in it, and what must be compiled because of it."""

    def __init__(self, mutation, options):
        self.folder = f"build/mutation/{mutation.name.replace(' ', '_').replace('/', '_')}"
        self.mutation, self.options = mutation, options
        shutil.rmtree(self.folder, ignore_errors=True)
        path = os.path.join(self.folder, mutation.path)
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(mutate(mutation))

    def compile(self, source, constants):
        config = "build/host_tiny/config.h" if constants == "tiny" else "build/host/config.h"
        doubles = (["-Itests/host/double", "-fno-pie"] if constants == "sanitized" else
                   ["-Itests/host/double_mm"])
        output = f"{self.folder}/{constants}_{source.replace('/', '_')}.o"
        changed = os.path.join(self.folder, source)
        if not os.path.exists(output):
            compiler, *flags = shlex.split(self.options.cc)
            # The changed tree and the doubles go before src/. A bug may leave something unused.
            subprocess.run([compiler, f"-I{self.folder}/src", *doubles, "-Itests/host", *flags, "-Wno-error",
                            "-include", config, "-c",
                            changed if os.path.exists(changed) else source, "-o", output],
                           check=True, capture_output=True, text=True)
        return output

    def link(self, program, constants):
        sources = self.options.object_sources if "objects" in program else self.options.sources
        if program == "test_mmu":
            sources = [MMU_SOURCE]
        if program == "test_vmalloc":
            sources = self.options.virtual_sources
        if program == "test_area_tree":
            sources = [AREA_TREE]
        if program == "test_kmap":
            sources = self.options.kmap_sources
        if program.startswith("test_dma"):
            sources = self.options.dma_sources
        if program == "test_simdma":
            sources = self.options.simdma_sources
        if program == "test_coherent_map":
            sources = [COHERENT_MAP]
        if program == "test_coherent":
            sources = self.options.coherent_sources
        if program == "test_devices":
            sources = self.options.device_sources
        if program in OWN_TESTS.values():
            sources = [path for path, test in OWN_TESTS.items() if test == program]
        objects = objects_of(program, constants, sources)
        header = self.mutation.path.endswith(".h")
        for source in objects:
            if header or source == self.mutation.path:
                objects[source] = self.compile(source, constants)
        output = f"{self.folder}/{program}_{constants}"
        subprocess.run([*shlex.split(self.options.cc), *objects.values(), "-lcmocka", "-o", output,
                        *(["-no-pie"] if constants == "sanitized" else [])],
                       check=True, capture_output=True, text=True)
        return output


def fails(program, arguments):
    """What gave the bug away, or None."""
    try:
        result = subprocess.run([program, *arguments], timeout=HANG_SECONDS, text=True,
                                capture_output=True, errors="replace")
    except subprocess.TimeoutExpired:
        return "hangs"
    if result.returncode == 0:
        return None
    output = result.stdout + result.stderr
    for line in output.splitlines():
        if "[  FAILED  ]" in line and "test(s)" not in line:
            return line.split("]", 1)[1].strip()
    for line in output.splitlines():
        if "runtime error" in line or "ERROR: AddressSanitizer" in line or "page_check:" in line:
            return line.strip()[:60]
    return f"exit status {result.returncode}"


def programs_for(path):
    if path == MMU_SOURCE:
        return MMU_PROGRAMS
    if path == AREA_TREE:
        return [("test_area_tree", "sanitized", [])] + VIRTUAL_PROGRAMS
    if path in WAIT_SOURCES:
        return WAIT_PROGRAMS
    if path in WINDOW_SOURCES:
        return KMAP_PROGRAMS
    if path.startswith("src/drivers/dma/"):
        return [("test_simdma", "model", [])]
    if path == COHERENT_MAP:
        return [("test_coherent_map", "sanitized", [])]
    if path in COHERENT_SOURCES:
        return [("test_coherent", "model", [])]
    if path.startswith("src/mm/dma/") or path == "src/lib/copy.h":
        return DMA_PROGRAMS
    if path in OWN_TESTS:
        return [(OWN_TESTS[path], "model", [])]
    if path == DEVICES:
        return [("test_devices", "sanitized", [])]
    if path.startswith("src/mm/virt/"):
        return VIRTUAL_PROGRAMS
    if path.startswith("src/mm/obj/"):
        return OBJECT_PROGRAMS
    return PAGE_PROGRAMS + OBJECT_PROGRAMS + KMAP_PROGRAMS


def try_mutation(mutation, options):
    build = Build(mutation, options)
    for program, constants, arguments in programs_for(mutation.path):
        try:
            how = fails(build.link(program, constants), arguments)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{LIST}: {mutation.name}: does not build:\n{error.stderr}")
        if how:
            return mutation, f"{program}{'_tiny' if constants == 'tiny' else ''}", how
    return mutation, None, None


def main():
    parser = argparse.ArgumentParser(description="Plant bugs and see them caught.")
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--cc", help="compiler and flags")
    parser.add_argument("--sources", type=str.split, default=[],
                        help="what the tests of pages are made of")
    parser.add_argument("--object-sources", type=str.split, default=[], help="those of objects")
    parser.add_argument("--virtual-sources", type=str.split, default=[], help="those of vmalloc")
    parser.add_argument("--kmap-sources", type=str.split, default=[], help="those of windows")
    parser.add_argument("--dma-sources", type=str.split, default=[], help="those of DMA")
    parser.add_argument("--coherent-sources", type=str.split, default=[], help="those of coherent memory")
    parser.add_argument("--simdma-sources", type=str.split, default=[], help="those of the simulated peripheral")
    parser.add_argument("--device-sources", type=str.split, default=[], help="those of devices")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    os.chdir(ROOT)
    mutations = read_list()
    if options.check:
        sys.exit(0 if tap.run([("mutation: each bug has its place in the source", check_places)]) else 1)
    if options.list:
        print("\n".join(mutation.name for mutation in mutations))
        return
    wanted = [m for m in mutations if not options.names or m.name in options.names]
    for mutation in wanted:
        mutate(mutation)  # all entries are up to date, or nothing is begun
    for path, line in CONTROLS:
        _, by, how = try_mutation(Mutation("control", path, line, line), options)
        if by:
            sys.exit(f"mutation: without any bug {by} fails: {how}")
    survived = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for i, (mutation, by, how) in enumerate(pool.map(lambda m: try_mutation(m, options), wanted)):
            survived += by is None
            print(f"[{i + 1:2}/{len(wanted)}] {mutation.name:48} "
                  + (f"caught by {by}: {how}" if by else "SURVIVED"), flush=True)
    print(f"mutation: {len(wanted)} bugs planted, {len(wanted) - survived} caught, {survived} survived")
    sys.exit(1 if survived or not wanted else 0)


if __name__ == "__main__":
    main()
