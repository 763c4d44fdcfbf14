"""The manifests hold against Kubernetes' own schemas, and what one names the others have."""

import json
import re
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.server import GRACE_S
from service.settings import Settings
from service.telemetry.metrics import Metrics

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu")
RELEASES = ("1.32", "1.37")  # the oldest and the newest that are meant to run them
Document = dict[str, Any]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def base() -> list[Document]:
    folder = KUBERNETES / "base"
    return [read(folder / name) for name in read(folder / "kustomization.yaml")["resources"]]


def rendered(overlay: str) -> list[Document]:
    """What an overlay makes of the base: its images, and its JSON patches (RFC 6902) of `add` and `replace`."""
    documents, said = deepcopy(base()), read(KUBERNETES / "overlays" / overlay / "kustomization.yaml")
    assert said["resources"] == ["../../base"]
    assert said.keys() <= {"apiVersion", "kind", "resources", "images", "patches"}
    for container in containers(documents):
        for image in said["images"]:
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    for patch in said.get("patches", ()):
        target = the(documents, patch["target"]["kind"])
        assert target["metadata"]["name"] == patch["target"]["name"]
        for step in yaml.safe_load(patch["patch"]):
            *way, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:])
            place: Any = target
            for part in way:
                place = place[int(part) if isinstance(place, list) else part]
            assert step["op"] == ("replace" if last in place else "add"), step
            place[last] = step["value"]
    return documents


def the(documents: list[Document], kind: str) -> Document:
    (found,) = (document for document in documents if document["kind"] == kind)
    return found


def containers(documents: list[Document]) -> list[Document]:
    found: list[Document] = the(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("of", ["base", *OVERLAYS])
def test_every_document_holds_against_its_schema(of: str, release: str) -> None:
    documents = base() if of == "base" else rendered(of)
    assert len(documents) == 7
    for document in documents:
        kubernetes_validate.validate(document, release, strict=True)


def test_a_document_that_is_wrong_would_be_found() -> None:
    wrong = the(base(), "Deployment")
    containers([wrong])[0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, RELEASES[0], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_makes_the_same_of_an_overlay(overlay: str) -> None:
    """Where kubectl is there: what is tested above is what would be applied."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here")
    command = ["kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def ordered(documents: list[Document]) -> list[str]:
        return sorted(json.dumps(document, sort_keys=True) for document in documents)

    assert ordered(list(yaml.safe_load_all(said))) == ordered(rendered(overlay))


def test_no_file_is_left_out() -> None:
    listed = {*read(KUBERNETES / "base" / "kustomization.yaml")["resources"], "kustomization.yaml"}
    assert {path.name for path in (KUBERNETES / "base").iterdir()} == listed
    assert {path.name for path in (KUBERNETES / "overlays").iterdir()} == {*OVERLAYS}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_that_one_document_says_are_those_of_another(overlay: str) -> None:
    documents = rendered(overlay)
    deployment, (container,) = the(documents, "Deployment"), containers(documents)
    pod = deployment["spec"]["template"]
    labels = deployment["spec"]["selector"]["matchLabels"]
    assert labels.items() <= pod["metadata"]["labels"].items()
    selectors = [
        the(documents, "Service")["spec"]["selector"],
        the(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod["spec"]["topologySpreadConstraints"]),
    ]
    assert all(selector == labels for selector in selectors)
    scaled = the(documents, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert scaled == {key: deployment[key] for key in ("apiVersion", "kind")} | {"name": deployment["metadata"]["name"]}
    assert pod["spec"]["serviceAccountName"] == the(documents, "ServiceAccount")["metadata"]["name"]

    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8000}
    named = [probe["httpGet"]["port"] for key, probe in container.items() if key.endswith("Probe")]
    named += [port["targetPort"] for port in the(documents, "Service")["spec"]["ports"]]
    named += [port["port"] for rule in the(documents, "NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]]
    assert set(named) == {"http"}
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == "8000"

    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    (settings,) = (each["configMapRef"]["name"] for each in container["envFrom"] if "configMapRef" in each)
    assert settings == the(documents, "ConfigMap")["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_are_settings_and_their_files_are_mounted(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = rendered(overlay)
    data = the(documents, "ConfigMap")["data"]
    assert set(data) <= {f"WIKICLIP_{name.upper()}" for name in Settings.model_fields}
    for name, value in data.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.device == ("gpu" if overlay == "gpu" else "auto")
    assert the(documents, "Service")["metadata"]["name"] in settings.hosts
    spec = the(documents, "Deployment")["spec"]["template"]["spec"]
    (keys,) = (volume["secret"] for volume in spec["volumes"] if "secret" in volume)
    (at,) = (mount["mountPath"] for mount in containers(documents)[0]["volumeMounts"] if mount["name"] == "keys")
    assert keys["defaultMode"] & 0o022 == 0, "a file of keys that others may write is refused"
    assert {f"{at}/{item['path']}" for item in keys["items"]} == {str(settings.keys), str(settings.pull_key)}


def test_secrets_are_named_by_the_manual_and_in_no_file() -> None:
    manual = (KUBERNETES.parents[1] / "docs" / "replicas.md").read_text(encoding="utf-8")
    named = set(re.findall(r"create secret generic (\S+)", manual))
    text = "\n".join(path.read_text() for path in (KUBERNETES / "base").iterdir())
    assert named == {"wikiclip-keys", "wikiclip-store"}
    assert all(name in text for name in named)
    assert "kind: Secret" not in text


def test_a_pod_may_do_little_and_is_given_time_to_end() -> None:
    spec, (container,) = the(base(), "Deployment")["spec"]["template"]["spec"], containers(base())
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() >= {"memory", "ephemeral-storage"}
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/data", "/tmp"}
    user = re.findall(r"^USER (\d+):(\d+)", (KUBERNETES.parents[1] / "Dockerfile").read_text(), re.MULTILINE)
    assert user == [(str(spec["securityContext"]["runAsUser"]), str(spec["securityContext"]["runAsGroup"]))]
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert spec["terminationGracePeriodSeconds"] >= before + GRACE_S + 10
    paths = {key: probe["httpGet"]["path"] for key, probe in container.items() if key.endswith("Probe")}
    assert paths == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_the_autoscaler_follows_a_metric_that_the_adapter_makes_of_one_that_is_served() -> None:
    (rule,) = read(KUBERNETES / "prometheus-adapter.yaml")["rules"]["custom"]
    (metric,) = the(base(), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    (series,) = re.findall(r"^(\w+)\{", rule["seriesQuery"])
    metrics = Metrics()
    metrics.watch_queue("encode", type("Queue", (), {"waiting": 3})())
    assert f'{series}{{stage="encode"}} 3.0' in metrics.text().decode()
