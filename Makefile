# The commands people run. `make` alone lists them, by the groups that the `##@` lines begin.

# One build for everything: the functions, the command and the tests share their dependencies.
CARGO_TARGET_DIR ?= target
ARAUTO = $(CARGO_TARGET_DIR)/debug/arauto
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help demo up down test conformance sim sim-flood corpus fuzz test-tools check-tools check advisories fmt outcomes capacity cost dashboard lint-infra deploy-check reproducible sbom release packages package-tools bench bench-check bench-publish bench-isolation bench-chains clean compliance

help: ## List the commands
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Try

demo: $(ARAUTO) ## Deploy template.yaml on this machine and watch it notify a receiver
	$(ARAUTO) demo

up: $(ARAUTO) ## Start the local stack and keep it running
	$(ARAUTO) up

down: $(ARAUTO) ## Stop the stack that `make up` started
	$(ARAUTO) down

##@ Test and check

# More than there are cores: most tests wait for somebody.
TEST_THREADS ?= 6
CARGO_TEST = RUST_TEST_THREADS=$(TEST_THREADS) cargo test --locked --workspace
# What is tested on the local stack waits for real retries. The others compute meanwhile, and what it printed comes last.
ON_STACK = .arauto/on-stack.txt
# --tests: without the examples, which `make check` compiles.
test: ## Run every test; those whose tools are missing are skipped
	@mkdir -p .arauto; rm -f .arauto/skipped.txt
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --tests --no-run
	@$(CARGO_TEST) --test whole_path --test conformance --no-fail-fast > $(ON_STACK) 2>&1 & on_stack=$$!; \
	trap 'kill $$on_stack 2> /dev/null; exit 130' INT TERM; \
	$(CARGO_TEST) --tests -- --skip on_stack::; others=$$?; \
	wait $$on_stack; on_stack=$$?; cat $(ON_STACK); [ $$others = 0 ] && [ $$on_stack = 0 ]
	@if [ -f .arauto/skipped.txt ]; then cat .arauto/skipped.txt; fi

# `real` waits as the suite does: ten minutes after each change of a registration, twice in the longest module.
WAITS ?= short
conformance: ## Replay the webhook modules of the conformance suite; WAITS=real waits as it does (25 minutes)
	ARAUTO_CONFORMANCE=$(WAITS) cargo test --locked --workspace --test conformance

# Seeds that `make sim` plays.
SEEDS ?= 10000
sim: ## Simulate the whole system from SEEDS=10000 seeds; ARAUTO_SIM_SEED=N replays one and prints its history
	ARAUTO_SIM_SEEDS=$(SEEDS) cargo test --locked --profile sim -p tests --test sim -- \
	  --ignored --exact the_guarantees_hold_for_many_seeds \
	  one_of_fifty_receivers_that_hangs_leaves_the_others_their_p99 --nocapture

sim-flood: ## Simulate 300 events a second to a receiver that hangs (four minutes)
	cargo test --locked --profile sim -p tests --test sim -- \
	  --ignored --exact a_flood_to_a_receiver_that_hangs_leaves_the_others_their_time --nocapture

corpus: ## Run the attack corpus alone: some 220 misbehaving receivers
	cargo test --locked --workspace --test corpus

# Seconds that each fuzz target runs.
FUZZ_SECONDS ?= 60
# Stable: libFuzzer alone needs no nightly, and the sanitizers find little in a workspace without unsafe code.
FUZZ := RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none

fuzz: ## Fuzz every parser of outside input, FUZZ_SECONDS=60 each
	@cargo fuzz --version > /dev/null 2>&1 || \
	{ echo "cargo-fuzz is not installed. Install it with: cargo install --locked cargo-fuzz"; exit 1; }
	@for target in $$(ls tests/fuzz/corpus); do \
		echo "=== $$target"; \
		mkdir -p tests/fuzz/found/$$target; \
		$(FUZZ) $$target tests/fuzz/found/$$target tests/fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 || exit 1; \
	done

# Only Debian's packages need root. Scripts of npm's packages are not run.
test-tools: ## Install what some tests need - nginx, Apache, HAProxy, OpenSSL, Chromium, Prism, TypeScript, Go, Jackson, a Kafka client, OTLP's messages (Debian; asks sudo)
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y --no-install-recommends nginx-light openssl apache2-bin haproxy chromium golang-go libjackson2-databind-java
	mkdir -p .arauto/node
	cp infra/tools/prism/package.json infra/tools/prism/package-lock.json .arauto/node
	npm ci --ignore-scripts --no-fund --no-audit --prefix .arauto/node
	mkdir -p .arauto/typescript
	cp infra/tools/typescript/package.json infra/tools/typescript/package-lock.json .arauto/typescript
	npm ci --ignore-scripts --no-fund --no-audit --prefix .arauto/typescript
	mkdir -p .arauto/browser
	cp infra/tools/browser/package.json infra/tools/browser/package-lock.json .arauto/browser
	npm ci --ignore-scripts --no-fund --no-audit --prefix .arauto/browser
	python3 -m venv .arauto/kafka
	.arauto/kafka/bin/pip install --quiet --only-binary :all: --require-hashes -r infra/tools/kafka.txt
	python3 -m venv .arauto/otlp
	.arauto/otlp/bin/pip install --quiet --only-binary :all: --require-hashes -r infra/tools/otlp.txt

check-tools: ## Install cargo-deny, which checks licences and sources of dependencies
	cargo deny --version > /dev/null 2>&1 || cargo install --locked --debug cargo-deny@0.20.2

check: ## Check format, lints, documentation and dependencies, as CI does
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps --document-private-items
	@if cargo deny --version > /dev/null 2>&1; then cargo deny check licenses bans sources; \
	else echo "skipped: cargo deny is not installed (make check-tools)"; [ "$$ARAUTO_SKIP" != never ]; fi

# The database lies on a public git server. Where it cannot be reached nothing was checked, and that is said.
advisories: ## Check dependencies for known vulnerabilities, where the database can be reached
	@if cargo deny fetch db > /dev/null 2>&1; then cargo deny --offline check advisories; \
	else echo "skipped: the database of advisories cannot be reached, or cargo deny is not installed (make check-tools)"; \
	[ "$$ARAUTO_SKIP" != never ]; fi

fmt: ## Format the code
	cargo fmt --all

##@ Generate pages

outcomes: $(ARAUTO) ## Write docs/outcomes.md from the table of codes
	$(ARAUTO) outcomes --markdown > docs/outcomes.md

compliance: ## Write docs/compliance.md and docs/compliance.pt-BR.md from docs/compliance.json
	ARAUTO_WRITE_COMPLIANCE=1 cargo test --locked -p tests --test suites compliance::the_pages

capacity: $(ARAUTO) ## Write docs/capacity.md from the model of arauto capacity
	$(ARAUTO) capacity --markdown > docs/capacity.md

dashboard: ## Draw docs/dashboard.svg from the dashboard in infra/operations.yaml
	ARAUTO_WRITE_PICTURE=1 cargo test --locked -p tests --test suites operations::picture

cost: ## Write docs/cost.md and docs/cost.svg from the price lists and what a notification uses
	ARAUTO_WRITE_COST=1 cargo test --locked -p tests --test suites bill::page

##@ Deploy

lint-infra: ## Lint the templates with cfn-lint, checkov and our own rules; offline once its tools are installed
	infra/lint-infra

deploy-check: ## Lint, build and deploy template.yaml with SAM, to the local emulator
	infra/deploy-check

# One function by default, in the profile of the simulator and for this machine: minutes. FUNCTION=, PROFILE=release and
# TARGET=aarch64-unknown-linux-gnu build what is deployed.
FUNCTION ?= intake
PROFILE ?= sim
reproducible: ## Build a function twice from this commit and compare the zips
	infra/reproducible $(FUNCTION) $(PROFILE) $(TARGET)

sbom: ## Write each function's bill of materials (CycloneDX) to .arauto/sbom
	infra/sbom

# ARCHITECTURE=x86_64 or arm64 makes that half alone.
ARCHITECTURE ?=
release: ## Write dist/: zips, templates, the command, packages, bills of materials and checksums (many minutes)
	infra/release $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

packages: ## Add to dist/ the CDK construct, the Terraform module and client code for Java and TypeScript, and try them
	infra/packages

package-tools: ## Install what the client for Java is made with (Debian; asks sudo)
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y --no-install-recommends default-jdk-headless libjakarta-annotation-api-java

##@ Measure

# What `bench --help` names: BENCH="--short", for example. What is measured is kept, case by case, in bench.json beside the binaries.
BENCH ?=
# The release builds that are measured. FUNCTIONS=target/lambda measures what `make deploy-check` has built for AWS.
FUNCTIONS ?= $(CARGO_TARGET_DIR)/release
MEASURED = --functions $(FUNCTIONS) --floor $(CARGO_TARGET_DIR)/release/floor
bench: measured ## Measure time, memory and requests of a notification, compared with a minimal sender (many minutes)
	cargo run --locked --profile sim -p bench -- $(MEASURED) $(BENCH)

# As CI runs it: the driver is built as the tests are, since nothing here depends on how fast it is.
bench-check: measured ## Measure for half a minute; fail if requests, memory or bytes exceed the budget
	cargo run --locked -p bench -- $(MEASURED) --short

.PHONY: measured
measured:
	cargo build --locked --release -p floor \
	  $(if $(filter $(CARGO_TARGET_DIR)/release,$(FUNCTIONS)),-p dispatch -p intake -p directory -p evidence)

bench-publish: ## Run `make bench` and write docs/benchmarks.md with its picture
	$(MAKE) bench BENCH="--publish docs"

bench-isolation: ## Measure what one receiver that hangs costs the others, on real sockets (builds for minutes)
	cargo run --locked --profile sim -p tests --example isolation

bench-chains: ## Measure the certificate chains that cost most to verify (builds for minutes)
	cargo run --locked --profile sim -p tests --example chains

##@ Clean up

clean: down ## Stop the local stack and remove what the commands made, except cargo's builds
	rm -rf .arauto .aws-sam dist

.PHONY: $(ARAUTO)
$(ARAUTO):
	@echo "building (several minutes the first time)"
	@cargo build --locked --workspace --bins
