from mmengine.runner import Runner, TestLoop, ValLoop

from ...registry import LOOPS
from ...utils.unwrapping import unwrap


class _AllHeadsMixin:
    """Evaluate every head of a MixClassifier, each under its own name.

    The metrics of the head that the model predicts with keep their names;
    those of the others begin with theirs: ``momentum_clean/accuracy/top1``.

    Raises:
        TypeError: If the model is no MixClassifier.
    """

    def __init__(self, runner: Runner, *args, **kwargs) -> None:
        super().__init__(runner, *args, **kwargs)
        model = unwrap(runner.model)
        if not hasattr(model, 'predict_on'):
            raise TypeError(
                f'{type(self).__name__} needs a MixClassifier, got '
                f"{type(model).__name__}; write {self.stage}_cfg = dict()")

    def run(self) -> dict:
        """Evaluate all heads.

        Returns:
            dict: The metrics by name.
        """
        model = unwrap(self.runner.model)
        own = model.predict_on
        # The first metric is what save_best='auto' follows.
        heads = sorted(model.predictors, key=lambda name: name != own)
        self.runner.call_hook(f'before_{self.stage}')
        self.runner.call_hook(f'before_{self.stage}_epoch')
        self.runner.model.eval()
        metrics = {}
        try:
            for name in heads:
                model.predict_on = name
                prefix = '' if name == own else f'{name}/'
                metrics.update({
                    prefix + key: value
                    for key, value in self._evaluate().items()
                })
        finally:
            model.predict_on = own
        self.runner.call_hook(f'after_{self.stage}_epoch', metrics=metrics)
        self.runner.call_hook(f'after_{self.stage}')
        return metrics

    def _evaluate(self) -> dict:
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        return self.evaluator.evaluate(len(self.dataloader.dataset))


@LOOPS.register_module()
class AllHeadsValLoop(_AllHeadsMixin, ValLoop):
    """``val_cfg = dict(type='AllHeadsValLoop')`` validates the online and the
    momentum network, each with its mixed and its clean head."""

    stage = 'val'


@LOOPS.register_module()
class AllHeadsTestLoop(_AllHeadsMixin, TestLoop):
    """``test_cfg = dict(type='AllHeadsTestLoop')`` tests the online and the
    momentum network, each with its mixed and its clean head."""

    stage = 'test'
