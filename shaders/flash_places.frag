// flash_places.frag: follows what is shown at each place that is watched.
//
// Reads:  samples of the next frame, how far the picture goes to it, and its own last output
// Writes: the state of a place, in linear light and seconds: shown: colour, and the age of its last transition of
//         luminance; tracks: of its luminance and its red; wanted: the same without the limit; ages: of the last
//         transitions of red, and without the limit of luminance and of red
//
// Uniforms:
//   source   [RGBA8 texture] samples of the next frame, sRGB-coded, row 0 at the top
//   shown  [RGBA32F texture] the last output
//   tracks  [RGBA32F texture] the last output
//   wanted  [RGBA32F texture] the last output
//   ages  [RGBA32F texture] the last output
//   limits   [RGBA32F texture] see flash_limits.frag
//   dt       [s] since the last frame
//   gain     [factor] on the samples' coded values, if the frame has been dimmed since
#version 330 core
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D shown;
uniform sampler2D tracks;
uniform sampler2D wanted;
uniform sampler2D ages;
uniform sampler2D limits;
uniform float dt;
uniform float gain;

layout(location = 0) out vec4 to_shown;
layout(location = 1) out vec4 to_tracks;
layout(location = 2) out vec4 to_wanted;
layout(location = 3) out vec4 to_ages;

// Move a place's tracks to this light, and set the ages of what turns.
vec4 moved(vec3 light, vec4 track, inout float bright_age, inout float red_age) {
    float bright = luminance(light), red = redness(light);
    bool saturated = is_saturated(light);
    float turn = light_turn(track.xy, bright), change = red_turn(track.zw, red, saturated);
    bright_age = turn != 0.0 ? 0.0 : min(bright_age + dt, OLDEST);
    red_age = change != 0.0 ? 0.0 : min(red_age + dt, OLDEST);
    return vec4(followed(track.xy, bright, turn), followed_red(track.zw, red, change, saturated));
}

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    vec2 at = gl_FragCoord.xy / vec2(textureSize(shown, 0));
    vec3 next = texelFetch(source, ivec2(at * vec2(textureSize(source, 0))), 0).rgb;
    next = linear_light(min(gain * next, 1.0));
    to_shown = texelFetch(shown, place, 0);
    to_ages = texelFetch(ages, place, 0);
    to_wanted = moved(next, texelFetch(wanted, place, 0), to_ages.y, to_ages.z);
    to_shown.rgb = mix(to_shown.rgb, next, share_of(textureLod(limits, at, 0.0), dt));
    to_tracks = moved(to_shown.rgb, texelFetch(tracks, place, 0), to_shown.a, to_ages.x);
}
