"""The golden depthwise windows against ONNX Runtime's Conv with a group for each channel."""

import numpy as np
import onnxruntime
import pytest
from brickwork.sim.golden.npu.depthwise import depthwise
from onnx import TensorProto, helper


def _conv(acts, taps, **attributes):
    """Conv of float32: sums of integers below 2^24 are exact."""
    values = {"x": acts.astype(np.float32), "w": taps.astype(np.float32)}
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=len(taps), **attributes)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
        for name, value in values.items()
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "depthwise", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, values)[0].astype(np.int64)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [
        ((3, 3), (1, 1), (1, 1), (1, 1)),
        ((5, 3), (2, 1), (1, 2), (2, 2)),
        ((1, 7), (1, 3), (1, 1), (0, 4)),
        ((4, 2), (8, 2), (3, 1), (5, 0)),
    ],
)
def test_conv(kernel, stride, dilation, padding):
    rng = np.random.default_rng(1)
    lanes, blocks, height, width, a_zero = 3, 2, 13, 17, 5
    acts = rng.integers(-128, 128, (blocks * lanes, height, width))
    taps = rng.integers(-128, 128, (blocks * lanes, 1, *kernel))
    # Padding is the zero point: what Conv gets is less by it.
    sums = (
        _conv(
            (acts - a_zero)[None],
            taps,
            strides=stride,
            dilations=dilation,
            pads=[*padding, *padding],
        )[0]
        + a_zero * taps.sum(axis=(2, 3))[:, :, None]
    )
    memory = np.zeros((1024, lanes), np.int64)
    for n in range(blocks):
        block = slice(n * lanes, (n + 1) * lanes)
        for y in range(height):
            at = 10 + n * 300 + y * 20
            memory[at : at + width] = acts[block, y].T
        size = kernel[0] * kernel[1]
        memory[700 + n * size : 700 + (n + 1) * size] = taps[block].reshape(lanes, size).T
    fields = dict(a_base=10, a_row=20, a_blk=300, w_base=700, a_zero=a_zero, nb=blocks)
    fields |= dict(ih=height, iw=width, oh=sums.shape[1], ow=sums.shape[2])
    fields |= dict(kh=kernel[0], kw=kernel[1], iy0=-padding[0], ix0=-padding[1])
    fields |= dict(sy=stride[0], sx=stride[1], dy=dilation[0], dx=dilation[1])
    ours = depthwise(memory, fields)
    assert np.array_equal(ours.transpose(0, 3, 1, 2).reshape(sums.shape), sums)
