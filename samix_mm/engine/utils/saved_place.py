from typing import Any, Dict, List, Optional

#: What makes the batches of two runs the same.
_BATCHES = ('batches', 'processes', 'batch_size', 'images')


class SavedPlace:
    """The place in a training that a checkpoint holds.

    Attributes:
        seen (int): How many batches of the epoch were seen.
        batches (Dict[str, int]): How many batches an epoch has, of how many
            images, in how many processes. Older files do not have all.

    Args:
        saved (dict): ``place_in_epoch`` of the checkpoint.

    Raises:
        ValueError: If it is of another form.
    """

    def __init__(self, saved: Dict[str, Any]) -> None:
        if not _is_place(saved):
            raise ValueError(
                'place_in_epoch of the checkpoint must be a dict of whole '
                'numbers (seen, batches, processes, batch_size, images) and a '
                f'list of lists of them (seeds), got {saved!r:.200}; '
                'resume from another checkpoint, or leave ExactResumeHook out '
                'with default_hooks = dict(exact_resume=None)')
        self.seen: int = saved['seen']
        self.batches = {key: saved[key] for key in _BATCHES if key in saved}
        self._seeds: Optional[List[List[int]]] = saved.get('seeds')

    def differs_from(self, batches: Dict[str, Optional[int]]) -> bool:
        """Find out whether a run has other batches.

        Args:
            batches (Dict[str, int | None]): As :attr:`batches`, of the run.
        """
        return any(batches[key] != num for key, num in self.batches.items())

    def seen_of(self, batches: Dict[str, Optional[int]], epoch: int,
                iteration: int) -> int:
        """How many batches of its epoch a run has not to see again.

        Args:
            batches (Dict[str, int | None]): As :attr:`batches`, of the run.
            epoch (int): The epoch of the checkpoint.
            iteration (int): The iteration of the checkpoint.

        Returns:
            int: All or none of them, if the run has other batches than the
            checkpoint.
        """
        whole = self.batches['batches']
        if self.seen >= whole:
            # Older files say so of the next epoch, too, if they were written
            # when the epoch had been counted.
            counted = self._seeds is None and iteration <= epoch * whole
            return 0 if counted else batches['batches']
        return 0 if self.differs_from(batches) else self.seen

    def seeds_of(self, rank: int, processes: int) -> Optional[List[int]]:
        """The seeds of samplers and workers in a process.

        Args:
            rank (int): The process.
            processes (int): How many there are.

        Returns:
            List[int] | None: As :func:`read_seeds` gave them; None if the
            checkpoint does not have those of this process.
        """
        if self._seeds and len(self._seeds) == processes:
            return self._seeds[rank]
        return None


def _is_place(saved: Any) -> bool:
    if not isinstance(saved, dict) or not {'seen', 'batches'} <= set(saved):
        return False
    counts = [saved['seen'], saved['batches']]
    counts += [
        saved[key] for key in _BATCHES if saved.get(key) is not None
    ]
    seeds = saved.get('seeds', [])
    if not isinstance(seeds, list) or not all(
            isinstance(row, list) for row in seeds):
        return False
    numbers = counts + [seed for row in seeds for seed in row]
    return (all(type(num) is int and abs(num) < 2**63 for num in numbers)
            and min(counts) >= 0)
