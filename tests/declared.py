"""What the project says it needs: pyproject.toml, constraints.txt, and what is installed of it here."""

import importlib.metadata
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]


def pins() -> dict[str, Version]:
    """Package -> its version in constraints.txt."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    found = dict(line.split("==") for line in lines)
    assert len(found) == len(lines)
    return {canonicalize_name(name): Version(version) for name, version in found.items()}


def requirements(*extras: str) -> list[Requirement]:
    """What the project and these extras ask for."""
    listed = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return [Requirement(line) for line in listed]


def of_cuda(name: str) -> bool:
    """Whether the package is one that a CUDA build of torch or FAISS brings along and pins itself."""
    return name.startswith(("nvidia-", "cuda-")) or name == "triton"


def closure(*extras: str) -> dict[str, Requirement]:
    """Package -> who asks for it: of the project and these extras, and of their dependencies by the metadata of what is
    installed. What a CUDA build brings along is left out."""
    todo, seen, found = requirements(*extras), set[tuple[str, frozenset[str]]](), dict[str, Requirement]()
    while todo:
        requirement = todo.pop()
        name, named = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, named) in seen or of_cuda(name):
            continue
        seen.add((name, named))
        found[name] = requirement
        for line in importlib.metadata.requires(name) or ():
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in {"", *named}):
                todo.append(further)
    return found
