"""Campaigns of damage: thousands of changed files, each read in a process that is watched."""
