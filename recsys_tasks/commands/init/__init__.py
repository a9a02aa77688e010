"""`recsys init`: look at a shop's tables and propose the settings file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from recsys_tasks.commands.init.behaviour import behaviour_of, is_old, kinds_of
from recsys_tasks.commands.init.goals import add_checks, add_events, add_goals, unknown_share
from recsys_tasks.commands.init.names import setting_name
from recsys_tasks.commands.init.proposal import Proposal, Setting
from recsys_tasks.commands.init.roles import find_roles
from recsys_tasks.commands.init.sections import add_items, add_source, add_users
from recsys_tasks.commands.init.tables import tables_in
from recsys_tasks.commands.init.write import file_text

__all__ = ["Proposal", "Setting", "file_text", "propose"]


def propose(folder: Path, now: datetime, beside: bool = False) -> Proposal:
    """Settings for the tables of a folder; `beside`: the file will be in that folder, so that its
    paths can be relative.

    Raises ConfigError where tables are lacking, SchemaError for a file that cannot be read.
    """
    roles = find_roles(tables_in(folder), now)
    kinds = kinds_of(roles)
    facts = behaviour_of(roles, kinds, now)
    proposal = Proposal(first_night=(facts.days.last + timedelta(days=1)).isoformat())
    clock = "simulated" if is_old(facts, now) else "wall"
    span = f"whole days of events from {facts.days.first} to {facts.days.last}"
    proposal.add("project", setting_name(folder.resolve().name), "sure", "the folder's name")
    proposal.add("clock", clock, "likely", span)
    add_source(proposal, roles, None if beside else folder.resolve())
    add_users(proposal, roles)
    add_items(proposal, roles, now)
    add_events(proposal, roles, kinds)
    add_goals(proposal, kinds, facts)
    unknown = {
        "max_unknown_item_share": unknown_share(roles.columns[roles.item], roles.items),
    }
    if roles.users is not None:
        share = unknown_share(roles.columns[roles.user], roles.users)
        unknown["max_unknown_user_share"] = share
    add_checks(proposal, facts, unknown)
    return proposal
