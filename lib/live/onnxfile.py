"""A network as the bytes of an ONNX file, its weights in half precision and everything computed in float32."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.optimizer import optimize_ir
from torch import Tensor, nn

OPSET = 20


@torch.no_grad()
def onnx_bytes(
    module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, fixed: Sequence[str] = ()
) -> bytes:
    """The ONNX file of a network that takes any number of items at once.

    Args:
        module: of `traceable`.
        inputs: example of each argument of its `forward`, by name; at least two items each.
        outputs: names for what it returns.
        fixed: arguments that do not grow with the number of items.

    Returns:
        an ONNX model. Each parameter is stored in float16, rounded if it is not one already, and cast when the file is
        loaded: half the bytes to send, and no arithmetic in half precision.
    """
    batch = torch.export.Dim("n", min=1)
    dynamic = {name: {} if name in fixed else {0: batch} for name in inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch's own exporter will drop one day
        program = torch.onnx.export(
            module.eval(),
            kwargs=dict(inputs),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # it would transpose weights, which are then no longer the module's parameters
            verbose=False,
        )
    halve(program.model.graph, {name for name, _ in module.named_parameters()})
    optimize_ir(program.model, should_fold=lambda node: False if node.op_type == "Cast" else None)
    for node in program.model.graph:
        node.metadata_props.clear()  # its place in the Python source
    return program.model_proto.SerializeToString()


def halve(graph: ir.Graph, names: set[str]) -> None:
    """Store these initializers in float16, each behind a Cast, which ONNX Runtime does once, when it loads the file."""
    for name in names & set(graph.initializers):
        value = graph.initializers[name]
        half = ir.Value(
            name=f"{name}.half",
            type=ir.TensorType(ir.DataType.FLOAT16),
            shape=value.shape,
            const_value=ir.tensor(value.const_value.numpy().astype(np.float16), name=f"{name}.half"),
        )
        cast = ir.node("Cast", [half], {"to": ir.DataType.FLOAT}, name=f"{name}.cast")
        value.replace_all_uses_with(cast.outputs[0])
        del graph.initializers[name]
        graph.register_initializer(half)
        cast.outputs[0].name = name
        cast.outputs[0].type, cast.outputs[0].shape = value.type, value.shape
        graph.insert_before(graph[0], cast)
