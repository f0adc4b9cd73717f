#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The one place that knows QEMU's command lines.

The problem: each board wants another machine name, device tree, memory size and image, a network
card must be refused or QEMU asks for a ROM that is not installed, a QEMU stuck in a device ignores
SIGTERM, and virt's tree is rewritten on the way in. `make run`, `make debug` and every test that
boots the firmware therefore come here:

    tools/qemu.py                                 virt, VMSPLIT_3G, 1 GiB: a prompt to type at
    tools/qemu.py --board raspi2b                 Raspberry Pi 2, VMSPLIT_2G
    tools/qemu.py --bootargs "mem=512M" --print   only show the command line
    tools/qemu.py --batch 20                      nobody types; QEMU's exit status; 124 if it hangs
    tools/qemu.py -- -device edu                  what follows -- goes to QEMU as it is

As a module: command(...) gives the argument list, boot(...) runs it and returns a BootResult.
"""
import argparse
import dataclasses
import os
import re
import select
import shlex
import struct
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# One instruction takes one nanosecond of virtual time, and a sleeping guest does not wait for the
# host: with both, every run counts the same.
ICOUNT = "shift=0,sleep=off"

# Where --raw-dtb puts things in virt's RAM, which begins at 0x40000000: clear of its start, where
# images like to move to, and of each other.
RAW_IMAGE, RAW_DTB, RAW_STUB = 0x42000000, 0x41000000, 0x41100000

EXIT_TIMED_OUT = 124  # as timeout(1)


class Refused(Exception):
    """An option that this board cannot have; the text says which and why."""


@dataclasses.dataclass(frozen=True)
class Board:
    machine: str
    vmsplit: str
    mem: str
    cpu: str
    smp: int
    fixed: bool  # QEMU takes no other memory size, CPU or number of cores
    dtb: str | None
    bootargs: str
    devices: tuple


BOARDS = {
    # highmem=off: with it on, PCI lies above 4 GiB, out of reach of short descriptors.
    # dtb-randomness=off: else the tree holds another random seed at every start.
    # The boot arguments make all four zones appear: DMA 256 MiB, Normal, HighMem and Movable.
    "virt": Board("virt,highmem=off,dtb-randomness=off", "3G", "1G", "cortex-a7", 4, False,
                  None, "simdma=28 movablecore=128M", ("-nic", "none")),
    "raspi2b": Board("raspi2b", "2G", "1G", "cortex-a7", 4, True,
                     "build/dts/bcm2836-rpi-2-b.dtb", "", ()),
}


def size_bytes(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if not match:
        raise Refused(f"{text}: not a size such as 512M or 1G")
    # Like QEMU: a bare number is MiB.
    return int(match[1]) << {"K": 10, "M": 20, "": 20, "G": 30}[match[2]]


def in_root(path):
    """A default path, written relative to where the user stands."""
    return os.path.relpath(os.path.join(ROOT, path))


def need_file(path, option):
    if not os.path.isfile(path):
        raise Refused(f"{path}: no such file; build it with make, or name another with {option}")
    return path


def check_fixed(board, name, mem, cpu, smp):
    if not board.fixed:
        return
    for option, value, only, same in (
            ("--mem", mem, board.mem, mem is None or size_bytes(mem) == size_bytes(board.mem)),
            ("--cpu", cpu, board.cpu, cpu in (None, board.cpu)),
            ("--smp", smp, board.smp, smp in (None, board.smp))):
        if not same:
            raise Refused(f"{option} {value}: {name} always has {only}")


def jump_stub(image, dtb):
    """A few instructions at RAW_STUB that enter the image as a boot loader would.

    Written to a file whose name says what is in it, so that one file serves every later start.
    """
    words = (0xe3a00000,   # mov r0, #0
             0xe3e01000,   # mvn r1, #0      no machine number: there is a device tree
             0xe59f2000,   # ldr r2, [pc]    the first word below
             0xe59ff000,   # ldr pc, [pc]    the second
             dtb, image)
    path = in_root(f"build/qemu/jump_{image:08x}_{dtb:08x}.bin")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with open(temporary, "wb") as file:
        file.write(struct.pack("<6I", *words))
    os.replace(temporary, path)
    return path


def three_loaders(kernel, dtb, places):
    """Arguments that start the image with a device tree exactly as it is in the file.

    With -kernel, QEMU replaces all memory nodes of a tree by one: holes and banks cannot be tested.
    """
    if kernel.endswith(".elf"):
        raise Refused(f"{kernel}: --raw-dtb places a raw image (.img), not an ELF file")
    image_at, dtb_at, stub_at = places or (RAW_IMAGE, RAW_DTB, RAW_STUB)
    return ["-device", f"loader,file={kernel},addr={image_at:#x},force-raw=on",
            "-device", f"loader,file={dtb},addr={dtb_at:#x},force-raw=on",
            "-device", f"loader,file={jump_stub(image_at, dtb_at)},addr={stub_at:#x},"
                       "cpu-num=0,force-raw=on"]


def what_to_boot(board, name, kernel, dtb, initrd, bootargs, raw_dtb, raw_places):
    if raw_dtb:
        if name != "virt":
            raise Refused(f"--raw-dtb: only on virt; {name}'s other cores would start as well")
        if bootargs is not None or initrd:
            raise Refused("--raw-dtb: the tree goes in unchanged, so bootargs and initrd must "
                          "already be in it")
        return three_loaders(kernel, need_file(raw_dtb, "--raw-dtb"), raw_places)
    arguments = ["-kernel", kernel]
    if dtb is None and board.dtb:
        dtb = in_root(board.dtb)
    if dtb:
        arguments += ["-dtb", need_file(dtb, "--dtb")]
    if initrd:
        arguments += ["-initrd", need_file(initrd, "--initrd")]
    if bootargs is None:
        bootargs = board.bootargs
    if bootargs:
        arguments += ["-append", bootargs]
    return arguments


def default_kernel(board="virt", vmsplit=None):
    split = (vmsplit or BOARDS[board].vmsplit).lower()
    return in_root(f"build/vmsplit_{split}/strata.img")


def command(board="virt", vmsplit=None, mem=None, bootargs=None, cpu=None, smp=None, kernel=None,
            dtb=None, initrd=None, raw_dtb=None, raw_places=None, debug=False, no_reboot=False, machine_opts=None,
            icount=None, semihosting=True, interactive=False, extra=()):
    """The argument list that starts QEMU. Raises Refused. None stands for the board's default.

    raw_dtb: a tree to be passed unchanged; raw_places: where image, tree and stub go then. icount: True, or QEMU's own words for it.
    interactive: the serial port and QEMU's monitor share the terminal; else only the port is there.
    """
    name, board = board, BOARDS[board]
    check_fixed(board, name, mem, cpu, smp)
    kernel = need_file(kernel or default_kernel(name, vmsplit), "--kernel")
    machine = board.machine + (f",{machine_opts}" if machine_opts else "")

    line = ["qemu-system-arm", "-M", machine]
    if not board.fixed:
        size_bytes(mem or board.mem)
        line += ["-cpu", cpu or board.cpu, "-m", mem or board.mem, "-smp", str(smp or board.smp)]
    line += board.devices
    line += ["-display", "none"]
    line += ["-serial", "mon:stdio"] if interactive else ["-monitor", "none", "-serial", "stdio"]
    if semihosting:
        line += ["-semihosting-config", "enable=on,target=native"]
    if icount:
        line += ["-icount", ICOUNT if icount is True else icount]
    else:
        # One host thread for all cores: raspi2b's three idle ones wait in a loop that would take a host
        # core each, and a broadcast of TLB maintenance would wait for them. -icount does so by itself.
        line += ["-accel", "tcg,thread=single"]
    if no_reboot:
        line += ["-no-reboot"]
    if debug:
        line += ["-S", "-s"]
    line += what_to_boot(board, name, kernel, dtb, initrd, bootargs, raw_dtb, raw_places)
    return line + list(extra)


@dataclasses.dataclass
class BootResult:
    output: str        # the serial port and QEMU's own messages; lines end in \n
    exit_status: int   # QEMU's; negative: the signal that ended it
    timed_out: bool
    command: list      # to be shown when something went wrong


def end(process):
    """SIGTERM first; a QEMU that is stuck inside a device only hears SIGKILL."""
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def collect(process, timeout, until, echo):
    """Read until QEMU ends, the text matches `until`, or time is up: (bytes, timed out)."""
    deadline = time.monotonic() + timeout
    pattern = re.compile(until.encode()) if until else None
    output = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return output, True
        if not select.select([process.stdout], [], [], left)[0]:
            continue
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            # The end of the output comes a moment before the end of the process.
            try:
                process.wait(max(left, 1))
                return output, False
            except subprocess.TimeoutExpired:
                return output, True
        output += piece
        if echo:
            echo.write(piece)
            echo.flush()
        if pattern and pattern.search(output):
            return output, False


def run(line, timeout, stdin=None, until=None, echo=None):
    """Run a command line of command(); see boot()."""
    with subprocess.Popen(line, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            if stdin:
                # QEMU fetches only what the guest is ready to read; the pipe keeps the rest.
                typed = stdin.encode() if isinstance(stdin, str) else stdin
                assert len(typed) <= 65536, "more than a pipe holds: the timeout would not work"
                try:
                    process.stdin.write(typed)
                    process.stdin.flush()
                except BrokenPipeError:
                    pass  # QEMU ended at once; its message is in the output
            output, timed_out = collect(process, timeout, until, echo)
        finally:
            if process.poll() is None:
                end(process)
    text = output.decode(errors="replace").replace("\r\n", "\n")
    return BootResult(text, process.returncode, timed_out, line)


def boot(timeout=20, stdin=None, until=None, echo=None, **options):
    """Start QEMU with command(**options), wait for its end and return a BootResult.

    stdin: what is typed at the serial port (by default nothing). until: a regular expression; QEMU
    is ended as soon as the output holds it, which is no timeout. echo: a binary file that gets the
    output as it comes. The timeout is there to notice a hang, not to measure anything.
    """
    return run(command(**options), timeout, stdin, until, echo)


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Boot Strata in QEMU.")
    add = parser.add_argument
    add("--board", choices=sorted(BOARDS), default="virt")
    add("--vmsplit", type=str.upper, choices=("3G", "2G", "1G"),
        help="which build to boot (default: 3G on virt, 2G on raspi2b)")
    add("--mem", help="RAM of virt, 64M to 3G (default 1G); raspi2b always has 1G")
    add("--bootargs", help=f"boot arguments (default on virt: \"{BOARDS['virt'].bootargs}\")")
    add("--cpu", choices=("cortex-a7", "cortex-a15"))
    add("--smp", type=int, help="number of cores (default 4)")
    add("--kernel", help="image: .img raw, .elf ELF (default build/vmsplit_<split>/strata.img)")
    add("--dtb", help="device tree; QEMU writes the memory and the boot arguments into it")
    add("--raw-dtb", metavar="DTB", help="device tree that is passed exactly as it is (virt)")
    add("--initrd")
    add("--machine-opts", metavar="LIST", help="for -M, e.g. virtualization=on or highmem=on")
    add("--icount", nargs="?", const=True, help="count instructions instead of time")
    add("--semihosting", action="store_true", help="let the guest call the host (on in --batch)")
    add("--no-reboot", action="store_true", help="a reset ends QEMU")
    add("--debug", action="store_true", help="wait for gdb on port 1234")
    add("--batch", type=float, metavar="SECONDS", help="nobody types; a time-out means: it hangs")
    add("--print", action="store_true", help="print the command line and stop")
    add("extra", nargs="*", metavar="-- QEMU-ARGUMENT", help="passed on to QEMU")
    return parser.parse_args(arguments)


def gdb_line(options):
    kernel = options["kernel"] or default_kernel(options["board"], options["vmsplit"])
    elf = os.path.splitext(kernel)[0] + ".elf"
    return shlex.join(["gdb-multiarch", "-ex", "target remote :1234", elf])


def main():
    options = vars(parse_arguments(sys.argv[1:]))
    only_print, batch = options.pop("print"), options.pop("batch")
    options["semihosting"] |= batch is not None
    try:
        line = command(interactive=batch is None, **options)
    except Refused as refusal:
        sys.exit(f"qemu.py: {refusal}")
    if only_print:
        print(shlex.join(line))
        return
    if options["debug"]:
        print(f"QEMU waits for gdb; in another terminal: {gdb_line(options)}", flush=True)
    if batch is not None:
        result = run(line, batch, echo=sys.stdout.buffer)
        if result.timed_out:
            print(f"qemu.py: no end after {batch:g} s: taken for a hang", file=sys.stderr)
            sys.exit(EXIT_TIMED_OUT)
        # A signal, as a shell would report it.
        status = result.exit_status
        sys.exit(status if status >= 0 else 128 - status)
    print("Ctrl-A x quits QEMU, Ctrl-A h shows its other keys.", flush=True)
    try:
        os.execvp(line[0], line)
    except FileNotFoundError:
        sys.exit("qemu.py: qemu-system-arm is not installed; run make setup")


if __name__ == "__main__":
    main()
