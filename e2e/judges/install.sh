#!/usr/bin/env bash
# install.sh PYTHON DIR: a virtual environment in DIR with requirements.txt and PYTHON's own PyTorch; does nothing if it is there.
set -euo pipefail
python=$1 dir=$2 here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
if cmp -s "$here/requirements.txt" "$dir/installed.txt"; then exit 0; fi
rm -rf "$dir"
"$python" -m venv "$dir"
# DeepSpeed builds nothing without a GPU; --no-deps keeps a second PyTorch of gigabytes away.
DS_BUILD_OPS=0 "$dir/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$here/requirements.txt"
"$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent.parent)' \
  >"$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch-of-the-trainer.pth"
cp "$here/requirements.txt" "$dir/installed.txt"
