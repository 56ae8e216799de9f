# Tidegate. `make help` says what there is.
#
# Every folder with a go.mod is a module; each builds and tests alone
# (GOWORK=off), and all of them together through go.work.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULES  := events libs services/consumer services/credential services/catalog services/subscription services/gateway services/portal cmd/tidegate
BINARY   := bin/tidegate
FUZZTIME ?= 1m
BENCH    ?= .
ARGS     ?=

.PHONY: help run build tidegate test race verify lint bench fuzz golden needs clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-zA-Z_-]*:.*## / {printf "  \033[1m%-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: tidegate ## Build and run all of Tidegate with demonstration data (ARGS="--listen ...")
	@exec ./$(BINARY) up --demo $(ARGS)

build: tidegate ## Build the binaries into bin/
	@for s in consumer credential catalog subscription gateway portal; do CGO_ENABLED=0 go build -o bin/$$s ./services/$$s/cmd/$$s; done

tidegate:
	@echo "==> building $(BINARY) (the first time this fetches and compiles its modules)"
	@mkdir -p bin && CGO_ENABLED=0 go build -o $(BINARY) ./cmd/tidegate

test: needs ## Run every test (ARGS="-run Name"); installs what it needs (Postgres, nginx, caddy, curl, openssl)
	@for m in $(MODULES); do echo "==> testing $$m"; (cd $$m && go test -timeout 20m $(ARGS) ./...) || failed="$${failed:-} $$m"; done; \
	if [ -n "$${failed:-}" ]; then echo "==> FAILED:$$failed"; exit 1; fi; echo "==> all modules passed"

race: needs ## Run every test under the race detector
	@for m in $(MODULES); do echo "==> testing $$m under the race detector"; (cd $$m && go test -race -timeout 40m ./...); done

verify: ## Check that each module builds and is tidy alone, that code is formatted, and that golden files are fresh
	@unformatted=$$(gofmt -l $(MODULES)); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	@for m in $(MODULES); do echo "==> verifying $$m alone"; (cd $$m && export GOWORK=off && \
		go build ./... && go vet ./... && \
		{ out=$$(go mod tidy -e -diff 2>/dev/null) || true; test -z "$$out" || { echo "go.mod or go.sum is not tidy:"; echo "$$out"; exit 1; }; }); done
	@echo "==> golden files"
	@before=$$(git status --porcelain); $(MAKE) --no-print-directory golden >/dev/null; after=$$(git status --porcelain); \
	test "$$before" = "$$after" || { echo "golden files are not fresh; commit what changed:"; git status --short; exit 1; }

golden: ## Write the golden files anew (OpenAPI, schemas, CLI help)
	@for dir in $$(git grep -lE 'flag\.Bool\("update"' -- '*_test.go' | xargs -r -n1 dirname | sort -u); do \
		echo "==> $$dir"; (cd $$dir && go test -count=1 . -update >/dev/null); done

lint: ## Run golangci-lint in every module
	@command -v golangci-lint >/dev/null || PATH="$$(go env GOPATH)/bin:$$PATH" command -v golangci-lint >/dev/null || \
		{ echo "==> installing golangci-lint"; go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0; }
	@export PATH="$$(go env GOPATH)/bin:$$PATH"; for m in $(MODULES); do echo "==> linting $$m"; (cd $$m && golangci-lint run ./...); done

bench: ## Run the benchmarks and print their figures (BENCH=regexp)
	@for dir in $$(git grep -lE '^func Benchmark' -- '*_test.go' | xargs -r -n1 dirname | sort -u); do \
		echo "==> $$dir"; (cd $$dir && go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 30m .); done

fuzz: ## Run every fuzz target for FUZZTIME (1m)
	@git grep -oE '^func Fuzz[A-Za-z0-9]+' -- '*_test.go' | sed 's/:func /:/' | while IFS=: read -r file target; do \
		echo "==> $$(dirname $$file) $$target"; (cd $$(dirname $$file) && go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s .); done

# Tests of the Postgres store need its server programs (initdb, postgres), those of
# the gateway as an authorizer nginx and caddy, those of the README's calls curl and
# openssl.
needs:
	@missing=; \
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	test -x /usr/sbin/nginx || missing="$$missing nginx-light"; \
	for tool in caddy curl openssl; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "==> installing what the tests need:$$missing"; \
		DEBIAN_FRONTEND=noninteractive apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	else echo "==> the tests need$$missing: install these packages and run this again"; exit 1; fi

clean: ## Remove what was built
	@rm -rf bin
