# Table 6, COCO train2017 to val2017, Mask R-CNN R50-C4, 2x schedule.
# SAMix-C: APb 41.3, APb50 61.1, APb75 44.7; MoCo.V2: APb 40.6, APb50 60.1,
# APb75 44.0. Here coco/bbox_mAP, bbox_mAP_50 and bbox_mAP_75 of the log.
#   python tools/model_converters/backbone_to_torchvision.py CHECKPOINT FILE
#   BACKBONE=FILE mim train mmdet \
#       configs/detection/mask-rcnn_r50-c4_2x_coco.py \
#       --launcher pytorch --gpus 8
# FILE is loaded into two parts, which without BACKBONE are told by
#   --cfg-options model.backbone.init_cfg.checkpoint=FILE \
#       model.roi_head.shared_head.layer.init_cfg.checkpoint=FILE
# Cost: 180,000 steps of 16 images of up to 800x1333 pixels, 24 epochs of
# 118,000 images; two images on each of 8 GPUs.
# Needs MMDetection 3 and mmcv with its operators (not mmcv-lite).
# The protocol is MoCo's (detection/configs/coco_R_50_C4_2x_moco.yaml) in
# Detectron2. MMDetection differs in one thing: batch norms are tested with
# running averages where Detectron2 takes exact statistics first.
_base_ = [
    'mmdet::_base_/models/mask-rcnn_r50-caffe-c4.py',
    'mmdet::_base_/datasets/coco_instance.py',
    'mmdet::_base_/schedules/schedule_2x.py',
    'mmdet::_base_/default_runtime.py',
]

# registers NormedSharedHead
custom_imports = dict(imports=['samix_mm.models.heads.normed_shared_head'])

pretrained = dict(
    type='Pretrained', checkpoint='{{$BACKBONE:backbone.pth}}')
norm_cfg = dict(type='SyncBN', requires_grad=True)

model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        frozen_stages=-1,
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
        init_cfg=pretrained),
    roi_head=dict(
        shared_head=dict(
            _delete_=True,
            type='NormedSharedHead',
            layer=dict(
                type='ResLayer',
                depth=50,
                stage=3,
                stride=2,
                style='pytorch',
                norm_cfg=norm_cfg,
                norm_eval=False,
                init_cfg=pretrained),
            num_features=2048,
            norm_cfg=norm_cfg)),
    # Detectron2 takes anchors that cross the border as well.
    train_cfg=dict(rpn=dict(allowed_border=-1)))

train_pipeline = [
    dict(type='LoadImageFromFile', backend_args={{_base_.backend_args}}),
    dict(
        type='LoadAnnotations',
        with_bbox=True,
        with_mask=True,
        poly2mask=False),
    dict(
        type='RandomChoiceResize',
        scales=[(1333, 640), (1333, 672), (1333, 704), (1333, 736),
                (1333, 768), (1333, 800)],
        keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs')
]
train_dataloader = dict(
    batch_size=2,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(pipeline=train_pipeline))

train_cfg = dict(
    _delete_=True,
    type='IterBasedTrainLoop',
    max_iters=180000,
    val_interval=60000)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0,
        end=1000),
    dict(
        type='MultiStepLR',
        begin=0,
        end=180000,
        by_epoch=False,
        milestones=[120000, 160000],
        gamma=0.1)
]

# Detectron2 does not decay the weights of norms.
optim_wrapper = dict(
    optimizer=dict(lr=0.02, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.))
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=20000, max_keep_ckpts=1))
log_processor = dict(by_epoch=False)
