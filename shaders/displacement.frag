// displacement.frag: computes how far the effects move each place, on a coarse grid: they are smooth.
//
// effects.glsl is put together from the files in effects/ (see render/warp.py), with their uniforms.
//
// Reads:  nothing
// Writes: red, green: the displacement in picture heights, to the right and up
//
// Uniforms:
//   cells    [px] width and height of the framebuffer
//   aspect   [1] width / height of the canvas
#version 330 core
#include "effects.glsl"

uniform vec2 cells;
uniform float aspect;

out vec4 displacement;

const float HEIGHT = 1024.0;  // px: effects measure in pixels

void main() {
    vec2 place = (gl_FragCoord.xy / cells - 0.5) * vec2(aspect, -1.0) * HEIGHT;
    displacement = vec4((displaced(place, HEIGHT) - place) / HEIGHT, 0.0, 1.0);
}
