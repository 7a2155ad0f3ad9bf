from typing import List


def check_counts(name: str, data_list: List[dict], num_images: int,
                 num_classes: int) -> None:
    """Refuse a data set that was unpacked only in part.

    Args:
        name (str): What and where the data set is, for the message.
        data_list (List[dict]): Its images, each with a ``gt_label``.
        num_images (int): How many there must be.
        num_classes (int): How many classes must be among them.

    Raises:
        ValueError: If there are more or fewer.
    """
    found = len({sample['gt_label'] for sample in data_list})
    if len(data_list) != num_images or found != num_classes:
        raise ValueError(
            f'{name} has {len(data_list)} images of {found} classes, expected '
            f'{num_images} of {num_classes}: unpack the archive again, or '
            'pass check_counts=False to use a part')
