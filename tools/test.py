"""Test with MMPretrain's own command line, on any device.

All arguments are those of MMPretrain's ``tools/test.py``. In addition,
configs may inherit from ``samix_mm::...``, and several processes work without
a GPU.
"""
import samix_mm.engine.utils.launch

if __name__ == '__main__':
    samix_mm.engine.utils.launch.test()
