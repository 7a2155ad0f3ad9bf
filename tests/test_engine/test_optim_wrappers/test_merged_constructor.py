import torch
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper

from tests.helpers.tiny import build

OPTIM_WRAPPER = ConfigDict(
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0., bias_decay_mult=0.,
        custom_keys=dict(mixer=dict(lr_mult=10.))))


def settings(model, optim_wrapper):
    """Learning rate and decay of each parameter, by name."""
    names = {param: name for name, param in model.named_parameters()}
    return {
        names[param]: (group['lr'], group['weight_decay'])
        for group in optim_wrapper.optimizer.param_groups
        for param in group['params']
    }


def test_one_group_a_setting_with_the_settings_of_mmengine():
    model = build('Swin')
    default = build_optim_wrapper(model, OPTIM_WRAPPER.copy())
    merged = build_optim_wrapper(
        model,
        ConfigDict(
            OPTIM_WRAPPER, constructor='MergedOptimWrapperConstructor'))
    expected = settings(model, default)
    assert settings(model, merged) == expected
    assert len(default.optimizer.param_groups) == len(expected) > 50
    assert len(merged.optimizer.param_groups) == len(set(expected.values()))
    assert not any(name.startswith('momentum_net') for name in expected)
    trained = {
        name
        for name, param in model.named_parameters() if param.requires_grad
    }
    assert set(expected) == trained


def test_steps_are_those_of_the_default():
    weights = []
    for constructor in ('DefaultOptimWrapperConstructor',
                        'MergedOptimWrapperConstructor'):
        torch.manual_seed(0)
        model = build('Swin')
        wrapper = build_optim_wrapper(
            model, ConfigDict(OPTIM_WRAPPER, constructor=constructor))
        for param in model.parameters():
            if param.requires_grad:
                param.grad = torch.ones_like(param)
        wrapper.step()
        weights.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(*weights)
