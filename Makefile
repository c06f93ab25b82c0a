# Targets that people and CI share. `make help` lists them.

PYTHON ?= python3
TORCH := torch==2.13.0
PYWORLD := pyworld==0.3.5
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL := VIRTUAL_ENV=.venv $(UV) pip install
else
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
endif
SHELL_FILES := pipeline.sh shortcut_install.sh .ci/run tests/system.sh tests/lock.sh tests/release.sh
PYTHON_FILES := orchestrator training tests bench models download_model.py remove_parentheses.py

QUICK_TESTS = $(shell grep -l 'mark\.quick' tests/test_*.py)

.PHONY: help demo quick coverage release test check format lock convert demo-models bench load promises soak clean

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

demo: $(BIN)/installed  ## Set up, and turn a recording that ships with the project into a picture
	@$(BIN)/audio-to-image picture --seed 11 models/demo/recordings/01.wav

# What needs torch to be checked (`orchestrator/convert`) is left to `make check`.
quick: $(BIN)/installed-for-quick  ## The inner loop: lint, types and the tests marked quick, about a minute
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/mypy --exclude '^orchestrator/convert/' --follow-imports silent --cache-dir .mypy_cache/quick
	$(BIN)/python -m pytest -q -m quick $(QUICK_TESTS)

coverage: $(BIN)/installed-for-quick  ## Show what the quick tests reach
	$(BIN)/coverage run -m pytest -q -m quick $(QUICK_TESTS)
	$(BIN)/coverage report

release:  ## Build sdist and wheel into dist, and try the wheel in an empty environment
	PYTHON=$(PYTHON) sh tests/release.sh dist

test: $(BIN)/installed-for-tests check  ## Set up what the tests need; lint, types, shell checks and the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(BIN)/installed-for-tests  ## Lint, types and shell checks
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/mypy
	sh tests/system.sh check $(SHELL_FILES)

format: $(BIN)/installed-for-tests  ## Format the Python files
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/ruff check --fix $(PYTHON_FILES)

lock:  ## Remake requirements.lock (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	sh tests/lock.sh

convert: $(BIN)/installed-for-tests  ## Set up what `models convert` needs

demo-models: $(BIN)/installed-for-tests  ## Train the demo models from nothing (hours; QUICK=1: minutes, at toy size)
	$(BIN)/python -m training.demo.make $(if $(QUICK),--quick)

bench: $(BIN)/installed-for-tests  ## Measure the engine and press-to-talk
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/talk.py

load: $(BIN)/installed-for-tests  ## Ten thousand requests from fifty clients, engines and server killed on the way
	$(BIN)/python tests/load.py --requests 10000 --paintings 300 --clients 50

promises: $(BIN)/installed-for-tests  ## Break things many times over to prove what docs/PROMISES.md promises (hours; ONLY=lost: one of them)
	PROMISES=long nice $(BIN)/python -m pytest --timeout=0 tests/promises $(if $(ONLY),-k $(ONLY))
	$(if $(ONLY),,$(MAKE) load soak)

soak: $(BIN)/installed-for-tests  ## Two hours of a server with mixed requests: is what it holds at the end what it held at first?
	$(BIN)/python tests/load.py --minutes 120 --clients 4 --pause 1.5 --requests 2000 --paintings 60

clean:  ## Remove the environment and what was built
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(BIN)/python:
ifdef UV
	$(UV) venv --python $(PYTHON) .venv
else
	$(PYTHON) -m venv .venv
endif

# The lock's first part is what the program needs, its second what `make quick` adds, its third what all extras add.
$(BIN)/installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing into .venv ..."
	@sed '/^# extras/,$$d' requirements.lock > .venv/core.lock
	@$(INSTALL) --no-deps --require-hashes -r .venv/core.lock
	@$(INSTALL) --no-deps -e .
	@touch $@

$(BIN)/installed-for-quick: $(BIN)/installed
	@echo "Installing the tools of the quick checks into .venv ..."
	@sed -n '/^# extras: quick/,/^# extras: all/p' requirements.lock > .venv/quick.lock
	@$(INSTALL) --no-deps --require-hashes -r .venv/quick.lock
	@touch $@

$(BIN)/installed-for-tests: $(BIN)/installed-for-quick tests/system.sh
	@sh tests/system.sh install
	@echo "Installing the extras into .venv ..."
	@sed -n '/^# extras: all/,$$p' requirements.lock > .venv/extras.lock
	@$(INSTALL) $(TORCH)
	@$(INSTALL) --no-deps --require-hashes -r .venv/extras.lock
	@$(INSTALL) $(PYWORLD) || echo "pyworld needs a C compiler: what makes new voices is not tested"
	@touch $@
