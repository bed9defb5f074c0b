"""Reads an untrusted pickle: arrays and plain containers come out, and nothing in it is ever run.

Python's own unpickler imports whatever a file names and calls it. This one is our own machine for
the opcodes of protocols 2 to 5: it cannot import, and a name in the file is only looked up in a
table of (module, name) pairs whose values are functions of ours (`stand_ins.NUMPY_AND_JAX`).
Everything else raises `PerceiverError`: unknown names, extension codes, object construction, persistent
ids (except where a `.bin` gives them a meaning), out-of-band buffers, bytes after the end.

A file can't make the machine use much memory either. Lengths are checked against the bytes that are
left before anything is allocated, the memo is a dictionary (an index of two billion costs one entry),
and every object is charged to a budget that grows with the file's size.
"""

from __future__ import annotations

import os
import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from perceiver_keras.convert.stand_ins import NUMPY_AND_JAX, Buildable, Global, LongText, Refused
from perceiver_keras.errors import PerceiverError

# What objects may cost beyond the size of the file. The tree of names of the largest released
# checkpoint takes less than 1 MB.
OVERHEAD_BYTES = 8 << 20
LONGEST_NAME = 1 << 16
LONGEST_INTEGER = 16  # bytes; PyTorch's magic number takes 10

_OPCODE_NAMES = {ord(op.code): op.name for op in pickletools.opcodes}
_EXTENSIONS = {"EXT1", "EXT2", "EXT4"}
_MARK = object()
_BROKEN = (
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)

AllowList = Mapping[tuple[str, str], Callable[..., Any]]


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """The containers and arrays in the pickle file at `path`; the arrays may be read-only views.

    Raises `PerceiverError` if it is broken or uses a name that is not in the table.
    """
    with open(path, "rb") as file:
        return read_pickle(file, os.fstat(file.fileno()).st_size, source=os.fspath(path))


def read_pickle(
    file: BinaryIO,
    size: int,
    *,
    source: str,
    allowed: AllowList = NUMPY_AND_JAX,
    persistent_load: Callable[[Any], Any] | None = None,
) -> Any:
    """Runs one pickle of exactly `size` bytes and returns what it describes.

    `allowed` maps (module, name) to our function that stands in for it. `persistent_load`
    resolves persistent ids; without it they are refused.
    """
    machine = _Machine(file, size, allowed, persistent_load)
    try:
        return _finish(machine.run(), machine.charge)
    except Refused as error:
        raise PerceiverError(
            f"{source}: refused at byte {machine.at}: {error} Nothing in the file was run. "
            "If you trust whoever made it, ask them for a .safetensors file."
        ) from None
    except _BROKEN as error:
        raise PerceiverError(
            f"{source}: not a valid pickle of weights: at byte {machine.at} of {size}, "
            f"{error or type(error).__name__}. Download or save it again."
        ) from None


@dataclass
class _Machine:
    file: BinaryIO
    size: int
    allowed: AllowList
    persistent_load: Callable[[Any], Any] | None

    def __post_init__(self) -> None:
        self.at = 0  # where the current opcode starts
        self.left = self.size
        self.budget = self.size + OVERHEAD_BYTES
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        if self.byte() != 0x80 or not 2 <= self.byte() <= 5:
            raise ValueError("it does not begin like a pickle of protocol 2 to 5")
        while True:
            self.at = self.size - self.left
            code = self.byte()
            if code == 0x2E:  # STOP
                break
            action = _ACTIONS.get(code)
            if action is None:
                name = _OPCODE_NAMES.get(code, f"0x{code:02x}")
                what = "an extension code" if name in _EXTENSIONS else "an opcode"
                raise Refused(f"{name} is {what} that no file of weights needs.")
            action(self)
        if self.left:
            raise ValueError(f"{self.left} bytes follow its end")
        value = self.pop()
        if self.stack:
            raise ValueError("values are left over at its end")
        return value

    def charge(self, cost: int) -> None:
        self.budget -= cost
        if self.budget < 0:
            raise Refused("it describes far more than a file of its size can hold.")

    # --- the bytes

    def read(self, length: int) -> bytes:
        if length > self.left:
            raise ValueError(f"it announces {length} bytes, but only {self.left} are left")
        data = self.file.read(length)
        if len(data) != length:
            raise ValueError("the file ended early")
        self.left -= length
        return data

    def byte(self) -> int:
        return self.read(1)[0]

    def number(self, layout: str) -> int:
        return struct.unpack(layout, self.read(struct.calcsize(layout)))[0]

    def line(self) -> str:
        data = self.file.readline(min(self.left, 256))
        self.left -= len(data)
        if not data.endswith(b"\n"):
            raise ValueError("a name has no end")
        return data[:-1].decode("utf-8")

    # --- the stack

    def push(self, value: Any, cost: int = 40) -> None:
        self.charge(cost)
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("it has a mark where a value is needed")
        return value

    def top(self) -> Any:
        if self.stack[-1] is _MARK:
            raise ValueError("it has a mark where a value is needed")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        for start in range(len(self.stack) - 1, -1, -1):
            if self.stack[start] is _MARK:
                items = self.stack[start + 1 :]
                del self.stack[start:]
                return items
        raise ValueError("a mark is missing")

    # --- the opcodes that need more than a line

    def frame(self) -> None:
        if (length := self.number("<Q")) > self.left:
            raise ValueError(
                f"it announces a frame of {length} bytes, but only {self.left} are left"
            )

    def integer(self, length: int) -> None:
        if not 0 <= length <= LONGEST_INTEGER:
            raise Refused(f"it holds an integer of {length} bytes.")
        self.push(int.from_bytes(self.read(length), "little", signed=True))

    def text(self, length: int) -> None:
        data = self.read(length)
        if length > LONGEST_NAME:  # bytes: protocol 2 spells them as Latin-1 text
            self.push(LongText(data), 200)
        else:
            self.push(data.decode("utf-8", "surrogatepass"), 80 + 4 * length)

    def blob(self, length: int) -> None:
        self.push(self.read(length), 80)

    def append(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) is not list:
            raise ValueError(f"it appends to a {type(target).__name__}")
        self.charge(16 * len(items))
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) is not dict or len(items) % 2:
            raise ValueError(f"it sets items of a {type(target).__name__}")
        self.charge(60 * len(items))
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):  # hashing nested tuples can take forever
                raise Refused(f"a dictionary has a key of type {type(key).__name__}.")
            target[key] = value

    def put(self, index: int) -> None:
        self.charge(120)
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"memo entry {index} is used before it is set")
        self.push(self.memo[index], 8)

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise Refused("it asks for a name that is not text.")
        function = self.allowed.get((module, name))
        if function is None:
            raise Refused(f"it asks for {module[:80]!r}, {name[:80]!r}.")
        self.push(Global(module, name, function), 100)

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        self.find(module, name)

    def reduce(self) -> None:
        arguments, target = self.pop(), self.pop()
        if type(target) is not Global or type(arguments) is not tuple:
            raise Refused(f"it calls a {type(target).__name__}.")
        self.push(target.function(*arguments), 200)

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if isinstance(target, Buildable):
            target.build(state)
        elif type(target) is not dict or type(state) is not dict:
            raise Refused(f"it sets the state of a {type(target).__name__}.")
        # A PyTorch state dict is an OrderedDict with versions as attributes, which are not needed here.

    def persistent_id(self) -> None:
        if self.persistent_load is None:
            raise Refused("it refers to something outside itself (a persistent id).")
        self.push(self.persistent_load(self.pop()), 100)


def _finish(value: Any, charge: Callable[[int], None], depth: int = 0) -> Any:
    """`value` with every reconstructed object replaced by its array, containers copied.

    A small file can describe a tree that is exponentially large when walked (each list holding the
    previous one twice), so the walk is charged to the same budget as the objects.
    """
    if depth > 16:
        raise Refused("its containers are nested deeper than any tree of weights.")
    charge(40)
    if isinstance(value, Buildable):
        return value.finish()
    if isinstance(value, (Global, LongText)):
        raise Refused(f"it holds a {type(value).__name__} where an array belongs.")
    if type(value) is dict:
        charge(100 * len(value))
        return {key: _finish(item, charge, depth + 1) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_finish(item, charge, depth + 1) for item in value)
    return value


_ACTIONS: dict[int, Callable[[_Machine], Any]] = {
    ord(code): action
    for code, action in {
        "\x95": _Machine.frame,
        "(": lambda m: m.push(_MARK, 8),
        "0": lambda m: m.stack.pop(),
        "1": lambda m: m.pop_to_mark(),
        "2": lambda m: m.push(m.top(), 8),
        "N": lambda m: m.push(None, 8),
        "\x88": lambda m: m.push(True, 8),
        "\x89": lambda m: m.push(False, 8),
        "J": lambda m: m.push(m.number("<i")),
        "K": lambda m: m.push(m.byte(), 8),
        "M": lambda m: m.push(m.number("<H")),
        "G": lambda m: m.push(m.number(">d")),
        "\x8a": lambda m: m.integer(m.byte()),
        "\x8b": lambda m: m.integer(m.number("<i")),
        "X": lambda m: m.text(m.number("<I")),
        "\x8c": lambda m: m.text(m.byte()),
        "\x8d": lambda m: m.text(m.number("<Q")),
        "C": lambda m: m.blob(m.byte()),
        "B": lambda m: m.blob(m.number("<I")),
        "\x8e": lambda m: m.blob(m.number("<Q")),
        "\x96": lambda m: m.blob(m.number("<Q")),
        ")": lambda m: m.push((), 8),
        "t": lambda m: m.push(tuple(m.pop_to_mark()), 60),
        "\x85": lambda m: m.push((m.pop(),), 60),
        "\x86": lambda m: m.push((m.pop(), m.pop())[::-1], 70),
        "\x87": lambda m: m.push((m.pop(), m.pop(), m.pop())[::-1], 80),
        "]": lambda m: m.push([], 80),
        "l": lambda m: m.push(m.pop_to_mark(), 80),
        "a": lambda m: m.append([m.pop()]),
        "e": lambda m: m.append(m.pop_to_mark()),
        "}": lambda m: m.push({}, 300),
        "s": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
        "u": lambda m: m.set_items(m.pop_to_mark()),
        "c": lambda m: m.find(m.line(), m.line()),
        "\x93": _Machine.stack_global,
        "R": _Machine.reduce,
        "b": _Machine.build,
        "q": lambda m: m.put(m.byte()),
        "r": lambda m: m.put(m.number("<I")),
        "\x94": lambda m: m.put(len(m.memo)),
        "h": lambda m: m.get(m.byte()),
        "j": lambda m: m.get(m.number("<I")),
        "Q": _Machine.persistent_id,
    }.items()
}
