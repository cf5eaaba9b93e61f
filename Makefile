# Two commands: `make app` opens the studio, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: app test check audit clean

app: $(VENV)/.app
	$(BIN)/python app.py

test: $(VENV)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and alone: its plain index page has the CPU build where one is provided.
$(VENV)/.app: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[study]'
	$(BIN)/python -m bonestudio.interface.fetch_viewer
	touch $@

$(VENV)/.test: $(VENV)/.app
	$(PIP) --editable '.[study,train,ray,test,dev]'
	touch $@

# Asks the package index's advisories about every pin; needs a network that reaches them.
audit:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

clean:
	rm -rf $(VENV) node_modules runs artefacts
