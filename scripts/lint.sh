#!/usr/bin/env bash
# Formatting, types and static analysis. Needs the extra `dev` installed, and the sources of the
# core compiled once or a CMake that can configure them.
set -euo pipefail
cd "$(dirname "$0")/.."

ruff check .
ruff format --check .
mypy

mapfile -t cpp < <(git ls-files 'cpp/*.cpp' 'cpp/*.hpp')
clang-format --dry-run --Werror "${cpp[@]}"

# compile commands for clang-tidy; clang has no GCC LTO flags to choke on in this configuration
build=build/tidy
prefix=$(python -c 'import site; print(site.getsitepackages()[0])')
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DDRTENGINE_ISA=baseline -DCMAKE_UNITY_BUILD=OFF \
  -DCMAKE_PREFIX_PATH="$prefix;$(python -m pybind11 --cmakedir)" -DPython_EXECUTABLE="$(command -v python)" >"$build.log" 2>&1 ||
  { cat "$build.log"; exit 1; }
git ls-files 'cpp/src/*.cpp' 'cpp/bindings/*.cpp' | xargs -P "$(env -u OMP_NUM_THREADS nproc)" -n 3 clang-tidy --quiet -p "$build"
