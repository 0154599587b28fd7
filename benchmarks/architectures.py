"""Our models beside the papers' figures and the reference implementations, as Markdown tables.

    python benchmarks/architectures.py [--write]

Parameters and multiply-adds are counted, ours and each reference's. For the logits a reference's weights are
filled with numbers made from their names, written to a file and loaded into our model through its map of
names; both then see the same two images. With --write the tables in docs/models.md are renewed.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from livergrade.models.build import build
from livergrade.models.catalog import NAMES
from livergrade.models.resnet import Bottleneck
from livergrade.models.weights import load_weights
from tests.models.references import CLASSES, REFERENCES, Reference, counts, logits

DOCS = Path(__file__).parents[1] / "docs" / "models.md"
START, END = "<!-- made by benchmarks/architectures.py --write -->\n", "<!-- end -->\n"
PIXELS = 224

VARIANTS = {
    "vgg16": "configuration D, no batch norm",
    "resnet50": "v1.5: stride in the 3×3",
    "cbam": "ResNet50 v1.5, r = 16, 7×7",
    "senet": "SE-ResNet-50 v1.5, r = 16",
    "sknet": "SKNet-50: M = 2, G = 32, r = 16, L = 32",
}
PRINTED = {  # millions of parameters, 10⁹ multiply-adds, and the paper that prints them of this network
    "vgg16": "138 M ([VGG](https://arxiv.org/abs/1409.1556))",
    "resnet50": "3.86 G ([SENet](https://arxiv.org/abs/1709.01507))",
    "cbam": "28.09 M, 3.864 G ([CBAM](https://arxiv.org/abs/1807.06521))",
    "senet": "28.1 M, 3.87 G ([SENet](https://arxiv.org/abs/1709.01507))",
    "sknet": "27.5 M, 4.47 G ([SKNet](https://arxiv.org/abs/1903.06586))",
}


def table(*rows: tuple[str, ...]) -> str:
    """Rows as Markdown, the first as the heading; columns but the first two are numbers."""
    rule = ("---", "---", *["---:"] * (len(rows[0]) - 2))
    return "".join(f"| {' | '.join(row)} |\n" for row in (rows[0], rule, *rows[1:]))


def as_printed(name: str) -> str:
    """Multiply-adds with the stride in the first 1×1, as the papers of these three count them."""
    if name not in {"resnet50", "cbam", "senet"}:
        return "–"
    with torch.device("meta"):
        net = build(name, 1000)
        for block in [m for m in net.modules() if isinstance(m, Bottleneck)]:
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
        return f"{counts(net)[1] / 1e9:.3f}"


def models() -> str:
    """What we build, and what the papers print."""
    rows = []
    for name in NAMES:
        with torch.device("meta"):
            (large, work), (small, less) = (counts(build(name, classes)) for classes in (1000, 3))
        sizes = f"{large:,}", f"{small:,}", f"{work / 1e9:.3f}", f"{less / 1e9:.3f}", as_printed(name)
        rows.append((f"`{name}`", VARIANTS[name], *sizes, PRINTED[name]))
    heading = "parameters, 1000 classes", "3 classes", "GMACs at 224 px, 1000", "3", "stride in the 1×1"
    return table(("model", "variant", *heading, "printed"), *rows)


def counted(reference: Reference) -> tuple[str, ...]:
    """A reference's model, name, parameters and multiply-adds."""
    parameters, work = reference.counts(1000)
    return f"`{reference.model}`", reference.name, f"{parameters:,}", f"{work:,}"


def difference(reference: Reference) -> tuple[str, str]:
    """The largest logit in size, and the largest difference of ours from it."""
    state, batch, expected = reference.run(PIXELS)
    with torch.device("meta"):
        net = build(reference.model, CLASSES)
    net.to_empty(device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file(state, file)
        load_weights(net, str(file), name=reference.model)
    delta = float((logits(net, batch) - expected).abs().max())
    return f"{expected.abs().max():.1f}", f"{delta:.0e}" if delta else "0"


def references() -> str:
    """Each reference, and how far our logits are from its."""
    heading = "model", "reference", "parameters", "multiply-adds", "largest logit", "largest difference"
    return table(heading, *(counted(reference) + difference(reference) for reference in REFERENCES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"renew the tables in {DOCS.name}")
    chosen = parser.parse_args()
    tables = f"{models()}\n{references()}"
    print(tables)
    if chosen.write:
        before, _, rest = DOCS.read_text().partition(START)
        DOCS.write_text(f"{before}{START}\n{tables}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
