# SPDX-License-Identifier: MIT
#
# Host builds: the planner and the tests. Included by Makefile.

HOST := build/host
.SECONDARY:

# Objects come plain for the planner that people use, and under AddressSanitizer and UBSan for the
# tests, the planner's own included; of the allocators also against the doubles of src/arch, with the
# constants of the firmware (model) and with tiny ones (tiny).
PLAIN     := -Itests/host/single $(COMMON) -Ibuild/host -O2
SANITIZED := -Itests/host/single $(COMMON) -Ibuild/host -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# libfdt finds some damage by letting an int overflow: -fwrapv makes that mean something.
define host_rules
$(HOST)/$(1)/libfdt/%.o: $(LIBFDT)/% $(3) build/flags.txt | $(LIBFDT)/libfdt.h
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $(1) libfdt/$$*"
	@$$(HOSTCC) $(2) -fwrapv -c $$< -o $$@

$(HOST)/$(1)/%.o: % $(3) build/flags.txt | $(LIBFDT)/libfdt.h
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $(1) $$<"
	@$$(HOSTCC) $$(SANITIZED_MORE) $(2) -include $(3) -c $$< -o $$@
endef
$(eval $(call host_rules,plain,$(PLAIN),$(HOST)/config.h))
$(eval $(call host_rules,sanitized,$(SANITIZED),$(HOST)/config.h))
$(eval $(call host_rules,model,-Itests/host/double_mm $(SANITIZED),$(HOST)/config.h))
$(eval $(call host_rules,tiny,-Itests/host/double_mm $(SANITIZED),build/host_tiny/config.h))

PLANNER_SRC := $(PLAN_SRC) $(wildcard tools/zoneplan/*.c) $(addprefix libfdt/,$(FDT_SRC))

$(HOST)/zoneplan: $(PLANNER_SRC:%=$(HOST)/plain/%.o) build/sources.txt
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(PLAIN) $(filter %.o,$^) -o $@

$(HOST)/zoneplan-sanitized: $(PLANNER_SRC:%=$(HOST)/sanitized/%.o) build/sources.txt
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $(filter %.o,$^) -o $@

-include $(PLANNER_SRC:%=$(HOST)/plain/%.d) $(PLANNER_SRC:%=$(HOST)/sanitized/%.d)

# --- host tests: cmocka programs, each of the objects that it names -------------------------------

# Test-local printk and parameters where the real ones would be in the way; fatal() jumps back.
TESTS := log memblock mmu area_tree zone_layout watermark watermark_params size param oracle line tree place dma_limit dma_tree memory devices coherent_map
MODEL := src/lib/size.c src/kern/param.c src/mm/phys/zone_params.c
test_log_SRC         := src/kern/log.c src/kern/param.c src/lib/size.c
test_mmu_SRC         := src/arch/arm/mmu.c
test_coherent_map_SRC := src/mm/dma/coherent_map.c
test_area_tree_SRC   := src/mm/virt/area_tree.c
test_memblock_SRC    := src/mm/phys/memblock.c
test_zone_layout_SRC := src/mm/phys/zone_layout.c
test_watermark_SRC   := src/mm/phys/watermark.c
test_size_SRC        := src/lib/size.c
test_watermark_params_SRC := src/lib/size.c src/kern/param.c src/mm/phys/watermark_params.c src/mm/phys/watermark.c
test_param_SRC       := $(MODEL)
test_line_SRC        := $(addprefix src/shell/,keys.c line.c history.c complete.c)
test_oracle_SRC      := $(MODEL) src/mm/phys/zone_layout.c src/mm/phys/watermark.c
test_dma_limit_SRC   := $(MODEL) src/mm/phys/dma_limit.c
# Trees come from libfdt's writer. test_place includes place.c itself: its addresses have 32 bits.
TREE  := tests/host/fdt_builder.c src/boot/early/tree.c $(addprefix libfdt/,$(FDT_SRC) fdt_sw.c)
test_tree_SRC        := $(TREE) src/boot/blob.c src/boot/devices.c src/boot/tree_report.c \
			src/boot/finding.c
test_place_SRC       := $(TREE)
test_devices_SRC     := $(TREE) src/boot/blob.c src/boot/devices.c
test_memory_SRC      := $(MODEL) tests/host/plan_harness.c $(test_tree_SRC) \
			$(addprefix src/boot/,memory.c mem_param.c plan.c dtlint.c dma_tree.c dma_pools.c) \
			src/drivers/dma/simdma_tree.c \
			$(addprefix src/mm/dma/,options.c reach.c) \
			$(addprefix src/mm/phys/,dma_limit.c memblock.c zone_layout.c)

test_dma_tree_SRC    := $(test_memory_SRC)

$(HOST)/oracle_table.h: tests/oracle_table.py tests/oracle/linux-zones.json
	@mkdir -p $(@D)
	@tests/oracle_table.py tests/oracle/linux-zones.json > $@
$(HOST)/sanitized/tests/host/test_oracle.c.o: $(HOST)/oracle_table.h
$(HOST)/test_tree $(HOST)/test_memory $(HOST)/test_devices: | build/dts/bcm2836-rpi-2-b.dtb

# The real mmu.c against a double of the core: addresses of its tables must fit 32 bits.
MMU_OBJ := $(HOST)/sanitized/src/arch/arm/mmu.c.o $(HOST)/sanitized/tests/host/test_mmu.c.o
$(MMU_OBJ): private SANITIZED_MORE := -Itests/host/double -fno-pie
$(HOST)/test_mmu: private SANITIZED_MORE := -no-pie

define test_rule
$(HOST)/test_$(1): $(HOST)/sanitized/tests/host/test_$(1).c.o $(test_$(1)_SRC:%=$(HOST)/sanitized/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$(SANITIZED_MORE) $$^ -lcmocka -o $$@
-include $(HOST)/sanitized/tests/host/test_$(1).c.d
endef
$(foreach t,$(TESTS),$(eval $(call test_rule,$(t))))

# The page allocator, the firmware's own files, on an arena of the host: with the constants of the
# firmware and with tiny ones.
PAGE_TESTS := pages pages_wait pages_gfp pages_types pages_pieces pages_misuse pages_why pages_debug pages_model
PAGE_SRC   := $(addprefix src/mm/phys/,page.c gfp.c zone.c zone_blocks.c buddy.c magazine.c page_alloc.c \
	      page_pieces.c page_check.c page_debug.c page_owner.c page_trace.c page_why.c page_map.c \
	      memblock.c watermark.c zone_layout.c page_wait.c) src/kern/fail_point.c src/lib/size.c tests/host/page_harness.c \
	      tests/host/thread_double.c
define page_test_rule
$(HOST)/test_$(1)$(3): $(HOST)/$(2)/tests/host/test_$(1).c.o $(PAGE_SRC:%=$(HOST)/$(2)/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/$(2)/tests/host/test_$(1).c.d $(PAGE_SRC:%=$(HOST)/$(2)/%.d)
endef
$(foreach t,$(PAGE_TESTS),$(eval $(call page_test_rule,$(t),model,)) $(eval $(call page_test_rule,$(t),tiny,_tiny)))
TESTS += $(PAGE_TESTS) $(PAGE_TESTS:%=%_tiny)

# The object allocator on top of it.
OBJECT_TESTS := objects objects_misuse objects_twice objects_debug objects_model
OBJECT_SRC   := $(PAGE_SRC) $(wildcard src/mm/obj/*.c) tests/host/object_harness.c
define object_test_rule
$(HOST)/test_$(1)$(3): $(HOST)/$(2)/tests/host/test_$(1).c.o $(OBJECT_SRC:%=$(HOST)/$(2)/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/$(2)/tests/host/test_$(1).c.d $(OBJECT_SRC:%=$(HOST)/$(2)/%.d)
endef
$(foreach t,$(OBJECT_TESTS),$(eval $(call object_test_rule,$(t),model,)) $(eval $(call object_test_rule,$(t),tiny,_tiny)))
TESTS += $(OBJECT_TESTS) $(OBJECT_TESTS:%=%_tiny)

# vmalloc and ioremap on top of that, against a double of the MMU that maps the arena's pages.
VIRTUAL_TESTS := vmalloc
VIRTUAL_SRC   := $(OBJECT_SRC) $(addprefix src/mm/virt/,area_tree.c vmap_area.c vmap_frames.c vmalloc.c vmap.c \
		 ioremap.c page_tables.c) tests/host/mmu_double.c
define virtual_test_rule
$(HOST)/test_$(1)$(3): $(HOST)/$(2)/tests/host/test_$(1).c.o $(VIRTUAL_SRC:%=$(HOST)/$(2)/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/$(2)/tests/host/test_$(1).c.d $(VIRTUAL_SRC:%=$(HOST)/$(2)/%.d)
endef
$(foreach t,$(VIRTUAL_TESTS),$(eval $(call virtual_test_rule,$(t),model,)) $(eval $(call virtual_test_rule,$(t),tiny,_tiny)))
TESTS += $(VIRTUAL_TESTS) $(VIRTUAL_TESTS:%=%_tiny)

# Windows to highmem on top of it, against a double of the page tables.
KMAP_SRC := $(PAGE_SRC) $(addprefix src/mm/virt/,kmap.c pkmap.c kmap_debug.c kmap_report.c highmem.c fixmap.c) \
	    tests/host/window_double.c
define kmap_test_rule
$(HOST)/test_kmap$(2): $(HOST)/$(1)/tests/host/test_kmap.c.o $(KMAP_SRC:%=$(HOST)/$(1)/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/$(1)/tests/host/test_kmap.c.d $(KMAP_SRC:%=$(HOST)/$(1)/%.d)
endef
$(eval $(call kmap_test_rule,model,))
$(eval $(call kmap_test_rule,tiny,_tiny))
TESTS += kmap kmap_tiny

# Interrupts' numbers, callouts and the clock; masking is seen by the double of the core.
test_callout_SRC := src/kern/callout.c
test_irq_SRC     := src/kern/irq.c
test_clock_SRC   := src/kern/clock.c
define time_test_rule
$(HOST)/test_$(1): $(HOST)/model/tests/host/test_$(1).c.o $(test_$(1)_SRC:%=$(HOST)/model/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/model/tests/host/test_$(1).c.d $(test_$(1)_SRC:%=$(HOST)/model/%.d)
endef
$(foreach t,callout irq clock,$(eval $(call time_test_rule,$(t))))
TESTS += callout irq clock

# DMA on top of kmalloc and windows, with a cache in front of memory.
DMA_TESTS := dma_reach dma dma_debug
DMA_SRC   := $(OBJECT_SRC) $(addprefix src/mm/virt/,kmap.c pkmap.c kmap_debug.c kmap_report.c highmem.c fixmap.c) \
	     $(addprefix src/mm/dma/,options.c reach.c reach_zones.c device.c map.c bounce.c touch.c debug.c explain.c) \
	     src/mm/phys/dma_limit.c tests/host/window_double.c tests/host/cache_double.c tests/host/dma_harness.c
define dma_test_rule
$(HOST)/test_$(1)$(3): $(HOST)/$(2)/tests/host/test_$(1).c.o $(DMA_SRC:%=$(HOST)/$(2)/%.o)
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(SANITIZED) $$^ -lcmocka -o $$@
-include $(HOST)/$(2)/tests/host/test_$(1).c.d $(DMA_SRC:%=$(HOST)/$(2)/%.d)
endef
$(foreach t,$(DMA_TESTS),$(eval $(call dma_test_rule,$(t),model,)) $(eval $(call dma_test_rule,$(t),tiny,_tiny)))
TESTS += $(DMA_TESTS) $(DMA_TESTS:%=%_tiny)

# Coherent memory, and pools of it; blocks of a megabyte, so not with tiny constants.
COHERENT_SRC := $(DMA_SRC) $(addprefix src/mm/dma/,coherent.c coherent_map.c pool.c)
$(HOST)/test_coherent: $(HOST)/model/tests/host/test_coherent.c.o $(COHERENT_SRC:%=$(HOST)/model/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $^ -lcmocka -o $@
-include $(HOST)/model/tests/host/test_coherent.c.d
TESTS += coherent

# The simulated peripheral, chip and driver.
SIMDMA_SRC := $(DMA_SRC) src/drivers/dma/simdma.c src/drivers/dma/simdma_engine.c src/kern/callout.c
$(HOST)/test_simdma: $(HOST)/model/tests/host/test_simdma.c.o $(SIMDMA_SRC:%=$(HOST)/model/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $^ -lcmocka -o $@
-include $(HOST)/model/tests/host/test_simdma.c.d $(SIMDMA_SRC:%=$(HOST)/model/%.d)
TESTS += simdma

# As the boot sets it up, from a tree.
DMA_BOOT_SRC := $(DMA_SRC) $(TREE) src/boot/blob.c src/boot/dma.c src/boot/dma_tree.c \
	src/drivers/dma/simdma_tree.c
$(HOST)/test_dma_boot: $(HOST)/model/tests/host/test_dma_boot.c.o $(DMA_BOOT_SRC:%=$(HOST)/model/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $^ -lcmocka -o $@
-include $(HOST)/model/tests/host/test_dma_boot.c.d $(DMA_BOOT_SRC:%=$(HOST)/model/%.d)
TESTS += dma_boot

# What a board recorded, on the same allocator (tests/replay.py; tests/host/replay.c says how).
$(HOST)/replay: $(HOST)/model/tests/host/replay.c.o $(PAGE_SRC:%=$(HOST)/model/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $^ -lcmocka -o $@
-include $(HOST)/model/tests/host/replay.c.d

include tests/fuzz/fuzz.mk

TEST_PROGRAMS := $(FUZZ_TARGETS:%=$(FUZZED)/fuzz_%) $(TESTS:%=$(HOST)/test_%) $(HOST)/replay \
		 $(HOST)/zoneplan $(HOST)/zoneplan-sanitized

# Everything that `make test` runs, a line each: name, tab, command.
JOBS_FILE := build/test-jobs.txt
$(JOBS_FILE): tests/tests.mk tests/boot.py
	@mkdir -p $(@D)
	@{ $(foreach t,$(TESTS),printf 'host: $(t)\t$(HOST)/test_$(t)\n';) \
	   printf 'host: Linux'"'"'s own memblock tests\tsh tests/host/linux_memblock/run.sh $(LINUX)/tools/testing/memblock $(HOST)/linux_memblock $(HOST)/config.h\n'; \
	   printf 'host: planner against recorded Linux\ttests/planner.py $(HOST)/zoneplan-sanitized\n'; \
	   printf 'dtlint: broken trees\ttests/lint.py $(HOST)/zoneplan-sanitized\n'; \
	   printf 'host: what the planner draws and compares\ttests/planner_views.py $(HOST)/zoneplan-sanitized\n'; \
	   printf 'host: what a board uses, in the planner\ttests/planner_live.py $(HOST)/zoneplan-sanitized\n'; \
	   $(foreach t,$(FUZZ_TARGETS),printf 'fuzz: $(t)\ttests/fuzz/run.sh $(t)\n';) \
	   printf "host: planner against the kernel's trees, a sample\ttests/kernel_trees.py -j 1\n"; \
	   for tool in check_includes tap_total; do printf "tools: $$tool\\ttools/$$tool.py --self-test\n"; done; \
	   printf 'tools: bugs to plant\ttests/mutation.py --check\n'; \
	   printf 'boot: shell\ttests/shell.py\n'; \
	   printf 'boot: pages watched\ttests/page_debug.py\n'; \
	   printf 'boot: objects at the prompt\ttests/objects.py\n'; \
	   printf 'boot: a trace, replayed\ttests/replay.py $(HOST)/replay\n'; \
	   printf 'boot: faults\ttests/fault.py\n'; \
	   printf 'boot: damaged trees\ttests/boot_mutants.py\n'; \
	   for group in $$(tests/boot.py --list); do printf "boot: $$group\\ttests/boot.py $$group\n"; done; } > $@

test: all $(TEST_PROGRAMS) $(JOBS_FILE)  ## all tests: on the host, and booting both boards
	@tools/tap_total.py -j $(JOBS) $(JOBS_FILE)

# What takes too long for every day.
.PHONY: torture
torture: all $(TEST_PROGRAMS)  ## the long tests: 20 million operations each of pages and objects on the host, 2 million on the target, every board of the kernel, 1,000 damaged trees booted
	@{ for constants in '' _tiny; do for seed in 1 2; do \
	     printf "pages: 5 million operations, seed $$seed$$constants\t$(HOST)/test_pages_model$$constants 5000000 $$seed\n"; \
	     printf "objects: 5 million operations, seed $$seed$$constants\t$(HOST)/test_objects_model$$constants 5000000 $$seed\n"; \
	   done; done; \
	   printf "pages: 2 million operations on the target\ttests/torture.py\n"; \
	   printf "host: planner against all the kernel's trees\ttests/kernel_trees.py --all -j $(JOBS)\n"; \
	   for first in 1 251 501 751; do \
	     printf "boot: damaged trees from $$first\ttests/boot_mutants.py --first $$first --count 250\n"; \
	   done; } > build/torture-jobs.txt
	@tools/tap_total.py -j $(JOBS) --timeout 7200 build/torture-jobs.txt

.PHONY: bench
bench: images  ## instructions of each call beside Linux's and others' (build/bench.json)
	@tools/bench.py

# Plants bugs; takes some minutes, so not part of `make test`.
.PHONY: mutation
mutation: $(addprefix $(HOST)/test_,mmu area_tree irq callout clock devices simdma coherent coherent_map) $(foreach t,$(PAGE_TESTS) $(OBJECT_TESTS) $(VIRTUAL_TESTS) $(DMA_TESTS) kmap,$(HOST)/test_$(t) $(HOST)/test_$(t)_tiny)  ## plant known bugs one at a time and see each caught by a test
	@tests/mutation.py -j $(JOBS) --cc '$(HOSTCC) $(filter-out -MMD -MP,$(SANITIZED))' --sources '$(PAGE_SRC)' \
	  --object-sources '$(OBJECT_SRC)' --virtual-sources '$(VIRTUAL_SRC)' \
	  --kmap-sources '$(KMAP_SRC)' --dma-sources '$(DMA_SRC)' --coherent-sources '$(COHERENT_SRC)' --simdma-sources '$(SIMDMA_SRC)' --device-sources '$(test_devices_SRC)'

lint:  ## include arrows, layout of the source, cppcheck, shellcheck
	@tools/lint.sh

matrix: images  ## a table of boots: board, split, RAM size and the zones they give (BOOTARGS="...")
	@tests/matrix.py $(if $(filter undefined file,$(origin BOOTARGS)),,'$(subst ','\'',$(value BOOTARGS))')
