# `make demo` and `make test` need Python 3.11 or later and nothing else of ours.
# The newest of them that runs: a name on the PATH may be a shim of a version that is not set up.
runs = $(shell $(1) -c '' >/dev/null 2>&1 && echo $(1))
PYTHON ?= $(firstword $(call runs,python3.13) $(call runs,python3.12) $(call runs,python3.11) python3)
# Genesis, which is measured beside the service, takes none that is newer than 3.12.
PEERS_PYTHON ?= $(firstword $(call runs,python3.12) $(call runs,python3.11) $(PYTHON))
# tox looks on the PATH; versions that pyenv has and has not activated are "there" too.
empty :=
space := $(empty) $(empty)
PYENV := $(subst $(space),:,$(wildcard $(HOME)/.pyenv/versions/3.1[123].*/bin))

VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint bench soak fuzz kills kills-money faults docs diagrams reference clean

help:
	@echo 'make demo      callbacks happening, live, on the simulator'
	@echo 'make test      the tox matrix over the Pythons that are there'
	@echo 'make lint      ruff and mypy, and known vulnerabilities of what is pinned'
	@echo 'make bench     speed beside peers in the same run, some 20 minutes; into build/bench.json'
	@echo '               (python -m bench NAME: others, and each by itself)'
	@echo 'make soak      whole calls for MINUTES=30 at RATE=4 a second: what must stay flat, does'
	@echo 'make fuzz      a million hostile inputs to the framing and event code, and hostile calls'
	@echo 'make kills     controllers killed at 200 random moments while calls go on'
	@echo 'make kills-money  the same in calls that are paid, and their database away 200 times'
	@echo 'make faults    200 faults of every kind, for each of five seeds, while calls go on'
	@echo 'make docs      the documentation as a site, in build/site'
	@echo 'make diagrams  draw docs/states.md anew from the tables'
	@echo 'make reference  write docs/reference anew from the code'

$(VENV)/.base: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint,types,docs]' tox
	@touch $@

$(VENV)/.docs: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,bench]'
	@touch $@

# All that `make test` needs: tox makes environments of its own.
$(VENV)/.tox: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt tox
	@touch $@

demo: $(VENV)/.base
	$(BIN)/callbackd demo

test: $(VENV)/.tox
	@rm -f .tox/*/failed.txt
	PATH="$$PATH:$(PYENV)" $(BIN)/tox run-parallel --parallel 5 --parallel-no-spinner \
	  || { echo 'what failed:'; grep -s . .tox/*/failed.txt; exit 1; }

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/audit.py

# What is measured beside the service has an environment of its own, for it cannot have ours. Where
# that cannot be had it is left out.
build/peers/.made: bench/peers.txt
	@rm -rf build/peers
	$(PEERS_PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --disable-pip-version-check -r bench/peers.txt \
	  || { rm -rf build/peers/bin; echo 'bench: without Genesis, which could not be installed'; }
	@touch $@

bench: $(VENV)/.bench build/peers/.made
	$(BIN)/python -m bench --json build/bench.json

soak: $(VENV)/.dev
	$(BIN)/python -m bench.soak --json build/soak.json

fuzz: $(VENV)/.dev
	$(BIN)/python -m bench.fuzz --inputs 1000000
	$(BIN)/python -m bench.fuzz_calls --inputs 100000

kills: $(VENV)/.dev
	KILLS=$${KILLS:-200} $(BIN)/python -m pytest tests/peer/deaths/test_killed.py

kills-money: $(VENV)/.dev
	KILLS=$${KILLS:-200} $(BIN)/python -m pytest tests/peer/deaths/test_killed_money.py

faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults --faults $${FAULTS:-200} --seeds "$${SEEDS:-1 2 3 4 5}" --json build/faults.json

# What it would warn of otherwise is that there are successors.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

diagrams: $(VENV)/.base
	$(BIN)/python -m controller.callback.diagram docs/states.md

reference: $(VENV)/.base
	$(BIN)/python -m tools.reference

clean:
	rm -rf $(VENV) .tox build *.egg-info
