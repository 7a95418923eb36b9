"""megatron-core's own configuration classes judge the arguments that were rendered for drawn plans.

    python3 -m venv DIR && DIR/bin/pip install torch==2.8.0 megatron-core==0.16.1   # gigabytes, so not in every test run
    DIR/bin/python e2e/compat/megatron_core.py [FILE]

FILE is what the Java suite wrote (orchestrator/target/judges/megatron.json: launches for core_v0.16.1). The wheel has
the configuration classes with their checks, not the command line's parser; options become fields by the same names, as
in core_transformer_config_from_args. Prints one line per class and the reasons of refusals; fails if there is one.
"""

import collections
import dataclasses
import json
import pathlib
import sys
import warnings

import torch
import torch.nn.functional
from megatron.core import __version__
from megatron.core.distributed import DistributedDataParallelConfig
from megatron.core.optimizer import OptimizerConfig
from megatron.core.transformer.pipeline_parallel_layer_layout import PipelineParallelLayerLayout
from megatron.core.transformer.transformer_config import TransformerConfig

FILE = pathlib.Path(__file__).parents[2] / "orchestrator/target/judges/megatron.json"
# Options whose field has another name.
FIELDS = {"num_experts": "num_moe_experts", "decoder_first_pipeline_num_layers": "num_layers_in_first_pipeline_stage",
          "decoder_last_pipeline_num_layers": "num_layers_in_last_pipeline_stage", "fp8_format": "fp8",
          "fp4_format": "fp4", "num_virtual_stages_per_pipeline_rank": "virtual_pipeline_model_parallel_size"}
LISTS = ("hierarchical_context_parallel_sizes", "offload_modules", "recompute_modules")
DTYPES = {"fp8": torch.uint8}


def value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def options(words):
    """Fields by name, as the command line would set them."""
    found, name = {}, None
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            name = FIELDS.get(name, name)
            found[name] = True
        else:
            found[name] = value(word) if found[name] is True else [*(
                found[name] if isinstance(found[name], list) else [found[name]]), value(word)]
    for name in LISTS:
        if name in found and not isinstance(found[name], list):
            found[name] = [found[name]]
    found["params_dtype"] = torch.bfloat16 if "bf16" in found else torch.half if "fp16" in found else torch.float
    found["pipeline_dtype"] = found["params_dtype"]
    found["add_bias_linear"] = "disable_bias_linear" not in found
    if "swiglu" in found:
        found["gated_linear_unit"], found["activation_func"] = True, torch.nn.functional.silu
    for name in ("exp_avg_dtype", "exp_avg_sq_dtype"):
        if name in found:
            found[name] = DTYPES[found[name]]
    if "cpu_offloading_num_layers" in found:
        found["cpu_offloading"] = True
    if "pipeline_model_parallel_layout" in found:
        stages = PipelineParallelLayerLayout.get_num_stages_from_str(found["pipeline_model_parallel_layout"])
        chunks = stages // found["pipeline_model_parallel_size"]
        if chunks > 1:
            found["virtual_pipeline_model_parallel_size"] = chunks
    return found


def build(kind, found):
    return kind(**{f.name: found[f.name] for f in dataclasses.fields(kind) if f.init and f.name in found})


def main(path):
    warnings.simplefilter("ignore")
    launches = json.loads(path.read_text())
    reasons = collections.Counter()
    for kind in (TransformerConfig, OptimizerConfig, DistributedDataParallelConfig):
        counts = collections.Counter()
        for launch in launches:
            try:
                build(kind, options(launch["words"]))
                counts["accepted"] += 1
            except Exception as e:
                text = f"{type(e).__name__}: {e}".splitlines()[0]
                # Transformer Engine needs a GPU's compiler; a check of its version cannot be made here.
                kind_of = "not judged" if "'NoneType' and 'Version'" in text else "refused"
                counts[kind_of] += 1
                reasons[f"{kind_of} by {kind.__name__}: {text}"] += 1
        print(f"{kind.__name__}: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    for reason, n in reasons.most_common():
        print(f"  {n:4} {reason}")
    print(f"megatron-core {__version__}, torch {torch.__version__}, {len(launches)} launches")
    return 1 if any(reason.startswith("refused") for reason in reasons) else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE))
