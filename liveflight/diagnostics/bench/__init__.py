"""Measure the speed of liveflight on this machine, for `liveflight bench`.

Each module measures one topic. `suite` runs the topics in order, each in a process of its own
(`liveflight.system.child_process`), so that nothing one of them has loaded affects another, and a
crash costs one table. A topic has a `measure(given)` that runs in that process and returns every
raw figure, and a `tables(raw)` that makes them readable. `figures`, `flops` and `tables` are pure.
Nothing here prints.
"""
