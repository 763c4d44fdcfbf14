"""All hostile requests, in the shares in which they are sent."""

from typing import Any

from hypothesis import strategies as st

from benchmarks.hostile.bodies import forms, json_bodies, pictures, region_bodies
from benchmarks.hostile.case import Case
from benchmarks.hostile.heads import badly_framed, targets, well_framed


def cases(document: dict[str, Any]) -> st.SearchStrategy[Case]:
    """Requests for the service that has this OpenAPI document."""
    paths = targets(known_paths(document))
    kinds = {
        pictures(): 6,
        region_bodies(): 5,
        json_bodies(): 3,
        forms(): 3,
        well_framed(paths): 2,
        badly_framed(paths): 1,
    }
    drawn = [kind for kind, share in kinds.items() for _ in range(share)]
    return st.sampled_from(drawn).flatmap(lambda kind: kind)


def known_paths(document: dict[str, Any]) -> list[str]:
    """The document's paths, with its examples in the place of parameters."""
    return [_filled(path, operations) for path, operations in document["paths"].items()]


def _filled(path: str, operations: dict[str, Any]) -> str:
    """Reading and changing have their parameters in common; only what reads names an example."""
    for operation in operations.values():
        for parameter in operation.get("parameters", []):
            shown = [parameter.get("example"), *parameter["schema"].get("examples", [])]
            if parameter["in"] == "path" and (example := next(filter(None, shown), None)) is not None:
                path = path.replace(f"{{{parameter['name']}}}", example)
    return path
