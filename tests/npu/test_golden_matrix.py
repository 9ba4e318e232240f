"""The golden model of MATRIX beside ONNX Runtime's ConvInteger."""

import numpy as np
import onnx
import onnxruntime
import pytest
from brickwork.sim.golden.npu.matrix import matrix
from onnx import TensorProto, helper

#: Rows, columns of an array.
SHAPES = [(3, 5), (4, 4), (8, 3)]
FIELDS = dict.fromkeys(("in_base", "in_row", "in_blk", "w_base", "p_base", "packed"), 0)
NEUTRAL = {"bias": 0, "multiplier": 1, "shift": 0, "zero_point": 0, "low": -128, "high": 127}


def reference(image, kernel, zero_point, strides, dilations, pads):
    """Sums of a convolution of a zero-padded image (channels first), by ONNX Runtime."""
    attributes = {"strides": strides, "dilations": dilations, "pads": [*pads, *pads]}
    graph = helper.make_graph(
        [helper.make_node("ConvInteger", ["x", "w", "z"], ["y"], **attributes)],
        "convolution",
        [
            helper.make_tensor_value_info("x", TensorProto.UINT8, [1, *image.shape]),
            helper.make_tensor_value_info("w", TensorProto.INT8, kernel.shape),
            helper.make_tensor_value_info("z", TensorProto.UINT8, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, None, None, None])],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    inputs = {"x": (image + 128).astype(np.uint8)[None], "w": kernel.astype(np.int8)}
    (sums,) = session.run(None, inputs | {"z": np.array(zero_point + 128, np.uint8)})
    return sums[0]


def blocks(channels, lanes):
    """Channels (first axis) as the last axis of ``lanes``, with a block axis first."""
    count = -(-len(channels) // lanes)
    full = np.zeros((count * lanes, *channels.shape[1:]), np.int64)
    full[: len(channels)] = channels
    return np.moveaxis(full.reshape(count, lanes, *channels.shape[1:]), 1, -1)


@pytest.mark.parametrize(("rows", "cols"), SHAPES)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 3])
def test_convolution(rows, cols, stride, dilation):
    """Padding is the zero point; a bias takes out its products, as a convolution does."""
    rng = np.random.default_rng(rows * stride * dilation)
    channels, outputs, size, height, width = 2 * rows - 1, 2 * cols, 3, 11, 13
    image = rng.integers(-128, 128, (channels, height, width))
    kernel = rng.integers(-20, 20, (outputs, channels, size, size))
    zero_point = 9
    expected = reference(
        image, kernel, zero_point, [stride, stride], [dilation, dilation], [1, 2]
    ).astype(np.int64)
    expected += zero_point * kernel.sum(axis=(1, 2, 3))[:, None, None]

    buffer = np.zeros((4096, rows), np.int64)
    words = blocks(image, rows)
    buffer[100 : 100 + words[..., 0].size] = words.reshape(-1, rows)
    weights = np.zeros((4096, cols), np.int64)
    lanes = blocks(np.moveaxis(kernel, 1, 0), rows)  # block, output, i, j, lane
    order = lanes.reshape(len(lanes), 2, cols, size, size, rows).transpose(1, 0, 3, 4, 5, 2)
    weights[7 : 7 + order[..., 0].size] = order[..., ::-1, :].reshape(-1, cols)
    fields = FIELDS | {
        "in_base": 100,
        "in_row": width,
        "in_blk": height * width,
        "w_base": 7,
        "oh": expected.shape[1] - 1,
        "ow": expected.shape[2] - 1,
        "kh": size - 1,
        "kw": size - 1,
        "kc": len(words) - 1,
        "nb": 1,
        **{name: stride - 1 for name in ("sy", "sx")},
        **{name: dilation - 1 for name in ("dy", "dx")},
        "iy0": -1,
        "ix0": -2,
        "ih": height - 1,
        "iw": width - 1,
        "a_zero": zero_point,
        "first": 1,
        "last": 1,
    }
    neutral = {name: np.full(4096, value) for name, value in NEUTRAL.items()}
    sums, results = matrix(
        fields,
        buffer=buffer,
        weights=weights,
        w_format="int8",
        channels=neutral,
        rounding="exact",
        sums=None,
    )
    assert np.moveaxis(sums, -1, 1).reshape(expected.shape).tolist() == expected.tolist()
    assert (results == sums.clip(-128, 127)).all()

    # The same input as packed rows of bytes, in which a tile is a word of the channels of a row.
    if stride == dilation == 1:
        check_packed(fields, image, buffer, weights)


def check_packed(fields, image, buffer, weights):
    """Windows of one pixel at byte offsets are those of the bytes of a flat buffer."""
    rows = buffer.shape[1]
    channels = len(image)
    flat = np.moveaxis(image, 0, -1).reshape(len(image[0]), -1)
    pitch = -(-flat.shape[1] // rows) + 2
    padded = np.zeros((len(flat), pitch * rows), np.int64)
    padded[:, : flat.shape[1]] = flat
    packed = np.zeros_like(buffer)
    packed[: len(flat) * pitch] = padded.reshape(-1, rows)
    one = {"packed": 1, "in_base": 0, "in_row": pitch, "kc": 1, "kh": 0, "kw": 0, "nb": 0, "iy0": 0}
    fields = fields | one | {"ix0": 1 % rows, "oh": len(flat) - 1, "ow": 9}
    fields |= {"in_blk": channels // rows << 6 | channels % rows}
    values = {name: np.full(4096, value) for name, value in NEUTRAL.items()}
    sums, _ = matrix(
        fields,
        buffer=packed,
        weights=weights,
        w_format="int8",
        channels=values,
        rounding="exact",
        sums=None,
    )
    w = np.concatenate([weights[7 : 7 + rows][::-1], weights[7 + rows : 7 + 2 * rows][::-1]])
    for x in range(10):
        first = 1 % rows + x * channels
        assert (sums[0, :, x] == padded[:, first : first + 2 * rows] @ w).all()
