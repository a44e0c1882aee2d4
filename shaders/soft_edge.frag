// soft_edge.frag: darkens the edges of a tile where another projector shows the same.
//
// Reads:  the factors of the tile's pixels, row 0 at the top
// Writes: the factor: blend with (zero, source colour), and (zero, one) for alpha
//
// Uniforms:
//   source     [R16F texture, 0..1] factors on sRGB-coded levels
//   size       [pixels, 1 and more] width and height of the output
//   bottom_up  [true or false] row 0 of the framebuffer is the bottom of the picture
#version 330 core
#include "common.glsl"

uniform sampler2D source;
uniform ivec2 size;
uniform bool bottom_up;

out vec4 factor;

void main() {
    vec2 place = (vec2(seen_at(size.y, bottom_up)) + 0.5) / vec2(size);
    factor = vec4(textureLod(source, place, 0.0).r);
}
