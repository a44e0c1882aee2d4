"""The commands that look for filters: `find` by a picture, `atlas` for thumbnails of all."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial

from liveflight import networks
from liveflight.cli import listings


def find(args: argparse.Namespace) -> list[str]:
    """List the filters that answer to a picture most. Return the options that fly the first."""
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
    """Make a thumbnail of every living filter of a network, or go on with it; the exit code."""
    from liveflight import engines
    from liveflight.cli import console
    from liveflight.networks.atlas import maker as making

    known = networks.network(args.name)
    known.sorted(args.layers)  # a wrong name is found now, not after the engine is up
    folder = making.place(known.name, args.out)
    if making.outdated(folder):
        print(f"the atlas in {folder} was made by an earlier recipe: it is made again")
    reached = "nothing is made yet"
    try:
        engine = engines.load(args.engine, args.device, repeatable=True)
        with closing(engine), console.named() as count:

            def progress(layer: str, done: int, total: int) -> None:
                nonlocal reached
                reached = (
                    f"{done} of {total} are made and kept: the same command goes on from there"
                )
                count(layer, done, total)

            engine.prepare(known.name, partial(console.Downloads(), known.name))
            making.make(engine, known.name, folder, args.layers, progress)
    except KeyboardInterrupt:
        print(f"stopped: {reached}")
        return 130
    print(making.summary(folder))
    return 0
