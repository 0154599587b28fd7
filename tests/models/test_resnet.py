"""ResNet-50 and its blocks against torchvision's."""

import pytest
import torch
from torchvision.models import resnet50 as torchvision_resnet50

from livergrade.models.attention import CBAM, SelectiveKernel, SqueezeExcitation
from livergrade.models.resnet import resnet50

SKNET = {"conv": SelectiveKernel, "width": 128}


@pytest.fixture(scope="module")
def reference():
    """Torchvision's ResNet-50, its last batch norms moved from zero so that residual branches count."""
    torch.manual_seed(0)
    net = torchvision_resnet50(num_classes=3).eval()
    for name, tensor in net.state_dict().items():
        if name.endswith(("running_mean", "bn3.bias")):
            tensor.uniform_(-0.1, 0.1)
    return net


@pytest.fixture
def image():
    return torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(0))


def test_plain_is_torchvisions(reference, image):
    net = resnet50(3).eval()
    net.load_state_dict(reference.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(net(image), reference(image), rtol=0, atol=0)


def test_an_open_gate_is_torchvisions(reference, image):
    net = resnet50(3, gate=SqueezeExcitation)
    missing, unexpected = net.load_state_dict(reference.state_dict(), strict=False)
    assert not unexpected
    assert all(".attention." in key for key in missing)
    for name, parameter in net.named_parameters():
        if name.endswith("attention.expand.weight"):
            torch.nn.init.zeros_(parameter)
        elif name.endswith("attention.expand.bias"):
            torch.nn.init.constant_(parameter, 100.0)  # sigmoid(100) is 1 in float32
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(image), reference(image))


@pytest.mark.parametrize("gate", [SqueezeExcitation, CBAM])
def test_gate_stands_after_bn3_before_the_addition(gate):
    torch.manual_seed(0)
    block = resnet50(3, gate=gate).eval().layer2[0]
    torch.nn.init.uniform_(block.bn3.weight)
    x = torch.rand(2, 256, 8, 8)
    with torch.no_grad():
        branch = block.bn1(block.conv1(x)).relu()
        branch = block.bn2(block.conv2(branch)).relu()
        branch = block.attention(block.bn3(block.conv3(branch)))
        torch.testing.assert_close(block(x), (branch + block.downsample(x)).relu())


def test_sknet_has_resnexts_widths_and_selective_kernels_for_3x3():
    with torch.device("meta"):
        net = resnet50(3, **SKNET)
    for stage, width, stride in zip(range(1, 5), (128, 256, 512, 1024), (1, 2, 2, 2), strict=True):
        for i, block in enumerate(getattr(net, f"layer{stage}")):
            assert isinstance(block.conv2, SelectiveKernel)
            assert isinstance(block.bn2, torch.nn.Identity)
            convolutions = [branch[0] for branch in block.conv2.branches]
            assert {c.in_channels for c in convolutions} == {c.out_channels for c in convolutions} == {width}
            assert {c.stride for c in convolutions} == {(stride, stride) if i == 0 else (1, 1)}


@pytest.mark.parametrize("options", [{}, {"gate": SqueezeExcitation}, {"gate": CBAM}, SKNET])
def test_every_residual_branch_starts_at_zero(options):
    net = resnet50(3, **options)
    last = [p for name, p in net.named_parameters() if name.endswith("bn3.weight")]
    assert len(last) == 16
    assert all(not p.any() for p in last)
    others = [
        p
        for name, p in net.named_parameters()
        if "bn" in name and name.endswith(("bn1.weight", "bn2.weight"))
    ]
    assert all((p == 1).all() for p in others)
