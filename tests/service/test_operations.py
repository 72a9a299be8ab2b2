"""docs/operations.md knows every metric, every alert and every error code, and none that is not."""

from __future__ import annotations

import re

import yaml
from starlette.testclient import TestClient

from runtime.stats import Stats
from service import errors
from service.errors import KINDS, Kind
from service.jobs import errors as job_errors
from service.metrics import Metrics
from service.settings import SOURCE_ROOT
from tests.service.calls import error_of

PAGE = (SOURCE_ROOT / "docs" / "operations.md").read_text()


def first_column(heading: str) -> set[str]:
    """Names in the first cells of the table below a heading."""
    section = re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    names = [name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert len(names) == len(set(names)), f"{heading} lists a name twice"
    return set(names)


def test_every_metric_is_explained_by_its_type() -> None:
    found = {}
    metrics = Metrics(Stats)
    metrics.watch_jobs(dict)
    for family in metrics.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family.type
    assert first_column("Metrics") == found.keys()
    for name, kind in found.items():
        assert re.search(rf"^\| `{name}` \| {kind}\b", PAGE, re.M), f"{name} is a {kind}"


def test_every_error_code_is_explained(client: TestClient) -> None:
    named = [kind for kind in vars(errors).values() if isinstance(kind, Kind)]
    codes = {kind.code for kind in (*named, *KINDS.values())}
    codes |= {error_of(client.get("/no"), 404)["code"], error_of(client.put("/edit"), 405)["code"]}
    codes |= {errors.foreign(503).kind.code, "ok"}
    codes |= {*(kind.code for kind in job_errors.ALL), job_errors.CRASHED, job_errors.BUNDLE_GONE}
    assert first_column("Errors") == codes


def test_every_alert_is_explained() -> None:
    text = (SOURCE_ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    (group,) = yaml.safe_load(text)["groups"]
    assert first_column("Alerts") == {rule["alert"] for rule in group["rules"]}
