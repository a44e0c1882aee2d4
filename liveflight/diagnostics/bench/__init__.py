"""How fast liveflight is here: `liveflight bench`. One module measures one topic.

`suite` runs the topics in order, each in a process of its own (`liveflight.system.child_process`), so that nothing
one has loaded slows or feeds another, and a crash costs one table. A topic has a `measure(given)`
that runs in that process and answers with every raw figure, and `tables(raw)` that makes them
readable; `figures`, `flops` and `tables` are pure. Nothing here prints.
"""
