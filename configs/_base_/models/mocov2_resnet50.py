# MoCo v2 on ResNet-50 with a dictionary of 16,384 keys (Sec. A.1.3).
model = dict(
    type='MoCo',
    queue_len=16384,
    feat_dim=128,
    # the weight of the online network, as MMPretrain's MoCo has it
    momentum=0.001,
    backbone=dict(type='ResNet', depth=50, norm_cfg=dict(type='BN')),
    neck=dict(
        type='MoCoV2Neck',
        in_channels=2048,
        hid_channels=2048,
        out_channels=128,
        with_avg_pool=True),
    head=dict(
        type='ContrastiveHead',
        loss=dict(type='CrossEntropyLoss'),
        temperature=0.2))
