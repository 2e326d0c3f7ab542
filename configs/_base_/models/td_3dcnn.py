# Baseline, a reconstruction: TD-3DCNN, an Inception I3D on clips that lose frames at
# random. The network is I3D's; what is its own is TemporalDropout in the pipelines.
_base_ = ['i3d_inception.py']
