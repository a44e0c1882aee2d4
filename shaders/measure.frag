// measure.frag: takes samples of the picture, for its mean and its contrast.
//
// Reads:  the canvas
// Writes: red: the mean of 16 samples and their channels, green: the mean of their squares, both over all 16; blue: the
//         share of samples that were counted
//
// Uniforms (and those of tone.glsl):
//   source   [RGBA16F texture] the canvas, or a part of it
//   canvas_size  [px] width and height of the canvas
//   corner   [px] the top left of the part that the source holds
//   tile     [px] left, top, right and bottom of what is counted
//   cells    [px] width and height of the framebuffer
//   shift    [0..1] where in its part of the canvas each sample lies
#version 330 core
#include "effects.glsl"
#include "tone.glsl"

uniform sampler2D source;
uniform vec2 canvas_size;
uniform vec2 corner;
uniform vec4 tile;
uniform vec2 cells;
uniform vec2 shift;

out vec4 measured;

void main() {
    vec3 sums = vec3(0.0);
    for (int i = 0; i < 16; ++i) {
        vec2 within = (vec2(float(i & 3), float(i >> 2)) + shift) / 4.0;
        vec2 place = floor(min((floor(gl_FragCoord.xy) + within) / cells * canvas_size, canvas_size - 1.0));
        if (any(lessThan(place, tile.xy)) || any(greaterThanEqual(place, tile.zw))) continue;
        vec3 value = toned(texelFetch(source, ivec2(place - corner), 0).rgb);
        sums += vec3(dot(value, vec3(1.0)), dot(value, value), 3.0);
    }
    measured = vec4(sums / 48.0, 1.0);
}
