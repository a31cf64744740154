# The five commands a contributor types.
.PHONY: setup check test ci demo

setup:  ## installs this checkout with what the tests need
	pip install -e '.[test]'

check:  ## style, types, direction of imports
	ruff check .
	ruff format --check .
	mypy voxjax scripts
	python -m pytest -q -n 0 tests/test_imports.py

test:  ## all tests
	python -m pytest

ci:  ## everything that must hold for a commit
	.ci/run

demo:  ## trains on the built-in demo corpus, about two minutes
	python scripts/train.py
