"""Writes what the image installs, with the hashes of all its files: docker/requirements*.txt. `make lock` runs it.

Versions are those of constraints.txt, and hashes those that the registry lists. uv does both; here its list is divided,
because torch may come from elsewhere, where its files are others and NVIDIA's packages are not needed.
"""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = "# {}: made by `make lock`, of pyproject.toml and constraints.txt.\n"
OF_TORCH = re.compile(r"torch|torchvision|triton|(nvidia|cuda)-.*")


def locked(*, extras: tuple[str, ...] = (), further: tuple[str, ...] = ()) -> dict[str, str]:
    """Package -> its lines: of this project with these extras or, without any, of `further` alone."""
    sources = [*(["pyproject.toml"] if extras else []), "-"]
    options = [option for extra in extras for option in ("--extra", extra)]
    uv = ["uv", "pip", "compile", *sources, *options, "--constraint", "constraints.txt"]
    how = ["--universal", "--python-version", "3.11", "--only-binary", ":all:", "--generate-hashes"]
    quiet = ["--no-header", "--no-annotate", "--quiet"]
    said = subprocess.run([*uv, *how, *quiet], input="\n".join(further), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    said.check_returncode()
    blocks = re.split(r"(?m)^(?=[a-z0-9])", said.stdout)
    return {block.partition("==")[0]: block for block in blocks if block.strip()}


def main() -> None:
    builds_with = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
    torch = {
        name: lines for name, lines in locked(further=("torch", "torchvision")).items() if OF_TORCH.fullmatch(name)
    }
    cpu, gpu = (locked(extras=(extra, "tiny", "sign", "processes"), further=builds_with) for extra in ("cpu", "gpu"))
    shared = {name: lines for name, lines in cpu.items() if name in gpu and name not in torch}
    files = {
        "requirements.txt": ("What the image installs on every machine", shared),
        "requirements-torch.txt": ("torch as the usual registry builds it, and what CUDA needs", torch),
        "requirements-cpu.txt": ("FAISS on the processor", {name: cpu[name] for name in cpu.keys() - gpu.keys()}),
        "requirements-gpu.txt": ("FAISS on NVIDIA GPUs", {name: gpu[name] for name in gpu.keys() - cpu.keys()}),
    }
    for file, (what, packages) in files.items():
        text = HEAD.format(what) + "".join(packages[name] for name in sorted(packages))
        (ROOT / "docker" / file).write_text(text)


if __name__ == "__main__":
    main()
