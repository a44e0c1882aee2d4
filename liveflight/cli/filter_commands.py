"""Run the commands that look for filters: `find` by a picture, `atlas` by thumbnails of all."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial

from liveflight import networks
from liveflight.cli import listings


def find(args: argparse.Namespace) -> list[str]:
    """List the filters that respond most to a picture; return the options that fly the first."""
    from rich.console import Console

    from liveflight import engines
    from liveflight.cli import filter_table
    from liveflight.cli.console import Downloads
    from liveflight.media import image_file
    from liveflight.show import filter_ranking

    shown = image_file.read(args.picture)
    engines.preload()
    found = filter_ranking.find(args.network, shown, args.layers, args.most, Downloads())
    console = Console(highlight=False)
    if filter_table.fits(console):
        for block in filter_table.blocks(found, console.width):
            console.print(block)
    else:
        for line in listings.lines(listings.found(found)):
            print(line)
    first = found[0].target
    options = f"--network {first.network} --layer {first.layer} --filter {first.filter}"
    if args.fly:
        print(f"\nflying {networks.described(first)}, from noise: liveflight {options}", flush=True)
    elif console.is_terminal:
        print(f"\nfly one, from noise: liveflight {options}")
    return options.split()


def atlas(args: argparse.Namespace) -> int:
    """Make or continue the thumbnails of a network's active filters; return the exit code."""
    from liveflight import engines
    from liveflight.cli import console
    from liveflight.networks.atlas import maker

    known = networks.network(args.name)
    known.sorted(args.layers)  # reports a wrong name before the engine starts
    folder = maker.place(known.name, args.out)
    if maker.outdated(folder):
        print(f"the atlas in {folder} was made with other settings: it is made again")
    reached = "nothing is made yet"
    try:
        engine = engines.load(args.engine, args.device, repeatable=True)
        with closing(engine), console.named() as count:

            def progress(layer: str, done: int, total: int) -> None:
                nonlocal reached
                reached = (
                    f"{done} of {total} are made and kept: the same command continues from there"
                )
                count(layer, done, total)

            engine.prepare(known.name, partial(console.Downloads(), known.name))
            maker.make(engine, known.name, folder, args.layers, progress)
    except KeyboardInterrupt:
        print(f"stopped: {reached}")
        return 130
    print(maker.summary(folder))
    return 0
