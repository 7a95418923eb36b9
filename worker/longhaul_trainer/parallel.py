"""Process groups and collectives, with the time spent in them."""

import os
import time

import torch
import torch.distributed as dist


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
        self.device = torch.device("cpu")
        if options.distributed_backend == "nccl":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
            torch.cuda.set_device(self.device)
        self.tensor_group = self.data_group = self.model_group = self.embedding_group = None
        if self.world > 1:
            dist.init_process_group(options.distributed_backend, init_method="env://")
            self._make_groups()

    def _rank_of(self, tensor, data, stage):
        return tensor + self.tensor_size * (data + self.data_size * stage)

    def _make_groups(self):
        t, d, p = range(self.tensor_size), range(self.data_size), range(self.pipeline_size)
        # Every rank takes part in making every group, in the same order.
        for stage in p:
            for data in d:
                group = dist.new_group([self._rank_of(tensor, data, stage) for tensor in t])
                if (data, stage) == (self.data_rank, self.stage):
                    self.tensor_group = group
            for tensor in t:
                group = dist.new_group([self._rank_of(tensor, data, stage) for data in d])
                if (tensor, stage) == (self.tensor_rank, self.stage):
                    self.data_group = group
        for data in d:
            group = dist.new_group([self._rank_of(tensor, data, stage) for stage in p for tensor in t])
            if data == self.data_rank:
                self.model_group = group
            for tensor in t:
                ends = sorted({self._rank_of(tensor, data, 0), self._rank_of(tensor, data, self.pipeline_size - 1)})
                group = dist.new_group(ends)
                if (tensor, data) == (self.tensor_rank, self.data_rank):
                    self.embedding_group = group

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
            return call(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - begin

    def sum_tensor(self, tensor):
        """In place, over the ranks that share a layer's work."""
        if self.tensor_size > 1:
            self._timed(dist.all_reduce, tensor, group=self.tensor_group)
        return tensor

    def sum_data(self, tensor):
        """In place, over the ranks with different data."""
        if self.data_size > 1:
            self._timed(dist.all_reduce, tensor, group=self.data_group)
        return tensor

    def sum_model(self, tensor):
        """In place, over all ranks of one copy of the model."""
        if self.tensor_size * self.pipeline_size > 1:
            self._timed(dist.all_reduce, tensor, group=self.model_group)
        return tensor

    def sum_embedding(self, tensor):
        """In place, over the first and last stage, which both hold a tied embedding."""
        if self.pipeline_size > 1:
            self._timed(dist.all_reduce, tensor, group=self.embedding_group)
        return tensor

    def sum_world(self, tensor):
        """In place, over all ranks."""
        if self.world > 1:
            self._timed(dist.all_reduce, tensor)
        return tensor

    def gather_data(self, parts, mine):
        """Fills the list of equally long parts with each data rank's `mine`."""
        if self.data_size > 1:
            self._timed(dist.all_gather, parts, mine, group=self.data_group)
        else:
            parts[0].copy_(mine)

    def send(self, tensor, stages):
        """Starts to send to the stage `stages` further; returns a handle to wait on."""
        to = self.rank + stages * self.tensor_size * self.data_size
        return self._timed(dist.isend, tensor.contiguous(), to), tensor

    def receive(self, shape, stages):
        """The tensor from the stage `stages` further."""
        tensor = torch.empty(shape, device=self.device)
        self._timed(dist.recv, tensor, self.rank + stages * self.tensor_size * self.data_size)
        return tensor

    def wait(self, handle):
        self._timed(handle[0].wait)
