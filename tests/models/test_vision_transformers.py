"""The protocol carries what is no convolutional network: an adapter in a test, and all that is shipped on top of it."""

import numpy as np
import pytest
import torch
from vision_transformers import TINY, VisionTransformer

from wsss_core.inference.cam import class_activation_maps
from wsss_core.inference.segmentation import segment
from wsss_core.methods.affinitynet.network import AffinityNet
from wsss_core.methods.affinitynet.objective import affinity
from wsss_core.methods.affinitynet.walk import random_walk_scores
from wsss_core.methods.auxsegnet.inference import affinities_of_peak, refined_cams
from wsss_core.methods.auxsegnet.network import AuxSegNet
from wsss_core.methods.deeplab.network import DeepLab
from wsss_core.methods.deeplab.objective import segmentation
from wsss_core.methods.ssnet.network import SSNet
from wsss_core.models import build, model_file
from wsss_core.models.build import build_network
from wsss_core.models.model_file import Description
from wsss_core.models.pretrained import pretrained_backbone
from wsss_core.models.tag_classifier import CamNetwork
from wsss_core.models.two_branch import TwoBranchNetwork
from wsss_core.ops import grids
from wsss_core.ops.images import MEAN, STD, normalise
from wsss_core.training import optim, start

PATCH_16, PATCH_14 = "vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2"
"""One token before the patches and its own constants; five tokens, four of them registers, and ImageNet's."""
NAMES = {PATCH_16: 16, PATCH_14: 14}
SIZE = (57, 71)  # no multiple of either
CPU = torch.device("cpu")
ONCE = {"scales": [1.0, 0.75], "flip": True, "max_pixels": 10**6, "device": CPU}
NETWORKS = {
    DeepLab: {"head": "largefov"},
    TwoBranchNetwork: {"dropout": 0.0, "head_channels": 8, "atrous_rate": None},
    SSNet: {"step": 1, "aggregation_grid": 2, "atrous_rates": None},
    AuxSegNet: {"dropout": 0.0, "head_channels": 8, "atrous_rates": None, "saliency": True, "affinity": "cross",
                "renormalise_rows": False},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(build, "ADAPTERS", (VisionTransformer, *build.ADAPTERS))
    torch.manual_seed(0)


def section(name: str, **changes) -> dict:
    usual = {"name": name, "output_stride": NAMES[name], "weights": "none", "dilate": True, "batch_norm": "frozen"}
    return {**usual, "freeze_stem": False, **changes}


def network(kind: type, name: str, **options):
    return build_network(kind, pretrained_backbone(**section(name)), num_classes=3, options=options).eval()


def photograph(size=SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


@torch.no_grad()
def cams_of(name: str):
    model = network(CamNetwork, name, dropout=0.0)
    return class_activation_maps(model, [photograph()], [[1, 3]], sqrt=False, store_stride=4, **ONCE)[0]


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_features_and_taps_are_the_patches_without_the_tokens_before_them(name):
    backbone, stride = pretrained_backbone(**section(name)).eval(), NAMES[name]
    images = normalise(photograph())[None]
    grid = grids.grid_size(SIZE, stride=stride)
    features, taps = backbone.features(images), backbone.taps(images)
    assert features.shape == (1, TINY["embed_dim"], *grid)
    assert [tap.shape for tap in taps] == [(1, channels, *grid) for channels in backbone.taps_channels]
    assert backbone.taps_strides == (stride,) * 4 and backbone.centre == (stride - 1) / 2
    tokens = backbone.net.forward_features(backbone._prepared(images))[:, backbone.net.num_prefix_tokens :]
    torch.testing.assert_close(features.flatten(2).transpose(1, 2), tokens)
    assert torch.equal(backbone.taps(images, [1, -1])[1], taps[3])


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_net_sees_images_by_its_own_constants_padded_with_its_mean_colour(name):
    backbone = pretrained_backbone(**section(name))
    constants = ((0.5,) * 3, (0.5,) * 3) if name == PATCH_16 else (MEAN, STD)
    assert (backbone.mean, backbone.std) == constants
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in constants)
    picture = torch.from_numpy(photograph()).permute(2, 0, 1) / 255
    seen = backbone._prepared(normalise(photograph())[None])[0]
    torch.testing.assert_close(seen[:, : SIZE[0], : SIZE[1]], (picture - mean) / std, atol=1e-5, rtol=0)
    assert seen[:, SIZE[0] :].abs().max() == 0 and [side % NAMES[name] for side in seen.shape[-2:]] == [0, 0]
    assert all(not key.endswith(("_gain", "_shift")) for key in backbone.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_class_activation_maps_lie_on_the_stored_grid(name):
    cams = cams_of(name)
    assert cams.classes.tolist() == [1, 3] and cams.scores.shape == (2, *grids.grid_size(SIZE, stride=4))
    assert cams.scores.min() >= 0 and 0.9 < cams.scores.max() <= 1


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_a_class_map_peaks_at_the_patch_that_differs(name):
    """Through the patches alone: with blocks that add nothing, the maps show which patch a bright square lies in."""
    model, stride = network(CamNetwork, name, dropout=0.0), NAMES[name]
    for block in model.backbone.net.blocks:
        for layer in (block.attn.proj, block.mlp.fc2):
            layer.weight.zero_(), layer.bias.zero_()
    model.backbone.net.pos_embed.zero_()
    image = np.zeros((5 * stride + 1, 7 * stride + 3, 3), np.uint8)
    image[3 * stride : 4 * stride, 5 * stride : 6 * stride] = 255
    bright = model.backbone.features(normalise(image)[None])[0, :, 3, 5]
    dark = model.backbone.features(normalise(image)[None])[0, :, 0, 0]
    model.fc8.weight.copy_((bright - dark).view(1, -1, 1, 1).expand_as(model.fc8.weight))
    whole = {**ONCE, "scales": [1.0], "flip": False}
    cams = class_activation_maps(model, [image], [[1]], sqrt=False, store_stride=1, **whole)[0]
    peak = np.argwhere(cams.scores[0] == cams.scores[0].max()).mean(axis=0)
    np.testing.assert_allclose(peak, [3.5 * stride - 0.5, 5.5 * stride - 0.5], atol=1)


@pytest.mark.parametrize("name", NAMES)
def test_scores_walk_along_affinities_of_its_taps(name):
    model = network(AffinityNet, name, taps=[-3, -2, -1], widths=[4, 4, 8], freeze_backbone=False)
    cams = cams_of(name)
    with torch.no_grad():
        (walk,) = random_walk_scores(
            model, [photograph()], [cams], radius=3, beta=8.0, log2_steps=2, background_exponent=4.0, store_stride=4,
            max_pixels=10**6, device=CPU,
        )  # fmt: skip
    assert walk.classes.tolist() == [0, 1, 3] and walk.scores.shape == (3, *cams.scores.shape[1:])
    labels = torch.randint(0, 3, (1, *SIZE))
    terms = affinity(model, {"image": normalise(photograph())[None], "labels": labels}, 0.0, radius=3)
    assert all(torch.isfinite(loss) for loss in terms.losses.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_that_segments_learns_and_labels_at_the_size_of_the_image(kind, name):
    model = network(kind, name, **NETWORKS[kind])
    batch = {"image": normalise(photograph())[None], "labels": torch.randint(0, 4, (1, *SIZE))}
    segmentation(model.train(), batch, 0.0).losses["segmentation"].backward()
    with torch.no_grad():
        (labels,) = segment(model.eval(), [photograph()], crf=None, **ONCE)
    assert labels.shape == SIZE and labels.max() <= 3


@torch.no_grad()
def test_what_auxsegnet_shows_and_refines_is_stored_on_a_grid_that_tells_its_stride():
    model = network(AuxSegNet, PATCH_14, **NETWORKS[AuxSegNet])
    shown = affinities_of_peak(model, photograph(), [2], max_pixels=10**6, device=CPU)
    assert grids.stride_of(shown.scores.shape[1:], SIZE) == 8
    (refined,) = refined_cams(model, [photograph()], [[1, 2]], renormalise=True, max_pixels=10**6, device=CPU)
    assert refined.shape == (2, *SIZE)


@pytest.mark.parametrize("name", NAMES)
def test_its_stem_freezes_every_other_parameter_trains_and_positions_never_decay(name):
    backbone = pretrained_backbone(**section(name, freeze_stem=True))
    model = build_network(CamNetwork, backbone, num_classes=3, options={"dropout": 0.0})
    model(torch.randn(1, 3, *SIZE))["logits"].sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
    frozen = {key.split(".")[0] for key, p in model.backbone.net.named_parameters() if not p.requires_grad}
    assert {"cls_token", "pos_embed", "patch_embed"} <= frozen and not any(key.startswith("blocks") for key in frozen)
    model.requires_grad_(True)
    groups = optim.parameter_groups(model, lr=1.0, weight_decay=0.1, new_lr_factor=1, bias_lr_factor=1)
    still = {id(p) for group in groups if not group["weight_decay"] for p in group["params"]}
    assert {id(model.backbone.net.pos_embed), id(model.backbone.net.cls_token)} <= still


def test_its_model_file_opens_and_computes_the_same(tmp_path):
    described = Description("cam", "cam", ("a", "b", "c"), section(PATCH_14), {"dropout": 0.0}, {})
    model = start.build(described, CamNetwork).eval()
    model_file.save(tmp_path, model, described)
    loaded, _ = model_file.load(tmp_path, CamNetwork)
    images = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        assert torch.equal(loaded.cams(images), model.cams(images))


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_attention_between_cells_can_be_read(name):
    backbone = pretrained_backbone(**section(name)).eval()
    attention = backbone.attention(torch.randn(1, 3, *SIZE))
    rows, columns = grids.grid_size(SIZE, stride=NAMES[name])
    assert attention.shape == (1, TINY["depth"], rows * columns, rows * columns)
    assert attention.sum(dim=-1).min() > 0.5 and attention.sum(dim=-1).max() < 1  # the rest goes to the other tokens


def test_another_stride_than_the_patch_is_refused():
    with pytest.raises(ValueError, match="patch14_reg4_dinov2 cannot give feature maps of output stride 16; it has 14"):
        pretrained_backbone(**section(PATCH_14, output_stride=16))


def test_a_key_that_no_backbone_knows_is_refused():
    with pytest.raises(TypeError, match="no backbone has dilated"):
        pretrained_backbone(**section(PATCH_14, dilated=True))
