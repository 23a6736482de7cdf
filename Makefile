# The commands for users and CI. `make demo` and `make test` install their own dependencies.

.DEFAULT_GOAL := help
.PHONY: help demo test unit build release install check fmt bench bench-gateway stress traffic accounts secrecy explain clean

# `make install` copies the binary to PREFIX/bin/setpoint.
PREFIX ?= $(HOME)/.local

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## serve a model from scratch, replace it without a failed request, and roll back a bad version
	@scripts/install-system.sh
	@python3 scripts/demo.py

test: ## run all tests: unit tests, exploration, faults, fuzzing, and the end-to-end test with real vLLM
	@scripts/test.sh

unit: ## run only the Swift tests
	@scripts/install-system.sh
	swift build --build-tests
	swift test --skip-build --disable-xctest --no-parallel

build: ## build the debug binary, .build/debug/setpoint
	@scripts/install-system.sh
	swift build --product setpoint

release: ## build the release binary, .build-release/release/setpoint
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint

install: release ## install the release binary into PREFIX/bin (default: ~/.local/bin)
	@install -D -m 755 .build-release/release/setpoint "$(DESTDIR)$(PREFIX)/bin/setpoint"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/setpoint"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) \
	  echo 'it is not on your PATH yet: export PATH="$(PREFIX)/bin:$$PATH"' ;; esac

check: ## check the format and the house rules, without building
	@scripts/check.sh

fmt: ## format the sources in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

bench: ## measure time and memory, as ratios within one run
	@scripts/bench.sh

bench-gateway: ## compare the plane's gateway with nginx, Envoy, vllm-router and LiteLLM (about 10 minutes)
	@scripts/install-system.sh
	@scripts/install-bench-peers.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/bench-peers.py --setpoint .build-release/release/setpoint

stress: ## stress the serving plane with load, broken requests and kills (about 10 minutes)
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/stress.py --setpoint .build-release/release/setpoint

traffic: ## run traffic through updates, scale to zero, swaps and kills, and check that every request ends once
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/traffic.py --setpoint .build-release/release/setpoint

accounts: ## send 50,000 requests with kills in between, and check that the telemetry accounts for each (about 5 minutes)
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/accounts.py --setpoint .build-release/release/setpoint

secrecy: ## plant secrets, use everything that could repeat them, and look for them in every file and output
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/secrecy.py --setpoint .build-release/release/setpoint

explain: ## stage six troubles with real vLLM, and check that setpoint explain names the cause (about 5 minutes)
	@scripts/install-system.sh
	@scripts/install-python.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/explain.py --setpoint .build-release/release/setpoint

clean: ## remove everything built and installed in this directory
	rm -rf .build .build-* .tools
