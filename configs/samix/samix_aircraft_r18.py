# Table 5, FGVC-Aircraft, ResNet-18, 200 epochs, from IN-1k weights.
# SAMix: 82.15 % top-1, the mean of 3 trials, online network.
#   mim train samix_mm samix_aircraft_r18.py
# Cost: 200 epochs of 6,667 images at 224 pixels, each step about 3 times the
# FLOPs of vanilla training.
_base_ = './samix_cub_r18.py'

model = dict(head=dict(num_classes=100))

data_preprocessor = dict(num_classes=100)
dataset = dict(type='FGVCAircraft', data_root='data/fgvc-aircraft-2013b')
train_dataloader = dict(dataset=dict(dataset, split='trainval'))
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
