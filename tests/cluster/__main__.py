"""What `make cluster`, `make cluster-test` and `make cluster-chaos` run: up, nights, chaos."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from recsys_tasks.config import PROJECT_ROOT as ROOT
from tests.airflow.recorder import Recorder
from tests.cluster import nights
from tests.cluster.chaos import faulty_night
from tests.cluster.hosts import HOME, OUTSIDE, Host, own_namespaces, why_not
from tests.cluster.services import WORKERS, Cluster, running_cluster

BROKEN = nights.NIGHTS[1]
"""The night whose delivery is broken at first."""
_BEGAN = time.monotonic()


def say(words: str) -> None:
    """A line with the seconds since the start."""
    print(f"{time.monotonic() - _BEGAN:6.1f} s  {words}", flush=True)


def up(folder: Path) -> None:
    """Everything runs until Ctrl-C, on an empty database; the shop's files are in the store."""
    with running_cluster(folder, nights.write_settings(folder), say) as cluster:
        nights.deliver(cluster, nights.make_shop(folder))
        inside = f"nsenter --target {os.getppid()} --net"
        say(f"{inside} curl http://{cluster.hosts['control'].address}:8080/api/v2/version")
        say(f"A night: {nights.NIGHTS[0]}; logs: {folder}/*/logs; Ctrl-C stops everything.")
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            say("stopped")


def three_nights(folder: Path) -> dict[str, object]:
    """Three nights through both workers, beside three of one process; what was seen."""
    settings, shop = nights.write_settings(folder), nights.make_shop(folder)
    alone = nights.one_process(folder, settings, shop.folder)
    say(f"one process: {len(nights.NIGHTS)} nights")
    webhook = Recorder("0.0.0.0")
    hook = webhook.as_webhook.replace("0.0.0.0", OUTSIDE)
    with running_cluster(folder, settings, say, AIRFLOW_CONN_ALERT_WEBHOOK=hook) as cluster:
        nights.deliver(cluster, shop)
        for night in nights.NIGHTS:
            if night == BROKEN:
                nights.refused(cluster, shop, night)
                say(f"{night} is refused, and delivered again")
            nights.through(cluster, night)
            say(f"{night} is published and measured")
        at = [task for night in nights.NIGHTS for task in _tasks(cluster, f"{night}")]
        return {
            "alone": {f"{night}": lists for night, lists in alone.items()},
            "cluster": {f"{n}": lists for n, lists in nights.published(cluster).items()},
            "hosts": {
                name: [t["task_id"] for t in at if t["hostname"] == name] for name in WORKERS
            },
            "elsewhere": sorted({t["hostname"] for t in at} - set(WORKERS)),
            "log": cluster.api.log(at[0]),
            "homes": {name: _look(cluster.hosts[name], cluster) for name in WORKERS},
            "report": cluster.api.page(f"report/{nights.NIGHTS[-1]}"),
            "data_docs": cluster.api.page(f"data-docs/{nights.NIGHTS[-1]}/"),
            "commands": cluster.commands,
            "messages": webhook.taken,
            "alerts": nights.alerts(cluster),
            "in_lake": len(cluster.files().find("nightshelf/lake")),
        }


def chaos(folder: Path) -> dict[str, object]:
    """A night with faults beside one of one process without; what was seen."""
    settings, shop = nights.write_settings(folder), nights.make_shop(folder)
    alone = nights.one_process(folder, settings, shop.folder, nights.NIGHTS[:1])
    say("one process: one night")
    webhook = Recorder("0.0.0.0")
    hook = webhook.as_webhook.replace("0.0.0.0", OUTSIDE)
    with running_cluster(folder, settings, say, AIRFLOW_CONN_ALERT_WEBHOOK=hook) as cluster:
        nights.deliver(cluster, shop)
        found = faulty_night(cluster, nights.NIGHTS[0], say)
        say(f"{nights.NIGHTS[0]} is published and measured")
        return {
            "alone": {f"{night}": lists for night, lists in alone.items()},
            "cluster": {f"{n}": lists for n, lists in nights.published(cluster).items()},
            "faults": found,
            "tries": {
                t["task_id"]: t["try_number"]
                for t in _tasks(cluster, f"{nights.NIGHTS[0]}")
                if t["try_number"] > 1
            },
            "messages": webhook.taken,
        }


def _tasks(cluster: Cluster, night: str) -> list[dict[str, Any]]:
    return [
        task
        for run in cluster.api.runs(night)
        for task in cluster.api.tasks(run["dag_id"], run["dag_run_id"])
        if task["hostname"]
    ]


def _look(host: Host, cluster: Cluster) -> dict[str, str]:
    """What a host's user gets who looks into each home."""
    return {
        other.name: host.run(["ls", f"{other.folder}/home" if other is not host else HOME]).stderr
        for other in cluster.hosts.values()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["up", "nights", "chaos"])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "cluster")
    chosen = parser.parse_args()
    if missing := why_not():
        raise SystemExit(f"no cluster here: {missing}")
    own_namespaces()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # process 1 has no default for it
    place: Path = chosen.folder
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o755)
    if chosen.verb == "up":
        up(place)
    else:
        seen = (chaos if chosen.verb == "chaos" else three_nights)(place)
        (place / "seen.json").write_text(json.dumps(seen, indent=1))
        say(f"seen: {place}/seen.json")
