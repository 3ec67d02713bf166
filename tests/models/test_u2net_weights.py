"""U²-Net's weights out of every kind of file, and a sentence for files that are not U²-Net's."""

from pathlib import Path

import pytest
import torch
from onnx_bytes import block, model, node, tensor
from safetensors.torch import save_file
from u2net_files import SMALL_ONNX, export, needs_weights, trained

from wsss_core.models.u2net import U2Net
from wsss_core.models.u2net_weights import load_u2net


def assert_equal(net: U2Net, other: U2Net) -> None:
    torch.testing.assert_close(net.state_dict(), other.state_dict(), rtol=0, atol=0)


@pytest.fixture(scope="module")
def folded() -> U2Net:
    return trained().fold()


@pytest.mark.parametrize(
    "wrap", [lambda state: state, lambda state: {"model": {f"module.{k}": v for k, v in state.items()}}]
)
def test_the_published_state_dict_is_folded(tmp_path, folded, wrap):
    torch.save(wrap(trained().state_dict()), tmp_path / "u2netp.pth")
    assert_equal(load_u2net(tmp_path / "u2netp.pth", variant="u2netp"), folded)


def test_a_folded_one_loads_as_it_is(tmp_path, folded):
    save_file(folded.state_dict(), tmp_path / "u2netp.safetensors")
    assert_equal(load_u2net(tmp_path / "u2netp.safetensors", variant="u2netp"), folded)


@pytest.mark.parametrize("named", [False, True])
def test_an_onnx_file_is_read_by_names_where_it_has_them_and_by_the_order_of_its_graph(tmp_path, folded, named):
    export(trained(), tmp_path / "u2netp.onnx", named=named)
    assert_equal(load_u2net(tmp_path / "u2netp.onnx", variant="u2netp"), folded)


@pytest.mark.parametrize("named", [False, True])
def test_an_initialiser_that_several_convolutions_share_goes_to_all_of_them(tmp_path, named):
    net = trained().fold()
    for name in ("stage1.rebnconv3.conv_s1", "stage1.rebnconv2.conv_s1"):  # 16 channels each
        net.get_submodule(name).bias.data.fill_(0.5)
    net.side1.bias.data.fill_(0.25)
    net.side2.bias.data.fill_(0.25)
    net.stage2.rebnconv2.conv_s1.weight.data.copy_(net.stage2.rebnconv3.conv_s1.weight.data)
    export(net, tmp_path / "u2netp.onnx", named=named, shared=("bias",) if named else ("bias", "weight"))
    assert_equal(load_u2net(tmp_path / "u2netp.onnx", variant="u2netp"), net)


@needs_weights
def test_the_small_networks_file_is_no_full_network():
    with pytest.raises(ValueError, match=r"u2netp\.onnx does not hold the weights of u2net: .* have another shape.*"
                                         r"set saliency\.method to the network of the file"):  # fmt: skip
        load_u2net(SMALL_ONNX, variant="u2net")


def test_another_networks_onnx_file_is_sent_to_method_onnx(tmp_path):
    content = model(node("Conv", "x", "1", "2"), tensor("1", (1, 1), block(9, b"\0" * 4)))
    (tmp_path / "isnet.onnx").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"isnet\.onnx does not .* 1 convolutions .* u2netp has 112; set saliency\.method: onnx"
    ):
        load_u2net(tmp_path / "isnet.onnx", variant="u2netp")


def test_a_tensor_that_is_missing_is_named(tmp_path):
    state = trained().state_dict()
    del state["stage3.rebnconv2d.bn_s1.running_var"]
    torch.save(state, tmp_path / "u2netp.pth")
    with pytest.raises(ValueError, match=r"1 of its 798 tensors are missing, stage3\.rebnconv2d\.bn_s1\.running_var"):
        load_u2net(tmp_path / "u2netp.pth", variant="u2netp")


def test_weights_that_are_no_numbers_are_refused(tmp_path, folded):
    state = {name: tensor.clone() for name, tensor in folded.state_dict().items()}
    state["side2.weight"][0, 0, 0, 0] = torch.nan
    torch.save(state, tmp_path / "u2netp.pth")
    with pytest.raises(ValueError, match=r"not finite numbers of floating point \(side2\.weight the first\); fetch"):
        load_u2net(tmp_path / "u2netp.pth", variant="u2netp")


def test_a_variance_below_zero_is_refused_when_it_is_folded_away(tmp_path):
    state = trained().state_dict()
    state["stage3.rebnconv2d.bn_s1.running_var"].fill_(-1)
    torch.save(state, tmp_path / "u2netp.pth")
    with pytest.raises(ValueError, match=r"weights that are no numbers \(stage3\.rebnconv2d\.conv_s1"):
        load_u2net(tmp_path / "u2netp.pth", variant="u2netp")


class Evil:
    def __reduce__(self):
        return print, ("run!",)


@pytest.mark.parametrize("name", ["u2netp.pth", "u2netp.onnx", "u2netp.safetensors"])
def test_a_file_that_would_run_code_is_refused_and_nothing_runs(tmp_path, capsys, name):
    torch.save({"stage1": Evil()}, tmp_path / name)
    with pytest.raises(ValueError, match=f"{name} cannot be read as"):
        load_u2net(tmp_path / name, variant="u2netp")
    assert "run!" not in capsys.readouterr().out


def test_a_missing_file_is_named_with_what_to_give():
    with pytest.raises(ValueError, match=r"saliency\.weights is 'gone\.pth', .* no such file; give .* or auto"):
        load_u2net(Path("gone.pth"), variant="u2netp")
