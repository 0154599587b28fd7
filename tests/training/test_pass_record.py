"""What a pass over the data saw."""

import math

import torch

from livergrade.training.pass_record import GradedBatchViews, PassRecord

CPU = torch.device("cpu")


def batch(rows: list[int], degrees: list[float], grades: list[int]) -> dict[str, torch.Tensor]:
    return {"row": torch.tensor(rows), "degrees": torch.tensor(degrees), "grade": torch.tensor(grades)}


def test_views_come_back_as_they_were_added() -> None:
    record = PassRecord()
    record.add(batch([3, 1], [10.0, 0.0], [2, 0]), torch.tensor([0.5, 0.25]), torch.eye(3)[:2])
    record.add(batch([3], [20.0], [2]), torch.tensor([1.0]), torch.eye(3)[2:])
    seen = GradedBatchViews(record.concatenated(CPU))
    assert seen.grade.tolist() == [2, 0, 2]
    assert seen.loss.tolist() == [0.5, 0.25, 1.0]
    assert torch.equal(seen.probabilities, torch.eye(3))
    graded = seen.graded()
    assert (graded.row.tolist(), graded.degrees.tolist()) == ([3, 1, 3], [10, 0, 20])
    assert graded.probabilities.tolist() == torch.eye(3).tolist()


def test_a_view_that_was_graded_twice_counts_once_in_the_order_of_rows() -> None:
    record = PassRecord()
    record.add(batch([2, 1, 2], [0.0, 90.0, 0.0], [0, 1, 0]), torch.ones(3), torch.ones(3, 2) / 2)
    record.add(batch([1], [0.0], [1]), torch.ones(1), torch.ones(1, 2) / 2)
    once = GradedBatchViews(record.concatenated(CPU)).without_duplicates()
    assert once.values[:, :2].tolist() == [[1, 0], [1, 90], [2, 0]]


def test_an_image_in_whose_middle_a_pass_was_cut_is_left_out() -> None:
    record = PassRecord()
    record.add(batch([4, 4, 2, 2, 7], [0, 90, 0, 90, 0], [0] * 5), torch.ones(5), torch.ones(5, 2) / 2)
    seen = GradedBatchViews(record.concatenated(CPU)).of_whole_images()
    assert seen.values[:, :2].tolist() == [[4, 0], [4, 90], [2, 0], [2, 90]]
    assert torch.equal(seen.of_whole_images().values, seen.values)


def test_the_first_batch_that_is_not_finite_is_found() -> None:
    record = PassRecord()
    for loss in (1.0, math.nan, 1.0, math.inf):
        row = len(record.parts)
        record.add(batch([row, row], [0.0, 90.0], [0, 1]), torch.tensor([1.0, loss]), torch.ones(2, 2))
    assert PassRecord(record.parts[:1]).first_not_finite() is None
    assert record.first_not_finite() == (1, [1])
    assert not record.latest_are_finite(1)
    assert PassRecord(record.parts[:3]).latest_are_finite(1)
    assert not PassRecord(record.parts[:3]).latest_are_finite(2)
