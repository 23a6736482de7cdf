# What people and CI do with this repository. `make demo` and `make test` install what they need by themselves.

.DEFAULT_GOAL := help
.PHONY: help demo test unit build release install check fmt bench stress clean

# Where `make install` puts the binary: PREFIX/bin/setpoint.
PREFIX ?= $(HOME)/.local

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: ## from nothing to a served model, replaced without a failed request, and a bad version rolled back
	@scripts/install-system.sh
	@python3 scripts/demo.py

test: ## every test: unit tests, the exploration, and the demo's story with its claims checked on real vLLM
	@scripts/test.sh

unit: ## only the Swift tests
	@scripts/install-system.sh
	swift build --build-tests
	swift test --skip-build --disable-xctest

build: ## the debug binary, .build/debug/setpoint
	@scripts/install-system.sh
	swift build --product setpoint

release: ## the release binary, .build-release/release/setpoint
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint

install: release ## the release binary, into PREFIX/bin (default: ~/.local/bin)
	@install -D -m 755 .build-release/release/setpoint "$(DESTDIR)$(PREFIX)/bin/setpoint"
	@echo "installed $(DESTDIR)$(PREFIX)/bin/setpoint"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) \
	  echo 'it is not on your PATH yet: export PATH="$(PREFIX)/bin:$$PATH"' ;; esac

check: ## the format and the rules that a machine can check, without building
	@scripts/check.sh

fmt: ## format the sources in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

bench: ## time and memory, as ratios measured in one run
	@scripts/bench.sh

stress: ## load, broken requests, killed planes: what the serving plane must bear, in figures (about 10 minutes)
	@scripts/install-system.sh
	@scripts/build-release.sh setpoint
	@python3 scripts/stress.py --setpoint .build-release/release/setpoint

clean: ## remove what was built and installed under this folder
	rm -rf .build .build-* .tools
