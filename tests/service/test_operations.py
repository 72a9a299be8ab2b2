"""docs/operations.md knows every metric, every alert and every error code, and none that is not."""

from __future__ import annotations

import re

import pytest
import yaml
from starlette.testclient import TestClient

from runtime.stats import Stats
from service import errors
from service.errors import KINDS, Kind
from service.jobs import errors as job_errors
from service.metrics import Metrics
from service.settings import SOURCE_ROOT
from service.weights import errors as weights_errors
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
    codes |= {kind.code for kind in weights_errors.ALL}
    codes |= {*(kind.code for kind in job_errors.ALL), job_errors.CRASHED, job_errors.BUNDLE_GONE}
    assert first_column("Errors") == codes


def test_every_alert_is_explained() -> None:
    assert first_column("Alerts") == alerts().keys()


@pytest.mark.parametrize(("alert", "status"), [("RetouchDefects", 500), ("RetouchTimeouts", 504)])
def test_alerts_on_failures_see_those_of_streams(alert: str, status: int) -> None:
    assert "status" not in alerts()[alert]  # which is 200 for a stream
    kinds = {*KINDS.values(), errors.TIMEOUT, errors.foreign(500).kind}
    codes = {kind.code for kind in kinds if kind.status == status}
    assert codes
    assert all(re.fullmatch(selected(alert, "code"), code) for code in codes)


def test_refusals_are_counted_among_the_requests_that_they_are_compared_with() -> None:
    refused, asked = re.findall(r'route!~"([^"]+)"', alerts()["RetouchRefusing"])
    assert refused == asked
    assert set(selected("RetouchRefusing", "code").split("|")) <= first_column("Errors")


def alerts() -> dict[str, str]:
    """Queries by the names of alerts."""
    text = (SOURCE_ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    (group,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def selected(alert: str, label: str) -> str:
    """The pattern of the label's values."""
    (pattern,) = re.findall(rf'\b{label}=~?"([^"]+)"', alerts()[alert])
    return str(pattern)
