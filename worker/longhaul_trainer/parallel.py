"""Process groups and collectives, with the time spent in them."""

import os
import secrets
import time

import torch
import torch.distributed as dist

from .progress import Progress


class Parallel:
    """This rank's place. Ranks are numbered as in Megatron-LM: tensor fastest, then data, then pipeline."""

    def __init__(self, options):
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.tensor_size = options.tensor_model_parallel_size
        self.pipeline_size = options.pipeline_model_parallel_size
        self.data_size = options.data_parallel_size
        self.tensor_rank = self.rank % self.tensor_size
        self.data_rank = self.rank // self.tensor_size % self.data_size
        self.stage = self.rank // (self.tensor_size * self.data_size)
        self.seconds = 0.0
        self.progress = Progress()
        self._numbers, self._made = {}, 1
        self.device = torch.device("cpu")
        if options.distributed_backend == "nccl":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        self.tensor_group = self.data_group = self.model_group = self.embedding_group = None
        self.onward_group = self.back_group = None
        if self.world > 1:
            dist.init_process_group(options.distributed_backend, init_method="env://")
            self.progress.join(0)
            self._make_groups()
        # The same number on all ranks of one start and of no other.
        mine = secrets.randbits(32) if self.rank == 0 else 0
        self.life = int(self.sum_world(torch.tensor([mine], device=self.device)))

    def _rank_of(self, tensor, data, stage):
        return tensor + self.tensor_size * (data + self.data_size * stage)

    def _make_groups(self):
        t, d, p = range(self.tensor_size), range(self.data_size), range(self.pipeline_size)
        new_group = self._new_group
        # Every rank takes part in making every group, in the same order.
        for stage in p:
            for data in d:
                group = new_group([self._rank_of(tensor, data, stage) for tensor in t])
                if (data, stage) == (self.data_rank, self.stage):
                    self.tensor_group = group
            for tensor in t:
                group = new_group([self._rank_of(tensor, data, stage) for data in d])
                if (tensor, stage) == (self.tensor_rank, self.stage):
                    self.data_group = group
        for data in d:
            group = new_group([self._rank_of(tensor, data, stage) for stage in p for tensor in t])
            if data == self.data_rank:
                self.model_group = group
            for tensor in t:
                ends = sorted({self._rank_of(tensor, data, 0), self._rank_of(tensor, data, self.pipeline_size - 1)})
                group = new_group(ends)
                if (tensor, data) == (self.tensor_rank, self.data_rank):
                    self.embedding_group = group
                if self.pipeline_size > 1:
                    # NCCL carries out the transfers of a group in order on each side: in one group, two neighbours
                    # that both send first would wait for each other.
                    line = [self._rank_of(tensor, data, stage) for stage in p]
                    groups = new_group(line, counted=False), new_group(line, counted=False)
                    if (tensor, data) == (self.tensor_rank, self.data_rank):
                        self.onward_group, self.back_group = groups

    def _new_group(self, ranks, counted=True):
        """A group, whose number is the same on all ranks; those for transfers are not counted."""
        group, number = dist.new_group(ranks), self._made
        self._made += 1
        if counted and self.rank in ranks and len(ranks) > 1:
            self._numbers[group] = number
            self.progress.join(number)
        return group

    @property
    def first_stage(self):
        return self.stage == 0

    @property
    def last_stage(self):
        return self.stage == self.pipeline_size - 1

    @property
    def last_rank(self):
        return self.rank == self.world - 1

    def _timed(self, call, *args, **kwargs):
        begin = time.perf_counter()
        try:
            with self.progress.inside("collective"):
                return call(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - begin

    def _collective(self, call, *args, group=None, **kwargs):
        """Counted: all ranks of the group, or of the job, make the same ones in the same order."""
        begin = time.perf_counter()
        try:
            with self.progress.collective(0 if group is None else self._numbers.get(group)):
                call(*args, group=group, **kwargs)
        finally:
            self.seconds += time.perf_counter() - begin

    def sum_tensor(self, tensor):
        """In place, over the ranks that share a layer's work."""
        if self.tensor_size > 1:
            self._collective(dist.all_reduce, tensor, group=self.tensor_group)
        return tensor

    def sum_data(self, tensor):
        """In place, over the ranks with different data."""
        if self.data_size > 1:
            self._collective(dist.all_reduce, tensor, group=self.data_group)
        return tensor

    def sum_model(self, tensor):
        """In place, over all ranks of one copy of the model."""
        if self.tensor_size * self.pipeline_size > 1:
            self._collective(dist.all_reduce, tensor, group=self.model_group)
        return tensor

    def sum_embedding(self, tensor):
        """In place, over the first and last stage, which both hold a tied embedding."""
        if self.pipeline_size > 1:
            self._collective(dist.all_reduce, tensor, group=self.embedding_group)
        return tensor

    def sum_world(self, tensor):
        """In place, over all ranks."""
        if self.world > 1:
            self._collective(dist.all_reduce, tensor)
        return tensor

    def largest(self, tensor):
        """In place, the largest over all ranks."""
        if self.world > 1:
            self._collective(dist.all_reduce, tensor, op=dist.ReduceOp.MAX)
        return tensor

    def gather_data(self, parts, mine):
        """Fills the list of equally long parts with each data rank's `mine`."""
        if self.data_size > 1:
            self._collective(dist.all_gather, parts, mine, group=self.data_group)
        else:
            parts[0].copy_(mine)

    def send(self, tensor, stages):
        """Starts to send to the stage `stages` further, 1 or -1; returns a handle to wait on."""
        tensor = tensor.contiguous()
        group = self.onward_group if stages > 0 else self.back_group
        # The handle keeps the tensor alive as long as it is read.
        return self._timed(dist.isend, tensor, self._neighbour(stages), group=group), tensor

    def receive(self, shape, stages):
        """The tensor from the stage `stages` further."""
        tensor = torch.empty(shape, device=self.device)
        group = self.onward_group if stages < 0 else self.back_group
        self._timed(dist.recv, tensor, self._neighbour(stages), group=group)
        return tensor

    def _neighbour(self, stages):
        return self.rank + stages * self.tensor_size * self.data_size

    def wait(self, handle):
        self._timed(handle[0].wait)
