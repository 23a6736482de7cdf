# What people and CI do with this repository. `make demo` and `make test` install what they need by themselves.

.DEFAULT_GOAL := help
.PHONY: help demo test build check fmt bench clean

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: ## from nothing to a served model, replaced without a failed request, and a bad version rolled back
	@scripts/install-system.sh
	@python3 scripts/demo.py

test: ## every test: unit tests, the exploration, and the demo's story with its claims checked on real vLLM
	@scripts/test.sh

build: ## the release binary, .build-release/release/setpoint
	@scripts/install-system.sh
	swift build --configuration release --scratch-path .build-release --product setpoint

check: ## format and lint, without building
	@scripts/check.sh

fmt: ## format the sources in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

bench: ## time and memory, as ratios measured in one run
	@scripts/bench.sh

clean: ## remove what was built and installed under this folder
	rm -rf .build .build-* .tools
