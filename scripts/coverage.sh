#!/usr/bin/env bash
# Which lines of both languages the tests reach: coverage.sh [PYTEST ARGUMENTS]
# Builds the core and its own tests with counters, runs both test suites, and prints every line that is missed.
# Needs doctest, cmake, ninja, pybind11, cmeel-eigen, gcovr, coverage, and what the extra `test` asks for.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/coverage
prefix=$(python -c 'import site; print(site.getsitepackages()[0])')
cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 --coverage -fprofile-update=atomic" \
  -DDRTENGINE_ISA=baseline -DDRTENGINE_TESTS=ON -DCMAKE_PREFIX_PATH="$prefix" \
  -Dpybind11_DIR="$(python -m pybind11 --cmakedir)" >/dev/null
cmake --build "$build" --parallel "$(env -u OMP_NUM_THREADS nproc)"
find "$build" -name '*.gcda' -delete

"$build/tests_baseline"
mkdir -p "$build/package"
cp -r python/drtengine "$build/package/"
rm -f "$build"/package/drtengine/_core_*.so
cp "$build"/_core_baseline*.so "$build/package/drtengine/"
export PYTHONPATH="$PWD/$build/package" COVERAGE_FILE="$PWD/$build/python"
rm -f "$COVERAGE_FILE"*
status=0
python -m coverage run -m pytest -q "$@" || status=$? # what fails is seen above; the figures are wanted all the same

python -m coverage combine -q
python -m coverage report
# a line in a loop is run billions of times, and every instance of a template is the same lines
gcovr --root . --object-directory "$build" --exclude-directories '.*/CMakeFiles/[0-9].*' \
  --filter cpp/src/ --filter cpp/include/ --filter cpp/bindings/ --merge-lines --merge-mode-functions merge-use-line-min \
  --exclude-throw-branches --gcov-suspicious-hits-threshold 1000000000000000 --txt - --print-summary
exit "$status"
