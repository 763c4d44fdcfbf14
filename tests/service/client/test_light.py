"""What a client and the command for keys bring along: nothing that takes seconds or hundreds of megabytes."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "faiss", "pycocotools", "PIL", "numpy", "cv2", "transformers", "starlette", "fastapi", "uvicorn")


@pytest.mark.parametrize("module", ["service.client", "service.client.__main__", "service.schemas", "service.keys"])
def test_it_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
