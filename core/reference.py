"""The reference of all settings, made from their declarations."""

from __future__ import annotations

from collections.abc import Iterator

from .environ import Variable, variables
from .plugins import Plugins
from .settings import ALL
from .telemetry import TelemetrySettings


def tables() -> str:
    """Return one Markdown table for each settings class: the core's, then each plugin's."""
    parts = [_table(_title(cls), cls) for cls in (*ALL, TelemetrySettings)]
    plugins = Plugins()
    brought: list[tuple[str, type]] = [
        *((f"Sink `{name}`", each.settings) for name, each in plugins.sinks().items()),
        *(
            (f"Auth method `{name}`", each.settings)
            for name, each in plugins.auth_methods().items()
        ),
    ]
    parts += [_table(title, cls) for title, cls in brought]
    return "\n\n".join(part for part in parts if part)


def _title(cls: type) -> str:
    return str(cls.__doc__).splitlines()[0].rstrip(".")


def _table(title: str, cls: type) -> str:
    declared = [variable for _, variable in variables(cls)]
    if not declared:
        return ""
    rows = [row for variable in declared for row in _rows(variable)]
    head = "| variable | default | accepted | meaning |\n|---|---|---|---|"
    return "\n".join((f"### {title}", "", head, *rows))


def _rows(variable: Variable) -> Iterator[str]:
    default = "required" if variable.required else variable.shown_default or "none"
    if default not in ("required", "none") and not default.startswith("`") and " " not in default:
        default = f"`{default}`"
    cells = (f"`{variable.name}`", default, variable.accepts, variable.help)
    yield _row(*cells)
    if variable.is_secret:
        yield _row(
            f"`{variable.name}_FILE`", "none", "the path of a file", "The same, read from a file."
        )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
