// flash_show.frag: shows the eased picture where it is limited, or all of it at another size if WHOLE is defined.
//
// Reads:  the eased picture and the limits
// Writes: sRGB-coded colours, dithered
//
// Uniforms:
//   source      [RGBA16F texture] the eased picture, in linear light
//   limits      [RGBA32F texture] see flash_limits.frag
//   corner      [px] of the picture in the framebuffer: left and first row
//   size        [px] width and height of the picture in the framebuffer
//   flipped     [true or false] the framebuffer's rows run against those of the eased picture
//   bottom_up   [true or false] row 0 of the eased picture is the bottom
//   frame       [count, any] seed of the dither
#version 330 core
#include "common.glsl"
#include "flash.glsl"

uniform sampler2D source;
uniform sampler2D limits;
uniform vec2 corner;
uniform vec2 size;
uniform bool flipped;
uniform bool bottom_up;
uniform uint frame;

out vec4 shown;

void main() {
    vec2 at = (gl_FragCoord.xy - corner) / size;
    if (flipped)
        at.y = 1.0 - at.y;
#ifndef WHOLE
    vec3 limit = textureLod(limits, bottom_up ? vec2(at.x, 1.0 - at.y) : at, 0.0).xyz;
    if (min(limit.x, limit.z) >= 1.0)
        discard;
#endif
    shown = vec4(dithered(coded_light(textureLod(source, at, 0.0).rgb), ivec2(gl_FragCoord.xy), frame), 1.0);
}
