# What each target needs of the machine is installed by .ci/setup, which is quick where all is there.

SHELL := /bin/bash
SCRIPTS := .ci/setup .ci/run .ci/demo .ci/serve .ci/check-release .ci/check-deploy .ci/deb .ci/image .ci/check-sandbox .ci/smoke systemd/deb/postinst systemd/deb/prerm systemd/deb/postrm docker/make-secrets .ci/local-servers.bash Benchmarks/run Benchmarks/storm
SWIFT_SOURCES := Package.swift Sources Tests
# XCTest has no tests here, and would say so after all the others have passed.
SWIFT_TEST := swift test --disable-xctest
# More flags for swift test: make test TESTFLAGS='--filter JournalTests'
TESTFLAGS ?=
PREFIX ?= /usr
URL ?= http://127.0.0.1:8093

.DEFAULT_GOAL := help
.PHONY: help setup setup-test build release test test-thread test-address lint format demo bench storm check-deploy deb image install smoke run clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@.ci/setup

setup-test:
	@.ci/setup test

build: setup ## Build for debugging
	swift build

# The commit goes into the program. Without git, as in an unpacked archive, it is what the caller has set, or unknown.
release: export RELAY_REVISION ?= $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null)
release: setup ## Build relay and mock-rocketchat for release, Swift's runtime linked in
	swift build -c release --static-swift-stdlib --product relay
	swift build -c release --static-swift-stdlib --product mock-rocketchat

test: setup-test ## Build and run every test; TESTFLAGS='--filter NAME' for some
	swift build --build-tests
	$(SWIFT_TEST) --skip-build $(TESTFLAGS)

# The sanitizers slow everything down tenfold: fewer tests at once, so that none waits for the others.
test-thread test-address: export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH = 3

test-thread: setup-test ## Run the tests under ThreadSanitizer
	$(SWIFT_TEST) --sanitize=thread --scratch-path .build-thread $(TESTFLAGS)

# Leaks are not looked for: Swift's runtime keeps metadata that the leak checker takes for lost.
test-address: setup-test ## Run the tests under AddressSanitizer
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT_TEST) --sanitize=address --scratch-path .build-address $(TESTFLAGS)

lint: setup-test ## Check the form of Swift sources and scripts
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	shellcheck $(SCRIPTS)

format: ## Put the Swift sources into form
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

demo: release ## Show alerts going through the relay to a stand-in for Rocket.Chat; ONCE=1 ends by itself
	@ONCE=$(ONCE) .ci/demo

bench: setup-test release ## Measure durable requests a second against a bare evhttp server in C
	@Benchmarks/run

storm: setup-test release ## Measure a storm of 10,000 alerts against a room that takes 10 posts a minute
	@Benchmarks/storm

check-deploy: setup-test ## Check what is shipped for systemd, containers and Prometheus
	@.ci/check-deploy

deb: setup-test release ## Build the Debian package and try it
	@.ci/deb

image: release ## Build the container image and run it, as root; COMPILE=1 compiles inside of it
	@.ci/setup image
	@.ci/image $(if $(COMPILE),compile)

# DESTDIR for packages; the release build is made before, so that this needs no compiler.
install: ## Install the release build, units and an example configuration below PREFIX
	install -D -m 0755 .build/release/relay $(DESTDIR)$(PREFIX)/bin/relay
	install -D -m 0644 systemd/relay.service $(DESTDIR)/lib/systemd/system/relay.service
	install -D -m 0644 systemd/relay.socket $(DESTDIR)/lib/systemd/system/relay.socket
	install -d -m 0700 $(DESTDIR)/etc/relay/hooks $(DESTDIR)/etc/relay/secrets
	install -D -m 0644 docs/examples/relay.yml $(DESTDIR)$(PREFIX)/share/doc/relay/examples/relay.yml

smoke: ## Post a test alert to a running relay: make smoke URL=http://127.0.0.1:8093
	@.ci/smoke $(URL)

run: release ## Serve with the settings of .env
	@.ci/serve

clean: ## Remove what was built
	rm -rf .build .build-thread .build-address .build-bench
