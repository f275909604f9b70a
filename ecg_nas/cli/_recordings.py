"""Commands that take recordings of any format."""

from __future__ import annotations

import click


class RecordingCommand(click.Command):
    """A command whose help ends with the formats that there are, in their own words."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line a format."""
        from data_prep.io import formats

        with formatter.section("Formats of recordings"):
            formatter.write_dl(
                [(name, formats.load(name).description) for name in formats.available()]
            )
        super().format_epilog(ctx, formatter)
