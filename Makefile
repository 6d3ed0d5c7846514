# Each target is one line of real work.
REGISTRY ?= ghcr.io/bazaar
TAG ?= latest
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run reset test web fault storm mutants lint bench build images

## run: everything on this machine, until Ctrl-C; ARGS="--buyers 1000" adds to it
run:
	@go build -o bin/local ./infra/cmd/local && exec bin/local up $(ARGS)

## reset: forget what run has kept
reset:
	go run ./infra/cmd/local reset

## test: all tests, with real PostgreSQL, Redis and NATS; those below tests/ one package at a time, since some run the whole house
GOTEST = go test -race -shuffle=on -count=1
test:
	$(GOTEST) ./shared/... ./functions/... ./infra/... && $(GOTEST) -p 1 ./tests/...

## web: the types of the page and of its client library, with the compiler that infra/web/package-lock.json names (npm)
web:
	@mkdir -p build/node && cp infra/web/package.json infra/web/package-lock.json build/node/
	npm ci --prefix build/node --ignore-scripts --no-audit --no-fund && build/node/node_modules/.bin/tsc -p infra/web

## fault: SEEDS=n seeds of faults under 60 % of the load that is accepted here, every crash point by itself, PostgreSQL away for two minutes
SEEDS ?= 20
fault:
	FAULT_LONG=1 FAULT_SEEDS=$(SEEDS) FAULT_SECONDS=20 FAULT_AWAY=120 FAULT_SHARE=0.6 go test -race -count=1 -timeout 3h -v ./tests/fault

## storm: people talk for two minutes while everything is killed, SEEDS=n times, then a connector dies in mid-delivery 8 times; STORM_SEED=7 SEEDS=1 is one seed again
storm:
	STORM_SEEDS=$(SEEDS) STORM_SECONDS=120 STORM_KILLS=8 go test -race -count=1 -timeout 5h -v ./tests/storm

## mutants: take the guards away one by one and see a test fail for each; ARGS="oversell sign-out" takes these only
mutants:
	go run ./tests/mutant $(ARGS)

## lint: vet, staticcheck, gofmt, and the rules of the house
lint:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go test -count=1 ./tests/house

## bench: how fast it is, as ratios; the report goes to tests/bench/report. ARGS="accept drain" measures these only
bench:
	go run ./tests/bench $(ARGS)

## build: every program into bin/
build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./functions/... ./infra/cmd/...

## images: every function and service as a container image (Docker and faas-cli)
images:
	faas-cli build && for name in nats migrate trigger connector; do docker build -f infra/Dockerfile --build-arg CMD=$$name -t $(REGISTRY)/$$name:$(TAG) . || exit 1; done
