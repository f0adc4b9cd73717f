#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record requests for pages on booted boards and replay them on the host, as TAP.

    tests/replay.py build/host/replay

The problem: what went wrong on a board is over when one looks. `trace on` records each request and
each free, `trace dump` prints them, and the replayer (tests/host/replay.c) does the same with the
same allocator under sanitizers. Both must come to the same: served is served, refused is refused.
Logs that were changed by hand must be noticed, or the comparison would prove nothing.
"""
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import qemu  # noqa: E402
import tap  # noqa: E402
from tap import expect  # noqa: E402

HANG_SECONDS = 120
SEED = 20240
ZONES = "mem=256M simdma=27 movablecore=32M"
FEW = "mem=64M simdma=25 movablecore=8M"  # so little that a session meets refusals
FLAGS = ("kernel", "gfp_highuser_movable", "dma", "atomic", "kernel|reclaimable", "kernel|zero",
         "highuser|comp", "nowait|nowarn")
REPLAY = os.path.join(ROOT, "build/host/replay")


def record(typed="", **options):
    result = qemu.boot(timeout=HANG_SECONDS, stdin=typed.replace(";", "\r") or None, **options)
    expect(not result.timed_out and result.exit_status == 0, "no clean end", result.output)
    return result.output


def replay(log, *options):
    """(exit status, what it said)"""
    with tempfile.NamedTemporaryFile("w", prefix="strata-", suffix=".log") as file:
        file.write(log)
        file.flush()
        done = subprocess.run([REPLAY, file.name, *options], capture_output=True, text=True,
                              timeout=HANG_SECONDS)
    return done.returncode, done.stdout + done.stderr


def figures(said):
    """served, refused, given back, in another zone"""
    match = re.search(r"(\d+) blocks served, (\d+) refused, (\d+) given back; (\d+) in another", said)
    expect(match, "no figures", said)
    return [int(group) for group in match.groups()]


def expect_same(log, *options, cut=0):
    status, said = replay(log, *options)
    served, refused, freed, other_zone = figures(said)
    kinds = [len(re.findall(rf"^trace {kind} ", log, flags=re.M)) for kind in "arf"]
    expect("every page is in one place" in said, "damaged", said)
    expect("low is" not in said, "the watermarks are not the board's", said)
    if cut and status == 1:
        # Lists are in another order here: of the last large blocks, one may be cut on one side alone.
        wrong = re.findall(r"^event \d+: (.*)", said, flags=re.M)
        expect(len(wrong) <= cut and all(
            re.match(r"order ([6-9]|10),.*( in pieces|refused there, served here)$", text)
            for text in wrong), "not as recorded", said)
        return served, refused, freed
    expect(status == 0, f"exit status {status}", said)
    expect([served, refused, freed] == kinds, "not all events were replayed", said)
    # Lists are in another order here: a large block may be left in one zone or the other.
    expect(other_zone <= served / 50, "served by other zones than on the board", said)
    return served, refused, freed


def short(board):
    """As a person would: one line of boot arguments."""
    log = record(board=board, bootargs='quiet run="alloc kernel 2;trace on;alloc;'
                 'alloc gfp_highuser_movable 10;'
                 'alloc kernel 1 3;free all;alloc kernel 3;trace off;trace dump;zoneinfo;memmap 4K;poweroff"')
    served, refused, freed = expect_same(log)
    expect((served, refused, freed) == (6, 0, 6), f"{served}, {refused}, {freed}", log)


def session(seed, commands):
    """alloc and free at random, until each kind of request is refused and beyond."""
    rng, typed = random.Random(seed), "alloc kernel 0 9;alloc kernel 3 4;trace on;"
    for _ in range(commands):
        what = rng.randrange(8)
        if what == 0:
            typed += "free all;"
        else:
            order = rng.choice((0, 0, 1, 2, 3, 4, 6, 8, 9, 10, 10))
            typed += f"alloc {rng.choice(FLAGS)} {order} {rng.choice((1, 2, 7, 30))};"
    return typed + "trace off;trace dump;zoneinfo;memmap 4K;poweroff;"


def long_log(board="virt", bootargs="quiet " + ZONES, seed=SEED):
    return record(session(seed, 150), board=board, bootargs=bootargs)


def random_session(board, bootargs, seed):
    log = long_log(board, bootargs, seed)
    served, refused, freed = expect_same(log, "--every", "50", cut=6)
    expect(served > 300 and freed > 200, f"{served} served, {freed} freed", "")
    return refused


def exhausted():
    """256 MiB and 64 blocks of 4 MiB: at the end nothing is left."""
    typed = "trace on;" + "alloc dma 10 40;alloc kernel 10 64;alloc gfp_highuser_movable 10 64;" \
        "alloc kernel 9 9;alloc atomic 8;free all;alloc atomic 10 64;alloc kernel 10 9;" \
        "trace off;trace dump;zoneinfo;memmap 4K;poweroff;"
    log = record(typed, bootargs="quiet " + ZONES)
    _, refused, _ = expect_same(log, "--every", "1")
    expect(refused >= 3, f"{refused} refusals", log)


def through_magazines():
    """The hot paths serve the same."""
    status, said = replay(long_log(), "--hot", "--every", "20")
    expect(status == 0, f"exit status {status}", said)


def changed_logs():
    """What was not as recorded is found, and so is a log that is not whole."""
    log = record("trace on;alloc kernel 3 5;alloc dma 10 64;free all;trace off;trace dump;zoneinfo;memmap 4K;"
                 "poweroff;", bootargs="quiet mem=128M simdma=26")
    expect_same(log)
    event = re.search(r"^trace a (\w+) 3 (\w+)$", log, flags=re.M)
    refusal = re.search(r"^trace r 00000 10 (\w+)$", log, flags=re.M)
    expect(event and refusal, "no request of each kind", log)
    status, said = replay(log.replace(event[0], f"trace r 00000 3 {event[2]}"))
    expect(status == 1 and "refused there, served here" in said, f"status {status}", said)
    status, said = replay(log.replace(refusal[0], f"trace a 40000 10 {refusal[1]}"))
    expect(status == 1 and "served there, refused here" in said, f"status {status}", said)
    for text, changed in (
            ("lines of the trace are missing", log.replace(event[0] + "\n", "", 1)),
            ("no whole trace", re.sub(r"^trace end.*$", "", log, flags=re.M)),
            ("cannot be", log.replace(event[0], event[0].replace(" 3 ", " 11 "))),
            ("no zones", re.sub(r"^Node 0, zone.*$", "", log, flags=re.M))):
        status, said = replay(changed)
        expect(status == 2 and text in said, f"status {status}, not: {text}", said)


def given_sizes():
    """Without zoneinfo, by sizes on the command line."""
    log = "trace a 00010 3 cc0\ntrace f 00010 3 0\ntrace r 00000 10 cc0\ntrace end 3 0\n"
    status, said = replay(log, "--zones", "200,2000,0,0")
    expect(status == 1 and "refused there, served here" in said, f"status {status}", said)
    status, said = replay(log, "--zones", "200,800,0,0")
    expect(status == 0 and figures(said) == [1, 1, 1, 1], f"status {status}", said)
    for wrong in (["--zones", "1,2,3"], ["--every", "0"], ["--rubbish"]):
        status, said = replay(log, *wrong)
        expect(status == 2, f"status {status}", said)


def seeds():
    refused = 0
    for seed in range(SEED, SEED + 3):
        refused += random_session("virt", "quiet " + FEW, seed)
    expect(refused > 5, f"only {refused} refusals", "")


def main():
    os.chdir(ROOT)
    global REPLAY  # pylint: disable=global-statement
    if len(sys.argv) > 1:
        REPLAY = os.path.abspath(sys.argv[1])
    tests = [
        ("replay: a short trace, virt", lambda: short("virt")),
        ("replay: a short trace, raspi2b", lambda: short("raspi2b")),
        (f"replay: random sessions from seed {SEED}, virt", seeds),
        ("replay: a random session, raspi2b", lambda: random_session("raspi2b", "quiet", SEED)),
        ("replay: with highmem", lambda: random_session("virt", "quiet simdma=28 movablecore=128M", SEED)),
        ("replay: until nothing is left", exhausted),
        ("replay: through magazines", through_magazines),
        ("replay: changed logs are noticed", changed_logs),
        ("replay: zones by their sizes", given_sizes),
    ]
    sys.exit(0 if tap.run(tests) else 1)


if __name__ == "__main__":
    main()
