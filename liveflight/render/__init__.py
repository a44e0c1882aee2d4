"""What happens on the GPU: the feedback loop, the way to the screen, to the engine and back.

Everything here is given a `moderngl.Context` and owns what it makes with it: moderngl frees nothing
by itself, so every class has `release()`.
"""
