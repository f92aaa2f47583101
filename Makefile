# One command per job, the same for people and for CI. `make help` lists them.
PYTHON ?= python3
WHEEL ?=
ARGS ?=
SERVERS = prometheus victoria-metrics nginx-light chromium chromium-driver prometheus-pushgateway prometheus-node-exporter default-jre-headless
BIN = .venv/bin
export PYTHON

.PHONY: help venv servers check test demo bench image test-image build clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

venv: .venv/.dev ## .venv with promferry (editable) and everything that development needs

servers: .venv/servers/moto/.ready .venv/servers/ministack/.ready .venv/servers/readers/.ready ## what the tests start: needs apt
	@.ci/install-servers $(SERVERS)

check: .venv/.dev ## linters, types, and the contracts between the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/.dev servers ## all tests; ARGS="-k name" for pytest, WHEEL=1 tests the built wheel
	$(if $(filter 1,$(WHEEL)),.ci/test-wheel,$(BIN)/python -m pytest) $(ARGS)

demo: .venv/.run ## two days of a made-up cluster, from a real Prometheus into ./export
	@.ci/install-servers prometheus
	@exec $(BIN)/python -m examples.demo $(ARGS)

bench: .venv/.dev servers .venv/servers/rivals/.ready ## the benchmarks of docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

image: ## the container image, with docker, podman or buildah
	deploy/image/build $(ARGS)

test-image: .venv/.dev .venv/servers/moto/.ready ## the image built without a daemon or a registry, and the job run inside
	PYTHON=$(BIN)/python tests/image/run $(ARGS)

build: .venv/.dev ## wheel and source distribution into dist/
	$(BIN)/python -m build

clean: ## remove what the other commands made, ./export excepted
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -exec rm -rf {} +

# Installed again only when pyproject.toml changes. The demo needs far less than development does.
.venv/.run: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/.run

# Servers in environments of their own: what they pin does not reach what is tested.
.venv/servers/moto/.ready: PACKAGES = 'moto[s3]>=5' flask flask-cors
.venv/servers/ministack/.ready: PACKAGES = 'ministack>=1.5'
.venv/servers/rivals/.ready: PACKAGES = prometheus-api-client
# Readers of what is exported. Without what they ask for besides: tables of pandas and arrow, half a gigabyte.
.venv/servers/readers/.ready: PACKAGES = --no-deps 'pyspark==4.3.*' 'py4j==0.10.9.9' 'chdb-core>=26' 'sqlglot>=30' \
    'duckdb==1.5.5' 'duckdb-extension-httpfs==1.5.5'
.venv/servers/%/.ready: Makefile | .venv/bin/python
	$(PYTHON) -m venv .venv/servers/$*
	.venv/servers/$*/bin/python -m pip install -q --disable-pip-version-check $(PACKAGES)
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than Python 3.11: give a newer one, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	    echo "$(PYTHON) can't make environments: apt-get install python3-venv" >&2; exit 1; }
