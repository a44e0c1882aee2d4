// present.frag: the last pass: scales the canvas along its columns, dims it, dithers it and turns it upright.
//
// Reads:  the canvas, already scaled along its rows
// Writes: sRGB-coded colours, 0..1, for 8 bits per channel; alpha 1
//
// Uniforms:
//   source     [texture, 0..1] the canvas at the output's width, row 0 at the top
//   left       [pixels, 0 and more] the output's column that shows the source's first one
//   offset     [pixels, any] the output's row, from the top, where the source begins
//   scale      [texels per pixel, above 0] distance of two rows of the output in the source
//   height     [pixels, 1 and more] of the output
//   bottom_up  [true or false] row 0 of the framebuffer is the bottom of the picture
//   master     [0..1] brightness
//   frame      [count, any] seed of the dither
#version 330 core
#include "common.glsl"
#include "resample.glsl"

uniform sampler2D source;
uniform int left;
uniform float offset;
uniform float scale;
uniform int height;
uniform bool bottom_up;
uniform float master;
uniform uint frame;

out vec4 shown;

// Triangular noise with the width that 8-bit rounding needs. It fades out at 0 and 1, so black and white stay pure.
vec3 dithered(vec3 value, ivec2 pixel) {
    uvec3 noise = random_bits(uvec3(uvec2(pixel), frame));
    vec3 triangle = (vec3(noise & 0xFFFFu) - vec3(noise >> 16u)) / 65536.0;
    vec3 room = clamp(255.0 * min(value, 1.0 - value), 0.0, 1.0);
    return value + triangle * room / 255.0;
}

void main() {
    ivec2 pixel = seen_at(height, bottom_up);
    vec2 place = vec2(float(pixel.x - left) + 0.5, (float(pixel.y) + 0.5 - offset) * scale);
    vec3 value = clamp(resampled(source, place, 1, scale), 0.0, 1.0);
    shown = vec4(dithered(value * master, pixel), 1.0);
}
