"""How the work is spread: over processes of this machine, or over a Ray cluster."""

from .local_processes import run_locally
from .ray_cluster import run_on_ray
from .unit_runner import VideoOutcome, run_here
from .worker_limits import WorkerLimits

__all__ = ['VideoOutcome', 'WorkerLimits', 'run_here', 'run_locally', 'run_on_ray']
