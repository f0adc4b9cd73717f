# SPDX-License-Identifier: MIT
#
# Host builds: the planner and the tests. Included by Makefile.

HOST := build/host
.SECONDARY:

# Objects come twice: plain for the planner that people use, and under AddressSanitizer and UBSan
# for the tests, the planner's own included.
PLAIN     := $(COMMON) -O2
SANITIZED := $(COMMON) -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

define host_rules
$(HOST)/$(1)/libfdt/%.o: $(LIBFDT)/% $(HOST)/config.h build/flags.txt
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $(1) libfdt/$$*"
	@$$(HOSTCC) $(2) -c $$< -o $$@

$(HOST)/$(1)/%.o: % $(HOST)/config.h build/flags.txt
	@mkdir -p $$(@D)
	@echo "  HOSTCC  $(1) $$<"
	@$$(HOSTCC) $(2) -include $(HOST)/config.h -c $$< -o $$@
endef
$(eval $(call host_rules,plain,$(PLAIN)))
$(eval $(call host_rules,sanitized,$(SANITIZED)))

PLANNER_SRC := $(PLAN_SRC) tools/zoneplan/zoneplan.c $(addprefix libfdt/,$(FDT_SRC))

$(HOST)/zoneplan: $(PLANNER_SRC:%=$(HOST)/plain/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(PLAIN) $^ -o $@

$(HOST)/zoneplan-sanitized: $(PLANNER_SRC:%=$(HOST)/sanitized/%.o)
	@echo "  HOSTLD  $@"
	@$(HOSTCC) $(SANITIZED) $^ -o $@

-include $(PLANNER_SRC:%=$(HOST)/plain/%.d) $(PLANNER_SRC:%=$(HOST)/sanitized/%.d)
