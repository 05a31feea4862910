# Everything here needs Go alone (database tests also need Docker). `make` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A go.work of one's own must not lift the versions that the published module is built and tested with.
export GOWORK := off

# The directories of all modules, the root first; internal/tools holds no code.
MODULES := . $(sort $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 \( -name '.?*' -o -name testdata -o -path ./internal/tools \) -prune -o -name go.mod -print)))

# The race detector needs cgo, which Go turns off by itself where there is no C compiler.
RACE ?= $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
TESTFLAGS ?=
TEST_TIMEOUT ?= 30m

# Flags for the tests on databases alone: -short lets the suite's concurrent histories be a third as long.
STORES_FLAGS ?=

# Time per fuzz target, as -fuzztime takes it: a duration, or a number of runs such as 100000x.
FUZZTIME ?= 10s

# Processor time for fuzz-verify, in seconds, over all of the signer's FuzzVerify targets.
FUZZ_VERIFY_CPU ?= 600

# The long randomised runs: how many seeds, which tests, where.
SOAK_SEEDS ?= 1000
SOAK_RUN ?= ^TestRandom
SOAK_PKG ?= ./dispatcher
SOAK_FLAGS ?= $(RACE)
SOAK_TIMEOUT ?= 2h

# Arguments for the benchmark program.
BENCH_ARGS ?=

# What of the SQL store's tests is run again with the lowest gorm.
FLOORS_RUN ?= ^(TestSQLite|TestTransaction|TestNoTransaction|TestMigrateAtOnce|TestHostUntouched|TestSilent)$$

# The tests that run the conformance suite on a database.
RACE_RUN ?= ^(TestSQLite|TestSQLiteCgo|TestPostgres|TestMySQL|TestMariaDB|TestPgBouncer|TestPartitioned|TestConformance.*)$$

# Linter and vulnerability checker are pinned by internal/tools/go.mod, and built anew when it or Go changes.
BIN := $(CURDIR)/.bin/$(shell go env GOVERSION)
GOLANGCI_LINT := $(BIN)/golangci-lint
GOVULNCHECK := $(BIN)/govulncheck

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

# DEMO_ARGS may be -db FILE, and -new to start over even if the last run was cut short.
.PHONY: demo
demo: ## run the main job on SQLite: a receiver that fails twice, then accepts (kill it, and run it again: it goes on)
	@CGO_ENABLED=0 go build -C examples -o "$(CURDIR)/.bin/demo" ./demo && exec .bin/demo $(DEMO_ARGS)

.PHONY: test
test: ## vet and test every module, the root with the race detector
	@if [ -z "$(RACE)" ]; then echo "note: no C compiler, so the race detector is off"; fi
	@for m in $(MODULES); do echo "== go vet ./... ($$m)"; (cd "$$m" && go vet ./...); done
	@export POSTRIDER_UNREACHED=$$(mktemp); trap 'rm -f "$$POSTRIDER_UNREACHED"' EXIT; \
	for m in $(MODULES); do \
		own=; case "$$m" in .) own="$(RACE)" ;; internal/integration) own="$(STORES_FLAGS)" ;; esac; \
		echo "== go test $$own ./... ($$m)"; \
		(cd "$$m" && go test $$own -timeout $(TEST_TIMEOUT) $(TESTFLAGS) ./...); \
	done; \
	if [ -s "$$POSTRIDER_UNREACHED" ]; then \
		echo "== not tested, for lack of the server:"; sort -u "$$POSTRIDER_UNREACHED" | cut -c 1-160 | sed 's/^/   /'; \
	fi
	@if [ -n "$(RACE)" ]; then echo "== go test: what the race detector disturbs"; go test $(TESTFLAGS) -run '^TestAllocations$$' ./internal/jsonform; fi

# The suite's waits are real ones, and under the race detector SQLite in Go is ten times as slow.
.PHONY: race
race: ## run the conformance suite on every database with the race detector (long)
	@cd internal/integration && go test -race -v -count=1 -timeout 2h $(STORES_FLAGS) -run '$(RACE_RUN)' ./gormstore ./redisstore

.PHONY: images
images: ## build the images of the databases that tests need, where no registry can be reached (root, on Debian or Ubuntu)
	@.ci/images/build

.PHONY: deps
deps: ## check what depends on what, and the go.mod files
	@go test -count=1 ./internal/deps

.PHONY: tidy
tidy: ## check that every go.mod and go.sum is as go mod tidy leaves it
	@for m in $(MODULES); do echo "== go mod tidy -diff ($$m)"; (cd "$$m" && go mod tidy -diff); done

.PHONY: lint
lint: $(GOLANGCI_LINT) ## run golangci-lint on every module
	@for m in $(MODULES); do \
		echo "== golangci-lint ($$m)"; \
		(cd "$$m" && "$(GOLANGCI_LINT)" run --allow-parallel-runners --config "$(CURDIR)/.golangci.yml" ./...); \
	done

.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities (POSTRIDER_VULN_REQUIRED=1: fail if the database cannot be reached)
	@GOVULNCHECK="$(GOVULNCHECK)" .ci/vuln $(MODULES)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@FUZZTIME="$(FUZZTIME)" .ci/fuzz $(MODULES)

# A fuzz target runs GOMAXPROCS workers, so its share of the processor time is its wall time times these; where other
# programs compete it gets less, which is why the time spent is printed. FuzzSign, which verifies too, comes on top.
.PHONY: fuzz-verify
fuzz-verify: ## hold the signer's verifiers to their oracles for FUZZ_VERIFY_CPU seconds of processor time
	@targets=$$(go test -vet=off -list '^FuzzVerify' ./signer | grep -c '^FuzzVerify'); \
	workers=$${GOMAXPROCS:-$$(getconf _NPROCESSORS_ONLN)}; \
	share=$$(( ($(FUZZ_VERIFY_CPU) + targets * workers - 1) / (targets * workers) )); \
	echo "$(FUZZ_VERIFY_CPU) s of processor time: $$targets FuzzVerify targets, $$workers workers, $${share}s each"; \
	time GOMAXPROCS=$$workers FUZZTIME="$${share}s" .ci/fuzz signer

.PHONY: soak
soak: ## run the randomised tests on SOAK_SEEDS seeds (long)
	@if ! go test -list '$(SOAK_RUN)' $(SOAK_PKG) | grep -c '^Test' >/dev/null; then \
		echo "no test in $(SOAK_PKG) matches $(SOAK_RUN)" >&2; exit 1; fi
	POSTRIDER_SEEDS=$(SOAK_SEEDS) go test $(SOAK_FLAGS) -count=1 -timeout $(SOAK_TIMEOUT) -run '$(SOAK_RUN)' $(SOAK_PKG)

# Processes are killed and servers are taken away, which is sensitive to what else the machine does.
.PHONY: crash
crash: ## kill, stop and cut off processes that deliver, on every store, and check what came of it (long)
	@cd internal/integration/crash && POSTRIDER_CRASH=full go test -count=1 -timeout 3h -run '^TestStores$$'

.PHONY: crash-short
crash-short: ## the same with few kills, on SQLite and PostgreSQL for the most part (minutes)
	@cd internal/integration/crash && POSTRIDER_CRASH=short go test -count=1 -timeout 15m -run '^TestStores$$'

.PHONY: mutation
mutation: ## show that the conformance suite catches each seeded fault
	POSTRIDER_FAULTS=all go test -count=1 -timeout 30m ./internal/mutation

.PHONY: floors
floors: ## test the SQL store with the version of gorm that the root module states
	@.ci/floors -count=1 -short -run '$(FLOORS_RUN)'

.PHONY: examples
examples: ## test the examples on a Postgres and a Redis in containers
	@.ci/examples

.PHONY: bench
bench: ## measure side by side with plain net/http (BENCH_ARGS are passed on)
	@cd internal/bench && go run . $(BENCH_ARGS)

.PHONY: cover
cover: ## print the test coverage, per package and in total
	@mkdir -p .bin
	@go test -coverpkg=./... -coverprofile=.bin/cover.out ./... >.bin/cover.log || { cat .bin/cover.log; exit 1; }
	@awk -f .ci/coverage.awk .bin/cover.out

.PHONY: tools
tools: $(GOLANGCI_LINT) $(GOVULNCHECK) ## build the linter and the vulnerability checker (minutes, the first time)

$(GOLANGCI_LINT): internal/tools/go.mod internal/tools/go.sum
	go -C internal/tools build -buildvcs=false -o "$@" github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GOVULNCHECK): internal/tools/go.mod internal/tools/go.sum
	go -C internal/tools build -buildvcs=false -o "$@" golang.org/x/vuln/cmd/govulncheck

.PHONY: clean
clean: ## remove what the targets above have built
	rm -rf .bin
