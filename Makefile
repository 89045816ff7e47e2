# What a person types. Everything sets up and builds first; a second run does only what is missing.
.PHONY: help demo test test-slow build setup bench check format clean
help:        ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
demo: build  ## SmolLM2-135M-Instruct learns to mask personal data; a report in runs/demo
	build/temper demo --config recipes/demo.yaml
test: build  ## all fast tests
	ctest --test-dir build --output-on-failure -L fast
test-slow: build  ## the long tests: kills, fuzzing, soak
	ctest --test-dir build --output-on-failure -L slow
build: setup ## the program at build/temper, and the tests
	@cmake --preset release > build.log 2>&1 || (cat build.log; rm -f build.log; exit 1); rm -f build.log
	cmake --build --preset release -j 2
setup:       ## packages, libtorch and the demo's model (dev/setup)
	@dev/setup
bench: build ## kernels and whole steps, side by side (PEERS=venv: beside the peers' too)
	cmake --build --preset release -j 2 --target bench_kernels > /dev/null
	tests/bench/run
check:       ## format, layers, sizes
	dev/check
format:      ## clang-format over every source
	git ls-files 'temper/*.h' 'temper/*.cpp' 'tests/*.cpp' | xargs clang-format-14 -i
clean:       ## remove build/ (keeps .deps/ and runs/)
	rm -rf build
