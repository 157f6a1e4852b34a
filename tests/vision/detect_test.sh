#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# detect_test.sh SACCADE MODEL PHOTO: `saccade detect` as a user calls it: what it writes, what it says, how it exits.
# Exits 77 (skipped) where the model or the photo is absent.
set -u
saccade=$1 model=$2 photo=$3
[ -f "$model" ] && [ -f "$photo" ] || { echo "skipped: '$model' or '$photo' is absent"; exit 77; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
failed=0
# expect CODE WORDS ARGUMENTS…: runs detect; both streams must hold the words.
expect() {
  local code=$1 words=$2; shift 2
  local said; said=$("$saccade" detect "$@" 2>&1); local got=$?
  if [ $got -ne "$code" ] || ! grep -qF -- "$words" <<<"$said"; then
    echo "FAILED: detect $*"; echo "  exit $got, expected $code with '$words'; said:"; echo "$said"; failed=1
  fi
}
check() { "$@" || { echo "FAILED: $*"; failed=1; }; }

mkdir -p "$work/in/sub"
cp "$photo" "$work/in/a.jpg"; cp "$photo" "$work/in/sub/a.jpg"
expect 0 'detections on 2 pictures' "$model" -i "$work/in" -o "$work/out" --jsonl "$work/r.jsonl" --coco "$work/r.json" --yolo-txt "$work/yolo"
for file in out/a.jpg out/sub/a.jpg yolo/a.txt yolo/sub/a.txt r.json r.jsonl; do check test -s "$work/$file"; done
check test "$(wc -l <"$work/r.jsonl")" -eq 2
head -c 2000 "$photo" >"$work/in/cut.jpg"
expect 1 'cut.jpg' "$model" -i "$work/in" --no-draw --jsonl "$work/r2.jsonl"
check test "$(wc -l <"$work/r2.jsonl")" -eq 2
expect 0 'nothing' "$model" -i "$photo" --conf 1
expect 0 '"pictures": 1' "$model" -i "$photo" --no-draw --json -
expect 1 'cannot be' "$model" -i "$photo" -o /proc/saccade/out.jpg
expect 1 'does not exist' "$model" -i "$work/none.jpg"
expect 2 'would be overwritten' "$model" -i "$work/in/a.jpg" -o "$work/in/a.jpg"
expect 2 '--input' "$model"
expect 2 'top-left' "$model" -i "$photo" --letterbox middle
expect 2 'no class' "$model" -i "$photo" --classes unicorn
expect 3 'does not fit' "$model" -i "$photo" --decoder yunet
expect 1 'there is no decoder' "$model" -i "$photo" --decoder yolo9000
expect 0 'saccade detect: warning: ' "$model" -i "$photo" --cache-dir "$model"
expect 0 'Example' --help
check test -z "$(find "$work" -name '.*part*')"
exit $failed
