// flash_parts.frag: counts how often parts of about a degree flicker, in whatever order they do.
//
// Reads:  samples of the next frame, and its own last output
// Writes: the state of a part, without the limit: parts: track of its mean luminance; blue: transitions since the
//         quarter of a second began, alpha: time since then. counts: transitions in the four quarters before
//
// Uniforms:
//   source  [RGBA8 texture] samples of the next frame, sRGB-coded, row 0 at the top
//   shown   [RGBA32F texture] see flash_places.frag; only its size is used
//   parts   [RGBA32F texture] the last output
//   counts  [RGBA32F texture] the last output
//   dt      [s] since the last frame
#version 330 core
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D shown;
uniform sampler2D parts;
uniform sampler2D counts;
uniform float dt;

layout(location = 0) out vec4 to_parts;
layout(location = 1) out vec4 to_counts;

const float QUARTER_S = 0.25;

float mean_light() {
    ivec2 places = textureSize(shown, 0), count = places / textureSize(parts, 0);
    ivec2 first = ivec2(gl_FragCoord.xy) * count;
    vec2 samples = vec2(textureSize(source, 0));
    float sum = 0.0;
    for (int row = 0; row < count.y; ++row)
        for (int column = 0; column < count.x; ++column) {
            vec2 at = (vec2(first + ivec2(column, row)) + 0.5) / vec2(places);
            sum += luminance(linear_light(texelFetch(source, ivec2(at * samples), 0).rgb));
        }
    return sum / float(count.x * count.y);
}

void main() {
    ivec2 part = ivec2(gl_FragCoord.xy);
    to_parts = texelFetch(parts, part, 0);
    to_counts = texelFetch(counts, part, 0);
    to_parts.w += min(dt, 6.0 * QUARTER_S);  // after which everything is forgotten
    for (; to_parts.w >= QUARTER_S; to_parts.w -= QUARTER_S) {
        to_counts = vec4(to_parts.z, to_counts.xyz);
        to_parts.z = 0.0;
    }
    float now = mean_light(), turn = light_turn(to_parts.xy, now);
    to_parts.xy = followed(to_parts.xy, now, turn);
    to_parts.z += abs(turn);
}
