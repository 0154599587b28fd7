"""The networks by name."""

import subprocess
import sys

from livergrade.models.catalog import MODELS, NAMES, OPTIONS, label


def test_names_do_not_import_torch():
    code = "import sys, livergrade.models.catalog as m; print(*m.MODELS); sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stdout.split() == list(MODELS)
    assert list(NAMES) == ["vgg16", "resnet50", "cbam", "senet", "sknet"]


def test_every_model_says_what_it_takes():
    assert OPTIONS["sknet"] == ("reduction", "branches", "groups", "min_width")
    assert set(OPTIONS) == set(MODELS)
    assert (label("senet"), label("timm", "convnext_tiny")) == ("senet", "convnext_tiny")
