# The front door: `make` lists what a contributor can do.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test check lint format bench clean

PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
# make test NAME=regular-expression runs only the tests whose names match.
NAME ?=

help: ## list the targets
	@echo 'Thalo, an event-sourcing runtime. Targets:'
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo 'Options: PRESET=release|debug|asan|tsan|clang  NAME=regex (test)  JOBS=n'

setup: ## install everything a build needs (the other targets call it)
	@scripts/setup

build: setup ## build everything into build/PRESET
	@scripts/build $(PRESET) $(JOBS)

demo: setup ## build, start the runtime, execute commands, kill it, show that the events are there
	@scripts/build $(PRESET) $(JOBS) thalo thalo-runtime
	@scripts/demo $(BUILD)

test: build ## build and run all tests; NAME=regex for some of them
	@cd $(BUILD) && ctest --output-on-failure --no-tests=error -j $(JOBS) $(if $(NAME),-R '$(NAME)')

check: setup ## run tests again under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer, and the fuzzers
	@scripts/check $(JOBS)

lint: build ## check formatting and run clang-tidy; warnings are errors
	@scripts/lint $(BUILD)

format: setup ## format the sources in place
	@scripts/sources | xargs clang-format-19 -i

bench: build ## measure everything of docs/benchmarks.md, and write it; FULL=1 for the full length
	@scripts/bench $(BUILD)

clean: ## remove the build folder (the cached Wasmtime and RocksDB stay)
	rm -rf build
