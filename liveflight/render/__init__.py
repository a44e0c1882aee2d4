"""Draw on the GPU: the feedback loop, the screen, and transfers to the engine and back.

Every class here is given a `moderngl.Context` and owns what it creates with it. moderngl frees
nothing by itself, so every class has `release()`.
"""
