"""A model of which every process holds a share: its weights, their gradients and what the optimizer knows of them.

A block is put together when it is computed and let go afterwards. Zhao et al. 2023, PyTorch FSDP.
"""

import copy
import os
from collections.abc import Mapping

import torch
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from course_utils.errors import CourseError


def shards(model: nn.Module, device: torch.device, count: int) -> nn.Module:
    """A copy of the model on the device, each of its blocks cut over `count` processes, as accelerate's settings say.

    accelerate itself shards on GPUs alone; torch's `fully_shard` does it anywhere, and the model given stays whole.
    Raises CourseError for a model that has no block of the classes that the settings name.
    """
    settings = FullyShardedDataParallelPlugin(fsdp_version=2)      # reads what the launcher has set
    mine, names = copy.deepcopy(model), settings.transformer_cls_names_to_wrap or ()
    blocks = [part for part in mine.modules() if type(part).__name__ in names]
    if not blocks:                                                 # else each process would put all of it together
        raise CourseError(
            f"{type(model).__name__} has no block of the classes that are cut: {', '.join(names) or 'none is named'}. "
            "Name its own in fsdp_transformer_layer_cls_to_wrap of scale/fsdp.yaml, or start it without shards."
        )
    how = {
        "mesh": init_device_mesh(device.type, (count,)),
        "reshard_after_forward": settings.reshard_after_forward,
        "mp_policy": _precision(),
    }
    for part in (*blocks, mine):
        fully_shard(part, **how)
    if hasattr(mine, "run"):                                       # what a carried state calls in place of forward
        register_fsdp_forward_method(mine, "run")
    return mine


def _precision() -> MixedPrecisionPolicy:
    """bfloat16 on the wire and in the blocks where the launcher says so; gradients are added up in float32.

    The loss stays in float32 by autocast: `check_together` sees to it that `FitConfig` says bfloat16 as well.
    """
    if os.environ.get("ACCELERATE_MIXED_PRECISION") == "bf16":
        return MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    return MixedPrecisionPolicy()


def whole(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors by name, with those that lie in shards put together; all processes have to ask at once."""
    return {name: each.full_tensor() if isinstance(each, DTensor) else each for name, each in tensors.items()}


def placed(tensors: Mapping[str, torch.Tensor], like: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Whole tensors, each cut as the one of its name in `like` is; the others as they are."""
    return {name: _placed(each, like.get(name)) for name, each in tensors.items()}


def _placed(tensor: torch.Tensor, like: torch.Tensor | None) -> torch.Tensor:
    if not isinstance(like, DTensor):
        return tensor
    # each process cuts its own share out of what it has read: nothing is sent
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
