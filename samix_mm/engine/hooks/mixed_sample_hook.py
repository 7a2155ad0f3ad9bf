from functools import partial
from typing import Optional, Sequence, Tuple

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...models.mixing import Mixture, Pairing, Sources
from ...registry import HOOKS
from ...utils.preprocessed import first_view
from ...utils.unwrapping import unwrap
from ...utils.validation import check_count, check_flag, is_number
from ...visualization.mixed_grid import denormalize, mixed_grid


@HOOKS.register_module()
class MixedSampleHook(Hook):
    """Draw what the mixing method makes of training images.

    Pictures go to the visualizer under the name ``mixed_samples``: to PNG
    files, TensorBoard or whatever backends the config has. Each pair takes
    two rows, masks and mixed images, with a column for each ratio. Drawing
    changes neither weights nor statistics nor random numbers. Colours are
    right if the data preprocessor gives the model RGB images, as MMPretrain's
    configs do.

    Args:
        interval (int): Draw every so many epochs, or iterations, and at the
            end of training. Defaults to 1.
        by_epoch (bool): Whether ``interval`` counts epochs. Defaults to True.
        num_pairs (int): How many pairs are drawn. Defaults to 4.
        lams (Sequence[float]): The ratios, in [0, 1]. Defaults to
            ``(0.1, 0.3, 0.5, 0.7, 0.9)``.

    Raises:
        ValueError: If a number is below 1 or a ratio outside [0, 1].
    """

    priority = 'LOW'

    def __init__(
        self,
        interval: int = 1,
        by_epoch: bool = True,
        num_pairs: int = 4,
        lams: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9)
    ) -> None:
        if (not isinstance(lams, (list, tuple)) or not lams
                or not all(is_number(lam) and 0 <= lam <= 1 for lam in lams)):
            raise ValueError('lams must be ratios in [0, 1] such as '
                             f'(0.1, 0.5, 0.9), got {lams!r}')
        self.interval = check_count('interval', interval)
        self.by_epoch = check_flag('by_epoch', by_epoch)
        self.num_pairs = check_count('num_pairs', num_pairs)
        self.lams = tuple(lams)

    def before_train(self, runner: Runner) -> None:
        """Check the model.

        Raises:
            TypeError: If it does not mix images.
        """
        model = unwrap(runner.model)
        if not hasattr(model, 'mixing'):
            raise TypeError(
                'MixedSampleHook needs an algorithm that mixes images such as '
                f'SAMixClassifier, got {type(model).__name__}; remove the '
                'hook')

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Draw from this batch, if it is its turn."""
        if self.by_epoch:
            loader_length = len(runner.train_dataloader)
            due = (batch_idx + 1 == loader_length
                   and self.every_n_epochs(runner, self.interval))
        else:
            due = self.every_n_train_iters(runner, self.interval)
        if due or runner.iter + 1 == runner.max_iters:
            self.draw(runner, data_batch)

    @torch.no_grad()
    def draw(self, runner: Runner, data_batch: dict) -> None:
        """Draw the first pairs of a batch.

        Args:
            runner (Runner): With a model that mixes images.
            data_batch (dict): A batch of the training loader.
        """
        model = unwrap(runner.model)
        modes = {module: module.training for module in model.modules()}
        model.eval()
        try:
            inputs, _ = first_view(model.data_preprocessor(data_batch, False))
            masks, mixed = mix_with_next(model, inputs, self.lams)
        finally:
            for module, mode in modes.items():
                module.training = mode
        images = denormalize(inputs, model.data_preprocessor)
        mixed = torch.stack([
            denormalize(part, model.data_preprocessor)
            for part in mixed[:self.num_pairs]
        ])  # (P, L, 3, H, W)
        partners = images.roll(-1, dims=0)
        chosen = slice(self.num_pairs)
        runner.visualizer.add_image(
            'mixed_samples',
            mixed_grid(images[chosen], partners[chosen], masks[chosen],
                       mixed),
            step=runner.iter + 1)


def mix_with_next(model, images: torch.Tensor,
                  lams: Sequence[float]) -> Tuple[torch.Tensor, torch.Tensor]:
    """Mix each image with the next one, over ratios.

    Args:
        model: An algorithm with a mixing method.
        images (Tensor): Shape (N, 3, H, W).
        lams (Sequence[float]): L ratios in [0, 1].

    Returns:
        Tuple[Tensor, Tensor]: The share of the first image, (N, L, H, W), and
        the mixed images, (N, L, 3, H, W).
    """
    index = torch.arange(len(images), device=images.device).roll(-1)
    sources = Sources(images, features=partial(model.features_of, images))
    mixtures = [
        model.mixing.mix(sources, Pairing(lam, index)) for lam in lams
    ]
    return (torch.cat([mixture.mask for mixture in mixtures], dim=1),
            torch.stack([_pixels(mixture, images) for mixture in mixtures],
                        dim=1))


def _pixels(mixture: Mixture, images: torch.Tensor) -> torch.Tensor:
    """Mixed images (N, 3, H, W), also of what is mixed inside a network."""
    if mixture.level == 0:
        return mixture.inputs
    return torch.lerp(images[mixture.index[:, 1]], images, mixture.mask)
