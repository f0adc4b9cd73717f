#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The problem: a fresh Debian 12 has neither the cross compiler nor QEMU, and two things that Strata
# compares itself with (libfdt, Linux's memblock tests and device trees) lie inside a 1.3 GB source
# archive. This script brings a machine to where `make` works: it installs what is missing with apt
# and unpacks the few folders of Linux that are used into .deps/linux.
#
# Run again, it finds everything in place and does nothing. Interrupted, it starts the unfinished
# part again: .deps/linux is only ever replaced as a whole. Without apt or without the right to
# install, it lists what is needed and stops.
set -euo pipefail
cd "$(dirname "$0")/.."

# Package, and something that exists where it is installed (a command, or a file if it starts with
# a slash), so that a tool that did not come from apt counts too. The sanitizers and gcov come
# with gcc; clang is for fuzzing, and its sanitizers and libFuzzer are a package of their own.
# QEMU's recommended packages are left out: the one that would be missed, ipxe-qemu, is only needed
# for a network card, and tools/qemu.py asks for none.
needs='
make                      make
gcc                       gcc
clang-14                  clang-14
libclang-rt-14-dev        /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux
libc6-dev                 /usr/include/stdlib.h
libcmocka-dev             /usr/include/cmocka.h
gcc-arm-none-eabi         arm-none-eabi-gcc
binutils-arm-none-eabi    arm-none-eabi-ld
picolibc-arm-none-eabi    /usr/lib/picolibc/arm-none-eabi/picolibc.specs
gdb-multiarch             gdb-multiarch
qemu-system-arm           qemu-system-arm
u-boot-qemu               /usr/lib/u-boot/qemu_arm/u-boot.bin
device-tree-compiler      dtc
cpp                       cpp
python3                   python3
xz-utils                  xz
clang-format              clang-format
cppcheck                  cppcheck
linux-source-6.1          /usr/src/linux-source-6.1.tar.xz
'

archive=/usr/src/linux-source-6.1.tar.xz
linux=.deps/linux
# What is taken out of the archive, and nothing else.
members='
COPYING
arch/arm/boot/dts
include/dt-bindings
include/uapi/linux/input-event-codes.h
scripts/dtc/libfdt
tools/testing/kunit
tools/testing/memblock
tools/testing/selftests/kselftest.h
'

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What dpkg knows of the packages named, one "name status version" a line.
ask_dpkg() {
	# shellcheck disable=SC2016 # dpkg-query's own variables
	dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' "$@" 2>/dev/null || true
}

# shellcheck disable=SC2046 # one word a package
known=$(ask_dpkg $(awk '{ print $1 }' <<<"$needs"))

# The status of package $1: "installed", "half-configured", ... or nothing when dpkg has not got it.
status_of() {
	local line
	line=$(grep "^$1 " <<<"$known" | head -n 1 | cut -d ' ' -f 2) || true
	case $line in
	not-installed | config-files) ;;
	*) echo "$line" ;;
	esac
}

witness_exists() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# Prints the packages that must be installed. A package that dpkg began and did not finish counts
# as missing although its files are there.
missing_packages() {
	local package witness status
	while read -r package witness; do
		[ -n "$package" ] || continue
		# The archive is only a means: with .deps/linux complete nobody misses it.
		if [ "$package" = linux-source-6.1 ] && linux_is_complete; then continue; fi
		status=$(status_of "$package")
		if [ "$status" = installed ]; then continue; fi
		if [ -z "$status" ] && witness_exists "$witness"; then continue; fi
		echo "$package"
	done <<<"$needs"
}

archive_version() {
	local version
	version=$(grep '^linux-source-6.1 installed ' <<<"$known" | cut -d ' ' -f 3) || true
	echo "${version:-unpackaged}"
}

count_files() { find "$1" -type f ! -name .stamp | wc -l; }

# The stamp is written last into the folder that then becomes .deps/linux: "version files". Files
# may have been added since (the memblock tests link some), none may be gone.
linux_is_complete() {
	local version files member
	[ -r "$linux/.stamp" ] || return 1
	read -r version files <"$linux/.stamp" || return 1
	for member in $members; do
		[ -e "$linux/$member" ] || return 1
	done
	[ "$(count_files "$linux")" -ge "$files" ] || return 1
	# Another archive than the one unpacked; without an archive what is there must do.
	[ ! -e "$archive" ] || [ "$version" = "$(archive_version)" ]
}

install_packages() {
	local packages=$* run=()
	say "needed and not installed: $packages"
	command -v apt-get >/dev/null ||
		fail "no apt-get here: install the above by hand (the names are Debian 12's), then run this again"
	if [ "$(id -u)" -ne 0 ]; then
		# sudo may ask for a password only where somebody can type one.
		if ! command -v sudo >/dev/null || ! { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
			fail "installing needs root or sudo; as root: apt-get install --no-install-recommends $packages"
		fi
		run=(sudo)
	fi
	run+=(env DEBIAN_FRONTEND=noninteractive)
	local apt=("${run[@]}" apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0)

	say "fetching the package lists"
	"${apt[@]}" update || fail "apt-get update failed; see above"
	# An earlier installation that was cut off blocks every later one until this is done.
	"${run[@]}" dpkg --configure -a
	say "installing (several hundred MB on a bare system: some minutes)"
	# shellcheck disable=SC2086 # a list of package names without spaces
	"${apt[@]}" install --no-install-recommends $packages ||
		fail "apt-get install failed; see above (the package names are those of Debian 12)"
}

# Percentages while tar runs: one line that counts up on a terminal, ten lines elsewhere.
progress_options() {
	local bytes records shape='setup:   %3d %%\n' steps=10
	bytes=$(xz --robot --list "$archive" | awk '$1 == "totals" { print $5 }')
	records=$((bytes / 10240))
	if [ -t 2 ]; then
		shape='\rsetup:   %3d %%'
		steps=100
	fi
	printf '%s\n' "--checkpoint=$((records / steps))" \
		"--checkpoint-action=exec=printf '$shape' \$(((TAR_CHECKPOINT * 100 + $records / 2) / $records)) >&2"
}

unpack_linux() {
	local new member options paths=()
	mkdir -p .deps
	exec 9>.deps/.lock
	flock -n 9 || { say "another setup is unpacking; waiting for it" && flock 9; }
	if linux_is_complete; then return; fi

	rm -rf .deps/unpacking.* # left by a run that was killed
	new=$(mktemp -d .deps/unpacking.XXXXXX)
	# shellcheck disable=SC2064 # the folder's name as it is now
	trap "rm -rf '$new'" EXIT
	for member in $members; do paths+=("linux-source-6.1/$member"); done
	options=$(progress_options)
	mapfile -t options <<<"$options"

	say "unpacking libfdt, device trees and tests from $archive (4 to 30 s)"
	xz -dc -T0 "$archive" |
		tar -x -C "$new" --strip-components=1 --no-same-owner "${options[@]}" "${paths[@]}" ||
		fail "unpacking $archive failed; see above (disk full, or not Linux 6.1's source?)"
	if [ -t 2 ]; then printf '\rsetup:   100 %%\n' >&2; fi
	chmod 755 "$new"
	echo "$(archive_version) $(count_files "$new")" >"$new/.stamp"

	if [ -e "$linux" ]; then mv -T "$linux" "$new.old"; fi
	mv -T "$new" "$linux"
	rm -rf "$new.old"
	say "unpacked $(count_files "$linux") files of Linux $(archive_version) to $linux"
}

missing=$(missing_packages | xargs)
if [ -n "$missing" ]; then
	install_packages "$missing"
	known=$(ask_dpkg linux-source-6.1)
fi
linux_is_complete || unpack_linux
say "everything is in place"
