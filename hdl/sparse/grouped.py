"""Weight-stationary engines whose PEs are groups that share lanes of activations."""

from ..systolic.gemm_ws import GemmWs

__all__ = ["GroupedWs"]


class GroupedWs(GemmWs):
    """:class:`GemmWs` with a :class:`PeGroup` for ``group_rows`` words of a tile's weights.

    A subclass has the attribute ``group_rows``, the parameter ``group_lanes``, and the hooks of
    :class:`GemmWs` that it needs.
    """

    @property
    def lanes(self):
        return self.parameters["rows"] // self.group_rows * self.parameters["group_lanes"]

    def mesh_shape(self):
        params = self.parameters
        return {
            "rows": params["rows"] // self.group_rows,
            "tile_rows": -(-params["tile_rows"] // self.group_rows),
        }
