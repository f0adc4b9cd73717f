#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""zoneplan --live: what a board printed, in numbers and in the picture, against what else it says.

    tests/planner_live.py build/host/zoneplan-sanitized

Both boards are booted and their consoles captured; mmcheck and zoneinfo of the same boot say what the
figures must be. Reports that are damaged, or of another board, are made here by hand.
"""
import os
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import planner_views  # noqa: E402
import qemu  # noqa: E402
import tap  # noqa: E402
from planner_views import RPI2, SVG, near, plan  # noqa: E402
from tap import expect, has  # noqa: E402

HANG_SECONDS = 120
MIB = 1 << 20
KINDS = {".": "free", "R": "reserved", "U": "unmovable", "M": "movable", "E": "reclaimable",
         "H": "highatomic", "I": "isolated", "x": "quarantined"}
ALLOCATED = [KINDS[letter] for letter in "UMEHI"]

HEAD = """memmap: a character is 16384 KiB: . free, R reserved, U unmovable, M movable, E reclaimable,
  H highatomic, I isolated, x quarantined, blank no RAM; small letters: more than half is free
"""
LINES = f"""0x00000000 DMA      |R..x|
0x04000000 Normal   |uUmMeEhHiI.. RRr{40 * '.'}|
"""
# What that plan needs, on a Pi 2 of 960 MiB.
MADE = "simdma=26"
BOOT = "Strata vmsplit_2g, page offset 0x80000000\nKernel command line: " + MADE + "\n"
TOTALS = {"DMA": {"free": 32, "reserved": 16, "quarantined": 16},
          "Normal": {"free": 42 * 16, "mostly free": 6 * 16, "no RAM": 16, "reserved": 32,
                     **{kind: 16 for kind in ALLOCATED}}}


def run(program, *arguments, status=0):
    """stdout and stderr, which no sanitizer may have written to."""
    result = subprocess.run([program, *arguments], capture_output=True, timeout=60)
    out, err = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    expect(result.returncode == status, f"exit status {result.returncode}, not {status}", out + err)
    return out, err


def with_report(report, function):
    """function(path of a file with the report); its name is no wider than a person's would be."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        path = os.path.join(folder, "console.txt")
        with open(path, "wb") as file:
            file.write(report.encode() if isinstance(report, str) else report)
        return function(path)


def live(program, report, *options, tree=RPI2, status=0):
    return with_report(report, lambda path: run(program, "--live", path, *options, tree, status=status))


def table(output):
    """{zone: {kind: MiB}} of the text."""
    rows = [re.split(r" {2,}", line.strip()) for line in output.splitlines()]
    start = next(i for i, row in enumerate(rows) if row[0] == "MiB")
    zones = rows[start][1:]
    figures = {zone: {} for zone in zones}
    for row in rows[start + 3:]:
        if len(row) != len(zones) + 1:
            break
        for zone, figure in zip(zones, row[1:]):
            figures[zone][row[0]] = float(figure)
    for kind in figures["total"]:
        near(sum(figures[zone][kind] for zone in zones[:-1]), figures["total"][kind], f"total {kind}")
    return figures


# --- captured reports ----------------------------------------------------------------------------

class Board:
    """A boot with memory taken in all the ways that the prompt has, and its console."""

    def __init__(self, name, character, mem=None, bootargs=""):
        commands = ["alloc", "alloc GFP_KERNEL|__GFP_RECLAIMABLE 2 5", "alloc highuser 3",
                    "alloc highuser_movable 10 6", "alloc GFP_ATOMIC 4 3", "alloc GFP_DMA 6",
                    "memmap 32M", f"memmap {character}", "zoneinfo", "mmcheck", "iomem", "poweroff"]
        self.bootargs = f'{bootargs} run="{";".join(commands)}"'.strip()
        self.options = {"board": name, "mem": mem, "bootargs": self.bootargs}
        self.split = qemu.BOARDS[name].vmsplit
        result = qemu.boot(timeout=HANG_SECONDS, **self.options)
        expect(not result.timed_out and result.exit_status == 0, "no boot", result.output)
        self.output = result.output
        self.console = result.output.replace("\n", "\r\n")
        self.character = qemu.size_bytes(character)

    def tree(self, folder):
        """What QEMU hands to the board."""
        if self.options["board"] == "raspi2b":
            return RPI2
        path = os.path.join(folder, "board.dtb")
        line = qemu.command(**self.options)
        line[line.index("-M") + 1] += f",dumpdtb={path}"
        subprocess.run(line, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return path

    def mmcheck(self):
        """{zone: pages by what they are}, from its table and zoneinfo's."""
        rows = re.findall(r"^(\w+)" + r" +(\d+)" * 6 + "$", self.output, flags=re.M)
        names = ("free", "per-CPU", "allocated", "reserved", "quarantined", "present")
        counts = {row[0]: dict(zip(names, map(int, row[1:]))) for row in rows}
        for zone, spanned in re.findall(r"zone +(\w+)\n(?:.*\n){5} +spanned +(\d+)", self.output):
            if zone in counts:
                counts[zone]["spanned"] = int(spanned)
        expect(counts, "no table of mmcheck's", self.output)
        return counts


def judge_figures(board, figures):
    counts = board.mmcheck()
    expect(set(figures) == {*counts, "total"}, f"zones: {set(figures)}, mmcheck has {set(counts)}")
    for zone, count in counts.items():
        seen = {kind: round(mib * 256) for kind, mib in figures[zone].items()}
        taken = sum(seen[kind] for kind in ALLOCATED)
        what = f"{zone}: {seen}, mmcheck {count}"
        expect(sum(seen.values()) == count["spanned"], f"sum of {what}")
        if board.character == 4096:
            expect(seen["no RAM"] == count["spanned"] - count["present"], what)
            expect(seen["mostly free"] == 0 and seen["reserved"] == count["reserved"], what)
            expect(seen["free"] == count["free"] + count["per-CPU"], what)
            expect(taken == count["allocated"] and seen["quarantined"] == count["quarantined"], what)
        else:
            used = count["allocated"] + count["reserved"]
            whole = taken + seen["reserved"]
            expect(whole / 2 <= used <= whole + seen["mostly free"] / 2, what)
            expect(seen["free"] <= count["free"] + count["per-CPU"], what)


def captured(program, *arguments, **options):
    board = Board(*arguments, **options)
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        tree = board.tree(folder)
        output, errors = live(program, board.console, tree=tree)
        judge_figures(board, table(output))
        expect(errors.count("\n") == 2, "more than two lines beside the table", errors)
        has(errors, f"its boot arguments are used: {board.bootargs}\n",
            f"its split is used: VMSPLIT_{board.split}\n")
        draw(program, board.console, plan(program, board.split, board.bootargs, tree), tree=tree)
    if board.character == 4096:
        expect({"unmovable", "movable", "reclaimable"} <=
               {kind for kind, mib in table(output)["total"].items() if mib}, "kinds", output)


# --- the picture ---------------------------------------------------------------------------------

def runs_of(report, made):
    """[(letter, base, end)] of the report's last memmap; zones end where the plan says."""
    text = report.replace("\r", "")
    text = text[text.rindex("memmap: a character is"):]
    unit = int(re.match(r"\D*(\d+)", text)[1]) << 10
    ends = {zone["name"]: (zone["start_pfn"] + zone["spanned_pages"]) << 12 for zone in made["zones"]}
    runs, zone_before = [], None
    for address, zone, letters in re.findall(r"^0x([0-9a-f]{8}) (\w+) +\|(.*)\|$", text, flags=re.M):
        base = int(address, 16)
        for letter in letters:
            end = min(base // unit * unit + unit, ends[zone])
            if runs and zone == zone_before and runs[-1][0] == letter:
                runs[-1] = letter, runs[-1][1], end
            else:
                runs.append((letter, base, end))
            base, zone_before = end, zone
    return runs


def height_at(svg, address):
    """Where the pieces of physical memory have an address."""
    for group in svg.iter(SVG + "g"):
        if group.get("data-piece") is not None:
            base, end, top, bottom = planner_views.span(group)
            if base <= address <= end:
                return bottom - (bottom - top) * (address - base) / (end - base)
    raise tap.Wrong(f"{address:#x} is not in the picture")


def check_run(svg, group, letter, base, end):
    what = f"{letter} {base:#x}-{end:#x}"
    rects = group.findall(SVG + "rect")
    owner = KINDS[letter if letter == "x" else letter.upper()]
    expect(rects[-1].get("class").split()[1] == owner + "-pages", f"{what}: {rects[-1].get('class')}")
    expect(("pale" in rects[-1].get("class")) == (letter in "rumehi"), f"{what}: wrong opacity")
    has(group.find(SVG + "title").text, f"{base:#010x}-{end - 1:#010x}", owner)
    top, bottom = (planner_views.span(group)[side] for side in (2, 3))
    exact = height_at(svg, end), height_at(svg, base)
    if owner == "free" or exact[1] - exact[0] >= 3.5:
        near(top, exact[0], f"top of {what}")
        near(bottom, exact[1], f"bottom of {what}")
    else:
        near(bottom - top, 3.5, f"height of {what}")
        expect(top <= exact[0] + 0.05 and exact[1] <= bottom + 0.05, f"{what} does not cover its pages")
    for zone in svg.iter(SVG + "g"):
        if zone.get("data-zone") is not None:
            start, stop, ceiling, _ = planner_views.span(zone)
            expect(not start <= base < stop or ceiling - 0.05 <= top, f"{what} is drawn into the zone above")
    if bottom - top >= 13 and owner != "free":
        expect(group.find(SVG + "text").text == letter, f"{what}: no letter in it")


def check_live(svg, report, made, totals):
    groups = [group for group in svg.iter(SVG + "g") if group.get("data-live") is not None]
    seen = {(group.get("data-live"), *planner_views.span(group)[:2]): group for group in groups}
    wanted = [entry for entry in runs_of(report, made) if entry[0] != " "]
    expect(sorted(seen, key=lambda entry: entry[1]) == wanted and len(groups) == len(wanted),
           f"runs: {sorted(seen)}, not {wanted}")
    for entry, group in seen.items():
        check_run(svg, group, *entry)
    texts = " ".join(text.text or "" for text in svg.iter(SVG + "text"))
    has(texts, *(f" {kind} " for kind in KINDS.values()), "Pale, a small letter")
    for zone, figures in totals.items():
        has(texts, f"{zone} live: " + ", ".join(
            f"{mib:.3f} MiB {kind}" if mib % 1 else f"{mib:.0f} MiB {kind}"
            for kind, mib in figures.items() if mib))


def draw(program, report, made, *options, tree=RPI2):
    def drawn(path):
        name = path[:-3] + "svg"
        run(program, "--live", path, "--svg", name, *options, tree)
        return ElementTree.parse(name).getroot()
    svg = with_report(report, drawn)
    planner_views.check_picture(svg, made)
    figures = table(live(program, report, *options, tree=tree)[0])
    figures.pop("total")
    check_live(svg, report, made, figures)
    return svg


def every_letter(program):
    made = plan(program, "2G", MADE, RPI2)
    figures = table(live(program, BOOT + HEAD + LINES)[0])
    for zone, wanted in TOTALS.items():
        seen = {kind: mib for kind, mib in figures[zone].items() if mib}
        expect(seen == {kind: float(mib) for kind, mib in wanted.items()}, f"{zone}: {seen}, not {wanted}")
    draw(program, BOOT + HEAD + LINES, made)


def colours_can_be_read(program):
    svg = draw(program, BOOT + HEAD + LINES, plan(program, "2G", MADE, RPI2))
    style = svg.find(SVG + "style").text
    has(style, *(f".{KINDS[letter]}-pages {{ fill: var(--{letter.lower()}pages) }}" for letter in "RUMEHIx"))
    for which in re.split(r"@media", style):
        colour = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", which))
        shades = [colour[letter + "pages"] for letter in "rumehix"]
        expect(len(set(shades)) == len(shades), f"two kinds have one colour: {colour}")
        for shade in shades:
            expect(planner_views.contrast(colour["ink"], shade) >= 4.5, f"ink on {shade}")


def hostile_text(program):
    """Escapes in the report reach neither the terminal nor the picture."""
    report = (BOOT[:-1] + " x=<&\x1b[2J\x00> y\n" + HEAD + LINES)
    output, errors = live(program, report)
    expect("\x1b" not in output + errors and "x=<&?[2J?> y" in errors, "an escape", errors)
    svg = draw(program, report, plan(program, "2G", MADE, RPI2))
    has(" ".join(text.text or "" for text in svg.iter(SVG + "text")), "x=<&?[2J?>")


# --- which memmap, which boot --------------------------------------------------------------------

def last_whole_one(program):
    """Of three the second: the third ends with the capture. The terminal leaves odd line ends."""
    other = LINES.replace("R..x", "MMMM")
    report = (BOOT + HEAD + LINES + "strata> memmap 16M\n" + HEAD + other + "strata> memmap 16M\n"
              + HEAD + LINES[:-20])
    output, errors = live(program, report.replace("\n", "\r\r\n"))
    expect(table(output)["DMA"]["movable"] == 64, "not the second one", output)
    has(output, "the memmap of line 8,")
    has(errors, "line 16: it is cut", "the memmap of line 8 is taken\n")
    expect(errors.count("\n") == 3, "more than three lines", errors)
    output, errors = live(program, BOOT + HEAD + LINES[:-20] + "\nstrata> memmap\n" + HEAD + other)
    expect(table(output)["DMA"]["movable"] == 64 and "cut" not in errors, "the first one", errors)


def its_own_boot(program):
    """Arguments and split are those of the boot that the memmap belongs to."""
    other = BOOT.replace("_2g", "_1g").replace("26", "27")
    _, errors = live(program, other + BOOT + HEAD + LINES + "strata> reboot\n" + other)
    has(errors, "line 4: its boot arguments are used: simdma=26\n", "line 3: its split is used: VMSPLIT_2G\n")
    expect(errors.count("\n") == 2, "more than two lines", errors)
    # After `quiet` only dmesg has them.
    has(live(program, HEAD + LINES + "strata> dmesg\n" + BOOT)[1], "line 7: its boot arguments are used")


def the_call_wins(program):
    report = BOOT + HEAD + LINES
    _, errors = live(program, report, "--bootargs", MADE)
    expect(errors.count("\n") == 1, "more than the split", errors)
    has(errors, "line 1: its split is used")
    _, errors = live(program, report, "--vmsplit", "2g")
    expect(errors.count("\n") == 1, "more than the arguments", errors)
    has(errors, "line 2: its boot arguments are used")
    expect(live(program, report, "--vmsplit", "2G", "--bootargs", MADE)[1] == "", "something is said")


def long_arguments(program):
    """The log has 254 characters of a line; behind them may stand what makes the zones."""
    text = "Kernel command line: "
    fits, cut = (text + "x" * (length - len(text)) for length in (253, 254))
    report = "Strata vmsplit_2g\n{}\n" + HEAD + LINES
    has(live(program, report.format(fits))[1], "its boot arguments are used: xxx")
    _, errors = live(program, report.format(cut), status=1)
    expect(errors.count("\n") == 1 and "line 2: the boot log cuts" in errors, "one line", errors)
    live(program, report.format(cut), "--bootargs", MADE)


# --- another board's -----------------------------------------------------------------------------

def differs(program, lines, bootargs, *texts):
    report = HEAD + lines
    output, errors = live(program, report, "--vmsplit", "2G", "--bootargs", bootargs)
    expect(errors.count("\n") == 1 and "console.txt: the report's zones are not the plan's: " in errors,
           "not one line", errors)
    has(errors, *texts, "is this the board's tree")
    table(output)
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        name = os.path.join(folder, "plan.svg")
        live(program, report, "--vmsplit", "2G", "--bootargs", bootargs, "--svg", name)
        svg = ElementTree.parse(name).getroot()
    planner_views.check_texts(svg)
    has(" ".join(text.text or "" for text in svg.iter(SVG + "text")), "the report's zones are not")
    expect(any(group.get("data-live") for group in svg.iter(SVG + "g")), "nothing is drawn")


def edges_within_a_character(program):
    """A zone may end inside its last character: that is no difference, and the plan's end counts."""
    lines = (LINES.replace("0x04000000 Normal   |uU", "0x01004000 Normal   |UUUUU")
             .replace("|R..x|", "|R.|"))
    output, errors = live(program, HEAD + lines, "--vmsplit", "2G", "--bootargs", "dma_zone=16400K")
    expect(errors == "", "a difference", errors)
    seen = table(output)
    expect((seen["DMA"]["free"], seen["Normal"]["unmovable"]) == (0.016, 79.984), f"parts: {seen}")
    output, errors = live(program, HEAD + "0x00000000 Normal   |R.M|\n", "--vmsplit", "2G", "--bootargs",
                          "dma_zone=0 mem=40M")
    expect(errors == "" and table(output)["Normal"]["movable"] == 8, f"a last part: {errors}", output)
    differs(program, lines, "dma_zone=16404K", "Normal begins at 0x01004000, planned 0x01005000")
    lines = lines.replace("|R.|", "|R..|").replace("0x01004000 Normal   |UU", "0x03000000 Normal   |")
    differs(program, lines, "dma_zone=16400K",
            "DMA ends at 0x03000000, planned 0x01004000; Normal begins")


def tests_of_differences(program):
    for title, lines, bootargs, *texts in (
            ("another start and end", LINES, "simdma=27", "DMA ends at 0x04000000, planned 0x08000000; "
             "Normal begins at 0x04000000, planned 0x08000000; is this"),
            ("a missing zone", LINES, MADE + " movablecore=64M", "Normal ends at 0x3c000000, planned "
             "0x38000000; Movable is missing"),
            ("a zone too many", LINES, "", "DMA is not planned; Normal begins"),
            ("a missing end", LINES.replace("....|", "|"), MADE,
             "plan's: Normal ends at 0x38000000, planned 0x3c000000; is this"),
            ("one above the picture", LINES + "0xc0000000 HighMem  |MMMM|\n", MADE,
             "plan's: HighMem is not planned; is this")):
        yield title, lambda lines=lines, bootargs=bootargs, texts=texts: differs(
            program, lines, bootargs, *texts)


# --- damage --------------------------------------------------------------------------------------

FULL = "0x10000000 Normal   |" + 64 * "." + "|\n"
DAMAGED = (
    ("nothing at all", "", "no memmap in it; enter memmap"),
    ("no memmap", BOOT + "strata> memmap\nmemmap: expects what a character stands for\n",
     "no memmap in it"),
    ("a binary", bytes(range(256)) * 64, "no memmap in it"),
    ("a tree", open(RPI2, "rb").read(), "no memmap in it"),
    ("only the header", HEAD, "line 2: no line of the memmap above it follows"),
    ("the header and a prompt", HEAD + "strata> ", "line 3: no line of the memmap above it follows"),
    ("other lines below the header", HEAD + "0x\nRAM\n", "line 3: no line of the memmap"),
    ("a header without a number", HEAD.replace("16384", "") + LINES, "line 1: a character is a power"),
    ("a character of 3 MiB", HEAD.replace("16384", "3072") + LINES, "line 1: a character is a power"),
    ("a character of 2 KiB", HEAD.replace("16384", "2") + LINES, "line 1: a character is a power"),
    ("a character of 512 MiB", HEAD.replace("16384", "524288") + LINES, "line 1: a character is a"),
    ("a header that is cut", HEAD[:28] + "\n" + LINES, "line 1: a character is a power"),
    ("a line cut in its letters", HEAD + LINES[:-20] + "\n", "line 4: it is cut"),
    ("a line cut at its bar", HEAD + LINES + "0x3c000000 Movable  |\n", "line 5: it is cut"),
    ("a line without letters", HEAD + LINES + "0x3c000000 Movable  ||\n", "line 5: it is cut"),
    ("a line cut in its zone", HEAD + "0x00000000 DM\n", "line 3: it is cut"),
    ("a line cut in its address", HEAD + LINES + "0x3c00", "line 5: it is cut"),
    ("a wrong letter", HEAD + LINES.replace("x|", "Q|"), "line 3: 'Q' is none of memmap's letters"),
    ("a small letter that there is not", HEAD + LINES.replace("x|", "X|"), "line 3: 'X' is none"),
    ("a NUL among the letters", HEAD + LINES.replace("x|", "\0|"), "line 3: '?' is none"),
    ("a byte that is no ASCII", (HEAD + LINES).encode().replace(b"x|", b"\xfc|"), "line 3: byte 0xfc"),
    ("a zone that there is not", HEAD + LINES.replace("Normal", "Norman"), "line 4: its zone is none"),
    ("zones in the wrong order", HEAD + "".join(reversed(LINES.splitlines(True))),
     "line 4: DMA at 0x00000000 follows Normal"),
    ("a zone that begins too low", HEAD + LINES.replace("0x04", "0x03"), "line 4: Normal at 0x03000000"),
    ("a line that is missing", HEAD + FULL + FULL.replace("0x10", "0x90"),
     "line 4: it begins at 0x90000000, the line before ends at 0x50000000: lines or characters"),
    ("a letter that is missing", HEAD + FULL.replace("..", ".", 1) + FULL.replace("0x1", "0x5"),
     "line 4: it begins at 0x50000000, the line before ends at 0x4f000000"),
    ("a line twice", HEAD + FULL + FULL, "line 4: it begins at 0x10000000"),
    ("too many letters", HEAD + FULL.replace("|.", "|.."), "line 3: it has 65 characters"),
    ("an address inside a page", HEAD + LINES.replace("0x04000000", "0x04000010"), "line 4: 0x4000010 is no"),
    ("an address above 4 GiB", HEAD + LINES.replace("0x04", "0x104"), "line 4: 0x104000000 is no"),
    ("a line across 4 GiB", HEAD + FULL.replace("0x1", "0xd"), "line 3: it goes on above 4 GiB"),
    ("an address without an end", HEAD + "0x" + 90 * "f" + " DMA |.|\n", "line 3: 0xffffffffffffffff is"),
    ("another line between", HEAD + LINES.replace("\n", "\nWARNING: something\n", 1),
     "line 5: a line of the memmap follows one that is none"),
)


def damaged(program, report, text):
    output, errors = live(program, report, status=1)
    expect(output == "" and errors.count("\n") == 1, "not one line", output + errors)
    has(errors, "console.txt: " + text, "enter memmap")
    expect(re.search(r"; enter memmap (again and capture all of it|at the board's prompt and capture "
                     r"what it prints)\n\Z", errors), "no remedy", errors)


def random_damage(program):
    """Any report is shown or refused in a few lines; the sanitizers look on."""
    chosen = random.Random(6)
    whole = (BOOT + HEAD + LINES + "strata> memmap\n" + HEAD + FULL).encode()
    refused = 0
    for _ in range(150):
        report = bytearray(whole)
        for _ in range(chosen.choice((1, 2, 5))):
            at = chosen.randrange(len(report))
            kind = chosen.randrange(4)
            if kind == 0:
                report[at] = chosen.randrange(256)
            elif kind == 1:
                del report[at:at + chosen.randrange(1, 100)]
            elif kind == 2:
                report[at:at] = report[chosen.randrange(len(report)):][:chosen.randrange(100)]
            else:
                report[at] = chosen.choice(b" |\n\r0x.RuM")
        result = with_report(bytes(report), lambda path: subprocess.run(
            [program, "--live", path, "--vmsplit", "2G", "--bootargs", MADE, RPI2],
            capture_output=True, timeout=60))
        expect(result.returncode in (0, 1) and result.stderr.count(b"\n") <= 2, f"{bytes(report)}",
               result.stderr.decode(errors="replace"))
        refused += result.returncode
    expect(0 < refused < 150, f"{refused} of 150 were refused")


def how_it_is_called(program):
    for options in (["--json"], ["--lint"], ["--all-splits"], ["--compare", "", ""]):
        has(live(program, BOOT + HEAD + LINES, *options, status=2)[1], "--live goes with --svg or alone")
    has(run(program, RPI2, "--live", status=2)[1], "usage: zoneplan")
    has(run(program, "--live", "/nowhere", RPI2, status=1)[1], "/nowhere: No such file", "console")
    has(run(program, "--live", "/", RPI2, status=1)[1], "/: Is a directory", "console")
    expect(table(live(program, BOOT + HEAD + LINES)[0]), "no table")


def tests_of(program):
    boards = (("virt", "4K", {"mem": "256M", "bootargs": "simdma=25 movablecore=32M vmalloc=872M"}),
              ("virt", "1M", {"bootargs": qemu.BOARDS["virt"].bootargs}),
              ("raspi2b", "4K", {"bootargs": "mem=80M simdma=25"}),
              ("raspi2b", "1M", {}))
    tests = [(f"{name}, memmap {character}, {options.get('bootargs', '')}",
              lambda a=(name, character), o=options: captured(program, *a, **o))
             for name, character, options in boards]
    tests += [(f"damage: {title}", lambda report=report, text=text: damaged(program, report, text))
              for title, report, text in DAMAGED]
    tests += [(f"difference: {title}", test) for title, test in tests_of_differences(program)]
    return tests + [(function.__name__.replace("_", " "), lambda function=function: function(program))
                    for function in (every_letter, colours_can_be_read, hostile_text, last_whole_one,
                                     its_own_boot, the_call_wins, long_arguments,
                                     edges_within_a_character, random_damage, how_it_is_called)]


def main():
    sys.exit(0 if tap.run(tests_of(os.path.abspath(sys.argv[1]))) else 1)


if __name__ == "__main__":
    main()
