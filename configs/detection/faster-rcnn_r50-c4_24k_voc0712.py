# Table 6, VOC trainval07+12 to test2007, Faster R-CNN R50-C4, 24k iterations.
# SAMix-C: AP 57.8, AP50 83.1, AP75 64.4; MoCo.V2: AP 56.9, AP50 82.2,
# AP75 63.4. Here pascal_voc/mAP, AP50 and AP75 of the log.
#   python tools/model_converters/backbone_to_torchvision.py CHECKPOINT FILE
#   BACKBONE=FILE mim train mmdet \
#       configs/detection/faster-rcnn_r50-c4_24k_voc0712.py \
#       --launcher pytorch --gpus 8
# FILE is loaded into two parts, which without BACKBONE are told by
#   --cfg-options model.backbone.init_cfg.checkpoint=FILE \
#       model.roi_head.shared_head.layer.init_cfg.checkpoint=FILE
# Cost: 24,000 steps of 16 images of up to 800x1333 pixels, 23 epochs of
# 16,551 images; two images on each of 8 GPUs.
# Needs MMDetection 3 and mmcv with its operators (not mmcv-lite).
# The protocol is MoCo's (detection/configs/pascal_voc_R_50_C4_24k_moco.yaml)
# in Detectron2. MMDetection differs in two things: boxes marked difficult
# are not trained on, and batch norms are tested with running averages where
# Detectron2 takes exact statistics first.
_base_ = 'mmdet::pascal_voc/faster-rcnn_r50-caffe-c4_ms-18k_voc0712.py'

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
            norm_cfg=norm_cfg)))

# The two years say what they are, which ConcatDataset would object to.
train_dataloader = dict(
    batch_size=2, dataset=dict(ignore_keys=['dataset_type']))

val_evaluator = dict(
    iou_thrs=[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95],
    eval_mode='11points')
test_evaluator = val_evaluator

train_cfg = dict(max_iters=24000, val_interval=24000)
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100),
    dict(
        type='MultiStepLR',
        begin=0,
        end=24000,
        by_epoch=False,
        milestones=[18000, 22000],
        gamma=0.1)
]

# Detectron2 does not decay the weights of norms.
optim_wrapper = dict(
    optimizer=dict(lr=0.02, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.))
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    checkpoint=dict(by_epoch=False, interval=6000, max_keep_ckpts=1))
