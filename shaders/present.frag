// present.frag: the last pass: draws the canvas as the camera sees it now, dims it, dithers it and turns it upright.
// Define SHRINKING where the canvas has more pixels than the output, or SHARP for Catmull-Rom, else bilinear.
//
// Reads:  the canvas
// Writes: sRGB-coded colours, 0..1, for 8 bits per channel; alpha is the share
//
// Uniforms (and those of motion.glsl and tone.glsl):
//   source     [RGBA16F texture] the canvas, row 0 at the top
//   middle     [pixels] where the canvas's middle is in the output, from its top left
//   scale      [texels per pixel, above 0] distance of two pixels of the output in the canvas
//   cover      [texels] side of the square that a pixel averages, if SHRINKING
//   taps       [1 and more] reads per side of that square
//   height     [pixels, 1 and more] of the output
//   bottom_up  [true or false] row 0 of the framebuffer is the bottom of the picture
//   master     [0..1] brightness
//   frame      [count, any] seed of the dither
//   share      [0..1] weight over the framebuffer, or 1: blend with (source alpha, one minus source alpha)
#version 330 core
#include "common.glsl"
#include "sampling.glsl"
#include "effects.glsl"
#include "motion.glsl"
#include "tone.glsl"

uniform sampler2D source;
uniform vec2 middle;
uniform float scale;
uniform float cover;
uniform int taps;
uniform int height;
uniform bool bottom_up;
uniform float master;
uniform uint frame;
uniform float share;

out vec4 shown;

void main() {
    ivec2 pixel = seen_at(height, bottom_up);
    vec2 size = vec2(textureSize(source, 0));
    vec2 home = folded((vec2(pixel) + 0.5 - middle) * vec2(scale, -scale), size);
    vec2 place = origin_of(home, size);
#ifdef SHRINKING
    vec2 across = vec2(cover, 0.0) / float(taps);
    vec3 value = boxed(source, place, size, across, across.yx, taps);
#elif defined(SHARP)
    vec3 value = cubic(source, mirrored_near(place, size), size);
#else
    vec3 value = bilinear(source, mirrored_near(place, size), size);
#endif
    value = clamp(shouldered(toned(value)), 0.0, 1.0);
    shown = vec4(dithered(value * master, pixel, frame), share);
}
