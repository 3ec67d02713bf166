"""ONNX files read as bytes: what the `onnx` package reads, and a sentence for everything else."""

import struct

import numpy as np
import pytest
from onnx_bytes import block, model, node, number, tensor, varint

from wsss_core.models.onnx_file import read_onnx


@pytest.fixture
def written(tmp_path):
    def write(content: bytes):
        path = tmp_path / "net.onnx"
        path.write_bytes(content)
        return path

    return write


THREE = struct.pack("<3f", 1, -2, 0.5)


def test_raw_and_listed_floats_and_packed_shapes_are_read(written):
    packed = block(5, block(1, varint(1) + varint(3)) + number(2, 1) + block(8, b"b") + block(4, THREE))
    weights = read_onnx(written(model(tensor("a", (3, 1), block(9, THREE)), packed)))
    np.testing.assert_array_equal(weights.arrays["a"], [[1], [-2], [0.5]])
    np.testing.assert_array_equal(weights.arrays["b"], [[1, -2, 0.5]])


def test_half_and_double_floats_become_single_and_integers_are_left_out(written):
    half, double = np.float16([1.5, 2]).tobytes(), np.float64([0.25]).tobytes()
    content = model(
        tensor("half", (2,), block(9, half), kind=10), tensor("double", (1,), block(9, double), kind=11),
        tensor("shape", (2,), block(7, varint(1) + varint(320)), kind=7),
    )  # fmt: skip
    arrays = read_onnx(written(content)).arrays
    assert {name: array.dtype for name, array in arrays.items()} == {"half": np.float32, "double": np.float32}
    np.testing.assert_array_equal(arrays["half"], [1.5, 2])


def test_convolutions_come_in_the_order_of_the_graph(written):
    graph = model(node("Conv", "x", "1", "2"), node("Relu", "y"), node("Conv", "y", "w"))
    assert read_onnx(written(graph)).convolutions == [("x", "1", "2"), ("y", "w")]


def test_it_reads_what_the_onnx_package_writes(tmp_path):
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape).astype("f4") for name, shape in {"w": (4, 3, 3, 3), "b": (4,)}.items()}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        "net",
        [onnx.helper.make_tensor_value_info("x", 1, ["n", 3, "h", "w"])],
        [onnx.helper.make_tensor_value_info("y", 1, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "net.onnx")
    weights = read_onnx(tmp_path / "net.onnx")
    assert weights.convolutions == [("x", "w", "b")]
    for name, array in arrays.items():
        np.testing.assert_array_equal(weights.arrays[name], array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no graph"),
        (b"not an onnx file at all", "."),
        (number(1, 8), "holds no graph"),
        (number(7, 8), "a number stands where a message is expected"),
        (model(tensor("a", (3,), block(9, THREE)))[:-4], "bytes, .* are left"),
        (model(tensor("a", (4,), block(9, THREE))), r"weight a has 12 bytes, which do not make the shape \[4\]"),
        (model(tensor("a", (3,), number(14, 1))), "weight a lies in another file"),
        (model(tensor("a", ((1 << 64) - 3,), block(9, THREE))), "do not make the shape"),
        (b"\x80" * 12, "more than ten bytes"),
        (varint(7 << 3 | 3), "unknown wire type 3"),
        (model(node("Conv")[:-1] + b"\xff"), "."),
    ],
)
def test_damage_is_told_in_a_sentence_that_names_the_file(written, content, reason):
    with pytest.raises(
        ValueError, match=rf"net\.onnx cannot be read as an ONNX model \(.*{reason}.*\); fetch the file"
    ):
        read_onnx(written(content))


def refusal(path) -> str:
    """The message of a ValueError; empty where the file is read."""
    try:
        read_onnx(path)
    except ValueError as error:
        return str(error)
    return ""


def test_no_cut_and_no_flipped_byte_raises_anything_else(written):
    whole = model(node("Conv", "x", "a", "b"), tensor("a", (3,), block(9, THREE)), tensor("b", (3, 1), block(4, THREE)))
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole[:k] + bytes([whole[k] ^ bit]) + whole[k + 1 :] for k in range(len(whole)) for bit in (1, 8, 128)]
    messages = [message for content in damaged if (message := refusal(written(content)))]
    assert len(messages) > len(whole)
    assert all("cannot be read as an ONNX model" in message for message in messages)
