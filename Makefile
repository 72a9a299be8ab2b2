PYTHON ?= python3
PORT ?= 3000
IMAGE ?= photo.jpg
INSTRUCTION ?= make it night
OUT ?= edited.png

.PHONY: serve edit test lock .venv .venv-serve

serve: .venv-serve
	.venv-serve/bin/retouch serve --port $(PORT)

edit: .venv-serve
	.venv-serve/bin/retouch edit "$(INSTRUCTION)" "$(IMAGE)" --out "$(OUT)" --force

test: .venv
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest -n 2 --dist loadfile --max-worker-restart 0

# The environments. `.installed` is written last and taken away first, so that an installation that was
# interrupted is begun anew. Each has its own requirements; another's change leaves it alone.
.venv: .venv/.installed
.venv-serve: .venv-serve/.installed
.venv/.installed: requirements/dev.txt pyproject.toml
.venv-serve/.installed: requirements/serve.txt pyproject.toml
.venv/.installed .venv-serve/.installed:
	if test -e $@; then rm $@; else rm -rf $(@D); fi
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	$(@D)/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

# Resolve pyproject.toml anew. Local version labels such as +cpu are left out of the lock files.
lock:
	for extra in serve dev; do \
	  rm -rf .lock && $(PYTHON) -m venv .lock && \
	  .lock/bin/pip install --quiet -e ".[$$extra]" && \
	  .lock/bin/pip freeze --exclude-editable | sed 's/+[a-z0-9]*$$//' > requirements/$$extra.txt \
	  || exit 1; \
	done; rm -rf .lock
