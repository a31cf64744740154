"""Prints a script that completes commands, flags and config names in bash or zsh.

source <(voxjax completion bash)
"""

import importlib
from collections.abc import Sequence

from absl import flags

from voxjax.cli import config_files, entrypoint
from voxjax.cli import main as commands
from voxjax.errors import UsageError, mismatch

SHELLS = ("bash", "zsh")
_BASH = """_voxjax() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} known=
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
        return
    fi
    # Bash splits --config=NAME at the equals sign.
    if [[ $word == "=" && $previous == --config ]]; then word= known="{configs}"; fi
    if [[ $previous == "=" && ${{COMP_WORDS[COMP_CWORD-2]}} == --config ]]; then known="{configs}"; fi
    if [[ -n $known ]]; then COMPREPLY=($(compgen -W "$known" -- "$word") $(compgen -f -- "$word")); return; fi
    [[ $word == -* ]] || {{ COMPREPLY=($(compgen -f -- "$word")); return; }}
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
    COMPREPLY=($(compgen -W "$known --help" -- "$word"))
    [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace 2>/dev/null
}}
complete -o filenames -F _voxjax voxjax
"""


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise UsageError(mismatch("voxjax completion", "bash or zsh", " ".join(arguments), "name one shell"))
    print(script(arguments[0]))


def script(shell: str) -> str:
    """The completion script of a shell; zsh runs the one of bash."""
    cases = "\n".join(f'        {name}) known="{" ".join(known)}" ;;' for name, known in _flags().items())
    text = _BASH.format(commands=" ".join(commands.COMMANDS), configs=" ".join(config_files.names()), cases=cases)
    return text if shell == "bash" else f"autoload -Uz compinit bashcompinit && compinit -u && bashcompinit\n{text}"


def _flags() -> dict[str, list[str]]:
    """The flags of each command. absl has one table for a process, so each command's own are removed again."""
    known = {}
    for name in commands.COMMANDS:
        module = importlib.import_module(f"voxjax.cli.commands.{name}")
        own = [flag for flag in flags.FLAGS.get_key_flags_for_module(module) if flag.name not in ("help", "version")]
        known[name] = sorted(f"--{flag.name}" + ("" if flag.boolean else "=") for flag in own)
        if "run_with_config" in module.run.__code__.co_names:
            known[name].insert(0, "--config=")
        for flag in own:
            if flags.FLAGS.find_module_defining_flag(flag.name) == module.__name__:
                delattr(flags.FLAGS, flag.name)
    return known


def run() -> None:
    """Runs the command on `sys.argv`."""
    entrypoint.run_on(main, "bash|zsh")
