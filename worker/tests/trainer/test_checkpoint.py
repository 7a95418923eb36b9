"""Checkpoints: whole or not there, whoever is killed when; good for another number of data ranks."""

import argparse
import json
import os
import signal
import sys

import torch

from longhaul_agent.reports import verify_checkpoint
from longhaul_trainer import checkpoint
from longhaul_trainer.arguments import parse
from longhaul_trainer.checkpoint import CheckpointError, Saver, directory_of, latest, load

from ..agent.harness import small_disk
from .harness import TrainerCase, arguments, until

SIZE = 1000


class Place(argparse.Namespace):
    """Stands for one of two data ranks."""

    def __init__(self, rank, life):
        super().__init__(rank=rank, world=2, tensor_rank=0, tensor_size=1, stage=0, pipeline_size=1, data_rank=rank,
                         data_size=2, life=life)


class Memory:
    """Stands for an optimizer that loads."""

    size = SIZE

    def restore(self, weights, first, second, updates):
        self.values = {*weights.tolist(), *first.tolist(), *second.tolist(), float(updates)}


def options_of(**changes):
    return parse(arguments({"data-path": ".", "use-distributed-optimizer": True, **changes}), 2)


def save(root, step, value, life, reports=None):
    """Both ranks' parts of a checkpoint in which every number is `value`."""
    for rank in (1, 0):
        low, high = rank * SIZE // 2, (rank + 1) * SIZE // 2
        part = torch.full((SIZE // 2,), float(value))
        saver = Saver(root, options_of(), Place(rank, life), (lambda _: None) if reports is None else reports.append)
        saver.save(step, {"low": low, "high": high, "first": part, "second": part, "updates": value,
                          "weights": torch.full((SIZE,), float(value))},
                   {"consumedSamples": 8 * step, "skippedSamples": 0})
        saver.wait()


def loaded(root, step):
    """The one number that the checkpoint holds."""
    memory = Memory()
    load(root, step, memory, Place(0, 0), options_of())
    value, = memory.values
    return value


def die_at(moment):
    """Lets this process kill itself at its moment-th touch of a file system."""
    count = 0

    def touch(*_):
        nonlocal count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, _):
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.scandir", "os.listdir"):
            touch()

    write, fsync = checkpoint._write_synced, os.fsync

    def torn(path, data):
        with open(path, "wb") as file:
            file.write(data[:len(data) // 2])
        touch()
        write(path, data)

    checkpoint._write_synced = torn
    os.fsync = lambda descriptor: (fsync(descriptor), touch())[0]
    sys.addaudithook(hook)


class Atomic(TrainerCase):
    def killed_save(self, root, step, value, life, moment):
        """True if the save was killed before its end."""
        pid = os.fork()
        if pid == 0:
            die_at(moment)
            save(root, step, value, life)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.assertIn(status, (0, -signal.SIGKILL))
        return status != 0

    def test_a_save_killed_at_any_moment_leaves_the_old_checkpoint_or_the_new_one(self):
        root, moment, value = self.fresh(), 0, 1
        save(root, 10, value, life=1)
        seen = set()
        while True:
            moment += 1
            killed = self.killed_save(root, 10, value + 1, life=1000 + moment, moment=moment)
            self.assertIsNone(verify_checkpoint(directory_of(root, 10)), f"killed at {moment}")
            now = loaded(root, 10)
            self.assertIn(now, (value, value + 1), f"killed at {moment}")
            seen.add((killed, now - value))
            value = int(now)
            if not killed:
                break
        self.assertEqual({(True, 0), (True, 1), (False, 1)}, seen)
        self.assertGreater(moment, 30)
        manifest = json.loads((directory_of(root, 10) / "MANIFEST.json").read_text())
        self.assertEqual({"MANIFEST.json", *(entry["file"] for entry in manifest["files"])},
                         {path.name for path in directory_of(root, 10).iterdir()}, "nothing is left of the others")

    def test_a_first_save_killed_at_any_moment_is_not_taken_for_a_checkpoint(self):
        root, moment = self.fresh(), 0
        save(root, 10, 1, life=1)
        killed = True
        while killed:
            moment += 1
            killed = self.killed_save(root, 10 + moment, 2, life=2, moment=moment)
            newest = latest(root)
            self.assertIsNone(verify_checkpoint(directory_of(root, newest)))
            self.assertIn(loaded(root, newest), (1, 2))
            if newest != 10 + moment:
                self.assertTrue(killed)
                with self.assertRaisesRegex(CheckpointError, "MANIFEST.json"):
                    loaded(root, 10 + moment)

    def test_an_older_attempt_gives_way_to_a_newer_one(self):
        root = self.fresh()
        self.addCleanup(os.environ.pop, "LONGHAUL_ATTEMPT", None)
        os.environ["LONGHAUL_ATTEMPT"] = "2"
        save(root, 10, 2, life=2)
        os.environ["LONGHAUL_ATTEMPT"] = "1"
        with self.assertRaisesRegex(OSError, "newer attempt"):
            save(root, 10, 1, life=1)
        self.assertEqual(2, loaded(root, 10))
        os.environ["LONGHAUL_ATTEMPT"] = "3"
        save(root, 10, 3, life=1)
        self.assertEqual(3, loaded(root, 10))

    def test_one_flipped_bit_in_any_file_is_refused(self):
        root = self.fresh()
        save(root, 10, 1, life=1)
        files = sorted(directory_of(root, 10).glob("*.pt"))
        self.assertEqual(3, len(files))
        for path in files:
            data = path.read_bytes()
            path.write_bytes(data[:700] + bytes([data[700] ^ 4]) + data[701:])
            with self.assertRaisesRegex(CheckpointError, f"{path.name} does not have the checksum of its manifest"):
                loaded(root, 10)
            path.unlink()
            with self.assertRaisesRegex(CheckpointError, f"cannot be read.*{path.name}"):
                loaded(root, 10)
            path.write_bytes(data)
        self.assertEqual(1, loaded(root, 10))

    def test_the_agent_is_told_where_the_checkpoint_is_and_what_it_covers(self):
        root, reports = self.fresh(), []
        save(root, 10, 1, 1, reports)
        self.assertEqual({"kind": "checkpoint", "step": 10, "path": str(directory_of(root, 10)),
                          "consumedSamples": 80, "state": "written"},
                         {key: value for key, value in reports[0].items() if key != "seconds"})
        self.assertEqual(1, len(reports))

    def test_a_full_disk_fails_the_save_with_a_clear_error_and_keeps_the_old_checkpoint(self):
        root = self.fresh() / "disk"
        small_disk(self, root, 64 << 10)
        save(root, 10, 1, life=1)
        (root / "ballast").write_bytes(b"x" * 30000)
        with self.assertRaisesRegex(OSError, "No space left"):
            for step in range(11, 30):
                save(root, step, 2, life=2)
        (root / "ballast").unlink()
        self.assertEqual(1, loaded(root, 10))
        for step in range(10, latest(root) + 1):
            self.assertIsNone(verify_checkpoint(directory_of(root, step)))
            self.assertIn(loaded(root, step), (1, 2))


class Resumed(TrainerCase):
    def whole(self, ranks=1, **changes):
        """A run that saved half-way."""
        root = self.fresh()
        job = self.run_job({"save": root, "save-interval": 7, **changes}, ranks)
        return root, job.curve()

    def second_half(self, curve):
        return {step: loss for step, loss in curve.items() if step > 7}

    def test_with_the_same_layout_the_run_goes_on_bit_for_bit(self):
        for ranks, changes in ((1, {}), (2, {"use-distributed-optimizer": True}),
                               (2, {"tensor-model-parallel-size": 2}), (2, {"pipeline-model-parallel-size": 2})):
            with self.subTest(ranks=ranks, changes=changes):
                root, curve = self.whole(ranks, **changes)
                again = self.fresh()
                job = self.run_job({"load": root, "ckpt-step": 7, "save": again, **changes}, ranks)
                self.assertEqual(self.second_half(curve), job.curve())
                self.assertEqual(self.weights(root, 14), self.weights(again, 14))

    def test_with_another_number_of_data_ranks_the_curve_goes_on(self):
        sharded = {"use-distributed-optimizer": True}
        for before, after, changes in ((1, 2, {}), (2, 1, {}), (1, 2, sharded), (2, 1, sharded), (4, 2, sharded)):
            with self.subTest(before=before, after=after, changes=changes):
                root, curve = self.whole(before, **changes)
                job = self.run_job({"load": root, "ckpt-step": 7, **changes}, after)
                self.assert_same_curve(self.second_half(curve), job.curve())

    def test_sharded_and_whole_optimizers_take_over_from_each_other(self):
        root, curve = self.whole(2, **{"use-distributed-optimizer": True})
        self.assert_same_curve(self.second_half(curve), self.run_job({"load": root, "ckpt-step": 7}, 2).curve())

    def test_the_same_step_saved_again_by_a_later_attempt_is_the_later_ones(self):
        root, _ = self.whole()
        first = self.weights(root, 14)
        self.run_job({"load": root, "ckpt-step": 7, "save": root, "lr": 0.02}, LONGHAUL_ATTEMPT="2")
        self.assertIsNone(verify_checkpoint(directory_of(root, 14)))
        self.assertNotEqual(first, self.weights(root, 14))

    def test_the_newest_complete_checkpoint_is_taken_if_none_is_named(self):
        root, curve = self.whole(**{"train-iters": 10})
        (directory_of(root, 10) / "MANIFEST.json").unlink()
        job = self.run_job({"load": root, "train-iters": 10})
        self.assertEqual(self.second_half(curve), job.curve())
        self.assertEqual(1, min(self.run_job({"load": self.fresh(), "train-iters": 1}).curve()))

    def test_data_goes_on_where_it_stopped_when_the_batch_changes(self):
        root, _ = self.whole()
        job = self.run_job({"load": root, "ckpt-step": 7, "global-batch-size": 16, "train-iters": 9, "save": root})
        self.assertEqual(["72", "88"], [line.split("consumed samples:")[1].split()[0] for line in job.lines()])
        # A step that changes nothing shows by its loss which samples it read: 56 to 71, as seven steps of 8 left it.
        still = {"lr": 1e-30, "min-lr": 0, "weight-decay": 0}
        root, _ = self.whole(**still, **{"train-iters": 7})
        batch = self.run_job({"load": root, "ckpt-step": 7, "global-batch-size": 16, "train-iters": 8, **still})
        apart = self.run_job({"load": root, "ckpt-step": 7, "train-iters": 9, **still}).curve()
        self.assertAlmostEqual((apart[8] + apart[9]) / 2, batch.curve()[8], delta=2e-6)
        self.assertGreater(abs(apart[8] - apart[9]), 1e-4)

    def test_training_goes_on_while_a_checkpoint_is_written(self):
        root, mark = self.fresh(), self.fresh() / "release"

        def hold_the_first_save(_):
            write, held = Saver._write_part, []

            def slow(saver, directory, state):
                if not held:
                    held.append(1)
                    until(mark.exists, "steps after the save")
                write(saver, directory, state)

            Saver._write_part = slow

        job = self.job({"save": root, "save-interval": 4}, 1, hold_the_first_save)
        until(lambda: 7 in job.curve(), "steps 5 to 7 while step 4 is being saved")
        self.assertEqual(0, latest(root))
        mark.touch()
        self.assertEqual([0], job.wait())
        self.assertEqual({4, 8, 12, 14}, {int(path.name[5:]) for path in root.iterdir()})
        # What was saved is step 4, not what the weights had become.
        again = self.run_job({"load": root, "ckpt-step": 4})
        self.assertEqual({step: loss for step, loss in job.curve().items() if step > 4}, again.curve())

    def test_a_checkpoint_of_another_model_or_layout_is_refused_by_name(self):
        root, _ = self.whole(**{"train-iters": 7})
        for changes, ranks, reason in (
                ({"num-attention-heads": 8}, 1, "--num-attention-heads 4, here 8"),
                ({"tensor-model-parallel-size": 2}, 2, "saved with tensor 1 x pipeline 1, this run has 2 x 1"),
                ({"ckpt-step": 6}, 1, "iter_0000006")):
            with self.subTest(changes=changes):
                job = self.job({"load": root, "ckpt-step": 7, **changes}, ranks)
                self.assertEqual([3] * ranks, job.wait())
                self.assertIn(reason, job.text("err"))
                self.assertNotIn("Traceback", job.text("err"))

    def test_a_flipped_bit_ends_the_start_with_a_clear_message(self):
        root, _ = self.whole(**{"train-iters": 7})
        path = next(directory_of(root, 7).glob("weights-*"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        job = self.job({"load": root, "ckpt-step": 7})
        self.assertEqual([3], job.wait())
        self.assertEqual(f"longhaul_trainer: {path} does not have the checksum of its manifest\n", job.text("err"))


class Drained(TrainerCase):
    def drain(self, ranks, told, **changes):
        root = self.fresh()
        job = self.job({"train-iters": 100000, "lr-decay-iters": 14, "save": root, **changes}, ranks)
        until(lambda: 3 in job.curve(), "a few steps")
        for rank in told:
            os.kill(job.pids[rank], signal.SIGTERM)
        self.assertEqual([143] * ranks, job.wait(), job.text("err"))
        return root, job

    def test_sigterm_to_one_rank_saves_on_all_and_the_run_goes_on_from_there(self):
        root, job = self.drain(2, [1], **{"use-distributed-optimizer": True})
        last = max(job.curve())
        self.assertEqual(last, latest(root))
        self.assertIsNone(verify_checkpoint(directory_of(root, last)))
        changes = {"train-iters": last + 3, "lr-decay-iters": 14, "use-distributed-optimizer": True}
        rest = self.run_job({"load": root, **changes}, 2).curve()
        whole = self.run_job(changes, 2).curve()
        self.assertEqual({step: loss for step, loss in whole.items() if step > last}, rest)

    def test_sigterm_to_all_ranks_saves_once(self):
        root, job = self.drain(2, [0, 1], **{"pipeline-model-parallel-size": 2})
        self.assertEqual([max(job.curve())], [int(path.name[5:]) for path in root.iterdir()])
        self.assertEqual(1, sum(entry["kind"] == "checkpoint" for rank in (0, 1) for entry in job.report(rank)))

    def test_sigterm_on_the_last_step_is_a_completed_run(self):
        def send_at_the_end(_):
            from longhaul_trainer.train import Trainer
            step = Trainer._train_step

            def last(trainer):
                if trainer.step == 14:
                    os.kill(os.getpid(), signal.SIGTERM)
                step(trainer)

            Trainer._train_step = last

        root = self.fresh()
        self.run_job({"save": root}, 1, send_at_the_end)
        self.assertEqual(14, latest(root))
