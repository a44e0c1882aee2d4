// hud.frag: draws a panel of text over the framebuffer, pixel for pixel.
//
// Reads:  the panel
// Writes: premultiplied colour: blend with (one, one minus source alpha)
//
// Uniforms:
//   panel      [RGBA8 texture, 0..1] premultiplied colour, and cover; row 0 at the top
//   corner     [pixels, 0 and more] the panel's top left in the output, from the output's top left
//   height     [pixels, 1 and more] of the output
//   bottom_up  [true or false] row 0 of the framebuffer is the bottom of the picture
#version 330 core
#include "common.glsl"

uniform sampler2D panel;
uniform ivec2 corner;
uniform int height;
uniform bool bottom_up;

out vec4 laid;

void main() {
    laid = texelFetch(panel, seen_at(height, bottom_up) - corner, 0);
}
