"""What a new user meets first: the README's commands, the pins, the image, and what CI runs."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name

from tests.declared import PROJECT, ROOT, closure, of_cuda, pins, requirements

README = (ROOT / "README.md").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PACKAGES = ("wikiclip", "indexer", "training", "service")
# With the name of a subcommand, where one follows.
MODULES_OF_README = sorted(set(re.findall(rf"python -m ((?:{'|'.join(PACKAGES)})[\w.]*(?: [a-z]+)?)\b", README)))
# Imported under their own names, but not chosen apart from what they are part of.
PARTS = {"pydantic_core": "pydantic"}


def test_readmes_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)(?= |`|$)", README, re.MULTILINE))
    assert {"demo", "test", "lint"} <= named
    assert named <= targets


def test_make_without_a_target_tells_what_there_is() -> None:
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "demo-data", "demo-index", "setup", "test"):
        assert re.search(rf"^  make {target} ", said, re.MULTILINE)


@pytest.mark.parametrize("module", MODULES_OF_README)
def test_readmes_modules_explain_themselves(module: str) -> None:
    """With the options that the README's own lines give them."""
    said = subprocess.run(
        [sys.executable, "-m", *module.split(), "--help"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    lines = [line for line in README.splitlines() if f"-m {module} " in line]
    options = {option for line in lines for option in re.findall(r" (--[a-z-]+)", line)}
    assert {option for option in options if option not in said.stdout} == set()


def test_the_manual_lists_every_setting_once() -> None:
    from service.settings import Settings

    manual = (ROOT / "docs" / "service.md").read_text()
    listed = re.findall(r"^\| `(WIKICLIP_\w+)` \|", manual, re.MULTILINE)
    assert sorted(listed) == sorted(["WIKICLIP_HOME", *(f"WIKICLIP_{name.upper()}" for name in Settings.model_fields)])


def test_readmes_python_compiles() -> None:
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippets
    for snippet in snippets:
        compile(snippet, "README.md", "exec")


def test_pins_fit_the_requirements() -> None:
    pinned = pins()
    for requirement in requirements(
        "cpu", "gpu", "tiny", "train", "sign", "ray", "milvus", "processes", "otel", "bench", "dev"
    ):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_pins_cover_everything_that_gets_installed() -> None:
    """By the metadata of what is installed, so a dependency of a dependency cannot drift either."""
    missing = closure("cpu", "tiny", "sign", "dev").keys() - pins().keys()
    assert missing == set()


def imported(path: Path) -> set[str]:
    """The top-level names a file imports, at its head or later."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {*PACKAGES}


def test_third_party_imports_are_declared() -> None:
    asked = requirements(*{*PROJECT["optional-dependencies"]} - {"bench", "dev"})
    declared = {canonicalize_name(requirement.name) for requirement in asked}
    provides = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {top}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for top in imported(path)
        if not declared & {canonicalize_name(name) for name in provides.get(PARTS.get(top, top), ())}
        and not of_cuda(top)  # which torch declares
    }
    assert undeclared == set()


@pytest.mark.slow
def test_a_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    tracked = subprocess.check_output(["git", "ls-files", *PACKAGES], cwd=ROOT, text=True).split()
    source = tmp_path / "source"
    for name in [*tracked, "pyproject.toml", "README.md", "LICENSE", "NOTICE"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert set(tracked) <= set(zipfile.ZipFile(wheel).namelist())


def test_compose_publishes_on_this_machine_only() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") and port.endswith(":8000") for port in service["ports"])


def test_compose_bounds_what_a_container_takes_and_writes() -> None:
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["pids_limit"] > 0
        assert service["mem_limit"]
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
        assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/data"]


def test_compose_starts_one_service_with_either_profile() -> None:
    default = re.findall(r"^COMPOSE_PROFILES=(.*)$", (ROOT / ".env").read_text(), re.MULTILINE)
    assert default == ["cpu"]
    by_profile = {service["profiles"][0]: service for service in COMPOSE["services"].values()}
    assert set(by_profile) == {"cpu", "gpu"}
    assert {profile: service["build"]["args"]["EXTRA"] for profile, service in by_profile.items()} == {
        "cpu": "cpu",
        "gpu": "gpu",
    }
    assert by_profile["gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"


def test_compose_hands_on_every_setting() -> None:
    from service.settings import Settings

    for service in COMPOSE["services"].values():
        settings = {f"WIKICLIP_{name.upper()}" for name in Settings.model_fields}
        of_others = {"WIKICLIP_PRESET", "HF_ENDPOINT", "HF_HOME", "HF_TOKEN"}
        names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION", "ENDPOINT_URL")
        of_a_store = {f"AWS_{name}" for name in names}
        assert set(service["environment"]) == settings | of_others | of_a_store


def test_healthy_means_ready() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (image_check,) = re.findall(r"^HEALTHCHECK .*\\\n    CMD (\[.*\])$", dockerfile, re.MULTILINE)
    for service in COMPOSE["services"].values():
        check = service["healthcheck"]
        assert check["test"] == ["CMD", *yaml.safe_load(image_check)]
        assert "http://127.0.0.1:8000/readyz" in check["test"][-1]
        assert check["start_period"] == "20m"


def test_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1].split(":")[0] not in ("root", "0")


def test_image_gets_what_it_copies() -> None:
    """`.dockerignore` leaves out all but what it lists."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in copies for name in line.split()}
    assert copied == kept
    assert all(any(ROOT.glob(name)) for name in copied)


def test_image_and_compose_name_one_base() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE}"}
    for service in COMPOSE["services"].values():
        assert service["build"]["args"]["BASE"] == f"${{BASE:-{base}}}"


def test_compose_hands_on_every_argument_of_the_image() -> None:
    arguments = set(re.findall(r"^ARG (\w+)=", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    for service in COMPOSE["services"].values():
        assert set(service["build"]["args"]) == arguments


def test_ci_runs_what_a_developer_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script
    assert re.search(r"^(exec )?make test$", script, re.MULTILINE)
    assert "pip install" not in script


def test_the_checks_hold_the_manual_against_the_code() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^test: .*\blint docs\b", makefile, re.MULTILINE)
    assert re.search(r"^\t.*/mkdocs build --strict\b", makefile, re.MULTILINE)


def test_pre_commit_uses_the_tools_of_the_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {"ruff", "ruff-format", "mypy", "typos"} <= {hook["id"] for hook in hooks}
    linted = (ROOT / "Makefile").read_text()
    for hook in hooks:
        assert hook["entry"].startswith(".venv/bin/")
        assert Path(hook["entry"].split()[0]).name in linted
