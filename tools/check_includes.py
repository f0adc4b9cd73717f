#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Refuse arrows that point up.

The problem: nothing in C stops a file in mm/phys from including the shell's header. One such line
and the layers are only a drawing. Includes are written from src/, so the room of both ends is
plain to see, and this script sees it at every `make lint`:

    file:line: rule: what is wrong

An include may name its own room or one further down in ROOMS. Three smaller rules ride along:
every source, script, linker and device tree file carries an SPDX line; a CONFIG_ option is tested
by value, never by existence (a misspelt one would silently be off); and mm never prints, so it has
no business with the log. Not checked: the tests and tools, which may include whatever they test.

    tools/check_includes.py [ROOT]        check a tree (default: this one); exit status 1 on findings
    tools/check_includes.py --self-test   plant every violation in a scratch tree and see it refused
"""
import os
import re
import subprocess
import sys
import tempfile

# From the top of the house to the bottom.
ROOMS = ("boot", "shell", "drivers", "mm/user", "mm/move", "mm/dma", "mm/virt", "mm/obj", "mm/phys",
         "kern", "arch", "lib")

# The CPU's own folder is seen by itself and by the code that runs before the first C function of
# everybody else; all others go through the short headers in arch/.
PRIVATE = "arch/arm/"
PRIVATE_USERS = ("arch/arm/", "boot/head", "boot/early/")

SPDX_SUFFIXES = (".c", ".h", ".S", ".s", ".py", ".sh", ".mk", ".ld", ".lds", ".x", ".dts", ".dtsi",
                 ".cocci", ".gdb", ".md", ".config")
SPDX_NAMES = ("Makefile", "run", ".clang-format", ".gitignore")
C_SUFFIXES = (".c", ".h", ".S")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"]?)([^>"\s]*)')
# Options of Linux's test builds, which set them or not: no configs/ file has them.
FOREIGN = re.compile(r"\bCONFIG_NODES_SHIFT\b")
EXISTENCE = re.compile(r"\s*#\s*(?:(?:ifdef|ifndef|elifdef|elifndef)\s+CONFIG_"
                       r"|(?:el)?if\b.*\bdefined\s*\(?\s*CONFIG_)")


def room_of(path):
    """The room of a path written from src/, or None."""
    for room in ROOMS:
        if path.startswith(room + "/"):
            return room
    return None


def judge_include(here, bracket, path):
    """What is wrong with an include of `path` in the file `here` (both from src/): rule and words.

    The order matters: the first thing wrong is the one to repair.
    """
    if not bracket:
        return "computed", f"{path}: an include names its file"
    target = room_of(path)
    if bracket == "<":
        if target or ".." in path:
            return "from-src", f'<{path}>: our own headers are included with "quotes"'
        return None
    if ".." in path.split("/") or path.startswith("./"):
        return "relative", f"{path}: write it from src/"
    if target is None:
        return "from-src", f"{path}: write it from src/, with the room first"
    source = room_of(here)
    if source is None:
        return "no-room", f"{here} lies in no room of tools/check_includes.py"
    if ROOMS.index(target) < ROOMS.index(source):
        return "upward", f"{source} may not include {path}: {target} lies above it"
    if path.startswith(PRIVATE) and not here.startswith(PRIVATE_USERS):
        return "private", f"{path} is private to {PRIVATE} and the start-up code"
    if here.startswith("mm/") and path == "kern/log.h":
        return "mm-prints", f"{path}: mm fills a snapshot, others print it"
    return None


def logical_lines(text):
    """Numbered lines with backslash continuations joined and block comments blanked."""
    text = re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", " ", comment[0]), text,
                  flags=re.DOTALL)
    number, joined = 1, ""
    start = 1
    for line in text.split("\n"):
        if not joined:
            start = number
        number += 1
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        yield start, joined + line
        joined = ""


def check_c_file(name, text):
    here = name.removeprefix("src/") if name.startswith("src/") else None
    for number, line in logical_lines(text):
        if EXISTENCE.match(line) and not FOREIGN.search(line):
            yield number, "config-value", "test CONFIG_ options by value, not by existence"
        include = INCLUDE.match(line)
        if include and here:
            wrong = judge_include(here, include[1], include[2])
            if wrong:
                yield number, *wrong


def check_file(name, text):
    if name.endswith(SPDX_SUFFIXES) or os.path.basename(name) in SPDX_NAMES:
        # A script's first line belongs to the system.
        first = text.split("\n", 2)
        line = first[1] if first[0].startswith("#!") and len(first) > 1 else first[0]
        if "SPDX-License-Identifier: " not in line:
            yield 1, "spdx", "the first line (the second of a script) must be the SPDX line"
    if name.endswith(C_SUFFIXES):
        yield from check_c_file(name, text)


def project_files(root):
    """What git knows or would add; without git, everything that is not built or fetched."""
    try:
        git = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], capture_output=True, text=True, check=False)
        known = git.returncode == 0
    except FileNotFoundError:
        known = False
    if known:
        names = set(git.stdout.split("\0")) - {""}
        return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = [f for f in folders if f not in ("build", "__pycache__") and f[0] != "."]
        names += [os.path.relpath(os.path.join(folder, file), root) for file in files]
    return sorted(names)


def check_tree(root):
    for name in project_files(root):
        if not name.endswith(SPDX_SUFFIXES) and os.path.basename(name) not in SPDX_NAMES:
            continue
        with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
            text = file.read()
        for number, rule, words in check_file(name, text):
            yield f"{name}:{number}: {rule}: {words}"


# Path, text below the SPDX line (which is line 1), and the rule that must speak on line 2.
PLANTED = (
    ("src/lib/a.h", '#include "kern/log.h"', "upward"),
    ("src/arch/a.h", '#include "kern/log.h"', "upward"),
    ("src/mm/phys/a.c", '#include "mm/virt/vmalloc.h"', "upward"),
    ("src/mm/phys/b.c", '#  include "shell/shell.h"', "upward"),
    ("src/drivers/uart/a.c", '#include "shell/shell.h"', "upward"),
    ("src/kern/a.S", '#include "mm/phys/memblock.h"', "upward"),
    ("src/mm/virt/a.c", '#include "arch/arm/sysreg.h"', "private"),
    ("src/boot/main.c", '#include "arch/arm/sysreg.h"', "private"),
    ("src/mm/obj/a.c", '#include "../phys/memblock.h"', "relative"),
    ("src/mm/obj/b.c", '#include "./b.h"', "relative"),
    ("src/mm/obj/c.c", '#include "c.h"', "from-src"),
    ("src/mm/obj/d.c", "#include <mm/phys/memblock.h>", "from-src"),
    ("src/mm/obj/e.c", "#include HEADER", "computed"),
    ("src/mm/stray.c", '#include "lib/size.h"', "no-room"),
    ("src/mm/dma/a.c", '#include "kern/log.h"', "mm-prints"),
    ("src/kern/b.c", "#ifdef CONFIG_SMP", "config-value"),
    ("src/kern/c.c", "#if 1 && \\\n defined(CONFIG_SMP)", "config-value"),
    ("tests/host/a.c", "# ifndef CONFIG_SMP", "config-value"),
    # Allowed: nothing may be said.
    ("src/boot/early/a.c", '#include "arch/arm/sysreg.h"', None),
    ("src/boot/head.S", '#include "arch/arm/sysreg.h"', None),
    ("src/arch/arm/a.c", '#include "arch/arm/sysreg.h"', None),
    ("src/shell/a.c", '#include "mm/phys/memblock.h"', None),
    ("src/mm/phys/c.c", '#include "mm/phys/memblock.h"', None),
    ("src/kern/d.c", "#include <stdint.h>", None),
    ("src/kern/e.c", '/*\n#include "shell/shell.h"\n*/', None),
    ("src/kern/f.c", "#if CONFIG_SMP", None),
    ("src/kern/g.c", "#if defined(__arm__)", None),
    ("tests/host/b.c", '#include "helper.h"', None),
)
WITHOUT_SPDX = ("src/lib/x.c", "tools/x.py", "ldscripts/x.ld", "dts/x.dts", "Makefile")


def self_test():
    with tempfile.TemporaryDirectory() as root:
        def plant(name, text):
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        expected = {f"{name}:1: spdx" for name in WITHOUT_SPDX}
        for name in WITHOUT_SPDX:
            plant(name, "#!/bin/sh\nx\n" if name.endswith(".py") else "x\n")
        for name, text, rule in PLANTED:
            plant(name, f"/* SPDX-License-Identifier: MIT */\n{text}\n")
            if rule:
                expected.add(f"{name}:2: {rule}")
        seen = {":".join(line.split(":")[:3]) for line in check_tree(root)}
    for line in sorted(expected - seen):
        print(f"check_includes: not refused: {line}")
    for line in sorted(seen - expected):
        print(f"check_includes: wrongly refused: {line}")
    return expected == seen


def main():
    if sys.argv[1:] == ["--self-test"]:
        if not self_test():
            sys.exit(1)
        print(f"1..1\nok 1 - {len(PLANTED) + len(WITHOUT_SPDX)} planted files judged rightly")
        return
    root = sys.argv[1] if sys.argv[1:] else os.path.join(os.path.dirname(sys.argv[0]), "..")
    findings = list(check_tree(root))
    for line in findings:
        print(line)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
