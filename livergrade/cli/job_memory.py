"""Memory of a sweep's job, given back before the next job starts in the same process."""

import gc
import sys
import traceback


def free_job_memory(error: BaseException | None = None) -> None:
    """Free what an ended job held, on the GPU too.

    Hydra keeps the error of a failed job until the sweep ends, and with it every frame that it passed: the
    network, its gradients and the state of the optimizer. Their variables are cleared; the lines that a
    traceback shows stay.

    Args:
        error: with which the job failed.
    """
    seen: set[int] = set()
    chain = [error]
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            traceback.clear_frames(link.__traceback__)
            chain += [link.__cause__, link.__context__]
    gc.collect()  # trainer, task and loops refer to each other
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
