"""Signals of AXI4, AXI4-Lite and AXI4-Stream, named as by Arm (IHI 0022 and IHI 0051)."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_file import ADDRESS_BITS

__all__ = ["DECERR", "OKAY", "SLVERR", "axi_lite", "axi_memory", "axi_stream", "connect_address"]

OKAY, SLVERR, DECERR = 0, 2, 3


def axi_stream(data_width):
    """AXI4-Stream, as the transmitter sees it."""
    return wiring.Signature(
        {
            "tdata": Out(data_width),
            "tkeep": Out(data_width // 8),
            "tlast": Out(1),
            "tvalid": Out(1),
            "tready": In(1),
        }
    )


def axi_lite():
    """AXI4-Lite with 32 bits of data, as the manager sees it."""
    return wiring.Signature(
        {
            "awaddr": Out(ADDRESS_BITS),
            "awprot": Out(3),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(ADDRESS_BITS),
            "arprot": Out(3),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def axi_memory(*, data_width, address_width, id_width):
    """AXI4, as the manager sees it; without the signals of users and regions."""
    address = {
        "id": Out(id_width),
        "addr": Out(address_width),
        "len": Out(8),
        "size": Out(3),
        "burst": Out(2),
        "lock": Out(1),
        "cache": Out(4),
        "prot": Out(3),
        "qos": Out(4),
        "valid": Out(1),
        "ready": In(1),
    }
    return wiring.Signature(
        {f"aw{name}": member for name, member in address.items()}
        | {
            "wdata": Out(data_width),
            "wstrb": Out(data_width // 8),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(id_width),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
        }
        | {f"ar{name}": member for name, member in address.items()}
        | {
            "rid": In(id_width),
            "rdata": In(data_width),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def connect_address(m, memory, prefix, bursts, number, data_width):
    """Offers bursts of incrementing addresses on ``aw`` or ``ar`` of a manager, with an ID."""
    size_bits = (data_width // 8).bit_length() - 1
    values = {
        "id": number,
        "addr": bursts.payload.index << size_bits,
        "len": bursts.payload.length,
        "size": size_bits,
        "burst": 1,  # incrementing
        "lock": 0,
        "cache": 0b0011,  # normal memory, bufferable
        "prot": 0,
        "qos": 0,
        "valid": bursts.valid,
    }
    for name, value in values.items():
        m.d.comb += getattr(memory, f"{prefix}{name}").eq(value)
    m.d.comb += bursts.ready.eq(getattr(memory, f"{prefix}ready"))
