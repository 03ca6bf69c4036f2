#!/usr/bin/env bash
# Mutated arguments for a core with sanitizers: fuzz_core.sh [CASES]
# Needs GCC, cmake, ninja, pybind11, cmeel-eigen, and what drtengine itself needs.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
prefix=$(python -c 'import site; print(site.getsitepackages()[0])')
cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1 -fno-var-tracking" \
  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer" -DDRTENGINE_ISA=baseline \
  -DCMAKE_PREFIX_PATH="$prefix" -Dpybind11_DIR="$(python -m pybind11 --cmakedir)" >/dev/null
cmake --build "$build" --parallel "$(env -u OMP_NUM_THREADS nproc)"
mkdir -p "$build/package"
cp -r python/drtengine "$build/package/"
rm -f "$build"/package/drtengine/_core_*.so
cp "$build"/_core_baseline*.so "$build/package/drtengine/"
# Python itself gives back nothing at its end, and NumPy may be asked for more than there is
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so)" \
  PYTHONPATH="$PWD/$build/package" OPENBLAS_NUM_THREADS=1 python tests/fuzz_bindings.py "${1:-20000}"
