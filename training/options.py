"""Command line options from dataclasses of settings: one option a field, its help the field's `Doc`."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_type_hints

import typer
from pydantic import TypeAdapter, ValidationError
from typing_extensions import Doc

from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import read_text

CONFIG = "config"


def with_options(
    *, fixed: Mapping[str, Any] = MappingProxyType({}), **settings: type
) -> Callable[[Callable[..., None]], Any]:
    """Replaces parameters of a command by the fields of dataclasses.

    The command gets instances: the defaults, changed by the options given. A dataclass handed over as "config" also
    gets an option `--config FILE`, a JSON object of settings to start from.

    Args:
        fixed: fields that the command does not let anybody choose, name -> value; they become no options.
        settings: the parameter's name -> its dataclass, whose fields carry a `Doc` each.
    """

    def optional(kind: type) -> list[tuple[dataclasses.Field[Any], Any]]:
        return [(field, hint) for field, hint in _fields(kind) if field.name not in fixed]

    def decorate(command: Callable[..., None]) -> Any:
        kept = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in settings]
        added = [_parameter(field, hint) for kind in settings.values() for field, hint in optional(kind)]
        parameters = [*kept, *added, *([_config_file()] if CONFIG in settings else [])]

        def wrapped(**given: Any) -> None:
            base = given.pop("config_file", None)
            for name, kind in settings.items():
                names = [field.name for field, _ in _fields(kind)]
                values = {field: fixed[field] if field in fixed else given.pop(field) for field in names}
                given[name] = _made(kind, base if name == CONFIG else None, values)
            command(**given)

        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorate


def read_settings(kind: type, path: Path) -> dict[str, Any]:
    """Returns the settings in a JSON file; what a run wrote has them under "config".

    Raises:
        WikiClipError: the file is not such a file.
    """
    try:
        values = json.loads(read_text(path))
    except ValueError as error:
        raise WikiClipError(f"{path} is not JSON: {error}.") from error
    if isinstance(values, dict) and isinstance(values.get(CONFIG), dict):
        values = values[CONFIG]
    names = {field.name for field, _ in _fields(kind)}
    if not isinstance(values, dict) or not values.keys() <= names:
        raise WikiClipError(f"{path} must be an object with some of these keys: {', '.join(sorted(names))}.")
    return values


def _made(kind: type, base: Path | None, given: dict[str, Any]) -> Any:
    values = {} if base is None else read_settings(kind, base)
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise WikiClipError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def _fields(kind: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return [(field, hints[field.name]) for field in dataclasses.fields(kind)]


def _parameter(field: dataclasses.Field[Any], hint: Any) -> inspect.Parameter:
    kind, *notes = get_args(hint)
    (doc,) = (note.documentation for note in notes if isinstance(note, Doc))
    # None says that the option was not given; the help says what the field has then.
    default = "" if field.default is None else f" Default: {field.default}."
    option = typer.Option(help=doc + default, show_default=False)
    return _keyword(field.name, Annotated[kind | None, option])


def _config_file() -> inspect.Parameter:
    option = typer.Option("--config", help="A JSON file of settings to start from, such as a run's run.json.")
    return _keyword("config_file", Annotated[Path | None, option])


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
