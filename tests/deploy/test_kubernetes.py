"""deploy/kubernetes/, as far as it can be judged without a cluster: schemas of the API, names, and times."""

import copy
import re

import kubernetes_validate
import pytest

from colorize_service.server.fleet.line import QUEUE
from colorize_service.server.settings import Settings
from tests.support.deployment import DEPLOY, PROVIDERS, documents, settings_of, unknown

FOLDER = "kubernetes"
(KUSTOMIZATION,) = documents(f"{FOLDER}/kustomization.yaml")
APPLIED = [each for name in KUSTOMIZATION["resources"] for each in documents(f"{FOLDER}/{name}")]
(SECRET,) = documents(f"{FOLDER}/secret.example.yaml")
OBJECTS = {(each["kind"], each["metadata"]["name"]): each for each in [*APPLIED, SECRET]}
CONFIG = OBJECTS["ConfigMap", "colorize"]["data"]
# Kinds that KEDA adds; what the API's schemas do not know.
KEDA = {"ScaledObject", "TriggerAuthentication"}
# What KEDA's definition of a ScaledObject has.
SCALED = {
    "scaleTargetRef", "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "pollingInterval", "cooldownPeriod",
    "initialCooldownPeriod", "fallback", "advanced", "triggers",
}  # fmt: skip
PODS = {
    "api": OBJECTS["Deployment", "colorize-api"]["spec"]["template"]["spec"],
    "worker": OBJECTS["Deployment", "colorize-worker"]["spec"]["template"]["spec"],
    "clean": OBJECTS["CronJob", "colorize-clean"]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
}


def container(name: str) -> dict:
    (one,) = PODS[name]["containers"]
    return one


def environment(name: str) -> dict[str, str]:
    """The variables of a pod, those of the ConfigMap and of the Secret put in, ``$(NAME)`` too."""
    assert container(name)["envFrom"] == [{"configMapRef": {"name": "colorize"}}]
    values = dict(CONFIG)
    for each in container(name)["env"]:
        if "value" in each:
            values[each["name"]] = re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], each["value"])
        else:
            reference = each["valueFrom"]["secretKeyRef"]
            values[each["name"]] = OBJECTS["Secret", reference["name"]]["stringData"][reference["key"]]
    return values


def parts_of_addresses(name: str) -> set[str]:
    """Variables that are there to be put into others."""
    return set(re.findall(r"\$\((\w+)\)", " ".join(each.get("value", "") for each in container(name)["env"])))


def settings(name: str, monkeypatch, tmp_path) -> Settings:
    return settings_of(environment(name) | {"STORAGE_DIR": str(tmp_path)}, monkeypatch, worker=name != "api")


def test_every_file_is_applied_but_the_example_of_the_secrets():
    files = {path.name for path in (DEPLOY / FOLDER).iterdir()}
    assert files == {*KUSTOMIZATION["resources"], "kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_the_api_takes_every_object(version):
    for kind, name in sorted(OBJECTS):
        if kind not in KEDA:
            kubernetes_validate.validate(OBJECTS[kind, name], version, strict=True)


def test_a_word_that_the_api_does_not_know_would_be_noticed():
    wrong = copy.deepcopy(OBJECTS["Deployment", "colorize-api"])
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


@pytest.mark.parametrize("name", PODS)
def test_each_variable_is_a_setting_and_the_service_starts_with_its_value(name, monkeypatch, tmp_path):
    assert not unknown(environment(name)) - parts_of_addresses(name)
    found = settings(name, monkeypatch, tmp_path)
    assert found.storage_url == CONFIG["STORAGE_URL"] and found.retention_days == 30
    if name != "clean":
        secrets = SECRET["stringData"]
        assert found.broker == f"redis://:{secrets['broker-password']}@{secrets['broker-address']}/0"


def test_no_secret_is_in_the_config_map():
    secret = {name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret and not (secret | {name for name in PROVIDERS if "KEY" in name}) & set(CONFIG)


@pytest.mark.parametrize("name", PODS)
def test_each_pod_is_allowed_where_only_restricted_ones_are(name):
    pod, one = PODS[name]["securityContext"], container(name)["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] == 1000
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["allowPrivilegeEscalation"] is False and one["capabilities"] == {"drop": ["ALL"]}
    assert one["readOnlyRootFilesystem"] is True and PODS[name]["automountServiceAccountToken"] is False
    assert container(name)["resources"]["limits"]["memory"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(PODS[name])


def test_probes_tell_a_hanging_process_from_a_missing_broker():
    api, worker = container("api"), container("worker")
    assert api["livenessProbe"]["httpGet"]["path"] == "/live"
    assert api["readinessProbe"]["httpGet"]["path"] == "/health"
    assert "livenessProbe" not in worker
    assert worker["readinessProbe"]["exec"]["command"][-1] == "colorize_service.server.fleet.ready"


def test_a_pod_that_ends_finishes_its_photos(monkeypatch, tmp_path):
    found = settings("api", monkeypatch, tmp_path)
    assert found.graceful_timeout > found.queue_timeout + found.work_timeout
    before = container("api")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert PODS["api"]["terminationGracePeriodSeconds"] > before + found.graceful_timeout
    assert PODS["worker"]["terminationGracePeriodSeconds"] > found.work_timeout


@pytest.mark.parametrize("name", ["api", "worker"])
def test_deployments_budgets_and_services_mean_the_same_pods(name):
    deployment, budget = OBJECTS["Deployment", f"colorize-{name}"], OBJECTS["PodDisruptionBudget", f"colorize-{name}"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == budget["spec"]["selector"]["matchLabels"]
    assert "replicas" not in deployment["spec"]  # each apply would undo what the autoscaler has done
    if name == "api":
        assert OBJECTS["Service", "colorize"]["spec"]["selector"] == labels
        target = OBJECTS["HorizontalPodAutoscaler", "colorize-api"]["spec"]["scaleTargetRef"]
        assert target["name"] == deployment["metadata"]["name"]


def test_keda_scales_the_workers_by_the_line_of_photos():
    spec = OBJECTS["ScaledObject", "colorize-worker"]["spec"]
    assert set(spec) <= SCALED and ("Deployment", spec["scaleTargetRef"]["name"]) in OBJECTS
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "redis" and trigger["metadata"]["listName"] == QUEUE
    # KEDA's webhook refuses numbers there.
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert int(trigger["metadata"]["listLength"]) > 0
    login = OBJECTS["TriggerAuthentication", trigger["authenticationRef"]["name"]]["spec"]["secretTargetRef"]
    assert {each["parameter"] for each in login} == {"address", "password"}
    assert all(each["key"] in OBJECTS["Secret", each["name"]]["stringData"] for each in login)
    policies = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    hpa = copy.deepcopy(OBJECTS["HorizontalPodAutoscaler", "colorize-api"])
    hpa["spec"]["behavior"] = policies  # KEDA hands them on as they are
    kubernetes_validate.validate(hpa, "1.30", strict=True)
