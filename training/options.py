"""Command line options from dataclasses of settings: one option a field, its help the field's `Doc`.

What an option does not say, the file says that `--config` names, and what neither does is the default.
"""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer
from pydantic import TypeAdapter, ValidationError
from typing_extensions import Doc

from training.recipes.settings_file import CONFIG, SettingsFile, open_settings
from wikiclip.base.errors import WikiClipError

Made = TypeVar("Made")
CONTEXT, FILE = "context", "config_file"
# Of a command's own options: one that is given takes the place of the others of its group in a file.
ALTERNATIVES = (("preset", "start"),)


def with_options(
    *, fixed: Mapping[str, Any] = MappingProxyType({}), **settings: type
) -> Callable[[Callable[..., None]], Any]:
    """Replaces parameters of a command by the fields of dataclasses.

    The command gets instances: the defaults, changed by the options given. With a dataclass handed over as "config" it
    also gets an option `--config`, the name or the file of a recipe, or a JSON object of these settings, to start from.

    Args:
        fixed: fields that the command does not let anybody choose, name -> value; they become no options.
        settings: the parameter's name -> its dataclass, whose fields carry a `Doc` each. Its attribute `ALTERNATIVES`,
            where it has one, lists groups of fields of which one counts.
    """

    def optional(kind: type) -> list[tuple[dataclasses.Field[Any], Any]]:
        return [(field, hint) for field, hint in _fields(kind) if field.name not in fixed]

    def decorate(command: Callable[..., None]) -> Any:
        kept = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in settings]
        added = [_parameter(field, hint) for kind in settings.values() for field, hint in optional(kind)]
        parameters = [*kept, *added, *([_config_file(), _context()] if CONFIG in settings else [])]

        def wrapped(**given: Any) -> None:
            named, context = given.pop(FILE, None), given.pop(CONTEXT, None)
            file = SettingsFile() if named is None else open_settings(named)
            for name in file.tables.keys() - settings.keys():
                raise WikiClipError(f"{file.path}: [{name}] does not apply to this command.")
            if context is not None:
                said = {p.name for p in kept if context.get_parameter_source(p.name).name == "COMMANDLINE"}
                options = _without_replaced(file.options, said, ALTERNATIVES)
                given |= {name: options[name] for name in options.keys() & given.keys() - said}
            for name, kind in settings.items():
                names = [field.name for field, _ in _fields(kind)]
                values = {field: fixed[field] if field in fixed else given.pop(field) for field in names}
                given[name] = made_of(kind, file, name, fixed=fixed, options=values)
            command(**given)

        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorate


def made_of(
    kind: type[Made],
    file: SettingsFile,
    name: str,
    *,
    fixed: Mapping[str, Any] = MappingProxyType({}),
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Made:
    """Returns the dataclass that a file and options make together.

    Args:
        name: of the file's table.
        fixed: fields that the file must not say anything of.
        options: field -> value, which goes before the file's; None where the option was not given.

    Raises:
        WikiClipError: a key is unknown, or a value is of another type or one that the dataclass refuses.
    """
    table, known = file.tables.get(name, {}), [field.name for field, _ in _fields(kind)]
    for key in table:
        if key not in known:
            raise WikiClipError(f"{file.path}: {key} is none of the keys {', '.join(sorted(known))}.")
        if key in fixed:
            raise WikiClipError(f"{file.path}: {key} does not apply to this command.")
    given = {name: value for name, value in options.items() if value is not None}
    values = _without_replaced(table, given, getattr(kind, "ALTERNATIVES", ())) | given
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{file.path}: " if first["loc"] and first["loc"][0] in values.keys() - given.keys() else ""
        raise WikiClipError(f"{where}{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def _without_replaced(
    values: Mapping[str, Any], given: Iterable[str], alternatives: Iterable[tuple[str, ...]]
) -> dict[str, Any]:
    """A file's values without those whose alternative was given as an option."""
    replaced = {name for group in alternatives if {*group} & {*given} for name in group}
    return {name: value for name, value in values.items() if name not in replaced}


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
    about = (
        "What to start from: a recipe's name (python -m training.recipes lists them) or its TOML file, or a JSON file"
        " of settings, such as a run's run.json."
    )
    return _keyword(FILE, Annotated[str | None, typer.Option("--config", help=about, metavar="RECIPE|FILE")])


def _context() -> inspect.Parameter:
    """Knows which options were given."""
    return inspect.Parameter(CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
