# Kora: `make help` lists the targets. Two commands are all that a bare Debian needs: `make run` and `make test`.
#
# Everything built goes to $(BUILD). A variant (asan, tsan ...) is the same build with other flags in a folder of its own:
#   obj/    the objects of the libraries and of korad
#   check/  objects with fault injection, debug checks and seeded delays (KORA_FAULTS, KORA_DEBUG, KORA_DELAYS), and the
#           test programs linked with them
# Changed flags rebuild what they concern: each tree depends on a file that holds them.

ifeq ($(origin CC),default)
CC = gcc
endif
BUILD ?= build
# One name for one folder, or the dependency files of the last run would not be understood.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
OPT ?= -O2
ALLOC ?= mimalloc
OBJCOPY ?= objcopy
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
SYSCONFDIR ?= $(PREFIX)/etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
MANDIR ?= $(PREFIX)/share/man
# Set by the variants below: compiler's sanitizers; CHECK=1 gives the library itself the flags of check/.
SANITIZE ?=
CHECK ?= 0

VERSION := $(shell sed -n 's/^\#define KORA_VERSION "\(.*\)"/\1/p' include/kora.h)
SONAME = libkora.so.$(firstword $(subst ., ,$(VERSION)))
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
CHECKS = -DKORA_FAULTS -DKORA_DEBUG -DKORA_DELAYS
CFLAGS ?= $(OPT) -g
SANFLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
COMMON = -std=c11 -D_GNU_SOURCE -Iinclude $(WARN) $(CFLAGS) $(SANFLAGS) $(CPPFLAGS)
# Without joining neighbouring fields into vectors: they are often read by themselves right after, or the other way round, and a processor can't forward
# a store of two words to a load of one of sixteen bytes.
LIBFLAGS = $(COMMON) -Ilib -DKORA_BUILD -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-tree-slp-vectorize \
	$(if $(filter libc,$(ALLOC)),-DKORA_ALLOC_LIBC) $(if $(filter 1,$(CHECK)),$(CHECKS))
LIBS = -luv -llz4 $(if $(filter mimalloc,$(ALLOC)),-lmimalloc) -lpthread -lm
PRIVATE_LIBS = -luv -llz4 $(if $(filter mimalloc,$(ALLOC)),-lmimalloc) -lpthread -lm

SRC := $(sort $(wildcard lib/*/*.c))
OBJ := $(SRC:lib/%.c=$(BUILD)/obj/%.o)
CHECK_OBJ := $(SRC:lib/%.c=$(BUILD)/check/lib/%.o)
# A test program is one .c file: test_*.c is run by the driver, any other is there for the script beside it.
# tests/sim has a simulated disk, too, which any of them may use; tests/always a library, which its script builds.
SIM_SRC := tests/sim/disk.c tests/sim/cut.c
SIM_OBJ := $(SIM_SRC:tests/%.c=$(BUILD)/check/%.o)
TEST_SRC := $(sort $(filter-out tests/fuzz/% tests/clients/% tests/always/% $(SIM_SRC),$(wildcard tests/*/*.c)))
TEST_BIN := $(TEST_SRC:tests/%.c=$(BUILD)/check/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
# Programs of other people's libraries, and the packages from npm, for the scenarios of tests/clients.
CLIENT_SRC := $(sort $(wildcard tests/clients/*.c))
CLIENT_BIN := $(CLIENT_SRC:tests/clients/%.c=$(BUILD)/clients/%)
CLIENT_NPM = $(BUILD)/clients/node_modules/.package-lock.json
SERVER_SRC := $(sort $(wildcard server/*.c))
BENCH_SRC := $(sort $(wildcard bench/*.c))
BENCH_BIN := $(BENCH_SRC:bench/%.c=$(BUILD)/bench/%)
EXAMPLE_BIN := $(patsubst examples/%,$(BUILD)/examples/%,$(basename $(sort $(wildcard examples/*.c examples/*.cpp))))
C_FILES = $(wildcard include/*.h lib/*/*.[ch] server/*.[ch] examples/*.c examples/*.cpp bench/*.[ch] tests/*/*.[ch])

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: all FORCE check-programs bench-programs client-programs
all: $(BUILD)/korad $(BUILD)/libkora.a $(BUILD)/libkora.so $(BUILD)/kora.pc ## build korad and both libraries into build/

# ---- what the targets stand on ----

# Recipes say what they make, or, with V=1, how.
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $@;)
# $(call flags,text): the recipe of a file that changes when the text does.
flags = @mkdir -p $(@D); echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
$(BUILD)/obj/flags: FORCE
	$(call flags,$(CC) $(filter-out -Werror,$(LIBFLAGS)))
$(BUILD)/check/flags: FORCE
	$(call flags,$(CC) $(filter-out -Werror,$(LIBFLAGS) $(CHECKS)) $(LIBS))
# What a library consists of: a file that is gone must go from there.
$(BUILD)/sources: FORCE
	$(call flags,$(SRC))

$(BUILD)/obj/%.o: lib/%.c $(BUILD)/obj/flags
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/check/lib/%.o: lib/%.c $(BUILD)/check/flags
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) $(CHECKS) -MMD -MP -c $< -o $@

# It takes in the page (.incbin), which no dependency file tells.
$(BUILD)/obj/http/page.o $(BUILD)/check/lib/http/page.o: lib/http/page.html

# One object in which internal names are local, so that they can't clash with those of the program that links it.
$(BUILD)/libkora.a: $(OBJ) $(BUILD)/sources
	$(call say,ld)ld -r -o $(BUILD)/kora.o $(OBJ)
	@$(OBJCOPY) --localize-hidden $(BUILD)/kora.o
	@rm -f $@ && ar rcs $@ $(BUILD)/kora.o && rm -f $(BUILD)/kora.o
$(BUILD)/libkora.so.$(VERSION): $(OBJ) $(BUILD)/sources
	$(call say,ld)$(CC) -shared $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now \
		$(if $(SANITIZE),,-Wl,-z,defs) -o $@ $(OBJ) $(LIBS)
$(BUILD)/libkora.so: $(BUILD)/libkora.so.$(VERSION)
	@ln -sf $(<F) $(BUILD)/$(SONAME) && ln -sf $(SONAME) $@
# The same objects with their internal names: for the benches and the tests.
$(BUILD)/obj/lib.a: $(OBJ) $(BUILD)/sources
	$(call say,ar)rm -f $@ && ar rcs $@ $(OBJ)
$(BUILD)/check/lib.a: $(CHECK_OBJ) $(BUILD)/sources
	$(call say,ar)rm -f $@ && ar rcs $@ $(CHECK_OBJ)

$(BUILD)/korad: $(SERVER_SRC) $(wildcard server/*.h) include/kora.h $(BUILD)/libkora.a
	$(call say,ld)$(CC) $(COMMON) $(SERVER_SRC) -o $@ $(LDFLAGS) $(BUILD)/libkora.a -linih $(LIBS)
$(BUILD)/kora.pc: pkgconfig/kora.pc.in include/kora.h $(BUILD)/obj/flags Makefile FORCE
	@sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@PRIVATE_LIBS@|$(PRIVATE_LIBS)|' $< > $@

$(SIM_OBJ): $(BUILD)/check/%.o: tests/%.c $(BUILD)/check/flags
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) $(CHECKS) -Itests -MMD -MP -c $< -o $@
$(BUILD)/check/sim.a: $(SIM_OBJ)
	$(call say,ar)rm -f $@ && ar rcs $@ $^
$(BUILD)/check/%: tests/%.c $(BUILD)/check/lib.a $(BUILD)/check/sim.a
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) $(CHECKS) -Itests -MMD -MP -MF $@.d $< -o $@ $(LDFLAGS) $(BUILD)/check/sim.a $(BUILD)/check/lib.a -lcmocka $(LIBS) -lm
$(BUILD)/clients/%: tests/clients/%.c $(BUILD)/obj/flags
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(COMMON) -MMD -MP -MF $@.d $< -o $@ $(LDFLAGS) -lhiredis -luv
# Exactly the locked versions; no package may run a script of its own here.
$(CLIENT_NPM): tests/clients/package.json tests/clients/package-lock.json
	@mkdir -p $(BUILD)/clients && cp $^ $(BUILD)/clients/
	$(call say,npm)cd $(BUILD)/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 || { cat npm.log >&2; exit 1; }
	@touch $@
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/check/lib.a $(BUILD)/check/sim.a
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) $(CHECKS) -Itests -fsanitize=fuzzer $< -o $@ $(LDFLAGS) $(BUILD)/check/sim.a $(BUILD)/check/lib.a $(LIBS) -lm
$(BUILD)/bench/%: bench/%.c $(wildcard bench/*.h) $(BUILD)/obj/lib.a
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(LIBFLAGS) -MMD -MP -MF $@.d $< -o $@ $(LDFLAGS) $(BUILD)/obj/lib.a -Wl,--as-needed -lhiredis -llmdb -lsqlite3 $(LIBS) -lm
# Examples see what a user of the library sees, and nothing more.
$(BUILD)/examples/%: examples/%.c $(BUILD)/libkora.so
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=gnu11 -Iinclude $(WARN) $(CFLAGS) $(SANFLAGS) $< -o $@ -L$(BUILD) -Wl,-rpath,'$$ORIGIN/..' -lkora -lpthread
$(BUILD)/examples/%: examples/%.cpp $(BUILD)/libkora.so
	@mkdir -p $(@D)
	$(call say,c++)$(CXX) -std=c++17 -Iinclude -Wall -Wextra -Wpedantic $(CFLAGS) $(SANFLAGS) $< -o $@ -L$(BUILD) -Wl,-rpath,'$$ORIGIN/..' -lkora
-include $(OBJ:.o=.d) $(CHECK_OBJ:.o=.d) $(SIM_OBJ:.o=.d) $(TEST_BIN:=.d) $(BENCH_BIN:=.d) $(CLIENT_BIN:=.d)

check-programs: $(TEST_BIN)
bench-programs: $(BENCH_BIN)
client-programs: $(CLIENT_BIN) $(CLIENT_NPM)

# ---- targets ----

JOBS ?= $(shell nproc)
VARIANT = $(MAKE) -j$(JOBS) BUILD=build-$@ ALLOC=libc CHECK=1

.PHONY: deps deps-test run test test-long test-clients all-tests bench examples install uninstall format lint asan ubsan tsan valgrind fuzz clean help
deps: ## install the Debian packages that building needs, if any is missing
	@tests/deps.sh build
deps-test: ## the same for the tests and benches
	@tests/deps.sh build test

run: deps ## build, then start korad on 127.0.0.1:6379
	@$(MAKE) -j$(JOBS) all
	exec $(BUILD)/korad server/korad.ini

test: deps-test ## run every test; the last line is `N passed, N failed`
	@$(MAKE) -j$(JOBS) WERROR=1 all-tests
test-long: deps-test ## the same with the long forms (KORA_TEST_LONG=1)
	@KORA_TEST_LONG=1 $(MAKE) -j$(JOBS) WERROR=1 all-tests
test-clients: ## run clients of Redis from Debian and npm, and a browser, against korad; installs them first
	@tests/deps.sh build clients
	@$(MAKE) -j$(JOBS) WERROR=1 $(BUILD)/korad client-programs
	@tests/run.py --build $(BUILD) clients
	@tests/http/run.py --korad $(BUILD)/korad --browser
all-tests: all check-programs examples
	@tests/run.py --build $(BUILD) $(TESTS)

asan: deps-test ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(VARIANT) SANITIZE=address,undefined OPT=-O1 TESTS="--variant asan" all-tests
ubsan: deps-test ## every test under UndefinedBehaviorSanitizer
	@$(VARIANT) SANITIZE=undefined OPT=-O1 TESTS="--variant ubsan" all-tests
tsan: deps-test ## every test under ThreadSanitizer
	@$(VARIANT) SANITIZE=thread OPT=-O1 TESTS="--variant tsan" all-tests
valgrind: deps-test ## the unit tests and transcripts under valgrind
	@$(VARIANT) OPT=-O1 TESTS="--variant valgrind" all-tests

FUZZ_SECONDS ?= 60
fuzz: deps-test ## fuzz every target for FUZZ_SECONDS (60) each, with libFuzzer
	@$(VARIANT) CC=clang SANITIZE=address,undefined,fuzzer-no-link $(FUZZ_BIN:$(BUILD)/%=build-fuzz/%)
	@set -e; for f in $(FUZZ_BIN:$(BUILD)/fuzz/fuzz_%=%); do mkdir -p build-fuzz/corpus/$$f tests/fuzz/corpus/$$f; \
		echo "fuzz_$$f: $(FUZZ_SECONDS) s"; (cd build-fuzz && ./fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) \
		-print_final_stats=1 corpus/$$f ../tests/fuzz/corpus/$$f); done

bench: deps-test ## measure Kora beside its peers; BENCH="name ..." for some of it
	@$(MAKE) -j$(JOBS) all bench-programs
	@BUILD=$(BUILD) bench/run.sh $(BENCH)
examples: $(EXAMPLE_BIN) ## build the programs of examples/ into build/examples/

# What install puts where: mode, source, target. Uninstall removes exactly these, and the two links.
define INSTALLED
644 include/kora.h $(PREFIX)/include/kora.h
644 $(BUILD)/libkora.a $(LIBDIR)/libkora.a
755 $(BUILD)/libkora.so.$(VERSION) $(LIBDIR)/libkora.so.$(VERSION)
644 $(BUILD)/kora.pc $(LIBDIR)/pkgconfig/kora.pc
755 $(BUILD)/korad $(PREFIX)/bin/korad
644 server/korad.ini $(SYSCONFDIR)/korad.ini
644 $(BUILD)/korad.service $(UNITDIR)/korad.service
644 server/korad.8 $(MANDIR)/man8/korad.8
endef
export INSTALLED
$(BUILD)/korad.service: server/korad.service FORCE
	@sed 's|@PREFIX@|$(PREFIX)|; s|@SYSCONFDIR@|$(SYSCONFDIR)|' $< > $@
install: all $(BUILD)/korad.service ## install below PREFIX (/usr/local), staged below DESTDIR; an existing korad.ini is kept
	@echo "$$INSTALLED" | while read mode from to; do \
		if [ $$from = server/korad.ini ] && [ -e "$(DESTDIR)$$to" ]; then echo "kept $(DESTDIR)$$to"; continue; fi; \
		echo "$(DESTDIR)$$to"; install -D -m $$mode "$$from" "$(DESTDIR)$$to" || exit 1; done
	ln -sf libkora.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libkora.so
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi
uninstall: ## remove what install put there
	@echo "$$INSTALLED" | while read mode from to; do rm -fv "$(DESTDIR)$$to"; done
	rm -f $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libkora.so

format: ## format every C file in place (clang-format)
	@tests/deps.sh lint
	clang-format -i $(C_FILES)
lint: ## clang's and gcc's warnings as errors, static analysis, the house's rules
	@tests/deps.sh build test lint
	@$(MAKE) -j$(JOBS) BUILD=build-lint CC=clang WERROR=1 all check-programs
	clang-tidy --quiet --checks=-*,clang-analyzer-*,-clang-analyzer-valist.Uninitialized,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
		--warnings-as-errors=* $(SRC) $(SERVER_SRC) -- -std=c11 -D_GNU_SOURCE -DKORA_BUILD -Iinclude -Ilib
	@tests/run.py --build build-lint tidy
clean: ## remove everything that was built
	rm -rf build build-*
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read t text; do printf '  %-12s %s\n' $$t "$$text"; done
