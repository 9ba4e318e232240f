"""Writers of GPTQ, AWQ, MX and NVFP4 tensors, one element at a time."""

import numpy as np
import safetensors
from safetensors.numpy import save_file

__all__ = ["awq", "fp4_bytes", "gptq", "save", "save_types"]

#: Column in a group of eight to its nibble, as AWQ's kernel takes them apart.
AWQ_NIBBLE = {0: 0, 2: 1, 4: 2, 6: 3, 1: 4, 3: 5, 5: 6, 7: 7}


def gptq(name, codes, zeros, scales, bits, groups=None):
    """Tensors of a layer; ``groups`` is that of each row, for ``g_idx``."""
    per_word = 32 // bits
    (k, n), count = codes.shape, len(zeros)
    qweight, qzeros = np.zeros((k // per_word, n), "u4"), np.zeros((count, n // per_word), "u4")
    for row in range(k):
        for column in range(n):
            word = int(codes[row, column]) << (row % per_word * bits)
            qweight[row // per_word, column] |= np.uint32(word)
    for row in range(count):
        for column in range(n):
            stored = (int(zeros[row, column]) - 1) & ((1 << bits) - 1)
            qzeros[row, column // per_word] |= np.uint32(stored << (column % per_word * bits))
    tensors = {"qweight": qweight.view("i4"), "qzeros": qzeros.view("i4"), "scales": scales}
    if groups is not None:
        tensors["g_idx"] = np.asarray(groups, np.int32)
    return {f"{name}.{each}": tensor for each, tensor in tensors.items()}


def awq(name, codes, zeros, scales):
    """Tensors of a layer of 4 bits."""

    def packed(matrix):
        words = np.zeros((matrix.shape[0], matrix.shape[1] // 8), "u4")
        for row in range(matrix.shape[0]):
            for column in range(matrix.shape[1]):
                shift = 4 * AWQ_NIBBLE[column % 8]
                words[row, column // 8] |= np.uint32(int(matrix[row, column]) << shift)
        return words.view("i4")

    tensors = {"qweight": packed(codes), "qzeros": packed(zeros), "scales": scales}
    return {f"{name}.{each}": tensor for each, tensor in tensors.items()}


def fp4_bytes(codes):
    """Two codes a byte, the even column in the low bits."""
    rows, columns = codes.shape
    packed = np.zeros((rows, columns // 2), np.uint8)
    for row in range(rows):
        for column in range(columns):
            packed[row, column // 2] |= np.uint8(int(codes[row, column]) << (4 * (column % 2)))
    return packed


def save(path, tensors):
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)


def save_types(path, tensors):
    """Tensors of ``(type, codes)``: of types that numpy does not have."""
    specs, arrays = {}, []
    for name, (type_, codes) in tensors.items():
        array = np.ascontiguousarray(codes)
        arrays.append(array)
        specs[name] = safetensors.TensorSpec(
            dtype=type_, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
    path.write_bytes(bytes(safetensors.serialize(specs)))
