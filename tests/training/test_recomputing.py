"""Less memory for more time: what is kept, what is drawn, and which networks can."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from wsss_core.models.build import build_network
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.training.recomputing import spare_memory

FAMILIES = ["test_resnet", "mobilenetv2_035", "test_convnext", "densenet121", "hrnet_w18_small"]
IMAGES = 6


def network(name: str = "test_resnet", *, dropout: float = 0.5, batch_norm: str = "trained", stride: int = 32):
    torch.manual_seed(0)
    backbone = pretrained_backbone(name=name, output_stride=stride, weights="none", batch_norm=batch_norm)
    return build_network(CamNetwork, backbone, num_classes=3, options={"dropout": dropout}).train()


def gradients(model: nn.Module, *, side: int = 48) -> list[torch.Tensor]:
    """Of a step that draws dropout from the same seed each time."""
    torch.manual_seed(1)
    images = torch.randn(IMAGES, 3, side, side)
    model(images)["logits"].square().sum().backward()
    return [p.grad for p in model.parameters() if p.requires_grad]


@pytest.mark.parametrize(("name", "batch_norm"), [("test_resnet", "frozen"), *((name, "trained") for name in FAMILIES)])
def test_blocks_computed_again_give_the_same_gradients_and_statistics(name, batch_norm):
    plain, spared = (network(name, batch_norm=batch_norm) for _ in range(2))
    spare_memory(spared, accumulate=1, activation_checkpointing=True)
    for expected, found in zip(gradients(plain), gradients(spared), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for (key, expected), (_, found) in zip(plain.state_dict().items(), spared.state_dict().items(), strict=True):
        assert torch.equal(found, expected), key


def test_dropout_of_a_part_draws_the_same_numbers_in_both_passes():
    seen: list[torch.Tensor] = []
    model = network()
    model.dropout.register_forward_hook(lambda _, inputs, output: seen.append((output.detach() == 0).clone()))
    spare_memory(model, accumulate=2, activation_checkpointing=False)
    gradients(model)
    first, last, again = seen
    assert torch.equal(first, again)
    assert not torch.equal(first, last)


def test_batch_norms_that_train_count_each_part_once():
    model, counted = network(), []
    spare_memory(model, accumulate=3, activation_checkpointing=True)
    gradients(model)
    counted = [norm.num_batches_tracked.item() for norm in model.modules() if isinstance(norm, _BatchNorm)]
    assert set(counted) == {3}


def test_outputs_come_in_the_order_of_the_images():
    model = network(dropout=0.0, batch_norm="frozen")
    images = torch.randn(7, 3, 32, 32)
    expected = model(images)["logits"]
    spare_memory(model, accumulate=3, activation_checkpointing=False)
    torch.testing.assert_close(model(images)["logits"], expected)
    torch.testing.assert_close(model(images[:2])["logits"], expected[:2])
    with torch.no_grad():
        torch.testing.assert_close(model(images)["logits"], expected.detach())


def test_weights_keep_their_names():
    model = network()
    names = list(model.state_dict())
    spare_memory(model, accumulate=2, activation_checkpointing=True)
    assert list(model.state_dict()) == names


def kept_bytes(model: nn.Module) -> int:
    """What a step of eight images keeps for its backward pass, weights apart."""
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        outputs = model(torch.randn(8, 3, 64, 64))  # alive, or another tensor would get a place that was noted
    own = {weights.untyped_storage().data_ptr() for weights in (*model.parameters(), *model.buffers())}
    return sum(size for place, size in kept.items() if place not in own and outputs)


@pytest.mark.parametrize(
    ("accumulate", "activation_checkpointing", "share"), [(4, False, 0.3), (1, True, 0.35), (4, True, 0.2)]
)
def test_a_fraction_is_kept_for_the_backward_pass(accumulate, activation_checkpointing, share):
    whole, spared = network("mobilenetv2_035"), network("mobilenetv2_035")
    spare_memory(spared, accumulate=accumulate, activation_checkpointing=activation_checkpointing)
    assert kept_bytes(spared) < share * kept_bytes(whole)


def test_a_backbone_of_single_layers_is_refused_with_what_helps():
    model = network("vgg11", stride=16)
    with pytest.raises(ValueError, match=r"vgg11 has no blocks to compute again; set .*checkpointing to false"):
        spare_memory(model, accumulate=1, activation_checkpointing=True)



def test_a_copy_of_a_network_computes_with_its_own_weights():
    model = network(dropout=0.0, batch_norm="frozen")
    spare_memory(model, accumulate=2, activation_checkpointing=True)
    other, images = copy.deepcopy(model), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        for weights in other.parameters():
            weights.zero_()
    assert model(images)["logits"].any()
    assert not other(images)["logits"].any()
