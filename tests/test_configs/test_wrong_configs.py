"""Wrong configurations, and what is said of them.

A message names what was given, what is allowed and what to write instead.
In the table ``...`` stands for any text.
"""
import re

import pytest
import torch
from mmengine.registry import HOOKS, METRICS
from mmpretrain.registry import MODELS
from torch import nn

from tests.helpers.tiny import (BACKBONES, loader, make_runner, model_cfg,
                                stock_cfg)
from tests.helpers.tiny_ssl import CLUSTERS, TwoViews, moco_cfg

NAN, INF = float('nan'), float('inf')
EMA = dict(type='EMAMomentumHook')
ANNEAL = dict(type='MaskLossAnnealHook')
REFRESH = dict(type='OnlineClusterHook')
PLAIN = dict(type='PlainCheckpointHook')
NORMALIZE = dict(mean=[120.] * 3, std=[50.] * 3)
RESNET = BACKBONES['ResNet_CIFAR'][0]
LINEAR = dict(type='LinearClsHead', num_classes=4, in_channels=32)
LAYER = dict(LINEAR, type='mmpretrain.LinearClsHead')
NO_CONFIG = 'must be a config such as dict(type='


def built(registry, cfg):
    return lambda folder: registry.build(cfg)


def classifier(*name, **kwargs):
    return built(MODELS, model_cfg(*name, **kwargs))


def moco(**kwargs):
    return built(MODELS, moco_cfg(**kwargs))


def mixed(**kwargs):
    """The classifier with SAMix."""
    return classifier(mixing=dict(type='SAMix', **kwargs))


def mixed_views(**kwargs):
    """The same without labels."""
    return moco(mixing=dict(type='SAMix', **kwargs))


def method(name, **kwargs):
    """The classifier with another method."""
    return classifier(type='MixClassifier', mixing=dict(type=name, **kwargs))


def choice(**kwargs):
    cfg = dict(methods=[dict(type='MixUp'), dict(type='CutMix')])
    return method('RandomChoice', **dict(cfg, **kwargs))


def clusters(**kwargs):
    return moco(objective=dict(CLUSTERS, **kwargs))


def mixer(**kwargs):
    return mixed(mixer=dict(type='Mixer', **kwargs))


def mask_loss(**kwargs):
    return mixed(mask_loss=dict(type='MaskLoss', **kwargs))


def head(**kwargs):
    return classifier(head=dict(type='EtaBalancedClsHead', **kwargs))


def contrast(**kwargs):
    return moco(head=dict(type='EtaBalancedContrastiveHead', **kwargs))


def hook(name, **kwargs):
    return built(HOOKS, dict(type=name, **kwargs))


def knn(**kwargs):
    return built(METRICS, dict(type='KNNAccuracy', **kwargs))


def training(model=None, hooks=(EMA, ), **kwargs):
    """The classifier, or any other model, in a run."""
    return lambda folder: make_runner(folder, model, hooks, **kwargs).train()


def moco_training(hooks=(EMA, ), dataset=None, **kwargs):
    cfg = moco_cfg(data_preprocessor=dict(NORMALIZE), **kwargs)
    data = dict(
        loader(batch_size=4),
        dataset=dataset or TwoViews(),
        collate_fn=dict(type='default_collate'))
    return training(cfg, hooks, dataloader=data)


def loaded(part, state, prefix=None):
    """A part of the classifier that begins with weights of a file."""

    def build(folder):
        path = folder / 'weights.pth'
        torch.save(state, path)
        init_cfg = dict(
            type='Pretrained', checkpoint=str(path), prefix=prefix)
        MODELS.build(part(init_cfg)).init_weights()

    return build


def probe(init_cfg):
    return dict(
        type='LinearProbe',
        backbone=dict(RESNET, init_cfg=init_cfg),
        head=dict(LINEAR))


def frozen(init_cfg):
    mixer = dict(type='Mixer', init_cfg=init_cfg)
    return model_cfg(mixing=dict(type='SAMix', frozen=True, mixer=mixer))


def fed(init_cfg):
    return model_cfg(feature_net=dict(RESNET, init_cfg=init_cfg))


#: Name: (what is done, its error, the message).
WRONG = {
    # Numbers of the algorithms
    'eta_string': (mixed(eta='0.5'), ValueError,
                   "eta must be in [0, 1], got '0.5'"),
    'eta_bool': (mixed_views(eta=True), ValueError,
                 'eta must be in [0, 1], got True'),
    'eta_above_1': (mixed(eta=1.01), ValueError,
                    'eta must be in [0, 1], got 1.01'),
    'alpha_string': (mixed(alpha='2'), ValueError,
                     "alpha must be a finite number above 0, got '2'"),
    'alpha_list': (mixed_views(alpha=[2.]), ValueError,
                   'alpha must be a finite number above 0, got [2.0]'),
    'alpha_none': (mixed(alpha=None), ValueError,
                   'alpha must be a finite number above 0, got None'),
    'alpha_infinite': (mixed(alpha=INF), ValueError,
                       'alpha must be a finite number above 0, got inf'),
    'alpha_negative': (mixed_views(alpha=-2), ValueError,
                       'alpha must be above 0, got -2'),
    'momentum_percent': (classifier(momentum=99.9), ValueError,
                         'momentum must be in [0, 1], got 99.9'),
    'momentum_list': (moco(momentum=[0.99]), ValueError,
                      'momentum must be in [0, 1], got [0.99]'),
    'end_momentum_nan': (classifier(end_momentum=NAN), ValueError,
                         'end_momentum must be in [0, 1], got nan'),
    'end_momentum_bool': (moco(end_momentum=True), ValueError,
                          'end_momentum must be in [0, 1], got True'),
    'lam_margin_string': (mixed(lam_margin='0.08'), ValueError,
                          "lam_margin must be in [0, 0.5], got '0.08'"),
    'lam_adjust_string': (mixed(lam_adjust='False'), ValueError,
                          "lam_adjust must be True or False, got 'False'"),
    'lam_per_sample_int': (mixed_views(lam_per_sample=1), ValueError,
                           'lam_per_sample must be True or False, got 1'),
    'mixer_batch_ratio_0': (mixed_views(mixer_batch_ratio=0), ValueError,
                            'mixer_batch_ratio must be in (0, 1], got 0'),
    'mixer_batch_ratio_bool': (mixed(mixer_batch_ratio=True), ValueError,
                               'mixer_batch_ratio must be in (0, 1], got Tru'),
    'mixer_interval_fraction':
    (mixed(mixer_interval=2.5), ValueError,
     'mixer_interval must be a whole number, 1 or more, got 2.5'),
    'mixer_interval_string':
    (mixed_views(mixer_interval='2'), ValueError,
     "mixer_interval must be a whole number, 1 or more, got '2'"),
    'mixer_interval_of_frozen':
    (mixed(frozen=True, mixer_interval=2), ValueError,
     'mixer_interval=2 says how often the Mixer is trained, but frozen=True; '
     'leave one of them out'),
    'mixer_interval_of_mixup':
    (method('MixUp', mixer_interval=3), TypeError,
     "MixUp...unexpected keyword argument 'mixer_interval'"),
    'clean_weight_string': (classifier(clean_weight='1'), ValueError,
                             "clean_weight must be a number of 0 or more, "
                             "got '1'"),
    'clean_weight_infinite': (classifier(clean_weight=INF), ValueError,
                               'clean_weight must be a number of 0 or more, '
                               'got inf'),
    'mix_batch_ratio_2': (classifier(mix_batch_ratio=2), ValueError,
                          'mix_batch_ratio must be in (0, 1], got 2'),
    'mask_loss_weight_bool': (mixed(mask_loss_weight=True), ValueError,
                              'mask_loss_weight must be a number of 0 or '
                              'more, got True'),
    'mix_weight_none': (moco(mix_weight=None), ValueError,
                        'mix_weight must be a number of 0 or more, got None'),
    'queue_len_fraction': (moco(queue_len=65536.), ValueError,
                           'queue_len must be a whole number, 1 or more, got '
                           '65536.0'),
    'queue_len_bool': (moco(queue_len=True), ValueError,
                       'queue_len must be a whole number, 1 or more, got Tru'),
    'feat_dim_0': (moco(feat_dim=0), ValueError,
                   'feat_dim must be 1 or more, got 0'),
    'feat_dim_string': (moco(feat_dim='128'), ValueError,
                        "feat_dim must be a whole number, 1 or more, got '12"),
    'feat_dim_of_another_neck': (moco_training(feat_dim=9), ValueError,
                                 'feat_dim must be 8, the length of the '
                                 "neck's embeddings, got 9"),
    'views_typo': (moco(views='crossed'), ValueError,
                   "views must be one of ('cross', 'same', 'query'), got "
                   "'crossed'"),
    'objective_typo': (moco(objective=dict(type='ClustersObjective')),
                       KeyError, 'ClustersObjective is not in the'),
    'unknown_keyword': (classifier(feature_stge=3), TypeError,
                        'SAMixClassifier got an unexpected argument '
                        'feature_stge=3'),
    'train_cfg_of_moco': (moco(train_cfg=dict(augments=[])), TypeError,
                          "SAMixMoCo got an unexpected argument train_cfg={'a"
                          "ugments': []}"),
    # Parts
    'no_backbone': (classifier(backbone=None), TypeError,
                    f"backbone {NO_CONFIG}'ResNet', depth=18), got None"),
    'backbone_by_name': (moco(backbone='ResNet'), TypeError,
                         f"backbone {NO_CONFIG}'ResNet'...got 'ResNet'"),
    'probe_without_backbone':
    (built(MODELS, dict(type='LinearProbe', backbone=None, head=LINEAR)),
     TypeError, f"backbone {NO_CONFIG}'ResNet', depth=18), got None"),
    'moco_without_neck': (moco(neck=None), TypeError,
                          f"neck {NO_CONFIG}'MoCoV2Neck', ...), got None"),
    'moco_without_head': (moco(head=None), TypeError,
                          f"head {NO_CONFIG}'EtaBalancedContrastiveHead'), "
                          'got None'),
    'moco_with_a_classifier':
    (moco(head=dict(LINEAR)), TypeError,
     "head must be a contrastive head such as dict(type='EtaBalanced"
     "ContrastiveHead'), got LinearClsHead"),
    'one_class': (built(MODELS, dict(model_cfg(), head=dict(
        LINEAR, type='EtaBalancedClsHead', num_classes=1))), ValueError,
                  'head.num_classes must be 2 or more to mix classes, got 1'),
    'eta_of_head': (head(eta='0.1'), ValueError,
                    "eta must be in [0, 1], got '0.1'"),
    'eta_of_contrastive_head': (contrast(eta=-0.5), ValueError,
                                'eta must be in [0, 1], got -0.5'),
    'temperature_string': (contrast(temperature='0.2'), ValueError,
                           'temperature must be a finite number above 0, got '
                           "'0.2'"),
    'temperature_0_with_clusters':
    (moco(
        objective=dict(CLUSTERS),
        head=dict(
            type='ContrastiveHead',
            loss=dict(type='CrossEntropyLoss'),
            temperature=0)), ValueError,
     'head.temperature must be above 0, got 0'),
    'mixing_by_name': (classifier(mixing='MixUp'), TypeError,
                       f"mixing {NO_CONFIG}'SAMix'), got 'MixUp'"),
    'mixing_list': (moco(mixing=[dict(type='MixUp')]), TypeError,
                    f"mixing {NO_CONFIG}'SAMix'), got [...]"),
    'mixing_without_type': (moco(mixing=dict(alpha=1.)), TypeError,
                            "a mixing method is written as dict(type='SAMix',"
                            " ...), got {'alpha': 1.0}"),
    'no_mixing': (classifier(type='MixClassifier'), TypeError,
                  "argument: 'mixing'"),
    'mixing_of_another_case': (method('Mixup'), KeyError,
                               "there is no mixing method 'Mixup', did you me"
                               "an 'MixUp'? There are CutMix, FMix, "),
    'mixing_typo': (moco(mixing=dict(type='CutMixUp')), KeyError,
                    "no mixing method 'CutMixUp', did you mean 'CutMix'?"),
    'mixing_unlike_any': (method('AugMax123'), KeyError,
                          "there is no mixing method 'AugMax123'; There are"),
    'mixing_that_is_a_head': (classifier(mixing=LAYER), KeyError,
                              "no mixing method 'mmpretrain.LinearClsHead'"),
    'mixing_that_is_a_module': (classifier(mixing=nn.Identity()), TypeError,
                                'mixing...got Identity'),
    'mixing_with_another_keyword':
    (method('CutMix', beta=1.), TypeError,
     "CutMix...unexpected keyword argument 'beta'"),
    'mixer_by_name': (mixed(mixer='Mixer'), TypeError,
                      f"mixer {NO_CONFIG}'Mixer'), got 'Mixer'"),
    'mixer_list': (mixed_views(mixer=[dict(type='Mixer')]), TypeError,
                   f"mixer {NO_CONFIG}'Mixer'), got [...]"),
    'mixer_without_type': (mixed(mixer=dict(dropout=0.2)), KeyError,
                           'must contain the key "type", but got {...dropout'),
    'unknown_mixer': (mixed_views(mixer=dict(type='Mixr')), KeyError,
                      'Mixr is not in the'),
    'mixer_that_is_a_head': (mixed(mixer=LAYER), TypeError,
                             "mixer must be a Mixer such as dict(type='Mixer'"
                             '), got LinearClsHead'),
    'mixer_of_other_channels': (mixer(in_channels=32), ValueError,
                                'in_channels=32, but the features have 16 '
                                'channels; leave in_channels out'),
    'mixer_channels_string': (mixer(in_channels='16'), ValueError,
                              "in_channels must be a whole number, 1 or more, "
                              "got '16'"),
    'mixer_reduction_fraction': (mixer(reduction=0.5), ValueError,
                                 'reduction must be a whole number, 1 or '
                                 'more, got 0.5'),
    'mixer_reduction_above_channels': (mixer(reduction=32), ValueError,
                                       'in_channels must be at least '
                                       'reduction=32, got 16'),
    'mixer_dropout_percent': (mixer(dropout=10), ValueError,
                              'dropout must be in [0, 1], got 10'),
    'mixer_gamma_string': (mixer(gamma_init='0'), ValueError,
                           "gamma_init must be in [0, 1], got '0'"),
    'mixer_upsample_none': (mixer(upsample=None), ValueError,
                            "upsample must be one of ('bilinear', 'nearest'),"
                            ' got None'),
    'frozen_string': (mixed(frozen='true'), ValueError,
                      "frozen must be True or False, got 'true'"),
    'mixer_content_int': (mixer(nonlinear_content=0), ValueError,
                          'nonlinear_content must be True or False, got 0'),
    'no_mask_loss': (mixed(mask_loss=None), TypeError,
                     f"mask_loss {NO_CONFIG}'MaskLoss'), got None"),
    'mask_margin_string': (mask_loss(margin='0.1'), ValueError,
                           "margin must be a number of 0 or more, got '0.1'"),
    'mask_variance_negative': (mask_loss(variance_weight=-2.), ValueError,
                               'variance_weight must be a number of 0 or '
                               'more, got -2.0'),
    'mask_variance_nan': (mask_loss(variance_weight=NAN), ValueError,
                          'variance_weight must be a number of 0 or more, got '
                          'nan'),
    'feature_net_by_name': (classifier(feature_net='resnet18'), TypeError,
                            f"feature_net {NO_CONFIG}'ResNet'...got 'resnet1"),
    'feature_net_without_maps':
    (classifier(feature_net=dict(type='GlobalAveragePooling')), ValueError,
     'GlobalAveragePooling puts out no feature map that the Mixer could use; '
     'choose a backbone'),
    'feature_net_that_is_a_head':
    (moco(feature_net=dict(LINEAR)), ValueError,
     'LinearClsHead does not take images...choose a backbone'),
    'feature_net_of_mixup':
    (classifier(feature_net=dict(RESNET), mixing=dict(type='MixUp')),
     ValueError, 'feature_net gives features, but MixUp works without; leave '
     "it out or write mixing=dict(type='SAMix')"),
    'stage_0': (moco(feature_stage=0), ValueError,
                'feature_stage of ResNet_CIFAR must be one of [1, 2, 3, 4], '
                'got 0'),
    'stage_string': (classifier(feature_stage='3'), ValueError,
                     "must be one of [1, 2, 3, 4], got '3'"),
    'stage_list': (classifier(feature_stage=[3]), ValueError,
                   'must be one of [1, 2, 3, 4], got [3]'),
    'stage_bool': (moco(feature_stage=True), ValueError,
                   'must be one of [1, 2, 3, 4], got True'),
    'stage_beyond_the_blocks':
    (classifier('VisionTransformer', feature_stage=6), ValueError,
     'feature_stage of VisionTransformer must be one of [1, 2, 3, 4], got 6'),
    'stage_of_feature_net':
    (classifier(feature_net=dict(RESNET), feature_stage=5), ValueError,
     'feature_stage of ResNet_CIFAR must be one of [1, 2, 3, 4], got 5'),
    'predict_on_typo':
    (classifier(test_cfg=dict(predict_on='momentum')), ValueError,
     "test_cfg.predict_on must be one of ['online_mixed',...got 'momentum'"),
    'predict_on_no_head':
    (classifier(
        clean_weight=0., test_cfg=dict(predict_on='momentum_clean')),
     ValueError, "must be one of ['online_mixed', 'momentum_mixed'], got "
     "'momentum_clean'; clean heads need clean_weight > 0"),
    'predict_on_no_momentum_network':
    (classifier(
        type='MixClassifier',
        mixing=dict(type='MixUp'),
        test_cfg=dict(predict_on='momentum_mixed')),
     ValueError, "must be one of ['online_mixed'], got 'momentum_mixed'; ..."
     'momentum ones momentum_net=True'),
    'test_cfg_string': (classifier(test_cfg='online_clean'), ValueError,
                        "test_cfg must be such as dict(predict_on='online_mix"
                        "ed'), got 'online_clean'"),
    'test_cfg_typo': (classifier(test_cfg=dict(predict='online_clean')),
                      ValueError, "such as dict(predict_on='online_mixed'), "
                      "got {'predict': 'online_clean'}"),
    # Batch augmentations of MMPretrain
    'augments_of_train_cfg':
    (classifier(train_cfg=dict(augments=[dict(type='CutMix', alpha=1.)])),
     ValueError, 'need hard labels, but the data preprocessor has '
     'batch_augments; write model = dict(train_cfg=None, ...)'),
    'augments_of_data_preprocessor':
    (classifier(
        data_preprocessor=dict(
            batch_augments=dict(augments=[dict(type='Mixup', alpha=0.8)]))),
     ValueError, "has batch_augments...leave 'to_onehot' and 'batch_augments' "
     'out of the data_preprocessor'),
    'onehot_labels':
    (classifier(data_preprocessor=dict(to_onehot=True, num_classes=4)),
     ValueError, 'has to_onehot...leave'),
    # Other methods
    'alpha_of_mixup': (method('MixUp', alpha=0), ValueError,
                       'alpha must be above 0, got 0'),
    'alpha_of_cutmix': (method('CutMix', alpha='1'), ValueError,
                        "alpha must be a finite number above 0, got '1'"),
    'lam_per_sample_of_fmix': (method('FMix', lam_per_sample=1), ValueError,
                               'lam_per_sample must be True or False, got 1'),
    'fmix_decay_0': (method('FMix', decay=0), ValueError,
                     'decay must be above 0, got 0'),
    'fmix_decay_string': (method('FMix', decay='3'), ValueError,
                          "decay must be a finite number above 0, got '3'"),
    'fmix_decay_infinite': (method('FMix', decay=INF), ValueError,
                            'decay must be a finite number above 0, got inf'),
    'resizemix_alpha': (method('ResizeMix', alpha=1.), TypeError,
                        "unexpected keyword argument 'alpha'"),
    'resizemix_scale_number':
    (method('ResizeMix', scale=0.5), ValueError,
     'scale must be two numbers in [0, 1], the lower one first, such as (0.1, '
     '0.8), got 0.5'),
    'resizemix_scale_upside_down':
    (method('ResizeMix', scale=(0.8, 0.1)), ValueError,
     'scale must be two numbers in [0, 1]...got (0.8, 0.1)'),
    'resizemix_scale_above_1':
    (method('ResizeMix', scale=[0.1, 1.5]), ValueError,
     'scale must be two numbers in [0, 1]...got [0.1, 1.5]'),
    'resizemix_scale_strings':
    (method('ResizeMix', scale=('0.1', '0.8')), ValueError,
     "scale must be two numbers in [0, 1]...got ('0.1', '0.8')"),
    'manifoldmix_no_level':
    (method('ManifoldMix', levels=()), ValueError,
     'levels must be different whole numbers from 0 to 4 such as (0, 1, 2), '
     'got ()'),
    'manifoldmix_level_number':
    (method('ManifoldMix', levels=2), ValueError,
     'levels must be different whole numbers...got 2'),
    'manifoldmix_level_5':
    (method('ManifoldMix', levels=(0, 5)), ValueError,
     'levels must be different whole numbers...got (0, 5)'),
    'manifoldmix_level_twice':
    (method('ManifoldMix', levels=(1, 1)), ValueError,
     'levels must be different whole numbers...got (1, 1)'),
    'manifoldmix_level_bool':
    (method('ManifoldMix', levels=(0, True)), ValueError,
     'levels must be different whole numbers...got (0, True)'),
    'manifoldmix_level_fraction':
    (method('ManifoldMix', levels=(0.5, )), ValueError,
     'levels must be different whole numbers...got (0.5,)'),
    'choice_of_none': (choice(methods=[]), ValueError,
                       "methods must be a list of mixing methods such as [dict"
                       "(type='MixUp'), dict(type='CutMix')], got []"),
    'choice_of_one_method': (choice(methods=dict(type='MixUp')), ValueError,
                             'methods must be a list of mixing methods'),
    'choice_of_names': (choice(methods=['MixUp', 'CutMix']), TypeError,
                        "is written as dict(type='SAMix', ...), got 'MixUp'"),
    'choice_of_samix': (choice(methods=[dict(type='SAMix')]), ValueError,
                        "SAMix learns and cannot be one of RandomChoice's "
                        'methods; use it alone, or frozen'),
    'choice_of_an_unknown_method': (choice(methods=[dict(type='Fmix')]),
                                    KeyError, "did you mean 'FMix'?"),
    'probs_of_another_number':
    (choice(probs=[1.]), ValueError,
     'probs must be 2 numbers of 0 or more, one for each method, that sum to '
     '1, got [1.0]'),
    'probs_that_sum_to_2': (choice(probs=[1, 1]), ValueError,
                            'probs must be 2 numbers...got [1, 1]'),
    'probs_negative': (choice(probs=[1.5, -0.5]), ValueError,
                       'probs must be 2 numbers...got [1.5, -0.5]'),
    'probs_nan': (choice(probs=[NAN, 0.5]), ValueError,
                  'probs must be 2 numbers...got [nan, 0.5]'),
    'probs_strings': (choice(probs=['0.5', '0.5']), ValueError,
                      "probs must be 2 numbers...got ['0.5', '0.5']"),
    'momentum_net_string':
    (classifier(momentum_net='yes'), ValueError,
     "momentum_net must be True or False, got 'yes'"),
    'clean_head_int': (classifier(clean_head=0), ValueError,
                       'clean_head must be True or False, got 0'),
    # Arguments in the places of earlier versions
    **{
        f'{name}_of_the_{build.__name__}':
        (build(**{name: value}), TypeError,
         f"{name} is an argument of the mixing method; write mixing=dict(type="
         f"'SAMix', {name}={value!r}) in place of {name}={value!r}")
        for build in (classifier, moco)
        for name, value in dict(
            mixer=dict(type='Mixer', dropout=0.),
            alpha=1.,
            eta=0.1,
            lam_margin=0.,
            lam_per_sample=True,
            lam_adjust=False,
            mixer_weight=1.,
            mixer_batch_ratio=0.5,
            mixer_interval=8,
            mask_loss=dict(type='MaskLoss'),
            mask_loss_weight=0.1).items()
    },
    'policy_in_the_place_of_the_mixer':
    (moco(mixer=dict(type='CutMix')), TypeError,
     "mixer is an argument of the mixing method; write mixing={'type': 'CutMi"
     "x'} in place of mixer={'type': 'CutMix'} in SAMixMoCo"),
    'frozen_of_the_mixer':
    (classifier(mixer=dict(type='Mixer', frozen=True)), TypeError,
     "write mixing=dict(type='SAMix', frozen=True, mixer={'type': 'Mixer'}) "
     'in place of'),
    'onehot_weight': (classifier(onehot_weight=0.), TypeError,
                      'SAMixClassifier has no onehot_weight; write '
                      'clean_weight=0.0 in its place'),
    'variant': (moco(variant='cluster'), TypeError,
                "has no variant; write objective=dict(type='ClusterObjective'"
                ')'),
    'num_clusters': (moco(num_clusters=100), TypeError,
                     'has no num_clusters; write objective=dict(type='
                     "'ClusterObjective', num_clusters=100) in its place"),
    'clusters': (moco(clusters=dict(momentum=0.9)), TypeError,
                 "has no clusters; write objective=dict(type='ClusterObjectiv"
                 "e', ...) with the arguments of clusters in its place"),
    'cross_view': (moco(cross_view=False), TypeError,
                   "SAMixMoCo has no cross_view; write views='same' in its "
                   'place'),
    # Clusters
    'one_cluster': (clusters(num_clusters=1), ValueError,
                    'num_clusters must be 2 or more, got 1'),
    'num_clusters_string': (clusters(num_clusters='200'), ValueError,
                            'num_clusters must be a whole number, 2 or more, '
                            "got '200'"),
    'feat_dim_of_clusters': (clusters(feat_dim=4), TypeError,
                             'feat_dim is an argument of the algorithm; write '
                             'it there'),
    'objective_number': (moco(objective=200), TypeError,
                         f"objective {NO_CONFIG}'InfoNCEObjective'), got 200"),
    'objective_that_is_a_head':
    (moco(objective=LAYER), TypeError,
     "objective must be one such as dict(type='InfoNCEObjective'), got "
     'LinearClsHead'),
    'clusters_of_infonce':
    (moco(objective=dict(type='InfoNCEObjective', momentum=0.5)), TypeError,
     "unexpected keyword argument 'momentum'"),
    'clusters_of_mixup':
    (moco(mixing=dict(type='MixUp'), objective=dict(CLUSTERS)), ValueError,
     'ClusterObjective trains a mixing method, but MixUp has nothing to '
     "learn...write mixing=dict(type='SAMix')"),
    'clusters_dtype': (clusters(memory_dtype='bfloat16'), ValueError,
                       "memory_dtype must be one of ('float32', 'float16'), "
                       "got 'bfloat16'"),
    'clusters_dtype_of_torch': (clusters(memory_dtype=torch.float16),
                                ValueError, "one of ('float32', 'float16'), "
                                'got torch.float16'),
    'clusters_momentum': (clusters(momentum=1.1), ValueError,
                          'momentum must be in [0, 1], got 1.1'),
    'clusters_min_size': (clusters(min_size=2.5), ValueError,
                          'min_size must be a whole number, 1 or more, or '
                          'None for a share of the mean size, got 2.5'),
    'clusters_unknown_keyword': (clusters(dtype='float16'), TypeError,
                                 "unexpected keyword argument 'dtype'"),
    'more_clusters_than_images':
    (moco_training(objective=dict(type='ClusterObjective')), ValueError,
     'num_clusters must be at most the number of images, 12, got 200'),
    # Hooks
    'warmup_string': (hook('EMAMomentumHook', warmup_iters='100'), ValueError,
                      'warmup_iters must be a whole number, 0 or more, got '
                      "'100'"),
    'warmup_fraction': (hook('EMAMomentumHook', warmup_iters=0.1), ValueError,
                        'warmup_iters must be a whole number, 0 or more, got '
                        '0.1'),
    'max_skipped_negative': (hook('SkippedStepHook', max_skipped=-1),
                             ValueError, 'max_skipped must be 0 or more, got '
                             '-1'),
    'momentum_of_the_hook': (hook('EMAMomentumHook', momentum=0.99), TypeError,
                             "unexpected keyword argument 'momentum'"),
    'end_weight_string': (hook('MaskLossAnnealHook', end_weight='0'),
                          ValueError, 'end_weight must be a number of 0 or '
                          "more, got '0'"),
    'end_iter': (hook('MaskLossAnnealHook', end_iter=1000), TypeError,
                 "unexpected keyword argument 'end_iter'"),
    'refresh_interval_fraction':
    (hook('OnlineClusterHook', refresh_interval=0.5), ValueError,
     'refresh_interval must be a whole number, 1 or more, got 0.5'),
    'refresh_interval_negative':
    (hook('OnlineClusterHook', refresh_interval=-1), ValueError,
     'refresh_interval must be 1 or more, got -1'),
    'nmi_interval_none':
    (hook('OnlineClusterHook', nmi_interval=None), ValueError,
     'nmi_interval must be a whole number, 0 or more (0 means never), got '
     'None'),
    'pictures_interval': (hook('MixedSampleHook', interval='1'), ValueError,
                          "interval must be a whole number, 1 or more, got '1"
                          "'"),
    'pictures_by_epoch': (hook('MixedSampleHook', by_epoch='False'),
                          ValueError, 'by_epoch must be True or False, got '
                          "'False'"),
    'pictures_num_pairs': (hook('MixedSampleHook', num_pairs=True), ValueError,
                           'num_pairs must be a whole number, 1 or more, got '
                           'True'),
    'pictures_lams_number': (hook('MixedSampleHook', lams=0.5), ValueError,
                             'lams must be ratios in [0, 1] such as (0.1, '
                             '0.5, 0.9), got 0.5'),
    'pictures_lams_strings': (hook('MixedSampleHook', lams=['0.5']),
                              ValueError, "lams must be ratios...got ['0.5']"),
    # Trainings
    'no_momentum_hook': (moco_training(hooks=[]), RuntimeError,
                         'the momentum network is not updated in this '
                         'training; add custom_hooks = [dict(type='
                         "'EMAMomentumHook')]"),
    'momentum_hook_twice': (moco_training(hooks=[EMA, dict(EMA)]), ValueError,
                            'EMAMomentumHook is in custom_hooks more than '
                            'once; leave one'),
    'anneal_hook_twice': (training(hooks=[EMA, ANNEAL, dict(ANNEAL)]),
                          ValueError, 'MaskLossAnnealHook is in custom_hooks '
                          'more than once; leave one'),
    'cluster_hook_twice':
    (moco_training([EMA, REFRESH, dict(REFRESH)], objective=dict(CLUSTERS)),
     ValueError,
     'OnlineClusterHook is in custom_hooks more than once; leave one'),
    'cluster_hook_of_infonce': (moco_training([EMA, REFRESH]), TypeError,
                                'got SAMixMoCo without; write objective=dict('
                                "type='ClusterObjective') in the algorithm"),
    'anneal_hook_of_a_plain_classifier':
    (training(stock_cfg(), [ANNEAL]), TypeError,
     'MaskLossAnnealHook needs an algorithm with a mask loss such as '
     'SAMixClassifier, got ImageClassifier; remove the hook'),
    'pictures_of_a_plain_classifier':
    (training(stock_cfg(), [dict(type='MixedSampleHook')]), TypeError,
     'MixedSampleHook needs an algorithm that mixes images such as '
     'SAMixClassifier, got ImageClassifier; remove the hook'),
    'momentum_hook_of_a_plain_classifier':
    (training(stock_cfg(), [EMA, PLAIN]), TypeError,
     'EMAMomentumHook needs a model with a momentum network such as '
     'SAMixClassifier, got ImageClassifier'),
    'all_heads_of_a_plain_classifier':
    (training(
        stock_cfg(), [],
        val_cfg=dict(type='AllHeadsValLoop'),
        val_dataloader=loader(),
        val_evaluator=dict(type='Accuracy')), TypeError,
     'AllHeadsValLoop needs a MixClassifier, got ImageClassifier; write '
     'val_cfg = dict()'),
    'knn_loop_without_knn':
    (training(
        val_cfg=dict(type='KNNValLoop', bank_dataloader=loader()),
        val_dataloader=loader(),
        val_evaluator=dict(type='Accuracy')), ValueError,
     "needs a KNNAccuracy, got ['Accuracy']; write val_evaluator = dict(type="
     "'KNNAccuracy')"),
    'warmup_longer_than_training':
    (training(hooks=[dict(EMA, warmup_iters=1000)]), ValueError,
     'warmup_iters must be below the 6 iterations of the training, got 1000'),
    'batches_of_one': (training(dataloader=loader(batch_size=1)), ValueError,
                       'mixing needs at least 2 images in a batch...choose '
                       'another train_dataloader.batch_size'),
    'one_view': (moco_training(dataset=loader()['dataset']), ValueError,
                 'MixMoCo needs two views of each image, got 1; write dict('
                 "type='MultiView', num_views=2"),
    # Checkpoints
    'probe_init_cfg_string':
    (lambda folder: MODELS.build(probe('moco.pth')).init_weights(),
     ValueError, 'backbone.init_cfg has no checkpoint: moco.pth; write '
     "backbone = dict(init_cfg=dict(type='Pretrained', checkpoint=FILE"),
    'probe_of_no_file':
    (lambda folder: MODELS.build(
        probe(dict(type='Pretrained', checkpoint=str(folder / 'no.pth')))
    ).init_weights(), FileNotFoundError,
     'the weights of a pre-trained backbone should be in ...no.pth, which is '
     'not there...write --cfg-options model.backbone.init_cfg.checkpoint=FILE'
     ),
    'probe_of_another_network':
    (loaded(probe, {'net.weight': torch.zeros(2)}, 'backbone.'), ValueError,
     "no weights of the backbone under the prefix 'backbone.': it has ["
     "'net.weight'], and wanted are...set backbone.init_cfg.prefix"),
    'probe_of_a_part':
    (loaded(probe, {'backbone.conv1.weight': torch.zeros(4, 3, 3, 3)},
            'backbone.'), ValueError,
     'lacks...weights or statistics of the backbone...another architecture'),
    'frozen_without_checkpoint':
    (lambda folder: MODELS.build(frozen(None)).init_weights(), ValueError,
     'a frozen Mixer needs the weights of a pre-trained mixing.mixer...'
     "prefix='mixing.mixer.'...model.mixing.mixer.init_cfg.checkpoint=FILE"),
    'frozen_of_other_channels':
    (loaded(frozen, {'mixing.mixer.query.weight': torch.zeros(4, 16, 1, 1)},
            'mixing.mixer.'), ValueError,
     'does not fit the mixing.mixer, 1 weights have another shape: ...query.we'
     'ight'),
    'feature_net_without_checkpoint':
    (lambda folder: MODELS.build(fed(None)).init_weights(), ValueError,
     'the Mixer needs the weights of a pre-trained feature_net'),
    # kNN
    'knn_k_string': (knn(k='200'), ValueError,
                     "k must be a whole number, 1 or more, got '200'"),
    'knn_k_negative': (knn(k=-1), ValueError, 'k must be 1 or more, got -1'),
    'knn_temperature_string': (knn(temperature='0.07'), ValueError,
                               'temperature must be a finite number above 0, '
                               "got '0.07'"),
    'knn_temperature_0': (knn(temperature=0), ValueError,
                          'temperature must be above 0, got 0'),
    'knn_topk_string': (knn(topk='1'), ValueError,
                        "topk must be a whole number, 1 or more, got '1'"),
    'knn_chunk_size_bool': (knn(chunk_size=True), ValueError,
                            'chunk_size must be a whole number, 1 or more'),
}


@pytest.mark.parametrize(
    'action, error, message', list(WRONG.values()), ids=list(WRONG))
def test_what_is_wrong_is_said(tmp_path, action, error, message):
    pattern = '.*'.join(map(re.escape, message.split('...')))
    with pytest.raises(error, match=pattern):
        action(tmp_path)
