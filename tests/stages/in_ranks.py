"""Runs stages one after the other in each of so many processes, so that torch is imported once in each.

    python in_ranks.py COUNT STAGE[,OPTION...]...

Batch norms keep their running statistics, and dropout drops nothing, those of new layers too: what they do depends on
which part of a batch a process has.
"""

import importlib
import sys

import torch

from wsss_core.runtime import cluster, supervisor


def never_train(self: torch.nn.Module, mode: bool = True) -> torch.nn.Module:
    return torch.nn.Module.train(self, False)


if __name__ == "__main__":
    count, *commands = sys.argv[1:]
    if int(count) > 1 and cluster.started() is None:
        supervisor.run(int(count))
    torch.nn.modules.batchnorm._BatchNorm.train = torch.nn.modules.dropout._DropoutNd.train = never_train
    for command in commands:
        stage, *options = command.split(",")
        importlib.import_module(f"stages.{stage}").main(options, standalone_mode=False)
