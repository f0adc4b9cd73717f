#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Run one fuzzing program, for a test or for ever.
#
#	tests/fuzz/run.sh tree             a fixed number of inputs from a fixed seed; a TAP report
#	tests/fuzz/run.sh --forever tree   until Ctrl-C or the first finding; goes on where it left off
#
# What libFuzzer collects on its way stays in build/fuzz/corpus, what it finds in
# build/fuzz/findings. A finding that was fixed belongs into tests/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."

seed=1
forever=
if [ "$1" = --forever ]; then forever=1 && shift; fi
name=$1
# As many as take a few seconds: a boot argument goes all the way to a plan, most trees do not.
case $name in
cmdline) runs=2000 ;;
ranges) runs=8000 ;;
*) runs=20000 ;;
esac
program=build/fuzz/fuzz_$name
kept=tests/fuzz/corpus/$name
findings=build/fuzz/findings
mkdir -p "$findings"
longest=4096
if [ "$name" = cmdline ] || [ "$name" = ranges ]; then longest=512; fi
options=(-artifact_prefix="$findings/$name-" -max_len="$longest" -timeout=10 -rss_limit_mb=1024)
if [ -e "tests/fuzz/$name.dict" ]; then options+=(-dict="tests/fuzz/$name.dict"); fi

if [ -n "$forever" ]; then
	collected=build/fuzz/corpus/$name
	mkdir -p "$collected"
	echo "fuzz: $name until Ctrl-C; findings go to $findings/, new inputs to $collected/"
	exec "$program" "${options[@]}" "$collected" "$kept"
fi

# Nothing of an earlier run may change this one.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "TAP version 13"
echo "1..1"
if "$program" "${options[@]}" -seed="$seed" -runs="$runs" "$scratch" "$kept" \
	>"$scratch.log" 2>&1; then
	echo "ok 1 - $name: $runs inputs, seed $seed, after $(find "$kept" -type f | wc -l) kept ones"
	rm "$scratch.log"
else
	echo "not ok 1 - $name"
	sed 's/^/# /' "$scratch.log" | tail -n 60
	rm "$scratch.log"
	exit 1
fi
