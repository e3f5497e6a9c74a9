"""Prefect as one Banjie runs it: its settings, its work pool and deployments, and what a former life left lying about.

Everything is asked of Prefect's HTTP API, so that the process that watches over the others need not load Prefect.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models.errors import Unavailable

from .embedded import dies_with_us, log_file

POOL = "banjie"
SHIFT = "shift"
ROOT = Path(__file__).resolve().parent.parent
"""The folder with `prefect.yaml`; Prefect runs the flows from there."""

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_COLORS": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    # what is over is forgotten after a week
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "604800",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
    # a short queue of future runs: what a long outage leaves to clear is short, too
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT10M",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "20",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "60",
    # the defaults look every five seconds for what hardly ever happens here
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "30",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "60",
    "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1M",
}
"""Defaults of ours; what the operator sets in the environment wins."""


class Leftovers(NamedTuple):
    """Runs that an earlier life missed (deleted) or broke off (marked Crashed)."""

    missed: int
    broken: int


def environment(base: Mapping[str, str], var: Path, port: int) -> dict[str, str]:
    """`base` completed for Prefect's processes, whose state lies in `var/prefect` and whose API listens on `port`."""
    env = SETTINGS | {name: value for name, value in base.items() if name != "PREFECT_API_KEY"}
    return env | {"PREFECT_HOME": str(var / "prefect"), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}


def serve(env: Mapping[str, str], port: int) -> tuple[list[str], dict[str, str]]:
    """Command and environment of the server: what `prefect server start` runs, without its questions about profiles."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--timeout-graceful-shutdown",
        "1",
    ]
    return command, {**env, "PREFECT__SERVER_FINAL": "1"}


def work(limit: int) -> list[str]:
    """Command of the worker. The limit is its own and not the pool's, whose slots dead runs would keep."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    return [*command, "--name", POOL, "--limit", str(limit), "--install-policy", "never"]


class Api:
    """Prefect's HTTP API at `url`. Errors: `OSError` where it cannot be reached or refuses."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)
        self.url = env["PREFECT_API_URL"]
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        request.add_header("Content-Type", "application/json")
        if auth := self.env.get("PREFECT_API_AUTH_STRING"):
            request.add_header("Authorization", f"Basic {base64.b64encode(auth.encode()).decode()}")
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(10):
            try:
                with self._open(request, data, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503 or attempt == 9:
                    raise
                time.sleep(0.5)  # its SQLite was busy with one of the server's own services

    def is_up(self) -> bool:
        try:
            return self.ask("GET", "/health") is True
        except OSError:
            return False

    def prepare(self, var: Path) -> None:
        """The work pool; and the deployments of `prefect.yaml`, where it, a flow or Prefect has changed since, or they are gone."""
        self._pool()
        note = var / "prefect" / "deployed"
        print_ = _fingerprint()
        # somebody may have wiped Prefect's database, and left our note
        if note.exists() and note.read_text() == print_ and self._shifts():
            return
        with log_file(var, "prefect") as log:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "prefect",
                    "--no-prompt",
                    "deploy",
                    "--all",
                    "--prefect-file",
                    "prefect.yaml",
                ],
                check=False,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_us(signal.SIGKILL),
            )
        if done.returncode:
            raise Unavailable(f"定时任务登记失败,原因见 {log.name}。")
        self._forget_old_deployments()
        self._cancel_late_shifts()
        note.write_text(print_)

    def tidy(self) -> Leftovers:
        """Before a worker starts: nothing runs now, so what says so is dead; a worker would start all it finds late.

        Of each deployment the newest missed run stays: a digest that should have gone out at night still goes out.
        Only the shift gets a new one, at once: deadlines must not wait for the next full minute.
        """
        missed: list[str] = []
        shifts = self._shifts()
        seen = set(shifts)
        # jobs are rows of ours, so no run is asked for by hand that must not be lost
        overdue = {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
        }
        for run in self._all("/flow_runs/filter", {"flow_runs": overdue, "sort": "EXPECTED_START_TIME_DESC"}):
            if run["deployment_id"] in seen:
                missed.append(run["id"])
            seen.add(run["deployment_id"])
        for start in range(0, len(missed), 50):
            self.ask("POST", "/flow_runs/bulk_delete", {"flow_runs": {"id": {"any_": missed[start : start + 50]}}})
        dead = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        broken = 0
        change = {"flow_runs": dead, "state": _CRASHED, "force": True}
        while changed := [
            result
            for result in self.ask("POST", "/flow_runs/bulk_set_state", change)["results"]
            if result["status"] == "ACCEPT"
        ]:
            broken += len(changed)
        for shift in shifts:
            self.ask("POST", f"/deployments/{shift}/create_flow_run", {})
        return Leftovers(len(missed), broken)

    def _shifts(self) -> set[str]:
        """The ids of the shift's deployments."""
        return {row["id"] for row in self._all("/deployments/filter", {"deployments": {"name": {"any_": [SHIFT]}}})}

    def _pool(self) -> None:
        # a run must not outlive the worker that started it, not even after a kill -9
        run = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "prefect.engine"]
        template = {
            "job_configuration": {
                "command": shlex.join(run),
                "env": "{{ env }}",
                "labels": "{{ labels }}",
                "name": "{{ name }}",
                "stream_output": True,
                "working_dir": str(ROOT),
            },
            "variables": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "env": {"type": "object", "additionalProperties": {"type": "string"}},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        }
        pool = {"name": POOL, "type": "process", "base_job_template": template}
        if self.ask("POST", "/work_pools/filter", {"work_pools": {"name": {"any_": [POOL]}}}):
            self.ask("PATCH", f"/work_pools/{POOL}", {"base_job_template": template})
        else:
            self.ask("POST", "/work_pools/", pool)

    def _forget_old_deployments(self) -> None:
        kept = {
            (deployment["name"], deployment["entrypoint"])
            for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
        }
        for deployment in self._all("/deployments/filter", {}):
            if deployment["work_pool_name"] == POOL and (deployment["name"], deployment["entrypoint"]) not in kept:
                self.ask("DELETE", f"/deployments/{deployment['id']}")

    def _cancel_late_shifts(self) -> None:
        """A shift that starts late does nothing the next one does not do: every minute brings a new one."""
        name = "cancel late shifts"
        automation = {
            "name": name,
            "trigger": {
                "type": "event",
                "posture": "Reactive",
                "expect": ["prefect.flow-run.Late"],
                "match": {"prefect.resource.id": "prefect.flow-run.*"},
                "match_related": {"prefect.resource.role": "deployment", "prefect.resource.name": SHIFT},
                "threshold": 1,
                "within": 0,
            },
            "actions": [{"type": "cancel-flow-run"}],
        }
        for old in self._all("/automations/filter", {"automations": {"name": {"any_": [name]}}}):
            self.ask("DELETE", f"/automations/{old['id']}")
        self.ask("POST", "/automations/", automation)

    def _all(self, path: str, body: dict[str, Any]) -> list[Any]:
        rows: list[Any] = []
        while page := self.ask("POST", path, {**body, "limit": 200, "offset": len(rows)}):
            rows += page
            if len(page) < 200:
                break
        return rows


_CRASHED = {
    "type": "CRASHED",
    "name": "Crashed",
    "message": "its process ended with the worker that had started it",
}


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{version('prefect')} {ROOT} {os.fspath(sys.executable)}".encode())
    for path in (ROOT / "prefect.yaml", *sorted((ROOT / "flows").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
