"""What a running Chromium holds: its processes' memory, and a page's heap, objects, nodes and listeners when collected.

Linux only (`/proc`). RSS counts pages that processes share in each of them; PSS counts each its share, so that sums
mean something. Knows nothing of what the page does.
"""

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession

MB = 2**20
KINDS = ("renderer", "gpu")
OWN = {"object", "array", "closure", "string", "concatenated string", "sliced string", "regexp", "number", "bigint"}


def process_memory(browser_session: CDPSession) -> dict[str, float]:
    """Return RSS and PSS in MB of the largest renderer (the page's) and of the GPU process, and the sum of both PSS."""
    held = {f"{kind}_{name}_mb": 0.0 for kind in KINDS for name in ("rss", "pss")}
    for process in browser_session.send("SystemInfo.getProcessInfo")["processInfo"]:
        kind = process["type"].lower()
        if kind in KINDS:
            for name, megabytes in memory_of(process["id"]).items():
                held[f"{kind}_{name}_mb"] = max(held[f"{kind}_{name}_mb"], megabytes)
    return {**held, "pss_mb": round(sum(held[f"{kind}_pss_mb"] for kind in KINDS), 1)}


def memory_of(pid: int) -> dict[str, float]:
    """Return RSS and PSS of a process in MB; nothing when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    found = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return {name.lower(): round(int(kilobytes) * 1024 / MB, 1) for name, kilobytes in found.items()}


def page_memory(session: CDPSession) -> dict[str, float]:
    """Return heap in MB, nodes and event listeners of a page once its garbage is collected."""
    # What a first collection finalises only a second one frees.
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    counts = {name: found[key] for name, key in (("nodes", "Nodes"), ("listeners", "JSEventListeners"))}
    return {"heap_mb": round(found["JSHeapUsedSize"] / MB, 2), **counts, "array_buffers_mb": array_buffers(session)}


def array_buffers(session: CDPSession) -> float:
    """Return what typed arrays and other storage outside the heap hold, in MB."""
    usage: dict[str, Any] = session.send("Runtime.getHeapUsage")
    return round(float(usage.get("backingStorageSize", 0.0)) / MB, 1)


def own_objects(session: CDPSession) -> dict[str, float]:
    """Return the MB of the page's own objects, arrays, closures and strings, and their number, from a heap snapshot.

    The heap as a whole also holds machine code, which grows for as long as functions turn out to be hot, and what the
    browser notes for whoever watches it, such as each request.
    """
    parts: list[str] = []

    def collect(event: dict[str, Any]) -> None:
        parts.append(event["chunk"])

    session.on("HeapProfiler.addHeapSnapshotChunk", collect)
    session.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    session.remove_listener("HeapProfiler.addHeapSnapshotChunk", collect)
    snapshot = json.loads("".join(parts))
    meta, nodes = snapshot["snapshot"]["meta"], snapshot["nodes"]
    width, size_at = len(meta["node_fields"]), meta["node_fields"].index("self_size")
    kinds = meta["node_types"][0]
    sizes = [nodes[at + size_at] for at in range(0, len(nodes), width) if kinds[nodes[at]] in OWN]
    return {"own_mb": round(sum(sizes) / MB, 2), "own_objects": len(sizes)}
