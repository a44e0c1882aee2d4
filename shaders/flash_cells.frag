// flash_cells.frag: counts what would change in each cell of the picture if the next frame were shown.
//
// Reads:  samples of the next frame, and the state of the places that are watched
// Writes: first: shares of the cell's places that would rise and fall in this frame; blue: of those that changed within
//         a tenth of a second, how many more rose than fell; alpha: of those that go further where they went by a
//         leap. Second: the same without the limit
//
// Uniforms:
//   source   [RGBA8 texture] samples of the next frame, sRGB-coded, row 0 at the top
//   shown  [RGBA32F texture] see flash_places.frag
//   tracks  [RGBA32F texture] see flash_places.frag
//   wanted  [RGBA32F texture] see flash_places.frag
//   ages  [RGBA32F texture] see flash_places.frag
//   limits   [RGBA32F texture] see flash_limits.frag
//   cells    [count] columns and rows of cells
//   dt       [s] since the last frame
#version 330 core
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D shown;
uniform sampler2D tracks;
uniform sampler2D wanted;
uniform sampler2D ages;
uniform sampler2D limits;
uniform ivec2 cells;
uniform float dt;

layout(location = 0) out vec4 changes;
layout(location = 1) out vec4 wishes;

const float LEAP = 0.03;

// Whether the place rises, whether it falls, where it went lately: -1..1, and whether it goes on.
vec4 changed(vec3 light, vec4 track, vec2 age) {
    float bright = light_turn(track.xy, luminance(light));
    float red = red_turn(track.zw, redness(light), is_saturated(light));
    vec2 recent = step(age + dt, vec2(TOGETHER_S)) * sign(track.yw);
    recent = vec2(bright != 0.0 ? bright : recent.x, red != 0.0 ? red : recent.y);
    bool leaps = bright == 0.0 && (luminance(light) - track.x) * track.y >= LEAP;
    return vec4(max(bright, red) > 0.0, min(bright, red) < 0.0, clamp(recent.x + recent.y, -1.0, 1.0), leaps);
}

void main() {
    ivec2 places = textureSize(shown, 0);
    vec2 samples = vec2(textureSize(source, 0));
    ivec2 count = places / cells, first = ivec2(gl_FragCoord.xy) * count;
    changes = wishes = vec4(0.0);
    for (int row = 0; row < count.y; ++row)
        for (int column = 0; column < count.x; ++column) {
            ivec2 place = first + ivec2(column, row);
            vec2 at = (vec2(place) + 0.5) / vec2(places);
            vec3 next = linear_light(texelFetch(source, ivec2(at * samples), 0).rgb);
            vec4 before = texelFetch(shown, place, 0), age = texelFetch(ages, place, 0);
            wishes += changed(next, texelFetch(wanted, place, 0), age.yz);
            next = mix(before.rgb, next, opened(textureLod(limits, at, 0.0).y, dt));
            changes += changed(next, texelFetch(tracks, place, 0), vec2(before.a, age.x));
        }
    changes /= float(count.x * count.y);
    wishes /= float(count.x * count.y);
}
