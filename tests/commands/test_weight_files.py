"""Weights of language models in ``.safetensors`` files, which the tests pack field by field."""

import json
import re

import llm_files
import ml_dtypes
import numpy as np
import pytest
from brickwork.gen.lib.weight_files import is_tensor, read_tensor, read_weights
from brickwork.sim.golden.formats import BlockScaled, quantize_blocks


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def layer(bits=4, k=64, n=16, group=16, seed=1):
    """Codes, zero points and scales."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 1 << bits, (k, n))
    zeros = random.integers(0, 1 << bits, (k // group, n))
    scales = (2.0 ** random.uniform(-9, -5, zeros.shape)).astype(np.float16)
    return codes, zeros, scales


def numbers(codes, zeros, scales, groups):
    """The weights by their definition, row by row."""
    rows = [
        (codes[row] - zeros[group]) * scales[group].astype(np.float64)
        for row, group in enumerate(groups)
    ]
    return np.array(rows)


class TestGptq:
    @pytest.mark.parametrize("bits", [4, 8])
    @pytest.mark.parametrize("index", [False, True])
    def test_values(self, path, bits, index):
        codes, zeros, scales = layer(bits)
        groups = np.arange(64) // 16
        tensors = llm_files.gptq("a.up", codes, zeros, scales, bits, groups if index else None)
        llm_files.save(path, tensors)
        w = read_weights(f"{path}:a.up")
        assert np.array_equal(w.codes, codes)
        assert np.array_equal(w.zeros, zeros)
        assert np.array_equal(w.scales, scales.view(np.uint16))
        assert (w.format, w.group, w.scale_format) == (f"uint{bits}", 16, "fp16")
        assert (w.axis, w.order, w.name) == (0, None, "GPTQ")
        assert np.array_equal(w.values, numbers(codes, zeros, scales, groups))
        assert np.array_equal(read_weights(f"{path}:a.up.qweight").values, w.values)

    def test_act_order(self, path):
        """Rows of a group lie anywhere; the product takes the activations in the order."""
        codes, zeros, scales = layer()
        groups = np.random.default_rng(2).permutation(np.arange(64) // 16)
        llm_files.save(path, llm_files.gptq("q", codes, zeros, scales, 4, groups))
        w = read_weights(f"{path}:q")
        expected = numbers(codes, zeros, scales, groups)
        assert np.array_equal(w.values, expected)
        assert np.array_equal(w.codes, codes[w.order])
        assert (np.diff(groups[w.order]) >= 0).all()
        a = np.random.default_rng(3).integers(-9, 9, (2, 64))
        in_order = BlockScaled(
            codes=w.codes,
            format="uint4",
            group=16,
            scales=w.scales,
            scale_format="fp16",
            zeros=w.zeros,
        )
        assert a[:, w.order] @ in_order.values == pytest.approx(a @ expected, rel=1e-12)

    def test_zero_points_of_version_2(self, path):
        codes, zeros, scales = layer()
        llm_files.save(path, llm_files.gptq("q", codes, (zeros + 1) % 16, scales, 4))
        config = path.with_name("quantize_config.json")
        config.write_text(json.dumps({"checkpoint_format": "gptq_v2"}))
        assert np.array_equal(read_weights(f"{path}:q").zeros, zeros)

    def test_symmetric(self, path):
        codes, zeros, scales = layer()
        llm_files.save(path, llm_files.gptq("q", codes, np.full_like(zeros, 8), scales, 4))
        w = read_weights(f"{path}:q")
        assert (w.element_format, w.centred().element_format) == ("int5", "int4")
        assert np.array_equal(w.centred().values, w.values)

    def test_scales_of_bfloat16(self, path):
        codes, zeros, scales = layer()
        tensors = llm_files.gptq("q", codes, zeros, scales, 4)
        bfloat16 = scales.astype(ml_dtypes.bfloat16)
        types = {name: ("int32", tensor) for name, tensor in tensors.items()}
        llm_files.save_types(path, types | {"q.scales": ("bfloat16", bfloat16.view(np.uint16))})
        w = read_weights(f"{path}:q")
        assert w.scale_format == "bf16"
        assert np.array_equal(w.values, numbers(codes, zeros, bfloat16, np.arange(64) // 16))


class TestAwq:
    @pytest.mark.parametrize(("k", "n", "group"), [(64, 16, 16), (32, 8, 32), (128, 64, 64)])
    def test_values(self, path, k, n, group):
        codes, zeros, scales = layer(k=k, n=n, group=group)
        llm_files.save(path, llm_files.awq("mlp.up_proj", codes, zeros, scales))
        w = read_weights(f"{path}:mlp.up_proj")
        assert np.array_equal(w.codes, codes)
        assert np.array_equal(w.zeros, zeros)
        assert (w.name, w.group) == ("AWQ", group)
        assert np.array_equal(w.values, numbers(codes, zeros, scales, np.arange(k) // group))


class TestPlain:
    @pytest.mark.parametrize("type_", [np.float16, np.float32, np.int8])
    def test_transposed(self, path, type_):
        x = np.random.default_rng(1).normal(0, 30, (3, 5)).astype(type_)
        llm_files.save(path, {"fc.weight": x, "other": x[:1]})
        for name in ("fc", "fc.weight"):
            w = read_weights(f"{path}:{name}")
            assert w.dtype == type_
            assert np.array_equal(w, x.T)
        assert np.array_equal(read_tensor(f"{path}:fc", "A"), x)

    def test_bfloat16(self, path):
        x = np.random.default_rng(1).normal(size=(3, 5)).astype(ml_dtypes.bfloat16)
        llm_files.save_types(path, {"fc.weight": ("bfloat16", x.view(np.uint16))})
        w = read_weights(f"{path}:fc")
        assert w.dtype == np.float32
        assert np.array_equal(w, x.T.astype(np.float32))


class TestMx:
    @pytest.mark.parametrize(
        ("spec", "type_"),
        [("mxfp8", None), ("mxfp8", "float8_e4m3fn"), ("mxfp8_e5m2", "float8_e5m2")],
    )
    def test_bytes(self, path, spec, type_):
        blocks = quantize_blocks(np.random.default_rng(1).normal(size=(6, 64)), spec, axis=1)
        codes = blocks.codes.astype(np.uint8)
        scales = ("float8_e8m0fnu" if type_ else "uint8", blocks.scales)
        tensors = {"w.weight": (type_ or "uint8", codes), "w.weight_scale": scales}
        llm_files.save_types(path, tensors)
        self.check(read_weights(f"{path}:w"), blocks)
        a = read_tensor(f"{path}:w", "A")
        assert a.axis == 1
        assert np.array_equal(a.values, blocks.values)

    @pytest.mark.parametrize("spec", ["mxfp6_e2m3", "mxfp6_e3m2", "mxfp8_e5m2", "mxint8"])
    def test_named_format(self, path, spec):
        blocks = quantize_blocks(np.random.default_rng(1).normal(size=(6, 64)), spec, axis=1)
        codes = blocks.codes.astype(np.int8).view(np.uint8)
        llm_files.save(path, {"w": codes, "w_scale": blocks.scales})
        self.check(read_weights(f"{path}:w:{spec}"), blocks)

    def test_int8(self, path):
        blocks = quantize_blocks(np.random.default_rng(1).normal(size=(6, 64)), "mxint8", axis=1)
        llm_files.save(path, {"w": blocks.codes.astype(np.int8), "w_scale": blocks.scales})
        self.check(read_weights(f"{path}:w"), blocks)

    @pytest.mark.parametrize("type_", ["uint8", "float4_e2m1fn_x2"])
    def test_fp4(self, path, type_):
        blocks = quantize_blocks(np.random.default_rng(1).normal(size=(6, 64)), "mxfp4", axis=1)
        packed = llm_files.fp4_bytes(blocks.codes)
        tensors = {"w": (type_, packed), "w_scale": ("uint8", blocks.scales)}
        llm_files.save_types(path, tensors)
        self.check(read_weights(f"{path}:w"), blocks)

    @pytest.mark.parametrize("type_", ["uint8", "float8_e4m3fn"])
    def test_nvfp4(self, path, type_):
        blocks = quantize_blocks(np.random.default_rng(1).normal(size=(6, 64)), "nvfp4", axis=1)
        tensors = {
            "w.weight": ("uint8", llm_files.fp4_bytes(blocks.codes)),
            "w.weight_scale": (type_, blocks.scales),
            "w.weight_scale_2": ("float32", np.float32(blocks.tensor_scale).reshape(1)),
        }
        llm_files.save_types(path, tensors)
        w = read_weights(f"{path}:w")
        assert w.tensor_scale == blocks.tensor_scale
        self.check(w, blocks)

    def test_scale_for_each_output(self, path):
        """FP8 with a float32 scale for each row, or for the tensor."""
        codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
        for scales in (np.array([[1], [2], [0.5]], np.float32), np.array([3], np.float32)):
            tensors = {"w": ("float8_e4m3fn", codes), "w_scale": ("float32", scales)}
            llm_files.save_types(path, tensors)
            w = read_weights(f"{path}:w")
            expected = codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64) * scales
            assert np.array_equal(w.values, expected.T)
            assert (w.group, w.scale_format) == (4, "fp32")

    def check(self, w, blocks):
        assert (w.axis, w.format, w.group) == (0, blocks.format, blocks.group)
        assert np.array_equal(w.codes, blocks.codes.T)
        assert np.array_equal(w.scales, blocks.scales.T)
        assert np.array_equal(w.values, blocks.values.T)
        assert w.name == blocks.name


class TestRefused:
    def refused(self, path, tensors, message, name="q", error=ValueError):
        llm_files.save(path, tensors)
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            read_weights(f"{path}:{name}")

    def gptq(self, **changes):
        tensors = llm_files.gptq("q", *layer(), 4, np.arange(64) // 16)
        tensors |= {f"q.{name}": tensor for name, tensor in changes.items()}
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"scales": None}, "W must have scales: no tensor 'q.scales' in the file"),
            ({"qzeros": None}, "W must have qzeros: no tensor 'q.qzeros' in the file"),
            (
                {"scales": np.full((4, 16), np.nan, np.float16)},
                "Tensor 'q.scales' must be finite, not nan at index 0, 0",
            ),
            (
                {"scales": np.ones((3, 16), np.float16)},
                "W must have as many rows of zero points as of scales (3), not 4",
            ),
            (
                {"scales": np.ones((3, 16), np.float16), "qzeros": np.zeros((3, 2), np.int32)},
                "W must have a multiple of its 3 groups along K, not 64 rows",
            ),
            (
                {"qzeros": np.zeros((4, 3), np.int32)},
                "W must be GPTQ of 4 or 8 bits, not with 3 words of zero points for 16 columns",
            ),
            (
                {"qweight": np.zeros((8, 5), np.int32)},
                "W must be GPTQ (qweight with 16 columns, as scales) or AWQ (with an eighth), "
                "not with 5 columns",
            ),
            (
                {"g_idx": np.zeros(64, np.int32)},
                "Tensor 'q.g_idx' must have 16 rows of each group, not 64 of group 0",
            ),
            (
                {"g_idx": np.full(64, 4, np.int32)},
                "Tensor 'q.g_idx' must be groups from 0 to 3, not 4 at index 0",
            ),
            (
                {"g_idx": np.zeros(63, np.int32)},
                "Tensor 'q.g_idx' must be 64 integers, not the shape (63,)",
            ),
            (
                {"scales": np.ones(16, np.float16)},
                "Tensor 'q.scales' must be a matrix, not of the shape (16,)",
            ),
        ],
    )
    def test_gptq(self, path, changes, message):
        self.refused(path, self.gptq(**changes), message)

    def test_type_of_words(self, path):
        tensors = self.gptq(qweight=np.zeros((8, 16), np.float32))
        message = "Tensor 'q.qweight' must be of I32 or U32, not F32"
        self.refused(path, tensors, message, error=TypeError)

    def test_act_order_without_index(self, path):
        path.with_name("quantize_config.json").write_text('{"desc_act": true}')
        message = (
            "W must have its index of groups: quantize_config.json has desc_act, but no tensor "
            "'q.g_idx' is in the file"
        )
        self.refused(path, self.gptq(g_idx=None), message)

    @pytest.mark.parametrize(
        ("tensors", "message"),
        [
            (
                {"q": np.zeros((4, 64), np.uint8)},
                "W must have scales for U8: no tensor 'q_scale' in the file",
            ),
            (
                {"q": np.zeros((4, 64), np.uint8), "q_scale": np.zeros((4, 3), np.uint8)},
                "Tensor 'q_scale' must have a scale for each 32 of 64 inputs, not the shape (4, 3)",
            ),
            (
                {"q": np.zeros((4, 64), np.uint8), "q_scale": np.zeros((3, 2), np.uint8)},
                "Tensor 'q_scale' must have 4 rows of scales, not the shape (3, 2)",
            ),
            (
                {"q": np.zeros((4, 64), np.uint8), "q_scale": np.full((4, 2), 255, np.uint8)},
                "Tensor 'q_scale' must be finite, not nan at index 0, 0",
            ),
            (
                {"q": np.zeros((4, 64), np.uint8), "q_scale": np.ones((4, 2), np.float32)},
                "W must have scales of U8, F8_E8M0 or F8_E4M3 for codes of U8, not F32",
            ),
            (
                {
                    "q": np.zeros((4, 64), np.uint8),
                    "q_scale": np.ones((4, 2), np.uint8),
                    "q_scale_2": np.ones(1, np.float32),
                },
                "Tensor 'q_scale' must have a scale for each 16 of 128 inputs, "
                "not the shape (4, 2)",
            ),
            (
                {
                    "q": np.zeros((4, 16), np.uint8),
                    "q_scale": np.ones((4, 2), np.uint8),
                    "q_scale_2": np.ones(2, np.float32),
                },
                "Tensor 'q_scale_2' must be a single float, not F32 of the shape (2,)",
            ),
            (
                {"q": np.zeros((4, 4, 4), np.float32)},
                "W must be a matrix, not 'q' of the shape (4, 4, 4)",
            ),
        ],
    )
    def test_scaled(self, path, tensors, message):
        self.refused(path, tensors, message)

    def test_nvfp4_without_scale_of_the_tensor(self, path):
        codes = np.zeros((4, 16), np.uint8)
        tensors = {"q": ("uint8", codes), "q_scale": ("float8_e4m3fn", codes[:, :2])}
        llm_files.save_types(path, tensors)
        message = "^W must have a scale of the tensor: no tensor 'q_scale_2'$"
        with pytest.raises(ValueError, match=message):
            read_weights(f"{path}:q")

    def test_name(self, path):
        tensors = {"model.up.weight": np.ones((2, 2), np.float32)}
        message = (
            "W must be a tensor of model.safetensors, not 'model.op'; did you mean 'model.up'?"
        )
        self.refused(path, tensors, message, name="model.op")
        names = {"weight_map": {"model.down": "model-00002-of-00002.safetensors"}}
        path.with_name("model.safetensors.index.json").write_text(json.dumps(names))
        message = (
            "W must be a tensor of model.safetensors, not 'model.down'; it is in "
            "model-00002-of-00002.safetensors"
        )
        self.refused(path, tensors, message, name="model.down")

    def test_no_name(self, path):
        llm_files.save(path, {"model.up.weight": np.ones((2, 2), np.float32)})
        message = (
            f"W must name a tensor, FILE.safetensors:NAME, not {str(path)!r}; "
            "the file has model.up …"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read_weights(str(path))

    def test_file(self, path):
        with pytest.raises(OSError, match=r"^W cannot be read: .*: No such file or directory$"):
            read_weights(f"{path}:a")
        path.write_bytes(b"no tensors at all")
        with pytest.raises(ValueError, match=r"^W cannot be read: .*: Error while deserializing"):
            read_weights(f"{path}:a")

    def test_activations(self, path):
        llm_files.save(path, self.gptq())
        message = "^A must be a plain tensor, MX or NVFP4, not 'q'$"
        with pytest.raises(ValueError, match=message):
            read_tensor(f"{path}:q", "A")


def test_names_of_tensors():
    assert is_tensor("model.safetensors:a.b")
    assert is_tensor("model.safetensors")
    assert not is_tensor("model.npy")
