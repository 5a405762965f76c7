# make try    a first look: one network, tested on a signer whom it has never seen (two minutes after set-up)
# make demo   the whole course on rendered clips, from a fresh clone to a report (ten to fifteen minutes, 2 cores)
# make test   everything that CI checks: format, lint, types, unit tests, the stored notebooks
# make lab    JupyterLab with the notebooks
# See `make help` for the rest.

# The Python to use; without one scripts/setup.sh takes the newest that is there.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
# A module a process, in the order of tests/conftest.py.
FAST_TESTS := $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder
TYPES := $(BIN)/mypy asl_lib scripts benchmarks
MUTMUT := mutmut==3.8.1

.DEFAULT_GOAL := help
.PHONY: help setup try demo test test-fast test-notebooks lint style format lab notebooks benchmarks coverage mutation \
	site site-links lock classroom wheelhouse audit fuzz clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 22

$(READY): requirements.lock pyproject.toml scripts/check_system.py asl_lib/landmarks/model_files.py
	@PYTHON="$(PYTHON)" WHEELHOUSE="$(if $(filter wheelhouse,$(MAKECMDGOALS)),,$(WHEELHOUSE))" sh scripts/setup.sh $(VENV)
	@touch $@

setup: $(READY)  ## make the virtual environment with the locked versions (done once)

TRIED := outputs/try/attention_lstm/held_out_ben

try: $(READY)  ## a first look in two minutes: four signs, five signers, one network
	@$(BIN)/asl run params/try.yaml --notebooks 01,02,03 --models attention_lstm
	@echo "See it name a clip of that signer:  $(BIN)/asl live --source data/try/demo/videos/ben/HELLO-01.mp4 --model $(TRIED)"
	@echo "Sign the four signs yourself:       $(BIN)/asl live --web --model $(TRIED)"

demo: $(READY)  ## render, extract, train, test on a held-out signer: the executed notebooks in outputs/demo/
	@$(BIN)/asl run params/demo.yaml

test: style  ## everything that CI checks
	$(BIN)/python -m scripts.check_notebooks --beside "sh -c '$(TYPES) && exec $(FAST_TESTS) tests'"

test-fast: $(READY)  ## unit, property and end-to-end tests
	$(FAST_TESTS) tests

test-notebooks: $(READY)  ## execute the stored notebooks and compare the cells marked NBVAL_CHECK_OUTPUT
	$(BIN)/python -m scripts.check_notebooks

lint: style  ## formatter, linter, type check
	$(TYPES)

style: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(READY)  ## let the formatter and the linter fix what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lab: $(READY)  ## open the course in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: $(READY)  ## execute all notebooks in place, store their outputs, and bring docs/results.md up to date
	$(BIN)/python scripts/store_outputs.py
	$(BIN)/python scripts/results_page.py

benchmarks: $(READY)  ## all benchmarks of speed into docs/benchmarks.md (half an hour on a quiet machine); REFERENCE=PYTHON: with rivals
	$(BIN)/python -m benchmarks $(if $(REFERENCE),--reference $(REFERENCE))

coverage: $(READY)  ## the fast tests again, with the share of lines and branches of asl_lib that they reach
	$(FAST_TESTS) --cov \
		--cov-report=term-missing:skip-covered --cov-report=html:build/coverage tests

mutation: $(READY)  ## change splits, recipe and metrics in many small ways: does a test notice each? (some minutes)
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python $(MUTMUT)
	@rm -rf mutants  # it would not ask again about a function that is as it was, though a test may be new
	$(BIN)/python -m mutmut run --max-children 2
	$(BIN)/python -m mutmut results

site: $(READY)  ## build the course as a static book in build/site, with the stored outputs, and check its links
	$(BIN)/python -m scripts.build_site

site-links: $(READY)  ## ask the network whether every external link of the site still answers
	$(BIN)/python -m scripts.build_site --links

lock: $(READY)  ## requirements.lock from pyproject.toml, with the versions that it has; UPGRADE=1: with the newest
	@sh scripts/lock.sh $(BIN)/python $(if $(UPGRADE),--upgrade)

classroom: $(READY)  ## the exercises as assignments for a class, with and without solutions, in classroom/
	@$(BIN)/asl classroom build

wheelhouse: $(READY)  ## all wheels in wheelhouse/, to install in a room without a network: make WHEELHOUSE=… setup
	@$(BIN)/python scripts/wheelhouse.py "$(or $(WHEELHOUSE),wheelhouse)"

fuzz: $(READY)  ## hostile files, fifty times as many as in `make test` and other ones each time (about ten minutes)
	ASL_FUZZ=50 $(BIN)/python -m pytest -q --timeout 3600 -k "damaged or any or whatever or wrong_values" tests/reliability

audit: $(READY)  ## look every locked version up among the known vulnerabilities (needs the network)
	@sh scripts/audit.sh $(BIN)/uv

clean:  ## remove the environment, build/, and the clips and outputs of make demo and make try
	rm -rf $(VENV) build data/demo outputs/demo data/try outputs/try
