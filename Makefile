# Every target installs what it needs into .venv on first use.
PYTHON ?= python3
# The tensors are small: a second thread gains little, and on a busy machine it waits for a core at every product.
export OMP_NUM_THREADS ?= 1
VENV := .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin
OLDEST := .venv-oldest
OLDEST_TESTS := tests/state tests/groups tests/data tests/lift tests/dynamics tests/forecasting tests/integrate/test_gauss.py

.PHONY: demo test test-all coverage oldest benchmark examples lint format types wheel clean

demo: $(STAMP)
	$(RUN)/lieham demo

# CI measures coverage too: make test COVERAGE="--cov --cov-fail-under=90".
test: $(STAMP)
	$(RUN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(COVERAGE)

test-all: $(STAMP)
	$(RUN)/python -m pytest -n 2 --dist loadfile

# The fast suite, with the share of lines that it reaches; it fails below 90 %.
coverage:
	$(MAKE) test COVERAGE="--cov --cov-report=term:skip-covered --cov-fail-under=90"

# A part of the suite at the lower bounds of pyproject.toml.
oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest -m "not slow" $(OLDEST_TESTS)

benchmark: $(STAMP)
	$(RUN)/python -m benchmarks all --size quick

lint: $(STAMP)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

format: $(STAMP)
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

types: $(STAMP)
	$(RUN)/mypy

wheel: $(STAMP)
	$(RUN)/python -m build --wheel

examples: $(STAMP)
	for example in examples/*.py; do $(RUN)/python $$example --small || exit 1; done

$(STAMP): pyproject.toml constraints.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet -c constraints-oldest.txt \
		-e '.[tensorboard,digits,molecules]' pytest hypothesis jaxtyping beartype mpmath
	touch $@

clean:
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info .coverage
