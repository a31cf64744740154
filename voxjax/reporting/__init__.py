"""Reports: figures as pages, plots and tables."""
