"""Reports of runs and corpora: HTML pages, plots and tables."""
