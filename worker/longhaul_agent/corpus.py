"""A text corpus from what is on every machine: the sources of Python's standard library, byte by byte.

`python3 -m longhaul_agent.corpus --out DIR --shards N --shard-bytes B` writes N training shards, one validation
shard and manifest.json with their sizes and SHA-256. The text is cut into pieces of about a sample's length, and these
are shuffled: in the order of the files the loss follows the kind of text, and no law of it holds. The shuffle is the
corpus's, not the trainer's, so that a step's tokens are known by their place. The same Python gives the same bytes.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import sysconfig

SEED = 1
PIECE_BYTES = 128


def source_bytes(needed):
    """`needed` bytes of source text, from the files in alphabetical order, from the start again if they end."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    files = sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)
    text = bytearray()
    while len(text) < needed:
        before = len(text)
        # Neighbours in the alphabet are alike: a stride takes many kinds even where few bytes are needed.
        for start in range(7):
            for path in files[start::7]:
                text += path.read_bytes()
                if len(text) >= needed:
                    return bytes(text[:needed])
        if len(text) == before:
            raise SystemExit(f"no Python sources under {root}: install Python's standard library")
    return bytes(text[:needed])


def shuffled(text, piece_bytes):
    """The same bytes, piece by piece in an order that depends on nothing but their number."""
    pieces = [text[at:at + piece_bytes] for at in range(0, len(text), piece_bytes)]
    random.Random(SEED).shuffle(pieces)
    return b"".join(pieces)


def build(out, shards, shard_bytes, piece_bytes=PIECE_BYTES):
    """Writes the corpus; complete once its manifest is there."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    text = shuffled(source_bytes((shards + 1) * shard_bytes), piece_bytes)

    def write(name, index):
        data = text[index * shard_bytes:(index + 1) * shard_bytes]
        (out / name).write_bytes(data)
        return {"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    manifest = {"validation": write("validation.bin", 0),
                "shards": [write(f"shard-{i:05d}.bin", i + 1) for i in range(shards)]}
    draft = out / "manifest.json.new"
    draft.write_text(json.dumps(manifest, indent=1))
    os.replace(draft, out / "manifest.json")


def main():
    parser = argparse.ArgumentParser(prog="longhaul_agent.corpus", description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--shard-bytes", type=int, default=65536)
    parser.add_argument("--piece-bytes", type=int, default=PIECE_BYTES, help="what is shuffled; best the sequence length")
    options = parser.parse_args()
    if options.shards < 1 or options.shard_bytes < 1024 or options.piece_bytes < 1:
        parser.error("--shards and --piece-bytes must be at least 1 and --shard-bytes at least 1024")
    build(options.out, options.shards, options.shard_bytes, options.piece_bytes)


if __name__ == "__main__":
    main()
