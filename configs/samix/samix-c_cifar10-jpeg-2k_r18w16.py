# No paper number: a yardstick that fits a CPU, for docs/results.md.
#   mim train samix_mm samix-c_cifar10-jpeg-2k_r18w16.py
# Cost: about 13 minutes on one CPU core.
_base_ = './samix-i_cifar10-jpeg-2k_r18w16.py'

# 200 clusters of 2,000 images would have ten images each.
model = dict(objective=dict(type='ClusterObjective', num_clusters=40))
