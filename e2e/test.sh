# Sourced by ./longhaul test: every test of the project, with a line per suite and a total at the end.
need_torch
need_build_tools
"$python" -c 'import ensurepip' 2>/dev/null || (install "Virtual environments for Python" python3-venv) || say "going on without DeepSpeed's own parser"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || install "Chromium" chromium
results=$root/target/tests
rm -rf "$results"; mkdir -p "$results"
failed=()

# suite NAME COMMAND...: runs it, keeps its output, says how it went and how long it took.
suite() {
  local name=$1 from=$SECONDS; shift
  if (cd "$root" && "$@") >"$results/$name.log" 2>&1; then
    say "ok      $name ($((SECONDS - from)) s)$(sed -n "s/^.* skipped ['\"]\(.*\)['\"]$/, skipped: \1/p" "$results/$name.log" | head -1)"
  else
    failed+=("$name"); say "FAILED  $name ($((SECONDS - from)) s)"; tail -n 60 "$results/$name.log" >&2
  fi
}

# From an empty cache this compiles Kubernetes, about 14 CPU minutes.
control_plane() { "$root/e2e/controlplane/build.sh" --with-kueue >"$results/control-plane.path"; }
java_suite() {
  lock_build
  LONGHAUL_CONTROLPLANE_BIN=$(cat "$results/control-plane.path") mvn -B -ntp verify && unpack
}
python_suite() { PYTHONPATH=worker OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 "$python" -m unittest discover -s "worker/tests/$1" -t worker -v; }
faults_suite() { "$python" -m unittest discover -s e2e/faults -p "test_$1.py" -v; }
# The frameworks' own parsers read what the Java suite rendered; what cannot be installed here judges nothing and says so.
judges_suite() {
  local judge=$python
  if e2e/judges/install.sh "$python" "$root/target/judges"; then judge=$root/target/judges/bin/python
  else echo "DeepSpeed could not be installed, see above"; fi
  "$judge" -m unittest discover -s e2e/judges -p 'test_*.py' -v
}
ui_suite() { cd ui && npm run check && npx vitest run; }
browser_suite() {
  (cd e2e && npm ci --no-audit --no-fund)
  rm -rf target/e2e; mkdir -p target/e2e
  local status=0
  ./longhaul demo --keep --port 0 --home target/e2e/home --summary target/e2e/summary.json || status=$?
  local url; url=$(cat target/e2e/home/service.url) || return 1
  node e2e/run.mjs --base-url "$url" --run "$(sed -n 's/.*"run" *: *"\([^"]*\)".*/\1/p' target/e2e/summary.json | head -1)" \
    --screenshots target/e2e/screenshots || status=$?
  kill "$(cat target/e2e/home/service.pid)"
  return $status
}

suite control-plane control_plane
suite java java_suite
suite judges judges_suite
suite python-agent python_suite agent
suite python-trainer python_suite trainer
suite ui ui_suite
suite browser browser_suite
suite environment faults_suite environment
suite killed faults_suite killed
suite hung faults_suite hung

# Counts as each tool reports them: surefire and unittest totals, vitest's and the browser run's summary lines.
"$python" "$root/e2e/count.py" "$results" "$root" "$SECONDS" "${#failed[@]}"
[ ${#failed[@]} = 0 ] || exit 1
exit 0
