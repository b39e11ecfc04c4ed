# Every target has a line in "make help", which is the default.

GO   ?= go
NODE ?= node
NPM  ?= npm

.PHONY: all help build quick one test test-go test-bounds test-sinks test-evaluation test-workers test-e2e test-gosdk \
	test-deploy test-matrix test-live test-release check bench platforms release deps clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the command, as bin/flagcast
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/flagcast ./cmd/flagcast

quick: ## after each edit: vet, and the tests that need nothing but Go, with short limits; under a minute
	$(GO) vet ./...
	$(GO) test -short ./...

one: ## one test in every package that has it: make one T=TestFaults
	@test -n "$(T)" || { echo 'make one needs the name of a test: make one T=TestFaults'; exit 2; }
	@packages=$$(grep -rl --include='*_test.go' -E "^func $(T)\(" . --exclude-dir=node_modules | xargs -r -n1 dirname | sort -u); \
	test -n "$$packages" || { echo 'no test is called $(T)'; exit 2; }; \
	for p in $$packages; do case $$p in \
	./test/bench*|./test/deploy*|./test/gosdk*) (cd $$p && $(GO) test -race -count=1 -v -run '^$(T)$$' .) || exit 1;; \
	*) $(GO) test -race -count=1 -v -run '^$(T)$$' $$p || exit 1;; esac; done

# What npm has for the tests: the real Unleash server with PostgreSQL, workerd,
# the SDKs and the client specification. Nothing of it is in the product.
deps: test/node_modules/.package-lock.json ## what npm has for the tests
test/node_modules/.package-lock.json: test/package.json test/package-lock.json test/.npmrc
	cd test && $(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

test: deps test-go test-bounds test-sinks test-evaluation test-workers test-e2e test-gosdk test-deploy ## everything that a change has to pass, with Go and Node; some 10 minutes
test-go: deps ## Go packages, under the race detector
	FLAGCAST_NO_SKIP=1 $(GO) test -race -shuffle=on -timeout 20m $$($(GO) list ./... | grep -v '/test/e2e\|/test/differential\|/sinks\|/edgecore/publish')

# Without the race detector, which has memory and time of its own: that serve stays
# within its container, and that no work grows faster than its input.
test-bounds: ## memory of hostile answers, and that work grows no faster than its input
	$(GO) test -run 'TestMemoryOfHostileAnswers$$' ./cmd/flagcast
	$(GO) test -run 'TestWorkIsLinear$$' ./edgecore/eval

# By itself, for its output: the contract of sinks as a table, and how many
# schedules of faults the publisher has come through.
test-sinks: deps ## the contract of sinks as a table, and the fault schedules of the publisher
	FLAGCAST_NO_SKIP=1 $(GO) test -race -shuffle=on -timeout 20m -json ./sinks/... ./edgecore/publish | $(GO) run ./test/contract
	$(GO) test -json -run 'TestFaults$$' ./edgecore/publish | $(GO) run ./test/contract

# By itself, for its output: how many cases and queries agree, and the seed.
test-evaluation: deps ## evaluation against the client specification and random definitions
	FLAGCAST_NO_SKIP=1 $(GO) test -race -v -run 'TestClientSpecification|TestVectors' ./edgecore/eval
	FLAGCAST_NO_SKIP=1 $(GO) test -race -v ./test/differential

# By itself, for its output: the time from a flip in Unleash to the worker.
test-e2e: deps ## the real Unleash server, the core, workerd and SDKs together
	FLAGCAST_NO_SKIP=1 $(GO) test -race -v -timeout 20m ./test/e2e/

# A module of its own: the SDK for Go.
test-gosdk: deps ## the SDK for Go against the core
	cd test/gosdk && FLAGCAST_NO_SKIP=1 $(GO) test -race -shuffle=on -timeout 20m ./...

# Not in test: the newest Unleash server of each major version from 5 on.
test-matrix: deps test/matrix/node_modules/.package-lock.json ## not in test: the newest Unleash server of each major version
	FLAGCAST_NO_SKIP=1 FLAGCAST_MATRIX=1 $(GO) test -v -timeout 20m -run 'TestMatrix$$' ./test/e2e/

# Not in test: five minutes of load.
test-live: ## not in test: 10,000 streams while flags change for five minutes
	FLAGCAST_LIVE=1 $(GO) test -v -timeout 20m -run 'TestLive$$' ./test/e2e/

test/matrix/node_modules/.package-lock.json: test/matrix/package.json test/matrix/package-lock.json test/matrix/.npmrc
	cd test/matrix && $(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

# Modules of their own: the validator of manifests, with Kubernetes' schemas, and what
# makes an image.
test-deploy: ## the manifests, the chart, the scripts and the image in deploy/
	cd test/deploy && $(GO) test -shuffle=on -timeout 20m ./...
	cd deploy/release && $(GO) test -shuffle=on -timeout 20m ./...

test-workers: deps ## the worker runtime, with each installed version of Node
	FLAGCAST_NO_SKIP=1 $(NODE) --test workers/test/*.test.js
	@for node in test/node_modules/node-*/bin/node; do FLAGCAST_NO_SKIP=1 $$node --test workers/test/spec.test.js || exit 1; done

GOLANGCI    = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.1.4

PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64

platforms: ## compile for every platform: some 30 s for each where nothing is cached
	@for p in $(PLATFORMS); do echo "$$p"; CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build ./... || exit 1; done

GORELEASER = github.com/goreleaser/goreleaser/v2@v2.17.0

# A tag of this commit is the version; without one it is a snapshot.
release: ## all that a release is, in dist/ and build/release/; nothing is uploaded
	@if git describe --exact-match --tags HEAD >/dev/null 2>&1; \
	then $(GO) run $(GORELEASER) release --clean --skip=publish,announce; \
	else $(GO) run $(GORELEASER) release --clean --snapshot; fi

# Not in test: it compiles for six platforms, twice.
test-release: deps ## not in test: a release has the same bytes twice, and each part of it works
	@test -z "$$(git status --porcelain)" || { echo 'make test-release needs a checkout without changes'; exit 2; }
	$(MAKE) release
	rm -rf build/again && git clone -q . build/again && $(MAKE) -C build/again release
	cmp dist/checksums.txt build/again/dist/checksums.txt
	cd deploy/release && FLAGCAST_DIST=$(CURDIR)/dist $(GO) test -count=1 -v -run 'TestDist' .

check: platforms ## what needs no running: platforms, vet, lint, tidy, known vulnerabilities
	$(GO) mod tidy -diff
	$(GO) vet ./...
	cd test/bench && $(GO) vet ./...
	cd test/deploy && $(GO) vet ./...
	cd test/gosdk && $(GO) vet ./...
	cd deploy/release && $(GO) vet ./...
	$(GO) run $(GOLANGCI) run
	$(GO) run $(GOVULNCHECK) ./...

# Unleash Edge for the bench: cargo install unleash-edge --version 20.1.0 --locked
bench: deps ## speed and size against named peers, as tables; Unleash Edge where UNLEASH_EDGE_BIN names it
	cd test/bench && $(GO) run .
	$(NODE) test/bench/worker.mjs

clean: ## remove what was built or installed
	rm -rf bin build dist test/node_modules test/matrix/node_modules test/pysdk/venv test/schemathesis/venv
