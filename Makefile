# The two commands a newcomer needs: `make demo` and `make test`. Both set everything up first.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed
# What is installed besides requirements.txt, kept until another EXTRAS is given (EXTRAS= for none).
EXTRAS ?= $(shell cat .venv/.extras 2>/dev/null)
REQUIREMENTS := requirements.txt $(patsubst %,requirements-%.txt,$(EXTRAS))
UV_VERSION := 0.13.9

# Cached bytecode halves TensorFlow's import in every one of the nightly tasks.
export PYTHONDONTWRITEBYTECODE :=
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Threads that spin while they wait slow everything else on a busy machine.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help setup demo airflow nights test test-slow axe chaos chaos-smoke chaos-night cluster cluster-test cluster-chaos stress-ids interleavings fuzz gate-cases lint format lock bench-quality bench-night bench-retrieval bench-index bench-precompute bench-gate bench-source bench-ranker peers-torch clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP)  ## build the environment in .venv (a no-op when nothing has changed); EXTRAS=s3 or gs: with the driver of s3:// lakes and files, or of gs:// files; openlineage: with Airflow's provider for it

ifneq ($(strip $(EXTRAS)),$(shell cat .venv/.extras 2>/dev/null))
.PHONY: $(STAMP)
endif

$(STAMP): $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; assert sys.version_info[:2] == (3, 11)' 2>/dev/null \
	  || { echo "Nightshelf needs Python 3.11 as '$(PYTHON)'; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync -q --python $(BIN)/python $(REQUIREMENTS)
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@echo $(strip $(EXTRAS)) > .venv/.extras
	@touch $@

demo: setup  ## three simulated nights through the real Airflow scheduler, then a summary
	@$(BIN)/python -m recsys_tasks.launcher demo

airflow: setup  ## keep Airflow and its UI up on 127.0.0.1 until Ctrl-C
	@$(BIN)/python -m recsys_tasks.launcher airflow

nights: setup  ## chosen nights through Airflow, headless: make nights AS_OF="2026-11-21 2026-11-22"
	@$(BIN)/python -m recsys_tasks.launcher nights $(AS_OF)

test: setup  ## every test but the slow ones, on up to four cores
	@$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile

test-slow: setup  ## the tests that run whole nights through Airflow
	@$(BIN)/python -m pytest -m slow

axe:  ## the accessibility checker of the browser test, into .axe (by npm; Chromium itself: apt-get install chromium)
	@npm install --silent --no-audit --no-fund --no-save --prefix .axe axe-core@4.11.4

chaos: setup  ## publications, rollbacks and kills under readers who never stop asking; prints what they saw
	@$(BIN)/python -m pytest -m slow -s tests/serving/test_chaos.py

chaos-smoke: setup  ## what breaks at night, under the real launcher: one right page each, readers keep their lists; as root
	@$(BIN)/python -m pytest -m slow tests/airflow/test_chaos_smoke.py

CHAOS_GROUPS ?=
chaos-night: setup  ## the same with more faults, in groups with a good night after each, and a table of what became of them (CHAOS_GROUPS="errors deliveries", CHAOS_WAIT=3 on a slow machine); as root
	@$(BIN)/python -m tests.airflow.chaos_night $(CHAOS_GROUPS)

cluster: setup  ## the services of docker-compose.yaml on hosts of one machine that share no disk, until Ctrl-C; as root, with redis-server and EXTRAS="s3 s3test"
	@$(BIN)/python -m tests.cluster up

cluster-test: setup  ## three nights through its two Celery workers, the lake on S3: lists equal to the bit to those of one process
	@$(BIN)/python -m pytest -m slow -s tests/cluster/test_cluster.py

cluster-chaos: setup  ## a night with faults: a worker lost in training and in a shard, the broker killed, S3 that says 503 for a minute
	@$(BIN)/python -m pytest -m slow -s tests/cluster/test_faults.py

MINUTES ?= 20
USERS ?= 300000
stress-ids: setup  ## two processes freeze, erase and run nights on one home (MINUTES=20 USERS=300000); a model counts lost ids
	@$(BIN)/python -m tests.stages.stress_ids --minutes $(MINUTES) --users $(USERS)

COUNT ?= 200
SEED ?= 1
interleavings: setup  ## verbs that change shared state, at random beside each other, with kills (COUNT=200 SEED=1); a model judges each step
	@$(BIN)/python -m tests.stages.interleavings --count $(COUNT) --seed $(SEED)

fuzz: setup  ## random deliveries of files, sound and damaged, against a slow reader, with new seeds (MINUTES=20)
	@$(BIN)/python -m tests.sources.fuzz --minutes $(MINUTES)

gate-cases: setup  ## what the gate says of planted releases, through the real train_ranker DAG, and of broken evaluations
	@AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR $(BIN)/python -m pytest -m slow -s tests/airflow/test_gate_cases.py tests/stages/judging/test_broken_evaluations.py

lint: setup  ## ruff, mypy strict, the import rule, the house rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/house.py

format: setup  ## rewrite the sources as ruff wants them
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: $(BIN)/uv  ## compile requirements.in into requirements.txt, and the extras on top of it
	@$(BIN)/uv pip compile -q --python-version 3.11 requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --python-version 3.11 requirements-s3.in -o requirements-s3.txt
	@$(BIN)/uv pip compile -q --python-version 3.11 requirements-s3test.in -o requirements-s3test.txt
	@$(BIN)/uv pip compile -q --python-version 3.11 requirements-gs.in -o requirements-gs.txt
	@$(BIN)/uv pip compile -q --python-version 3.11 requirements-openlineage.in -o requirements-openlineage.txt
	@$(BIN)/uv pip compile -q --python-version 3.11 benchmarks/peers/requirements-peers.in -o benchmarks/peers/requirements-peers.txt

bench-quality: setup .venv-peers/.installed  ## list quality beside the peers (needs RECSYS_TEST_DATA)
	@$(BIN)/python -m benchmarks.quality.lists

bench-retrieval: setup .venv-peers/.installed  ## the two-tower beside its peers: recall by seconds, speed (PARTS=index, warm, growth, cold-items: longer ones)
	@$(BIN)/python -m benchmarks.retrieval $(PARTS)

bench-index: setup .venv-peers/.installed  ## the index beside exact search, faiss and hnswlib, on a million vectors (an hour)
	@$(BIN)/python -m benchmarks.retrieval.index

bench-night: setup  ## a first and a warm night, extract to monitor: seconds, processor seconds and peak MB by stage (SIZES="10000 100000")
	@$(BIN)/python -m benchmarks.nights.whole $(SIZES)

bench-precompute: setup .venv-peers/.installed  ## users a second, published, at 10 k, 100 k and 1 M users, beside RecTools
	@$(BIN)/python -m benchmarks.serving.precompute

bench-gate: setup  ## the gate's error rates: 200 simulated nights of equally good, better and worse challengers, and first ones
	@$(BIN)/python -m benchmarks.gate.error_rates

bench-source: setup  ## a shop of 20 M interactions in PostgreSQL: seconds and peak MB of a first and a second night
	@$(BIN)/python -m benchmarks.sources.sql

bench-ranker: setup  ## rankers on 20 M example rows, features of 1 M users and 20 M events: seconds and peak MB
	@$(BIN)/python -m benchmarks.ranking.ranker

.venv-peers/.installed: benchmarks/peers/requirements-peers.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@$(BIN)/uv pip sync -q --python .venv-peers/bin/python benchmarks/peers/requirements-peers.txt
	@touch $@

peers-torch: .venv-peers/.installed  ## PyTorch for the SASRec peer of bench-quality; TORCH_INDEX=URL: where its CPU build is
	@.venv-peers/bin/python -m ensurepip -U >/dev/null
	@.venv-peers/bin/python -m pip install -q --disable-pip-version-check \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r benchmarks/peers/requirements-sasrec.txt

clean:  ## remove everything that the targets above made
	rm -rf .venv .venv-peers build .mypy_cache .ruff_cache .pytest_cache *.egg-info
