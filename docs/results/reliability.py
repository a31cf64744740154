"""The table of campaigns in docs/damage.md, of the figures in docs/results/reliability.json.

python docs/results/reliability.py
"""

import json
import pathlib

from voxjax.benchmarks.soak.watched import FAULTS

RESULTS = pathlib.Path(__file__).resolve().parent


def _counts(counts):
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count)


def kills(found):
    trials = f"{sum(found['kills'].values())} × `kill -9` ({_counts(found['kills'])})"
    return trials, f"{found['lost']} results lost, {found['temporary_files_left']} temporary files left"


def locks(found):
    refused = found["one_refused_and_the_results_those_of_one_alone"]
    end = f"{refused} refused, {found['one_after_the_other']} after the first had ended, {found['other']} other"
    return f"{found['pairs']} pairs of commands in one folder", end


def signals(found):
    codes = ", ".join(
        f"{name} {' + '.join(f'{count} × {code}' for code, count in sorted(ends.items()))}"
        for name, ends in found["exit_codes"].items()
    )
    other, lost = found["other_exit_codes_or_further_lines"], found["lost"]
    return f"{found['signals']} signals", f"exit codes: {codes}; {other} other ends, {lost} results lost"


def disk(found):
    ends = "; ".join(f"{way}: {_counts(ends)}" for way, ends in found["ends"].items())
    return f"{found['trials']} full, read-only and removed disks", f"{ends}; {found['other_ends_or_losses']} lost"


def damages(found):
    good = _counts({name: found[name] for name in ("refused", "rebuilt", "fell_back", "equal")})
    return f"{found['damages']:,} damages", f"{found['accepted']} accepted, {found['uncaught']} uncaught; {good}"


def determinism(found):
    same = found["same_command"]
    return f"{same['runs']} further runs of one command", f"{same['equal_to_the_first']} equal to the first to the bit"


def changed(kind):
    def row(found):
        faults = sum(found[name] for name in FAULTS)
        most = f"longest {found['longest_s']} s, most memory {found['most_memory_mb']} MB"
        return f"{found['n']:,} changed {kind}", f"{faults} faults; {found['refused']:,} refused; {most}"

    return row


def mutation(found):
    low, high = found["score_ci"]
    end = f"{100 * found['score']:.1f} % found by the tests ({100 * low:.1f} to {100 * high:.1f})"
    return f"{found['run']} of {found['mutants']:,} mutants of the code", end


ROWS = {
    "kills": kills,
    "signals": signals,
    "locks": locks,
    "disk": disk,
    "damages": damages,
    "determinism": determinism,
    "models": changed("models"),
    "sounds": changed("sound files"),
    "mutation": mutation,
}


def table(parts):
    """The lines of the table."""
    lines = ["| campaign | tried | came out |", "|---|---|---|"]
    for name, row in ROWS.items():
        tried, came_out = row(parts[name])
        lines.append(f"| `{name}` | {tried} | {came_out} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(json.loads((RESULTS / "reliability.json").read_text()))))
