from weakref import WeakSet

from mmengine.runner import Runner

#: Runners that were told that their schedules are at the end.
_TOLD: 'WeakSet[Runner]' = WeakSet()


def progress_at(iteration: int, max_iters: int) -> float:
    """The share of a training that is done.

    Args:
        iteration (int): Iteration t.
        max_iters (int): Iterations of the whole training, T.

    Returns:
        float: In [0, 1], also for an iteration past the end: a run that is
        resumed with larger batches has fewer iterations than it counts.
    """
    return min(max(iteration / max_iters, 0.), 1.)


def progress_of(runner: Runner) -> float:
    """The share of a runner's training that is done, with a warning if its
    iterations go on past the end.

    Args:
        runner (Runner): In training.

    Returns:
        float: In [0, 1].
    """
    if runner.iter >= runner.max_iters and runner not in _TOLD:
        _TOLD.add(runner)
        runner.logger.warning(
            f'Iteration {runner.iter} is past the {runner.max_iters} of the '
            'schedules: the run was resumed with fewer iterations an epoch '
            'than it began with. Its momentum and mask loss weight stay at '
            'their last values; resume with the batch size and the data it '
            'began with to keep the schedules')
    return progress_at(runner.iter, runner.max_iters)
