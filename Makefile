# One command for each thing. `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
JOBS ?= 2
WHAT ?= tests notebooks
PROJECT ?= $(COURSE_PROJECT)
export TORCH_INDEX

BOOTSTRAP = $(PYTHON) -m tools.bootstrap --venv "$(VENV)"
RUN = "$(VENV)/bin/python"
NO_NETWORK = COURSE_OFFLINE=1 HF_HUB_OFFLINE=1 PYTHONPATH="$(CURDIR)/tests/support/no_network"
STEADY = COURSE_PROFILE=quick COURSE_DEVICE=cpu HF_HUB_DISABLE_PROGRESS_BARS=1 TOKENIZERS_PARALLELISM=false
# Two processes with a thread each: most passes are too short for two threads to gain anything.
PARALLEL = OMP_NUM_THREADS=1
WORKERS = -n $(JOBS) --dist loadfile --no-loadscope-reorder
NBVAL = --nbval --nbval-current-env --nbval-cell-timeout=300 -p tests.support.named_numbers -p tests.support.memory_cap
NUMBERS ?= $(CURDIR)/build/numbers
# Tests start from an empty progress folder, which goes away with the shell that made it.
PROGRESS = progress=$$(mktemp -d) && trap 'rm -rf "$$progress"' EXIT && COURSE_PROGRESS="$$progress"

.PHONY: help lab app test check faults notebooks notebooks-solved first-cell readme assets bench site assignments slides badges lock clean clean-all

help: ## list these targets
	@echo "A course on generative AI in Jupyter notebooks. Begin with: make lab"
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo '  ARGS   to the server (lab, app), pytest (test, check), notebooks: make lab ARGS="--port 8899"'
	@echo "  PYTHON 3.11 or newer · VENV its environment (.venv) · TORCH_INDEX a further index for torch"

lab: ## set up what is missing, then open JupyterLab at the first lesson
	@$(BOOTSTRAP) lab -- $(ARGS)

app: ## open the chat page of a project: make app PROJECT=folder
	@COURSE_PROJECT="$(PROJECT)" $(BOOTSTRAP) app -- $(ARGS)

test: ## run every test and compare every notebook; some: WHAT=notebooks
	@$(BOOTSTRAP) tests
	@$(PROGRESS) $(STEADY) $(PARALLEL) $(NO_NETWORK) COURSE_NUMBERS="$(NUMBERS)" \
		$(RUN) -m pytest $(WHAT) $(NBVAL) $(WORKERS) $(ARGS)

check: ## lint, unit tests, exercises, rules for notebooks: four minutes
	@$(BOOTSTRAP) tests
	@$(RUN) -m ruff check .
	@$(PROGRESS) $(STEADY) $(PARALLEL) $(NO_NETWORK) $(RUN) -m pytest tests/unit tests/exercises \
		tests/notebooks/test_rules.py -m "not slow" -n $(JOBS) --dist worksteal $(ARGS)

faults: ## run every fault test with all its tries, and write data/results/faults.json
	@$(BOOTSTRAP) tests
	@$(PROGRESS) $(STEADY) $(PARALLEL) $(NO_NETWORK) $(RUN) -m tools.faults $(ARGS)

notebooks: ## execute the lessons in order and write their outputs
	@$(BOOTSTRAP) tests
	@$(PROGRESS) $(STEADY) $(NO_NETWORK) $(RUN) -m tools.notebooks execute $(ARGS)

notebooks-solved: ## write the lessons with solutions filled in, under build/solved/
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.notebooks solve $(ARGS)

readme: ## write the generated parts of README.md from the committed results
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.readme

first-cell: ## write the first code cell of every lesson from pyproject.toml
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.notebooks first-cell

assets: ## fetch all data and models, for going offline
	@$(BOOTSTRAP) learner
	@$(RUN) -m course_utils.assets --all --stand-ins

bench: ## measure the course's models against their peers, on an idle machine
	@$(BOOTSTRAP) tests
	@$(RUN) -m benchmarks.install
	@$(RUN) -m benchmarks $(ARGS)

site: ## build the site from the notebooks
	@$(BOOTSTRAP) tests
	@$(NO_NETWORK) $(RUN) -m tools.site $(ARGS)

assignments: ## nbgrader's assignments, under grading/: make assignments LESSON=06
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.assignments $(LESSON) $(ARGS)

slides: ## slides of a lesson for the wall, under build/slides/: make slides LESSON=06
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.slides $(LESSON) $(ARGS)

badges: ## write the repository's address everywhere: make badges REPO=owner/name
	@$(BOOTSTRAP) tests
	@$(RUN) -m tools.badges $(ARGS) -- "$(REPO)"

lock: ## write the locks from what is installed in the environment
	@$(RUN) -m tools.lock

clean: ## remove the environment and caches; keeps data, models and grading/
	if [ -f "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	rm -rf build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

clean-all: clean ## the same, and the fetched data and models
	rm -rf data/cache
