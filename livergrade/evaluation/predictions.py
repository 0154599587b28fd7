"""Write ``predictions.csv``: the file that everything after the network is computed from."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.data.cohort import Cohort
from livergrade.io.files import written_whole


def predictions_table(cohort: Cohort, graded: dict[str, NDArray[np.float32]]) -> pd.DataFrame:
    """One row a view.

    Args:
        cohort: whose rows were graded.
        graded: by side of the split, ``[views, 4 + classes]``: row of the cohort, degrees, grade, loss,
            probabilities in the order of the classes.

    Returns:
        ``image,patient,split,angle,grade,predicted,p_<class>…`` and the manifest's other columns, sorted by
        side, image and angle (degrees).
    """
    tables = []
    for side, views in graded.items():
        table = cohort.table.iloc[views[:, 0].astype(int)].drop(columns="sha256").reset_index(drop=True)
        carried = [name for name in table.columns if name not in ("image", "patient", "grade")]
        probabilities = views[:, 4:].astype(float)
        # Rounding of float32 leaves sums off one by 1e-7; the file's readers may expect exactness.
        probabilities /= probabilities.sum(1, keepdims=True)
        predicted = np.array(cohort.classes)[probabilities.argmax(1)]
        facts = table[["image", "patient"]].assign(
            split=side, angle=views[:, 1].astype(float), grade=table["grade"], predicted=predicted
        )
        columns = pd.DataFrame(probabilities, columns=[f"p_{grade}" for grade in cohort.classes])
        tables.append(pd.concat([facts, columns, table[carried]], axis=1))
    return pd.concat(tables).sort_values(["split", "image", "angle"], ignore_index=True)


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, whole or not at all."""
    with written_whole(path) as part:
        table.to_csv(part, index=False, float_format="%.9g")
