"""The training loop; messages and their order follow Megatron-LM's megatron/training/training.py."""

import datetime
import json
import math
import os
import signal
import threading
import time

import torch

from .checkpoint import Saver, latest, load
from .data import Corpus
from .model import Stage
from .optimizer import Optimizer
from .parallel import Parallel
from .progress import Standstill
from .schedule import learning_rate

DRAINED = 143


class Report:
    """Lines for the agent: one JSON object each, in LONGHAUL_REPORT_FILE; nothing without it."""

    def __init__(self):
        path = os.environ.get("LONGHAUL_REPORT_FILE")
        self._file = open(path, "a", buffering=1, encoding="utf-8") if path else None
        self.wanted = self._file is not None
        self._lock = threading.Lock()  # the thread that looks for a standstill writes here, too

    def __call__(self, entry):
        if self._file is not None:
            with self._lock:
                self._file.write(json.dumps(entry) + "\n")


class Interval:
    """What one log line sums up: the steps since the last one."""

    def __init__(self):
        self.steps = self.skipped = self.nan = 0
        self.seconds = self.loss = 0.0

    def add(self, seconds, loss, skipped, nan):
        self.steps += 1
        self.seconds += seconds
        self.skipped += skipped
        self.nan += nan
        if not skipped and not nan:
            self.loss += loss

    def mean_loss(self):
        """Over the steps that were applied; NaN if there were none."""
        applied = self.steps - self.skipped - self.nan
        return self.loss / applied if applied else math.nan


class Trainer:
    """One rank's part of a run, from a checkpoint or from the start to the last step."""

    def __init__(self, options):
        self.options = options
        torch.manual_seed(options.seed)
        self.parallel = Parallel(options)
        self.corpus = Corpus(options.data_path, options.seq_length)
        self.stage = Stage(options, self.parallel).to(self.parallel.device)
        self.optimizer = Optimizer(self.stage, options, self.parallel)
        self.report = Report()
        self.saver = Saver(options.save, options, self.parallel, self.report)
        self.skip = frozenset(options.iterations_to_skip)
        self.told_shards = set()
        self.stop = False
        self.step = self.consumed = self.skipped_samples = 0
        self.interval = Interval()
        if options.load:
            step = options.ckpt_step or latest(options.load)
            if step:
                manifest = load(options.load, step, self.optimizer, self.parallel, options)
                self.step, self.consumed = step, manifest["consumedSamples"]
                self.skipped_samples = manifest["skippedSamples"]

    def run(self):
        """Trains; returns the exit code."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        o, inside = self.options, self.parallel.progress.inside
        if self.report.wanted and self.parallel.world > 1:
            Standstill(self.parallel.progress, self.report).start()
        while self.step < o.train_iters:
            self.step += 1
            self._train_step()
            if o.eval_interval and o.eval_iters and self.step % o.eval_interval == 0:
                with inside("evaluation"):
                    self._evaluate()
            last = self.step == o.train_iters
            if o.save and (last or self.drain or o.save_interval and self.step % o.save_interval == 0):
                with inside("checkpoint"):
                    self.saver.save(self.step, self.optimizer.state(), {
                        "consumedSamples": self.consumed, "skippedSamples": self.skipped_samples})
            if self.drain:
                break
        self.saver.wait()
        return DRAINED if self.drain and self.step < o.train_iters else 0

    drain = False

    def _on_sigterm(self, *_):
        self.stop = True

    def _train_step(self):
        o, p = self.options, self.parallel
        begin, p.seconds = time.perf_counter(), 0.0
        first = self.consumed
        self._report_shards(first, first + o.global_batch_size)
        rate = learning_rate(o, self.step)
        skipped = self.step in self.skip
        loss = norm = 0.0
        # All ranks of a job have a report file, or none has.
        watched = not skipped and self.step % o.log_interval == 0 and (
            self.report.wanted or o.log_max_attention_logit)
        internals = None
        if not skipped:
            self.optimizer.zero()
            if watched:
                self.stage.watch()
            loss = self._forward_backward(first)
            internals = self.stage.internals() if watched else None
            norm = self.optimizer.reduce()
        # Every rank learns the loss and whether any rank was told to stop, in one small sum.
        total = p.sum_world(torch.tensor([loss, float(self.stop)], device=p.device))
        copies = p.data_size * p.tensor_size
        loss = float(total[0]) / copies
        self.drain = bool(total[1] > 0)
        nan = not skipped and not (math.isfinite(loss) and math.isfinite(norm))
        if not skipped and not nan:
            self.optimizer.update(rate, norm)
        self.consumed += o.global_batch_size
        self.skipped_samples += skipped * o.global_batch_size
        seconds = time.perf_counter() - begin
        self.report({"kind": "step", "step": self.step, "computeSeconds": seconds - p.seconds,
                     "communicationSeconds": p.seconds, "totalSeconds": seconds})
        self.interval.add(seconds, loss, skipped, nan)
        if self.step % o.log_interval == 0:
            if p.last_rank:
                self._log(self.interval, rate, norm, internals)
            self.interval = Interval()

    def _log(self, interval, rate, norm, internals):
        o = self.options
        if internals is not None:
            self.report({"kind": "metrics", "step": self.step,
                         "values": {"max_attention_logit": internals[0], "activation_norm": internals[1]}})
        fields = [
            f" [{datetime.datetime.now():%Y-%m-%d %H:%M:%S}] iteration {self.step:8d}/{o.train_iters:8d}",
            f" consumed samples: {self.consumed:12d}"]
        if self.skipped_samples:
            fields.append(f" skipped samples: {self.skipped_samples:12d}")
        fields += [
            f" elapsed time per iteration (ms): {1e3 * interval.seconds / interval.steps:.1f}",
            f" learning rate: {rate:.6E}",
            f" global batch size: {o.global_batch_size:5d}"]
        if interval.steps > interval.skipped:
            fields += [f" lm loss: {interval.mean_loss():.6E}", " loss scale: 1.0", f" grad norm: {norm:.3f}"]
            if o.log_max_attention_logit and internals is not None:
                fields.append(f" max attention logit: {internals[0]:.3f}")
        fields += [f" number of skipped iterations: {interval.skipped:3d}",
                   f" number of nan iterations: {interval.nan:3d}"]
        print(" |".join(fields) + " |", flush=True)

    def _report_shards(self, first, end):
        if self.parallel.rank == 0:
            for name, low, high in self.corpus.shards_of(first, end):
                if (name, low) not in self.told_shards:
                    self.told_shards.add((name, low))
                    self.report({"kind": "data", "shard": name, "firstSample": low, "endSample": high})

    def _batch(self, first, micro_batch, source):
        """Samples of this data rank in one micro-batch: a fixed share, whatever the layout."""
        o, p = self.options, self.parallel
        offset = first + (micro_batch * p.data_size + p.data_rank) * o.micro_batch_size
        with p.progress.inside("data"):
            inputs, targets = source(range(offset, offset + o.micro_batch_size))
        return inputs.to(p.device), targets.to(p.device)

    def _forward(self, first, micro_batch, source=None):
        """(input activation, output) of one micro-batch."""
        o, p = self.options, self.parallel
        inputs = targets = None
        if p.first_stage or p.last_stage:
            inputs, targets = self._batch(first, micro_batch, source or self.corpus.batch)
        if not p.first_stage:
            inputs = p.receive((o.micro_batch_size, o.seq_length, o.hidden_size), -1)
            inputs.requires_grad_(torch.is_grad_enabled())
        return inputs, self.stage(inputs, targets)

    def _forward_backward(self, first):
        """One-forward-one-backward over the micro-batches (Narayanan et al. 2021, section 2.2); this rank's share
        of the step's mean loss, 0 on stages without a loss."""
        p, count = self.parallel, self.options.micro_batches
        waiting, sends, loss = [], [], 0.0

        def forward(index):
            inputs, output = self._forward(first, index)
            if not p.last_stage:
                sends.append(p.send(output.detach(), 1))
            waiting.append((inputs, output))

        def backward():
            nonlocal loss
            inputs, output = waiting.pop(0)
            if p.last_stage:
                (output / count).backward()
                loss += float(output.detach()) / count
            else:
                output.backward(p.receive(output.shape, 1))
            if not p.first_stage:
                sends.append(p.send(inputs.grad, -1))

        warm_up = min(p.pipeline_size - p.stage - 1, count)
        for index in range(warm_up):
            forward(index)
        for index in range(warm_up, count):
            forward(index)
            backward()
        while waiting:
            backward()
        for handle in sends:
            p.wait(handle)
        return loss

    @torch.no_grad()
    def _evaluate(self):
        o, p = self.options, self.parallel
        self.stage.eval()
        loss = 0.0
        for iteration in range(o.eval_iters):
            for index in range(o.micro_batches):
                _, output = self._forward(iteration * o.global_batch_size, index, self.corpus.validation)
                if p.last_stage:
                    loss += float(output) / (o.eval_iters * o.micro_batches)
                else:
                    p.wait(p.send(output, 1))
        self.stage.train()
        total = p.sum_world(torch.tensor([loss], device=p.device))
        loss = float(total[0]) / (p.data_size * p.tensor_size)
        if p.last_rank:
            print(f" validation loss at iteration {self.step} | lm loss value: {loss:.6E} | "
                  f"lm loss PPL: {math.exp(min(20, loss)):.6E} | ", flush=True)
