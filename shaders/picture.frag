// picture.frag: draws a picture over the framebuffer, pixel for pixel.
//
// Reads:  the picture
// Writes: its colour: blend with (source alpha, one minus source alpha)
//
// Uniforms:
//   picture    [RGBA8 texture, 0..1] colour and cover; row 0 at the top
//   corner     [pixels] the picture's top left in the output, from the output's top left
//   height     [pixels, 1 and more] of the output
//   bottom_up  [true or false] row 0 of the framebuffer is the bottom of the picture
#version 330 core
#include "common.glsl"

uniform sampler2D picture;
uniform ivec2 corner;
uniform int height;
uniform bool bottom_up;

out vec4 laid;

void main() {
    laid = texelFetch(picture, seen_at(height, bottom_up) - corner, 0);
}
