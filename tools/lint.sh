#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The problem: what a reviewer should not have to say. Arrows that point up, layout, suspicious C,
# careless shell, a device tree with warnings: each is one step here, with one line of result and
# the findings above it. The exit status says whether all were clean.
# shellcheck disable=SC2317 # the steps below are called by name, through step()
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# The project's files that match the patterns: what git knows or would add, present on disk.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | sort -u
	else
		local pattern
		for pattern; do find . -path "./$pattern" ! -path './.deps/*' ! -path './build/*'; done |
			sed 's,^\./,,' | sort -u
	fi | while read -r file; do [ -f "$file" ] && echo "$file"; done
}

# step NAME COMMAND...: clean means exit status 0 and no output.
step() {
	local name=$1
	shift
	if "$@" >"$scratch/output" 2>&1 && [ ! -s "$scratch/output" ]; then
		echo "lint: $name: ok"
	else
		cat "$scratch/output"
		echo "lint: $name: FAILED"
		failed=1
	fi
}

mapfile -t c_files < <(files 'src/*.[ch]' 'tests/*.[ch]' 'tools/*.[ch]' 'examples/*.[ch]')
mapfile -t sources < <(files 'src/*.c' 'tools/*.c')
mapfile -t shell_files < <(files '*.sh')
mapfile -t python_files < <(files '*.py')
mapfile -t trees < <(files 'dts/*.dts')

includes() {
	tools/check_includes.py --self-test >"$scratch/self-test" || { cat "$scratch/self-test"; return 1; }
	tools/check_includes.py .
}

# One line a file: where it first differs is enough to know that clang-format -i must be run on it.
layout() {
	command -v clang-format >/dev/null || { echo "clang-format is not installed (make setup)" && return 1; }
	clang-format --dry-run -Werror "${c_files[@]}" 2>&1 |
		awk -F: '/clang-format-violations/ && !seen[$1]++ { print $1 ":" $2 ": run clang-format -i" }'
}

# As the compiler is called for the target: every CONFIG_ option has a value.
c_code() {
	sed -nE 's/^(CONFIG_[A-Z0-9_]+)=y$/#define \1 1/p
		s/^(CONFIG_[A-Z0-9_]+)=n$/#define \1 0/p
		s/^(CONFIG_[A-Z0-9_]+)=([^yn].*)$/#define \1 \2/p' configs/vmsplit_3g.config >"$scratch/config.h"
	# missingIncludeSystem: it need not read the C library's headers to judge our code.
	# unusedFunction is not enabled: the library part of Strata is there to be called by others.
	# comparePointers: the ends of a linker section are two symbols and one object.
	# inline: it does not know "asm inline", and takes its outputs for inputs.
	# style is not enabled: it wants const and smaller scopes where the kernel's habits differ.
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix32 \
		--enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=comparePointers \
		--template='{file}:{line}: {severity}: {message} [{id}]' --template-location='' \
		--include="$scratch/config.h" -Isrc -Dinline= -D__arm__=1 -D__GNUC__=12 "${sources[@]}"
}

# Its notes below a warning are left out: lists of compiler flags are split on purpose.
shell_code() { shellcheck --format=gcc --severity=warning "${shell_files[@]}"; }

python_code() {
	python3 - "${python_files[@]}" <<-'PYTHON'
		import sys
		for name in sys.argv[1:]:
		    with open(name, encoding="utf-8") as file:
		        compile(file.read(), name, "exec")
	PYTHON
}

device_trees() {
	local tree
	for tree in "${trees[@]}"; do
		dtc -I dts -O dtb -o "$scratch/tree.dtb" "$tree" || return 1
	done
}

step "include arrows, SPDX lines, CONFIG tests" includes
if [ "${#c_files[@]}" -gt 0 ]; then step "layout (clang-format, ${#c_files[@]} files)" layout; fi
if [ "${#sources[@]}" -gt 0 ]; then step "C (cppcheck, ${#sources[@]} files)" c_code; fi
if ! command -v shellcheck >/dev/null; then
	echo "lint: shell: skipped, shellcheck is not installed"
elif [ "${#shell_files[@]}" -gt 0 ]; then
	step "shell (shellcheck, ${#shell_files[@]} files)" shell_code
fi
if [ "${#python_files[@]}" -gt 0 ]; then step "Python (${#python_files[@]} files parse)" python_code; fi
if [ "${#trees[@]}" -gt 0 ]; then step "device trees (dtc, ${#trees[@]} files)" device_trees; fi
exit "$failed"
