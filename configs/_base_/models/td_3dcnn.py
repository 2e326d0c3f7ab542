# Baseline, a reconstruction: TD-3DCNN, an Inception I3D on clips with randomly
# dropped frames: I3D's network, with TemporalDropout in the pipelines.
_base_ = ['i3d_inception.py']
