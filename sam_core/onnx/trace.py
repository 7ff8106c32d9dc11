"""Turn a torch module into an ONNX file by tracing it.

Must not know: what the module computes.
"""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from sam_core.errors import ExportError

OPSET = 17
MAX_FILE_BYTES = 2**31 - 1  # protobuf's limit for one message


def trace_to_onnx(
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: tuple[str, ...],
    file: Path,
    *,
    dynamic_axes: dict[str, dict[int, str]],
) -> None:
    """Write module as a graph with named inputs and outputs, in eval mode.

    Raises ExportError when that is not possible.
    """
    module.eval()  # the exporter puts the wrapper's own mode back afterwards, on everything inside it
    byte_size = sum(tensor.nbytes for tensor in module.state_dict().values())
    if byte_size > MAX_FILE_BYTES:
        raise ExportError(f"the weights take {byte_size:,} bytes; one ONNX file holds {MAX_FILE_BYTES:,} at most")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The tracing exporter is deprecated, but needs no package beside torch; the traced Python numbers that it
            # warns of are the fixed sizes of the model. What is written is compared with torch afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(inputs.values()),
                str(file),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes=dynamic_axes,
            )
    except (RuntimeError, ValueError, TypeError) as error:
        raise ExportError(f"torch cannot export {type(module).__name__}: {error}") from error
