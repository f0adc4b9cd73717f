#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run many test programs and end with one line: N passed, N failed.

The problem: the tests are programs of several kinds (cmocka on the desktop, the firmware in QEMU,
scripts), each of which reports in TAP or KTAP, and a program that crashes, hangs or stops half-way
reports nothing at all about what it did not do. Adding up the "ok" lines would hide exactly that.
So a program counts as failed, on top of its own "not ok" lines, when it

    ends with a status other than 0 that no "not ok" explains,
    does not keep its plan (1..N), has none, or misnumbers its results,
    runs no test and does not say why (1..0 # SKIP reason),
    does not end in time (a hang, not a slow machine: the limit is generous).

Nested results (four more spaces a level, as KTAP has them) count by their leaves; a parent's line
only counts when it disagrees with its children. Skipped tests are neither passed nor failed.

    tools/tap_total.py [-j N] [--timeout S] [JOBS]      JOBS or stdin: lines of NAME<TAB>COMMAND
    tools/tap_total.py --self-test

A recorded stream is a job too: NAME<TAB>cat FILE. Empty lines and lines that begin with # are
skipped; cmocka programs are told to write TAP. The exit status is 0 only when tests ran and none failed.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

PLAN = re.compile(r"( *)1\.\.(\d+)\s*(# *skip\b.*)?$", re.IGNORECASE)
RESULT = re.compile(r"( *)(ok|not ok) (\d+)\b(.*)$")
DIRECTIVE = re.compile(r"(?:^|\s)# *(skip|todo)\b", re.IGNORECASE)
BAIL_OUT = re.compile(r" *Bail out!(.*)$")

SHOWN_LINES = 200            # of a failing program's output
AROUND_FAILURE = 10          # lines before and behind each failure, wherever it is
LAST_LINES = 12              # of a failing program, repeated behind all others
OUTPUT_LIMIT = 64 << 20      # bytes; a program that loops while printing would fill the disk


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list = dataclasses.field(default_factory=list)  # in words; at most one failure


class Level:
    """One depth of nesting: its plan, the results seen so far, failures among them and below."""

    def __init__(self):
        self.plan = None
        self.seen = 0
        self.failed = 0


class Stream:
    """Reads the lines of one program and keeps the tally."""

    def __init__(self):
        self.tally = Tally()
        self.levels = []           # index: depth
        self.skip_reason = False   # 1..0 # SKIP
        self.planned = False

    def line(self, text):
        if match := PLAN.match(text):
            self.on_plan(len(match[1]), int(match[2]), bool(match[3]))
        elif match := RESULT.match(text):
            self.on_result(len(match[1]), match[2] == "ok", int(match[3]), match[4])
        elif match := BAIL_OUT.match(text):
            self.tally.problems.append(f"bailed out:{match[1]}")

    def level(self, depth):
        while len(self.levels) <= depth:
            self.levels.append(Level())
        return self.levels[depth]

    def close(self, depth):
        """Judge and drop the levels from depth down; returns the failures counted in them."""
        failed = 0
        while len(self.levels) > depth:
            level = self.levels.pop()
            failed += level.failed
            if level.plan is not None and level.plan != level.seen:
                self.tally.problems.append(
                    f"plan not met: 1..{level.plan} promised, {level.seen} reported")
                failed += 1
        return failed

    def on_plan(self, indent, count, skip):
        if indent % 4:
            return
        depth = indent // 4
        # A program with several groups has a plan for each, one after the other. Without results
        # so far the level is only there because something deeper was.
        if len(self.levels) > depth and self.levels[depth].plan is not None:
            self.close(depth)
        self.level(depth).plan = count
        if depth == 0:
            self.planned = True
            self.skip_reason |= skip and count == 0

    def on_result(self, indent, passed, number, rest):
        if indent % 4:
            return
        depth = indent // 4
        has_children = len(self.levels) > depth + 1
        failed_below = self.close(depth + 1)
        level = self.level(depth)
        level.seen += 1
        level.failed += failed_below
        if number != level.seen:
            self.tally.problems.append(f"result {number} where {level.seen} was due")
        if DIRECTIVE.search(rest):
            self.tally.skipped += 1
        elif not passed and not failed_below:
            level.failed += 1
            self.tally.failed += 1
        elif not has_children:
            self.tally.passed += 1

    def finish(self):
        tally = self.tally
        if len(self.levels) > 1:
            tally.problems.append("ended in the middle of nested results")
        self.close(0)
        if not (tally.passed or tally.failed or tally.skipped or self.skip_reason):
            tally.problems.append("no tests executed")
        elif not self.planned:
            tally.problems.append("no plan (1..N): nobody can tell whether all tests ran")
        return tally


def read_tally(text, status=0, ended=None):
    """The tally of a program: its output, its exit status, or in words why it was stopped."""
    stream = Stream()
    for line in text.splitlines():
        stream.line(line)
    tally = stream.finish()
    if ended:
        tally.problems.insert(0, ended)
    elif status < 0:
        tally.problems.insert(0, f"killed by {signal_name(-status)}")
    elif status > 128 and not tally.failed:
        tally.problems.insert(0, f"exit status {status} ({signal_name(status - 128)}?)")
    elif status and not tally.failed:
        tally.problems.insert(0, f"exit status {status}")
    if tally.problems:
        tally.failed += 1
    return tally


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Runner:
    """Runs job commands, each in a process group of its own so that nothing of it survives."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.stopping = threading.Event()

    def end(self, process):
        for number, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, None)):
            try:
                os.killpg(process.pid, number)
                process.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def wait(self, process, output):
        """None when it ended by itself, else why it was stopped."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                process.wait(0.2)
                return None
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() > deadline:
                return f"no end after {self.timeout:g} s: taken for a hang"
            if os.fstat(output.fileno()).st_size > OUTPUT_LIMIT:
                return f"printed more than {OUTPUT_LIMIT >> 20} MiB: taken for a loop"
            if self.stopping.is_set():
                return "interrupted"

    def run(self, command):
        """(tally, output, seconds)"""
        start = time.monotonic()
        if self.stopping.is_set():
            return Tally(failed=1, problems=["not started"]), "", 0
        environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"}
        # A file and not a pipe: a grandchild that keeps a pipe open would keep us waiting.
        with tempfile.TemporaryFile() as output:
            with subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, env=environment,
                                  start_new_session=True) as process:
                ended = self.wait(process, output)
                self.end(process)
            output.seek(0)
            text = output.read(OUTPUT_LIMIT).decode(errors="replace")
        return read_tally(text, process.returncode, ended), text, time.monotonic() - start


def shown_lines(lines):
    """The last ones, and of those before what stands around each failure."""
    shown, last = [], -1
    for i, line in enumerate(lines):
        near = lines[max(i - AROUND_FAILURE, 0):i + AROUND_FAILURE + 1]
        if i < len(lines) - SHOWN_LINES and not any("not ok " in other for other in near):
            continue
        if i > last + 1:
            shown.append(f"({i - last - 1} lines left out)")
        shown.append(line)
        last = i
    return shown


def last_lines(lines):
    """What to read first of a failing program: each failure, the line behind it and two before it.

    They stand at the very end of a run, where somebody who sees only its last lines finds them.
    """
    chosen = set()
    for i, line in enumerate(lines):
        if re.search(r"\bnot ok \d", line):
            chosen.update(range(max(i - 2, 0), min(i + 2, len(lines))))
    return [lines[i][:200] for i in sorted(chosen)[:LAST_LINES]]


def report(done, total, name, tally, text, seconds):
    width = len(str(total))
    word = "FAILED" if tally.failed else "ok" if tally.passed else "skipped"
    counts = [f"{tally.passed + tally.failed} tests"]
    if tally.failed:
        counts.append(f"{tally.failed} failed")
    if tally.skipped:
        counts.append(f"{tally.skipped} skipped")
    print(f"[{done:{width}}/{total}] {name} … {word} ({', '.join(counts)}, {seconds:.1f} s)",
          flush=True)
    if not tally.failed:
        return
    for line in shown_lines(text.splitlines()):
        print(f"    | {line}")
    for problem in tally.problems:
        print(f"    {name}: {problem}", flush=True)


def run_jobs(jobs, parallel, timeout):
    """Run and report all jobs; returns the sum of their tallies."""
    runner, total, failures = Runner(timeout), Tally(), []
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        try:
            futures = {pool.submit(runner.run, command): name for name, command in jobs}
            for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
                tally, text, seconds = future.result()
                name = futures[future]
                report(done, len(jobs), name, tally, text, seconds)
                total.passed += tally.passed
                total.failed += tally.failed
                total.skipped += tally.skipped
                if tally.failed:
                    failures.append((name, last_lines(text.splitlines()) + tally.problems))
        except KeyboardInterrupt:
            runner.stopping.set()
            raise
    for name, lines in sorted(failures):
        print(f"failed: {name}")
        for line in lines:
            print(f"    {line}")
    return total


def read_jobs(file):
    jobs = []
    for number, line in enumerate(file, 1):
        line = line.rstrip("\n")
        if not line.strip() or line.startswith("#"):
            continue
        name, tab, command = line.partition("\t")
        if not tab or not command.strip():
            sys.exit(f"tap_total: line {number} of the job list: not NAME<TAB>COMMAND: {line}")
        jobs.append((name, command.strip()))
    return jobs


# Output, exit status, and the tally it must give: passed, failed, skipped.
STREAMS = (
    ("1..2\nok 1 - a\nok 2 - b\n", 0, (2, 0, 0)),
    ("1..2\r\nok 1 - a\r\nnot ok 2 - b\r\n", 0, (1, 1, 0)),
    ("1..2\nok 1 - a\nnot ok 2 - b\n", 1, (1, 1, 0)),               # the status says the same
    ("ok 1 - a\nok 2 - b\n1..2\n", 0, (2, 0, 0)),                   # plan at the end
    ("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n", 0, (3, 0, 0)),   # two groups
    ("1..1\n1..1\nok 1 - b\n", 0, (1, 1, 0)),                       # the first group crashed
    ("1..3\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),                   # ended early
    ("1..1\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),                   # one too many
    ("1..3\nok 1 - a\nok 3 - c\nok 3 - c\n", 0, (3, 1, 0)),         # a line was lost
    ("ok 1 - a\n", 0, (1, 1, 0)),                                   # no plan
    ("1..1\nok 1 - a\n", 3, (1, 1, 0)),                             # failed after the last test
    ("1..1\nok 1 - a\n", -11, (1, 1, 0)),
    ("", 0, (0, 1, 0)),
    ("make: nothing to be done\n", 0, (0, 1, 0)),
    ("1..0\n", 0, (0, 1, 0)),
    ("1..0 # SKIP no board attached\n", 0, (0, 0, 0)),
    ("1..2\nok 1 - a # SKIP no PSCI\nok 2 - b\n", 0, (1, 0, 1)),
    ("1..1\nnot ok 1 - a # TODO\n", 0, (0, 0, 1)),
    ("1..1\nok 1 - a\nBail out! out of memory\n", 0, (1, 1, 0)),
    ("1..1\n# ok 7 - a comment\n   ok so far\nok 1 - a\n", 0, (1, 0, 0)),
    ("KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: s\n    1..2\n    ok 1 a\n    ok 2 b\n"
     "ok 1 s\nok 2 t\n", 0, (3, 0, 0)),
    ("1..1\n    1..2\n    ok 1 a\n    not ok 2 b\nnot ok 1 s\n", 0, (1, 1, 0)),
    ("1..1\n    1..2\n    ok 1 a\n    not ok 2 b\nok 1 s\n", 0, (1, 1, 0)),   # parent is wrong
    ("1..1\n    1..2\n    ok 1 a\n    ok 2 b\nnot ok 1 s\n", 0, (2, 1, 0)),   # tear-down failed
    ("1..1\n    1..2\n    ok 1 a\nok 1 s\n", 0, (1, 1, 0)),         # a child is missing
    ("1..1\n    1..2\n    ok 1 a\n", 0, (1, 1, 0)),                 # crashed in a child
    ("1..1\nok 1 - a\n    1..1\n    ok 1 b\n", 0, (2, 1, 0)),       # no parent followed
    ("1..2\n    1..1\n    ok 1 a\nok 1 s\n    1..1\n        1..1\n        ok 1 x\n    ok 1 b\n"
     "ok 2 t\n", 0, (2, 0, 0)),
)

# Command and what its tally must be, run for real with a limit of one second.
COMMANDS = (
    ("printf '1..1\\nok 1 - a\\n'", (1, 0, 0)),
    ("printf '1..2\\nok 1 - a\\n'; kill -SEGV $$", (1, 1, 0)),
    ("printf '1..2\\nok 1 - a\\n'; sleep 30", (1, 1, 0)),
    ("printf '1..1\\nok 1 - a\\n'; trap '' TERM; sleep 30 & wait; sleep 30", (1, 1, 0)),
    ("printf '1..1\\nok 1 - a\\n'; sleep 30 & echo left $!", (1, 0, 0)),
    ("./there-is-no-such-program", (0, 1, 0)),
)


def is_alive(pid):
    """A process that ended and that nobody has waited for is not alive."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def self_test():
    def judge(what, tally, expected):
        seen = (tally.passed, tally.failed, tally.skipped)
        if seen != expected:
            print(f"tap_total: {what!r}: {seen} instead of {expected} {tally.problems}")
        return seen == expected

    long = [f"line {i}" for i in range(999)]
    long[300] = "not ok 1 - early"
    cut = shown_lines(long)
    if cut[0] != "(290 lines left out)" or long[300] not in cut or cut[-1] != long[-1] or \
            len(cut) != 1 + 21 + 1 + SHOWN_LINES:
        print(f"tap_total: an early failure is not shown: {cut[:30]}")
        return False
    nested = ["ok 1 - a", "# what", "#     # x: EXPECTATION FAILED at y.c:1", "#     not ok 3 x", "# z"]
    if last_lines(long) != long[298:302] or last_lines(nested) != nested[1:]:
        print(f"tap_total: the end does not name the failure: {last_lines(long)}")
        return False
    good = [judge(text, read_tally(text, status), expected) for text, status, expected in STREAMS]
    runner = Runner(timeout=1)
    with concurrent.futures.ThreadPoolExecutor(len(COMMANDS)) as pool:
        results = pool.map(runner.run, [command for command, _ in COMMANDS])
        for (command, expected), (tally, text, seconds) in zip(COMMANDS, results):
            good.append(judge(command, tally, expected))
            if left := re.search(r"left (\d+)", text):
                good.append(judge("a process left behind", Tally(is_alive(left[1])), (False, 0, 0)))
            good.append(judge(f"{seconds:.1f} s for {command}", Tally(seconds < 8), (True, 0, 0)))
    if all(good):
        print(f"1..1\nok 1 - {len(STREAMS) + len(COMMANDS)} planted outcomes counted rightly")
    return all(good)


def main():
    parser = argparse.ArgumentParser(description="Run TAP programs; end with N passed, N failed.")
    parser.add_argument("jobs", nargs="?", help="lines of NAME<TAB>COMMAND (default: stdin)")
    parser.add_argument("-j", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="programs at a time (default: one a processor)")
    parser.add_argument("--timeout", type=float, default=300, metavar="S",
                        help="seconds after which a program is taken to hang (default 300)")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        sys.exit(0 if self_test() else 1)
    if options.jobs:
        with open(options.jobs, encoding="utf-8") as file:
            jobs = read_jobs(file)
    else:
        jobs = read_jobs(sys.stdin)
    try:
        total = run_jobs(jobs, max(options.j, 1), options.timeout)
    except KeyboardInterrupt:
        sys.exit("tap_total: interrupted")
    if total.skipped:
        print(f"{total.skipped} skipped")
    if not total.passed and not total.failed:
        print("no tests executed: that is a failure")
    print(f"{total.passed} passed, {total.failed} failed")
    sys.exit(0 if total.passed and not total.failed else 1)


if __name__ == "__main__":
    main()
