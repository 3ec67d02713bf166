"""The MXNet reader on files written here, byte by byte, in all three forms."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from wsss_core.models.backbones.resnet38d import ResNet38d
from wsss_core.models.mxnet_params import read_params, resnet38d_arrays
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.weights import read_state_dict

FORMS = ("legacy", "v1", "v2")
FLAGS = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}
MXNET_FIELDS = {"running_mean": "moving_mean", "running_var": "moving_var", "weight": "gamma", "bias": "beta"}


def header(form: str, shape: tuple[int, ...]) -> bytes:
    if form == "legacy":
        return struct.pack(f"<I{len(shape)}I", len(shape), *shape)
    magic = struct.pack("<I", 0xF993FAC8) if form == "v1" else struct.pack("<Ii", 0xF993FAC9, 0)
    return magic + struct.pack(f"<I{len(shape)}q", len(shape), *shape)


def body(array: np.ndarray) -> bytes:
    device = struct.pack("<ii", 1, 0)
    return device + struct.pack("<i", FLAGS[array.dtype.name]) + array.tobytes()


def write_params(path: Path, arrays: dict[str, np.ndarray], form: str) -> Path:
    content = struct.pack("<QQQ", 0x112, 0, len(arrays))
    content += b"".join(header(form, a.shape) + body(a) for a in arrays.values())
    content += struct.pack("<Q", len(arrays))
    content += b"".join(struct.pack("<Q", len(name.encode())) + name.encode() for name in arrays)
    path.write_bytes(content)
    return path


def mxnet_name(name: str) -> str:
    """`b4_3.bn_branch2a.running_mean` as MXNet has it: `aux:bn4b3_branch2a_moving_mean`."""
    module, _, field = name.rpartition(".")
    kind = "aux" if field.startswith("running") else "arg"
    field = field if "conv" in module else MXNET_FIELDS[field]
    if "." not in module:
        return f"{kind}:{module}_{field}"
    block, layer = module.split(".")
    stage, _, number = block[1:].partition("_")
    layer_kind, branch = layer.split("_")
    suffix = f"b{number}" if number else "a"
    return f"{kind}:{'res' if layer_kind == 'conv' else 'bn'}{stage}{suffix}_{branch}_{field}"


@pytest.mark.parametrize("form", FORMS)
def test_every_type_and_shape_is_read_back(tmp_path, form):
    arrays = {f"arg:{name}": np.arange(6).reshape(2, 3).astype(name) for name in FLAGS}
    arrays["aux:größe"] = np.float32([[[[1.5]]]])
    read = read_params(write_params(tmp_path / "w.params", arrays, form))
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.parametrize("form", FORMS)
def test_resnet38d_makes_the_round_trip(tmp_path, form, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr("wsss_core.models.backbones.resnet38d.ResNet38d", lambda: ResNet38d(width=2))
    state = {
        k: torch.rand_like(v) for k, v in ResNet38d(width=2).state_dict().items() if "num_batches" not in k
    }
    arrays = {mxnet_name(name): tensor.numpy() for name, tensor in state.items()}
    arrays["arg:linear1000_weight"] = np.zeros((10, 128), np.float32)
    file = write_params(tmp_path / "ilsvrc-cls.params", arrays, form)
    net = pretrained_backbone(name="resnet38d", output_stride=8, weights=str(file), batch_norm="frozen").net
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in state.items())


def test_names_become_those_of_the_checkpoints():
    zero = np.zeros(1)
    translated = resnet38d_arrays({
        "arg:conv1a_weight": zero, "arg:res2a_branch1_weight": zero, "res4b3_branch2b1_weight": zero,
        "arg:bn4a_branch2a_gamma": zero, "aux:bn6a_branch2b2_moving_var": zero, "arg:bn7_beta": zero,
        "arg:linear1000_bias": zero, "arg:strange": zero})  # fmt: skip
    assert list(translated) == [
        "conv1a.weight",
        "b2.conv_branch1.weight",
        "b4_3.conv_branch2b1.weight",
        "b4.bn_branch2a.weight",
        "b6.bn_branch2b2.running_var",
        "bn7.bias",
        "strange",
    ]


def test_params_of_another_network_are_refused(tmp_path):
    file = write_params(tmp_path / "other.params", {"arg:conv0_weight": np.zeros((2, 2), np.float32)}, "v2")
    with pytest.raises(ValueError, match="other.params does not hold the weights of resnet10t"):
        pretrained_backbone(name="resnet10t", output_stride=8, weights=str(file), batch_norm="frozen")


def test_state_dict_of_a_params_file_can_be_changed(tmp_path):
    file = write_params(tmp_path / "w.params", {"arg:conv1a_weight": np.ones((2, 2), np.float32)}, "v1")
    assert read_state_dict(file)["conv1a.weight"].add_(1).sum() == 8


def damaged(good: bytes, how: str) -> bytes:
    """A V2 file of a float32 (2,) array: version at byte 24, storage 28, axes 32, shape 36, type 52."""
    at = {
        "magic": (0, struct.pack("<Q", 0x113)), "version": (24, struct.pack("<I", 0xF993FACA)),
        "storage": (28, struct.pack("<i", 1)), "axes": (32, struct.pack("<I", 0)),
        "negative": (36, struct.pack("<q", -2)), "huge": (36, struct.pack("<q", 2**60)),
        "empty": (36, struct.pack("<q", 0)),
        "type": (52, struct.pack("<i", 9)), "names": (64, struct.pack("<Q", 0)), "text": (80, b"\xff"),
    }  # fmt: skip
    if how == "cut":
        return good[:60]
    if how == "longer":
        return good + b"?"
    offset, patch = at[how]
    return good[:offset] + patch + good[offset + len(patch) :]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("magic", "at byte 0, the magic number is 0x113, expected 0x112"),
        ("version", "at byte 24, array 0 of 1 starts with 0xf993faca"),
        ("storage", "at byte 28, array 0 of 1 has storage type 1"),
        ("axes", "at byte 32, array 0 of 1 starts with 0x0"),
        ("negative", r"at byte 36, array 0 of 1 has shape \(-2,\)"),
        ("empty", r"at byte 36, array 0 of 1 has shape \(0,\)"),
        ("huge", "at byte 56, the data of array 0 of 1 needs 4611686018427387904 bytes, 25 are left"),
        ("type", "at byte 52, array 0 of 1 has type flag 9, known are 0 to 6"),
        ("names", "at byte 64, 0 names follow 1 arrays"),
        ("text", r"at byte 80, a name is not text: b'\\xff'"),
        ("cut", "at byte 56, the data of array 0 of 1 needs 8 bytes, 4 are left"),
        ("longer", "at byte 81, 1 bytes follow the last name"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path, how, message):
    file = write_params(tmp_path / "w.params", {"w": np.float32([1, 2])}, "v2")
    file.write_bytes(damaged(file.read_bytes(), how))
    with pytest.raises(ValueError, match=f"w.params is no MXNet .params file that can be read: {message}"):
        read_params(file)


def test_number_of_arrays_beyond_the_file_ends_at_its_end(tmp_path):
    (tmp_path / "w.params").write_bytes(struct.pack("<QQQ", 0x112, 0, 2**63))
    with pytest.raises(
        ValueError, match="at byte 24, the header of array 0 of 9223372036854775808 needs 4 bytes"
    ):
        read_params(tmp_path / "w.params")
