"""The commands of the group `alerts`: what on-call was told, who is at it, who would hear."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from recsys_tasks.cli.looking import print_query
from recsys_tasks.cli.output import Csv, Json, Limit, say
from recsys_tasks.cli.session import existing_environment, now, shown_errors
from recsys_tasks.config import connection_of_environment, read_environment
from recsys_tasks.config.essentials import read_essentials

app = typer.Typer(
    invoke_without_command=True,
    help="Alerts. Without a command: the open ones, as `list`, newest first.",
)
Everything = Annotated[bool, typer.Option("--all", help="Also those that are over.")]
_ALERTS = (
    "SELECT id, as_of, severity, kind, message, remedy, reader_state, runbook, raised_at,"
    " resolved_at, dag, task, incident, delivered, acknowledged_at, acknowledged_by,"
    " acknowledged_note FROM recsys.alerts"
    " WHERE :everything OR resolved_at IS NULL ORDER BY id DESC LIMIT :n"
)


@app.callback()
def alerts(
    context: typer.Context,
    limit: Limit = 20,
    everything: Everything = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Alerts. Without a command: the open ones, as `list`, newest first."""
    if context.invoked_subcommand is None:
        _list(limit, everything, as_json, as_csv)
    elif everything or as_json or as_csv or limit != 20:
        raise typer.BadParameter(f"options stand behind the command: {context.invoked_subcommand}")


@app.command("list")
def list_alerts(
    limit: Limit = 20,
    everything: Everything = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Open alerts, newest first: what broke, what readers see, what to type, who is at it."""
    _list(limit, everything, as_json, as_csv)


def _list(limit: int, everything: bool, as_json: bool, as_csv: bool) -> None:
    form = as_json, as_csv
    print_query("alerts", _ALERTS, "no open alert", form, n=limit, everything=everything)


@app.command("test")
def test_channels(
    channel: Annotated[
        str | None, typer.Option(help="Only this channel, e.g. slack; default: all.")
    ] = None,
) -> None:
    """Send a message that is marked as a test through each channel, for real; exit code 1 where one
    does not take it, or where none is configured.

    It looks for connections in the environment (AIRFLOW_CONN_…). Those that Airflow alone knows are
    tried by the DAG fire_drill.
    """
    from recsys_tasks.commands.try_channels import try_channels

    with shown_errors():
        environment = read_environment()
        settings = read_essentials(environment).alerts
        passed = True
        for accepted, line in try_channels(settings, connection_of_environment, now(), channel):
            passed = passed and accepted
            say(line)
    if not passed:
        raise typer.Exit(1)


@app.command("ack")
def acknowledge(
    alert: Annotated[str, typer.Argument(help="Its id or incident, as `recsys alerts` shows it.")],
    who: Annotated[
        str, typer.Option("--by", help="Who is at it.", default_factory=getpass.getuser)
    ],
    note: Annotated[str, typer.Option(help="What others should know of it.")] = "",
) -> None:
    """Say that you are at an alert: channels that have it hear so, and then only its end."""
    from recsys_tasks.commands.acknowledge import acknowledge as note_down

    with existing_environment() as environment:
        for line in note_down(environment, alert, who, note, now()):
            say(line)
