"""Floating-point operations, counted while they happen: for networks whose formula nobody would want to check."""

from collections.abc import Callable

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class _Counter(TorchDispatchMode):
    """Adds up what each operation costs by torch's own table: products of matrices, convolutions, attention."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        rule = flop_registry.get(function._overloadpacket)
        if rule is not None:
            self.total += rule(*args, **(kwargs or {}), out_val=result)
        return result


def counted(work: Callable[[], object]) -> int:
    """Floating-point operations of `work()`, 2 for each product that is added up; forward, backward, all it does.

    Norms, bends and sums of two maps are left out, as they are in `training_flops`. Attention is written out for it,
    since the fused one hides its products from the count.
    """
    with sdpa_kernel(SDPBackend.MATH), _Counter() as counter:
        work()
    return counter.total
