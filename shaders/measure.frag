// measure.frag: takes samples of the picture, for its mean and its contrast.
//
// Reads:  the canvas
// Writes: red: the mean of 16 samples and their channels, green: the mean of their squares
//
// Uniforms (and those of tone.glsl):
//   source   [RGBA16F texture] the canvas
//   cells    [px] width and height of the framebuffer
//   shift    [0..1] where in its part of the canvas each sample lies
#version 330 core
#include "effects.glsl"
#include "tone.glsl"

uniform sampler2D source;
uniform vec2 cells;
uniform vec2 shift;

out vec4 measured;

void main() {
    vec2 size = vec2(textureSize(source, 0));
    vec2 sums = vec2(0.0);
    for (int i = 0; i < 16; ++i) {
        vec2 within = (vec2(float(i & 3), float(i >> 2)) + shift) / 4.0;
        vec2 place = (floor(gl_FragCoord.xy) + within) / cells * size;
        vec3 value = toned(texelFetch(source, ivec2(min(place, size - 1.0)), 0).rgb);
        sums += vec2(dot(value, vec3(1.0)), dot(value, value));
    }
    measured = vec4(sums / 48.0, 0.0, 1.0);
}
