"""`callbackd completion`: what makes a shell complete our commands."""

from __future__ import annotations

from typing import Final

import click

_HELP: Final = """Print the script that makes SHELL complete commands, options and keys.

\b
bash: callbackd completion bash > /etc/bash_completion.d/callbackd
zsh:  callbackd completion zsh > "${fpath[1]}/_callbackd"
fish: callbackd completion fish > ~/.config/fish/completions/callbackd.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and keys."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(context.find_root().command, {}, "callbackd", "_CALLBACKD_COMPLETE").source())
