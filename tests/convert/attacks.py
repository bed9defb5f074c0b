"""Hostile files, each a few bytes: the attacks that the tests of this folder read.

Any payload that ran would create the file `MARKER` in the current folder.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from collections import OrderedDict

import numpy as np

MARKER = "was_run"
COMMAND = f"touch {MARKER}"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return named(module, name) + b"(" + b"".join(arguments) + b"tR"


def program(body: bytes, protocol: int = 4) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def array_state(shape: bytes, code: str, data: bytes, order: bytes = b"\x89") -> bytes:
    """An array pickled as NumPy does it, from parts that may lie."""
    dtype = call("numpy", "dtype", text(code), b"\x89", b"\x88")
    dtype += b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    blob = b"B" + struct.pack("<I", len(data)) + data
    made = call(
        "numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray"), b"K\x00\x85", b"C\x01b"
    )
    return made + b"(K\x01" + shape + dtype + order + blob + b"tb"


class _Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def _int8(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def pickles() -> dict[str, bytes]:
    """Name of the attack -> the bytes of a pickle; none of them may load."""
    import os
    import subprocess

    whole = pickle.dumps({"linear": {"w": np.ones((2, 3), np.float32)}}, 4)
    # Each list holds the previous one ten times: 10**14 ones when walked.
    laughs = b"]K\x01aq\x00" + b"".join(
        b"0](" + 10 * (b"h" + bytes([i])) + b"eq" + bytes([i + 1]) for i in range(14)
    )
    tuples = b"K\x01q\x00" + b"".join(
        b"0h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60)
    )
    getattr_chain = call(
        "builtins", "getattr", call("builtins", "__import__", text("os")), text("system")
    )
    return {
        "os_system": pickle.dumps(_Runs(os.system, COMMAND), 2),
        "os_system_protocol_4": pickle.dumps(_Runs(os.system, COMMAND), 4),
        "protocol_0": pickle.dumps(_Runs(os.system, COMMAND), 0),
        "eval": pickle.dumps(_Runs(eval, f"__import__('os').system({COMMAND!r})"), 4),
        "exec": pickle.dumps(_Runs(exec, f"open({MARKER!r}, 'w')"), 4),
        "open_file": pickle.dumps(_Runs(open, MARKER, "w"), 4),
        "popen": pickle.dumps(_Runs(subprocess.Popen, ["touch", MARKER]), 4),
        "getattr_chain": program(getattr_chain + b"(" + text(COMMAND) + b"tR"),
        "numpy_names_something_else": program(call("numpy", "load", text(MARKER))),
        "numpy_testing_runs_strings": program(
            call("numpy.testing._private.utils", "runstring", text("import os"), b"}")
        ),
        "numpy_f2py_eval": program(call("numpy.f2py.crackfortran", "myeval", text("1"))),
        "pickle_in_a_pickle": program(call("_pickle", "loads", b"C\x02N.")),
        "jax_evaluates": program(call("jax._src.array", "device_put", b"K\x01")),
        "stack_global_by_memo": program(
            text("system")
            + b"\x940"
            + text("posix")
            + b"\x940"
            + b"h\x01h\x00\x93"
            + b"("
            + text(COMMAND)
            + b"tR"
        ),
        "stack_global_not_text": program(b"K\x01" + text("system") + b"\x93"),
        "dotted_name": program(
            text("numpy") + text("core.multiarray._reconstruct") + b"\x93" + b"(tR"
        ),
        "dotted_through_a_listed_module": program(
            text("collections") + text("OrderedDict.__init__.__globals__") + b"\x93"
        ),
        "extension_code_1": program(b"\x82\x01"),
        "extension_code_2": program(b"\x83\x01\x00"),
        "extension_code_4": program(b"\x84\x01\x00\x00\x00"),
        "setstate": program(
            call(
                "numpy.core.multiarray",
                "_reconstruct",
                named("numpy", "ndarray"),
                b"K\x00\x85",
                b"C\x01b",
            )
            + b"}"
            + text("__class__")
            + b"K\x01sb"
        ),
        "state_of_a_name": program(named("numpy", "ndarray") + b"}" + text("x") + b"K\x01sb"),
        "instance_of_protocol_0": program(b"(iposix\nsystem\n"),
        "object_of_protocol_1": program(b"(" + named("posix", "system") + text(COMMAND) + b"o"),
        "new_object": program(named("collections", "OrderedDict") + b")\x81"),
        "new_object_with_keywords": program(named("collections", "OrderedDict") + b")}\x92"),
        "calls_its_own_array": program(array_state(b"K\x02\x85", "f4", b"\0" * 8) + b")R"),
        "persistent_id": program(text("storage") + b"Q"),
        "persistent_id_of_protocol_0": program(b"Pstorage\n"),
        "out_of_band_buffer": program(b"\x97", 5),
        "object_array": pickle.dumps({"a": np.array([_Runs(os.system, COMMAND)], object)}, 4),
        "structured_array": pickle.dumps({"a": np.zeros(2, [("x", "f4"), ("y", "O")])}, 4),
        "string_array": pickle.dumps({"a": np.array(["text"])}, 4),
        "object_dtype_over_bytes": program(array_state(b"K\x01\x85", "O8", b"\1" * 8)),
        "more_shape_than_data": program(array_state(_int8(1 << 40) + b"\x85", "f4", b"\0" * 8)),
        "less_shape_than_data": program(array_state(b"K\x01\x85", "f4", b"\0" * 8)),
        "negative_shape": program(array_state(_int8(-1) + b"\x85", "f4", b"\0" * 8)),
        "overflowing_shape": program(
            array_state(_int8(1 << 33) + _int8(1 << 33) + b"\x86", "f4", b"\0" * 8)
        ),
        "shape_of_text": program(array_state(text("2") + b"\x85", "f4", b"\0" * 8)),
        "array_never_filled": program(
            call(
                "numpy.core.multiarray",
                "_reconstruct",
                named("numpy", "ndarray"),
                b"K\x00\x85",
                b"C\x01b",
            )
        ),
        "reconstruct_another_class": program(
            call(
                "numpy.core.multiarray",
                "_reconstruct",
                named("collections", "OrderedDict"),
                b"K\x00\x85",
                b"C\x01b",
            )
        ),
        "jax_array_of_a_dictionary": program(
            call(
                "jax._src.array",
                "_reconstruct_array",
                named("collections", "OrderedDict"),
                b")",
                b")",
                b"}",
            )
        ),
        "ordered_dict_of_a_list": pickle.dumps(_Runs(OrderedDict, [("a", 1)]), 4),
        "encode_by_another_codec": program(call("_codecs", "encode", text("a"), text("rot13"))),
        "a_name_as_the_result": program(named("numpy", "ndarray")),
        "huge_bytes": program(b"\x8e" + struct.pack("<Q", 1 << 60)),
        "huge_text": program(b"\x8d" + struct.pack("<Q", 1 << 60)),
        "huge_bytearray": program(b"\x96" + struct.pack("<Q", 1 << 60), 5),
        "huge_frame": program(b"\x95" + struct.pack("<Q", 1 << 62) + b"N"),
        "huge_integer": program(b"\x8b\xff\xff\xff\x7f"),
        "negative_integer_length": program(b"\x8b\xff\xff\xff\xff"),
        "unused_memo_entry": program(b"j\xff\xff\xff\x7f"),
        "memo_bomb": program(
            b"".join(b"N" + b"r" + struct.pack("<I", 0x7FFFFFFF - i) + b"0" for i in range(150_000))
            + b"N"
        ),
        "object_bomb": program(b"(" + b"}" * 150_000 + b"l"),
        "duplicate_bomb": program(b"(N" + b"2" * 500_000 + b"l"),
        "billion_laughs": program(laughs),
        "tuple_key_that_hashes_forever": program(tuples + b"0}h\x3cNs"),
        "list_in_itself": program(b"]q\x00h\x00a"),
        "deep_nesting": program(b"]" * 20_000 + b"a" * 19_999),
        "marks_only": program(b"(" * 100),
        "empty_stack": program(b"0"),
        "mark_as_value": program(b"(\x85"),
        "bytes_after_the_end": whole + b"\x80\x04N.",
        "cut_in_the_middle": whole[: len(whole) // 2],
        "two_values": program(b"NN"),
        "no_end": whole[:-1],
        "empty": b"",
        "protocol_9": b"\x80\x09N.",
        "invalid_utf_8": program(b"X\x02\x00\x00\x00\xff\xff"),
    }


def archive(entries: dict[str, bytes], *, root: str = "archive") -> bytes:
    """A ZIP archive of stored entries, as PyTorch writes them (without its alignment)."""
    return zip_of([(f"{root}/{name}", data, {}) for name, data in entries.items()])


def zip_of(entries: list[tuple[str, bytes, dict]], *, comment: bytes = b"", count=None) -> bytes:
    """Entries as (name, data, lies): a lie replaces a field of the entry's headers."""
    body, directory = b"", b""
    for name, data, lies in entries:
        crc, size = zlib.crc32(data), len(data)
        local_name = lies.get("local_name", name).encode()
        header = len(body) if "header" not in lies else lies["header"]
        body += (
            struct.pack(
                "<4s5H3L2H",
                b"PK\x03\x04",
                20,
                lies.get("local_flags", 0),
                lies.get("method", 0),
                0,
                0,
                lies.get("local_crc", crc),
                lies.get("local_size", size),
                lies.get("local_size", size),
                len(local_name),
                0,
            )
            + local_name
            + data
        )
        directory += (
            struct.pack(
                "<4s6H3L5H2L",
                b"PK\x01\x02",
                20,
                20,
                lies.get("flags", 0),
                lies.get("method", 0),
                0,
                0,
                lies.get("crc", crc),
                lies.get("packed", size),
                lies.get("size", size),
                len(name.encode()),
                0,
                0,
                0,
                0,
                0,
                header,
            )
            + name.encode()
        )
    total = len(entries) if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, total, total, len(directory), len(body), len(comment)
    )
    return body + directory + end + comment


def tensor(
    key: str, count: int, offset: int, shape: tuple, strides: tuple, kind: str = "FloatStorage"
) -> bytes:
    """The opcodes of one tensor of a `.bin`."""

    def sizes(values: tuple) -> bytes:
        return b"(" + b"".join(_int8(v) for v in values) + b"t"

    storage = (
        b"("
        + text("storage")
        + named("torch", kind)
        + text(key)
        + text("cpu")
        + _int8(count)
        + b"tQ"
    )
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage,
        _int8(offset),
        sizes(shape),
        sizes(strides),
        b"\x89",
        call("collections", "OrderedDict"),
    )


def state_dict(**tensors: bytes) -> bytes:
    items = b"".join(text(name) + opcodes for name, opcodes in tensors.items())
    return program(call("collections", "OrderedDict") + b"(" + items + b"u", 2)


def torch_bin(tree: bytes | None = None, **more: bytes) -> bytes:
    """A `.bin` of one 2x3 tensor `w` in a storage of eight floats, or of another pickle."""
    tree = tree or state_dict(w=tensor("0", 8, 1, (2, 3), (3, 1)))
    data = np.arange(8, dtype="<f4").tobytes()
    return archive({"data.pkl": tree, "byteorder": b"little", "data/0": data, **more})


def torch_bins() -> dict[str, bytes]:
    """Name of the attack -> the bytes of a `.bin`; none of them may load."""
    data = np.arange(8, dtype="<f4").tobytes()
    tree = state_dict(w=tensor("0", 8, 1, (2, 3), (3, 1)))
    whole = [("a/data.pkl", tree, {}), ("a/data/0", data, {})]

    inner = zip_of([("a/data/1", b"", {})])[: 30 + 8]  # a local header within another's data

    def lying(**lies) -> bytes:
        return zip_of([("a/data.pkl", tree, {}), ("a/data/0", data, lies)])

    def one(*arguments, **options) -> bytes:
        return torch_bin(state_dict(w=tensor(*arguments, **options)))

    slow = {"memo_bomb", "object_bomb", "duplicate_bomb", "deep_nesting"}  # the same machine
    evil = {
        f"pickle_{name}": torch_bin(body)
        for name, body in pickles().items()
        if body and name not in slow
    }
    return evil | {
        "wrong_crc": lying(crc=1, local_crc=1),
        "crc_differs_in_local_header": lying(local_crc=1),
        "name_differs_in_local_header": lying(local_name="a/data/1"),
        "size_differs_in_local_header": lying(local_size=4),
        "size_beyond_the_file": lying(size=1 << 30, packed=1 << 30, local_size=1 << 30),
        "compressed": lying(method=8),
        "encrypted": lying(flags=1, local_flags=1),
        "bomb_by_declared_size": lying(method=8, size=0xFFFFFFF0),
        "overlapping_entries": zip_of(
            whole[:1]
            + [("a/data/0", inner, {}), ("a/data/1", b"", {"header": 30 + 10 + len(tree) + 30 + 8})]
        ),
        "one_header_for_two_entries": zip_of(whole + [("a/data/1", b"", {"header": 0})]),
        "same_name_twice": zip_of(whole + [("a/data/0", data, {})]),
        "path_traversal": zip_of(whole + [("a/../../etc/passwd", data, {})]),
        "absolute_path": zip_of(whole + [("/etc/passwd", data, {})]),
        "backslash_path": zip_of(whole + [("a\\..\\b", data, {})]),
        "comment_hides_an_archive": zip_of(whole, comment=b"PK\x05\x06" + b"\0" * 18),
        "bytes_before": b"#!/bin/sh\n" + zip_of(whole),
        "bytes_after": zip_of(whole) + b"\0",
        "more_entries_than_there_are": zip_of(whole, count=3),
        "fewer_entries_than_there_are": zip_of(whole, count=1),
        "cut_off": zip_of(whole)[:-30],
        "two_roots": zip_of(whole + [("b/data.pkl", tree, {})]),
        "no_pickle": archive({"data/0": data}),
        "storage_missing": archive({"data.pkl": tree}),
        "torchscript": torch_bin(**{"code/__torch__.py": b"import os"}),
        "big_endian": archive({"data.pkl": tree, "byteorder": b"big", "data/0": data}),
        "tensor_beyond_storage": one("0", 8, 4, (2, 3), (3, 1)),
        "tensor_expanded_by_zero_strides": one("0", 8, 0, (1 << 35, 2), (0, 1)),
        "negative_stride": one("0", 8, 7, (2, 3), (-3, 1)),
        "negative_offset": one("0", 8, -1, (2, 3), (3, 1)),
        "strides_of_another_rank": one("0", 8, 0, (2, 3), (1,)),
        "storage_count_lies": one("0", 1 << 40, 0, (2, 3), (3, 1)),
        "storage_of_another_type": one("0", 8, 0, (2, 3), (3, 1), kind="DoubleStorage"),
        "storage_outside_of_data": one("../data.pkl", 8, 0, (2, 3), (3, 1)),
        "one_storage_with_two_types": torch_bin(
            state_dict(
                a=tensor("0", 8, 0, (8,), (1,)),
                b=tensor("0", 8, 0, (8,), (1,), kind="IntStorage"),
            )
        ),
        "storage_shared_many_times": torch_bin(
            state_dict(**{f"t{i}": tensor("0", 10_000, 0, (10_000,), (1,)) for i in range(10)}),
            **{"data/0": b"\0" * 40_000},
        ),
        "not_a_state_dict": torch_bin(program(b"]K\x01a", 2)),
        "rebuild_from_an_array_class": torch_bin(
            program(call("torch._utils", "_rebuild_tensor_v2", b"N", b"K\x00", b")", b")"), 2)
        ),
        "parameter_of_nothing": torch_bin(
            program(call("torch._utils", "_rebuild_parameter", b"}", b"\x89", b"N"), 2)
        ),
    }
