PYTHON ?= python3
PORT ?= 3000
IMAGE ?= photo.jpg
INSTRUCTION ?= make it night
OUT ?= edited.png

.PHONY: serve edit test lock

serve: .venv-serve
	.venv-serve/bin/retouch serve --port $(PORT)

edit: .venv-serve
	.venv-serve/bin/retouch edit "$(INSTRUCTION)" "$(IMAGE)" --out "$(OUT)"

test: .venv
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest

# The environments. An interrupted installation keeps the old time stamp, so that it is run again.
.venv: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $@ && touch -t 197001020000 $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	$@/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv-serve: requirements/serve.txt pyproject.toml
	$(PYTHON) -m venv $@ && touch -t 197001020000 $@
	$@/bin/pip install --quiet --disable-pip-version-check -r $<
	$@/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# Resolve pyproject.toml anew. Local version labels such as +cpu are left out of the lock files.
lock:
	for extra in serve dev; do \
	  rm -rf .lock && $(PYTHON) -m venv .lock && \
	  .lock/bin/pip install --quiet -e ".[$$extra]" && \
	  .lock/bin/pip freeze --exclude-editable | sed 's/+[a-z0-9]*$$//' > requirements/$$extra.txt \
	  || exit 1; \
	done; rm -rf .lock
