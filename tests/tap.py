# SPDX-License-Identifier: MIT
"""Run named tests, in parallel if asked, and report one TAP stream in the order they were given."""
import concurrent.futures
import subprocess
import sys


class Wrong(Exception):
    """What was seen and what should have been."""


def expect(condition, text, output=""):
    if not condition:
        raise Wrong(text + ("\n" + output if output else ""))


def has(output, *texts):
    for text in texts:
        expect(text in output, f"not in the output: {text}", output)


def problem_of(test):
    """None when the test passes. An error of the test itself is a failure too, not the end."""
    try:
        test()
    except subprocess.CalledProcessError as problem:
        return f"{problem}\n{problem.stdout or ''}{problem.stderr or ''}"
    except Exception as problem:  # pylint: disable=broad-except
        return f"{type(problem).__name__}: {problem}"
    return None


def run(tests, jobs=1):
    """tests: [(title, function)]. Returns whether all passed."""
    passed = 0
    print(f"TAP version 13\n1..{len(tests)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        problems = pool.map(problem_of, [test for _, test in tests])
        for number, ((title, _), problem) in enumerate(zip(tests, problems), 1):
            print(f"{'not ok' if problem else 'ok'} {number} - {title}")
            for line in (problem or "").splitlines():
                print(f"# {line}")
            sys.stdout.flush()
            passed += not problem
    return passed == len(tests)
