"""Block-sparse matrices (BSR): scipy's, and PyTorch's arrays of them."""

import numpy as np

from .extras import require

__all__ = ["check_blocks", "from_blocks"]


def check_blocks(name: str, pointers: np.ndarray, indices: np.ndarray) -> None:
    """Raise :exc:`ValueError` unless block columns ascend in each block row.

    Parameters
    ----------
    name : str
        The subject of the message.
    pointers : integers, block rows + 1
        Where the blocks of each block row begin.
    indices : integers
        The block column of each block.
    """
    steps = np.diff(indices)
    starts = np.asarray(pointers[1:-1])
    steps[starts[(starts > 0) & (starts < len(indices))] - 1] = 1
    if (steps <= 0).any():
        block = int(np.argmax(steps <= 0))
        row = int(np.searchsorted(pointers, block, side="right")) - 1
        what = "twice" if steps[block] == 0 else f"before {indices[block + 1]}"
        raise ValueError(
            f"{name} must have blocks in ascending order of their columns, not block column "
            f"{indices[block]} {what} in block row {row}"
        )


def from_blocks(name, crow_indices, col_indices, values, size):
    """The scipy matrix of the arrays of ``torch.sparse_bsr_tensor``.

    Parameters
    ----------
    name : str
        The subject of messages.
    crow_indices, col_indices : integers
        As ``pointers`` and ``indices`` of :func:`check_blocks`.
    values : array, blocks × rows of a block × columns of a block
    size : two integers
        Rows and columns of the matrix.

    Raises
    ------
    ValueError
        If the arrays do not belong together, or blocks are not in order.
    """
    with require("Block-sparse matrices"):
        from scipy import sparse

    try:
        matrix = sparse.bsr_array(
            (values, col_indices, crow_indices), shape=tuple(int(each) for each in size)
        )
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{name} must be a block-sparse matrix: {error}") from None
    check_blocks(name, matrix.indptr, matrix.indices)
    return matrix
