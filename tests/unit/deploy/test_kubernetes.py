"""deploy/kubernetes fits the service as it is, and what Kubernetes takes."""

from __future__ import annotations

import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.runtime.draining import ENDING_SECONDS
from controller.runtime.probing import ANSWER_SECONDS
from controller.settings import Settings, load

ROOT = Path(__file__).parents[3] / "deploy" / "kubernetes"
#: The oldest that has all that is used: `sleep` in preStop.
VERSION = "1.33"
SECRETS = "/run/secrets/callbackd"
validator: Any = importlib.import_module("kubernetes_validate")


def documents(text: str) -> list[dict[str, Any]]:
    """What a text of several YAML documents says."""
    return [document for document in yaml.safe_load_all(text) if document]


def resources() -> list[dict[str, Any]]:
    """What the files say, as `kustomization.yaml` names them."""
    named = yaml.safe_load((ROOT / "kustomization.yaml").read_text(encoding="utf-8"))
    return [
        document
        for name in named["resources"]
        for document in documents((ROOT / name).read_text(encoding="utf-8"))
    ]


def one(kind: str) -> dict[str, Any]:
    """The one resource of a kind."""
    (found,) = (resource for resource in resources() if resource["kind"] == kind)
    return found


def pod() -> dict[str, Any]:
    """What each pod is."""
    spec: dict[str, Any] = one("Deployment")["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    """The one container of a pod."""
    (made,) = pod()["containers"]
    return dict(made)


def settings(tmp_path: Path) -> Settings:
    """What a controller makes of its file and its variables, with secrets in the files it names."""
    text = (ROOT / "callbackd.toml").read_text(encoding="utf-8")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in {
        "database-url": "postgresql://callbackd:x@db/callbackd\n",
        "redis-url": "redis://cache:6379\n",
        "fs1-password": "something of its own\n",
    }.items():
        (secrets / name).write_text(value, encoding="utf-8")
    config = tmp_path / "callbackd.toml"
    config.write_text(text.replace(SECRETS, str(secrets)), encoding="utf-8")
    environment: dict[str, str] = {}
    told = {"metadata.name": "callbackd-7c9-x2v", "status.podIP": "10.40.1.7"}
    for variable in container()["env"]:
        value = variable.get("value")
        if value is None:
            value = told[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        for name, before in environment.items():
            value = value.replace(f"$({name})", before)
        environment[variable["name"]] = value
    # The command takes it, and it is no setting.
    del environment["CALLBACKD_CONFIG"]
    return load(str(config), environment)


@pytest.mark.parametrize(
    "resource", resources(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_o4_kubernetes_takes_each_as_it_is(resource: dict[str, Any]) -> None:
    validator.validate(resource, VERSION, strict=True)


def test_a_field_that_nobody_reads_is_found() -> None:
    """The check can fail."""
    wrong = one("PodDisruptionBudget")
    wrong["spec"]["maxUnavailabe"] = 1
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, VERSION, strict=True)


def test_o4_kubectl_makes_the_whole_of_it() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    done = subprocess.run(
        [kubectl, "kustomize", str(ROOT)], capture_output=True, text=True, check=True
    )
    made = documents(done.stdout)
    for resource in made:
        validator.validate(resource, VERSION, strict=True)
    kinds = [resource["kind"] for resource in made]
    assert len(kinds) == len(resources()) + 1
    (config,) = (resource for resource in made if resource["kind"] == "ConfigMap")
    (deployment,) = (resource for resource in made if resource["kind"] == "Deployment")
    named = [
        volume["configMap"]["name"]
        for volume in deployment["spec"]["template"]["spec"]["volumes"]
        if "configMap" in volume
    ]
    assert named == [config["metadata"]["name"]]
    assert list(config["data"]) == ["callbackd.toml"]
    # Its Namespace is one of them, and is in none.
    assert {r["metadata"].get("namespace") for r in made} == {None, "callbackd"}


def test_o1_every_setting_is_one_and_no_secret_is_in_a_file(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert made.name == "callbackd-7c9-x2v"
    assert made.listen.advertise == f"10.40.1.7:{made.listen.port}"
    for path in sorted(ROOT.iterdir()):
        text = path.read_text(encoding="utf-8")
        assert "kind: Secret" not in text, path.name
        for line in text.splitlines():
            if line.partition("=")[0].strip() in ("password", "url", "secret"):
                assert f'{{ file = "{SECRETS}/' in line, f"{path.name}: {line}"


def test_o4_the_end_has_the_time_that_it_needs(tmp_path: Path) -> None:
    """O4: no pod is killed that hands over, and none goes before another one is there."""
    spec = one("Deployment")["spec"]
    before = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    needs = before + settings(tmp_path).drain_seconds + ENDING_SECONDS
    assert pod()["terminationGracePeriodSeconds"] >= needs
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["replicas"] > one("PodDisruptionBudget")["spec"]["maxUnavailable"]


def test_o4_a_frozen_one_is_judged_by_the_others_before_it_is_ended(tmp_path: Path) -> None:
    """O4: its calls are with others by then; a short stand-still ends nobody."""
    probe = container()["livenessProbe"]
    soonest = (probe["failureThreshold"] - 1) * probe["periodSeconds"]
    lease = settings(tmp_path).presence.lease_seconds
    assert soonest > lease + 2 * ANSWER_SECONDS
    assert probe["httpGet"]["path"] == "/livez"
    assert container()["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_ports_and_paths_are_those_of_the_settings(tmp_path: Path) -> None:
    made = settings(tmp_path)
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert ports == {"esl": made.listen.port, "web": made.web.port}
    mounts = {mount["mountPath"] for mount in container()["volumeMounts"]}
    assert {made.data_dir, str(made.pepper_path), SECRETS, "/etc/callbackd"} <= mounts
    # A command that is run in the pod reads the same settings.
    assert container()["command"] == ["callbackd", "serve"]
    variables = {variable["name"]: variable.get("value") for variable in container()["env"]}
    assert variables["CALLBACKD_CONFIG"] == "/etc/callbackd/callbackd.toml"
    # What Kubernetes would add for its Services is named as settings are.
    assert pod()["enableServiceLinks"] is False
    policy = one("NetworkPolicy")["spec"]
    allowed = [peer for rule in policy["ingress"] if rule["ports"] == [{"port": "esl"}]
               for peer in rule["from"]]  # fmt: skip
    assert [peer["ipBlock"]["cidr"] for peer in allowed] == list(made.listen.allow)


def test_the_pod_has_nothing_that_it_does_not_need() -> None:
    assert pod()["automountServiceAccountToken"] is False
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for volume in pod()["volumes"]:
        assert "hostPath" not in volume
    labels = one("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
