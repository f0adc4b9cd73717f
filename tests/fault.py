#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Crash the firmware on purpose and read its report, as TAP.

The problem: the code that reports a fault runs when something else is broken, and nobody sees it
before the day it is needed. So the shell's `crash KIND` breaks one thing after the other on both
boards, and each report must say what happened, in words and by the right functions, end QEMU with
the status of a failure, and come once: a report that faults itself must not run in circles.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect  # noqa: E402

HANG_SECONDS = 60
QUIET_SECONDS = 3   # how long a parked core is listened to
EXIT_STATUS = 70    # FATAL_EXIT_STATUS
LINES_MAX = 80      # of a whole report
BELOW = ("crash", "shell_run", "boot_main", "virtual_entry")  # every walk from a command ends so

FRAME = re.compile(r"^  \[<(\w{8})>\] (\S+)\+0x(\w+)/0x(\w+)", re.M)


def crash(kind, board, bootargs="", **options):
    return qemu.boot(board=board, bootargs=f'quiet {bootargs} run="crash {kind}"', **options)


def report_of(kind, board, vmsplit=None, bootargs=""):
    result = crash(kind, board, bootargs, timeout=HANG_SECONDS, vmsplit=vmsplit)
    output = result.output
    expect(not result.timed_out, f"no end after {HANG_SECONDS} s: taken for a hang", output)
    expect(result.exit_status == EXIT_STATUS, f"QEMU's exit status is {result.exit_status}", output)
    expect(output.startswith(f"strata> crash {kind}\nfatal: "), "no report", output)
    expect(output.count("\n") <= LINES_MAX, "the report has too many lines", output)
    return output


def symbols_of(board, vmsplit=None):
    """{name: {address}} as the linker has them."""
    path = os.path.splitext(qemu.default_kernel(board, vmsplit))[0] + ".sym"
    names = {}
    with open(path, encoding="ascii") as file:
        for address, _, name in (line.split() for line in file):
            names.setdefault(name, set()).add(int(address, 16) & ~1)
    return names


def check_frames(output, board, *names, vmsplit=None):
    """The walk begins with these functions; every line is what the linker says."""
    frames = FRAME.findall(output)
    seen = [name for _, name, _, _ in frames]
    expect(seen[:len(names)] == list(names), f"the walk begins with {seen}, not {names}", output)
    symbols = symbols_of(board, vmsplit)
    for address, name, offset, size in frames:
        start = int(address, 16) - int(offset, 16)
        expect(start in symbols.get(name, ()), f"{name} does not begin at {start:x}", output)
        expect(int(offset, 16) <= int(size, 16), f"{name} is not so long", output)
    return seen


def check_below(output, seen):
    """The rest of the walk, between which compilers may inline and clone."""
    rest = iter(seen)
    expect(all(name in rest for name in BELOW), f"not all of {BELOW} in order in {seen}", output)


def has(output, *patterns):
    for pattern in patterns:
        expect(re.search(pattern, output, re.M), f"not in the output: {pattern}", output)


# --- one function a crash ------------------------------------------------------------------------

def null(board, vmsplit=None):
    output = report_of("null", board, vmsplit)
    has(output, r"^fatal: data abort at pc (\w{8}), crash_inner_null\+0x\w+/0x\w+$",
        r"^  data abort, write to 00000000: translation fault, section \(status 805\), domain 0$",
        r"^  00000000: null page, nothing mapped$", r"^  cpsr \w{8}: SVC mode, ARM code",
        r"^  sp is on the boot stack, \d+ of \d+ bytes left$")
    pc = re.search(r"at pc (\w{8})", output)[1]
    has(output, rf"  pc  {pc}$", rf"^  \[<{pc}>\] crash_inner_null")
    check_below(output, check_frames(output, board, "crash_inner_null", "crash_null", "crash",
                                     vmsplit=vmsplit))


def undefined(board):
    output = report_of("undefined", board)
    has(output, r"^fatal: undefined instruction at pc \w{8}, crash_undefined\+0x0/",
        r"^  instruction e7f000f0$")
    check_below(output, check_frames(output, board, "crash_undefined", "crash"))


def jump(board):
    output = report_of("jump", board)
    has(output, r"^fatal: prefetch abort at pc 00001000, 0x00001000$",
        r"^  prefetch abort, fetch from 00001000: translation fault, section \(status 005\)",
        r"^  00001000: user space.*, nothing mapped$", r"^  \[<00001000>\] not in the image's text$",
        r"crash_jump\S+ \(taken from lr\)$")
    check_below(output, check_frames(output, board, "crash_jump", "crash"))


def stack_smash(board):
    output = report_of("stack-smash", board)
    has(output, r"^fatal: crash_stack_smash wrote past the end of an array on its stack$")
    check_frames(output, board, "fatal", "__stack_chk_fail", "crash_stack_smash")


def stack_overflow(board):
    output = report_of("stack-overflow", board)
    has(output, r"^fatal: data abort at pc \w{8}, crash_recurse\+",
        r"^  data abort, write to \w{8}: translation fault, page \(status 807\)",
        r": directly below the boot stack, nothing mapped$",
        r"stack overflow of thread shell$|sp is on the boot stack, \d{1,3} of",
        r"^  \.\.\. and more, after 32$")
    seen = check_frames(output, board, "crash_recurse", "crash_recurse")
    expect(seen == ["crash_recurse"] * 32, "not 32 times crash_recurse", output)


def thread_stack(board):
    """A stack of vmalloc's: the guard page below it stops the recursion, and the report says so."""
    output = report_of("thread-stack", board)
    has(output, r"^fatal: data abort at pc \w{8}, crash_recurse\+",
        r"^  data abort, write to \w{8}: translation fault, page \(status 807\)",
        r"^  sp is \d+ bytes below the thread's stack: stack overflow of thread digger$|"
        r"sp is on the thread's stack, \d{1,3} of", r"^  \.\.\. and more, after 32$")
    seen = check_frames(output, board, "crash_recurse", "crash_recurse")
    expect(seen == ["crash_recurse"] * 32, "not 32 times crash_recurse", output)


def thread_fault(board):
    output = report_of("thread-fault", board)
    has(output, r"^fatal: data abort at pc \w{8}, crash_inner_null\+", r"^  in thread clumsy",
        r"^  sp is on the thread's stack, \d+ of \d+ bytes left$")
    seen = check_frames(output, board, "crash_inner_null", "crash_null", "crash_in_thread")
    expect(seen[3:] == ["thread_main", "context_begin"], f"the walk ends with {seen[3:]}", output)


def handler(board):
    """Two walks: of the handler down to the vector, and of whoever was interrupted."""
    output = report_of("handler", board)
    has(output, r"^fatal: data abort at pc \w{8}, crash_inner_null\+",
        r"^  in an interrupt handler, which interrupted thread shell", r"^Interrupted thread shell:$",
        r"^  sp is on the interrupt stack, \d+ of \d+ bytes left$")
    above, below = output.split("Interrupted thread shell:\n")
    seen = check_frames(above, board, "crash_inner_null", "crash_null", "crash_in_handler")
    rest = iter(seen)
    expect(all(name in rest for name in ("callout_run_due", "interrupt_entry", "interrupt_request")),
           f"no handler in {seen}", output)
    seen = check_frames(below, board)
    expect("crash_handler" in seen[:4], f"the interrupted did not stand in crash_handler: {seen}", output)
    check_below(output, seen)


def interrupt_stack(board):
    output = report_of("interrupt-stack", board)
    has(output, r"^  in an interrupt handler, which interrupted thread shell$",
        r"sp is \d+ bytes below the interrupt stack: stack overflow$|"
        r"sp is on the interrupt stack, \d{1,3} of", r"^  \.\.\. and more, after 32$",
        r"^Interrupted thread shell:$")


def nested(board):
    """The first report never gets to its first line; the second is short, and there is no third."""
    output = report_of("nested", board)
    has(output, r"^fatal: another exception while reporting: data abort, write to 00000000: "
                r"translation fault, section \(status 805\)$",
        r"^  at crash_inner_null\+0x\w+/0x\w+$", r"^  cpsr \w{8}: SYS mode")
    expect(output.count("fatal:") == 1 and "Backtrace" not in output, "more than one", output)


def window(board):
    """A pointer that outlived its window: without and with who closed it."""
    output = report_of("window", board)
    has(output, r"^fatal: data abort at pc \w{8}, crash_window\+",
        r"^  ffc\w{5}: fixmap.*, nothing mapped$",
        r"^  a window to highmem that is closed \(highmem_debug=1 tells more\)$")
    output = report_of("window", board, bootargs="highmem_debug=1")
    has(output, r"^  the window showed page 0x\w+ until it was closed$",
        r"^  opened by:\n    crash_window\+0x", r"^  closed by:\n    crash_close_window\+0x")


def fatal(board):
    output = report_of("fatal", board)
    has(output, r"^fatal: asked for by crash fatal: 42$")
    check_below(output, check_frames(output, board, "fatal", "crash_fatal", "crash"))


def parked(kind, board):
    """Without semihosting, as on hardware: one report, then silence. The time-out is the test."""
    result = crash(kind, board, timeout=QUIET_SECONDS, semihosting=False)
    output = result.output
    expect(result.timed_out, "QEMU ended", output)
    expect(output.count("fatal:") == 1, "not one report", output)
    expect(output.count("\n") <= LINES_MAX, "the report has too many lines", output)


def without_console(board):
    """Nobody can be told: the core sleeps, and does not spend the host's time on faults."""
    before = os.times().children_user
    result = crash("console", board, timeout=QUIET_SECONDS)
    spent = os.times().children_user - before
    expect(result.timed_out and result.output == "strata> crash console\n", "not silent",
           result.output)
    expect(spent < QUIET_SECONDS / 2, f"{spent:.1f} s of {QUIET_SECONDS} s spent", result.output)


def survived(board):
    """peek and poke: one line for what faults, and a prompt after it."""
    result = qemu.boot(timeout=HANG_SECONDS, board=board, bootargs=(
        'quiet run="peek 0 4;poke 4 1;peek 0xfffffffe h;peek 0xfff00000 2 b;poke 0xffff0000 0;'
        'peek 3;poke 8 256 b;peek;peek 0 9999;peek zero;peek 0xffff0000;poweroff"'))
    output = result.output
    expect(not result.timed_out and result.exit_status == 0, "no clean end", output)
    has(output, r"^strata> peek 0 4\ndata abort, read from 00000000: translation fault.*\nstrata>",
        r"^strata> poke 4 1\ndata abort, write to 00000004: translation fault.*\nstrata>",
        r"h\ndata abort, read from fffffffe: translation fault, page \(status 007\)\nstrata>",
        r"b\ndata abort, read from fff00000: translation fault.*\nstrata>",
        r"^data abort, write to ffff0000: permission fault, page \(status 80f\)$",
        r"^peek: 3 is no multiple of 4$", r"^poke: 256 is no number of 1 bytes$",
        r"^peek: zero is no address", r"^ffff0000: e59ff018  \|\.\.\.\.\|$")
    expect(output.count("peek ADDR [COUNT] [b|h|w], COUNT up to") == 2, "no usage lines", output)


def tests():
    kinds = {"null": null, "undefined": undefined, "jump": jump, "stack-smash": stack_smash,
             "stack-overflow": stack_overflow, "thread-stack": thread_stack,
             "thread-fault": thread_fault, "handler": handler,
             "interrupt-stack": interrupt_stack, "nested": nested, "window": window, "fatal": fatal}
    for board in ("virt", "raspi2b"):
        for kind, check in kinds.items():
            yield f"crash {kind}, {board}", lambda check=check, board=board: check(board)
        for vmsplit in ("3G", "2G", "1G"):
            yield (f"crash null, {board} {vmsplit}",
                   lambda board=board, vmsplit=vmsplit: null(board, vmsplit))
        for kind in ("null", "nested"):
            yield (f"crash {kind}, {board}, without semihosting",
                   lambda kind=kind, board=board: parked(kind, board))
        yield f"crash console, {board}", lambda board=board: without_console(board)
        yield f"peek and poke, {board}", lambda board=board: survived(board)


def main():
    os.chdir(ROOT)
    sys.exit(0 if tap.run(list(tests())) else 1)


if __name__ == "__main__":
    main()
