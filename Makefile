# What there is to do. Each target runs the command it prints; where there is no make, type that
# command (CONTRIBUTING.md lists them).
# make test PYTHON=python3.13    in an environment made for that Python, .venv-3.13, in place of .venv
# make climb ARGS='--seed 1'     with arguments for the command

RUN = python3 tools/env.py $(if $(PYTHON),--python '$(PYTHON)')

# .gpu, which git ignores, may hold packages and MNIST's files, for a machine without a network
GPU = TORCHNN_REALLY_TEST_MNIST=$${TORCHNN_REALLY_TEST_MNIST:-.gpu/mnist} PYTHONPATH=.gpu \
	$(or $(PYTHON),python3) tools/run_pages.py --flags cuda

LESSONS = climb train speed nn scale deeper --except tools/exceptions.txt \
	--env TORCHNN_REALLY_DATA=sample TORCHNN_REALLY_HOME={folder}

help:     ## show these targets
	@sed -n 's/^\([a-z]*\): *## /make \1\t/p' Makefile
climb:    ## climb from raw tensors to a convnet on the sample, proving each step
	$(RUN) -m torchnn_really climb $(ARGS)
test:     ## run every page as a test
	$(RUN) --with dev tools/run_pages.py $(ARGS)
rounding: ## run the pages that compare as on older processors, with one thread and with two
	$(RUN) --with dev tools/rounding.py $(ARGS)
judge: export TORCHNN_REALLY_JUDGE = all
judge:    ## have PyTorch's own databases judge our torch.nn, every sample, and keep the counts
	$(RUN) --with dev tools/run_pages.py checks/37_judge_functional $(ARGS)
	$(RUN) --with dev tools/run_pages.py checks/38_judge_layers $(ARGS)
	$(RUN) --with dev tools/run_pages.py checks/39_judge_optimizers $(ARGS)
	$(RUN) --with dev tools/run_pages.py checks/39_swap $(ARGS)
prepare:  ## before a commit: clean, export, README and CONTRIBUTING, every page's tests, page check
	$(RUN) --with dev tools/sync.py --fix
	$(RUN) --with dev tools/run_pages.py $(ARGS)
	-$(RUN) --with dev tools/run_pages.py --save stale
	$(RUN) --with dev tools/check_pages.py --no-outputs
pages:    ## run every page in order on MNIST and save the outputs that readers see
	$(RUN) --with dev tools/run_pages.py --save $(ARGS)
	$(RUN) --with dev tools/sync.py --fix
check:    ## the linter, the page check, the sync check
	$(RUN) --with dev -m ruff check
	$(RUN) --with dev tools/check_pages.py
	$(RUN) --with dev tools/sync.py
types:    ## check the types of the modules with pyright
	$(RUN) --with dev,types tools/check_types.py
controls: ## the training panel as a page of its own, in a browser
	$(RUN) --with lab -m voila tools/panel.ipynb --show_tracebacks=True $(ARGS)
panel:    ## use the player and the training panel in a real browser, in JupyterLab and in Voilà
	$(RUN) --with dev,docs,lab tools/run_pages.py checks/22_player --flags slow
	$(RUN) --with dev,docs,lab tools/test_panel.py $(ARGS)
docs:     ## build the site into _docs
	$(RUN) --with dev,docs tools/docs.py $(ARGS)
shown:    ## run the lessons' cells that the site shows, and no others, after make docs
	$(RUN) --with dev tools/as_shown.py --jobs 1 --limit 30 $(LESSONS) $(ARGS)
play:     ## turn each lesson's batch size, learning rate, seed and epochs, and run what it shows, after make docs
	$(RUN) --with dev tools/play.py $(LESSONS) $(ARGS)
slides:   ## the pages as a deck of slides, in _docs/slides
	$(RUN) --with dev,docs tools/slides.py $(ARGS)
site:     ## check the site and the slides: links, contents, and every page in a browser
	$(RUN) --with dev,docs tools/run_pages.py site --flags slow
	$(RUN) --with dev,docs tools/check_site.py
	$(RUN) --with dev,docs tools/browse_site.py $(ARGS)
wheel:    ## build the package; with it alone the README's quick start, a page, and the lessons as shown
	$(RUN) --with dev tools/run_pages.py wheel --flags online --timeout 1800 $(ARGS)
hooks:    ## install git hooks: notebooks that merge, quick checks before a commit
	git config core.hooksPath .githooks
	git config merge.nbdev-merge.driver 'sh .githooks/merge %O %A %B %P'
lab:      ## open the pages in JupyterLab
	$(RUN) --with dev,lab -m jupyterlab nbs $(ARGS)
bench:    ## measure what the project says about speed and memory, and eight frameworks at the same work
	$(RUN) --with bench nbs/speed/bench.py $(ARGS)
frameworks: export PYTHONWARNINGS = ignore
frameworks: ## run the page on other frameworks where all of them are installed, and save its outputs
	$(RUN) --with bench,dev tools/run_pages.py --save speed/03_frameworks $(ARGS)
gpu:      ## where there is a GPU: run the cells that need one, and keep what they measure in gpu.json
	$(GPU) train/08_device checks/08_device kit/20_traces kit/21_phases kit/22_profiles
	$(GPU) speed/06_gpu --data mnist
clean:    ## remove the environments and everything built
	git clean -fdXq .venv* *.egg-info .ruff_cache build dist _proc _docs tools/node_modules

.PHONY: help climb test judge prepare pages check types controls panel docs shown play slides site wheel hooks lab bench frameworks gpu clean rounding
