#!/usr/bin/env bash
# Builds and runs the C++ tests of the core without Python: cpp_tests.sh [SANITIZERS] [ISA;ISA]
# SANITIZERS as for -fsanitize, for example address,undefined or thread.
set -euo pipefail
cd "$(dirname "$0")/.."
sanitize=${1:-}
isa=${2:-baseline}
build="build/cpp-${sanitize:-plain}"
prefix=$(python -c 'import site; print(site.getsitepackages()[0])')
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" -DDRTENGINE_PYTHON=OFF \
  -DDRTENGINE_TESTS=ON -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DDRTENGINE_ISA="$isa" -DDRTENGINE_SANITIZE="$sanitize" >/dev/null
cmake --build "$build" --parallel "$(env -u OMP_NUM_THREADS nproc)"
ctest --test-dir "$build" --output-on-failure
