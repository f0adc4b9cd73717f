# SPDX-License-Identifier: MIT
#
# Strata's build. `make help` lists the targets.
#
# Three firmware images (one a split, from configs/), the desktop planner and the tests. Objects
# depend on the split's configuration and on the flags, so no change of options needs `make clean`.

# What setup brings must be there when make looks for it: `make setup run` runs setup and then, in a
# make of its own, the rest.
REST := $(filter-out setup,$(MAKECMDGOALS))
ifneq ($(and $(filter setup,$(MAKECMDGOALS)),$(REST)),)

.PHONY: setup $(REST)
setup:
	@tools/setup.sh
	@$(MAKE) --no-print-directory $(REST)
$(REST): setup
	@:

else

MAKEFLAGS += --no-builtin-rules
SPLITS := 3g 2g 1g
BOARD  ?= virt
VMSPLIT ?=
MEM    ?=
BOOTARGS ?=
JOBS   ?= $(shell nproc)
ifeq ($(filter -j% --jobs% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(JOBS)
endif

CROSS_COMPILE ?= arm-none-eabi-
CC      := $(CROSS_COMPILE)gcc
OBJCOPY := $(CROSS_COMPILE)objcopy
NM      := $(CROSS_COMPILE)nm
HOSTCC  ?= gcc

LINUX  := .deps/linux
LIBFDT := $(LINUX)/scripts/dtc/libfdt

# -Wundef: a misspelt CONFIG_ name must not silently be 0.
WARNINGS := -Wall -Wextra -Wundef -Werror
COMMON   := -std=gnu11 -g $(WARNINGS) -Isrc -isystem $(LIBFDT) -MMD -MP
# picolibc's printf must take 64-bit integers, so not its integer-only variant.
ARCHFLAGS := -mcpu=cortex-a7 -marm -mfloat-abi=soft --specs=picolibc.specs
CFLAGS   := $(COMMON) $(ARCHFLAGS) -O2 -ffunction-sections -fdata-sections -fno-common \
	    -funwind-tables -fstack-protector-strong -mstack-protector-guard=global \
	    -Wa,--fatal-warnings
# Early code runs where it was loaded, with the MMU off: no absolute address, no unaligned word, and
# no loop turned into a library call that may do either, and no look at the stack protector's guard.
EARLY    := -fpie -fvisibility=hidden -mno-unaligned-access -fno-tree-loop-distribute-patterns \
	    -fno-stack-protector
LDFLAGS  := $(ARCHFLAGS) -nostartfiles -static -Wl,--gc-sections,--pic-veneer,--no-warn-rwx-segments

# What the firmware is made of; EARLY_SRC and libfdt also run before the image has its place.
EARLY_SRC  := $(wildcard src/boot/early/*.c)
TARGET_SRC := $(filter-out $(EARLY_SRC),$(shell find src -name '*.c' -o -name '*.S')) \
	      $(wildcard tests/target/*.c)
FDT_SRC    := fdt.c fdt_ro.c fdt_addresses.c fdt_rw.c fdt_wip.c fdt_strerror.c

# What the planner and the host tests share with it.
PLAN_SRC := $(wildcard src/lib/*.c) src/kern/param.c src/kern/log.c src/kern/cmdline.c \
	    src/mm/phys/memblock.c src/mm/phys/zone_layout.c src/mm/phys/zone_params.c \
	    src/mm/phys/watermark.c src/mm/phys/dma_limit.c src/boot/early/tree.c \
	    src/mm/dma/options.c src/mm/dma/reach.c src/boot/dma_tree.c src/boot/dma_pools.c \
	    src/boot/blob.c src/boot/memory.c src/boot/mem_param.c src/boot/plan.c \
	    src/boot/tree_report.c src/boot/finding.c src/boot/dtlint.c \
	    src/drivers/dma/simdma_tree.c

.PHONY: all setup run debug test lint matrix clean help FORCE
all: $(foreach s,$(SPLITS),build/vmsplit_$(s)/strata.elf build/vmsplit_$(s)/strata.img) \
     build/host/zoneplan build/dts/bcm2836-rpi-2-b.dtb  ## build the images, the planner, the tree

setup:  ## install what is missing (Debian 12) and unpack libfdt and the boards' trees
	@tools/setup.sh

run: images  ## boot: BOARD=virt|raspi2b VMSPLIT=3G|2G|1G MEM=1G BOOTARGS="..."
	@tools/qemu.py $(QEMU_ARGS)

debug: images  ## the same, waiting for gdb
	@tools/qemu.py --debug $(QEMU_ARGS)

QEMU_ARGS = --board $(BOARD) $(if $(VMSPLIT),--vmsplit $(VMSPLIT)) $(if $(MEM),--mem $(MEM)) \
	    $(if $(filter undefined file,$(origin BOOTARGS)),,--bootargs '$(subst ','\'',$(value BOOTARGS))')

.PHONY: images
images: $(foreach s,$(SPLITS),build/vmsplit_$(s)/strata.elf build/vmsplit_$(s)/strata.img) \
	build/dts/bcm2836-rpi-2-b.dtb

# A file that changes only when the text in it does, so that what depends on it is made again.
define keep_text
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' > $@
endef

build/flags.txt: FORCE
	$(call keep_text,$(shell $(CC) -dumpfullversion 2>&1) $(CFLAGS) $(EARLY) $(LDFLAGS) $(HOSTCC) $(PLAIN) $(SANITIZED))

# What is linked, by name: a source file that goes must go from the image as well.
build/sources.txt: FORCE
	$(call keep_text,$(sort $(EARLY_SRC) $(TARGET_SRC) $(FDT_SRC) $(PLAN_SRC)))

# Kconfig's format into C: y is 1, n is 0, so that values are tested and not existence.
TO_HEADER = sed -nE 's/^(CONFIG_[A-Z0-9_]+)=y$$/\#define \1 1/p; s/^(CONFIG_[A-Z0-9_]+)=n$$/\#define \1 0/p; s/^(CONFIG_[A-Z0-9_]+)=([^yn].*)$$/\#define \1 \2/p'

build/%/config.h: configs/%.config
	@mkdir -p $(@D)
	@{ $(TO_HEADER) $<; echo '#define CONFIG_NAME "$*"'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# One split: objects in build/vmsplit_X/obj, linked for that PAGE_OFFSET.
define split_rules
$(1)_OBJ := $$(patsubst %,build/$(1)/obj/%.o,$$(EARLY_SRC) $$(TARGET_SRC) $$(addprefix libfdt/,$$(FDT_SRC)))

build/$(1)/obj/src/boot/early/%.o: src/boot/early/% build/$(1)/config.h build/flags.txt | $$(LIBFDT)/libfdt.h
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$(CC) $$(CFLAGS) $$(EARLY) -include build/$(1)/config.h -c $$< -o $$@

# libfdt finds some damage by letting an int overflow: -fwrapv makes that mean something.
build/$(1)/obj/libfdt/%.o: $$(LIBFDT)/% build/$(1)/config.h build/flags.txt | $$(LIBFDT)/libfdt.h
	@mkdir -p $$(@D)
	@echo "  CC      $(1) libfdt/$$*"
	@$$(CC) $$(CFLAGS) $$(EARLY) -fwrapv -c $$< -o $$@

build/$(1)/obj/%.o: % build/$(1)/config.h build/flags.txt | $$(LIBFDT)/libfdt.h
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$(CC) $$(CFLAGS) -include build/$(1)/config.h -c $$< -o $$@

build/$(1)/strata.ld: ldscripts/strata.ld build/$(1)/config.h
	@$$(CC) -E -P -undef -x c -include build/$(1)/config.h $$< -o $$@

# Twice: the names of the functions come from a first link and must fit the second.
build/$(1)/nameless.elf: $$($(1)_OBJ) build/$(1)/strata.ld build/sources.txt tools/symbols.py
	@tools/symbols.py --empty > build/$(1)/nameless.S
	@$$(CC) $$(LDFLAGS) -T build/$(1)/strata.ld $$($(1)_OBJ) build/$(1)/nameless.S -o $$@

build/$(1)/strata.elf: build/$(1)/nameless.elf
	@echo "  LD      $$@"
	@$$(NM) $$< | tools/symbols.py > build/$(1)/symbols.S
	@$$(CC) $$(LDFLAGS) -T build/$(1)/strata.ld -Wl,-Map,build/$(1)/strata.map $$($(1)_OBJ) \
	  build/$(1)/symbols.S -o $$@.unchecked
	@$$(NM) -n $$@.unchecked > build/$(1)/strata.sym
	@tools/symbols.py --check build/$(1)/symbols.S < build/$(1)/strata.sym
	@mv $$@.unchecked $$@

# The zeroed data is part of the file: what the file covers is all the memory that it needs.
build/$(1)/strata.img: build/$(1)/strata.elf
	@echo "  IMG     $$@"
	@$$(OBJCOPY) -O binary --set-section-flags .bss=alloc,load,contents $$< $$@

-include $$($(1)_OBJ:.o=.d)
endef
$(foreach s,$(SPLITS),$(eval $(call split_rules,vmsplit_$(s))))

build/dts/%.dtb: dts/%.dts
	@mkdir -p $(@D)
	@echo "  DTC     $@"
	@dtc -q -I dts -O dtb -o $@ $<

$(addprefix $(LIBFDT)/,$(FDT_SRC) libfdt.h):
	@echo "$@ is not there: run make setup first" >&2; exit 1

include tests/tests.mk

clean:  ## remove what was built; what setup unpacked stays
	rm -rf build

help:  ## this list
	@grep -hE '^[a-z][a-z0-9_-]*:.*##|^     build.*##' Makefile tests/tests.mk tests/fuzz/fuzz.mk | \
	  sed -E 's/^     build[^#]*/all: /; s/^([a-z0-9_-]+):[^#]*## */\1\t/' | \
	  awk -F'\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

FORCE:

endif
