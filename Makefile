# SPDX-License-Identifier: MIT
# GPUvm: one Makefile.  `make help` lists what it can do.
#
#   V=1        show commands            O=dir      build there instead of build/
#   CC=clang   another compiler         WERROR=0   warnings do not stop the build
#   RELEASE=1  integer address kinds    SAN=1      AddressSanitizer and UBSan
#   XEN=0      no guests of Xen, even where its libraries are

O ?= build
V ?= 0
WERROR ?= 1
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

PKG_CONFIG ?= pkg-config
PKGS := jansson pciaccess
TEST_PKGS := cmocka

WARN := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wvla -Wpointer-arith
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(if $(filter 1,$(WERROR)),-Werror) \
	$(if $(filter 1,$(RELEASE)),-DNDEBUG,-DGPUVM_TYPESAFE) \
	$(if $(filter 1,$(SAN)),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) \
	-D_GNU_SOURCE -fPIC -pthread -I. $(shell $(PKG_CONFIG) --cflags $(PKGS) $(TEST_PKGS) 2>/dev/null)
, := ,
ALL_LDFLAGS = -pthread $(if $(filter 1,$(SAN)),-fsanitize=address$(,)undefined) $(LDFLAGS)
# Debian 12 ships Zydis without a .pc file.
LIBS_EXT = -Wl$(,)--as-needed $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) $(if $(HAVE_XEN),$(shell $(PKG_CONFIG) --libs $(XEN_PKGS))) -lZydis -ldl -lrt -lm
LIBS_TEST = $(shell $(PKG_CONFIG) --libs $(TEST_PKGS) 2>/dev/null)

# Rooms, lowest first.  Each becomes one archive; DEP_<room> is what may lie below it,
# in link order.  tests/lint/includes.txt holds the same list for includes.
ROOMS := base fermi part dev hv scheduler simulator shadow core drv
SRC_base := $(wildcard gpuvm/base/*.c)
SRC_fermi := $(wildcard gpuvm/fermi/*.c)
SRC_part := $(wildcard gpuvm/part.c gpuvm/vheap.c)
SRC_dev := $(wildcard gpuvm/dev/*.c gpuvm/dev/sim/*.c gpuvm/dev/sim/sm/*.c)
# Guests of Xen need its libraries; without them that port is left out.
XEN_PKGS := xendevicemodel xenforeignmemory xenevtchn xengnttab xenstore
HAVE_XEN := $(if $(filter 0,$(XEN)),,$(shell $(PKG_CONFIG) --exists $(XEN_PKGS) && echo 1))
SRC_hv := $(filter-out $(if $(HAVE_XEN),gpuvm/hv/noxen.c,gpuvm/hv/xen%.c),$(wildcard gpuvm/hv/*.c))
SRC_scheduler := $(wildcard scheduler/*.c)
SRC_simulator := $(filter-out scheduler/simulator/main.c,$(wildcard scheduler/simulator/*.c))
SRC_shadow := $(wildcard shadow/*.c)
SRC_core := $(filter-out gpuvm/main.c $(SRC_part),$(wildcard gpuvm/*.c))
SRC_drv := $(filter-out pv-driver/drm/serve/main.c $(if $(HAVE_XEN),,pv-driver/xen_front_lib.c),$(wildcard pv-driver/*.c pv-driver/drm/*.c pv-driver/drm/serve/*.c))
DEP_base :=
DEP_fermi := base
DEP_part := base
DEP_dev := fermi base
DEP_hv := base
DEP_scheduler := base
DEP_simulator := scheduler base
DEP_shadow := part dev hv fermi base
DEP_drv := dev fermi base
DEP_core := shadow scheduler drv part hv dev fermi base

lib = $(O)/lib/lib$(1).a
obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
libs_of = $(call lib,$(1)) $(foreach d,$(DEP_$(1)),$(call lib,$(d)))
ALL_LIBS := $(foreach r,core shadow simulator scheduler drv part hv dev fermi base,$(call lib,$(r)))

# Programs: source folder or file -> build/bin/<name>
BIN_gpuvmd := gpuvm/main.c
BIN_gpuvm := $(wildcard gpuvm/ctl/*.c)
# In a domain of Xen.
BIN_gpuvm-guest := $(if $(HAVE_XEN),gpuvm/guest/main.c gpuvm/ctl/drm_env.c gpuvm/ctl/service.c)
BIN_gpuvm-vfio-native := gpuvm/native/main.c
BIN_gpuvm-drmd := pv-driver/drm/serve/main.c
BIN_gpuvm-copy := $(wildcard pv-driver/copy/*.c)
BIN_gpuvm-bench := $(wildcard bench/*.c)
BIN_gpuvm-sched := scheduler/simulator/main.c
PROGS := $(foreach p,gpuvmd gpuvm gpuvm-guest gpuvm-vfio-native gpuvm-drmd gpuvm-copy gpuvm-bench gpuvm-sched,$(if $(wildcard $(BIN_$(p))),$(p)))
# The workloads are programs of a guest: OpenCL and the base room only.
HAVE_OPENCL := $(shell printf '\043define CL_TARGET_OPENCL_VERSION 120\n\043include <CL/cl.h>\nint main(void) { return clFinish(0); }\n' | \
	$(CC) -x c - -o /dev/null -lOpenCL 2>/dev/null && echo 1)
BIN_gpuvm-work := $(wildcard bench/work/*.c)
# The conformance runner: a program of a guest too.
BIN_gpuvm-conform := $(addprefix tests/cl/,conform.c case.c input.c)
# The same for OpenGL's compute shaders.
HAVE_EGL := $(shell printf '\043include <EGL/egl.h>\n\043include <GL/glcorearb.h>\nint main(void) { return eglGetError(); }\n' | \
	$(CC) -x c - -o /dev/null -lEGL 2>/dev/null && echo 1)
BIN_gpuvm-gl := tests/gl/compute.c $(addprefix tests/cl/,case.c input.c)
BINS := $(PROGS:%=$(O)/bin/%) $(if $(HAVE_OPENCL),$(O)/bin/gpuvm-work)

# The library that programs are started with (gpuvm run), and the files it shows them.  A sanitizer's
# run-time would have to be loaded before it, so those builds have none.
LIB_DRM := $(if $(filter 1,$(SAN)),,$(O)/lib/libgpuvm-drm.so)
SRC_LIB_DRM := $(wildcard pv-driver/drm/preload/*.c)
TREE_DRM := share/gpuvm/drm

# Tests: tests/unit/<room>/test_*.c link that room and what lies below; the others link everything.
T_UNIT := $(wildcard tests/unit/*/test_*.c)
T_WHOLE := $(wildcard $(foreach d,model guest attack fault replay,tests/$(d)/test_*.c))
TESTS := $(patsubst %.c,$(O)/%,$(T_UNIT) $(T_WHOLE))

.PHONY: all
all: $(BINS) $(LIB_DRM) $(foreach r,$(ROOMS),$(if $(SRC_$(r)),$(call lib,$(r))))
	$(if $(HAVE_XEN),,@echo 'built without guests of Xen: $(if $(filter 0,$(XEN)),XEN=0,libxen-dev is missing)')
	$(if $(HAVE_OPENCL),,@echo 'gpuvm-work is not built: CL/cl.h or libOpenCL is missing (ocl-icd-opencl-dev opencl-c-headers)')

$(O)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The shader cores' lane operations, once for each vector extension (gpuvm/dev/sim/sm/isa.c picks).
LANES := $(wildcard gpuvm/dev/sim/sm/lanes_*.c)
LANES_CFLAGS := -O3 -fno-trapping-math -fno-math-errno -ffp-contract=off -fno-strict-aliasing
ISA_avx2 := -mavx2 -mfma -mbmi -mlzcnt
ISA_avx512 := $(ISA_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512
$(call obj,$(LANES)): ALL_CFLAGS += $(LANES_CFLAGS)
define isa_rule
$(O)/obj/%.$(1).o: %.c
	$$(call say,CC,$$< $(1))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(LANES_CFLAGS) $$(ISA_$(1)) -DSM_ISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,avx2 avx512,$(eval $(call isa_rule,$(i))))
EXTRA_dev := $(foreach i,avx2 avx512,$(patsubst %.c,$(O)/obj/%.$(i).o,$(LANES)))

define room_rule
$(call lib,$(1)): $(call obj,$(SRC_$(1))) $(EXTRA_$(1))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

# What a program links if not everything; -rdynamic lets a policy's shared object call the scheduler's helpers.
BINLIBS_gpuvm-sched := $(call libs_of,simulator)
BINFLAGS_gpuvm-sched := -rdynamic
BINFLAGS_gpuvmd := -rdynamic

define bin_rule
$(O)/bin/$(1): $(call obj,$(BIN_$(1))) $(or $(BINLIBS_$(1)),$(ALL_LIBS))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $(call obj,$(BIN_$(1))) $(BINFLAGS_$(1)) -Wl,--start-group $(or $(BINLIBS_$(1)),$(ALL_LIBS)) -Wl,--end-group $$(ALL_LDFLAGS) $$(LIBS_EXT)
endef
$(foreach p,$(PROGS),$(eval $(call bin_rule,$(p))))

# What bench-xen runs in a domain, and in dom0 for its floors.
BIN_gpuvm-xen-bench := $(addprefix bench/xen/,guest.c call.c doorbell.c tracked.c)
BIN_gpuvm-xen-echo := bench/xen/echo.c
XEN_BENCH := $(if $(HAVE_XEN),gpuvm-xen-bench gpuvm-xen-echo)
$(foreach p,$(XEN_BENCH),$(eval $(call bin_rule,$(p))))

# Each kernel file as a string, under its name.
KERNELS := $(sort $(wildcard bench/kernels/*.cl))
$(O)/gen/kernels.c: $(KERNELS)
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q){ printf '// Made from bench/kernels.\n\043include "bench/work/cl.h"\n\nconst struct kernel_file kernel_files[] = {\n'; \
		for f in $(KERNELS); do \
			printf '\t{ "%s",\n' "$$(basename $$f .cl)"; \
			sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; \
			printf '\t},\n'; \
		done; \
		printf '\t{ 0, 0 },\n};\n'; } > $@
$(O)/obj/gen/kernels.o: $(O)/gen/kernels.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(O)/bin/gpuvm-work: $(call obj,$(BIN_gpuvm-work)) $(O)/obj/gen/kernels.o $(call lib,base)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lOpenCL -lm

$(O)/bin/gpuvm-conform: $(call obj,$(BIN_gpuvm-conform)) $(call lib,base)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lOpenCL -lm

$(O)/bin/gpuvm-gl: $(call obj,$(BIN_gpuvm-gl)) $(call lib,base)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lEGL -lm

$(O)/lib/libgpuvm-drm.so: $(call obj,$(SRC_LIB_DRM)) $(call libs_of,drv) pv-driver/drm/export.map $(O)/$(TREE_DRM)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -o $@ $(call obj,$(SRC_LIB_DRM)) -Wl,--start-group $(call libs_of,drv) -Wl,--end-group \
		-Wl,--version-script=pv-driver/drm/export.map -Wl,--no-undefined $(ALL_LDFLAGS) -lZydis -ldl -lm
$(O)/$(TREE_DRM): pv-driver/drm/tree.sh
	$(Q)sh pv-driver/drm/tree.sh $@
	@touch $@

# $(1) test source, $(2) room
define unit_rule
$(patsubst %.c,$(O)/%,$(1)): $(call obj,$(1)) $(call obj,$(wildcard tests/t.c)) $(call libs_of,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(ALL_LDFLAGS) $$(LIBS_EXT) $$(LIBS_TEST)
endef
$(foreach t,$(T_UNIT),$(eval $(call unit_rule,$(t),$(word 3,$(subst /, ,$(t))))))
define whole_rule
$(patsubst %.c,$(O)/%,$(1)): $(call obj,$(1)) $(call obj,$(wildcard tests/t.c)) $(ALL_LIBS)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(ALL_LDFLAGS) $$(LIBS_EXT) $$(LIBS_TEST)
endef
$(foreach t,$(T_WHOLE),$(eval $(call whole_rule,$(t))))

# Policies in shared objects, for the tests that load them.
T_POLICIES := $(patsubst %.c,$(O)/%.so,$(wildcard tests/policy/*.c))
$(O)/tests/policy/%.so: tests/policy/%.c scheduler/sched.h
	$(call say,SO,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -shared -o $@ $<
$(O)/tests/unit/scheduler/test_choice: | $(T_POLICIES)

T_BINS := $(if $(HAVE_OPENCL),$(O)/bin/gpuvm-conform) $(if $(HAVE_EGL),$(O)/bin/gpuvm-gl)

.PHONY: tests
tests: $(TESTS) $(T_POLICIES) $(T_BINS)

# Whole-path scenarios that drive the programs, as scripts that speak TAP.
T_SCRIPTS := $(wildcard tests/guest/test_*.py)
# What takes minutes stays out of the quick set.
T_LONG := $(wildcard tests/*/long_*.py)

.PHONY: setup
setup:
	@sh tests/setup.sh test

.PHONY: lint
lint:
	@python3 tests/lint/lint.py

# The quick set for daily work.
.PHONY: check
check:
	@$(MAKE) --no-print-directory -s all tests
	@python3 tests/lint/lint.py
	@GPUVM_BUILD=$(O) python3 tests/run.py $(TESTS) $(T_SCRIPTS)

.PHONY: check-san
check-san:
	@$(MAKE) --no-print-directory -s O=$(O)/san SAN=1 CC=clang all tests
	@GPUVM_BUILD=$(O)/san python3 tests/run.py --title sanitizers $(SUM) $(TESTS:$(O)/%=$(O)/san/%) $(T_SCRIPTS)

.PHONY: check-clang
check-clang:
	@$(MAKE) --no-print-directory -s O=$(O)/clang CC=clang all tests
	@GPUVM_BUILD=$(O)/clang python3 tests/run.py --title clang $(SUM) $(TESTS:$(O)/%=$(O)/clang/%) $(T_SCRIPTS)

.PHONY: check-gcc
check-gcc:
	@$(MAKE) --no-print-directory -s O=$(O)/gcc CC=gcc all tests
	@GPUVM_BUILD=$(O)/gcc GPUVM_DEBIAN13=$${GPUVM_DEBIAN13:-$(O)/debian13} python3 tests/run.py --title gcc $(SUM) $(TESTS:$(O)/%=$(O)/gcc/%) $(T_SCRIPTS) $(T_LONG)

# Stock Linux in QEMU on our GPU (some minutes).  The packages are kept in build/vm.
.PHONY: test-vm vm-guest
VM_KIT := $(wildcard tests/vm/guest/kit/*.c)
VM_GUEST := $(patsubst tests/vm/guest/%.c,$(O)/vm-guest/%,$(wildcard tests/vm/guest/*.c))
VM_KERNELS := $(patsubst tests/vm/guest/%.asm,$(O)/vm-guest/%.bin,$(wildcard tests/vm/guest/kernels/*.asm))
$(O)/vm-guest/%: tests/vm/guest/%.c $(VM_KIT) $(wildcard tests/vm/guest/kit/*.h)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(if $(filter 1,$(WERROR)),-Werror) -static -I. \
		$(shell $(PKG_CONFIG) --cflags libdrm) -o $@ $< $(VM_KIT) -ldrm_nouveau -ldrm
$(O)/vm-guest/kernels/%.bin: tests/vm/guest/kernels/%.asm $(O)/bin/gpuvm
	$(call say,ASM,$<)
	@mkdir -p $(@D)
	$(Q)$(O)/bin/gpuvm asm $< -o $@
vm-guest: all $(VM_GUEST) $(VM_KERNELS)
test-vm:
	@$(MAKE) --no-print-directory -s vm-guest
	@GPUVM_BUILD=$(O) python3 tests/run.py --title vm --may-skip --timeout 1200 $(SUM) tests/vm/vm.py

# Debian 12's Mesa in such machines: OpenCL, with the results that a process guest gets.
.PHONY: test-vm-mesa
test-vm-mesa:
	@$(MAKE) --no-print-directory -s vm-guest
	@GPUVM_BUILD=$(O) python3 tests/run.py --title vm-mesa --may-skip --timeout 900 $(SUM) tests/vm/mesa.py

# What nouveau's probe costs in such a machine.
.PHONY: bench-vm
bench-vm:
	@$(MAKE) --no-print-directory -s vm-guest
	@GPUVM_BUILD=$(O) python3 tests/vm/bench.py --json $(O)/bench-vm.json

# Domains of a real Xen on our GPU, in QEMU (some minutes on one processor).
.PHONY: test-xen
test-xen:
	@$(MAKE) --no-print-directory -s all
	@GPUVM_BUILD=$(O) python3 tests/run.py --title xen --may-skip --timeout 1800 $(SUM) tests/xen/xen.py

# What traps, doorbells and workloads cost in a domain, against a bare I/O request and a bare event.
.PHONY: bench-xen
bench-xen:
	@$(MAKE) --no-print-directory -s all $(XEN_BENCH:%=$(O)/bin/%)
	@GPUVM_BUILD=$(O) python3 tests/xen/bench.py --json $(O)/bench-xen.json

# Everything.  Each part adds to one sum; the last line is the whole.
TEST_SUM = $(O)/test-sum.json
# Parts that failed, so that one that does not even build is not forgotten.
TEST_BAD = $(O)/test-bad
.PHONY: test
test: setup
	@mkdir -p $(O) && rm -f $(TEST_SUM) $(TEST_BAD)
	@python3 tests/lint/lint.py
	@$(MAKE) --no-print-directory SUM="--retry --sum $(TEST_SUM)" check-gcc || echo check-gcc >> $(TEST_BAD)
	@$(MAKE) --no-print-directory SUM="--retry --sum $(TEST_SUM)" check-clang || echo check-clang >> $(TEST_BAD)
	@$(MAKE) --no-print-directory SUM="--retry --sum $(TEST_SUM)" check-san || echo check-san >> $(TEST_BAD)
	@$(MAKE) --no-print-directory SUM="--sum $(TEST_SUM)" fuzz-smoke || echo fuzz-smoke >> $(TEST_BAD)
	@$(MAKE) --no-print-directory O=$(O)/gcc CC=gcc SUM="--sum $(TEST_SUM)" TEST_BAD=$(TEST_BAD) \
		test-machines || echo test-machines >> $(TEST_BAD)
	@if [ -e $(TEST_BAD) ]; then echo "parts that failed: $$(tr '\n' ' ' < $(TEST_BAD))"; fi
	@python3 tests/run.py --total $(TEST_SUM)
	@[ ! -e $(TEST_BAD) ]

# A thousand endless kernels of real programs, random victims under random policies: a quarter of an hour.
.PHONY: test-endless
test-endless:
	@$(MAKE) --no-print-directory -s all
	@GPUVM_BUILD=$(O) GPUVM_ENDLESS=1000 python3 tests/guest/long_endless.py

# Xen's one emulated processor beside the other machines; what it said comes last.
.PHONY: test-machines
test-machines:
	@$(MAKE) --no-print-directory -s vm-guest
	@$(MAKE) --no-print-directory test-xen > $(O)/test-xen.log 2>&1 || echo test-xen >> $(TEST_BAD) & xen=$$!; \
	for t in test-vm test-vm-mesa; do $(MAKE) --no-print-directory $$t || echo $$t >> $(TEST_BAD); done; \
	wait $$xen; cat $(O)/test-xen.log

# The main job on real data; see README.md.
.PHONY: run
run:
	@sh tests/setup.sh build
	@$(MAKE) --no-print-directory -s all
	@$(O)/bin/gpuvm-bench share --json $(O)/run.json

.PHONY: bench
bench:
	@sh tests/setup.sh build
	@$(MAKE) --no-print-directory -s all
	@$(O)/bin/gpuvm-bench all --json $(O)/bench.json

# Coverage-guided fuzzing (clang): FUZZ_SECONDS for each harness, corpora kept in tests/fuzz/corpus.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
.PHONY: fuzz fuzz-build fuzz-smoke
fuzz-build:
	@$(MAKE) --no-print-directory -s O=$(O)/fuzz CC=clang CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address,undefined" \
		LDFLAGS="-fsanitize=address,undefined" $(FUZZERS:%=$(O)/fuzz/tests/fuzz/%)
$(O)/tests/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(ALL_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(ALL_LDFLAGS) $(LIBS_EXT)
fuzz: fuzz-build
	@for f in $(FUZZERS); do echo "fuzz: $$f for $(FUZZ_SECONDS) s"; mkdir -p tests/fuzz/corpus/$$f; \
		$(O)/fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(O)/fuzz/ tests/fuzz/corpus/$$f || exit 1; done
# The kept corpora, replayed without mutation.
fuzz-smoke: fuzz-build
	@python3 tests/fuzz/replay.py --title fuzz $(SUM) $(FUZZERS:%=$(O)/fuzz/tests/fuzz/%)

.PHONY: regs-doc
regs-doc: $(O)/bin/gpuvm-regs-doc
	$(Q)$(O)/bin/gpuvm-regs-doc > docs/registers.md
$(O)/bin/gpuvm-regs-doc: $(O)/obj/tests/lint/regs_doc.o $(ALL_LIBS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $< -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(ALL_LDFLAGS) $(LIBS_EXT)

DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR = $(PREFIX)/share/doc/gpuvm
.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BINS) $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/lib
	$(if $(LIB_DRM),install -m 644 $(LIB_DRM) $(DESTDIR)$(PREFIX)/lib)
	sh pv-driver/drm/tree.sh $(DESTDIR)$(PREFIX)/$(TREE_DRM)
	install -d $(DESTDIR)$(UNITDIR)
	sed -e 's|@BINDIR@|$(PREFIX)/bin|; s|@SYSCONFDIR@|$(SYSCONFDIR)|; s|@DOCDIR@|$(DOCDIR)|' \
		gpuvm/service/gpuvmd.service.in > $(DESTDIR)$(UNITDIR)/gpuvmd.service
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/gpuvm/domains.d
	[ -e $(DESTDIR)$(SYSCONFDIR)/gpuvm/gpuvmd.env ] || \
		install -m 644 gpuvm/service/gpuvmd.env $(DESTDIR)$(SYSCONFDIR)/gpuvm
	install -d $(DESTDIR)$(DOCDIR)
	install -m 644 README.md LICENSE docs/*.md gpuvm/service/example.conf $(DESTDIR)$(DOCDIR)
# What an administrator wrote below SYSCONFDIR stays.
uninstall:
	rm -f $(BINS:$(O)/%=$(DESTDIR)$(PREFIX)/%) $(DESTDIR)$(PREFIX)/lib/libgpuvm-drm.so
	rm -f $(DESTDIR)$(UNITDIR)/gpuvmd.service
	rm -rf $(DESTDIR)$(PREFIX)/$(TREE_DRM) $(DESTDIR)$(DOCDIR)

.PHONY: clean
clean:
	rm -rf $(O)

.PHONY: help
help:
	@echo 'make all        programs and libraries into $(O)/bin and $(O)/lib'
	@echo 'make run        five guests share the software GPU, on real files and OpenCL; table and $(O)/run.json'
	@echo 'make check      quick tests (under 3 minutes) and lint'
	@echo 'make test       everything: gcc, clang, sanitizers, long tests, fuzz corpora, virtual machines'
	@echo 'make check-san  the quick tests under AddressSanitizer and UBSan'
	@echo 'make fuzz       coverage-guided fuzzing, FUZZ_SECONDS=60 for each harness'
	@echo 'make test-vm    stock Linux 6.1 and 6.12 with nouveau in QEMU on our GPU (fetches packages into build/vm)'
	@echo 'make test-vm-mesa  Mesa of Debian 12 in those machines: OpenCL programs'
	@echo 'make test-endless  a thousand endless OpenCL kernels, random victims, random policies'
	@echo 'make bench-vm   what nouveau costs to load on a virtual GPU; $(O)/bench-vm.json'
	@echo 'make test-xen   domains of a real Xen in QEMU share our GPU (fetches packages into build/vm)'
	@echo 'make bench-xen  what traps, doorbells and workloads cost in a domain of Xen; $(O)/bench-xen.json'
	@echo 'make bench      ratios against floors measured in the same run; $(O)/bench.json'
	@echo 'make lint       house rules    make regs-doc  docs/registers.md from the tables'
	@echo 'make install    PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=: programs, library, systemd unit, documents'
	@echo 'make uninstall  make clean'
	@echo 'V=1 shows commands, O=dir builds there, CC=clang, WERROR=0, RELEASE=1, SAN=1, XEN=0'

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
