"""Wrong configurations, and what is said of them.

A message names what was given, what is allowed and what to write instead.
In the table ``...`` stands for any text.
"""
import re

import pytest
import torch
from mmengine.registry import HOOKS, METRICS
from mmpretrain.registry import MODELS

from tests.helpers.tiny import (BACKBONES, loader, make_runner, model_cfg,
                                stock_cfg)
from tests.helpers.tiny_ssl import TwoViews, moco_cfg

NAN, INF = float('nan'), float('inf')
EMA = dict(type='EMAMomentumHook')
ANNEAL = dict(type='MaskLossAnnealHook')
CLUSTERS = dict(type='OnlineClusterHook')
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


def clusters(**kwargs):
    return moco(variant='cluster', num_clusters=3, clusters=kwargs)


def mixer(**kwargs):
    return classifier(mixer=dict(type='Mixer', **kwargs))


def mask_loss(**kwargs):
    return classifier(mask_loss=dict(type='MaskLoss', **kwargs))


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
    return model_cfg(mixer=dict(type='Mixer', frozen=True, init_cfg=init_cfg))


def fed(init_cfg):
    return model_cfg(feature_net=dict(RESNET, init_cfg=init_cfg))


#: Name: (what is done, its error, the message).
WRONG = {
    # Numbers of the algorithms
    'eta_string': (classifier(eta='0.5'), ValueError,
                   "eta must be in [0, 1], got '0.5'"),
    'eta_bool': (moco(eta=True), ValueError,
                 'eta must be in [0, 1], got True'),
    'eta_above_1': (classifier(eta=1.01), ValueError,
                    'eta must be in [0, 1], got 1.01'),
    'alpha_string': (classifier(alpha='2'), ValueError,
                     "alpha must be a finite number above 0, got '2'"),
    'alpha_list': (moco(alpha=[2.]), ValueError,
                   'alpha must be a finite number above 0, got [2.0]'),
    'alpha_none': (classifier(alpha=None), ValueError,
                   'alpha must be a finite number above 0, got None'),
    'alpha_infinite': (classifier(alpha=INF), ValueError,
                       'alpha must be a finite number above 0, got inf'),
    'alpha_negative': (moco(alpha=-2), ValueError,
                       'alpha must be above 0, got -2'),
    'momentum_percent': (classifier(momentum=99.9), ValueError,
                         'momentum must be in [0, 1], got 99.9'),
    'momentum_list': (moco(momentum=[0.99]), ValueError,
                      'momentum must be in [0, 1], got [0.99]'),
    'end_momentum_nan': (classifier(end_momentum=NAN), ValueError,
                         'end_momentum must be in [0, 1], got nan'),
    'end_momentum_bool': (moco(end_momentum=True), ValueError,
                          'end_momentum must be in [0, 1], got True'),
    'lam_margin_string': (classifier(lam_margin='0.08'), ValueError,
                          "lam_margin must be in [0, 0.5], got '0.08'"),
    'lam_adjust_string': (classifier(lam_adjust='False'), ValueError,
                          "lam_adjust must be True or False, got 'False'"),
    'lam_per_sample_int': (moco(lam_per_sample=1), ValueError,
                           'lam_per_sample must be True or False, got 1'),
    'mixer_batch_ratio_0': (moco(mixer_batch_ratio=0), ValueError,
                            'mixer_batch_ratio must be in (0, 1], got 0'),
    'mixer_batch_ratio_bool': (classifier(mixer_batch_ratio=True), ValueError,
                               'mixer_batch_ratio must be in (0, 1], got Tru'),
    'mixer_interval_fraction':
    (classifier(mixer_interval=2.5), ValueError,
     'mixer_interval must be a whole number, 1 or more, got 2.5'),
    'mixer_interval_string':
    (moco(mixer_interval='2'), ValueError,
     "mixer_interval must be a whole number, 1 or more, got '2'"),
    'mixer_interval_of_frozen':
    (classifier(mixer=dict(type='Mixer', frozen=True), mixer_interval=2),
     ValueError, 'mixer_interval=2 says when...but Mixer has nothing to learn '
     'or is frozen; leave mixer_interval out'),
    'mixer_interval_of_mixup':
    (moco(mixer=dict(type='MixUp'), mixer_interval=3), ValueError,
     'mixer_interval=3...but MixUp has nothing to learn'),
    'onehot_weight_string': (classifier(onehot_weight='1'), ValueError,
                             "onehot_weight must be a number of 0 or more, "
                             "got '1'"),
    'onehot_weight_infinite': (classifier(onehot_weight=INF), ValueError,
                               'onehot_weight must be a number of 0 or more, '
                               'got inf'),
    'mix_batch_ratio_2': (classifier(mix_batch_ratio=2), ValueError,
                          'mix_batch_ratio must be in (0, 1], got 2'),
    'mask_loss_weight_bool': (classifier(mask_loss_weight=True), ValueError,
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
    'cross_view_string': (moco(cross_view='no'), ValueError,
                          "cross_view must be True or False, got 'no'"),
    'variant_typo': (moco(variant='clusters'), ValueError,
                     "variant must be one of ('infonce', 'cluster'), got "
                     "'clusters'"),
    'unknown_keyword': (classifier(feature_stge=3), TypeError,
                        "unexpected keyword argument 'feature_stge'"),
    'train_cfg_of_moco': (moco(train_cfg=dict(augments=[])), TypeError,
                          "unexpected keyword argument 'train_cfg'"),
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
        variant='cluster',
        head=dict(
            type='ContrastiveHead',
            loss=dict(type='CrossEntropyLoss'),
            temperature=0)), ValueError,
     'head.temperature must be above 0, got 0'),
    'mixer_by_name': (classifier(mixer='MixUp'), TypeError,
                      f"mixer {NO_CONFIG}'Mixer'), got 'MixUp'"),
    'mixer_list': (moco(mixer=[dict(type='Mixer')]), TypeError,
                   f"mixer {NO_CONFIG}'Mixer'), got [...]"),
    'mixer_without_type': (classifier(mixer=dict(dropout=0.2)), KeyError,
                           'must contain the key "type", but got {...dropout'),
    'unknown_policy': (moco(mixer=dict(type='CutMixUp')), KeyError,
                       'CutMixUp is not in the'),
    'policy_that_is_a_head': (classifier(mixer=LAYER), TypeError,
                              'mixer must be a mixing policy such as dict('
                              "type='Mixer'), got LinearClsHead"),
    'policy_with_another_keyword':
    (classifier(mixer=dict(type='CutMix', beta=1.)), TypeError,
     "CutMix...unexpected keyword argument 'beta'"),
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
    'mixer_frozen_string': (mixer(frozen='true'), ValueError,
                            "frozen must be True or False, got 'true'"),
    'mixer_content_int': (mixer(nonlinear_content=0), ValueError,
                          'nonlinear_content must be True or False, got 0'),
    'no_mask_loss': (classifier(mask_loss=None), TypeError,
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
    (classifier(feature_net=dict(RESNET), mixer=dict(type='MixUp')),
     ValueError, "but MixUp works without features; leave 'feature_net' out "
     "or write mixer=dict(type='Mixer')"),
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
     "test_cfg.predict_on must be one of ('online_mixed',...got 'momentum'"),
    'predict_on_no_head':
    (classifier(
        onehot_weight=0., test_cfg=dict(predict_on='momentum_clean')),
     ValueError, "predict_on='momentum_clean' needs the clean head, which is "
     'not there with onehot_weight=0; ...predict_on=\'momentum_mixed\''),
    'test_cfg_string': (classifier(test_cfg='online_clean'), ValueError,
                        "test_cfg must be such as dict(predict_on='online_mix"
                        "ed'), got 'online_clean'"),
    'test_cfg_typo': (classifier(test_cfg=dict(predict='online_clean')),
                      ValueError, "such as dict(predict_on='online_mixed'), "
                      "got {'predict': 'online_clean'}"),
    # Batch augmentations of MMPretrain
    'augments_of_train_cfg':
    (classifier(train_cfg=dict(augments=[dict(type='CutMix', alpha=1.)])),
     ValueError, 'needs hard labels, but the data preprocessor has '
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
    # Clusters
    'one_cluster': (moco(variant='cluster', num_clusters=1), ValueError,
                    'num_clusters must be 2 or more, got 1'),
    'num_clusters_string': (moco(variant='cluster', num_clusters='200'),
                            ValueError, 'num_clusters must be a whole number, '
                            "2 or more, got '200'"),
    'num_clusters_twice': (clusters(num_clusters=4), ValueError,
                           'num_clusters and feat_dim are arguments of '
                           'SAMixMoCo itself; write them next to clusters'),
    'clusters_number': (moco(variant='cluster', clusters=200), TypeError,
                        'clusters must be a dict...got 200'),
    'clusters_of_infonce':
    (moco(clusters=dict(momentum=0.5)), ValueError,
     "write variant='cluster' or leave it out, got variant='infonce'"),
    'clusters_of_mixup':
    (moco(variant='cluster', mixer=dict(type='MixUp')), ValueError,
     "variant='cluster' trains the mixing policy, but MixUp has nothing to "
     "learn...write mixer=dict(type='Mixer')"),
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
    (moco_training(variant='cluster'), ValueError,
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
    (moco_training([EMA, CLUSTERS, dict(CLUSTERS)], variant='cluster',
                   num_clusters=3), ValueError,
     'OnlineClusterHook is in custom_hooks more than once; leave one'),
    'cluster_hook_of_infonce': (moco_training([EMA, CLUSTERS]), TypeError,
                                'got SAMixMoCo without; write variant='
                                "'cluster' in the algorithm"),
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
     'AllHeadsValLoop needs a SAMixClassifier, got ImageClassifier; write '
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
                 'SAMixMoCo needs two views of each image, got 1; write dict('
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
     'a frozen Mixer needs the weights of a pre-trained mixer...write mixer = '
     'dict(init_cfg='),
    'frozen_of_other_channels':
    (loaded(frozen, {'mixer.query.weight': torch.zeros(4, 16, 1, 1)},
            'mixer.'), ValueError,
     'does not fit the mixer, 1 weights have another shape: ...query.weight'),
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
