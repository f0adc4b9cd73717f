# SPDX-License-Identifier: MIT
#
# Fuzzing: tests/fuzz/fuzz.h says what is fuzzed. Included by tests/tests.mk.

FUZZ_TARGETS := tree cmdline both ranges
FUZZ  ?= tree
FUZZCC ?= clang-14
FUZZED := build/fuzz

FUZZ_FLAGS := $(COMMON) -Ibuild/host -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	      -fno-sanitize-recover=all

# libfdt finds some damage by letting an int overflow: -fwrapv makes that mean something.
$(FUZZED)/libfdt/%.o: $(LIBFDT)/% build/flags.txt | $(LIBFDT)/libfdt.h
	@mkdir -p $(@D)
	@echo "  FUZZCC  libfdt/$*"
	@$(FUZZCC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -fwrapv -c $< -o $@

$(FUZZED)/%.o: % $(HOST)/config.h build/flags.txt | $(LIBFDT)/libfdt.h
	@mkdir -p $(@D)
	@echo "  FUZZCC  $<"
	@$(FUZZCC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -include $(HOST)/config.h -c $< -o $@

FUZZ_SRC := tests/fuzz/failed.c src/kern/cmdline.c $(filter-out $(HOST)/%,$(test_memory_SRC))
FUZZ_OBJ := $(FUZZ_SRC:%=$(FUZZED)/%.o)

$(FUZZED)/fuzz_%: $(FUZZED)/tests/fuzz/fuzz_%.c.o $(FUZZ_OBJ)
	@echo "  FUZZLD  $@"
	@$(FUZZCC) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ -o $@

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_TARGETS:%=$(FUZZED)/tests/fuzz/fuzz_%.c.d)

.PHONY: fuzz
fuzz: $(FUZZED)/fuzz_$(FUZZ)  ## search for crashes until Ctrl-C: FUZZ=tree|cmdline|both|ranges
	@tests/fuzz/run.sh --forever $(FUZZ)
