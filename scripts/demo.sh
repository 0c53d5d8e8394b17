#!/bin/sh
# Render the default project into a fresh folder, run its `make demo`, and remove the folder.
# `make demo` sets UV, PYTHON (both as paths) and KEEP.
set -eu

keep=${KEEP:-0}
template=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/trinity-demo.XXXXXX")

finish() {
    status=$?
    trap - EXIT
    case "$keep" in
        0) rm -rf "$folder"; echo "Removed the project again; make demo KEEP=1 keeps it." ;;
        *) echo "The project is in $folder/trinity" ;;
    esac
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "Rendering the default project into $folder/trinity ..."
# Not the user's configuration: its defaults would change the project, and its replay file would be overwritten.
printf 'replay_dir: "%s/replay"\n' "$folder" > "$folder/cookiecutter.yaml"
"$UV" run --quiet --isolated --project "$template" --only-group render --python "$PYTHON" \
    cookiecutter --no-input --config-file "$folder/cookiecutter.yaml" --output-dir "$folder" "$template" \
    > "$folder/rendering.log" 2>&1 || { cat "$folder/rendering.log"; exit 1; }

# The project's own make: not a part of this one.
unset MAKEFLAGS MFLAGS MAKELEVEL KEEP
PATH=$(dirname -- "$UV"):$PATH make --no-print-directory -C "$folder/trinity" PYTHON="$PYTHON" demo
