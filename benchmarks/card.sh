#!/bin/bash
# What one NVIDIA card shows in fifteen minutes, in two parts (docs/performance.md says what each part answers):
#   bash benchmarks/card.sh 1           whether the numbers are right, one whole run, and what the card gives
#   bash benchmarks/card.sh 2           the paper's five networks in one sweep, and what a step costs
#   TINY=1 bash benchmarks/card.sh 1    the same steps in small, on a CPU; and 2
# Each step may take so long and no longer, and so may the part. A step that fails stops no other; the script
# then exits 1. Change by environment variables:
#   PYTHON  the interpreter                          python3
#   WORK    runs, caches and packages go there       ${TMPDIR:-/tmp}/livergrade-card
#   OUT     logs, figures as JSON, runs as archives  $WORK/out
#   LIMIT   seconds that the part may take           400
#   MODELS  the networks                             the paper's five
#   EPOCHS, BATCH   of the sweep                     3, 128
#   CASES   whose steps are timed                    those of benchmarks/card.py steps
# Without a network: packages are taken from .gpu/whl/*.whl and the embedded cohort from .gpu/cache, if they exist.
set -u
cd "$(dirname "$0")/.." || exit
part=${1:-}
[[ $part == [12] ]] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }

PYTHON=${PYTHON:-python3}
WORK=${WORK:-${TMPDIR:-/tmp}/livergrade-card}
OUT=${OUT:-$WORK/out}
export LIVERGRADE_OUTPUTS=$WORK/outputs LIVERGRADE_CACHE=${LIVERGRADE_CACHE:-$WORK/cache}
export PYTHONPATH=$WORK/site:$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

if [[ ${TINY:-0} == 1 ]]; then
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # threads that wait for a busy processor cost more than they give
  slower=10 LIMIT=${LIMIT:-3600} MODELS=${MODELS:-resnet50,senet} EPOCHS=${EPOCHS:-2} BATCH=${BATCH:-8}
  CASES=${CASES:-resnet50:4}
  run=(trainer=cpu trainer.limit_batches=2 trainer.map_patients=1 data.image_size=32 data.synthetic.scale=0.05)
  run+=(augment.test_views=upright)
  card=(--tiny --device cpu) repeat=(--tiny) REPEATED=${MODELS##*,}
  bench=(--device cpu --models "${MODELS##*,}" --size 32 --batch 4 --steps 2 --epochs 1 --matrix 128 --scale 0.05)
else
  slower=1 LIMIT=${LIMIT:-400} EPOCHS=${EPOCHS:-3} BATCH=${BATCH:-128} CASES=${CASES:-}
  MODELS=${MODELS:-vgg16,resnet50,cbam,senet,sknet}
  REPEATED=senet,vgg16,cbam
  run=() card=() repeat=(--lanes 12) bench=(--models "$MODELS" --epochs 1)
fi
whole_run=(trainer.progress=false ${run[@]+"${run[@]}"})

failed=0
step() { # step NAME SECONDS COMMAND...
  local name=$1 limit=$(($2 * slower)) start=$SECONDS code=124
  local left=$((LIMIT - SECONDS))
  shift 2
  echo "## $name"
  if ((left > 0)); then
    timeout --kill-after=10 $((limit < left ? limit : left)) "$@"
    code=$?
  fi
  ((code == 0)) || failed=1
  echo "## $name: exit code $code after $((SECONDS - start)) s"
}

keep() { # keep RUNS: what they wrote, but for what is large
  step "archive of $1" 30 tar czf "$OUT/$1.tgz" -C "$WORK/$1" \
    --exclude='*.ckpt' --exclude=figures --exclude=mistakes .
}

prepare() {
  mkdir -p "$OUT" "$LIVERGRADE_CACHE"
  if compgen -G '.gpu/whl/*.whl' >/dev/null; then
    step packages 60 "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
      --upgrade --target "$WORK/site" .gpu/whl/*.whl
  fi
  if [[ -d .gpu/cache ]]; then
    step cohort 60 cp -ru .gpu/cache/. "$LIVERGRADE_CACHE"
  fi
}

part_1() {
  rm -rf "${WORK:?}/demo" "$WORK/graded"
  if command -v nvidia-smi >/dev/null; then nvidia-smi -L; fi
  step versions 20 "$PYTHON" -c 'if True:
    from importlib.metadata import distributions
    names = ("torch", "lightning", "torchmetrics", "numpy", "opencv", "hydra-core", "timm", "tensorboard")
    found = {str(each.metadata["Name"]).lower(): each.version for each in distributions()}
    print(*(f"{name} {found[name]}" for name in sorted(found) if name.startswith(names)), sep="\n")'
  step views 40 "$PYTHON" benchmarks/card.py views ${card[@]+"${card[@]}"} --json "$OUT/views.json"
  step nets 70 "$PYTHON" benchmarks/card.py nets --models "$MODELS" ${card[@]+"${card[@]}"} --json "$OUT/nets.json"
  step train 90 "$PYTHON" -m livergrade.train model=cbam trainer.max_epochs=3 "${whole_run[@]}" \
    hydra.run.dir="$WORK/demo"
  cohorts=("$LIVERGRADE_CACHE"/synthetic-*)
  step predict 40 "$PYTHON" -m livergrade.predict run="$WORK/demo" "${cohorts[0]}"/images/P00* out="$WORK/graded"
  keep demo
  step repeat 80 "$PYTHON" benchmarks/repeat.py --models "$REPEATED" --kernels deterministic \
    ${repeat[@]+"${repeat[@]}"} --json "$OUT/repeat.json"
  step gpu 230 "$PYTHON" benchmarks/gpu.py "${bench[@]}" --json "$OUT/gpu.json"
}

part_2() {
  rm -rf "${WORK:?}/sweep"
  step sweep 230 "$PYTHON" -m livergrade.train -m model="$MODELS" \
    experiment=paper_patient data.batch_size="$BATCH" trainer.max_epochs="$EPOCHS" \
    "${whole_run[@]}" trainer.map_patients=0 hydra.sweep.dir="$WORK/sweep"
  step epochs 20 "$PYTHON" benchmarks/card.py epochs "$WORK/sweep" --json "$OUT/epochs.json"
  keep sweep
  # shellcheck disable=SC2086 # several words
  step steps 150 "$PYTHON" benchmarks/card.py steps $CASES ${card[@]+"${card[@]}"} --json "$OUT/steps.json"
}

all() {
  prepare
  "part_$part"
  echo "## part $part: $SECONDS s, results in $OUT"
  return $failed
}

mkdir -p "$OUT"
all 2>&1 | tee "$OUT/part_$part.log"
exit "${PIPESTATUS[0]}"
