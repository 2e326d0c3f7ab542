# The newcomer's commands: `make demo` and `make test` set up what they need.
#
#   PYTHON       interpreter that makes the virtual environment (3.10 to 3.12)
#   VENV         where the environment lies
#   WORKERS      processes that share the tests; auto: one a core, 4 at most, 3 GB each;
#                0: none but pytest's own
#   REALFF       real footage in FaceForensics++'s layout, for test-faults
#   EXTRAS       optional parts of the package to set up and test as well, by their names
#                in setup.py: EXTRAS=dlib,ray
#   TORCH_INDEX  URL of a package index to take torch from; name PyTorch's CPU index
#                where torch would come as a CUDA build of several GB

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= auto
REALFF ?= $(MMDEEPFAKE_REALFF)
EXTRAS ?=
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
COMMA := ,
READY := $(VENV)/.ready$(if $(EXTRAS),-$(subst $(COMMA),-,$(EXTRAS)))

DEMO_CONFIG := configs/miniff/ratf_r18_miniff.py
DEMO_DATA := data/miniff
DEMO_WORK := work_dirs/ratf_r18_miniff
FAULTS := work_dirs/faults

.PHONY: demo test test-slow test-faults test-mmdet lint format docs clean-demo

demo: $(DEMO_WORK)/metrics.json
	@$(BIN)/python tools/report.py $(DEMO_WORK)

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# Hours; docs/reliability.md has the figures of one run. The campaign of 10,000 videos goes
# on where it was stopped.
test-faults: $(READY) $(DEMO_WORK)/metrics.json
	$(if $(REALFF),MMDEEPFAKE_REALFF=$(REALFF)) $(BIN)/python -m pytest -m faults
	$(BIN)/python tests/faults/video_campaign.py --cases 10000 --seed 0 \
	    $(if $(REALFF),--realff $(REALFF)) --out $(FAULTS)/videos
	$(BIN)/python tests/faults/soak_inference.py $(DEMO_CONFIG) \
	    $(DEMO_WORK)/best_deepfake_auc_epoch_*.pth --minutes 60 --seed 0 \
	    --root $(or $(REALFF),$(DEMO_DATA)) --compression $(if $(REALFF),c23,c40) \
	    --out $(FAULTS)/soak

# In an environment of its own, made once (10 minutes) and kept outside the checkout.
test-mmdet:
	environment=$$(TORCH_INDEX=$(TORCH_INDEX) .ci/mmdet_environment $(PYTHON)) && \
	    $$environment/bin/python -m pytest tests/faces/test_mmdet_detector.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A link that leads nowhere is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "the site: build/site/index.html"

clean-demo:
	rm -rf $(DEMO_DATA) $(DEMO_WORK)

# torch goes first and alone: only it may come from another index.
$(READY): setup.py constraints.txt
	@$(PYTHON) -c "import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 13) \
	    else 'error: Python %d.%d; needed is 3.10 to 3.12: make PYTHON=python3.11 ...' % v[:2])"
	@echo "setting up $(VENV) (about a minute)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(PIP) -e '.[lite,test,dev$(if $(EXTRAS),$(COMMA)$(EXTRAS))]'
	@touch $@

# The prerequisites after | are done once: a newer stamp of an earlier step does not
# repeat a later one.
$(DEMO_DATA)/.rendered: | $(READY)
	$(BIN)/python tools/render_miniff.py --out $(DEMO_DATA)
	@touch $@

$(DEMO_WORK)/.trained: | $(DEMO_DATA)/.rendered
	$(BIN)/python tools/train.py $(DEMO_CONFIG) --work-dir $(DEMO_WORK) --resume
	@touch $@

$(DEMO_WORK)/metrics.json: | $(DEMO_WORK)/.trained
	$(BIN)/python tools/test.py $(DEMO_CONFIG) $(DEMO_WORK)/best_deepfake_auc_epoch_*.pth \
	    --work-dir $(DEMO_WORK)
