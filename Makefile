# One target a figure or table: make figure3h, make figure3h SCALE=cpu. `make help` lists what there is.
#
#   PYTHON=…   use this interpreter's environment instead of .venv
#   SCALE=…    smoke (seconds), quick (minutes, the default), cpu (what is committed), paper
#   ENGINE=…   upstream: train CGCNN and ALIGNN by upstream's own scripts, too, beside ours: table2-upstream
#   CORES=…    jobs at a time (all cores; on a cluster its profile says how many)
#   SECONDS=…  of `make fuzz` for each reader (60)
#   PROFILE=…  local; slurm; or the path of a profile of yours (docs/cluster.md)
#   MINUTES=…  pack runs into jobs of this length (60 on a cluster, otherwise a job for each)

SCALE ?= quick
PROFILE ?= local
ENGINE ?= ours
SECONDS ?= 60
READERS := cif poscar json extxyz id_prop split descriptors embeddings-csv embeddings-npz checkpoint graphs lines
FIGURES := $(subst _,-,$(filter-out __init__,$(basename $(notdir $(wildcard reproduction/figures/*.py)))))

VENV := .venv/bin/python
RUN := $(or $(PYTHON),$(VENV))
HOW := --profile $(PROFILE) $(if $(CORES),--cores $(CORES)) $(if $(MINUTES),--job-minutes $(MINUTES))
TESTED := OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile
INSTALLED := $(if $(PYTHON),build/installed-$(subst /,-,$(PYTHON)),.venv/installed)

.DEFAULT_GOAL := help
.PHONY: help list setup vendor vendor-check vendor-clean repatch datasets figures audit models leaderboard site $(FIGURES) test test-all lint search search-remedies bench bench-gpu fuzz

help:  ## list the targets
	@grep -hE '^[a-z$$()A-Z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/; s/\$$\(FIGURES\)/FIGURE/' | expand -t 16
	@echo; echo "FIGURE is one of: $(FIGURES)"

list:  ## list the figures and tables
	@printf '%s\n' $(FIGURES)

setup: $(INSTALLED) vendor  ## install everything into .venv, or into PYTHON=…

$(VENV):
	python3.11 -m venv .venv

$(INSTALLED): pyproject.toml reproduction/pyproject.toml constraints.txt | $(if $(PYTHON),,$(VENV))
	$(RUN) -m pip install --quiet --constraint constraints.txt torch
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev,alignn,roost,e3nn,force-field,materials-project,reproduce,slurm]' --editable reproduction
	@mkdir -p $(@D) && touch $@

vendor: $(INSTALLED)  ## fetch the pinned upstream codes and patch them
	@$(RUN) -m reproduction.upstream.vendor build

vendor-check: setup  ## do the vendored trees hold what the pins and patches say?
	@$(RUN) -m reproduction.upstream.vendor check

vendor-clean: $(INSTALLED)  ## remove the vendored trees
	@$(RUN) -m reproduction.upstream.vendor clean

repatch: $(INSTALLED)  ## fold edits of a vendored tree into its last patch
	@$(RUN) -m reproduction.upstream.vendor repatch

datasets: setup  ## build every dataset
	@$(RUN) -m hybrid dataset --jobs $(or $(CORES),-1)

$(FIGURES): setup  ## reproduce a figure or table with its data and training
	@trap : INT; $(RUN) -m reproduction reproduce $@ --scale $(SCALE) $(HOW) --engine $(ENGINE) || [ $$? = 130 ]  # stopped: its own line says so

audit: setup  ## test what may be behind disagreements with the paper; writes docs/audit.md at SCALE=cpu
	@$(RUN) -m reproduction reproduce $(filter audit-%,$(FIGURES)) --scale $(SCALE) $(HOW)
	@$(RUN) -m reproduction audit --scale $(SCALE)

models: setup  ## train the models that the package comes with; MODELS="…": only these
	@$(RUN) -m reproduction release $(MODELS) --scale cpu

leaderboard: $(INSTALLED)  ## write our models' entries of the probe's leaderboard
	@$(RUN) -m reproduction leaderboard

site: $(INSTALLED)  ## build the site of guides and results; open site/index.html
	@$(RUN) -m reproduction site

figures: setup  ## reproduce all figures and tables
	@trap : INT; $(RUN) -m reproduction reproduce $(FIGURES) --scale $(SCALE) $(HOW) || [ $$? = 130 ]  # stopped: its own line says so

test: setup  ## run the tests (under ten minutes)
	$(TESTED) -m "not slow"

test-all: setup  ## run the slow tests too
	$(TESTED)

lint: setup  ## check style, types and spelling
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m codespell_lib

search: setup  ## search for training settings, the same effort for every network
	@$(RUN) -m reproduction search $@ --scale $(SCALE)

search-remedies: setup  ## the same for the remedies, on the long chains
	@$(RUN) -m reproduction search $@ --scale $(SCALE)

bench-gpu: setup  ## measure an epoch on a GPU beside one core; writes results/gpu.json
	$(RUN) -m reproduction.benchmarks.gpu

bench: setup  ## measure against unpatched upstream; writes results/benchmarks.json; ROWS="…": only these
	$(RUN) -m reproduction.benchmarks $(ROWS)

fuzz: setup  ## fuzz each reader of users' files for SECONDS (60)
	$(RUN) -m pip install --quiet 'atheris>=2.3'
	@mkdir -p build/fuzz; for target in $(READERS); do log=build/fuzz/$$target.log; \
	  $(RUN) tests/fuzz/readers.py $$target -max_total_time=$(SECONDS) > $$log 2>&1 \
	  || { tail -40 $$log; exit 1; }; echo "$$target: $$(tail -1 $$log)"; done
