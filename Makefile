# .ci/setup installs the system packages of each target. It is quick if all are installed.

SHELL := /bin/bash
SCRIPTS := .ci/setup .ci/run .ci/demo .ci/serve .ci/check-release .ci/check-deploy .ci/deb .ci/image .ci/check-sandbox .ci/build-release .ci/check-hardening .ci/check-reproducible systemd/deb/postinst systemd/deb/prerm systemd/deb/postrm docker/make-secrets .ci/local-servers.bash Benchmarks/run Benchmarks/storm Benchmarks/figures Benchmarks/instructions .ci/fuzz
SWIFT_SOURCES := Package.swift Sources Tests
# There are no XCTest tests, and XCTest would report that after all other tests have passed.
SWIFT_TEST := swift test --disable-xctest
# Additional flags for swift test: make test TESTFLAGS='--filter JournalTests'
TESTFLAGS ?=
PREFIX ?= /usr
# The program that `make install` installs and `make smoke` runs.
BINARY ?= .build/release/relay
URL ?= http://127.0.0.1:8093

.DEFAULT_GOAL := help
.PHONY: simulate simulate-mutants help setup setup-test build release sbom reproducible test sweep test-thread test-address lint format demo abuse bench storm fuzz check-docs check-deploy deb image install smoke run clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@.ci/setup

setup-test:
	@.ci/setup test

build: setup ## Build for debugging
	swift build

# The program contains the commit. Without git, as in an unpacked archive, the caller's RELAY_REVISION applies.
release: export RELAY_REVISION ?= $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
release: setup ## Build relay and mock-rocketchat for release, Swift's runtime linked in
	@.ci/build-release

sbom: setup-test release ## Write the SBOM of the release build (SPDX 2.3) to .build/relay.spdx.json
	.ci/sbom .build/release/relay >.build/relay.spdx.json
	@.ci/check-sbom .build/relay.spdx.json .build/release/relay

reproducible: setup-test release ## Build the commit again in another folder and compare the bytes
	@.ci/check-reproducible

# The suites that wait for PostgreSQL.
DATABASE := PostgreSQLTests|JournalEngineTests|EngineDuplicateTests|SharedEngineTests
# Tests of programs block the few threads that all tests share, so that other tests would time out.
BLOCKING := ^IntegrationTests\.|AbuseTests|SpoolKillSweepTests|$(DATABASE)
# The blocking tests that need CPU time. The others mostly wait, so that both halves run concurrently.
WORKING := FramingTests|AbuseTests|SpoolKillSweepTests
# run-tests COMMAND,THEN,FLAGS: runs the tests of TESTFLAGS; without it the non-blocking tests with FLAGS, then THEN.
run-tests = $(if $(TESTFLAGS),$(1) $(TESTFLAGS),$(1) --skip '$(BLOCKING)' $(3) && $(2))
# blocking-tests COMMAND: runs both halves of the blocking tests. Fails if either half fails.
blocking-tests = { $(1) --filter '^IntegrationTests\.|$(DATABASE)' --skip '$(WORKING)' & waiting=$$!; \
	$(1) --ignore-lock --filter '$(WORKING)'; working=$$?; wait $$waiting && exit $$working; }

test: setup-test ## Build and run every test; TESTFLAGS='--filter NAME' for some
	swift build --build-tests
	$(call run-tests,$(SWIFT_TEST) --skip-build,$(call blocking-tests,$(SWIFT_TEST) --skip-build))

sweep: setup-test ## Kill the relay at every write to its spool while it opens, repairs and closes it, twice in a row
	swift build --build-tests
	RELAY_SWEEP=all $(SWIFT_TEST) --skip-build --filter SpoolKillSweepTests

# The sanitizers slow tests down tenfold, so fewer run concurrently. Of the tests of programs, only those of the path
# from webhook to room run: none with strace, LD_PRELOAD, deliberate traps or time limits.
SANITIZED := IntegrationTests.(DeliveryTests|FallbackTests|LifeCycleTests|LossTests|PacingTests|ReceiverTests|RouteTests|ThreadTests)
test-thread test-address: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH = 3

# Single-threaded suites of pure values cannot have races, and `make fuzz` checks the parser's memory accesses. BugTests
# starts the test program anew for each test, which takes seconds under a sanitizer.
PLAIN = $(shell cd Tests && grep -ohE 'struct [A-Za-z0-9]+Tests' {AlertsTests,ChatMarkupTests}/*.swift JournalTests/Spool*.swift \
	RocketChatTests/Render/*.swift RelayTests/{BugTests,Configuration/*,Extremes/*,Structure/*}.swift | cut -d' ' -f2 | paste -sd'|')

THREAD = $(SWIFT_TEST) --sanitize=thread --scratch-path .build-thread
ADDRESS = $(SWIFT_TEST) --sanitize=address --scratch-path .build-address

test-thread: setup-test ## Run the tests under ThreadSanitizer
	$(call run-tests,$(THREAD),$(THREAD) --filter '$(SANITIZED)',--skip '$(PLAIN)')

# Leak detection is off: it reports metadata that Swift's runtime keeps.
test-address: setup-test ## Run the tests under AddressSanitizer
	export ASAN_OPTIONS=detect_leaks=0; $(call run-tests,$(ADDRESS),$(ADDRESS) --filter '$(SANITIZED)',--skip '$(PLAIN)')

SEEDS ?= 100000
# The first seed; random if empty.
FIRST_SEED ?=
SIMULATE := .build-simulate/release/simulate

simulate: ## Run SEEDS schedules of the delivery core; FIRST_SEED=N to repeat
	RELAY_SIMULATE=Sources/DeliveryCore swift build -c release --scratch-path .build-simulate --product simulate
	$(SIMULATE) --seeds $(SEEDS) $(if $(FIRST_SEED),--first $(FIRST_SEED))

simulate-mutants: ## Find each mutant of the delivery core within SEEDS schedules
	RELAY_SIMULATE=Sources/DeliveryCore swift build -c release --scratch-path .build-simulate --product simulate
	mkdir -p .build-mutants
	$(SIMULATE) --weave .build-mutants/DeliveryCore
	RELAY_SIMULATE=.build-mutants/DeliveryCore swift build -c release --scratch-path .build-mutants/build --product simulate
	.build-mutants/build/release/simulate --seeds $(SEEDS) $(if $(FIRST_SEED),--first $(FIRST_SEED))

lint: setup-test ## Check the form of Swift sources and scripts
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	shellcheck $(SCRIPTS)

format: ## Put the Swift sources into form
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

demo: ## Show what the relay does, with a mock Rocket.Chat, in a minute; ONCE=1 ends by itself
	@ONCE=$(ONCE) .ci/demo

abuse: setup-test release ## Attack the release build in every way, ABUSE_SECONDS each (20), and print the figures
	swift build --build-tests
	ABUSE_SECONDS=$${ABUSE_SECONDS:-20} ABUSE_RELAY=$(CURDIR)/.build/release/relay $(SWIFT_TEST) --skip-build --filter AbuseTests

bench: setup-test release ## Measure speed beside other servers, start, memory and latency; write docs/BENCHMARKS.md
	@Benchmarks/run

storm: setup-test release ## Measure a storm of 10,000 alerts against a room that takes 10 posts a minute
	@Benchmarks/storm

fuzz: setup-test ## Run every fuzz target for FUZZ_SECONDS (60); FUZZ_TARGETS='matchers fields' for some
	@.ci/fuzz

check-docs: setup-test release ## Run the command blocks of README and docs/
	@.ci/check-docs

check-deploy: setup-test ## Check what is shipped for systemd, containers and Prometheus
	@.ci/check-deploy

deb: setup-test release ## Build the Debian package and try it
	@.ci/deb

image: release ## Build the container image and run it, as root; COMPILE=1 compiles inside of it
	@.ci/setup image
	@.ci/image $(if $(COMPILE),compile)

# DESTDIR is for packages. The release build must exist, so that this needs no compiler. An existing relay.env is kept.
SHARE = $(DESTDIR)$(PREFIX)/share
install: ## Install the release build, units, manual page, completions and documents below PREFIX
	install -D -m 0755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/relay
	install -d $(DESTDIR)/lib/systemd/system $(SHARE)/man/man1 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/vendor-completions $(SHARE)/fish/vendor_completions.d
	umask 022; sed 's|/usr/bin/relay|$(PREFIX)/bin/relay|' systemd/relay.service >$(DESTDIR)/lib/systemd/system/relay.service
	install -m 0644 systemd/relay.socket $(DESTDIR)/lib/systemd/system/relay.socket
	install -d -m 0700 $(DESTDIR)/etc/relay/hooks $(DESTDIR)/etc/relay/secrets
	[ -e $(DESTDIR)/etc/relay/relay.env ] || install -m 0644 systemd/relay.env $(DESTDIR)/etc/relay/relay.env
	install -D -m 0644 docs/examples/relay.yml $(SHARE)/doc/relay/examples/relay.yml
	install -m 0644 docs/{CHATOPS,CONFIGURATION,MAIL,OPERATIONS,STATUS,TEMPLATES,WATCHDOG,grafana}.md $(SHARE)/doc/relay/
	umask 022; gzip -9n <systemd/relay.1 >$(SHARE)/man/man1/relay.1.gz
	umask 022; $(BINARY) --generate-completion-script bash | sed '1{/^#!/d}' >$(SHARE)/bash-completion/completions/relay
	umask 022; $(BINARY) --generate-completion-script zsh >$(SHARE)/zsh/vendor-completions/_relay
	umask 022; $(BINARY) --generate-completion-script fish >$(SHARE)/fish/vendor_completions.d/relay.fish
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload

smoke: ## Post a test alert to a running relay: make smoke URL=http://127.0.0.1:8093 FLAGS='--token-file FILE'
	@$(BINARY) smoke $(URL) $(FLAGS)

run: release ## Serve with the settings of .env
	@.ci/serve

clean: ## Remove what was built
	rm -rf .build .build-thread .build-address .build-bench .build-fuzz
