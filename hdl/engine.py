"""Top-level engines: units that a bus wrapper can hold, and what they tell it."""

from amaranth.hdl import Shape
from amaranth.lib import data

from .unit import Unit

__all__ = ["Engine", "check_engine", "lane_width"]


class Engine(Unit):
    """A unit of streams alone, one of which carries descriptors, that a bus wrapper can hold.

    A subclass says everything that a wrapper has to know of it, so that no wrapper knows a design
    by name. Its output stream is called ``results``. A word of the descriptor stream orders work,
    and may owe words of results: the engine puts them out in the order of the descriptors.

    Attributes
    ----------
    number : int
        Identifier of the design in the register ``CAPS``, 1 to 255.
    descriptors : str
        Name of the descriptor stream.
    required_streams : tuple of str
        Streams of which every job has words.
    max_owed : int
        Most words of results that one descriptor owes.
    rows_stream : str or None
        Name of the stream of rows of A, if the descriptors are tiles of weights with the fields
        ``first`` and ``last``, each of which meets as many words of rows: so that
        :class:`BlockWalker` can make them. ``None`` for other engines.
    pe_rows, pe_cols : int
        Shape of the array of PEs.
    limit : int
        Most rows of A in an output tile, or most activations in a PE.
    max_k : int
        Largest K that the accumulators are exact for; 0 if there is none.
    pe : type
        Class of the PEs; a subclass of an engine may name a subclass of it.
    pe_parameters : tuple of str
        Parameters of the engine that its PEs have besides those of the stock PE.
    widths : dict
        Bits of an activation ``act``, a weight ``weight``, a result ``result`` and an accumulator
        ``acc``.
    """

    role = "top level"

    number: int
    descriptors: str
    rows_stream: str | None = None
    pe: type
    pe_parameters = ()

    def results_owed(self, descriptor):
        """Words of results that a payload of the descriptor stream owes, a Value."""
        raise NotImplementedError

    @property
    def axi_top(self):
        """Class of the unit that moves the words of the streams to and from memory."""
        from .bus.axi_top import AxiTop

        return AxiTop

    @property
    def pe_choice(self):
        """The arguments of a mesh that choose the PEs: their class, and parameters of their own."""
        return {"pe": self.pe} | {name: self.parameters[name] for name in self.pe_parameters}

    @property
    def descriptor_layout(self):
        """Layout of a word of the descriptor stream."""
        return self._payload(self.descriptors)

    @property
    def stream_widths(self):
        """Name of each stream to the width of a word, in the order of their indices.

        ``results`` come last.
        """
        widths = {name: Shape.cast(self._payload(name)).width for name in self.signature.members}
        return widths | {"results": widths.pop("results")}

    @property
    def identity(self):
        """Values of the registers ``CAPS``, ``SHAPE``, ``LIMIT``, ``WIDTHS`` and ``MAX_K``.

        Those of ``CAPS`` are without the fields of the wrapper.
        """
        results = self._payload("results")
        flags = isinstance(results, data.StructLayout) and "special" in results.members
        streams = self.signature.members
        order = ("act", "weight", "result", "acc")
        return {
            "CAPS": self.number
            | ("channels" in streams) << 16
            | int(flags) << 17
            | len(streams) << 18,
            "SHAPE": self.pe_rows | self.pe_cols << 16,
            "LIMIT": self.limit,
            "WIDTHS": sum(self.widths[name] << 8 * index for index, name in enumerate(order)),
            "MAX_K": self.max_k,
        }

    def _payload(self, stream):
        return self.signature.members[stream].signature.members["payload"].shape


def lane_width(layout):
    """Bits of a lane of a word: an array, or a structure with the array ``lane``."""
    lanes = layout["lane"].shape if isinstance(layout, data.StructLayout) else layout
    return Shape.cast(lanes.elem_shape).width


def check_engine(core):
    """Check that ``core`` is an engine.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(core, Engine):
        raise TypeError(f"Core must be an engine, not {core!r}")
