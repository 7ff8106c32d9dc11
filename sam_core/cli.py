"""The command line: python -m sam_core predict | embed | amg | export | models | evaluate | train | improve.

Must not know: how anything is computed; it reads arguments, calls the library and writes files. Answers go to standard
output (one JSON object with --json), progress and errors to standard error. Exit status: 0 done, 1 some photos of a
folder failed, 2 the request was refused (one line says why), 130 stopped by Ctrl-C; improve has more
(training/improve_command.py).
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sam_core.checkpoints import checkpoint_file, default_folder
from sam_core.command_parser import CommandParser, join_negative_numbers
from sam_core.errors import InvalidPromptError, InvalidRequestError, SamCoreError
from sam_core.fetching import fetch, verify
from sam_core.image_files import find_images, read_image
from sam_core.progress import ProgressBar
from sam_core.registry import LITE_WEIGHTS, MODELS

if TYPE_CHECKING:
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.modeling.promptable import PromptableModel
    from sam_core.predictor import MaskPrediction
    from sam_core.prompts import Prompts

Report = dict[str, Any]
EXIT_PARTLY, EXIT_REFUSED, EXIT_STOPPED = 1, 2, 130
DELEGATED = ("evaluate", "train", "improve")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = join_negative_numbers(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in DELEGATED:
            return _delegate(arguments[0], arguments[1:])
        args = build_parser().parse_args(arguments)
        report = args.run(args)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return EXIT_STOPPED
    except (SamCoreError, OSError, RuntimeError, MemoryError) as error:
        return _refuse(error, is_json="--json" in arguments)
    _print(sys.stdout, json.dumps(report) + "\n" if args.json else _as_text(report))
    return EXIT_PARTLY if report.get("failed") else 0


def _delegate(command: str, arguments: list[str]) -> int:
    if command == "evaluate":
        from sam_core.evaluation import run as evaluation

        return evaluation.main(arguments)
    from sam_core import training

    return training.main(command, arguments)


def _refuse(error: Exception, *, is_json: bool) -> int:
    message = _in_words(error)
    answer = {"error": {"code": type(error).__name__, "message": message}}
    _print(sys.stderr, json.dumps(answer) + "\n" if is_json else f"error: {message}\n")
    return EXIT_REFUSED


def _in_words(error: Exception) -> str:
    """Return one line: what the file system says without its number, torch's errors without their long advice."""
    if isinstance(error, OSError) and error.strerror:
        places = " -> ".join(str(place) for place in (error.filename, error.filename2) if place is not None)
        return f"{places}: {error.strerror}" if places else error.strerror
    if isinstance(error, MemoryError) or "out of memory" in str(error):
        return "there is not enough memory for this"
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _print(stream: TextIO, text: str) -> None:
    """Write text to a terminal that may not know all of its letters: file names are any bytes."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _as_text(report: Report) -> str:
    lines = []
    for key, value in report.items():
        if not isinstance(value, list):
            lines.append(f"{key}: {value}")
            continue
        lines.append(f"{key}: {len(value)}")
        lines.extend("  " + "  ".join(f"{k}={v}" for k, v in row.items()) for row in value if isinstance(row, dict))
    return "\n".join(lines) + "\n"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; `args.run` is the function to call."""
    parser = CommandParser(prog="python -m sam_core", description="Segment Anything on the command line.")
    commands = parser.add_subparsers(dest="command", required=True)
    predict = _image_command(commands, "predict", "masks for clicks and a box", run_predict)
    predict.add_argument("--point", action="append", default=[], metavar="X,Y,LABEL", help="1 foreground, 0 background")
    predict.add_argument("--box", metavar="X0,Y0,X1,Y1")
    predict.add_argument("--all", action="store_true", help="write all four candidates, not the chosen one alone")
    embed = _image_command(commands, "embed", "image embeddings as .npy files", run_embed)
    embed.add_argument("--dtype", choices=("float16", "float32"), default="float16")
    amg = _image_command(commands, "amg", "everything in a photo, as SA-1B JSON", run_amg)
    amg.add_argument("--points-per-side", type=int)
    amg.add_argument("--crop-layers", type=int)
    amg.add_argument("--predicted-iou-threshold", type=float)
    amg.add_argument("--stability-score-threshold", type=float)
    export = _model_command(commands, "export", "an ONNX graph, verified against torch", run_export)
    export.add_argument("--graph", choices=("browser", "published", "encoder"), required=True)
    export.add_argument("--out", type=Path, required=True, help="a file; for the browser's decoder a folder")
    export.add_argument("--quantise", type=Path, metavar="PHOTOS", help="an encoder in 8 bits, calibrated on a folder")
    _add_models_commands(commands)
    for name in DELEGATED:
        commands.add_parser(name, add_help=False, help=f"see python -m sam_core {name} --help")
    return parser


def _model_command(commands: Any, name: str, text: str, run: Callable[..., Report]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.add_argument("--model", default="sam_lite", help=f"one of {', '.join(MODELS)}")
    command.add_argument("--checkpoint", type=Path, help="a weight file instead of the shipped or fetched one")
    command.add_argument("--device", help="cpu, cuda or mps; by default the fastest that is there")
    command.add_argument("--json", action="store_true", help="answer with one JSON object")
    command.set_defaults(run=run)
    return command


def _image_command(commands: Any, name: str, text: str, run: Callable[..., Report]) -> argparse.ArgumentParser:
    command = _model_command(commands, name, text, run)
    command.add_argument("--image", type=Path, required=True, help="a photo or a folder of photos")
    command.add_argument("--page", type=int, help="which page of a TIFF that holds several, from 1")
    command.add_argument("--out", type=Path, required=True, help="the file to write; a folder if --image is one")
    return command


def _add_models_commands(commands: Any) -> None:
    models = commands.add_parser("models", help="list, fetch and verify official weights")
    actions = models.add_subparsers(dest="action", required=True)
    runs = {"list": run_models_list, "fetch": run_models_fetch, "verify": run_models_verify}
    for name, run in runs.items():
        action = actions.add_parser(name)
        if name != "list":
            action.add_argument("name", help="one of the models that 'models list' shows with a file to fetch")
        action.add_argument("--folder", type=Path, default=default_folder(), help="where weights are kept")
        action.add_argument("--json", action="store_true", help="answer with one JSON object")
        if name == "verify":
            action.add_argument("--file", type=Path, help="a local file instead of the one in the folder")
        action.set_defaults(run=run)


def _open_predictor(args: argparse.Namespace) -> "TorchPredictor":
    from sam_core.backends.torch_backend import load_predictor

    return load_predictor(args.model, args.checkpoint, device=args.device)


def _told(predictor: "TorchPredictor") -> Report:
    """Say where the model runs, which may be elsewhere than people think."""
    return {"device": str(predictor.device)}


def _for_each_image(args: argparse.Namespace, suffix: str, work: Callable[[Path, Path], Report]) -> Report:
    """Run work(photo, output file) for the photo, or for each of a folder; in a folder one failure stops nothing."""
    if not args.image.is_dir():
        if args.out.is_dir():
            raise InvalidRequestError(f"--out {args.out} is a folder; give the file to write")
        args.out.parent.mkdir(parents=True, exist_ok=True)
        return {"images": [work(find_images(args.image)[0], args.out)], "failed": []}
    args.out.mkdir(parents=True, exist_ok=True)
    images, done, failed = find_images(args.image), [], []
    bar = ProgressBar(args.command)
    for count, image in enumerate(images, start=1):
        try:
            done.append(work(image, args.out / f"{image.name}{suffix}"))
        except SamCoreError as error:
            failed.append({"image": str(image), "code": type(error).__name__, "message": str(error)})
        bar(count, len(images))
    return {"images": done, "failed": failed}


def _write_json(path: Path, content: Report) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _split_numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise InvalidPromptError(f"{option} takes {count} numbers with commas between them, not {text!r}")
    return numbers


def run_predict(args: argparse.Namespace) -> Report:
    """Write the masks that the same clicks and box give on each photo."""
    prompts = _prompts(args)
    predictor = _open_predictor(args)

    def work(image: Path, out: Path) -> Report:
        pixels = read_image(image, page=args.page)
        prediction = predictor.predict(predictor.embed(pixels), prompts)
        masks = _masks_as_json(prediction, is_complete=args.all)
        height, width = pixels.shape[:2]
        head = {"file_name": image.name, "width": width, "height": height, "model_version": predictor.model_version}
        _write_json(out, {"image": head, "masks": masks})
        return {"image": str(image), "out": str(out), "masks": len(masks)}

    return _told(predictor) | _for_each_image(args, ".masks.json", work)


def _prompts(args: argparse.Namespace) -> "Prompts":
    import numpy as np

    from sam_core.prompts import Prompts

    points = np.array([_split_numbers(text, 3, "--point") for text in args.point]).reshape(-1, 3)
    has_points = len(points) > 0
    return Prompts(
        point_coords=points[:, :2] if has_points else None,
        point_labels=points[:, 2] if has_points else None,
        boxes_xyxy=np.array(_split_numbers(args.box, 4, "--box")) if args.box else None,
    )


def _masks_as_json(prediction: "MaskPrediction", *, is_complete: bool) -> list[Report]:
    from sam_core.masks import rle

    chosen = int(prediction.chosen[0])
    masks = []
    for candidate in range(prediction.predicted_iou.shape[1]) if is_complete else [chosen]:
        segmentation = rle.encode(prediction.mask(0, candidate))
        masks.append(
            {
                "segmentation": segmentation,
                "bbox": rle.bbox_xywh(segmentation),
                "area": rle.area(segmentation),
                "predicted_iou": float(prediction.predicted_iou[0, candidate]),
                "stability_score": float(prediction.stability_score[0, candidate]),
                "candidate": candidate,
                "is_chosen": candidate == chosen,
            }
        )
    return masks


def run_embed(args: argparse.Namespace) -> Report:
    """Write the embedding of each photo: .npy (SAM: 1 x C x grid x grid), .npz for a model with several tensors."""
    from sam_core.embedding import pack

    predictor = _open_predictor(args)
    specs = [replace(one, dtype=args.dtype) for one in predictor.facts.embedding]
    shapes = {one.name: list(one.shape) for one in specs}

    def work(image: Path, out: Path) -> Report:
        embedding = predictor.embed(read_image(image, page=args.page))
        out.write_bytes(pack(embedding.tensors, specs))
        return {
            "image": str(image),
            "out": str(out),
            "model_version": embedding.model_version,
            "original_size": list(embedding.original_size),
            "input_size": list(embedding.geometry.input_size),
            "shape": shapes[specs[0].name] if len(specs) == 1 else shapes,
        }

    return _told(predictor) | _for_each_image(args, ".npy" if len(specs) == 1 else ".npz", work)


def run_amg(args: argparse.Namespace) -> Report:
    """Write all masks of each photo in SA-1B form."""
    from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator

    names = ("points_per_side", "crop_layers", "predicted_iou_threshold", "stability_score_threshold")
    given = {name: getattr(args, name) for name in names}
    config = AutomaticConfig(**{name: value for name, value in given.items() if value is not None})
    predictor = _open_predictor(args)
    generator = AutomaticMaskGenerator(predictor, config)
    is_single = not args.image.is_dir()

    def work(image: Path, out: Path) -> Report:
        pixels = read_image(image, page=args.page)
        bar = ProgressBar("amg") if is_single else None
        annotations = generator.generate(pixels, on_progress=bar)
        head = {"image_id": 1, "width": pixels.shape[1], "height": pixels.shape[0], "file_name": image.name}
        _write_json(out, {"image": head, "annotations": annotations})
        return {"image": str(image), "out": str(out), "masks": len(annotations)}

    return _told(predictor) | _for_each_image(args, ".json", work)


def run_export(args: argparse.Namespace) -> Report:
    """Write an ONNX graph that has been seen to agree with torch, on the CPU, where the graph is compared."""
    from sam_core import onnx
    from sam_core.backends.torch_backend import choose_device
    from sam_core.registry import build_model, model_version

    choose_device(args.device)
    model = build_model(args.model, args.checkpoint)
    report: Report = {"model_version": model_version(args.model, args.checkpoint), "out": str(args.out)}
    if args.quantise is not None:
        return report | _export_quantised(args, model)
    if args.graph == "browser":
        return {**report, "manifest": onnx.export_browser_decoder(model, args.out)}
    export = onnx.export_published_decoder if args.graph == "published" else onnx.export_encoder
    return {**report, "max_difference": export(model, args.out)}


def _export_quantised(args: argparse.Namespace, model: "PromptableModel") -> Report:
    from sam_core.onnx.quantised import export_quantised_encoder, find_photos

    if args.graph != "encoder":
        raise InvalidRequestError(f"--quantise is for --graph encoder, not for {args.graph}")
    figures = asdict(export_quantised_encoder(model, args.out, find_photos(args.quantise)))
    agreement: Report = figures.pop("agreement")
    return figures | agreement


def run_models_list(args: argparse.Namespace) -> Report:
    """Say which models there are, what their weights are, and whether they are on this machine."""
    rows = []
    for spec in MODELS.values():
        row: Report = {"name": spec.name, "description": spec.description, "file": None}
        if spec.checkpoint is not None:
            file = spec.checkpoint
            row |= {"file": file.file_name, "byte_size": file.byte_size or None, "licence": file.licence}
            row |= {"sha256": file.sha256 or None, "url": file.url, "source": file.source}
            row["is_here"] = (args.folder / file.file_name).is_file()
        elif spec.name == "sam_lite":
            row |= {"file": LITE_WEIGHTS.name, "licence": "Apache-2.0", "is_here": LITE_WEIGHTS.is_file()}
        rows.append(row)
    return {"folder": str(args.folder), "models": rows}


def run_models_fetch(args: argparse.Namespace) -> Report:
    """Download official weights, or continue to, and verify them."""
    file = checkpoint_file(args.name)
    path = fetch(file, args.folder, on_progress=ProgressBar(file.file_name))
    return {"name": args.name, "path": str(path), "sha256": file.sha256}


def run_models_verify(args: argparse.Namespace) -> Report:
    """Compare the size and checksum of a weight file with the official ones."""
    file = checkpoint_file(args.name)
    path = args.file or args.folder / file.file_name
    verify(file, path)
    return {"name": args.name, "path": str(path), "sha256": file.sha256, "is_official": True}
