"""deploy/ agrees with the service: metrics, variables, ports, probes, the time of a drain."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from starlette.testclient import TestClient

from runtime.stats import Stats
from service.drain import LONGEST_GOODBYE
from service.metrics import Metrics
from service.settings import SOURCE_ROOT, Settings

DEPLOY = SOURCE_ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MANIFESTS = sorted(set(KUBERNETES.glob("*.yaml")) - {KUBERNETES / "kustomization.yaml"})
PORT = 3000  # of `retouch serve` and of BentoML

FUNCTIONS = {"by", "rate", "sum", "max", "histogram_quantile", "for", "and"}
# Labels that Prometheus adds to every sample.
TARGET_LABELS = {"instance", "job"}


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def dashboard_queries() -> list[str]:
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "retouch.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def alert_queries() -> list[str]:
    (group,) = loaded(DEPLOY / "prometheus" / "alerts.yml")["groups"]
    return [rule["expr"] for rule in group["rules"]]


def scaling_queries() -> list[str]:
    triggers = loaded(KUBERNETES / "scaling.yaml")["spec"]["triggers"]
    return [trigger["metadata"]["query"] for trigger in triggers]


def known_samples() -> dict[str, set[str]]:
    """Label names of every sample that a service which has worked shows, by its name."""
    stats = Stats()
    stats.count_tick(3, 64 * 64, 0.1)
    metrics = Metrics(lambda: stats)
    metrics.count_response("/edit", 200, "ok")
    metrics.watch_jobs(lambda: {"queued": 1})
    found: dict[str, set[str]] = {"up": set()}
    for family in metrics.collect():
        for one in family.samples:
            found.setdefault(one.name, set()).update(one.labels)
    return found


@pytest.mark.parametrize("query", [*dashboard_queries(), *alert_queries(), *scaling_queries()])
def test_every_query_names_metrics_and_labels_that_exist(query: str) -> None:
    plain = re.sub(r'"[^"]*"|\[[^]]*\]', "", query)  # without values and ranges
    known = known_samples()
    groups = re.findall(r"by \(([^)]*)\)", plain)
    selectors = re.findall(r"\{([^}]*)\}", plain)
    labels = {word for text in (*groups, *selectors) for word in re.findall(r"[a-z_]+", text)}
    words = set(re.findall(r"[a-z_]{2,}", re.sub(r"by \([^)]*\)|\{[^}]*\}", "", plain)))
    names = words - FUNCTIONS
    assert names
    assert names <= known.keys()
    assert labels <= TARGET_LABELS.union(*(known[name] for name in names))


@pytest.mark.parametrize(
    "metric",
    [
        "retouch_engine_waiting",
        "retouch_engine_rows_per_tick_bucket",
        "retouch_engine_tick_seconds_bucket",
        "retouch_engine_first_step_seconds_bucket",
        "retouch_edit_seconds_bucket",
        "retouch_responses_total",
        "retouch_engine_cache_hits_total",
        "retouch_jobs",
        "process_resident_memory_bytes",
    ],
)
def test_the_dashboard_shows(metric: str) -> None:
    assert any(metric in query for query in dashboard_queries())


def test_no_panels_of_the_dashboard_overlap_and_none_has_a_twins_number() -> None:
    panels = json.loads((DEPLOY / "grafana" / "dashboards" / "retouch.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24  # columns of Grafana's grid


def test_the_dashboard_finds_its_datasource_and_is_found() -> None:
    text = (DEPLOY / "grafana" / "dashboards" / "retouch.json").read_text()
    used = set(re.findall(r'"uid": "([^"]+)"', text)) - {"retouch"}
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = loaded(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    assert used == {source["uid"]}
    (provider,) = loaded(provisioning / "dashboards" / "retouch.yaml")["providers"]
    mounts = loaded(DEPLOY / "compose.yaml")["services"]["grafana"]["volumes"]
    assert any(mount.split(":")[1] == provider["options"]["path"] for mount in mounts)


class Recording(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return default


def used_variables() -> Iterator[tuple[str, str]]:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            for name in set(re.findall(r"RETOUCH_[A-Z_]+", path.read_text())):
                yield path.name, name


def test_every_variable_is_read_by_the_service() -> None:
    read = Recording()
    Settings.from_env(read)
    assert {name for _, name in used_variables()} <= read.asked


def container() -> dict[str, Any]:
    (found,) = pod()["containers"]
    return dict(found)


def pod() -> dict[str, Any]:
    return dict(loaded(KUBERNETES / "deployment.yaml")["spec"]["template"]["spec"])


def test_ports_agree() -> None:
    services = loaded(DEPLOY / "compose.yaml")["services"]
    assert services["retouch"]["ports"] == [f"{PORT}:{PORT}"]
    (scrape,) = loaded(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": [f"retouch:{PORT}"]}]
    (source,) = loaded(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert f":{source['url'].rpartition(':')[2]}" in services["prometheus"]["ports"][0]
    (port,) = container()["ports"]
    assert port["containerPort"] == PORT
    (offered,) = loaded(KUBERNETES / "service.yaml")["spec"]["ports"]
    assert offered["targetPort"] == port["name"]
    template = loaded(KUBERNETES / "deployment.yaml")["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(PORT)
    (ingress,) = loaded(KUBERNETES / "network.yaml")["spec"]["ingress"]
    assert ingress["ports"] == [{"protocol": "TCP", "port": PORT}]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_what_answers(client: TestClient, probe: str) -> None:
    asked = container()[probe]["httpGet"]
    assert client.get(asked["path"]).status_code == 200
    assert asked["port"] == container()["ports"][0]["name"]


def test_the_supervisor_grants_the_drain() -> None:
    variables = {one["name"]: one.get("value") for one in container()["env"]}
    sleep = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = sleep + float(variables["RETOUCH_DRAIN_SECONDS"]) + LONGEST_GOODBYE
    assert needed + 5 <= pod()["terminationGracePeriodSeconds"]
    service = loaded(DEPLOY / "compose.yaml")["services"]["retouch"]
    needed = service["environment"]["RETOUCH_DRAIN_SECONDS"] + LONGEST_GOODBYE
    assert needed + 5 <= int(service["stop_grace_period"].removesuffix("s"))


def test_nothing_runs_as_root_or_writes_to_its_image() -> None:
    assert pod()["securityContext"]["runAsNonRoot"]
    assert container()["securityContext"]["readOnlyRootFilesystem"]
    written = [mount["mountPath"] for mount in container()["volumeMounts"]]
    for variable in container()["env"]:
        if variable.get("value", "").startswith("/"):
            assert any(variable["value"].startswith(f"{path}/") for path in written)


def test_manifests_speak_of_one_deployment() -> None:
    deployment = loaded(KUBERNETES / "deployment.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    name = deployment["metadata"]["name"]
    selector = {"matchLabels": labels}
    assert deployment["spec"]["selector"] == selector
    assert loaded(KUBERNETES / "service.yaml")["spec"]["selector"] == labels
    assert loaded(KUBERNETES / "disruption.yaml")["spec"]["selector"] == selector
    assert loaded(KUBERNETES / "network.yaml")["spec"]["podSelector"] == selector
    assert loaded(KUBERNETES / "scaling.yaml")["spec"]["scaleTargetRef"] == {"name": name}
    (variable,) = (one for one in container()["env"] if "valueFrom" in one)
    secret = loaded(KUBERNETES / "secret.example.yaml")
    asked = variable["valueFrom"]["secretKeyRef"]
    assert asked["name"] == secret["metadata"]["name"]
    assert asked["key"] in secret["stringData"]


def test_kustomize_takes_every_manifest_but_the_example() -> None:
    resources = loaded(KUBERNETES / "kustomization.yaml")["resources"]
    assert {path.name for path in MANIFESTS} == {*resources, "secret.example.yaml"}


# KEDA's schema is not among Kubernetes'.
@pytest.mark.parametrize(
    "path", sorted({*MANIFESTS} - {KUBERNETES / "scaling.yaml"}), ids=lambda path: path.stem
)
def test_manifests_follow_kubernetes_schemas(path: Path) -> None:
    kubernetes_validate.validate(loaded(path), "1.37", strict=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "runs"),
    [
        ("cuda", ("ort", "cuda")),
        ("tensorrt", ("ort", "tensorrt")),
        ("rtx", ("tensorrt-rtx", "cuda")),
    ],
)
def test_a_gpus_bento_differs_in_requirements_and_settings(
    variant: str, runs: tuple[str, str], tmp_path: Path
) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "BENTOML_HOME": str(tmp_path), "BENTO_ONLY": "1"}
    command = [str(DEPLOY / "build-image"), variant]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    bento = tmp_path / "bentos" / built.stdout.strip().replace(":", "/")
    required = (bento / "env" / "python" / "requirements.txt").read_text().splitlines()
    assert not [line for line in required if line.startswith(("openvino", "torch"))]
    assert set((DEPLOY / f"{variant}.txt").read_text().splitlines()) <= set(required)
    told = {one["name"]: one["value"] for one in loaded(bento / "bento.yaml")["envs"]}
    assert (told["RETOUCH_BACKEND"], told["RETOUCH_DEVICE"]) == runs
    assert told["BENTOML_DO_NOT_TRACK"] == "True"
