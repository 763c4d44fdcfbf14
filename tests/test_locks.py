"""What the image installs: files whose hashes are known beforehand, of the versions in constraints.txt."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.declared import PYPROJECT, ROOT, closure, of_cuda, pins, requirements

DOCKER = ROOT / "docker"
LISTS = ("requirements.txt", "requirements-torch.txt", "requirements-cpu.txt", "requirements-gpu.txt")


def locked(file: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Package -> what is asked for, and the hashes of which its file must have one."""
    found = {}
    for entry in re.split(r"(?m)^(?=[a-z0-9])", (DOCKER / file).read_text())[1:]:
        asked, *options = entry.replace("\\\n", "\n").strip().splitlines()
        hashes = [option.strip().removeprefix("--hash=sha256:") for option in options]
        requirement = Requirement(asked)
        found[canonicalize_name(requirement.name)] = (requirement, hashes)
    return found


@pytest.mark.parametrize("file", LISTS)
def test_every_package_has_hashes_and_the_pinned_version(file: str) -> None:
    pinned, packages = pins(), locked(file)
    assert packages
    for name, (requirement, hashes) in packages.items():
        assert hashes, name
        assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in hashes), name
        (version,) = requirement.specifier
        assert version.operator == "=="
        if not of_cuda(name):
            assert pinned[name] in requirement.specifier, f"{requirement}: run `make lock`"


def test_no_package_is_in_two_lists() -> None:
    names = [name for file in LISTS for name in locked(file)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_everything_that_is_asked_for_is_locked(extra: str) -> None:
    names = {name for file in (*LISTS[:2], f"requirements-{extra}.txt") for name in locked(file)}
    builds = [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]
    asked = {canonicalize_name(line.name) for line in [*requirements(extra, "tiny", "sign"), *builds]}
    assert asked <= names


def test_what_that_asks_for_is_locked_too() -> None:
    names = {name for file in LISTS[:3] for name in locked(file)}
    assert closure("cpu", "tiny", "sign").keys() <= names


def test_torch_from_elsewhere_needs_nothing_of_its_list_but_torch() -> None:
    assert {name for name in locked("requirements-torch.txt") if not of_cuda(name)} == {"torch", "torchvision"}


def test_the_image_fetches_nothing_past_the_lists() -> None:
    commands = re.findall(r"(?m)\bpip install\b.*$", (ROOT / "Dockerfile").read_text())
    assert commands
    assert all("--no-index --no-build-isolation" in command for command in commands)


def wheel(folder: Path, name: str, version: str) -> str:
    """Writes a package that holds nothing, and gives its hash."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def small_image(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The image's script beside lists of packages that hold nothing, and their hashes. torch is another build than the
    list's, as it is where another index is named."""
    docker, wheels = tmp_path / "docker", tmp_path / "wheels"
    docker.mkdir()
    wheels.mkdir()
    (docker / "install.sh").write_bytes((DOCKER / "install.sh").read_bytes())
    builds = {"torch": "2.13.0+cpu", "torchvision": "0.28.0+cpu", "shared": "1.0", "faiss_cpu": "1.0"}
    hashes = {name: wheel(wheels, name, version) for name, version in builds.items()}
    other = "f" * 64
    lists = {
        "requirements-torch.txt": [("torch", "2.13.0", other), ("torchvision", "0.28.0", other)],
        "requirements.txt": [("shared", "1.0", hashes["shared"])],
        "requirements-cpu.txt": [("faiss_cpu", "1.0", hashes["faiss_cpu"])],
    }
    for file, lines in lists.items():
        entry = "{}=={} ; sys_platform == 'linux' \\\n    --hash=sha256:{}\n"
        (docker / file).write_text("".join(entry.format(*line) for line in lines))
    return docker, hashes


def install(docker: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with pip, which finds the packages above and nothing else and puts them into a folder."""
    folder = docker.parent
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder / "wheels"),
        "PIP_TARGET": str(folder / "installed"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    command = ["sh", str(docker / "install.sh"), "cpu"]
    return subprocess.run(command, env=environment | settings, capture_output=True, text=True)


@pytest.mark.slow
def test_the_usual_torch_is_held_to_its_hashes(small_image: tuple[Path, dict[str, str]]) -> None:
    docker, _ = small_image
    said = install(docker)
    assert said.returncode != 0
    assert "DO NOT MATCH THE HASHES" in said.stderr
    assert not (docker.parent / "installed").exists()


@pytest.mark.slow
def test_torch_from_elsewhere_is_held_to_the_hashes_that_are_given(small_image: tuple[Path, dict[str, str]]) -> None:
    docker, hashes = small_image
    given = f"{hashes['torch']} {hashes['torchvision']}"
    assert install(docker, TORCH_INDEX="https://torch.example", TORCH_SHA256=given).returncode == 0
    assert (docker.parent / "installed" / "shared-1.0.dist-info").is_dir()
    wrong = f"{hashes['torch']} {'0' * 64}"
    said = install(docker, TORCH_INDEX="https://torch.example", TORCH_SHA256=wrong)
    assert said.returncode != 0
    assert "DO NOT MATCH THE HASHES" in said.stderr


@pytest.mark.slow
def test_torch_from_elsewhere_may_be_pinned_by_version_alone(small_image: tuple[Path, dict[str, str]]) -> None:
    docker, _ = small_image
    said = install(docker, TORCH_INDEX="https://torch.example")
    assert said.returncode == 0, said.stderr


@pytest.mark.slow
def test_what_is_not_torch_is_held_to_its_hash_wherever_torch_comes_from(
    small_image: tuple[Path, dict[str, str]],
) -> None:
    docker, hashes = small_image
    listed = docker / "requirements.txt"
    listed.write_text(listed.read_text().replace(hashes["shared"], "0" * 64))
    said = install(docker, TORCH_INDEX="https://torch.example")
    assert said.returncode != 0
    assert "DO NOT MATCH THE HASHES" in said.stderr
