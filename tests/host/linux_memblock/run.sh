#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds Linux 6.1's memblock tests, unmodified, against Strata's memblock in every variant that
# makes sense, and runs each plainly, with hotpluggable memory kept out (-m) and verbosely (-v).
#
#	run.sh SUITE BUILD CONFIG
#
# SUITE: a copy of Linux's tools/testing/memblock. BUILD: where the programs go. CONFIG: the host's
# config.h. The stand-in headers come first, and SUITE is searched for "quoted" names only, so its
# own linux/ folder is never used.
set -eu

suite=$1
build=$2
config=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
CC=${CC:-gcc}

common="-std=gnu11 -O1 -g -Wall -fsanitize=address,undefined -fno-sanitize-recover=all
	-include $build/linux_memblock_config.h -I$here/include -I$root/src -iquote $suite"
# The tests end a line with printf(postfix), and turn addresses into pointers of another width.
suite_only="-Wno-format-security -Wno-int-to-pointer-cast -Wno-pointer-to-int-cast"
numa="-DCONFIG_NUMA -DCONFIG_NODES_SHIFT=4"
wide="-DCONFIG_PHYS_ADDR_T_64BIT=1"
narrow="-DCONFIG_PHYS_ADDR_T_64BIT=0 -no-pie -fno-pie -Dmalloc=low_malloc -Dfree=low_free"

build_and_run() {
	name=$1
	number=$((number + 1))
	shift
	program=$build/linux_memblock_$name
	# The file under test with every warning an error, the tests with theirs relaxed.
	$CC $common "$@" -Wextra -Wundef -Werror -c "$root/src/mm/phys/memblock.c" \
		-o "$program.memblock.o"
	$CC $common "$@" $suite_only -o "$program" "$suite"/main.c "$suite"/tests/*.c \
		"$here/platform.c" "$program.memblock.o"
	for options in "" "-m" "-v" "-m -v"; do
		$program $options >"$program.log" || {
			echo "not ok $number - $name $options"
			sed 's/^/# /' "$program.log"
			exit 1
		}
	done
	echo "ok $number - $name: $(grep -c '^ok ' "$program.log") of Linux's tests"
}

mkdir -p "$build"
number=0
echo "1..4"
# The width is this script's to choose; a config.h would overrule -D.
sed '/CONFIG_PHYS_ADDR_T_64BIT/d' "$config" >"$build/linux_memblock_config.h"
build_and_run 64bit $wide
build_and_run 64bit_numa $wide $numa
build_and_run 32bit $narrow
build_and_run 32bit_numa $narrow $numa
