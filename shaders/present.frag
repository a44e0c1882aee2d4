// present.frag: the last pass: draws the canvas as the camera sees it now, dims it, dithers it and turns it upright.
// Define SHRINKING where the canvas has more pixels than the output, or SHARP for Catmull-Rom, else bilinear.
//
// Reads:  the canvas
// Writes: sRGB-coded colours, 0..1, for 8 bits per channel; alpha is the share
//
// Uniforms (and those of motion.glsl and tone.glsl):
//   source     [RGBA16F texture] the canvas or a part of it, row 0 at the top
//   canvas_size  [px] width and height of the canvas
//   corner     [px] the top left of the part that the source holds
//   middle     [pixels] where the canvas's middle is in the output, from its top left
//   origin     [pixels] where the canvas begins in the output: all tiles of a wall have one dither
//   axes       [texels per pixel] map from pixels of the output, from that middle, to the canvas, y up
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
uniform vec2 canvas_size;
uniform vec2 corner;
uniform vec2 middle;
uniform ivec2 origin;
uniform mat2 axes;
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
    vec2 home = folded(axes * (vec2(pixel) + 0.5 - middle), canvas_size);
    vec2 place = origin_of(home, canvas_size);
#ifdef SHRINKING
    vec2 across = vec2(cover, 0.0) / float(taps);
    vec3 value = boxed(source, place, canvas_size, corner, across, across.yx, taps);
#elif defined(SHARP)
    vec3 value = cubic(source, mirrored_near(place, canvas_size) - corner, size);
#else
    vec3 value = bilinear(source, mirrored_near(place, canvas_size) - corner, size);
#endif
    value = clamp(shouldered(toned(value)), 0.0, 1.0);
    shown = vec4(dithered(value * master, pixel - origin, frame), share);
}
