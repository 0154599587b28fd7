"""The networks by name."""

import subprocess
import sys

from livergrade.models.catalog import MODELS, NAMES


def test_names_do_not_import_torch():
    code = "import sys, livergrade.models.catalog as m; print(*m.MODELS); sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stdout.split() == ["vgg16", "resnet50", "cbam", "senet", "sknet", "timm"]
    assert (*NAMES, "timm") == MODELS
