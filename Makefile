# `make demo` and `make test` install what they need into .venv on first use.
PYTHON ?= python3
# The tensors are small: a second thread gains little, and on a busy machine it waits for a core at every product.
export OMP_NUM_THREADS ?= 1
VENV := .venv
STAMP := $(VENV)/.installed
RUN := $(VENV)/bin

.PHONY: demo test test-all benchmark examples lint wheel clean

demo: $(STAMP)
	$(RUN)/lieham demo

test: $(STAMP)
	$(RUN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: $(STAMP)
	$(RUN)/python -m pytest -n 2

benchmark: $(STAMP)
	$(RUN)/python -m benchmarks all --size quick

lint: $(STAMP)
	$(RUN)/ruff check .

wheel: $(STAMP)
	$(RUN)/python -m build --wheel

examples: $(STAMP)
	for example in examples/*.py; do $(RUN)/python $$example --small || exit 1; done

$(STAMP): pyproject.toml constraints.txt
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist *.egg-info
