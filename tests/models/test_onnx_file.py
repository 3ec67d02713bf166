"""ONNX files read as bytes: what the `onnx` package reads, and a sentence for everything else."""

import struct

import numpy as np
import pytest
from onnx_bytes import block, model, node, number, tensor, varint

from wsss_core.models.onnx_file import check_onnx, inputs_and_outputs, read_onnx


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


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (1, block(4, np.float32([1.5, -2]).tobytes()), [1.5, -2]),
        (1, b"".join(varint(4 << 3 | 5) + struct.pack("<f", value) for value in (1.5, -2)), [1.5, -2]),
        (10, block(5, varint(0x3E00) + varint(0xC000)), [1.5, -2]),
        (10, number(5, 0x3E00) + number(5, 0xC000), [1.5, -2]),
        (11, block(10, np.float64([1.5, -2]).tobytes()), [1.5, -2]),
        (16, block(5, varint(0x3FC0) + varint(0xC000)), [1.5, -2]),
        (16, block(9, np.uint16([0x3FC0, 0xC000]).tobytes()), [1.5, -2]),
    ],
)
def test_every_float_is_read_from_the_field_that_its_type_is_listed_in(written, kind, data, expected):
    array = read_onnx(written(model(tensor("w", (2, 1), data, kind=kind)))).arrays["w"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.reshape(expected, (2, 1)))


@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"])
@pytest.mark.parametrize("raw", [False, True])
def test_every_float_is_read_as_the_onnx_package_does(tmp_path, kind, raw):
    onnx = pytest.importorskip("onnx")
    kind = onnx.TensorProto.DataType.Value(kind)
    values = np.float32([0, 1.5, -2, 2.0**-14, -1024]).astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    made = onnx.helper.make_tensor("w", kind, [5], values.tobytes() if raw else values.tolist(), raw=raw)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "net", [], [], [made])), tmp_path / "net.onnx")
    read = read_onnx(tmp_path / "net.onnx").arrays["w"]
    np.testing.assert_array_equal(read, onnx.numpy_helper.to_array(made).astype(np.float32))


def test_values_that_no_weight_has_are_left_to_whoever_runs_the_file(written):
    eight = tensor("float8", (2,), block(5, varint(56) + varint(184)), kind=17)
    path = written(model(eight, tensor("?", (9,), b"", kind=99)))
    check_onnx(path)
    assert read_onnx(path).arrays == {}


def test_a_tensor_without_elements_is_read(written):
    assert read_onnx(written(model(tensor("roi", (0,), b"")))).arrays["roi"].shape == (0,)


def test_the_names_of_inputs_and_outputs(written):
    graph = model(block(11, block(1, b"image")), node("Conv", "image", "w"), block(12, block(1, b"seg")))
    assert inputs_and_outputs(written(graph)) == (["image"], ["seg"])


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
        (model(tensor("a", (0, (1 << 64) - 1), b"")), "weight a has 0 bytes, which do not make the shape"),
        (model(tensor("a", (1,), block(5, varint(1 << 16)), kind=10)), "weight a holds a number of more than 16 bits"),
        (model(tensor("a", (1,), block(5, b"\x80"), kind=10)), "ends within a number"),
        (model(tensor("a", (1,), block(5, b"\x80" * 10 + b"\0"), kind=10)), "more than ten bytes"),
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
