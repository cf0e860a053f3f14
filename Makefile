# Trunkline: `make help` lists what can be made.
MODULES  := schemas pkg services/ingress services/callctl services/media services/registry cmd/trunkline examples examples/custom-provider bench
SERVICES := ingress callctl media registry
BIN      := bin
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SDKTEST  := pkg/carriersim/sdktest
FUZZTIME ?= 60s
GOFLAGS  := -trimpath
export GOFLAGS

.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## hear simulated calls through the whole pipeline: no account, no phone, no Docker
	@mkdir -p $(BIN)
	go build -o $(BIN)/trunkline ./cmd/trunkline
	$(BIN)/trunkline demo $(ARGS)

test: prerequisites ## run all tests; brings what they need
	go test -count=1 work

test-sdk: $(SDKTEST)/node_modules/.package-lock.json ## drive the simulated carriers with the carriers' own SDKs for Node
	cd pkg && go test -tags sdk -count=1 ./carriersim/sdktest

build: ## build all programs into bin/
	@mkdir -p $(BIN)
	go build -o $(BIN)/trunkline ./cmd/trunkline
	for s in $(SERVICES); do go build -o $(BIN)/$$s ./services/$$s/cmd/$$s || exit 1; done

up: build ## run everything in one process on this machine
	$(BIN)/trunkline up $(ARGS)

race: prerequisites ## run all tests under the race detector
	go test -race -count=1 -timeout 20m work

fmt: ## format the code
	gofmt -w $(MODULES)

lint: ## run the linters
	@mkdir -p $(BIN)
	@[ -x $(BIN)/golangci-lint ] || GOBIN=$(CURDIR)/$(BIN) GOFLAGS= GOWORK=off go install $(LINT)
	for m in $(MODULES); do (cd $$m && $(CURDIR)/$(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

generate: ## write what is generated: import lists, form schemas
	go generate work

modules: ## build each module alone, as its users do
	for m in $(MODULES); do (cd $$m && GOWORK=off go build -o /dev/null ./... && GOWORK=off go vet ./...) || exit 1; done

bench: ## measure webhooks and media on one core, against a peer in Node where node is there
	@mkdir -p $(BIN)
	go build -o $(BIN)/trunkline-bench ./bench/cmd/trunkline-bench
	$(BIN)/trunkline-bench $(ARGS)

fuzz: ## fuzz every target, FUZZTIME (60s) each
	@for m in $(MODULES); do (cd $$m && for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done) || exit 1; done

check: fmt-check generated modules lint test-sdk race ## all that CI does, in its order

fmt-check:
	@files=$$(gofmt -l $(MODULES)); [ -z "$$files" ] || { echo "not formatted (make fmt): $$files"; exit 1; }

generated:
	go generate work
	@git diff --exit-code --stat -- '*/all.go' schemas/provider README.md || { echo "generated files are stale: commit what make generate wrote"; exit 1; }

$(SDKTEST)/node_modules/.package-lock.json: $(SDKTEST)/package-lock.json | prerequisites
	cd $(SDKTEST) && npm ci --silent --no-audit --no-fund

prerequisites:
	@missing=; for p in redis-server:redis-server node:nodejs npm:npm; do \
	  command -v "$${p%:*}" >/dev/null || missing="$$missing $${p#*:}"; done; \
	[ -z "$$missing" ] && exit 0; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "installing$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null && { service redis-server stop >/dev/null 2>&1 || true; }; \
	else echo "the tests need redis-server 7, node 18 and npm, or newer, on the PATH: sudo apt-get install$$missing, or brew install redis node"; exit 1; fi

.PHONY: help demo test test-sdk build up race fmt lint generate modules bench fuzz check fmt-check generated prerequisites
