# Two commands: `make site` publishes the blog in _site/, `make test` runs the tests. Both install what they need.
# make site GPU=1    the newest torch with CUDA, and the gpu profile
# A first site appears even if a post fails, which its page says, and the exit status; later a failing post leaves it as it is.
# make site ARGS="--force --jobs 4"    options for `press build`

PYTHON ?= python3
BIN    := .venv/bin
TORCH  := $(if $(GPU),gpu,cpu)
STAMP  := .venv/.installed-$(TORCH)
KEEP   := $(if $(wildcard _site),,--keep-going)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: site test verdicts drift preview lint lock clean

site: $(STAMP)
	@press build $(if $(GPU),--profile gpu) $(KEEP) $(ARGS)

test: $(STAMP)
	@python -m pytest -n auto --dist loadfile $(ARGS)

# By hand, as it runs all posts three times: whether other seeds give the same verdicts. ARGS="guidance --seeds 4 5"
verdicts: $(STAMP)
	@press verdicts $(ARGS)

# By hand, and weekly by drift.yml: do the tests of the loops and all posts run through with the newest releases? They are
# installed in an environment of their own, without constraints; with CUDA, torch is some gigabytes. Writes drift.toml, _drift.md.
drift:
	@test -x .venv/drift/bin/python || $(PYTHON) -m venv .venv/drift
	@echo "installing the newest releases in .venv/drift (minutes)" >&2
	@.venv/drift/bin/pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable '.[live,test]'
	@.venv/drift/bin/press drift --tests tests/diffloop --packages torch diffusers transformers $(ARGS)

preview: $(STAMP)
	@press preview --open $(ARGS)

lint: $(STAMP)
	@ruff check . && ruff format --check .

clean:
	@if [ -x $(BIN)/press ]; then press clean --all; else echo "press is not installed, and only it knows which files it made. make site installs it"; exit 1; fi

# After a change of dependencies in pyproject.toml: pin what they bring, direct or not. Pins stay as they are; delete the lines
# of what is to move to a newer release first. torch is left to the extras.
lock:
	@rm -rf .venv/lock && $(PYTHON) -m venv .venv/lock
	@.venv/lock/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[cpu,test]'
	@.venv/lock/bin/pip freeze --all --exclude-editable >.venv/lock/all.txt
	@grep -viE '^(pip|torch|triton|nvidia-)' .venv/lock/all.txt >.venv/lock/constraints.txt
	@mv .venv/lock/constraints.txt constraints.txt && rm -rf .venv/lock

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the project's environment in .venv (once; a minute or two)" >&2
	@pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(TORCH),test]'
	@command -v quarto >/dev/null || pip install --quiet quarto-cli >.venv/quarto.log 2>&1 \
	  || echo "Quarto could not be installed from the package registry: pages are rendered by the embedded renderer" >&2
	@touch $@
