"""Parameters of weight-stationary engines that most cases share."""

__all__ = ["WEIGHT_STATIONARY"]

WEIGHT_STATIONARY = dict(
    tile_rows=16,
    tile_cols=16,
    a_format="int8",
    w_format="int8",
    max_k=65536,
    acc_width=0,
    overflow="wrap",
    pipeline=1,
    output="raw",
    nan_inf="saturate",
    out_format="int8",
    rounding="exact",
    acc_depth=8,
)
