"""State dicts of other implementations, told by their names and brought to ours."""

import pytest
import torch

from livergrade.errors import UserError
from livergrade.models.build import build
from livergrade.models.weights import load_weights


def test_some_biases_missing_is_a_misfit(tmp_path):
    net = build("senet", 3)
    state = {
        key.replace("attention.reduce", "se.fc.0").replace("attention.expand", "se.fc.2"): tensor
        for key, tensor in net.state_dict().items()
    }
    del state["layer2.1.se.fc.0.bias"]
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"1 missing \(layer2\.1\.attention\.reduce\.bias\)"):
        load_weights(net, str(tmp_path / "a.pt"), name="senet")
