"""A training process that keeps to the contract of `python -m sam_core improve` and trains nothing.

It takes what to do from stand_in.json in the folder above the run's: {"weights": file to copy, "verdict", "share",
"exit": a status to end with while training, "dies": how often to kill itself there, "waits": whether to stay there
until it is told to stop, "holds_mb": memory to hold meanwhile}. The checkpoint holds how often it was started.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

CURVE = [0.5, 0.6, 0.7, 0.75, 0.8, 0.8, 0.8, 0.8]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("model", "checkpoint", "data", "run", "minutes", "recipe", "device", "threads"):
        parser.add_argument(f"--{name}")
    for name in ("resume", "json"):
        parser.add_argument(f"--{name}", action="store_true")
    args = parser.parse_args()
    run, plan = Path(args.run), json.loads((Path(args.run).parent.parent / "stand_in.json").read_text())
    starts = int((run / "last.pt").read_text()) if args.resume and (run / "last.pt").exists() else 0
    (run / "last.pt").write_text(str(starts + 1))
    rows = [json.loads(file.read_text()) for file in sorted(Path(args.data).glob("*.json"))]
    asked = {name: value for name, value in vars(args).items() if value}
    (run / "asked.json").write_text(json.dumps({**asked, "images": [row["image"] for row in rows]}))
    tell(run, "prepare", len(rows), len(rows))
    tell(run, "train", 1, 4, step=1, loss=0.9)
    tell(run, "train", 2, 4, step=2, loss=float("nan"), held_out={"iou1": 0.4, "iou3": 0.6, "iou5": 0.7})
    train(plan, starts)
    tell(run, "compare", 1, 1)
    finish(run, plan, rows)


def tell(run: Path, phase: str, done: int, total: int, **more: Any) -> None:
    row = {"phase": phase, "done": done, "total": total, "seconds": 60.0 * done, **more}
    with (run / "progress.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def train(plan: dict[str, Any], starts: int) -> None:
    held = bytearray(plan.get("holds_mb", 0) << 20)
    if starts < plan.get("dies", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if plan.get("exit"):
        sys.exit(f"error: it said {plan['exit']}") if plan["exit"] == 1 else fail(plan["exit"])
    if plan.get("waits"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        while True:
            signal.pause()
    del held


def fail(status: int) -> None:
    print(f"error: it said {status}", file=sys.stderr)
    sys.exit(status)


def finish(run: Path, plan: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    shutil.copyfile(plan["weights"], run / "weights.pt")
    masks = [
        {"image": str(row["image"]["image_id"]), "id": mask["id"], "before": 0.9 - 0.1 * at, "after": 0.2 + 0.2 * at}
        for at, (row, mask) in enumerate((row, mask) for row in rows for mask in row["annotations"])
    ]
    (run / "pictures").mkdir(exist_ok=True)
    for name in ("worse-01.webp", "better-01.webp"):
        (run / "pictures" / name).write_bytes(b"RIFF\x04\x00\x00\x00WEBP")
    (run / "pictures" / "better-02.webp").write_bytes(b"<script>")
    figures: dict[str, dict[str, Any]] = {
        "before": {"iou": [0.3] * 8, "clicks_to_85": 6.0, "clicks_to_90": 7.0, "masks": len(masks)},
        "after": {"iou": CURVE, "clicks_to_85": 4.0, "clicks_to_90": 5.0, "masks": len(masks)},
        "difference": {f"iou{n}": {"mean": 0.2, "low": 0.1, "high": 0.3} for n in (1, 3, 5)},
    }
    fewer = {"mean": -2.0, "low": -3.0, "high": -1.0}
    figures["difference"] |= {"clicks_to_85": fewer, "clicks_to_90": fewer}
    labels = [{"label": "car", "masks": len(masks), "before": [0.3] * 8, "after": CURVE}]
    general = {name: {"iou1": 0.6, "iou3": 0.8, "box": 0.8} for name in ("before", "after")}
    comparison = {"simulated": figures, "replayed": None, "by_label": labels, "by_size": [], "general": general}
    result = {"verdict": plan["verdict"], "reason": "said by the stand-in", "recipe": "decoder",
              "share": plan.get("share", 0.5),
              "comparison": comparison, "per_mask": masks, "images": {}, "masks": {}}  # fmt: skip
    (run / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
