#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the planner draws and compares, against what its --json says of the same plan.

    tests/planner_views.py build/host/zoneplan-sanitized

The picture is read back as XML: each zone, bank and piece has its addresses in data- attributes and
its height in the shape, so the scale can be checked without eyes. Whether it looks good cannot.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import tap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORACLE = os.path.join(ROOT, "tests/oracle")
RPI2 = os.path.join(ROOT, "build/dts/bcm2836-rpi-2-b.dtb")
SVG = "{http://www.w3.org/2000/svg}"
ABSENT = None
FONT_PX = {"title": 22, "column": 14, "name": 14, "in": 12, "note": 12, "mono": 12}


def run(program, *arguments, status=0):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    tap.expect(result.returncode == status, f"exit status {result.returncode}, not {status}",
               result.stdout + result.stderr)
    return result.stdout + result.stderr


def plan(program, split, bootargs, tree):
    return json.loads(run(program, "--json", "--vmsplit", split, "--bootargs", bootargs, tree))


def cases():
    with open(os.path.join(ORACLE, "linux-zones.json")) as file:
        return json.load(file)["cases"]


def tree_of(case):
    return os.path.join(ORACLE, "dtb", case["dtb"])


# --- the picture ----------------------------------------------------------------------------------

def draw(program, split, bootargs, tree):
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        name = os.path.join(folder, "plan.svg")
        run(program, "--svg", name, "--vmsplit", split, "--bootargs", bootargs, tree)
        return ElementTree.parse(name).getroot()


def near(seen, wanted, what):
    tap.expect(abs(seen - wanted) < 0.05, f"{what}: {seen}, not {wanted}")


def span(group):
    """Addresses and heights of a group's shape: base, end, top, bottom."""
    rect = group.find(SVG + "rect")
    top = float(rect.get("y"))
    return (int(group.get("data-base")), int(group.get("data-end")), top,
            top + float(rect.get("height")))


def check_pieces(svg):
    """Stacked without a gap; whoever says so is to scale, who is not is on the right side of it."""
    scale = float(svg.get("data-px-per-mib"))
    below = None
    edges = {}
    for group in svg.iter(SVG + "g"):
        if group.get("data-piece") is None:
            continue
        base, end, top, bottom = span(group)
        exact = (end - base) / (1 << 20) * scale
        what = f"piece {base:#x}-{end:#x}"
        if group.get("data-scale") == "exact":
            near(bottom - top, exact, what)
        elif group.get("data-scale") == "taller":
            tap.expect(bottom - top > exact, f"{what}: drawn {bottom - top}, exact is {exact}")
        else:
            tap.expect(bottom - top < exact and group.find(SVG + "path") is not None,
                       f"{what}: drawn {bottom - top} of {exact}, without a break")
        if below is not None:
            tap.expect(base == below[0], f"{what}: the piece below ends at {below[0]:#x}")
            near(bottom, below[1], what)
        edges[base], edges[end] = bottom, top
        below = end, top
    tap.expect(edges, "no pieces at all")
    return edges


def check_spans(svg, edges, attribute):
    """Shapes drawn over the pieces begin and end where those do."""
    seen = {}
    for group in svg.iter(SVG + "g"):
        if group.get(attribute) is not None:
            base, end, top, bottom = span(group)
            near(top, edges[end], f"top of {attribute} {base:#x}-{end:#x}")
            near(bottom, edges[base], f"bottom of {attribute} {base:#x}-{end:#x}")
            seen[group.get(attribute)] = [base, end]
    return seen


def check_areas(svg, made):
    scale = float(svg.get("data-px-per-mib"))
    areas, spans = {}, [(made["page_offset"], made["page_offset"] + made["lowmem_end"] -
                         made["ram_base"])]
    for group in svg.iter(SVG + "g"):
        if group.get("data-area") is None:
            continue
        base, end, top, bottom = span(group)
        areas.setdefault(group.get("data-area"), [base, end])
        spans.append((base, end))
        if group.get("data-scale") == "exact":
            near(bottom - top, (end - base) / (1 << 20) * scale, group.get("data-area"))
    spans = [0, *(edge for pair in sorted(spans) for edge in pair), 1 << 32]
    tap.expect(spans[::2] == spans[1::2], f"areas overlap or leave a gap: {spans}")
    offset = made["page_offset"]
    for name, wanted in {"vectors": [0xFFFF0000, 0xFFFF1000], "fixmap": [0xFFC80000, 0xFFF00000],
                         "blob": [0xFF800000, 0xFFC00000], "pkmap": [offset - (4 << 20), offset],
                         "vmemmap": [offset - (32 << 20), offset - (16 << 20)],
                         "vmalloc": [made["vmalloc_start"], made["vmalloc_end"]]}.items():
        tap.expect(areas.get(name) == wanted, f"{name}: {areas.get(name)}, not {wanted}")


def box_of(text):
    """left, top, right, bottom, with letters as wide as the widest usual font has them on average."""
    classes = text.get("class").split()
    size = next(FONT_PX[name] for name in classes if name in FONT_PX)
    width = len(text.text or "") * size * (0.61 if "mono" in classes else 0.53)
    left = float(text.get("x")) - (width if "end" in classes else
                                   width / 2 if "mid" in classes else 0)
    base = float(text.get("y"))
    return left, base - size * 0.8, left + width, base + size * 0.2


def check_texts(svg):
    width, height = (float(number) for number in svg.get("viewBox").split()[2:])
    boxes = sorted(((box_of(text), text.text or "") for text in svg.iter(SVG + "text")),
                   key=lambda entry: entry[0][1])
    for number, (box, text) in enumerate(boxes):
        tap.expect(box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height,
                   f"outside the picture: {text} {box}")
        for other, other_text in boxes[number + 1:]:
            if other[1] >= box[3]:
                break
            tap.expect(other[0] >= box[2] or other[2] <= box[0],
                       f"overlap: {text} {box} and {other_text} {other}")


def check_picture(svg, made):
    edges = check_pieces(svg)
    zones = check_spans(svg, edges, "data-zone")
    wanted = {zone["name"]: [zone["start_pfn"] << 12,
                             (zone["start_pfn"] + zone["spanned_pages"]) << 12]
              for zone in made["zones"]}
    tap.expect(zones == wanted, f"zones: {zones}, not {wanted}")
    tap.expect(check_spans(svg, edges, "data-bank"), "no banks")
    check_areas(svg, made)
    check_texts(svg)
    texts = " ".join(text.text or "" for text in svg.iter(SVG + "text"))
    for zone in made["zones"]:
        for pfn in (zone["start_pfn"], zone["start_pfn"] + zone["spanned_pages"]):
            tap.expect(f"{pfn << 12:#010x}" in texts, f"no label for {pfn << 12:#010x}", texts)
    tap.expect(svg.find(SVG + "title") is not None and svg.find(SVG + "desc") is not None,
               "no title or description")


def draw_case(program, case):
    arguments = case["vmsplit"], case["bootargs"], tree_of(case)
    check_picture(draw(program, *arguments), plan(program, *arguments))


LOWMEM = ("lowmem=64M", "lowmem=1M", "highmem=all", "highmem=all simdma=28 movablecore=96M",
          "lowmem=100000K simdma=25 kernelcore=30%")


def lowmem_is_drawn(program, split, bootargs):
    made = plan(program, split, bootargs, RPI2)
    svg = draw(program, split, bootargs, RPI2)
    check_picture(svg, made)
    texts = " ".join(text.text or "" for text in svg.iter(SVG + "text"))
    tap.has(texts, "lowmem end", made["lowmem_reason"][:30])


def small_zone_is_named(program):
    """A zone too low for its text has it beside the column."""
    svg = draw(program, "3G", "simdma=20", RPI2)
    check_texts(svg)
    tap.has(" ".join(text.text or "" for text in svg.iter(SVG + "text")),
            "0x00000000-0x000fffff  DMA", "the zone: 1 MiB present of 1 MiB spanned",
            "DMA limit: 1 MiB from the RAM base, set by simdma=20")


def hostile_text(program):
    """Whatever a file name or an argument holds is text, and never more than its share of it."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        tree = os.path.join(folder, "a<b>&\"'\u00fc.dtb")
        shutil.copy(RPI2, tree)
        svg = draw(program, "3G", "x=<script>&amp;\"]]> " + 300 * "long=word ", tree)
    check_texts(svg)
    texts = " ".join(text.text or "" for text in svg.iter(SVG + "text"))
    tap.has(texts, "a<b>&\"'", "x=<script>&amp;\"]]>", "...")
    tap.expect(svg.find(f".//{SVG}script") is None, "a script element")


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
                        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours_can_be_read(program):
    style = draw(program, "3G", "", RPI2).find(SVG + "style").text
    light, dark = re.split(r"@media", style)
    for which in (light, dark):
        colour = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", which))
        for back in ("back", "dma", "normal", "highmem", "movable", "area"):
            tap.expect(contrast(colour["ink"], colour[back]) >= 4.5, f"ink on {back}: {colour}")
        tap.expect(contrast(colour["quiet"], colour["back"]) >= 4.5, f"quiet: {colour}")


def finished_picture():
    svg = ElementTree.parse(os.path.join(ROOT, "docs/virt-3g.svg")).getroot()
    check_spans(svg, check_pieces(svg), "data-zone")
    check_texts(svg)


def cannot_be_written(program):
    tap.has(run(program, "--svg", "/nowhere/plan.svg", RPI2, status=1), "No such file")


# --- tables ---------------------------------------------------------------------------------------

def values_of(made):
    """What --compare must show for one plan, row by row."""
    zones = {zone["name"]: zone for zone in made["zones"]}
    values = {"PAGE_OFFSET": made["page_offset"], "lowmem end": made["lowmem_end"],
              "vmalloc asked for": made["vmalloc_bytes"], "vmalloc start": made["vmalloc_start"],
              "DMA limit": None if made["dma_limit_bytes"] is None else
                           made["ram_base"] + made["dma_limit_bytes"]}
    for name in ("DMA", "Normal", "HighMem", "Movable"):
        zone = zones.get(name)
        values[name + " start"] = zone and zone["start_pfn"] << 12
        values[name + " end"] = zone and (zone["start_pfn"] + zone["spanned_pages"]) << 12
        values[name + " present"] = zone["present_pages"] << 12 if zone else 0
    return values


def compare_equals_plans(program, tree):
    sides = (("3G", ""), ("2G", "simdma=28 movablecore=96M"))
    asked = [f"--vmsplit {split} {bootargs}" for split, bootargs in sides]
    seen = json.loads(run(program, "--json", "--bootargs", "", "--compare", *asked, tree))
    one, other = (values_of(plan(program, *side, tree)) for side in sides)
    tap.expect([row["name"] for row in seen["rows"]] == list(one), f"rows: {seen['rows']}")
    for row in seen["rows"]:
        a, b = one[row["name"]], other[row["name"]]
        moved = 0 if a == b else ABSENT if None in (a, b) else b - a
        tap.expect((row["a"], row["b"], row["moved_bytes"]) == (a, b, moved),
                   f"{row}, not {a} {b} {moved}")
    tap.expect((seen["a"]["vmsplit"], seen["b"]["bootargs"]) == ("3G", sides[1][1]), f"{seen}")


def compare_says_why(program):
    output = run(program, "--bootargs", "simdma=28", "--compare", "", "simdma=27 --vmsplit=2g", RPI2)
    tap.has(output, "A: VMSPLIT_3G simdma=28", "B: VMSPLIT_2G simdma=27", "-128 MiB",
            "A: set by simdma=28; B: set by simdma=27", "goes")


def compare_moves_lowmem(program):
    output = run(program, "--vmsplit", "3G", "--compare", "", "lowmem=64M", RPI2)
    tap.has(output, "-696 MiB  A: what vmalloc leaves of the kernel's addresses; B: lowmem=64M")
    sides = (("2G", "vmalloc=300M"), ("2G", "highmem=all"))
    seen = json.loads(run(program, "--json", "--vmsplit", "2G", "--compare",
                          *[bootargs for _, bootargs in sides], RPI2))
    one, other = (values_of(plan(program, *side, RPI2)) for side in sides)
    tap.expect([(row["a"], row["b"]) for row in seen["rows"]] ==
               list(zip(one.values(), other.values())), f"{seen}")


def compare_refuses(program):
    tap.has(run(program, "--compare", "--vmsplit 4G", "", RPI2, status=1), "must be 3G, 2G or 1G")
    tap.has(run(program, "--compare", "--vmsplit", "", RPI2, status=1), "must be 3G, 2G or 1G")
    tap.has(run(program, "--compare", "", "", "/nowhere", status=1), "No such file")
    tap.has(run(program, "--all-splits", "--svg", "x", RPI2, status=2), "choose one")


def splits_equal_plans(program, tree):
    seen = json.loads(run(program, "--json", "--all-splits", "--bootargs", "movablecore=64M", tree))
    tap.expect([split["vmsplit"] for split in seen["splits"]] == ["3G", "2G", "1G"], f"{seen}")
    for split in seen["splits"]:
        made = plan(program, split["vmsplit"], "movablecore=64M", tree)
        zones = {zone["name"]: zone["present_pages"] << 12 for zone in made["zones"]}
        low = sum(zone["present_pages"] << 12 for zone in made["zones"]
                  if zone["start_pfn"] << 12 < made["lowmem_end"])
        wanted = {"vmsplit": split["vmsplit"], "lowmem_bytes": low,
                  "highmem_bytes": sum(zones.values()) - low,
                  "vmalloc_area_bytes": made["vmalloc_end"] - made["vmalloc_start"],
                  "zones": {name: zones.get(name, 0)
                            for name in ("DMA", "Normal", "HighMem", "Movable")}}
        tap.expect(split == wanted, f"{split}, not {wanted}")


def advice_is_right(program):
    tap.has(run(program, "--all-splits", "--bootargs", "", RPI2),
            "2G: all RAM is lowmem; 3G would leave 200 MiB to highmem.")
    tap.has(run(program, "--all-splits", "--bootargs", "mem=256M", RPI2),
            "3G: all RAM is lowmem; another split only takes addresses")
    tap.has(run(program, "--all-splits", "--bootargs", "lowmem=800M", RPI2),
            "lowmem=800M keeps RAM out of lowmem in every split")
    tap.has(run(program, "--all-splits", "--bootargs", "lowmem=960M", RPI2),
            "2G: all RAM is lowmem; 3G would leave 200 MiB to highmem.")


def stop_is_an_outcome(program):
    """A tree whose RAM lies above 4 GiB: a comparison says that the firmware would stop."""
    with tempfile.TemporaryDirectory(prefix="strata-") as folder:
        tree = os.path.join(folder, "far.dtb")
        shutil.copy(RPI2, tree)
        subprocess.run(["fdtput", "-t", "x", tree, "/memory@0", "reg", "0", "0"], check=True)
        tap.has(run(program, "--compare", "", "", tree, status=1), "A: the firmware would stop")
        tap.has(run(program, "--all-splits", tree), "stops", "the firmware would stop: ")
        seen = json.loads(run(program, "--json", "--all-splits", tree))
        tap.expect(all("no usable memory" in split["stops"] for split in seen["splits"]), f"{seen}")


def tests_of(program):
    trees = {case["dtb"]: tree_of(case) for case in cases()}
    chosen = [RPI2] + [tree for name, tree in sorted(trees.items())][::7]
    tests = [(f"picture of {case['id']}", lambda case=case: draw_case(program, case))
             for case in cases()]
    tests += [(f"picture of {split} {bootargs}",
               lambda s=split, b=bootargs: lowmem_is_drawn(program, s, b))
              for split in ("3G", "2G", "1G") for bootargs in LOWMEM]
    for tree in chosen:
        name = os.path.basename(tree)
        tests += [(f"compare of {name}", lambda tree=tree: compare_equals_plans(program, tree)),
                  (f"splits of {name}", lambda tree=tree: splits_equal_plans(program, tree))]
    return tests + [
        ("a small zone", lambda: small_zone_is_named(program)),
        ("hostile text", lambda: hostile_text(program)),
        ("colours can be read", lambda: colours_can_be_read(program)),
        ("the picture in docs", finished_picture),
        ("a picture that cannot be written", lambda: cannot_be_written(program)),
        ("compare says why", lambda: compare_says_why(program)),
        ("compare moves lowmem", lambda: compare_moves_lowmem(program)),
        ("compare refuses", lambda: compare_refuses(program)),
        ("advice", lambda: advice_is_right(program)),
        ("a stop is an outcome", lambda: stop_is_an_outcome(program)),
    ]


def main():
    sys.exit(0 if tap.run(tests_of(os.path.abspath(sys.argv[1]))) else 1)


if __name__ == "__main__":
    main()
