# Nothing but Python 3.11 or newer, its venv module and make is assumed. PYTHON names another interpreter.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
TREE := $(wildcard activities api bench channels chaos devstack domain ledger simulator store tests workflows settings.py schedules.py verify.py worker.py)

.PHONY: up test prove chaos check verify bench bench-ledger bench-fairness bench-partitions bench-peers clean \
  environment environment-dev environment-bench python

up: environment
	@$(RUN) -m devstack up

test: environment-dev
	@$(RUN) -m pytest -n 2

# The loads that `make test` keeps up for seconds, for half a minute each: the book under contention and under kills.
prove: environment-dev
	@$(RUN) -m pytest tests/faults/test_contention.py tests/faults/test_outage.py --load-seconds 30

# Tries to lose money: SEEDS seeds of load and faults on one stack of real processes. What is done is kept in .paysaga-chaos,
# so that a run that was stopped goes on; CHAOS="--seed 7" replays one seed, CHAOS="--report" prints the page.
SEEDS ?= 10
chaos: environment
	@$(RUN) -m chaos --seeds $(SEEDS) --resume $(CHAOS)

check: environment-dev
	@$(RUN) -m ruff check $(TREE)
	@$(RUN) -m ruff format --check $(TREE)
	@$(RUN) -m mypy --strict $(TREE)
	@$(RUN) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

# Asks the database of PAYSAGA_DATABASE_URL, else that of the stack of `make up`. VERIFY="--since last-seal --json" adds.
verify: environment
	@$(RUN) verify.py $(VERIFY)

# Writes docs/performance.md and its charts. BENCH="--growth" adds the million, BENCH="--resume" continues a run.
bench: environment environment-bench
	@$(RUN) -m bench --json build/bench.json $(BENCH)
	@$(RUN) -m bench report build/bench.json

bench-ledger: environment
	@$(RUN) -m bench.ledger

bench-fairness: environment
	@$(RUN) -m bench.fairness

# What a row costs in a partitioned table, beside the same row without partitions.
bench-partitions: environment
	@$(RUN) -m bench.partitions

# The same payment on Temporal and on dbos, in turns. PEERS="--quick" adds options.
bench-peers: environment environment-bench
	@$(RUN) -m bench.peers $(PEERS)

# The data of `make up` stay: they are in .paysaga, or where PAYSAGA_HOME says.
clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Installs again only when a lock file changed.
environment: python
	@$(PYTHON) devstack/install.py $(VENV) requirements.lock

environment-dev: python
	@$(PYTHON) devstack/install.py $(VENV) requirements-dev.lock

environment-bench: python
	@$(PYTHON) devstack/install.py $(VENV) requirements-bench.lock

python:
	@command -v $(PYTHON) >/dev/null || { echo "paysaga: $(PYTHON) is not there; install Python 3.11 or newer, or set PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "paysaga needs Python 3.11 or newer, and $(PYTHON) is `$(PYTHON) --version 2>&1`; set PYTHON to a newer one" >&2; exit 1; }
