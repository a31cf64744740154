"""The frame and the look of `report.html`."""

import string

# The policy keeps a browser from fetching anything, whatever a label or a note may hold.
PAGE = string.Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>$body</main>
</body>
</html>
""")

CSS = """
:root { --ink: #1c2733; --muted: #5d6975; --line: #e1e6eb; --blue: #2266c4; --pale: #e8f0fb; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f8; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 14px; }
section { background: white; border: 1px solid var(--line); border-radius: 10px;
  padding: 22px 26px; margin-top: 20px; }
.warning { background: #fff4e0; border: 1px solid #e9b04d; border-left-width: 6px;
  border-radius: 8px; padding: 12px 16px; margin: 0 0 14px; font-weight: 600; }
.cards { display: grid; grid-template-columns: 2fr 1fr 1fr 1fr; gap: 14px; }
.card { background: white; border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; }
.card b { display: block; font-weight: 600; font-size: .85rem; color: var(--muted); }
.card strong { display: block; font-size: 1.6rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
.card small { display: block; color: var(--muted); line-height: 1.35; }
.lead { border: 2px solid var(--blue); }
.lead strong { font-size: 2.9rem; line-height: 1.2; color: var(--blue); }
.scale { position: relative; height: 8px; margin: 8px 0 10px; border-radius: 4px;
  background: var(--line); }
.scale i { position: absolute; top: 0; height: 100%; }
.scale .range { background: #8fb3e8; border-radius: 4px; min-width: 2px; }
.scale .point { width: 4px; margin-left: -2px; top: -4px; height: 16px;
  border-radius: 2px; background: var(--blue); }
.scale .chance { width: 2px; margin-left: -1px; background: var(--muted); }
dl { display: grid; margin: 0; gap: 6px 18px; }
dl.facts { grid-template-columns: max-content 1fr; }
dl.config { grid-template-columns: minmax(12ch, max-content) 1fr; gap: 2px 18px;
  font: .85rem/1.45 ui-monospace, monospace; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 0 0 18px;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { color: var(--muted); font-weight: 600; font-size: .85rem; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere;
  min-width: 9ch; }
.bar { display: inline-block; width: 90px; height: 9px; margin-right: 10px; border-radius: 3px;
  background: var(--pale); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--blue); }
figure { margin: 8px 0 0; text-align: center; }
.beside { display: grid; gap: 24px; }
.wide { grid-template-columns: 3fr 2fr; align-items: center; }
.halves { grid-template-columns: 1fr 1fr; gap: 40px; }
img { max-width: 100%; height: auto; }
figcaption { color: var(--muted); font-size: .9rem; }
p { margin: 0 0 10px; overflow-wrap: anywhere; white-space: pre-line; }
@media (max-width: 800px) { .cards, .wide, .halves { grid-template-columns: 1fr; }
  .bar { display: none; } section { padding: 18px 14px; } }
@media print { body { background: white; } section { break-inside: avoid; } }
"""
