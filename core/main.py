"""The command `promferry`: reads `sys.argv` and `os.environ`, here and nowhere else."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from .errors import ConfigurationError, Interrupted, KnownError
from .exits import Exit, status_of
from .setup import Setup

COMMANDS: Final[Mapping[str, str]] = {
    "run": "Export what is missing, then apply retention.",
    "check": "Say whether this set-up will work, with a cure for what will not.",
    "status": "Say what the sink holds: coverage, holes, size.",
    "report": "Hold requests against usage of CPU and memory: the largest wastes first.",
    "metrics": "List the metric catalogue, show rendered queries, lint definitions.",
    "plugins": "List the plugins: kind, name, distribution, version, file.",
    "prune": "Delete what is older than the retention.",
    "settings": "Print every environment variable, its default and what it accepts.",
    "policy": "Print the AWS policies that the job and the readers of its data need.",
}

EPILOG: Final = """\b
Settings are environment variables: docs/configuration.md lists them.

\b
Examples:
  CLUSTER_NAME=prod SINK=local LOCAL_DIR=./export promferry run
  promferry check
  promferry run --dry-run --metric cpu_requests
  promferry run --from 2025-10-01 --to 2025-10-03
  promferry metrics show cpu_usage
  promferry report --top 20 --html waste.html

\b
Exit status:
  0    everything due is exported
  1    something is not; the next run retries it
  2    configuration or usage: retrying will not help
  3    a bug, with traceback
  130  interrupted (SIGINT), progress is saved
  143  terminated (SIGTERM), progress is saved

\b
Shell completion (bash; zsh and fish likewise):
  eval "$(_PROMFERRY_COMPLETE=bash_source promferry)"
"""


class Commands(click.Group):
    """The subcommands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".commands.{cmd_name}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value:
        from importlib.metadata import version

        click.echo(f"promferry {version('promferry')}")
        ctx.exit()


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Print the version.",
)  # fmt: skip
def cli() -> None:
    """Ferry metrics out of Prometheus, window by window, into object storage."""


def run(arguments: Sequence[str], setup: Setup) -> int:
    """Run one command line and return its exit status; known errors are printed, one line each."""
    try:
        result: Any = cli.main(list(arguments), "promferry", standalone_mode=False, obj=setup)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return Exit.CONFIGURATION
    except click.ClickException as error:
        error.show()
        return Exit.CONFIGURATION
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has closed it (`promferry metrics | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except Interrupted as error:
        click.echo("promferry: interrupted; progress is saved", err=True)
        return status_of(error)
    except ConfigurationError as error:
        for problem in error.problems:
            click.echo(f"promferry: {problem}", err=True)
        return status_of(error)
    except KnownError as error:
        click.echo(f"promferry: {error}", err=True)
        return status_of(error)
    except Exception as error:  # noqa: BLE001 - the last place: a bug shows its traceback
        traceback.print_exc()
        click.echo("promferry: this is a bug; please report it with the traceback above", err=True)
        return status_of(error)
    return int(result) if isinstance(result, int) else Exit.DONE


def main() -> None:
    """Entry point of the console script."""
    # A container's first process does not get a signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(run(sys.argv[1:], Setup(os.environ)))
