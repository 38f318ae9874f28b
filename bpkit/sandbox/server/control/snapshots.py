"""What the calls of snapshots do: keep the whole state, get it as a file, go back to it."""

from __future__ import annotations

import gzip
import json

from ..restarts import OtherVersion
from .clock import State, Stored, restarted
from .forms import PREFIX, Answer, Call, Json, Refused, new_name, wrong


def get_snapshots(state: State, call: Call) -> Answer:
    """All snapshots."""
    rows = [_row(name, stored) for name, stored in list(state.snapshots.items())]
    return Answer(200, {"snapshots": rows})


def _row(name: str, stored: Stored) -> Json:
    return {"name": name, "bytes": stored.size, "time": stored.time}


def save(state: State, call: Call) -> Answer:
    """Keep the whole state."""
    name = new_name(call.body.get("name"))
    if name in state.snapshots:
        said = f"there is a snapshot {name!r} already; choose another name, or DELETE it first"
        raise Refused(409, "NAME_TAKEN", said, "name")
    saved = state.service.snapshot()
    return _keep(state, name, json.dumps(saved, separators=(",", ":")).encode(), saved["time"])


def put_snapshot(state: State, call: Call) -> Answer:
    """Take a snapshot from a file. Whether it is whole shows when it is restored."""
    name = new_name(call.names["name"])
    try:
        saved = json.loads(call.file)
    except (ValueError, RecursionError):
        raise Refused(400, "INVALID_JSON", "the file is not JSON; send one that GET gave") from None
    if not isinstance(saved, dict) or not {"version", "engine", "seed", "time"} <= saved.keys():
        raise wrong(None, "the file is not a snapshot; send one that GET gave")
    return _keep(state, name, call.file, str(saved["time"])[:40])


def _keep(state: State, name: str, raw: bytes, time: str) -> Answer:
    stored = state.snapshots[name] = Stored(gzip.compress(raw, 1, mtime=0), len(raw), time)
    return Answer(201, _row(name, stored), {"Location": f"{PREFIX}/snapshots/{name}"})


def get_snapshot(state: State, call: Call) -> Answer:
    """A snapshot as a file, compressed for a client that takes this."""
    stored, headers = _stored(state, call), {"Vary": "Accept-Encoding"}
    if call.gzip:
        return Answer(200, stored.packed, headers | {"Content-Encoding": "gzip"})
    return Answer(200, gzip.decompress(stored.packed), headers)


def _stored(state: State, call: Call) -> Stored:
    name = call.names["name"]
    if name not in state.snapshots:
        there = ", ".join(list(state.snapshots)[:40]) or "none"
        said = f"{name[:64]!r} is not a snapshot here; there are: {there}"
        raise Refused(404, "UNKNOWN_SNAPSHOT", said, "name")
    return state.snapshots[name]


def delete_snapshot(state: State, call: Call) -> Answer:
    """Forget a snapshot."""
    _stored(state, call)
    del state.snapshots[call.names["name"]]
    return Answer(204)


def restore(state: State, call: Call) -> Answer:
    """Go back to a snapshot."""
    saved = json.loads(gzip.decompress(_stored(state, call).packed))

    def restart() -> None:
        try:
            state.service.restore(saved)
        except OtherVersion as error:
            raise Refused(409, "WRONG_VERSION", str(error), "name") from None
        except ValueError as error:
            raise wrong("name", str(error)) from None

    return restarted(state, restart)
