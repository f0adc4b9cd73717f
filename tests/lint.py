#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""dtlint: small broken trees, one wrongness each, and the exact lines it must say of them.

    tests/lint.py build/host/zoneplan-sanitized     run the tests
    tests/lint.py --table                           the table of docs/dtlint.md, from findings.def
    tests/lint.py --learn build/host/zoneplan       write .expected anew; look at the difference

Each tests/lint/NAME.dts goes through the planner; some are booted as well and must make the
firmware say the same.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect, has  # noqa: E402

FOLDER = os.path.join(ROOT, "tests/lint")
HANG_SECONDS = 60
RUN = 'run="dtlint;poweroff"'

# No tree here shows these: hosts' tests do, they need thousands of nodes, or they stop the boot.
ELSEWHERE = {"too-many-reserved", "too-many-windows", "dma-ranges-work", "more", "lint-work"}
# Seen by tests of this file that make their own trees.
BY_TEST = {"damaged", "blob-high", "blob-not-ram", "bank-firmware"}

# Booted too: all whose places are clear of where the three loaders put things.
BOOTED = ("clean-reserved", "reserved-overlap", "reserved-twice", "no-map-memreserve", "bank-zero",
          "bank-across-4g", "dma-ranges-parent", "alias-itself", "unit-address", "initrd-high",
          "dynamic-no-room", "status", "intc-in-ram")


# --- the rules -----------------------------------------------------------------------------------

def rules():
    """[(name, severity, sentence)] as findings.def has them."""
    with open(os.path.join(ROOT, "src/boot/findings.def")) as file:
        text = file.read()
    found = re.findall(r'^FINDING\(\w+,\s*"([\w-]+)",\s*(\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', text,
                       flags=re.M)
    expect(len(found) == len(re.findall(r"^FINDING\(", text, flags=re.M)), "a rule is not understood")
    return [(name, severity.lower(), "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', parts)).replace('\\"', '"'))
            for name, severity, parts in found]


def table():
    values = {"$a": "*A*", "$b": "*B*", "$d": "*N*", "$r": "*A-B*", "$m": "*M*", "$M": "*N*", "$n": "*name*"}
    lines = ["| name | severity | what is said, after the node's path |", "|---|---|---|"]
    for name, severity, sentence in rules():
        sentence = re.sub(r"\$[abdrmMn]", lambda match: values[match[0]], sentence)
        lines.append(f"| `{name}` | {severity} | {sentence.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def docs_are_current():
    with open(os.path.join(ROOT, "docs/dtlint.md")) as file:
        expect(table() in file.read(), "docs/dtlint.md has another table: put in tests/lint.py --table")


def every_rule_is_seen():
    said = "".join(expected_of(name) for name in trees())
    for name, severity, _ in rules():
        if name in ELSEWHERE | BY_TEST:
            continue
        lines = [line for line in said.splitlines() if line.endswith(f"[{name}]")]
        expect(lines, f"no tree in tests/lint for {name}")
        expect(all(line.startswith(f"{severity}: ") for line in lines), f"{name}: another severity")


# --- the planner ---------------------------------------------------------------------------------

def trees():
    return sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(FOLDER, "*.dts")))


def expected_of(name):
    with open(os.path.join(FOLDER, f"{name}.expected")) as file:
        return file.read()


def compile_tree(name, path):
    subprocess.run(["dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", path,
                    os.path.join(FOLDER, f"{name}.dts")], check=True, capture_output=True)


def lint(program, path):
    """(what it said, standard error). The status must say whether there was anything."""
    result = subprocess.run([program, "--lint", path], capture_output=True, text=True, timeout=60)
    expect("Sanitizer" not in result.stderr and "runtime error" not in result.stderr,
           "undefined behaviour", result.stderr)
    expect(result.returncode == (1 if result.stdout else 0),
           f"exit status {result.returncode}", result.stdout + result.stderr)
    return result.stdout


def same(seen, wanted):
    expect(seen == wanted, "it said:", f"{seen}and should have said:\n{wanted}")


def judge_tree(program, name):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        compile_tree(name, path)
        same(lint(program, path), expected_of(name))


def virt_is_clean(program, **options):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        line = qemu.command(bootargs="", **options)
        line[line.index("-M") + 1] += f",dumpdtb={path}"
        subprocess.run(line, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        same(lint(program, path), "")


def json_has_findings(program):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        for name in ("reserved-overlap", "clean-bus"):
            compile_tree(name, path)
            result = subprocess.run([program, "--json", path], capture_output=True, text=True, check=True)
            same(json.loads(result.stdout)["findings"], expected_of(name).splitlines())


def cut_tree(program, name, part):
    """A structure block that ends early: what came before is judged, and that it ends is said."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        compile_tree(name, path)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        size = int.from_bytes(data[36:40], "big")
        data[36:40] = (int(size * part) & ~3).to_bytes(4, "big")
        with open(path, "wb") as file:
            file.write(data)
        has(lint(program, path), "is damaged at offset", "[damaged]")


# --- the firmware --------------------------------------------------------------------------------

def cells_of(path, node, name):
    result = subprocess.run(["fdtget", "-t", "u", path, node, name], capture_output=True, text=True)
    return int(result.stdout) if result.returncode == 0 else 1


def put(path, kind, node, name, *values):
    subprocess.run(["fdtput", "-p", "-t", kind, path, node, name, *values], check=True)


def make_bootable(path):
    """A console, power control and arguments; none of them is a finding."""
    uart = "/pl011@9000000"
    reg = [word for cells, value in ((cells_of(path, "/", "#address-cells"), "9000000"),
                                     (cells_of(path, "/", "#size-cells"), "1000"))
           for word in ["0"] * (cells - 1) + [value]]
    put(path, "s", uart, "compatible", "arm,pl011")
    put(path, "x", uart, "reg", *reg)
    put(path, "s", "/psci", "compatible", "arm,psci-0.2")
    put(path, "s", "/psci", "method", "hvc")
    put(path, "s", "/chosen", "bootargs", RUN)


def boot(path, places=None):
    result = qemu.boot(timeout=HANG_SECONDS, mem="1G", smp=1, raw_dtb=path, raw_places=places)
    expect(not result.timed_out, f"no end after {HANG_SECONDS} s: taken for a hang", result.output)
    said = re.search(r"^strata> dtlint\n(.*?)^strata> poweroff", result.output, flags=re.M | re.S)
    expect(said, "dtlint did not run", result.output)
    return result.output.split("strata> dtlint")[0], said[1]


def log_has(log, lines):
    """A warning is a line of the boot log as well, if the boot sees it; never twice."""
    for line in lines.splitlines():
        sentence = re.sub(r"^\w+: | \[[\w-]+\]$", "", line)
        expect(log.count(sentence) <= 1, f"twice in the log: {sentence}", log)


def firmware_says_the_same(name):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        compile_tree(name, path)
        make_bootable(path)
        log, said = boot(path)
        same(said, expected_of(name) or "dtlint: nothing to say\n")
        log_has(log, said)


def blob_elsewhere(base_tree, at, *texts):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        compile_tree(base_tree, path)
        make_bootable(path)
        log, said = boot(path, places=(0x42000000, at, 0x41100000))
        has(said, *texts)
        has(log, texts[0])


def warnings_in_the_log():
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        compile_tree("reserved-overlap", path)
        make_bootable(path)
        has(boot(path)[0], "/reserved-memory/b@48100000: reserved region 0x48100000")


def firmware_at_odds():
    """QEMU replaces nodes named memory; one of another name calls the video core's share RAM too."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "board.dtb")
        subprocess.run(["cp", os.path.join(ROOT, "build/dts/bcm2836-rpi-2-b.dtb"), path], check=True)
        put(path, "s", "/more@3c000000", "device_type", "memory")
        put(path, "x", "/more@3c000000", "reg", "3c000000", "3000000")
        result = qemu.boot(timeout=HANG_SECONDS, board="raspi2b", dtb=path, bootargs=RUN)
    expect(not result.timed_out, "taken for a hang", result.output)
    line = "/more@3c000000: memory 0x3c000000-0x3effffff is more than the boot firmware says is ours"
    log, said = result.output.split("strata> dtlint")
    has(log, line)
    has(said, f"warning: {line}", "[bank-firmware]")
    expect(len(re.findall(r"\[[\w-]+\]$", said, flags=re.M)) == 1, "more than one finding", said)


def boards_are_clean(board):
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs=RUN)
    has(result.output, "strata> dtlint\ndtlint: nothing to say\n")


# --- running -------------------------------------------------------------------------------------

def tests_of(program):
    pi2 = os.path.join(ROOT, "build/dts/bcm2836-rpi-2-b.dtb")
    tests = [(name, lambda name=name: judge_tree(program, name)) for name in trees()]
    tests += [
        ("the project's Pi 2 tree is clean", lambda: same(lint(program, pi2), "")),
        ("virt's tree is clean", lambda: virt_is_clean(program)),
        ("virt's tree with one core and 256M is clean",
         lambda: virt_is_clean(program, mem="256M", smp=1)),
        ("findings in --json", lambda: json_has_findings(program)),
        ("every rule has a tree", every_rule_is_seen),
        ("the table in docs is current", docs_are_current)]
    tests += [(f"{name} cut at {part:.0%}", lambda n=name, p=part: cut_tree(program, n, p))
              for name in ("clean-bus", "clean-reserved") for part in (0.2, 0.4, 0.6, 0.8, 0.95)]
    tests += [(f"booted: {name}", lambda name=name: firmware_says_the_same(name)) for name in BOOTED]
    tests += [
        ("booted: warnings are in the log", warnings_in_the_log),
        ("booted: the tree above lowmem",
         lambda: blob_elsewhere("initrd-high", 0x7c000000, "device tree: the device tree at 0x7c000000",
                                "[blob-high]")),
        ("booted: the tree outside RAM",
         lambda: blob_elsewhere("clean-minimal", 0x5f000000,
                                "device tree: the device tree at 0x5f000000", "[blob-not-ram]"))]
    tests.append(("booted: the Pi's firmware and the tree at odds", firmware_at_odds))
    tests += [(f"booted: {board} is clean", lambda b=board: boards_are_clean(b))
              for board in ("virt", "raspi2b")]
    return tests


def learn(program):
    for name in trees():
        with tempfile.TemporaryDirectory(prefix="strata-") as folder:
            path = os.path.join(folder, "board.dtb")
            compile_tree(name, path)
            with open(os.path.join(FOLDER, f"{name}.expected"), "w") as file:
                file.write(lint(program, path))


def main():
    if sys.argv[1:] == ["--table"]:
        print(table(), end="")
        return
    program = os.path.abspath(sys.argv[-1])
    os.chdir(ROOT)
    if sys.argv[1] == "--learn":
        learn(program)
        return
    sys.exit(0 if tap.run(tests_of(program)) else 1)


if __name__ == "__main__":
    main()
