"""`recsys init`: look at a shop's tables and propose the settings file."""

from __future__ import annotations

from datetime import datetime, timedelta

from recsys_tasks.commands.init.behaviour import behaviour_of, is_old, kinds_of
from recsys_tasks.commands.init.goals import add_checks, add_events, add_goals, unknown_share
from recsys_tasks.commands.init.names import setting_name
from recsys_tasks.commands.init.noticed import noticed_in
from recsys_tasks.commands.init.places import DatabasePlace, FolderPlace, Place, StorePlace
from recsys_tasks.commands.init.proposal import Proposal, Setting
from recsys_tasks.commands.init.roles import find_roles
from recsys_tasks.commands.init.sections import add_items, add_users
from recsys_tasks.commands.init.write import file_text
from recsys_tasks.sources.files.archives import archive_words

__all__ = [
    "DatabasePlace",
    "FolderPlace",
    "Place",
    "Proposal",
    "Setting",
    "StorePlace",
    "file_text",
    "propose",
]


def propose(place: Place, now: datetime) -> Proposal:
    """Settings for the tables of a place.

    Raises ConfigError where tables are lacking, SchemaError for a file that cannot be read, and
    what a database raises.
    """
    try:
        return _proposed(place, now)
    finally:
        place.close()


def _proposed(place: Place, now: datetime) -> Proposal:
    roles = find_roles(place.tables(), now)
    kinds = kinds_of(roles)
    facts = behaviour_of(roles, kinds, now)
    proposal = Proposal(first_night=(facts.days.last + timedelta(days=1)).isoformat())
    clock = "simulated" if is_old(facts, now) else "wall"
    span = f"whole days of events from {facts.days.first} to {facts.days.last}"
    proposal.add("project", setting_name(place.name), "sure", f"the name of {place.what}")
    proposal.add("clock", clock, "likely", span)
    place.add_source(proposal, roles)
    add_users(proposal, roles)
    add_items(proposal, roles, now)
    add_events(proposal, roles, kinds, now)
    add_goals(proposal, kinds, facts)
    unknown = {
        f"max_unknown_{name}_share": unknown_share(roles.columns[column], entities)
        for name, column, entities in (
            ("item", roles.item, roles.items),
            ("user", roles.user, roles.users),
        )
        if entities is not None
    }
    add_checks(proposal, facts, unknown)
    if words := archive_words(place.not_read()):
        proposal.noticed.append(words)
    proposal.noticed += noticed_in(roles)
    proposal.left_out += roles.unused
    return proposal
