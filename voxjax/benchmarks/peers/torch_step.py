"""The reference network's training step in PyTorch, eager or compiled."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from voxjax.benchmarks import reference_network as reference

PACKAGES = ("torch",)


class _Block(nn.Module):
    """Multi-scale convolution, batch norm, ReLU, squeeze-and-excitation, pooling, dropout: `[B, C, T]`."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        wide = filters * len(reference.KERNELS)
        self.branches = nn.ModuleList(nn.Conv1d(channels, filters, k, padding=k // 2) for k in reference.KERNELS)
        self.norm = nn.BatchNorm1d(wide)
        self.squeeze = nn.Linear(wide, wide // reference.REDUCTION)
        self.excite = nn.Linear(wide // reference.REDUCTION, wide)
        self.dropout = nn.Dropout(reference.DROPOUT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(torch.cat([branch(x) for branch in self.branches], dim=1)))
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(dim=2)))))
        return self.dropout(nn.functional.max_pool1d(x * weights[:, :, None], 2))


class _Network(nn.Module):
    """The reference network: `[B, 392, 1] -> [B, 8]`."""

    def __init__(self) -> None:
        super().__init__()
        wide = [filters * len(reference.KERNELS) for filters in reference.FILTERS]
        self.blocks = nn.Sequential(*map(_Block, [1, *wide[:-1]], reference.FILTERS))
        inputs = [wide[-1], *(2 * units for units in reference.LSTM)]
        self.lstms = nn.ModuleList(
            nn.LSTM(size, units, bidirectional=True, batch_first=True)
            for size, units in zip(inputs, reference.LSTM, strict=False)
        )
        layers: list[nn.Module] = []
        for size, units in itertools.pairwise((inputs[-1], *reference.DENSE)):
            layers += [nn.Linear(size, units), nn.ReLU(), nn.Dropout(reference.HEAD_DROPOUT)]
        self.head = nn.Sequential(*layers, nn.Linear(reference.DENSE[-1], reference.CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(x.transpose(1, 2)).transpose(1, 2)
        for lstm in self.lstms:
            x, (last, _) = lstm(x)
        return self.head(torch.cat([last[0], last[1]], dim=1))


def start(compiled: bool = False) -> Callable[[], None]:
    """A network and its optimiser; the result is a training step.

    Args:
        compiled: by `torch.compile`.
    """
    torch.manual_seed(0)
    network = _Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=reference.LEARNING_RATE)
    values, labels = (torch.from_numpy(array) for array in reference.clips())
    targets = nn.functional.one_hot(labels.long(), reference.CLASSES).float()
    beta = torch.distributions.Beta(reference.MIXUP_ALPHA, reference.MIXUP_ALPHA)
    numbers = itertools.count()

    def loss_of(x: torch.Tensor, y: torch.Tensor, own: torch.Tensor, partner: torch.Tensor) -> torch.Tensor:
        mixed = own[:, None, None] * x + (1 - own[:, None, None]) * x[partner]
        mixed_targets = own[:, None] * y + (1 - own[:, None]) * y[partner]
        return nn.functional.cross_entropy(network(mixed), mixed_targets)

    objective = torch.compile(loss_of) if compiled else loss_of

    def call() -> None:
        rows = torch.from_numpy(reference.batch(next(numbers)).astype(np.int64))
        optimizer.zero_grad(set_to_none=True)
        loss = objective(values[rows], targets[rows], beta.sample((reference.BATCH,)), torch.randperm(reference.BATCH))
        loss.backward()
        optimizer.step()
        loss.item()

    return call
