# `make` alone lists what there is. Every target makes and keeps up its own .venv.

VENV := .venv
PY := $(VENV)/bin/python
# Set it to use another Python than the first of 3.11 or later that is found.
PYTHON ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-pg15 bench draws fuzz drill model campaigns faults api-lint clients openapi lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## Replay a real grocer's baskets and serve; ARGS="--days 3 --exit --json" (loyalty demo --help)
	@$(VENV)/bin/loyalty demo $(ARGS)

serve: $(VENV)/.installed ## Serve the API on 127.0.0.1:8080; ARGS="--port 9000"
	@$(VENV)/bin/loyalty serve $(ARGS)

test: $(VENV)/.installed ## Run everything that guards main
	@.ci/test $(ARGS)

test-pg15: $(VENV)/.installed ## Run the tests that use a database on a system PostgreSQL 15
	@.ci/test-pg15 $(ARGS)

bench: $(VENV)/.installed ## Measure the figures we promise, into benchmarks/latest.json
	@$(PY) -m benchmarks $(ARGS)

fuzz: $(VENV)/.installed ## Say to the service what it does not expect; ARGS="--requests 1000000 --seed 7"
	@$(PY) -m tests.fuzz $(ARGS)

drill: $(VENV)/.installed ## Back up under load, restore elsewhere, verify; ARGS="--seconds 60"
	@$(PY) -m tests.drill $(ARGS)

model: $(VENV)/.installed ## Hold the service against a model, and transactions against one another; ARGS="--steps 1000000 --seed 2"
	@$(PY) -m tests.model $(ARGS)

draws: $(VENV)/.installed ## A million draws against their odds, and a year of a paced budget
	@$(PY) -m tests.draws $(ARGS)

campaigns: $(VENV)/.installed ## Redeem every coupon of a real grocer's year: accepted, used, or refused with its reason
	@$(PY) -m tests.campaigns

faults: $(VENV)/.installed ## Hurt a loaded service and check what it promised; ARGS="--minutes 10 --seed 1"
	@$(PY) -m tests.faults $(ARGS)

api-lint: $(VENV)/.installed ## Lint the OpenAPI document (needs npm)
	@.ci/api-lint

clients: $(VENV)/.installed ## Generate and compile a Python and a TypeScript client (needs npm)
	@.ci/clients

openapi: $(VENV)/.installed ## Write openapi/loyalty-api.yaml anew from the code
	@$(VENV)/bin/loyalty openapi write

lock: $(VENV)/.installed ## Pin what pyproject.toml asks for, with hashes; ARGS=--upgrade for newer ones
	@.ci/lock $(ARGS)

clean: ## Remove .venv and everything else that was made here
	rm -rf $(VENV) build dist clients .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Other requirements make another environment: what they no longer name must not linger.
$(VENV)/.made: requirements-dev.txt .ci/venv
	@PYTHON="$(PYTHON)" .ci/venv $(VENV) requirements-dev.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
