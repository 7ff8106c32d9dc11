"""How fast the browser decodes: `make bench BENCH=decoder` prints one JSON object.

All graphs run in the same headless Chromium, interleaved; figures are medians of ROUNDS (full_p95_ms is the 95th
percentile). `accelerator` sets each model's plain graphs against its accelerator, for a first click and a refinement of
five clicks: median, 95th percentile, and the ratio of the medians. click_to_paint is from the pointer event to the end
of drawing in its animation frame, through the workspace's own code, on a photo of 12 megapixels that was opened
SETTLE_MS before, with nothing foreseen by a preview; the page's first click is given apart.
Times are only worth something on an otherwise quiet machine; ratios survive some noise. `--memory` measures the page's
memory in the course of 5,000 hovers over 50 images instead.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.browser_memory import page_memory, process_memory
from tests.bench.decoder.isolated_server import serve
from tests.bench.decoder.models import write_models
from tests.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "decoder"
ROUNDS = 50
CLICKS = 30
SETTLE_MS = 2000
CLICK_TIMES = ("clickToPaintMs", "answerMs", "decodeMs", "maskMs", "paintMs", "exactMs")
SHARES = {"answer": "answerMs", "graph_in_page": "decodeMs", "mask": "maskMs", "paint": "paintMs", "exact": "exactMs"}
HOVERS, IMAGES = 5000, 50
MEMORY_STEPS = 10
CLICKED = ("full", "lite")  # through the workspace's own code
MODELS = (*CLICKED, "sam2")


def build_page(out: Path) -> None:
    """Build the benchmark's page with the product's own bundler."""
    node_bin = ROOT / ".venv" / "bin"
    env = os.environ | {"DECODER_BENCH_OUT": str(out), "PATH": f"{node_bin}{os.pathsep}{os.environ['PATH']}"}
    vite = ROOT / "frontend" / "node_modules" / "vite" / "bin" / "vite.js"
    command = ["node", str(vite), "build", "--config", str(HERE / "vite.config.ts"), "--logLevel", "error"]
    subprocess.run(command, check=True, env=env, cwd=ROOT / "frontend")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def open_page(browser: Browser, address: str) -> Page:
    """Open the benchmark's page and wait for its script."""
    page = browser.new_page(viewport={"width": 1280, "height": 960})
    page.goto(f"{address}/index.html")
    page.wait_for_function("globalThis.bench !== undefined")
    return page


def time_graphs(browser: Browser, address: str, engine: str, rounds: int) -> dict[str, Any]:
    """Time all graphs on one engine."""
    page = open_page(browser, address)
    result: dict[str, Any] = page.evaluate(f"bench.timeGraphs({engine!r}, {rounds}, true)")
    page.close()
    return result


def time_clicks(browser: Browser, address: str, folder: str) -> dict[str, Any]:
    """Click on the canvas through the browser's own input, one click at a time."""
    page = open_page(browser, address)
    page.evaluate(f"bench.openClient({folder!r}).then((opened) => {{ globalThis.opened = opened; }})")
    page.evaluate(f"globalThis.stage = bench.openStage(opened, {folder!r}); void 0")
    page.evaluate(f"bench.openImage(opened, {folder!r})")
    page.wait_for_timeout(SETTLE_MS)
    samples: dict[str, Any] = {name: [] for name in CLICK_TIMES} | {"firstMs": []}
    for number in range(CLICKS + 1):
        page.evaluate("globalThis.painted = stage.clickOnce(); void 0")
        page.mouse.click(100 + 37 * number % 1000, 80 + 53 * number % 700)
        painted = page.evaluate("painted")
        if number == 0:  # the browser may still have some of the page's own code to compile
            samples["firstMs"].append(painted["clickToPaintMs"])
            continue
        for name in CLICK_TIMES:
            samples[name].append(painted[name])
    if folder == "lite":  # the published policy asks one view
        samples["views"] = page.evaluate(f"bench.timeViews(opened, {folder!r}, {CLICKS})")
    page.close()
    return samples


def measure_memory(browser: Browser, address: str, folder: str, hovers: int) -> dict[str, Any]:
    """Return the page's process in MB, workers included, in the course of so many hovers over IMAGES images."""
    page = open_page(browser, address)
    page.evaluate(f"bench.openClient({folder!r}).then((opened) => {{ globalThis.opened = opened; }})")
    session, browser_session = page.context.new_cdp_session(page), browser.new_browser_cdp_session()
    course = []
    each = IMAGES // MEMORY_STEPS
    for step in range(MEMORY_STEPS):
        page.evaluate(f"bench.hoverMany(opened, {folder!r}, {hovers // MEMORY_STEPS}, {step * each}, {each})")
        course.append(page_memory(session) | process_memory(browser_session))
        print(f"{folder}: {(step + 1) * hovers // MEMORY_STEPS} hovers, {course[-1]}", file=sys.stderr, flush=True)
    page.close()
    figures = {name: [at[name] for at in course] for name in ("renderer_pss_mb", "heap_mb", "array_buffers_mb")}
    return {"memory_mb": course[-1]["renderer_pss_mb"], "hovers": hovers, "images": IMAGES, "course": figures}


def fastest(medians: dict[str, float], case: str) -> float:
    """Return the median of a case as the product decodes it: by the accelerator where the model has one."""
    return medians.get(f"{case}_accelerated", medians[f"{case}_plain"])


def compare(times: dict[str, list[float]]) -> dict[str, Any]:
    """Set plain graphs against the accelerator, by model and kind of prompt."""
    figures: dict[str, Any] = {}
    for model in MODELS:
        for kind in ("first", "refine"):
            if f"{model}_{kind}_accelerated" not in times:
                continue
            plain, accelerated = (times[f"{model}_{kind}_{name}"] for name in ("plain", "accelerated"))
            figures[f"{model}_{kind}"] = {
                "plain_ms": {"median": percentile(plain, 0.5), "p95": percentile(plain, 0.95)},
                "accelerated_ms": {"median": percentile(accelerated, 0.5), "p95": percentile(accelerated, 0.95)},
                "ratio": round(percentile(plain, 0.5) / percentile(accelerated, 0.5), 2),
            }
    return figures


def report(
    graphs: dict[str, Any], single: dict[str, Any], full: dict[str, Any], lite: dict[str, Any]
) -> dict[str, Any]:
    """Put the figures under the keys that are asked for."""
    medians = {name: percentile(values, 0.5) for name, values in graphs["times"].items()}
    clicks = {"full": full, "lite": lite}
    return {
        "published_ms": medians["published"],
        "full_ms": medians["full_first_accelerated"],
        "full_p95_ms": percentile(graphs["times"]["full_first_accelerated"], 0.95),
        "ratio": round(medians["published"] / medians["full_first_accelerated"], 2),
        "refine_ms": medians["full_refine_accelerated"],
        "lite_ms": medians["lite_first_accelerated"],
        "lite_refine_ms": medians["lite_refine_accelerated"],
        **{f"sam2_{kind}_ms": fastest(medians, f"sam2_{kind}") for kind in ("first", "refine")},
        "sam2_over_full": {
            kind: {
                "as_decoded": round(fastest(medians, f"sam2_{kind}") / fastest(medians, f"full_{kind}"), 2),
                "plain": round(medians[f"sam2_{kind}_plain"] / medians[f"full_{kind}_plain"], 2),
            }
            for kind in ("first", "refine")
        },
        "accelerator": {"threads": compare(graphs["times"]), "single_thread": compare(single["times"])},
        "click_to_paint_full_ms": percentile(full["clickToPaintMs"], 0.5),
        "click_to_paint_lite_ms": percentile(lite["clickToPaintMs"], 0.5),
        "first_click_to_paint_ms": {name: one["firstMs"][0] for name, one in clicks.items()},
        **{
            f"{name}_ms": {model: percentile(one[key], 0.5) for model, one in clicks.items()}
            for name, key in SHARES.items()
        },
        "views_ms": {name: percentile(lite["views"][name], 0.5) for name in ("one", "three")},
        "threads": graphs["threads"],
        "engine": "wasm-threads",
        "fastest_ms": {name: percentile(values, 0) for name, values in graphs["times"].items()},
        "single_thread_ms": {name: percentile(values, 0.5) for name, values in single["times"].items()},
        "prepare_ms": {name: round(value, 1) for name, value in graphs["prepareMs"].items()},
        "golden_iou": graphs["goldenIou"],
        "load_average": os.getloadavg()[0],
    }


def main(arguments: list[str] | None = None) -> None:
    """Build, serve, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--hovers", type=int, default=HOVERS)
    parser.add_argument("--site", type=Path, help="keep page and models here, and use them again")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        site = options.site or Path(temporary)
        build_page(site / "page")
        models = site / "page" / "models"
        kept = site / "models"
        if not (kept / "checks.json").exists():
            write_models(kept)
        models.symlink_to(kept.resolve(), target_is_directory=True)
        with serve(site / "page") as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            print(json.dumps(measure(browser, address, options)))
            browser.close()


def measure(browser: Browser, address: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run what was asked for."""
    if options.memory:
        return {name: measure_memory(browser, address, name, options.hovers) for name in CLICKED}
    graphs = time_graphs(browser, address, "wasm-threads", options.rounds)
    single = time_graphs(browser, address, "wasm", max(5, options.rounds // 5))
    full, lite = (time_clicks(browser, address, name) for name in CLICKED)
    return report(graphs, single, full, lite) | {"checks": json.loads(_checks(options))}


def _checks(options: argparse.Namespace) -> str:
    file = options.site / "models" / "checks.json" if options.site else None
    return file.read_text(encoding="utf-8") if file else "{}"


if __name__ == "__main__":
    main()
