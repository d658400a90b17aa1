# make help lists the targets.

# The tools are pinned here, not in go.mod, which has only what Pitwall is built of.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# How long make fuzz spends on each target.
FUZZTIME ?= 60s
# Which benchmarks make bench runs, and how often each.
BENCH ?= .
COUNT ?= 1
# How often make crash kills the process.
KILLS ?= 20
# How long make soak plays random schedules of each kind.
SOAKTIME ?= 10m

.DEFAULT_GOAL := build
.PHONY: help build module test lint vulncheck sbom bench fuzz crash soak chaos long deps

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/'

build: ## bin/pitwall
	go build -o bin/pitwall ./cmd/pitwall

module: ## another path for the module: NAME=example.org/club/tracker; FOLDER=copy leaves this tree as it is
	@.ci/module '$(NAME)' $(FOLDER)

test: deps ## every check and every test; installs the servers and the browser that they need
	@STATICCHECK=$(STATICCHECK) .ci/test

lint: ## gofmt, vet, staticcheck and the architecture rules
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go -C bench/peers vet ./...
	go -C engine/e2e/deploy/manifests vet ./...
	go run $(STATICCHECK) ./...
	go test ./engine/internal/archtest

vulncheck: ## known vulnerabilities, by govulncheck; Error 69 where its database cannot be reached (.ci/vulncheck)
	@GOVULNCHECK=$(GOVULNCHECK) .ci/vulncheck

sbom: build ## bin/pitwall.cdx.json, the software bill of materials of bin/pitwall (CycloneDX)
	go run ./engine/internal/sbom bin/pitwall > bin/pitwall.cdx.json

bench: ## benchmarks with allocations (BENCH=regexp COUNT=n)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

fuzz: ## every fuzz target for FUZZTIME (60s); findings go to testdata/fuzz
	@set -e; for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r dirname | sort -u); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

crash: deps ## kills the archive KILLS times (20) under load, also on a Cluster, and shows that nothing is lost or doubled
	go test -count=1 -v -timeout 30m -run '^TestCrash$$' ./engine/e2e/faults -args -crash.kills=$(KILLS) -crash.cluster

soak: ## the core under random schedules, with shards that the test turns and with running ones, each for SOAKTIME (10m), with the race detector
	PITWALL_SOAK=$(SOAKTIME) go test -race -timeout 0 -run 'TestRandomSchedule|TestRunningSchedule|TestRandomClocks|TestChangesBetweenSlices' -v ./shard

chaos: deps ## faults on purpose, one after the other: on every way between the parts, and of the parts
	PITWALL_LONG=1 go test -count=1 -v -timeout 30m -run '^TestChaos$$' ./engine/e2e/chaos

long: deps chaos ## what takes too long for make test: make chaos, the alerts whose faults last minutes, and builds for every system
	PITWALL_LONG=1 go test -count=1 -v -timeout 30m -run '^TestFaults$$' ./engine/e2e/alerts
	PITWALL_LONG=1 go test -count=1 -v -timeout 60m -run '^Test(CrossBuilds|ModuleUnderAnotherPath)$$' ./engine/e2e/deploy

deps: ## installs redis-server, PostgreSQL, PgBouncer, Prometheus, Chromium and gcc where missing
	@.ci/deps
