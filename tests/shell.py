#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sit at the prompt of both boards: type with every aid there is and look at the screen.

    tests/shell.py             all of it, as TAP

Keys go in at the serial port of a booted image; what comes out is shown on a small terminal, so
that the tests see rows as a person does and not the backspaces between. What each key does is
tests/host/test_line.c's business; here the shell around it is tried.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import Wrong  # noqa: E402

HANG_SECONDS = 60
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[H", "\x1bOF", "\x1b[3~"


def screen(output):
    """The rows that a terminal shows after this output."""
    rows, column = [[]], 0
    for byte in output.replace("\x1b[H\x1b[2J", "\f"):
        if byte == "\n":
            rows.append([])
            column = 0
        elif byte == "\f":
            rows.append(list("(cleared)"))
            rows.append([])
            column = 0
        elif byte == "\b":
            column -= 1
        elif byte != "\a":
            rows[-1][column:column + 1] = byte
            column += 1
    return ["".join(row).rstrip() for row in rows]


def boot(board, typed="", bootargs=""):
    """The rows from the first prompt to the end; the board is switched off at last."""
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs=bootargs,
                       stdin=typed + "poweroff\r")
    if result.timed_out or result.exit_status != 0:
        raise Wrong(f"exit status {result.exit_status}, timed out: {result.timed_out}\n"
                    + result.output)
    rows = screen(result.output)
    return rows[next(i for i, row in enumerate(rows) if row.startswith("strata> ")):]


def expect(condition, text, rows):
    if not condition:
        raise Wrong(text + "\n" + "\n".join(rows))


def holds(rows, *wanted):
    """These rows stand there, one below the other."""
    found = any(tuple(rows[i:i + len(wanted)]) == wanted for i in range(len(rows)))
    expect(found, f"not on the screen: {wanted}", rows)


def editing(board):
    typed = ("cmline" + LEFT * 4 + "d\r"              # insert in the middle
             + "Xcmdlne" + LEFT * 2 + "i" + HOME + DELETE + END + "\r"
             + "help zzz\x17\x17cmdline\n"            # Ctrl-W, and \n as Enter
             + "cmdline rest\x1bb\x0b\r\n"            # Alt-B, Ctrl-K, \r\n
             + "half\x03cmdline\x1b[24~\x1b[[A\xc3\xbc\r"
             + "line\x01cmd\x0c\r")                   # Ctrl-L
    rows = boot(board, typed, "one=1")
    answers = [row for i, row in enumerate(rows) if row == "one=1"
               and rows[i - 1] == "strata> cmdline"]
    expect(len(answers) == 6, f"{len(answers)} answers instead of 6", rows)
    holds(rows, "strata> half^C", "strata> cmdline")
    holds(rows, "(cleared)", "strata> cmdline", "one=1")
    expect(not any("no such command" in row for row in rows), "a wrong command", rows)
    expect("strata>" not in rows, "an empty line was entered", rows)


def long_line(board):
    # The end of the window is seen; the cut command is not run as another.
    words = "cmdline " + " ".join(f"word{i:02}" for i in range(60))
    rows = boot(board, words + "\rcmdline\r", "one=1")
    long_row = next(row for row in rows if row.startswith("strata> <"))
    expect(len(long_row) < 80, f"{len(long_row)} columns", rows)
    expect(rows[rows.index(long_row) + 1] == "cmdline: takes no arguments", "not run", rows)


def history(board):
    typed = ("cmdline\rnonsense\r\rnonsense\r"
             + UP + UP + "\r"                         # cmdline
             + "his" + UP + UP + DOWN + DOWN + "tory\r"
             + "\x10\x10\x10\x0e\r"                   # three back, one on: cmdline
             + "history\r")
    rows = boot(board, typed, 'one=1 run="cmdline; nonsense x"')
    holds(rows, "    1  cmdline", "    2   nonsense x", "    3  cmdline", "    4  nonsense",
          "    5  cmdline", "    6  history", "strata> cmdline")
    holds(rows, "    7  cmdline", "    8  history", "strata> poweroff")


def completion(board):
    typed = ("cmdl\t\r"
             + "m\t\x15"                              # no blank after several, nothing run
             + "help bo\t\r" + "help cmd\t\r"
             + "selftest cp\t\r"
             + "he\t\t\tup\t\r"
             + "\t\t" + "\x15"
             + "selftest \t\t\x15" + "cmdline \t\r")
    rows = boot(board, typed, "one=1")
    holds(rows, "strata> cmdline", "one=1", "strata> help boot")
    holds(rows, "strata> help cmdline", "cmdline                 the boot arguments as given",
          "strata> selftest cpu", "KTAP version 1")
    listed = " ".join(rows).split()
    expect(all(suite in listed for suite in ("mapping_model", "memblock", "objects", "vmemmap")),
           "no list of suites", rows)
    expect([word for word in ("history", "iomem", "memblock", "zoneinfo") if word in listed]
           == ["history", "iomem", "memblock", "zoneinfo"], "no list of commands", rows)
    holds(rows, "strata> help uptime",
          "uptime                  time since the core's counter started")


def help_lists(board):
    rows = boot(board, "help\rhelp help\rhelp nothing\rhelp poweroff rest\r")
    start = rows.index("strata> help") + 1
    table = [row for row in rows[start:rows.index("strata> help help")] if not row.startswith(" ")]
    names = [row.split()[0] for row in table]
    expect(names == sorted(names) and len(names) >= 10, "not sorted", rows)
    expect({"help", "history", "uptime", "zoneinfo"} <= set(names), "a command is missing", rows)
    expect(all(len(row) < 24 or row[24] != " " and row[23] == " " for row in table
               if len(row.split("  ")[0]) <= 23), "not aligned", rows)
    holds(rows, "strata> help nothing", "help: no command nothing; help lists them",
          "strata> help poweroff rest", "poweroff                switch the board off; QEMU ends",
          "strata> poweroff")


def help_boot(board):
    rows = boot(board, "", 'mem=512M mem=0 simdma=99 quiet dma-zone=64M mem=100M@0x20000000 '
                'mispelt=1 bare run="help boot;poweroff" -- not=ours')
    text = "\n".join(rows)
    names = re.findall(r"^([a-z_]+)=?.*\n    .*\n    this boot: ", text, flags=re.M)
    expect(names == sorted(names) and len(names) >= 8, f"parameters: {names}", rows)
    for wanted in (r"^mem=SIZE\[@START\]\n    use only this RAM.*\n    this boot: mem=512M\n"
                   r"    this boot: mem=0 \(refused: expects SIZE .*\)\n"
                   r"    this boot: mem=100M@0x20000000$",
                   r"^simdma=.*\n.*\n    this boot: simdma=99 \(refused: expects .*\)$",
                   r"^dma_zone=.*\n.*\n    this boot: dma-zone=64M$",
                   r"^quiet\n.*\n    this boot: quiet$",
                   r"^vmalloc=.*\n.*\n    this boot: -$",
                   r'^run=.*\n.*\n    this boot: run="help boot;poweroff"$',
                   r"^not a parameter: mispelt=1\nnot a parameter: bare\nstrata> poweroff$"):
        expect(re.search(wanted, text, flags=re.M), f"not on the screen: {wanted}", rows)
    expect("ours" not in text, "words behind -- are not ours", rows)
    rows = boot(board, "", "quiet " * 70 + 'run="help boot;poweroff"')
    expect(rows.count("    this boot: quiet") == 64, "not the first 64 words", rows)
    holds(rows, "and 7 more words of this boot, which are not listed", "strata> poweroff")


def run_commands(board):
    rows = boot(board, "", 'one=1 run="cmdline; help  poweroff ;;nonsense;;poweroff"')
    holds(rows, "strata> cmdline", 'one=1 run="cmdline; help  poweroff ;;nonsense;;poweroff"',
          "strata>  help  poweroff", "poweroff                switch the board off; QEMU ends",
          "strata>", "strata> nonsense", "nonsense: no such command; help lists them", "strata>",
          "strata> poweroff")


def uptime(board):
    rows = boot(board, "uptime\ruptime\r")
    seen = []
    for row in rows:
        if match := re.fullmatch(r"up (\d+):(\d\d):(\d\d\.\d\d) \((\d+\.\d\d) s since the counter "
                                 r"started, (\d+) Hz\)", row):
            seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
            expect(abs(seconds - float(match[4])) < 0.005, "two different times", rows)
            expect(1000000 <= int(match[5]) <= 1000000000, "not a plausible frequency", rows)
            seen.append(seconds)
    expect(len(seen) == 2 and 0 <= seen[0] <= seen[1] < HANG_SECONDS, f"times: {seen}", rows)


def part_of(rows, command):
    """What a command printed: the rows up to the next prompt."""
    start = rows.index(f"strata> {command}") + 1
    end = next(i for i in range(start, len(rows)) if rows[i].startswith("strata> "))
    return rows[start:end]


def kib_of(rows, name):
    return next(int(row.split()[1]) for row in rows if row.startswith(f"{name}:"))


def page_reports(board):
    """Formats as Linux's: what each parser looks for is there, and the figures agree."""
    rows = boot(board, "buddyinfo\rpagetypeinfo\rmeminfo\rzoneinfo\rmmcheck\r")
    buddy = [re.fullmatch(r"Node (\d+), zone +(\w+) +([\d ]+)", row)
             for row in part_of(rows, "buddyinfo")]
    expect(buddy and all(buddy), "buddyinfo's format", rows)
    orders = [[int(word) for word in match[3].split()] for match in buddy]
    expect(all(len(counts) == 11 for counts in orders), "buddyinfo has not 11 orders", rows)
    pages = sum(count << order for counts in orders for order, count in enumerate(counts))

    types = part_of(rows, "pagetypeinfo")
    expect(types[:2] == ["Page block order: 10", "Pages per block:  1024"]
           and types[3].split()[-11:] == [str(order) for order in range(11)],
           "pagetypeinfo's head", rows)
    free = [re.fullmatch(r"Node +0, zone +(\w+), type +(\w+) +([\d ]+)", row) for row in types]
    free = [match for match in free if match]
    expect({match[2] for match in free} ==
           {"Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"}, "types", rows)
    expect(sum(int(count) << order for match in free
               for order, count in enumerate(match[3].split())) == pages,
           "pagetypeinfo and buddyinfo disagree", rows)

    memory = part_of(rows, "meminfo")
    expect(all(re.fullmatch(r"\w+: +\d+ kB", row) for row in memory), "meminfo's format", rows)
    expect(kib_of(memory, "LowTotal") + kib_of(memory, "HighTotal") == kib_of(memory, "MemTotal"),
           "meminfo's sums", rows)
    cached = sum(int(row.split()[1]) for row in rows if row.startswith("              count:"))
    expect(kib_of(memory, "MemFree") == 4 * (pages + cached), "MemFree is not what is free", rows)
    expect(kib_of(memory, "FreeForKernel") < kib_of(memory, "MemFree"), "reserves are free", rows)
    holds(rows, "mmcheck: every page is in one place")


def playing(board):
    """alloc and free: what is taken is seen everywhere and comes back."""
    rows = boot(board, "mmcheck\ralloc\ralloc gfp=GFP_HIGHUSER_MOVABLE order=10\r"
                "alloc kernel|comp 3 2\ralloc dma|highmem\ralloc kernel 11\ralloc rubbish\r"
                "free\rmmcheck\rfree 0xfffff\rfree x\rfree all\rfree\rmmcheck\r"
                "pageinfo\rpageinfo 0x100000\rpageinfo 0xfff00\r")
    taken = [row for row in rows if re.fullmatch(
        r"page 0x\w+, order \d+, zone \w+, (Unm|M)ovable", row)]
    expect(len(taken) == 4, f"{len(taken)} blocks", rows)
    text = "\n".join(rows)
    for wanted in ("order:0, mode:0x3(GFP_DMA|__GFP_HIGHMEM): the flags contradict each other",
                   "order:11, mode:0xcc0(GFP_KERNEL): the largest order is 10",
                   "alloc: expects flags, an order and how many",
                   "4 blocks are out; free PFN or free all", "0 blocks are out",
                   "free: no such block is out", "free: expects the frame",
                   "pageinfo: expects a frame number", "  nothing: no RAM within 4 MiB"):
        expect(wanted in text, f"not on the screen: {wanted}", rows)
    checks = [[row for row in part_of(rows[i:], "mmcheck")] for i, row in enumerate(rows)
              if row == "strata> mmcheck"]
    allocated = [sum(int(row.split()[3]) for row in check[1:] if not row.startswith("mmcheck:"))
                 for check in checks]
    before = allocated[0]  # the boot's: the idle thread's stack, tables of windows to devices, coherent memory
    expect(before < 256 + 16 and allocated == [before, before + 1 + 1024 + 16, before],
           f"allocated pages: {allocated}", rows)


def type_ahead(board):
    """More than the ring and the UART hold, typed while the core does something else."""
    rows = boot(board, "selftest timer\r" + "cmdline\r" * 150 + "interrupts\r", "one=1")
    answers = [i for i, row in enumerate(rows) if row == "strata> cmdline"
               and rows[i + 1] == "one=1"]
    expect(len(answers) == 150, f"{len(answers)} answers instead of 150", rows)
    expect(not any("are lost" in row for row in rows), "bytes were lost", rows)


def interrupts(board):
    """/proc/interrupts of one core: what a parser looks for. A key is one interrupt at least."""
    rows = boot(board, "interrupts\rselftest timer\rinterrupts\r")
    lists = [part_of(rows[i:], "interrupts") for i, row in enumerate(rows)
             if row == "strata> interrupts"]
    counts = []
    for part in lists:
        expect(part[0].split() == ["CPU0"] and re.fullmatch(r"Err: {10,}\d+", part[-1]),
               "no head or no end", rows)
        lines = [re.fullmatch(r" *(\d+): +(\d+) +(\S+) +(\d+) (Level|Edge ) +(\S+)( *, .*)?", row)
                 for row in part[1:-1]]
        expect(lines and all(lines), "interrupts' format", rows)
        counts.append({match[6]: int(match[2]) for match in lines})
    expect(all({"arch_timer", "uart-pl011"} <= set(count) for count in counts), "a line is missing",
           rows)
    # What was typed before the UART's driver came is found there; all of it has no room there.
    expect(counts[1]["uart-pl011"] > 0, "keys do not interrupt", rows)
    expect(counts[1]["arch_timer"] > counts[0]["arch_timer"], "callouts do not interrupt", rows)


def callouts(board):
    rows = part_of(boot(board, "selftest timer\rcallouts\r"), "callouts")
    expect(re.fullmatch(r"timer: arch_timer, \d+ Hz", rows[0]), "no timer", rows)
    expect(re.fullmatch(r"callouts: \d+ wait, [1-9]\d* called since boot, at most \d+ ns late",
                        rows[1]), "no figures", rows)


def dma(board):
    """What a device reaches, address by address, on a bus with a view of its own and on one without."""
    device, first, bus = {"virt": ("pl011@9000000", 0x40000000, 0x40000000),
                          "raspi2b": ("serial0", 0, 0xC0000000)}[board]
    rows = boot(board, f"dma explain {device} {first + 0x100000:#x}\r"
                f"dma explain {device} {first + 0x12345678:#x}\r"
                f"dma explain {device} 1500\rdma explain {device} 1M\rdma explain {device} 0x3f201000\r"
                "dma explain\rdma explain nobody 0x0\r" f"dma explain {device} 12x\r"
                "dma ex\t\x15dmainfo\rdmainfo all\r", f"dma_limit={device}:28bits")
    text = "\n".join(rows)
    pool = r"bounced through swiotlb, 0x[0-9a-f]+-0x[0-9a-f]+"
    last = bus + (1 << 28) - 1
    for wanted in (rf"^{first + 0x100000:#x}: zone DMA, bus {bus + 0x100000:#x}, reached.*; mapped as it is$",
                   rf"^{first + 0x12345678:#x}: zone Normal, bus {bus + 0x12345678:#x}, not reached: "
                   rf"dma_limit= leaves bus 0-{last:#x}; {pool}$",
                   rf"^1500 bytes:\n  in DMA      mapped as it is\n  in Normal   not all is reached: "
                   rf"dma_limit= leaves bus 0-{last:#x}; beyond that {pool}$",
                   r"^1048576 bytes:\n.*\n  in Normal .* beyond that refused, too large to bounce in one",
                   r"^0x3f201000: not RAM, (bus 0x3f201000, reached; mapped as it is|"
                   r"not reached: no window shows it; refused, what is not RAM cannot be bounced)$",
                   r"^dma: expects explain, a device's path",
                   r"^dma explain: no device nobody in the tree",
                   r"^dma explain: 12x: expects an address",
                   r"^strata> dma explain$",
                   r"^  pages: from DMA; bounced through: swiotlb\n  live: 0 mappings, 0 coherent buffers$",
                   r"^pool swiotlb: .* slots of 2048: 0 used, 0 at most, \d+ free in a row; 0 runs taken, "
                   r"0 refused$",
                   r"^dmainfo: takes no arguments$"):
        expect(re.search(wanted, text, flags=re.M), f"not on the screen: {wanted}", rows)
    rows = boot(board, "dmainfo\r")
    holds(rows, "no bounce pool")


def stopping(board):
    """Ctrl-C ends what takes long; what was typed before it is gone, what was typed after it is not."""
    rows = boot(board, "dmatest iterations=1000000\rhelp\x03torture 4000000000\r\x03selftest\r\x03"
                       "cmdline\rtorture 1000\rcmdline\r", "simdma=28 one=1")
    summaries = [row for row in rows if re.match(r"dmatest: simdma-copy\d: summary \d+ tests, 0 failures ", row)]
    expect(len(summaries) == 2, "dmatest did not end", rows)
    holds(rows, "Bail out! Ctrl-C")
    expect(sum(row.startswith("torture: ") and row.endswith(" walks: all is well") for row in rows) == 2,
           "torture did not end", rows)
    expect(sum(row == "strata> cmdline" for row in rows) == 2 and
           not any(row.startswith("strata> help") for row in rows), "what was typed is not right", rows)


def arguments(board):
    """Wrong ones get a line, and the prompt goes on."""
    rows = boot(board, "ps 4294967296\rps 1x\rps 1 2\rps 1\ruptime now\robject 0xffc80000\rkmalloc 9 kernel 99999\r"
                       "alloc kernel 0 9999\r")
    holds(rows, "ps: no thread 4294967296; ps lists them")
    holds(rows, "ps: no thread 1x; ps lists them")
    holds(rows, "ps: expects a thread's number or name, or nothing")
    expect(any(re.fullmatch(r" +1 R .* shell", row) for row in rows), "ps 1", rows)
    holds(rows, "uptime: takes no arguments")
    holds(rows, "0xffc80000: not in lowmem, where objects are; translate and vmallocinfo know other addresses")
    expect(any(row.startswith("kmalloc: expects ") for row in rows), "kmalloc", rows)
    expect(any(row.startswith("alloc: expects ") for row in rows), "alloc", rows)


TESTS = (stopping, arguments, editing, long_line, history, completion, help_lists, help_boot, run_commands, uptime,
         page_reports, playing, type_ahead, interrupts, callouts, dma)


def main():
    os.chdir(ROOT)
    tests = [(f"shell: {test.__name__.replace('_', ' ')}, {board}",
              lambda test=test, board=board: test(board))
             for board in ("virt", "raspi2b") for test in TESTS]
    sys.exit(0 if tap.run(tests) else 1)


if __name__ == "__main__":
    main()
